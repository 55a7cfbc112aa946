/* SPDX-License-Identifier: Apache-2.0
 * What reading data needs of Unicode: white space, and a normal form for comparing texts.
 */
#ifndef TASKS_DATA_WORDS_H
#define TASKS_DATA_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/status.h"
#include "store/base/text.h"

bool wane_is_white_space(int32_t codepoint); /* Unicode's White_Space */

/* Parts between white space, as Python's len(text.split()) but for the control characters U+001C to
 * U+001F, which Unicode does not call white space. The bytes are valid UTF-8. */
size_t wane_count_words(const char *text, size_t bytes);

/* Appends to `out` (cleared first) the NFKC normal form, case-folded, of valid UTF-8, with each run
 * of white space as one space and none at the ends. */
WANE_MUST_CHECK wane_status wane_normalise(wane_text *out, const char *text, size_t bytes,
                                           wane_error *err);

#endif
