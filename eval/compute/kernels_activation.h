/* SPDX-License-Identifier: Apache-2.0
 * Activations, plain and as a gate, and the soft cap. For kernels_body.h alone.
 *
 * An activation is two functions of a vector: NAME_value gives act(x), and NAME_slope gives it
 * again and leaves weight * act'(x) in *dx.
 */
#ifndef EVAL_COMPUTE_KERNELS_ACTIVATION_H
#define EVAL_COMPUTE_KERNELS_ACTIVATION_H

#include "eval/compute/kernels_vector.h"

INLINE vec sigmoid(vec x)
{
    return 1.0f / (1.0f + vexp(-x));
}

/* x sigmoid(x): Elfwing, Uchibe and Doya, 2017. */
INLINE vec silu_value(vec x)
{
    return x * sigmoid(x);
}

INLINE vec silu_slope(vec x, vec weight, vec *dx)
{
    vec s = sigmoid(x);
    *dx = weight * s * (1.0f + x * (1.0f - s));
    return x * s;
}

/* The normal density at |x| and the share beyond it, 1 - Phi(|x|); *a becomes |x|, at most 14,
 * where both are 0. The share is the density times Mills' ratio, which is t P(t) with
 * t = 1 / (1 + .3 |x|) and P the minimax polynomial of degree 9 for a relative error of 4e-9. The
 * square of |x| is taken in two parts, so that exp gets it whole. */
INLINE void normal_tail(vec x, vec *a, vec *density, vec *beyond)
{
    vec size = (vec)((ivec)x & 0x7fffffff);
    size = choose(less(splat(14.0f), size), splat(14.0f), size);
    vec high = (vec)((ivec)size & ~0xfff), low = (size - high) * (size + high) * 0.5f;
    high = high * high * 0.5f; /* exact */
    vec square = high + low, lost = (high - square) + low;
    vec e = vexp(-square);
    e = (e - e * lost) * 0.3989422804014327f;
    vec t = 1.0f / (1.0f + 0.3f * size);
    vec p = splat(-0x1.a745180000000p-5f);
    p = p * t + 0x1.2071d4p-2f;
    p = p * t - 0x1.24b348p-1f;
    p = p * t + 0x1.ebbfccp-2f;
    p = p * t - 0x1.96d258p-3f;
    p = p * t + 0x1.ed1eaap-3f;
    p = p * t + 0x1.929a8ap-3f;
    p = p * t + 0x1.1aee1ap-2f;
    p = p * t + 0x1.32eb06p-2f;
    p = p * t + 0x1.3335ccp-2f;
    *a = size;
    *density = e;
    *beyond = e * t * p;
}

/* x Phi(x), Phi the normal distribution: Hendrycks and Gimpel, 2016. */
INLINE vec gelu_of(vec x, vec a, vec beyond)
{
    return choose(less(x, (vec){0}), x * beyond, x - a * beyond);
}

INLINE vec gelu_value(vec x)
{
    vec a, density, beyond;
    normal_tail(x, &a, &density, &beyond);
    return gelu_of(x, a, beyond);
}

INLINE vec gelu_slope(vec x, vec weight, vec *dx)
{
    vec a, density, beyond;
    normal_tail(x, &a, &density, &beyond);
    vec below = beyond - a * density; /* Phi(-a) - a phi(a): the slope at -a */
    *dx = weight * choose(less(x, (vec){0}), below, 1.0f - below);
    return gelu_of(x, a, beyond);
}

/* x / 2 (1 + tanh(u)) = x sigmoid(2 u), u = sqrt(2 / pi) (x + .044715 x^3): the same paper's
 * approximation. Returns sigmoid(2 u), *rest = 1 - sigmoid(2 u) without cancellation, *rise = x
 * times the slope of 2 u. Beyond 30 the first two are 0 and 1 for good, so that x stops there. */
INLINE vec gelu_tanh_gate(vec x, vec *rest, vec *rise)
{
    vec low = splat(-30.0f), high = splat(30.0f);
    vec in = choose(less(x, low), low, choose(less(high, x), high, x));
    vec square = in * in, twice = in * (1.5957691216057308f + 0.07135481282f * square);
    vec e = vexp(-twice), s = 1.0f / (1.0f + e);
    *rest = e * s;
    *rise = in * (1.5957691216057308f + 0.21406443846f * square);
    return choose(less(twice, splat(-87.0f)), (vec){0}, s);
}

INLINE vec gelu_tanh_value(vec x)
{
    vec rest, rise;
    return x * gelu_tanh_gate(x, &rest, &rise);
}

INLINE vec gelu_tanh_slope(vec x, vec weight, vec *dx)
{
    vec rest, rise, s = gelu_tanh_gate(x, &rest, &rise);
    *dx = weight * s * (1.0f + rise * rest);
    return x * s;
}

