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

/* `count` random numbers to start from, the same at every call. */
WANE_MUST_CHECK wane_status wane_leading_start(double *block, size_t count, wane_error *err);

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

/* What is asked of wane_leading_find; all of it borrowed. */
typedef struct wane_leading_question {
    wane_matrix weight;       /* W_0, or W whole */
    const wane_delta *change; /* W - W_0 in factors, of the weight's shape, or NULL */
    size_t top;               /* 1..min(rows, cols) */
    const wane_leading *near; /* triplets of a weight nearby to start from, or NULL */
    double rounding;          /* as of wane_spectrum_options */
    double residual;          /* wanted: |W^T u - sigma v| of each at most this times sigma_1 */
    double angle;             /* and, where not 0, its angle at most this */
} wane_leading_question;

/* Of a large weight W in fp32, neither copied nor merged with its change: block Krylov iteration on
 * W^T W (W W^T, where W is wider than tall) by fp32 products, then a Rayleigh-Ritz step with
 * products in double, and more of them where fp32 does not reach what is wanted. W v = sigma u to
 * double precision; angle[j] bounds the sine of the angle between u_j and the true vector, and that
 * of v_j (W turned: the other way round):
 *
 *   r_j = W^T u_j - sigma_j v_j in double, R = [r_1 .. r_top], beyond = at least the norm of W on
 *   what is orthogonal to the triplets. Then sigma_i <= the true one for each i (Cauchy), the true
 *   one is at most max(sigma_i, beyond) + |R|_F (Weyl), and
 *     angle_j = |r_j| / min(sigma_{j-1} - sigma_j, sigma_j - sigma_{j+1} - |R|_F)
 *   with `beyond` for sigma_{top+1} (Davis & Kahan 1970 for [0 W; W^T 0]; Stewart & Sun, "Matrix
 *   Perturbation Theory", V.4, Wedin). 1 where the gap is none: equal values.
 *   `beyond` is the greatest sqrt(lambda + residual) of the other Ritz pairs of W^T W, in a space
 *   that holds six random vectors more than triplets, or, beside a start nearby, six random vectors
 *   and what W^T W makes of them in at least six passes. That nothing greater has no part in any of
 *   them holds with probability, it is no theorem.
 *
 * Triplets whose sigma is at or below the floor (wane_spectrum's, for `rounding`) come without
 * vectors that mean anything, their angle is 1. *found = false, and out and angle untouched, where
 * the tolerances are not met (as by equal values, for an angle), where W is zero or too small for
 * the method: the dense SVD's turn. The same bits for any number of threads. WANE_ENUMERIC for
 * values that are not finite. */
WANE_MUST_CHECK wane_status wane_leading_find(wane_leading *out, double *angle, bool *found,
                                              const wane_leading_question *question,
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
