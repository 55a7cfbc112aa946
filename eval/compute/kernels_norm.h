/* SPDX-License-Identifier: Apache-2.0
 * Norms of rows: one body, of which each kind takes its part. For kernels_body.h alone.
 *
 * RMSNorm: Zhang and Sennrich, 2019. LayerNorm: Ba, Kiros and Hinton, 2016. RMSNorm with a gain
 * around one: Gemma (its checkpoints keep gain - 1).
 */
#ifndef EVAL_COMPUTE_KERNELS_NORM_H
#define EVAL_COMPUTE_KERNELS_NORM_H

#include "eval/compute/kernels_sums.h"

/* `centred` (LayerNorm) and `plus_one` are constants at every call. */
INLINE vec norm_gain(const float *gain, bool plus_one)
{
    return plus_one ? 1.0f + load(gain) : load(gain);
}

INLINE float norm_gain1(float gain, bool plus_one)
{
    return plus_one ? 1.0f + gain : gain;
}

INLINE float row_mean(size_t width, const float *x)
{
    vec sum0 = {0}, sum1 = {0};
    size_t i = 0;
    for (; i + 32 <= width; i += 32) {
        sum0 += load(x + i);
        sum1 += load(x + i + 16);
    }
    for (; i + 16 <= width; i += 16) sum0 += load(x + i);
    if (i < width) sum1 += load_part(x + i, width - i, 0);
    return sum_lanes(sum0 + sum1) / (float)width;
}

INLINE float row_squares(size_t width, const float *x, float mean)
{
    vec sum0 = {0}, sum1 = {0};
    size_t i = 0;
    for (; i + 32 <= width; i += 32) {
        vec a = load(x + i) - mean, b = load(x + i + 16) - mean;
        sum0 += a * a;
        sum1 += b * b;
    }
    for (; i + 16 <= width; i += 16) {
        vec a = load(x + i) - mean;
        sum0 += a * a;
    }
    if (i < width) {
        vec a = load_part(x + i, width - i, mean) - mean;
        sum1 += a * a;
    }
    return sum_lanes(sum0 + sum1);
}

/* y = (x - mean) * factor * gain + bias of one row. */
INLINE void norm_row(size_t width, const float *x, float mean, float factor, const float *gain,
                     const float *bias, float *y, bool centred, bool plus_one)
{
    size_t i = 0;
    for (; i + 16 <= width; i += 16) {
        vec h = centred ? load(x + i) - mean : load(x + i);
        store(y + i, h * factor * norm_gain(gain + i, plus_one));
    }
    for (; i < width; i++) {
        float h = centred ? x[i] - mean : x[i];
        y[i] = h * factor * norm_gain1(gain[i], plus_one);
    }
    if (bias) add_(width, bias, y);
}

INLINE void norm_forward(size_t rows, size_t width, float epsilon, const float *x,
                         const float *gain, const float *bias, float *y, float *rstd, bool centred,
                         bool plus_one)
{
    for (size_t r = 0; r < rows; r++, x += width, y += width) {
        float mean = centred ? row_mean(width, x) : 0.0f;
        float squares = centred ? row_squares(width, x, mean) : dot_row(width, x, x);
        float square = squares / (float)width + epsilon;
        /* 1 / inf would be 0, and every logit behind it a number that means nothing. */
        float factor = isinf(square) ? NAN : 1.0f / sqrtf(square);
        if (rstd) rstd[r] = factor;
        norm_row(width, x, mean, factor, gain, bias, y, centred, plus_one);
    }
}

/* What all of a row's gradients share: with g = gain dy and h = x - mean, `pull` is mean(g h)
 * rstd^2 and `shift` mean(g). */
typedef struct norm_pull {
    float mean, shift, pull;
} norm_pull;

