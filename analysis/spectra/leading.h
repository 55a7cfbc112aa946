/* SPDX-License-Identifier: Apache-2.0
 * The leading singular triplets of a large matrix without its whole SVD. For this room alone.
 */
#ifndef ANALYSIS_SPECTRA_LEADING_H
#define ANALYSIS_SPECTRA_LEADING_H

#include "analysis/spectra/delta.h"
#include "analysis/spectra/subspace.h"

/* The first `top` triplets; u rows x top, v cols x top, column-major. */
typedef struct wane_leading {
    size_t rows, cols, top;
    double *sigma, *u, *v;
} wane_leading;

WANE_MUST_CHECK wane_status wane_leading_room(wane_leading *out, size_t rows, size_t cols,
                                              size_t top, wane_error *err);
void wane_leading_free(wane_leading *leading); /* {0} allowed */

/* Residuals |A^T u - sigma v| are at most this times sigma_1. */
#define WANE_LEADING_TOLERANCE 1e-12

/* Of any matrix, into `out` (wane_leading_room), by block Golub-Kahan-Lanczos with thick restart
 * and full reorthogonalisation; rows >= cols saves work. *found = false, and the content of out
 * void, where the method cannot vouch for the result: no convergence, a Krylov space that closed
 * early, or as many equal singular values as the block is wide, of which it may have missed copies.
 */
WANE_MUST_CHECK wane_status wane_leading_lanczos(wane_leading *out, bool *found,
                                                 const wane_operator *a, wane_error *err);

/* How many singular values of W_0 + the change are greater than tau > 0, without finding one.
 * WANE_ENUMERIC where tau meets a singular value. */
WANE_MUST_CHECK wane_status wane_leading_count(size_t *above, const wane_base_svd *base,
                                               const wane_delta *delta, double tau, wane_pool *pool,
                                               wane_error *err);

/* Of a whole matrix, row-major rows x cols. *found = false, and out untouched, as above. */
WANE_MUST_CHECK wane_status wane_leading_whole(wane_leading *out, bool *found, const double *w,
                                               size_t rows, size_t cols, size_t top,
                                               wane_pool *pool, wane_error *err);

/* Of W_0 + a factored change (delta->numerical >= 1), in the singular basis of the base: u and v
 * come in coordinates of [U, what of the change leaves the span of U] and the same for V, so that
 * their first base->count entries are the cosines; `vectors` (may be NULL) gets the same triplets
 * as vectors of the matrix itself. The number of singular values beyond the last one found is
 * checked by the law of inertia. *found = false, and both untouched, when that or Lanczos fails. */
WANE_MUST_CHECK wane_status wane_leading_core(wane_leading *out, wane_leading *vectors, bool *found,
                                              const wane_base_svd *base, const wane_delta *delta,
                                              size_t top, wane_pool *pool, wane_error *err);

#endif
