/* SPDX-License-Identifier: Apache-2.0
 * The text of one encode on its way to ids: cut into pieces, step by step. For this room alone.
 *
 * A step reads the current pieces and emits new ones, which become current when it ends. Pieces
 * point into `text`; a step that changes text writes it to a spare buffer first.
 */
#ifndef TASKS_TEXT_PIECES_H
#define TASKS_TEXT_PIECES_H

#include <stddef.h>
#include <stdint.h>

#include "store/base/status.h"
#include "store/base/text.h"

typedef struct wane_piece {
    size_t start, bytes;
    /* How many of its first bytes come from the very first character of the input: a piece with
     * none does not begin the text (Metaspace's "first" asks). */
    size_t lead;
    int32_t id; /* an added token, finished; or -1: text */
} wane_piece;

typedef struct wane_pieces {
    const char *text; /* borrowed: the input or a spare buffer */
    wane_piece *items, *next;
    size_t count, capacity, next_count, next_capacity;
    wane_text spare[2];
    int used; /* the spare `text` is in; -1: neither */
} wane_pieces;

void wane_pieces_begin(wane_pieces *pieces); /* on one that is new ({0}) */
void wane_pieces_free(wane_pieces *pieces);

/* Emits a piece of the coming list; empty ones of text are dropped. */
WANE_MUST_CHECK wane_status wane_pieces_emit(wane_pieces *pieces, wane_piece piece,
                                             wane_error *err);
/* Emits bytes [start, stop) of a current piece of text. */
WANE_MUST_CHECK wane_status wane_pieces_cut(wane_pieces *pieces, const wane_piece *from,
                                            size_t start, size_t stop, wane_error *err);
/* The buffer a step that changes text writes to, emptied. */
wane_text *wane_pieces_spare(wane_pieces *pieces);
/* Ends a step: what was emitted is current. `changed`: it points into the spare buffer. */
WANE_MUST_CHECK wane_status wane_pieces_turn(wane_pieces *pieces, int changed, wane_error *err);

#endif
