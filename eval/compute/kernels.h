/* SPDX-License-Identifier: Apache-2.0
 * The arithmetic of a transformer on plain rows of floats; knows nothing of models, threads or
 * batches. All matrices are row-major; a row's stride is its width unless an `ld` is given.
 *
 * The same source is compiled for three instruction sets, each a table of functions. All of them
 * work on vectors of 16 floats, so sums have the same order everywhere; where the processor has
 * fused multiply-add (avx2, avx512) the compiler may use it, so those two agree with each other to
 * the bit or nearly so, and with the baseline to rounding. Which one ran is part of a result's
 * environment (wane_kernel_features).
 */
#ifndef EVAL_COMPUTE_KERNELS_H
#define EVAL_COMPUTE_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The most query rows the attention kernels take at once, and what their scratch rows are padded
 * to. */
enum { WANE_ATTENTION_ROWS = 16, WANE_LANES = 16 };

/* Where a row of a dropout mask comes from: Philox4x32-10 with this key, its counter (high, low)
 * for the first eight elements, low + 1 for the next eight. Element i of a block is dropped when 16
 * bits of its words (lower half of word 0, upper half of word 0, lower half of word 1, ...) are
 * below `threshold` (at most 65535); what is kept is multiplied by `kept`. */
typedef struct wane_philox {
    uint64_t key, high, low;
    uint32_t threshold;
    float kept;
} wane_philox;

typedef struct wane_kernels {
    const char *name;

    /* y[i] = exp(x[i]), within 2 ulp on [-87.3, 88.7]; 0 below, clamped above; NaN stays. */
    void (*exp)(size_t count, const float *x, float *y);

    /* y = x / sqrt(mean(x^2) + epsilon) * gain. x, y: rows x width (y may be x); gain: width;
     * rstd (may be NULL): rows, the factor 1 / sqrt(...). NaN where the squares overflow, in which
     * PyTorch gives 0. */
    void (*rmsnorm)(size_t rows, size_t width, float epsilon, const float *x, const float *gain,
                    float *y, float *rstd);
    /* dx += gradient of the above given dy; normed (may be NULL) = y again; dgain (may be NULL):
     * width, += over the rows in order. */
    void (*rmsnorm_backward)(size_t rows, size_t width, const float *x, const float *gain,
                             const float *rstd, const float *dy, float *dx, float *normed,
                             float *dgain);

    /* Rotates the pairs (i, i + head_width / 2) of each of `heads` heads of each row by the angle
     * of its position, in place; `inverse` rotates back (the gradient). cosine, sine: positions x
     * head_width / 2; position: rows. */
    void (*rope)(size_t rows, size_t heads, size_t head_width, float *x, size_t ld,
                 const int32_t *position, const float *cosine, const float *sine, bool inverse);

    /* y = silu(gate) * up. gate_up: rows x 2 hidden, gate first; y: rows x hidden. */
    void (*swiglu)(size_t rows, size_t hidden, const float *gate_up, float *y);
    /* In: gate_up as above, dy: rows x hidden. Out: gate_up becomes its gradient, dy becomes y. */
    void (*swiglu_backward)(size_t rows, size_t hidden, float *gate_up, float *dy);

    /* x[row, :] += bias. */
    void (*add_bias)(size_t rows, size_t cols, const float *bias, float *x, size_t ld);
    /* sum[:] += x over the rows in order. */
    void (*add_columns)(size_t rows, size_t cols, const float *x, size_t ld, float *sum);
    /* y += x. */
    void (*add)(size_t count, const float *x, float *y);

    /* lse = log sum exp of a row of `count` logits; best (may be NULL) = index of its maximum, the
     * smallest on ties. */
    void (*logsumexp)(size_t count, const float *logits, float *lse, int32_t *best);
    /* logits[i] = scale * exp(logits[i] - lse). */
    void (*softmax_gradient)(size_t count, float *logits, float lse, float scale);

    /* c (m x n) = or += a b: a element (i, p) is a[i * row + p * column]; b: k x n. For small
     * blocks in cache; n is best a multiple of 16. */
    void (*product)(size_t m, size_t n, size_t k, const float *a, size_t row, size_t column,
                    const float *b, size_t ldb, float *c, size_t ldc, bool accumulate);
    /* y (cols x ldy) = x^T, x: rows x cols; columns rows..padded of y become 0. */
    void (*transpose)(size_t rows, size_t cols, const float *x, size_t ldx, float *y, size_t ldy,
                      size_t padded);
    /* s[j] = exp(scale * s[j] - max) for j < visible, 0 for visible <= j < padded (a multiple of
     * 16; s has that many). Returns the sum; *lse = log of the denominator of softmax(scale * s).
     * 1 <= visible <= padded. */
    float (*softmax_row)(size_t visible, size_t padded, float scale, float *s, float *lse);
    /* p[j] = exp(scale * s[j] - lse) and ds[j] = scale * p[j] * (dp[j] - delta) for j < visible, 0
     * up to padded; s becomes p, dp becomes ds. */
    void (*softmax_row_backward)(size_t visible, size_t padded, float scale, float lse, float delta,
                                 float *s, float *dp);
    /* x[i] *= factor. */
    void (*scale)(size_t count, float factor, float *x);
    float (*dot)(size_t count, const float *x, const float *y);

    /* u (m x n, stride ldu) = x a^T: x m x k, a n x k. For few rows of a (a low rank). */
    void (*dots)(size_t m, size_t n, size_t k, const float *x, size_t ldx, const float *a,
                 size_t lda, float *u, size_t ldu);

    /* y = or += x with its dropped elements 0 and the others times p->kept; y may be x when it does
     * not add. */
    void (*dropout)(size_t count, const wane_philox *p, const float *x, float *y, bool add);
} wane_kernels;

/* Tables by level: 0 baseline, 1 avx2 + fma, 2 avx512; NULL where the processor lacks it or past
 * the last. */
const wane_kernels *wane_kernels_at(int level);
/* The best table this processor can run. */
const wane_kernels *wane_kernels_best(void);
/* The name of the table in use ("avx512", ...), for environment rows. */
const char *wane_kernel_features(void);

#endif
