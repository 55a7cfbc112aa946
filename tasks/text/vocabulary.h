/* SPDX-License-Identifier: Apache-2.0
 * A vocabulary: tokens and their ids, each found from the other. For this room alone.
 */
#ifndef TASKS_TEXT_VOCABULARY_H
#define TASKS_TEXT_VOCABULARY_H

#include <stddef.h>
#include <stdint.h>

#include "store/base/memory.h"
#include "store/base/status.h"

enum { WANE_TOKEN_ID_LIMIT = 1 << 22 }; /* ids are below; the table by id is dense */

typedef struct wane_token {
    const char *text; /* NUL-terminated, may hold NUL inside; NULL: no token has this id */
    size_t bytes;
} wane_token;

typedef struct wane_vocabulary {
    wane_token *tokens; /* by id */
    int32_t limit;      /* highest id + 1 */
    size_t count;       /* tokens there are */
    int32_t *slots;     /* open addressing: id, or -1 */
    size_t mask;        /* slots - 1 */
    wane_arena *arena;  /* owns the texts; borrowed */
} wane_vocabulary;

/* An empty vocabulary with room for `count` tokens of ids below `limit` (<= WANE_TOKEN_ID_LIMIT).
 */
WANE_MUST_CHECK wane_status wane_vocabulary_make(wane_vocabulary *out, wane_arena *arena,
                                                 size_t count, int32_t limit, wane_error *err);
void wane_vocabulary_free(wane_vocabulary *vocabulary); /* {0} allowed */

/* Adds a copy. WANE_EEXIST, without a message, when the text or the id is taken or there is no
 * more room: the caller knows what to say. */
WANE_MUST_CHECK wane_status wane_vocabulary_add(wane_vocabulary *vocabulary, const char *text,
                                                size_t bytes, int32_t id, wane_error *err);

/* The id of the text, or -1. */
int32_t wane_vocabulary_find(const wane_vocabulary *vocabulary, const char *text, size_t bytes);

/* The token of an id, or NULL. */
static inline const wane_token *wane_vocabulary_token(const wane_vocabulary *vocabulary, int32_t id)
{
    if (id < 0 || id >= vocabulary->limit || !vocabulary->tokens[id].text) return NULL;
    return vocabulary->tokens + id;
}

#endif
