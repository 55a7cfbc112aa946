/* SPDX-License-Identifier: Apache-2.0
 * Added tokens: texts that are cut out of the input before anything else is done with it.
 */
#ifndef TASKS_TEXT_ADDED_H
#define TASKS_TEXT_ADDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/status.h"
#include "tasks/text/json_part.h"
#include "tasks/text/normalize.h"
#include "tasks/text/pattern.h"
#include "tasks/text/pieces.h"
#include "tasks/text/vocabulary.h"

enum { WANE_ADDED_BYTES = 1024 }; /* the longest added token there may be */

typedef struct wane_added_token {
    const char *text;
    size_t bytes;
    int32_t id;
    bool single_word, lstrip, rstrip, normalized, special;
} wane_added_token;

/* A set of texts to look for, as a tree of bytes. */
typedef struct wane_byte_tree {
    struct wane_byte_node *nodes;
    size_t count, capacity;
    int32_t root[256];
} wane_byte_tree;

typedef struct wane_added {
    wane_added_token *tokens;
    size_t count;
    wane_byte_tree before, after; /* looked for before and after normalisation */
    wane_pattern *word;           /* one word character; made when a token is a single word */
} wane_added;

/* Reads the array "added_tokens" (NULL or null: none). The ids must be those the library would
 * give: the model's for a token of its vocabulary, else the next free ones above it. */
WANE_MUST_CHECK wane_status wane_added_read(wane_added *out, const wane_json *array,
                                            const wane_vocabulary *vocabulary,
                                            const wane_normalizer *normalizer,
                                            const wane_part *part, wane_error *err);
void wane_added_free(wane_added *added); /* {0} allowed */

/* Cuts the added tokens out of every piece of text: those matched before normalisation, or those
 * matched after. */
WANE_MUST_CHECK wane_status wane_added_split(const wane_added *added, bool after,
                                             wane_pieces *pieces, wane_error *err);

#endif
