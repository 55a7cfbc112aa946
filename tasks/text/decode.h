/* SPDX-License-Identifier: Apache-2.0
 * Decoders: from the tokens of a text back to the text. For this room alone.
 */
#ifndef TASKS_TEXT_DECODE_H
#define TASKS_TEXT_DECODE_H

#include <stddef.h>

#include "store/base/status.h"
#include "store/base/text.h"
#include "tasks/text/json_part.h"

typedef struct wane_decoder {
    struct wane_decoder_step *steps;
    size_t count;
    bool given; /* false: tokens are joined by spaces, as the library does without a decoder */
} wane_decoder;

WANE_MUST_CHECK wane_status wane_decoder_read(wane_decoder *out, const wane_json *json,
                                              const wane_json_part *part, wane_error *err);
void wane_decoder_free(wane_decoder *decoder); /* {0} allowed */

/* A list of strings, one behind the other; start with {0}. */
typedef struct wane_strings {
    wane_text text;
    size_t *ends;
    size_t count, capacity;
} wane_strings;
/* Ends a string: what was appended to text since the last end. */
WANE_MUST_CHECK wane_status wane_strings_end(wane_strings *strings, wane_error *err);
void wane_strings_free(wane_strings *strings);

/* Appends the text of the tokens; *tokens is used up. */
WANE_MUST_CHECK wane_status wane_decoder_apply(const wane_decoder *decoder, wane_strings *tokens,
                                               wane_text *out, wane_error *err);

#endif
