/* SPDX-License-Identifier: Apache-2.0
 * Dropout masks: eight blocks of Philox4x32-10 at a time (Salmon et al. 2011, "Parallel random
 * numbers: as easy as 1, 2, 3"), each in a 64-bit lane. For kernels_body.h alone.
 */
#ifndef EVAL_COMPUTE_KERNELS_DROPOUT_H
#define EVAL_COMPUTE_KERNELS_DROPOUT_H

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "eval/compute/kernels_vector.h"

typedef uint64_t wide_vec __attribute__((vector_size(64)));
typedef uint16_t piece_vec __attribute__((vector_size(64)));
typedef int16_t quarter_mask __attribute__((vector_size(32)));

/* The products of the lower halves of the lanes. */
INLINE wide_vec multiply_low(wide_vec a, wide_vec b)
{
#if defined(__AVX512F__)
    return (wide_vec)_mm512_mul_epu32((__m512i)a, (__m512i)b);
#elif defined(__x86_64__)
    union {
        wide_vec whole;
        __m128i part[4];
    } x = {a}, y = {b};
    for (int i = 0; i < 4; i++) x.part[i] = _mm_mul_epu32(x.part[i], y.part[i]);
    return x.whole;
#else
    return (a & 0xffffffff) * (b & 0xffffffff);
#endif
}

/* The 64 pieces of 16 bits of blocks low .. low + 7, block by block. Between the rounds the upper
 * halves of the lanes hold what nobody reads. */
INLINE void philox_pieces(piece_vec out[2], uint64_t high, uint64_t low, uint64_t key)
{
    const wide_vec zero = {0}, m0 = zero + 0xD2511F53, m1 = zero + 0xCD9E8D57;
    wide_vec c0 = zero + low + (wide_vec){0, 1, 2, 3, 4, 5, 6, 7}, c1 = c0 >> 32;
    wide_vec c2 = zero + high, c3 = c2 >> 32;
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int round = 0; round < 10; round++) {
        wide_vec p0 = multiply_low(c0, m0), p1 = multiply_low(c2, m1);
        c0 = p1 >> 32 ^ c1 ^ (zero + k0);
        c2 = p0 >> 32 ^ c3 ^ (zero + k1);
        c1 = p1;
        c3 = p0;
        k0 += 0x9E3779B9;
        k1 += 0xBB67AE85;
    }
    wide_vec first = (c0 & 0xffffffff) | c1 << 32, second = (c2 & 0xffffffff) | c3 << 32;
    out[0] = (piece_vec)__builtin_shufflevector(first, second, 0, 8, 1, 9, 2, 10, 3, 11);
    out[1] = (piece_vec)__builtin_shufflevector(first, second, 4, 12, 5, 13, 6, 14, 7, 15);
}

/* factor[i], i < 64: `kept` where the piece is at least `threshold`, else 0. */
INLINE void dropout_factors(vec factor[4], const wane_philox *p, uint64_t low)
{
    piece_vec piece[2];
    philox_pieces(piece, p->high, low, p->key);
    for (int i = 0; i < 2; i++) {
        piece_vec mask = (piece_vec)(piece[i] >= (uint16_t)p->threshold);
        quarter_mask half[2];
        memcpy(half, &mask, sizeof mask);
        for (int j = 0; j < 2; j++)
            factor[2 * i + j] =
                choose(__builtin_convertvector(half[j], ivec), splat(p->kept), (vec){0});
    }
}

static void dropout_(size_t count, const wane_philox *p, const float *x, float *y, bool add)
{
    uint64_t low = p->low;
    vec factor[4];
    size_t i = 0;
    for (; i + 64 <= count; i += 64, low += 8) {
        dropout_factors(factor, p, low);
        for (int j = 0; j < 4; j++) {
            vec dropped = factor[j] * load(x + i + 16 * j);
            store(y + i + 16 * j, add ? load(y + i + 16 * j) + dropped : dropped);
        }
    }
    if (i == count) return;
    float rest_x[64] = {0}, rest_y[64] = {0};
    memcpy(rest_x, x + i, (count - i) * sizeof *x);
    if (add) memcpy(rest_y, y + i, (count - i) * sizeof *y);
    dropout_factors(factor, p, low);
    for (int j = 0; j < 4; j++)
        store(rest_y + 16 * j, load(rest_y + 16 * j) + factor[j] * load(rest_x + 16 * j));
    memcpy(y + i, rest_y, (count - i) * sizeof *y);
}

#endif
