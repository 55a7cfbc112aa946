/* SPDX-License-Identifier: Apache-2.0
 * A backend that keeps packs, counts what it is asked and notices a pack older than its weight.
 */
#ifndef TESTS_UNIT_TRAIN_HELD_BACKEND_H
#define TESTS_UNIT_TRAIN_HELD_BACKEND_H

#include "eval/compute/backend.h"

/* Weights are packed as bfloat16, one copy for each direction, and activations rounded to it as
 * they come in; sums are float. A weight's gradient comes out twice as large, so that one which was
 * not made here shows. Every product compares its packs with the weights. */
extern const wane_backend held;

typedef struct held_count {
    size_t stale;  /* rows whose pack was not that of the weight, or not made for that product */
    size_t packed; /* rows packed */
    size_t forward, input, weight; /* multiply-adds of products */
    size_t blocks;                 /* taken and not given back */
} held_count;

/* Since the last call, but for blocks. */
held_count held_counted(void);

/* x as the nearest bfloat16, ties to even. */
float held_rounded(float x);

/* What the machine says: whether the backend can run here, whether it has memory. */
void held_missing(bool missing);
void held_starved(bool starved);

#endif
