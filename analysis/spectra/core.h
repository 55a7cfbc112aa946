/* SPDX-License-Identifier: Apache-2.0
 * Core space: in the singular basis of the base, completed by what of the change leaves its spans,
 * the tuned weight is C = [S 0; 0 0] + P Q^T. Column-major, double. For this room alone.
 */
#ifndef ANALYSIS_SPECTRA_CORE_H
#define ANALYSIS_SPECTRA_CORE_H

#include "analysis/spectra/leading.h"

typedef struct wane_core {
    size_t rank;           /* of S: the first coordinates of both sides */
    size_t left, right;    /* coordinates per side: rank and the extra ones; one side has none */
    size_t k;              /* columns of P and Q */
    const double *s;       /* borrowed */
    double *p, *q;         /* left x k, right x k; owned */
    const double *squares; /* P^T P = Q^T Q = diag of these k; borrowed; NULL where unknown */
    double *left_rest, *right_rest; /* what completes U and V: rows x (left - rank), cols x ...;
                                       owned, NULL where P and Q were given */
    double *room;                   /* k x widest, for products; owned */
    wane_pool *pool;
} wane_core;

/* The widest block that the triplets of `top` directions multiply at once. */
static inline size_t wane_core_widest(size_t top)
{
    return top + 2;
}

/* Room for products with up to `widest` columns, once all fields before are set. The caller closes,
 * also on failure. */
WANE_MUST_CHECK wane_status wane_core_open(wane_core *core, size_t widest, wane_error *err);
/* Of a factored change (delta->numerical >= 1). */
WANE_MUST_CHECK wane_status wane_core_of_delta(wane_core *out, const wane_base_svd *base,
                                               const wane_delta *delta, size_t widest,
                                               wane_pool *pool, wane_error *err);
void wane_core_close(wane_core *core); /* {0} allowed */

/* C^T applied to y (left x count), or C to x (right x count). */
void wane_core_multiply(const wane_core *core, bool transpose, double *out, const double *in,
                        size_t count);

/* The first `top` triplets in core coordinates, as wane_leading_core finds and proves them. *found
 * = false, and out untouched, where it cannot. */
WANE_MUST_CHECK wane_status wane_core_lanczos(wane_leading *out, bool *found, const wane_core *core,
                                              size_t top, wane_error *err);

/* The same by dense methods, always: eigenvectors of the smaller Gram matrix, which loses up to
 * 2.5 digits to the SVD of C (sigma_1 / (2 sigma_top) of its error), and where the top spans more
 * than that, the SVD of C. */
WANE_MUST_CHECK wane_status wane_core_dense(wane_leading *out, const wane_core *core, size_t top,
                                            wane_error *err);
/* Of C given whole (rows x cols). */
WANE_MUST_CHECK wane_status wane_leading_dense(wane_leading *out, const double *c, size_t rows,
                                               size_t cols, size_t top, wane_error *err);

#endif
