/* SPDX-License-Identifier: Apache-2.0
 * Turns the place of a mask into Philox's counter and calls the kernel row by row.
 */
#include "eval/model/dropout.h"

#include <assert.h>
#include <math.h>

wane_mask wane_mask_of(const wane_dropout *dropout, const wane_adapter *adapter,
                       const wane_factor *factor)
{
    return (wane_mask){.kernels = wane_kernels_best(),
                       .where = {.seed = dropout->seed,
                                 .purpose = WANE_RANDOM_DROPOUT,
                                 .stage = dropout->stage,
                                 .step = dropout->step,
                                 .tensor = factor->parameter},
                       .first_token = dropout->first_token,
                       .cols = factor->cols,
                       .threshold = (uint32_t)lround(adapter->dropout * 65536.0)};
}

void wane_mask_apply(const wane_mask *mask, const size_t *token, size_t from, size_t rows,
                     size_t first, size_t count, const float *x, size_t ldx, float *y, size_t ldy,
                     bool add)
{
    assert(first % 8 == 0 && !(add && x == y));
    /* A threshold of 65536 (p rounds to 1) drops everything. */
    bool all = mask->threshold > 65535;
    wane_philox p = {.key = mask->where.seed,
                     .threshold = all ? 0 : mask->threshold,
                     .kept = all ? 0.0f : 65536.0f / (float)(65536 - mask->threshold)};
    uint64_t per_row = (mask->cols + 7) / 8;
    for (size_t r = 0; r < rows; r++, x += ldx, y += ldy) {
        uint64_t row = mask->first_token + (token ? token[r] : from + r);
        wane_random_counter(&p.high, &p.low, &mask->where, row * per_row + first / 8);
        mask->kernels->dropout(count, &p, x, y, add);
    }
}
