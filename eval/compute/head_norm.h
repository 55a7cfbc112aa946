/* SPDX-License-Identifier: Apache-2.0
 * Norms of the heads of queries or keys, in place, before they are turned.
 */
#ifndef EVAL_COMPUTE_HEAD_NORM_H
#define EVAL_COMPUTE_HEAD_NORM_H

#include <stddef.h>

#include "eval/compute/kernels.h"

/* Every head of a row is normed by itself and has the same gain: Qwen 3, Gemma 3. With heads = 1
 * and the width of all of them it is one norm of the row, as OLMo 2 has it. */
typedef struct wane_head_norm {
    const wane_norm_kernels *kind;
    size_t heads, width;
    const float *gain; /* width */
} wane_head_norm;

/* x: rows of heads * width floats, ld apart, become their norm. raw (rows x heads * width) = what x
 * was and rstd (rows x heads) = the factors: for the backward; each may be NULL. */
void wane_head_norm_forward(const wane_head_norm *norm, size_t rows, float epsilon, float *x,
                            size_t ld, float *raw, float *rstd);

/* dx: as x, the gradient of the norm, becomes that of what x was. dgain (width; may be NULL) +=
 * over rows and heads in order. */
void wane_head_norm_backward(const wane_head_norm *norm, size_t rows, const float *raw,
                             const float *rstd, float *dx, size_t ld, float *dgain);

#endif
