/* SPDX-License-Identifier: Apache-2.0
 * Linear layers on the rows of one tile: weight, bias, the terms of adapters. For this room alone.
 */
#ifndef EVAL_MODEL_LINEAR_H
#define EVAL_MODEL_LINEAR_H

#include "eval/model/state.h"

/* Rows row .. row + rows - 1 of a layer's row set. */
typedef struct wane_linear {
    const wane_pass *pass;
    const wane_layer_index *index;
    const wane_layer_store *store;
    size_t row, rows;
    const size_t *token; /* of the row set; NULL: rows are tokens */
    float *scratch;      /* the thread's */
} wane_linear;

/* y (rows x sum of outputs, stride ldy) = or += x W^T + b, with the terms of the adapter at work
 * and of what is frozen below it, for `count` slots from `slot` that read the same x (rows x
 * inputs), their outputs side by side. `low` of the adapter's term is kept in the store where it
 * has room. */
void wane_linear_forward(const wane_linear *linear, wane_slot slot, size_t count, const float *x,
                         float *y, size_t ldy, bool accumulate);

/* The way back: dx (rows x inputs; may be NULL) = or += the gradient of x given dy (stride lddy);
 * `dlow` of the adapter's term into the backward store. */
void wane_linear_backward(const wane_linear *linear, wane_slot slot, size_t count, const float *dy,
                          size_t lddy, float *dx, bool accumulate);

/* The factor on a slot's weight in the adapter at work, or NULL. */
const wane_factor *wane_linear_factor(const wane_pass *pass, const wane_layer_index *index,
                                      wane_slot slot);

#endif
