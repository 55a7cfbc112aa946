/* SPDX-License-Identifier: Apache-2.0
 * The heads of one row lie end to end: they are the rows of a norm's kernel.
 */
#include "eval/compute/head_norm.h"

#include <string.h>

void wane_head_norm_forward(const wane_head_norm *n, size_t rows, float epsilon, float *x,
                            size_t ld, float *raw, float *rstd)
{
    size_t floats = n->heads * n->width;
    for (size_t r = 0; r < rows; r++, x += ld) {
        if (raw) memcpy(raw + r * floats, x, floats * sizeof *x);
        n->kind->forward(n->heads, n->width, epsilon, x, n->gain, NULL, x,
                         rstd ? rstd + r * n->heads : NULL);
    }
}

void wane_head_norm_backward(const wane_head_norm *n, size_t rows, const float *raw,
                             const float *rstd, float *dx, size_t ld, float *dgain)
{
    for (size_t r = 0; r < rows; r++, dx += ld, rstd += n->heads, raw += n->heads * n->width)
        n->kind->backward(n->heads, n->width, raw, n->gain, NULL, rstd, dx, dx, false, NULL, dgain,
                          NULL);
}
