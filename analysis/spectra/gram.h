/* SPDX-License-Identifier: Apache-2.0
 * Products with A^T A, A a large weight that may have a factored change, held in fp32 and neither
 * copied nor merged. For this room alone.
 */
#ifndef ANALYSIS_SPECTRA_GRAM_H
#define ANALYSIS_SPECTRA_GRAM_H

#include "analysis/spectra/delta.h"

/* A is the weight W + X diag(sigma) Y^T where that has at least as many rows as columns, else its
 * transpose: `inner` = min(rows, cols) <= `outer`. Vectors are columns of doubles. */
typedef struct wane_gram {
    wane_matrix w;
    size_t inner, outer;
    bool turned;
    size_t widest;      /* columns at a time */
    size_t rank;        /* of the change */
    const double *near; /* inner x rank: its vectors on that side, borrowed */
    double *far;        /* outer x rank: those of the other side, times sigma */
    float *near_single, *far_single;
    float *x, *y, *z, *part, *strips;
    double *sums, *panels, *parts;
    wane_pool *pool;
} wane_gram;

/* All arguments are borrowed; `change` (NULL: none) is of the shape of w. Freed by wane_gram_free
 * ({0} allowed). */
WANE_MUST_CHECK wane_status wane_gram_open(wane_gram *out, wane_matrix w, const wane_delta *change,
                                           size_t widest, wane_pool *pool, wane_error *err);
void wane_gram_free(wane_gram *gram);

/* z (inner x count) = A^T A x in fp32: off by some 1e-7 |A|^2. */
void wane_gram_single(const wane_gram *gram, double *z, const double *x, size_t count);

/* y (outer x count) = A x and z = A^T A x in double; W is read once, and widened piece by piece. */
void wane_gram_double(const wane_gram *gram, double *y, double *z, const double *x, size_t count);

#endif
