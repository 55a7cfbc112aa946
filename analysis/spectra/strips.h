/* SPDX-License-Identifier: Apache-2.0
 * Products of a large matrix with a few vectors on either side, in fp32, for one reading of the
 * matrix: work is cut into strips of it that stay in the cache. BLAS copies the matrix first, and
 * reads it once for each product. For this room alone.
 */
#ifndef ANALYSIS_SPECTRA_STRIPS_H
#define ANALYSIS_SPECTRA_STRIPS_H

#include "store/base/matrix.h"
#include "store/base/threads.h"

/* Vectors, one behind the other without gaps; `count` may be 0. */
typedef struct wane_strip_vectors {
    size_t count;
    const float *in;
    float *out;
} wane_strip_vectors;

/* left:  out (count x cols) = in (count x rows) W,
 * right: out (count x rows) = in (count x cols) W^T.
 * `room` is of wane_strip_room(w, left->count) numbers. The bits of a product depend on the vector,
 * the matrix and the instruction set (that of the processor: AVX-512, AVX2 or the least of its
 * architecture), not on the others nor on threads. */
void wane_strip_products(wane_matrix w, const wane_strip_vectors *left,
                         const wane_strip_vectors *right, float *room, wane_pool *pool);
size_t wane_strip_room(wane_matrix w, size_t left);

/* y (count x rows) += x (count x cols) W^T, then z (count x cols) = y W, for one reading of W. */
void wane_strip_gram(wane_matrix w, size_t count, const float *x, float *y, float *z, float *room,
                     wane_pool *pool);

/* On one thread, without room: sums (cols numbers) += x W, dots (rows numbers) = W y; either may be
 * NULL. */
void wane_strip_add(wane_matrix w, const float *x, float *sums);
void wane_strip_dots(wane_matrix w, const float *y, float *dots);

#endif
