/* SPDX-License-Identifier: Apache-2.0
 * A borrowed view of a matrix of floats in memory, and whether numbers are finite.
 */
#ifndef STORE_BASE_MATRIX_H
#define STORE_BASE_MATRIX_H

#include <stdbool.h>
#include <stddef.h>

/* rows x cols, row-major: element (i, j) is data[i * stride + j], stride >= cols. A weight is
 * oriented outputs x inputs, so that a layer computes y = x W^T. Borrowed until the owner of the
 * data frees it. */
typedef struct wane_matrix {
    const float *data;
    size_t rows, cols, stride;
} wane_matrix;

/* A low-rank term of a weight: scale * B A, B rows x rank, A rank x cols, both row-major without
 * gaps (PEFT's lora_B and lora_A). */
typedef struct wane_lowrank_term {
    const float *b, *a;
    size_t rank;
    float scale;
} wane_lowrank_term;

/* Whether none of `count` values is NaN or infinite; of a term of a weight of rows x cols, whether
 * all of its factors are (the scale is not looked at). */
bool wane_all_finite(const float *values, size_t count);
bool wane_lowrank_finite(const wane_lowrank_term *term, size_t rows, size_t cols);

#endif
