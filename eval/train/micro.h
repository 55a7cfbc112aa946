/* SPDX-License-Identifier: Apache-2.0
 * Cutting the rows of a step into micro-batches. For this room alone.
 */
#ifndef EVAL_TRAIN_MICRO_H
#define EVAL_TRAIN_MICRO_H

#include <stddef.h>

#include "eval/model/pass.h"
#include "store/base/status.h"

/* A batch ready to be cut: targets in order of their rows, tables for the current piece. */
typedef struct wane_cut {
    const wane_batch *batch; /* borrowed */
    size_t *row_targets;     /* rows + 1 offsets into position and target */
    size_t *position;        /* of every target, in order of row */
    int32_t *target;
    size_t *starts, *local; /* of the current piece: its rows and its positions */
    size_t limit;           /* tokens of a piece */
    size_t next;            /* first row of the next piece */
} wane_cut;

/* Checks the batch (rows in order that cover its tokens, positions inside them, at least one
 * target, no prefix) and prepares to cut it. Free with wane_cut_free ({0} allowed). */
WANE_MUST_CHECK wane_status wane_cut_new(wane_cut *out, const wane_batch *batch, size_t limit,
                                         wane_error *err);
void wane_cut_free(wane_cut *cut);

/* The largest piece's tokens, rows and targets. */
void wane_cut_largest(const wane_cut *cut, size_t *tokens, size_t *rows, size_t *targets);

/* The next piece: whole rows, as many as fit in the limit, at least one; a piece without targets
 * is passed over. *first_token = its place in the batch. Borrowed until the next call. WANE_DONE
 * after the last. */
WANE_MUST_CHECK wane_status wane_cut_next(wane_cut *cut, wane_batch *piece, size_t *first_token);

#endif
