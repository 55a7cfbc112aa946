/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/model/dropout.h"

#include <math.h>

wane_mask wane_mask_of(const wane_dropout *dropout, const wane_adapter *adapter,
                       const wane_factor *factor)
{
    return (wane_mask){.where = {.seed = dropout->seed,
                                 .purpose = WANE_RANDOM_DROPOUT,
                                 .stage = dropout->stage,
                                 .step = dropout->step,
                                 .tensor = factor->parameter},
                       .first_token = dropout->first_token,
                       .cols = factor->cols,
                       .threshold = (uint32_t)lround(adapter->dropout * 65536.0)};
}

/* Eight elements: their factors, 0 or the inverse of the share kept. */
static void factors(float out[8], const wane_mask *mask, uint64_t element, float kept)
{
    uint32_t words[4];
    wane_random_words(words, &mask->where, element);
    for (int i = 0; i < 8; i++) {
        uint32_t piece = words[i / 2] >> (16 * (i % 2)) & 0xffff;
        out[i] = piece < mask->threshold ? 0.0f : kept;
    }
}

void wane_mask_apply(const wane_mask *mask, const size_t *token, size_t from, size_t rows,
                     size_t first, size_t count, const float *x, size_t ldx, float *y, size_t ldy,
                     bool add)
{
    /* A threshold of 65536 (p rounds to 1) drops everything. */
    float kept = mask->threshold < 65536 ? 65536.0f / (float)(65536 - mask->threshold) : 0.0f;
    uint64_t per_row = (mask->cols + 7) / 8;
    for (size_t r = 0; r < rows; r++, x += ldx, y += ldy) {
        uint64_t row = mask->first_token + (token ? token[r] : from + r);
        for (size_t c = 0; c < count; c += 8) {
            float factor[8];
            factors(factor, mask, row * per_row + (first + c) / 8, kept);
            size_t n = count - c < 8 ? count - c : 8;
            for (size_t i = 0; i < n; i++)
                y[c + i] = (add ? y[c + i] : 0.0f) + factor[i] * x[c + i];
        }
    }
}
