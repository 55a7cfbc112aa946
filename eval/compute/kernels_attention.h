/* SPDX-License-Identifier: Apache-2.0
 * Small products and softmax rows: the parts of attention and of low-rank terms. For kernels_body.h
 * alone.
 */
#ifndef EVAL_COMPUTE_KERNELS_ATTENTION_H
#define EVAL_COMPUTE_KERNELS_ATTENTION_H

#include "eval/compute/kernels_vector.h"

/* Sums stay in registers: 32 of 16 floats with avx512, else 16 of 8 or less. Every element of a
 * product is summed over k in order whatever the blocking. */
#if defined(__AVX512F__)
enum { PRODUCT_ROWS = 4, PRODUCT_VECTORS = 2, DOT_ROWS = 4, DOT_COLUMNS = 4 };
#else
enum { PRODUCT_ROWS = 4, PRODUCT_VECTORS = 1, DOT_ROWS = 2, DOT_COLUMNS = 2 };
#endif

/* `rows` and `vectors` are constants at every call, so that the sums become registers. */
INLINE void product_block(size_t rows, size_t vectors, size_t k, const float *a, size_t row,
                          size_t column, const float *b, size_t ldb, float *c, size_t ldc,
                          bool accumulate)
{
    vec sum[PRODUCT_ROWS][PRODUCT_VECTORS];
    for (size_t i = 0; i < rows; i++)
        for (size_t v = 0; v < vectors; v++)
            sum[i][v] = accumulate ? load(c + i * ldc + 16 * v) : (vec){0};
    for (size_t p = 0; p < k; p++) {
        vec line[PRODUCT_VECTORS];
        for (size_t v = 0; v < vectors; v++) line[v] = load(b + p * ldb + 16 * v);
        for (size_t i = 0; i < rows; i++) {
            float x = a[i * row + p * column];
            for (size_t v = 0; v < vectors; v++) sum[i][v] += x * line[v];
        }
    }
    for (size_t i = 0; i < rows; i++)
        for (size_t v = 0; v < vectors; v++) store(c + i * ldc + 16 * v, sum[i][v]);
}

INLINE void product_columns(size_t vectors, size_t m, size_t k, const float *a, size_t row,
                            size_t column, const float *b, size_t ldb, float *c, size_t ldc,
                            bool accumulate)
{
    size_t i = 0;
    for (; i + PRODUCT_ROWS <= m; i += PRODUCT_ROWS)
        product_block(PRODUCT_ROWS, vectors, k, a + i * row, row, column, b, ldb, c + i * ldc, ldc,
                      accumulate);
    for (; i < m; i++)
        product_block(1, vectors, k, a + i * row, row, column, b, ldb, c + i * ldc, ldc,
                      accumulate);
}

static void product_(size_t m, size_t n, size_t k, const float *a, size_t row, size_t column,
                     const float *b, size_t ldb, float *c, size_t ldc, bool accumulate)
{
    size_t j = 0;
    for (; j + 16 * PRODUCT_VECTORS <= n; j += 16 * PRODUCT_VECTORS)
        product_columns(PRODUCT_VECTORS, m, k, a, row, column, b + j, ldb, c + j, ldc, accumulate);
    for (; j + 16 <= n; j += 16)
        product_columns(1, m, k, a, row, column, b + j, ldb, c + j, ldc, accumulate);
    if (j == n) return;
    size_t rest = n - j;
    for (size_t i = 0; i < m; i++) {
        float *line = c + i * ldc + j;
        vec sum = accumulate ? load_part(line, rest, 0) : (vec){0};
        for (size_t p = 0; p < k; p++)
            sum += a[i * row + p * column] * load_part(b + p * ldb + j, rest, 0);
        store_part(line, rest, sum);
    }
}

INLINE void dots_block(size_t rows, size_t columns, size_t k, const float *x, size_t ldx,
                       const float *a, size_t lda, float *u, size_t ldu)
{
    vec sum[DOT_ROWS][DOT_COLUMNS];
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++) sum[i][j] = (vec){0};
    size_t p = 0;
    for (; p + 16 <= k; p += 16) {
        vec line[DOT_COLUMNS];
        for (size_t j = 0; j < columns; j++) line[j] = load(a + j * lda + p);
        for (size_t i = 0; i < rows; i++) {
            vec value = load(x + i * ldx + p);
            for (size_t j = 0; j < columns; j++) sum[i][j] += value * line[j];
        }
    }
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++) {
            float total = sum_lanes(sum[i][j]);
            for (size_t q = p; q < k; q++) total += x[i * ldx + q] * a[j * lda + q];
            u[i * ldu + j] = total;
        }
}

INLINE void dots_rows(size_t rows, size_t n, size_t k, const float *x, size_t ldx, const float *a,
                      size_t lda, float *u, size_t ldu)
{
    size_t j = 0;
    for (; j + DOT_COLUMNS <= n; j += DOT_COLUMNS)
        dots_block(rows, DOT_COLUMNS, k, x, ldx, a + j * lda, lda, u + j, ldu);
    for (; j < n; j++) dots_block(rows, 1, k, x, ldx, a + j * lda, lda, u + j, ldu);
}

