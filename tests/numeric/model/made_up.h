/* SPDX-License-Identifier: Apache-2.0
 * Architectures that nobody has, in no list: between them they turn on whatever a block can be, in
 * sizes that a computation in double can follow number by number (model_in_double.h).
 */
#ifndef TESTS_NUMERIC_MODEL_MADE_UP_H
#define TESTS_NUMERIC_MODEL_MADE_UP_H

#include "eval/model/architecture.h"
#include "eval/model/rope_kinds.h"

/* One matrix of queries, keys and values and every matrix turned, learned positions with an offset,
 * LayerNorm with biases, an MLP without gate, tied. */
extern const wane_config made_up_turned;
/* The same matrix head by head, the rest as it comes; parallel branches, half of a head turned by
 * its position, LayerNorm, a head of its own. */
extern const wane_config made_up_parallel;
/* Norms of branches' outputs and of each head, gains from 1 on, windows with positions of their
 * own, caps, scales of embedding and scores, gate and up in one matrix. */
extern const wane_config made_up_capped;
/* No norm before a branch, norms behind them and over all heads, layers without positions, scales
 * of branches and logits, biases here and there; yarn. */
extern const wane_config made_up_behind;
/* Every token sees the others, within a window in one layer; ReLU, linear scaling. */
extern const wane_config made_up_full;
/* longrope of a part of each head, short up to 5 tokens; every product in one matrix. */
extern const wane_config made_up_stretched;
/* dynamic scaling behind a context of 7 tokens. */
extern const wane_config made_up_grown;

typedef struct made_up {
    const char *name;
    const wane_config *config;
} made_up;
enum { MADE_UP = 7 };
extern const made_up made_up_all[MADE_UP];

#endif
