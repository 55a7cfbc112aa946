/* SPDX-License-Identifier: Apache-2.0
 * The kernels, included once per instruction set by a file that sets the target and names the
 * table. Contracts: kernels.h. For kernels_baseline.c, kernels_avx2.c and kernels_avx512.c alone.
 */
#include "eval/compute/kernels_vector.h"

#include "eval/compute/kernels_activation.h"
#include "eval/compute/kernels_attention.h"
#include "eval/compute/kernels_dropout.h"
#include "eval/compute/kernels_norm.h"
#include "eval/compute/kernels_sums.h"

static void exp_(size_t count, const float *x, float *y)
{
    size_t i = 0;
    for (; i + 16 <= count; i += 16) store(y + i, vexp(load(x + i)));
    if (i < count) store_part(y + i, count - i, vexp(load_part(x + i, count - i, 0)));
}

static void rope_(size_t rows, size_t heads, size_t head_width, size_t rotary_width, float *x,
                  size_t ld, const int32_t *position, const float *cosine, const float *sine,
                  bool inverse)
{
    size_t half = rotary_width / 2;
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

/* Every lane keeps its best value and the index of it; the first of equals stays. */
INLINE void keep_best(vec x, ivec index, vec *most, ivec *where)
{
    ivec better = less(*most, x);
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
    .norm = {[WANE_NORM_RMS] = {norm_rms_forward, norm_rms_backward},
             [WANE_NORM_RMS_PLUS_ONE] = {norm_rms_plus_one_forward, norm_rms_plus_one_backward},
             [WANE_NORM_LAYER] = {norm_layer_forward, norm_layer_backward}},
    .activation = {[WANE_ACTIVATION_SILU] = ACTIVATION_ENTRY(silu),
                   [WANE_ACTIVATION_GELU] = ACTIVATION_ENTRY(gelu),
                   [WANE_ACTIVATION_GELU_TANH] = ACTIVATION_ENTRY(gelu_tanh),
                   [WANE_ACTIVATION_RELU] = ACTIVATION_ENTRY(relu)},
    .rope = rope_,
    .cap = cap_,
    .cap_backward = cap_backward_,
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
