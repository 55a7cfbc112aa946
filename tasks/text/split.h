/* SPDX-License-Identifier: Apache-2.0
 * Pre-tokenizers: how text is cut into the words a model sees one at a time. For this room alone.
 */
#ifndef TASKS_TEXT_SPLIT_H
#define TASKS_TEXT_SPLIT_H

#include <stddef.h>

#include "store/base/status.h"
#include "tasks/text/json_part.h"
#include "tasks/text/pieces.h"

typedef struct wane_splitter {
    struct wane_splitter_step *steps;
    size_t count;
} wane_splitter;

WANE_MUST_CHECK wane_status wane_splitter_read(wane_splitter *out, const wane_json *json,
                                               const wane_json_part *part, wane_error *err);
void wane_splitter_free(wane_splitter *splitter); /* {0} allowed */

/* Cuts every piece of text. */
WANE_MUST_CHECK wane_status wane_splitter_apply(const wane_splitter *splitter, wane_pieces *pieces,
                                                wane_error *err);

#endif
