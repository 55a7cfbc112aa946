/* SPDX-License-Identifier: Apache-2.0
 * Sums over one row and of rows. For kernels_body.h and kernels_norm.h alone.
 */
#ifndef EVAL_COMPUTE_KERNELS_SUMS_H
#define EVAL_COMPUTE_KERNELS_SUMS_H

#include "eval/compute/kernels_vector.h"

INLINE float dot_row(size_t count, const float *x, const float *y)
{
    vec sum0 = {0}, sum1 = {0};
    size_t i = 0;
    for (; i + 32 <= count; i += 32) {
        sum0 += load(x + i) * load(y + i);
        sum1 += load(x + i + 16) * load(y + i + 16);
    }
    for (; i + 16 <= count; i += 16) sum0 += load(x + i) * load(y + i);
    if (i < count) sum1 += load_part(x + i, count - i, 0) * load_part(y + i, count - i, 0);
    return sum_lanes(sum0 + sum1);
}

static float dot_(size_t count, const float *x, const float *y)
{
    return dot_row(count, x, y);
}

static void add_(size_t count, const float *restrict x, float *restrict y)
{
    for (size_t i = 0; i < count; i++) y[i] += x[i];
}

static void scale_(size_t count, float factor, float *x)
{
    for (size_t i = 0; i < count; i++) x[i] *= factor;
}

static void add_bias_(size_t rows, size_t cols, const float *bias, float *x, size_t ld)
{
    for (size_t r = 0; r < rows; r++) add_(cols, bias, x + r * ld);
}

static void add_columns_(size_t rows, size_t cols, const float *x, size_t ld, float *sum)
{
    for (size_t r = 0; r < rows; r++) add_(cols, x + r * ld, sum);
}

#endif
