/* SPDX-License-Identifier: Apache-2.0
 * Normalizers: Prepend, Replace, the Unicode forms, Lowercase, Strip, StripAccents, ByteLevel, and
 * Sequences of them. For this room alone.
 */
#ifndef TASKS_TEXT_NORMALIZE_H
#define TASKS_TEXT_NORMALIZE_H

#include <stddef.h>

#include "store/base/status.h"
#include "store/base/text.h"
#include "tasks/text/json_part.h"

typedef struct wane_normalizer {
    struct wane_normalizer_step *steps;
    size_t count;
} wane_normalizer;

WANE_MUST_CHECK wane_status wane_normalizer_read(wane_normalizer *out, const wane_json *json,
                                                 const wane_json_part *part, wane_error *err);
void wane_normalizer_free(wane_normalizer *normalizer); /* {0} allowed */

/* Normalises *text in place, with *spare as scratch (the two may change places). *lead is the
 * number of first bytes that come from the input's first character (pieces.h), before and after. */
WANE_MUST_CHECK wane_status wane_normalizer_apply(const wane_normalizer *normalizer,
                                                  wane_text *text, wane_text *spare, size_t *lead,
                                                  wane_error *err);

/* Appends the visible stand-ins of GPT-2's byte alphabet, one code point a byte. */
void wane_bytes_show(wane_text *out, const char *bytes, size_t count);
/* The byte a stand-in means, or -1. */
int wane_bytes_hide(uint32_t code);

#endif
