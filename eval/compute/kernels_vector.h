/* SPDX-License-Identifier: Apache-2.0
 * Vectors of 16 floats in GCC's vector extension, which the compiler maps to whatever the target
 * has. For kernels_body.h, kernels_activation.h, kernels_attention.h, kernels_dropout.h,
 * kernels_norm.h and kernels_sums.h alone. Included after the target pragma.
 */
#ifndef EVAL_COMPUTE_KERNELS_VECTOR_H
#define EVAL_COMPUTE_KERNELS_VECTOR_H

#include <math.h>
#include <string.h>

#include "eval/compute/kernels_tables.h"

#define INLINE static inline __attribute__((always_inline))

typedef float vec __attribute__((vector_size(64)));
typedef int32_t ivec __attribute__((vector_size(64)));
typedef float half_vec __attribute__((vector_size(32)));
typedef float quarter_vec __attribute__((vector_size(16)));
typedef float loose_vec __attribute__((vector_size(64), aligned(4), may_alias));

INLINE vec load(const float *p)
{
    return *(const loose_vec *)p;
}

INLINE void store(float *p, vec v)
{
    *(loose_vec *)p = v;
}

/* The first n < 16 lanes; the rest are `fill`. */
INLINE vec load_part(const float *p, size_t n, float fill)
{
    vec v = fill - (vec){0};
    memcpy(&v, p, n * sizeof(float));
    return v;
}

INLINE void store_part(float *p, size_t n, vec v)
{
    memcpy(p, &v, n * sizeof(float));
}

INLINE vec splat(float x)
{
    return x - (vec){0};
}

INLINE vec choose(ivec mask, vec yes, vec no)
{
    return (vec)((mask & (ivec)yes) | (~mask & (ivec)no));
}

/* All bits of a lane where a < b, and where a <= b. Compared in vectors that the target has: wider
 * ones GCC takes apart lane by lane. */
#if defined(__AVX512F__)
INLINE ivec less(vec a, vec b)
{
    return a < b;
}

INLINE ivec at_most(vec a, vec b)
{
    return a <= b;
}
#else
#if defined(__AVX2__)
typedef half_vec own_vec;
#else
typedef quarter_vec own_vec;
#endif
enum { OWN_VECTORS = sizeof(vec) / sizeof(own_vec) };

typedef union parts {
    vec whole;
    ivec mask;
    own_vec part[OWN_VECTORS];
} parts;

INLINE ivec less(vec a, vec b)
{
    parts x = {.whole = a}, y = {.whole = b};
    for (int i = 0; i < OWN_VECTORS; i++) x.part[i] = (own_vec)(x.part[i] < y.part[i]);
    return x.mask;
}

INLINE ivec at_most(vec a, vec b)
{
    parts x = {.whole = a}, y = {.whole = b};
    for (int i = 0; i < OWN_VECTORS; i++) x.part[i] = (own_vec)(x.part[i] <= y.part[i]);
    return x.mask;
}
#endif

/* 0, 1, ..., 15. */
INLINE ivec lanes(void)
{
    return (ivec){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
}

/* A NaN in b is dropped, one in a stays. */
INLINE vec vmax(vec a, vec b)
{
    return choose(less(a, b), b, a);
}

/* A fixed tree: halves onto halves. */
INLINE float sum_lanes(vec v)
{
    half_vec h = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) +
                 __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
    quarter_vec q =
        __builtin_shufflevector(h, h, 0, 1, 2, 3) + __builtin_shufflevector(h, h, 4, 5, 6, 7);
    return (q[0] + q[2]) + (q[1] + q[3]);
}

INLINE float max_lanes(vec v)
{
    float most = v[0];
    for (int i = 1; i < 16; i++) most = v[i] > most ? v[i] : most;
    return most;
}

/* exp by x = n ln 2 + r, |r| <= ln 2 / 2, a polynomial of degree 6 in r whose coefficients are the
 * minimax ones for exp on that interval, and 2^n put into the exponent in two halves so that
 * neither overflows. */
INLINE vec vexp(vec x)
{
    const float low = -87.33654f, high = 88.72283f;
    const float magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
    ivec under = less(x, splat(low));
    x = choose(under, splat(low), x);
    x = choose(less(splat(high), x), splat(high), x);
    vec shifted = x * 1.44269504088896341f + magic;
    vec n = shifted - magic;
    vec r = x - n * 0.693145751953125f;
    r = r - n * 1.42860682030941723212e-6f;
    vec p = splat(0x1.6a23cep-10f);
    p = p * r + 0x1.123a2p-7f;
    p = p * r + 0x1.5558f2p-5f;
    p = p * r + 0x1.555492p-3f;
    p = p * r + 0x1.fffffcp-2f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    ivec exponent = (ivec)shifted - 0x4b400000;
    ivec first = exponent >> 1, second = exponent - first;
    vec y = p * (vec)((first + 127) << 23) * (vec)((second + 127) << 23);
    return choose(under, (vec){0}, y);
}

/* tanh: below .625 x + x^3 P(x^2) with P the minimax polynomial of degree 4, else
 * 1 - 2 / (exp(2 |x|) + 1). */
INLINE vec vtanh(vec x)
{
    vec size = (vec)((ivec)x & 0x7fffffff), z = x * x;
    vec p = splat(-0x1.75e1cep-8f);
    p = p * z + 0x1.52269cp-6f;
    p = p * z - 0x1.b83c5ap-5f;
    p = p * z + 0x1.110726p-3f;
    p = p * z - 0x1.555532p-2f;
    vec near = x + x * z * p;
    vec far = 1.0f - 2.0f / (vexp(size + size) + 1.0f);
    far = (vec)((ivec)far | ((ivec)x & (int32_t)0x80000000));
    return choose(less(size, splat(0.625f)), near, far);
}

#endif
