/* SPDX-License-Identifier: Apache-2.0
 * Dropout masks as a pure function of where they are used (wane_dropout in pass.h says how). For
 * this room alone.
 */
#ifndef EVAL_MODEL_DROPOUT_H
#define EVAL_MODEL_DROPOUT_H

#include "eval/compute/kernels.h"
#include "eval/model/pass.h"

/* One adapted weight's mask. */
typedef struct wane_mask {
    const wane_kernels *kernels;
    wane_random where;
    uint64_t first_token;
    size_t cols;        /* inputs of the weight */
    uint32_t threshold; /* of 65536 */
} wane_mask;

wane_mask wane_mask_of(const wane_dropout *dropout, const wane_adapter *adapter,
                       const wane_factor *factor);

/* y (stride ldy) = or += the masked and rescaled x (stride ldx): columns first .. first + count - 1
 * of `rows` rows, row r being token token[r], or from + r when token is NULL. first is a multiple
 * of 8. y may be x when it does not add. */
void wane_mask_apply(const wane_mask *mask, const size_t *token, size_t from, size_t rows,
                     size_t first, size_t count, const float *x, size_t ldx, float *y, size_t ldy,
                     bool add);

#endif