static void dots_(size_t m, size_t n, size_t k, const float *x, size_t ldx, const float *a,
                  size_t lda, float *u, size_t ldu)
{
    size_t i = 0;
    for (; i + DOT_ROWS <= m; i += DOT_ROWS)
        dots_rows(DOT_ROWS, n, k, x + i * ldx, ldx, a, lda, u + i * ldu, ldu);
    for (; i < m; i++) dots_rows(1, n, k, x + i * ldx, ldx, a, lda, u + i * ldu, ldu);
}

static void transpose_(size_t rows, size_t cols, const float *x, size_t ldx, float *y, size_t ldy,
                       size_t padded)
{
    for (size_t first = 0; first < rows; first += 16) {
        size_t last = first + 16 < rows ? first + 16 : rows;
        for (size_t c = 0; c < cols; c++)
            for (size_t r = first; r < last; r++) y[c * ldy + r] = x[r * ldx + c];
    }
    for (size_t c = 0; c < cols; c++)
        for (size_t r = rows; r < padded; r++) y[c * ldy + r] = 0;
}

/* Every lane before `first`, a place within this block, is `none`. */
INLINE vec from_first(vec x, size_t first, float none)
{
    return choose(lanes() < (int32_t)first, splat(none), x);
}

static float softmax_row_(const wane_softmax *row, float *s, float *lse)
{
    size_t begin = row->first / 16 * 16, full = row->end / 16 * 16, rest = row->end - full;
    float scale = row->scale;
    if (row->cap != 0) {
        for (size_t i = begin; i < row->end; i += 16)
            store(s + i, vtanh(load(s + i) * scale / row->cap) * row->cap);
        scale = 1;
    }
    for (size_t i = 0; i < begin; i += 16) store(s + i, (vec){0});
    if (begin < row->first)
        store(s + begin, from_first(load(s + begin), row->first - begin, -INFINITY));
    ivec seen = lanes() < (int32_t)rest;
    vec most = splat(-INFINITY);
    for (size_t i = begin; i < full; i += 16) most = vmax(most, load(s + i));
    vec tail = rest ? choose(seen, load(s + full), splat(-INFINITY)) : most;
    if (rest) most = vmax(most, tail);
    float top = max_lanes(most) * scale;
    vec sum = {0};
    for (size_t i = begin; i < full; i += 16) {
        vec p = vexp(load(s + i) * scale - top);
        store(s + i, p);
        sum += p;
    }
    size_t done = full;
    if (rest) {
        vec p = choose(seen, vexp(tail * scale - top), (vec){0});
        store(s + full, p);
        sum += p;
        done += 16;
    }
    for (; done < row->padded; done += 16) store(s + done, (vec){0});
    float total = sum_lanes(sum);
    *lse = top + logf(total);
    return total;
}

/* One block: s becomes p, dp becomes ds; `capped` is a constant at every call. */
INLINE void softmax_block_backward(const wane_softmax *row, float lse, float delta, bool capped,
                                   float *s, float *dp, ivec seen)
{
    vec x = load(s) * row->scale, slope = splat(row->scale);
    if (capped) {
        vec t = vtanh(x / row->cap);
        x = t * row->cap;
        slope = slope * (1.0f - t * t);
    }
    vec p = vexp(x - lse), ds = p * (load(dp) - delta) * slope;
    store(s, choose(seen, p, (vec){0}));
    store(dp, choose(seen, ds, (vec){0}));
}

INLINE void softmax_backward_blocks(const wane_softmax *row, float lse, float delta, bool capped,
                                    float *s, float *dp)
{
    size_t begin = row->first / 16 * 16, i = 0;
    ivec all = lanes() >= 0;
    for (; i < begin; i += 16) {
        store(s + i, (vec){0});
        store(dp + i, (vec){0});
    }
    if (begin < row->first) {
        ivec seen =
            (lanes() >= (int32_t)(row->first - begin)) & (lanes() < (int32_t)(row->end - begin));
        softmax_block_backward(row, lse, delta, capped, s + i, dp + i, seen);
        i += 16;
    }
    for (; i + 16 <= row->end; i += 16)
        softmax_block_backward(row, lse, delta, capped, s + i, dp + i, all);
    if (i < row->end) {
        softmax_block_backward(row, lse, delta, capped, s + i, dp + i,
                               lanes() < (int32_t)(row->end - i));
        i += 16;
    }
    for (; i < row->padded; i += 16) {
        store(s + i, (vec){0});
        store(dp + i, (vec){0});
    }
}

static void softmax_row_backward_(const wane_softmax *row, float lse, float delta, float *s,
                                  float *dp)
{
    if (row->cap != 0) softmax_backward_blocks(row, lse, delta, true, s, dp);
    else softmax_backward_blocks(row, lse, delta, false, s, dp);
}

#endif
