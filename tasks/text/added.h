/* SPDX-License-Identifier: Apache-2.0
 * Added tokens: texts that are cut out of the input before anything else is done with it. For this
 * room alone.
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
    bool split_special;           /* special tokens are text like any other */
} wane_added;

/* A token from beside the tokenizer.json (extra_tokens.h). */
typedef enum wane_extra_kind {
    WANE_EXTRA_LISTED, /* with its id: its flags count before those of "added_tokens" */
    WANE_EXTRA_OLDER,  /* with its id: left out where "added_tokens" has it */
    WANE_EXTRA_NAMED   /* without an id (-1): left out where "added_tokens" or a list has it */
} wane_extra_kind;
typedef struct wane_extra_token {
    wane_added_token token;
    wane_extra_kind kind;
    bool text_alone;                    /* written as a text, not as an object */
    bool made_special, normalized_open; /* special whatever it says; normalized unless special */
    bool marks_own;                     /* the same text in "added_tokens" is special by it */
    wane_json_part part;                /* where it stands, for messages */
} wane_extra_token;

/* Reads the array "added_tokens" (NULL or null: none), then adds `extra` in order. The ids must be
 * those the library would give: the model's for a token of its vocabulary, else the next free ones
 * above it. *changed: whether they make texts be cut otherwise than by the array alone, special
 * tokens being cut out. */
WANE_MUST_CHECK wane_status wane_added_read(wane_added *out, const wane_json *array,
                                            const wane_extra_token *extra, size_t extra_count,
                                            bool *changed, const wane_vocabulary *vocabulary,
                                            const wane_normalizer *normalizer,
                                            const wane_json_part *part, wane_error *err);
/* The content and flags of a token that is written as an object; `special`: it is, whatever the
 * object says. Other members are not looked at. */
WANE_MUST_CHECK wane_status wane_added_flags(wane_added_token *out, const wane_json *json,
                                             bool special, const wane_json_part *part,
                                             wane_error *err);
void wane_added_free(wane_added *added); /* {0} allowed */

/* Cuts the added tokens out of every piece of text: those matched before normalisation, or those
 * matched after. */
WANE_MUST_CHECK wane_status wane_added_split(const wane_added *added, bool after,
                                             wane_pieces *pieces, wane_error *err);

#endif
