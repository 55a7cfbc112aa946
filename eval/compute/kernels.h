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

/* Kinds of norms, and their names. */
typedef enum wane_norm_kind {
    WANE_NORM_RMS,          /* y = x / sqrt(mean(x^2) + epsilon) * gain + bias */
    WANE_NORM_RMS_PLUS_ONE, /* the same with 1 + gain (Gemma) */
    WANE_NORM_LAYER,        /* y = (x - mean) / sqrt(mean((x - mean)^2) + epsilon) * gain + bias */
    WANE_NORM_KINDS
} wane_norm_kind;
extern const char *const wane_norm_name[WANE_NORM_KINDS];

/* One kind of norm. x, y, dy, dx, normed: rows x width; gain, bias, dgain, dbias: width; rstd:
 * rows, the factor 1 / sqrt(...). NaN where the squares overflow, in which PyTorch gives 0. */
typedef struct wane_norm_kernels {
    /* bias may be NULL: none; rstd may be NULL; y may be x. */
    void (*forward)(size_t rows, size_t width, float epsilon, const float *x, const float *gain,
                    const float *bias, float *y, float *rstd);
    /* dx += the gradient of the above given dy when it adds, else dx = it, and dx may be dy. normed
     * (may be NULL) = y again, bias included. dgain, dbias (each may be NULL) += over the rows in
     * order. rstd is the forward's; LayerNorm's mean is taken from x again. */
    void (*backward)(size_t rows, size_t width, const float *x, const float *gain,
                     const float *bias, const float *rstd, const float *dy, float *dx, bool add,
                     float *normed, float *dgain, float *dbias);
} wane_norm_kernels;

/* Kinds of activations, and their names. How far a value is from the formula in double: relative to
 * it, or 2e-36 where that is more; slopes are within 1.5e-6. NaN stays NaN, infinity infinity. */
typedef enum wane_activation_kind {
    WANE_ACTIVATION_SILU,      /* x sigmoid(x): 5e-7; below -87 within 3e-39 |x| */
    WANE_ACTIVATION_GELU,      /* x Phi(x), Phi the normal distribution (by erf): 1e-6 */
    WANE_ACTIVATION_GELU_TANH, /* x sigmoid(2 u) = x / 2 (1 + tanh u), u = sqrt(2 / pi) (x + .044715
                                  x^3): 5e-7 (1 + |2 u|) */
    WANE_ACTIVATION_RELU,      /* max(x, 0), slope 0 at 0: exact */
    WANE_ACTIVATION_KINDS
} wane_activation_kind;
extern const char *const wane_activation_name[WANE_ACTIVATION_KINDS];

/* One kind of activation, as the gate of a second row and by itself. */
typedef struct wane_activation_kernels {
    /* y = act(gate) * up. gate_up: rows x 2 hidden, gate first; y: rows x hidden. */
    void (*gated)(size_t rows, size_t hidden, const float *gate_up, float *y);
    /* In: gate_up as above, dy: rows x hidden. Out: gate_up becomes its gradient, dy becomes y. */
    void (*gated_backward)(size_t rows, size_t hidden, float *gate_up, float *dy);
    /* y = act(x). Both rows x hidden; y may be x. */
    void (*plain)(size_t rows, size_t hidden, const float *x, float *y);
    /* In: x as above, dy. Out: x becomes its gradient, dy becomes y. */
    void (*plain_backward)(size_t rows, size_t hidden, float *x, float *dy);
} wane_activation_kernels;

/* The scores of one query row over `padded` keys (a multiple of 16): it sees those of
 * first <= j < end <= padded, first < end. x[j] = scale * score[j]; with a cap (0: none)
 * x[j] = cap * tanh(scale * score[j] / cap) (Gemma 2). scale > 0. */
typedef struct wane_softmax {
    size_t first, end, padded;
    float scale, cap;
} wane_softmax;

typedef struct wane_kernels {
    const char *name;

    /* y[i] = exp(x[i]), within 2 ulp on [-87.3, 88.7]; 0 below, clamped above; NaN stays. */
    void (*exp)(size_t count, const float *x, float *y);

    wane_norm_kernels norm[WANE_NORM_KINDS];
    wane_activation_kernels activation[WANE_ACTIVATION_KINDS];

    /* Rotates the pairs (i, i + rotary_width / 2) of each of `heads` heads of each row by the angle
     * of its position, in place, and leaves what lies from rotary_width on in a head; `inverse`
     * rotates back (the gradient). rotary_width: even, at most head_width. cosine, sine: positions
     * x rotary_width / 2; position: rows. Su et al., 2021, in the layout of GPT-NeoX. */
    void (*rope)(size_t rows, size_t heads, size_t head_width, size_t rotary_width, float *x,
                 size_t ld, const int32_t *position, const float *cosine, const float *sine,
                 bool inverse);

    /* x[i] = cap * tanh(x[i] / cap), within 3 ulp of x[i] / cap; cap > 0 (Gemma 2). */
    void (*cap)(size_t count, float cap, float *x);
    /* dy[i] *= 1 - (y[i] / cap)^2: the gradient of the above, y what it has left. */
    void (*cap_backward)(size_t count, float cap, const float *y, float *dy);

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
    /* In: s the scores. Out: s[j] = exp(x[j] - max x) where the row sees, 0 elsewhere. Returns
     * their sum; *lse = log of the denominator of softmax(x). */
    float (*softmax_row)(const wane_softmax *row, float *s, float *lse);
    /* In: s the scores, dp the gradient of p = softmax(x). Out: s = p, dp[j] = the gradient of
     * score[j], p[j] (dp[j] - delta) dx[j] / dscore[j]; both 0 where the row does not see.
     * delta: the sum of p dp. */
    void (*softmax_row_backward)(const wane_softmax *row, float lse, float delta, float *s,
                                 float *dp);
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

/* Tables by instruction set (store/base/processor.h); NULL where the processor lacks it or past the
 * last. */
const wane_kernels *wane_kernels_at(int level);
/* The best table this processor can run. */
const wane_kernels *wane_kernels_best(void);
/* The name of the table in use ("avx512", ...), for environment rows. */
const char *wane_kernel_features(void);

#endif