INLINE vec relu_value(vec x)
{
    return choose(at_most(x, (vec){0}), (vec){0}, x);
}

INLINE vec relu_slope(vec x, vec weight, vec *dx)
{
    *dx = choose(at_most(x, (vec){0}), (vec){0}, weight);
    return relu_value(x);
}

typedef vec activation_value(vec x);
typedef vec activation_slope(vec x, vec weight, vec *dx);

/* n <= 16 elements; n is the constant 16 but at the end of a row. */
INLINE void gated_part(size_t n, const float *gate, const float *up, float *y,
                       activation_value *value)
{
    store_part(y, n, value(load_part(gate, n, 0)) * load_part(up, n, 0));
}

INLINE void gated(size_t rows, size_t hidden, const float *gate_up, float *y,
                  activation_value *value)
{
    for (size_t r = 0; r < rows; r++, gate_up += 2 * hidden, y += hidden) {
        const float *up = gate_up + hidden;
        size_t i = 0;
        for (; i + 16 <= hidden; i += 16) gated_part(16, gate_up + i, up + i, y + i, value);
        if (i < hidden) gated_part(hidden - i, gate_up + i, up + i, y + i, value);
    }
}

INLINE void gated_slope_part(size_t n, float *gate, float *up, float *dy, activation_slope *slope)
{
    vec g = load_part(gate, n, 0), u = load_part(up, n, 0), d = load_part(dy, n, 0), dgate;
    vec act = slope(g, d * u, &dgate);
    store_part(gate, n, dgate);
    store_part(up, n, d * act);
    store_part(dy, n, act * u);
}

INLINE void gated_backward(size_t rows, size_t hidden, float *gate_up, float *dy,
                           activation_slope *slope)
{
    for (size_t r = 0; r < rows; r++, gate_up += 2 * hidden, dy += hidden) {
        float *up = gate_up + hidden;
        size_t i = 0;
        for (; i + 16 <= hidden; i += 16) gated_slope_part(16, gate_up + i, up + i, dy + i, slope);
        if (i < hidden) gated_slope_part(hidden - i, gate_up + i, up + i, dy + i, slope);
    }
}

INLINE void plain(size_t count, const float *x, float *y, activation_value *value)
{
    size_t i = 0;
    for (; i + 16 <= count; i += 16) store(y + i, value(load(x + i)));
    if (i < count) store_part(y + i, count - i, value(load_part(x + i, count - i, 0)));
}

INLINE void plain_slope_part(size_t n, float *x, float *dy, activation_slope *slope)
{
    vec dx, y = slope(load_part(x, n, 0), load_part(dy, n, 0), &dx);
    store_part(x, n, dx);
    store_part(dy, n, y);
}

INLINE void plain_backward(size_t count, float *x, float *dy, activation_slope *slope)
{
    size_t i = 0;
    for (; i + 16 <= count; i += 16) plain_slope_part(16, x + i, dy + i, slope);
    if (i < count) plain_slope_part(count - i, x + i, dy + i, slope);
}

#define ACTIVATION_KIND(kind)                                                                      \
    static void kind##_gated(size_t rows, size_t hidden, const float *gate_up, float *y)           \
    {                                                                                              \
        gated(rows, hidden, gate_up, y, kind##_value);                                             \
    }                                                                                              \
    static void kind##_gated_backward(size_t rows, size_t hidden, float *gate_up, float *dy)       \
    {                                                                                              \
        gated_backward(rows, hidden, gate_up, dy, kind##_slope);                                   \
    }                                                                                              \
    static void kind##_plain(size_t rows, size_t hidden, const float *x, float *y)                 \
    {                                                                                              \
        plain(rows *hidden, x, y, kind##_value);                                                   \
    }                                                                                              \
    static void kind##_plain_backward(size_t rows, size_t hidden, float *x, float *dy)             \
    {                                                                                              \
        plain_backward(rows *hidden, x, dy, kind##_slope);                                         \
    }

ACTIVATION_KIND(silu)
ACTIVATION_KIND(gelu)
ACTIVATION_KIND(gelu_tanh)
ACTIVATION_KIND(relu)

#define ACTIVATION_ENTRY(kind)                                                                     \
    {                                                                                              \
        kind##_gated, kind##_gated_backward, kind##_plain, kind##_plain_backward                   \
    }

static void cap_(size_t count, float cap, float *x)
{
    size_t i = 0;
    for (; i + 16 <= count; i += 16) store(x + i, vtanh(load(x + i) / cap) * cap);
    if (i < count) store_part(x + i, count - i, vtanh(load_part(x + i, count - i, 0) / cap) * cap);
}

static void cap_backward_(size_t count, float cap, const float *y, float *dy)
{
    for (size_t i = 0; i < count; i++) {
        float t = y[i] / cap;
        dy[i] *= 1.0f - t * t;
    }
}

#endif
