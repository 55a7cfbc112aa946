/* SPDX-License-Identifier: Apache-2.0
 * Gradients of the parameters of one layer: sums over all tokens, cut into tiles of the gradient.
 * For this room alone.
 */
#ifndef EVAL_MODEL_GRADIENTS_H
#define EVAL_MODEL_GRADIENTS_H

#include "eval/model/state.h"

/* What a slot's gradients are made of. */
typedef struct wane_gradient_source {
    const float *x;  /* rows x inputs */
    const float *dy; /* rows x outputs */
    size_t lddy, rows;
    const size_t *token; /* of the rows; NULL: rows are tokens (for dropout masks) */
    float *low;          /* rows x rank: what the term's forward has left */
} wane_gradient_source;

/* Adds the gradients of weights, biases and factors of the slots with x not NULL. */
void wane_layer_gradients(wane_pass *pass, size_t layer, const wane_gradients *gradients,
                          const wane_gradient_source source[WANE_SLOTS]);

#endif
