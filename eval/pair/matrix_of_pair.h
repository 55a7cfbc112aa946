/* SPDX-License-Identifier: Apache-2.0
 * One matrix of both checkpoints in fp32, and what one look over it tells.
 */
#ifndef EVAL_PAIR_MATRIX_OF_PAIR_H
#define EVAL_PAIR_MATRIX_OF_PAIR_H

#include "eval/pair/checkpoint.h"
#include "store/base/threads.h"

/* Memory for one side, taken by one matrix after the other: as large as the largest so far. */
typedef struct wane_matrix_room {
    float *values;
    size_t count;
} wane_matrix_room;

/* Start with {0}, read any number of matrices one after the other, free with
 * wane_matrix_of_pair_free. */
typedef struct wane_matrix_of_pair {
    const float *base;  /* rows x cols; borrowed until the next reading */
    const float *tuned; /* likewise; NULL where the change is a low-rank term or there is none */
    bool changed;       /* differs in a number; of a term: neither factor is 0 */
    bool base_finite, finite; /* finite: base, tuned and the factors */
    wane_matrix_room room[2]; /* of base and tuned, where they do not lie in fp32 already */
} wane_matrix_of_pair;

/* Matrix `index` of the comparison's list. 16-bit numbers are widened in shares, by all threads of
 * the pool (NULL: by the caller alone). */
WANE_MUST_CHECK wane_status wane_matrix_of_pair_read(wane_matrix_of_pair *out,
                                                     const wane_comparison *comparison,
                                                     size_t index, wane_pool *pool,
                                                     wane_error *err);
void wane_matrix_of_pair_free(wane_matrix_of_pair *pair);

#endif
