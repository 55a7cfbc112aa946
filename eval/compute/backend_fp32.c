/* SPDX-License-Identifier: Apache-2.0
 * The backend `fp32`: OpenBLAS on the weights as they are. Matrices that touch in memory are
 * multiplied with as one.
 */
#include "eval/compute/backend.h"
#include "store/base/blas.h"

static bool there(void)
{
    return true;
}

static void multiply(const wane_workers *by, bool transpose_a, bool transpose_b, size_t m, size_t n,
                     size_t k, const float *a, size_t lda, const float *b, size_t ldb, float beta,
                     float *c, size_t ldc)
{
    if (by->tile)
        wane_sgemm_tile(transpose_a, transpose_b, m, n, k, 1.0f, a, lda, b, ldb, beta, c, ldc);
    else
        wane_sgemm(by->pool, transpose_a, transpose_b, m, n, k, 1.0f, a, lda, b, ldb, beta, c, ldc);
}

/* How many matrices from w on lie one behind the other, and the sum of their outputs. */
static size_t touching(const wane_packed *w, size_t count, size_t *outputs)
{
    size_t i = 1;
    *outputs = w->rows;
    for (; i < count && w[i].weight == w->weight + *outputs * w->cols; i++) *outputs += w[i].rows;
    return i;
}

static void forward(const wane_workers *by, const wane_packed *w, size_t count, size_t rows,
                    const float *x, float *y, size_t ldy, bool accumulate)
{
    float beta = accumulate ? 1.0f : 0.0f;
    for (size_t i = 0, outputs = 0; i < count; y += outputs) {
        const wane_packed *at = w + i;
        i += touching(at, count - i, &outputs);
        multiply(by, false, true, rows, outputs, at->cols, x, at->cols, at->weight, at->cols, beta,
                 y, ldy);
    }
}

static void input_gradient(const wane_workers *by, const wane_packed *w, size_t count, size_t rows,
                           const float *dy, size_t lddy, float *dx, bool accumulate)
{
    for (size_t i = 0, outputs = 0; i < count; dy += outputs) {
        const wane_packed *at = w + i;
        float beta = accumulate || i > 0 ? 1.0f : 0.0f;
        i += touching(at, count - i, &outputs);
        multiply(by, false, false, rows, at->cols, outputs, dy, lddy, at->weight, at->cols, beta,
                 dx, at->cols);
    }
}

static void weight_gradient(const wane_workers *by, size_t outputs, size_t inputs, size_t rows,
                            const float *dy, size_t lddy, const float *x, float *dw)
{
    multiply(by, true, false, outputs, inputs, rows, dy, lddy, x, inputs, 1.0f, dw, inputs);
}

const wane_backend wane_backend_fp32 = {
    .name = "fp32",
    .precision = "fp32",
    .there = there,
    .kernels = wane_kernels_best,
    .forward = forward,
    .input_gradient = input_gradient,
    .weight_gradient = weight_gradient,
};