INLINE norm_pull norm_pulls(size_t width, const float *x, const float *gain, const float *dy,
                            float factor, bool centred, bool plus_one)
{
    norm_pull out = {.mean = centred ? row_mean(width, x) : 0.0f};
    vec sum = {0}, shift = {0};
    size_t i = 0;
    for (; i + 16 <= width; i += 16) {
        vec g = norm_gain(gain + i, plus_one) * load(dy + i);
        sum += g * (centred ? load(x + i) - out.mean : load(x + i));
        if (centred) shift += g;
    }
    if (i < width) {
        vec weight = load_part(gain + i, width - i, 0); /* beyond the row dy is 0 */
        vec g = (plus_one ? 1.0f + weight : weight) * load_part(dy + i, width - i, 0);
        vec h = load_part(x + i, width - i, 0);
        sum += g * (centred ? h - out.mean : h);
        if (centred) shift += g;
    }
    out.pull = sum_lanes(sum) * factor * factor / (float)width;
    out.shift = centred ? sum_lanes(shift) / (float)width : 0.0f;
    return out;
}

/* dx = or += rstd (g - mean(g) - h mean(g h) rstd^2); without the mean for the RMS kinds. */
INLINE void norm_backward_row(size_t width, const float *x, const float *gain, const float *dy,
                              float factor, norm_pull p, float *dx, bool add, bool centred,
                              bool plus_one)
{
    size_t i = 0;
    for (; i + 16 <= width; i += 16) {
        vec g = norm_gain(gain + i, plus_one) * load(dy + i), h = load(x + i);
        if (centred) g -= p.shift, h -= p.mean;
        store(dx + i, (add ? load(dx + i) : (vec){0}) + (g - h * p.pull) * factor);
    }
    for (; i < width; i++) {
        float g = norm_gain1(gain[i], plus_one) * dy[i], h = x[i];
        if (centred) g -= p.shift, h -= p.mean;
        dx[i] = (add ? dx[i] : 0.0f) + (g - h * p.pull) * factor;
    }
}

INLINE void norm_backward(size_t rows, size_t width, const float *x, const float *gain,
                          const float *bias, const float *rstd, const float *dy, float *dx,
                          bool add, float *normed, float *dgain, float *dbias, bool centred,
                          bool plus_one)
{
    for (size_t r = 0; r < rows; r++, x += width, dy += width, dx += width) {
        float factor = rstd[r];
        norm_pull p = norm_pulls(width, x, gain, dy, factor, centred, plus_one);
        if (dgain) /* these two before dx, which may lie on dy */
            for (size_t i = 0; i < width; i++)
                dgain[i] += dy[i] * ((centred ? x[i] - p.mean : x[i]) * factor);
        if (dbias) add_(width, dy, dbias);
        if (normed) {
            norm_row(width, x, p.mean, factor, gain, bias, normed, centred, plus_one);
            normed += width;
        }
        if (add) norm_backward_row(width, x, gain, dy, factor, p, dx, true, centred, plus_one);
        else norm_backward_row(width, x, gain, dy, factor, p, dx, false, centred, plus_one);
    }
}

#define NORM_KIND(kind, centred, plus_one)                                                         \
    static void kind##_forward(size_t rows, size_t width, float epsilon, const float *x,           \
                               const float *gain, const float *bias, float *y, float *rstd)        \
    {                                                                                              \
        norm_forward(rows, width, epsilon, x, gain, bias, y, rstd, centred, plus_one);             \
    }                                                                                              \
    static void kind##_backward(size_t rows, size_t width, const float *x, const float *gain,      \
                                const float *bias, const float *rstd, const float *dy, float *dx,  \
                                bool add, float *normed, float *dgain, float *dbias)               \
    {                                                                                              \
        norm_backward(rows, width, x, gain, bias, rstd, dy, dx, add, normed, dgain, dbias,         \
                      centred, plus_one);                                                          \
    }

NORM_KIND(norm_rms, false, false)
NORM_KIND(norm_rms_plus_one, false, true)
NORM_KIND(norm_layer, true, false)

#endif
