/* SPDX-License-Identifier: Apache-2.0
 * The kernels, included once per instruction set by a file that sets the target and names the
 * table. Contracts: kernels.h. For kernels_baseline.c, kernels_avx2.c and kernels_avx512.c alone.
 */
#include "eval/compute/kernels_vector.h"

#include "eval/compute/kernels_attention.h"
#include "eval/compute/kernels_dropout.h"

static void exp_(size_t count, const float *x, float *y)
{
    size_t i = 0;
    for (; i + 16 <= count; i += 16) store(y + i, vexp(load(x + i)));
    if (i < count) store_part(y + i, count - i, vexp(load_part(x + i, count - i, 0)));
}

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

static void rmsnorm_(size_t rows, size_t width, float epsilon, const float *x, const float *gain,
                     float *y, float *rstd)
{
    for (size_t r = 0; r < rows; r++, x += width, y += width) {
        float square = dot_row(width, x, x) / (float)width + epsilon;
        /* 1 / inf would be 0, and every logit behind it a number that means nothing. */
        float factor = isinf(square) ? NAN : 1.0f / sqrtf(square);
        if (rstd) rstd[r] = factor;
        size_t i = 0;
        for (; i + 16 <= width; i += 16) store(y + i, load(x + i) * factor * load(gain + i));
        for (; i < width; i++) y[i] = x[i] * factor * gain[i];
    }
}

/* With h = x rstd: dx = rstd (g - h mean(g h)), g = gain dy. */
static void rmsnorm_backward_(size_t rows, size_t width, const float *x, const float *gain,
                              const float *rstd, const float *dy, float *dx, float *normed,
                              float *dgain)
{
    for (size_t r = 0; r < rows; r++, x += width, dy += width, dx += width) {
        float factor = rstd[r];
        vec sum = {0};
        size_t i = 0;
        for (; i + 16 <= width; i += 16) sum += load(gain + i) * load(dy + i) * load(x + i);
        if (i < width)
            sum += load_part(gain + i, width - i, 0) * load_part(dy + i, width - i, 0) *
                   load_part(x + i, width - i, 0);
        float pull = sum_lanes(sum) * factor * factor / (float)width;
        for (i = 0; i + 16 <= width; i += 16)
            store(dx + i,
                  load(dx + i) + (load(gain + i) * load(dy + i) - load(x + i) * pull) * factor);
        for (; i < width; i++) dx[i] += (gain[i] * dy[i] - x[i] * pull) * factor;
        if (dgain)
            for (i = 0; i < width; i++) dgain[i] += dy[i] * (x[i] * factor);
        if (normed) {
            for (i = 0; i < width; i++) normed[i] = x[i] * factor * gain[i];
            normed += width;
        }
    }
}

static void rope_(size_t rows, size_t heads, size_t head_width, float *x, size_t ld,
                  const int32_t *position, const float *cosine, const float *sine, bool inverse)
{
    size_t half = head_width / 2;
    float sign = inverse ? -1.0f : 1.0f;
    for (size_t r = 0; r < rows; r++) {
        const float *c = cosine + (size_t)position[r] * half;
        const float *s = sine + (size_t)position[r] * half;
        for (size_t h = 0; h < heads; h++) {
            float *restrict low = x + r * ld + h * head_width;
            float *restrict high = low + half;
            for (size_t i = 0; i < half; i++) {
                float a = low[i], b = high[i], t = sign * s[i];
                low[i] = a * c[i] - b * t;
                high[i] = b * c[i] + a * t;
            }
        }
    }
}

INLINE vec sigmoid(vec x)
{
    return 1.0f / (1.0f + vexp(-x));
}

static void swiglu_(size_t rows, size_t hidden, const float *gate_up, float *y)
{
    for (size_t r = 0; r < rows; r++, gate_up += 2 * hidden, y += hidden) {
        const float *gate = gate_up, *up = gate_up + hidden;
        size_t i = 0;
        for (; i + 16 <= hidden; i += 16) {
            vec g = load(gate + i);
            store(y + i, g * sigmoid(g) * load(up + i));
        }
        if (i < hidden) {
            size_t n = hidden - i;
            vec g = load_part(gate + i, n, 0);
            store_part(y + i, n, g * sigmoid(g) * load_part(up + i, n, 0));
        }
    }
}

