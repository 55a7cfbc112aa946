/* SPDX-License-Identifier: Apache-2.0
 * What strips_baseline.c, strips_avx2.c and strips_avx512.c define. For this room alone.
 */
#ifndef ANALYSIS_SPECTRA_STRIPS_TABLES_H
#define ANALYSIS_SPECTRA_STRIPS_TABLES_H

#include <stdbool.h>
#include <stddef.h>

/* Vectors with the distance from one to the next. */
typedef struct wane_strip_side {
    size_t count, in_stride, out_stride;
    const float *in;
    float *out;
} wane_strip_side;

/* For a strip w of rows x cols: left out += in w, right out += in w^T; `chained`: left's in is
 * right's out. */
typedef void wane_strip_kernel(const float *w, size_t stride, size_t rows, size_t cols,
                               const wane_strip_side *left, const wane_strip_side *right,
                               bool chained);

extern wane_strip_kernel wane_strip_baseline;
#if defined(__x86_64__)
extern wane_strip_kernel wane_strip_avx2, wane_strip_avx512;
#endif

#endif