INLINE void swiglu_gradient(vec *gate, vec *up, vec *dy)
{
    vec s = sigmoid(*gate), silu = *gate * s, d = *dy;
    *dy = silu * *up;
    *gate = d * *up * s * (1.0f + *gate * (1.0f - s));
    *up = d * silu;
}

static void swiglu_backward_(size_t rows, size_t hidden, float *gate_up, float *dy)
{
    for (size_t r = 0; r < rows; r++, gate_up += 2 * hidden, dy += hidden) {
        float *gate = gate_up, *up = gate_up + hidden;
        size_t i = 0;
        for (; i + 16 <= hidden; i += 16) {
            vec g = load(gate + i), u = load(up + i), d = load(dy + i);
            swiglu_gradient(&g, &u, &d);
            store(gate + i, g);
            store(up + i, u);
            store(dy + i, d);
        }
        if (i < hidden) {
            size_t n = hidden - i;
            vec g = load_part(gate + i, n, 0), u = load_part(up + i, n, 0);
            vec d = load_part(dy + i, n, 0);
            swiglu_gradient(&g, &u, &d);
            store_part(gate + i, n, g);
            store_part(up + i, n, u);
            store_part(dy + i, n, d);
        }
    }
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

/* Every lane keeps its best value and the index of it; the first of equals stays. */
INLINE void keep_best(vec x, ivec index, vec *most, ivec *where)
{
    ivec better = x > *most;
    *most = choose(better, x, *most);
    *where = (better & index) | (~better & *where);
}

static void logsumexp_(size_t count, const float *logits, float *lse, int32_t *best)
{
    vec most = splat(-INFINITY);
    ivec where = {0}, index = lanes();
    size_t full = count / 16 * 16, rest = count - full;
    vec tail = load_part(logits + full, rest, -INFINITY);
    for (size_t i = 0; i < full; i += 16, index += 16)
        keep_best(load(logits + i), index, &most, &where);
    if (rest) keep_best(tail, index, &most, &where);
    float top = max_lanes(most);
    vec sum0 = {0}, sum1 = {0};
    size_t i = 0;
    for (; i + 32 <= full; i += 32) {
        sum0 += vexp(load(logits + i) - top);
        sum1 += vexp(load(logits + i + 16) - top);
    }
    if (i < full) sum0 += vexp(load(logits + i) - top);
    if (rest) sum1 += vexp(tail - top);
    *lse = top + logf(sum_lanes(sum0 + sum1));
    if (!best) return;
    int32_t first = INT32_MAX;
    for (int lane = 0; lane < 16; lane++)
        if (most[lane] == top && where[lane] < first) first = where[lane];
    *best = first == INT32_MAX ? 0 : first;
}

static void softmax_gradient_(size_t count, float *logits, float lse, float scale)
{
    size_t i = 0;
    for (; i + 16 <= count; i += 16) store(logits + i, vexp(load(logits + i) - lse) * scale);
    if (i < count)
        store_part(logits + i, count - i, vexp(load_part(logits + i, count - i, 0) - lse) * scale);
}

const wane_kernels WANE_KERNEL_TABLE = {
    .name = WANE_KERNEL_NAME,
    .exp = exp_,
    .rmsnorm = rmsnorm_,
    .rmsnorm_backward = rmsnorm_backward_,
    .rope = rope_,
    .swiglu = swiglu_,
    .swiglu_backward = swiglu_backward_,
    .add_bias = add_bias_,
    .add_columns = add_columns_,
    .add = add_,
    .logsumexp = logsumexp_,
    .softmax_gradient = softmax_gradient_,
    .product = product_,
    .transpose = transpose_,
    .softmax_row = softmax_row_,
    .softmax_row_backward = softmax_row_backward_,
    .scale = scale_,
    .dot = dot_,
    .dots = dots_,
    .dropout = dropout_,
};
