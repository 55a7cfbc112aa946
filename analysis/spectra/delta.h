/* SPDX-License-Identifier: Apache-2.0
 * The change W - W_0: as orthonormal factors where a chain gives it, and its norms. For this room
 * alone.
 */
#ifndef ANALYSIS_SPECTRA_DELTA_H
#define ANALYSIS_SPECTRA_DELTA_H

#include "analysis/spectra/base_svd.h"

/* The SVD of a chain of low-rank terms: sum_t scale_t B_t A_t = X diag(sigma) Y^T, exact in double;
 * x rows x rank, y cols x rank, column-major. rank = min(rows, cols, summed ranks); numerical is
 * how many sigma stand above rounding. */
typedef struct wane_delta {
    size_t rows, cols, rank, numerical;
    double *sigma, *x, *y;
} wane_delta;

/* WANE_EINVAL for a term without factors, WANE_ENUMERIC for values that are not finite. The caller
 * frees the content with wane_delta_free ({0} allowed). */
WANE_MUST_CHECK wane_status wane_delta_factor(wane_delta *out, size_t rows, size_t cols,
                                              const wane_lowrank_term *terms, size_t count,
                                              wane_pool *pool, wane_error *err);
void wane_delta_free(wane_delta *delta);

/* weight (rows x cols, row-major) += the change. */
WANE_MUST_CHECK wane_status wane_delta_add(double *weight, const wane_delta *delta, wane_pool *pool,
                                           wane_error *err);

/* rho is of so many base directions, or of all there are. */
enum { WANE_RHO_DIRECTIONS = 10 };
size_t wane_rho_directions(const wane_base_svd *base);
/* From inside = U_k^T dW V_k (k x k) and out->delta_frobenius. */
void wane_delta_set_rho(wane_spectrum *out, const double *inside, size_t k);

/* Of a factored change: also rho. */
WANE_MUST_CHECK wane_status wane_delta_factored_norms(wane_spectrum *out, const wane_base_svd *base,
                                                      const wane_delta *delta, wane_pool *pool,
                                                      wane_error *err);

/* Of a dense change, row-major rows x cols in double. Without `values` only delta_frobenius,
 * relative_update and rho; what needs singular values is NaN. */
WANE_MUST_CHECK wane_status wane_delta_dense_norms(wane_spectrum *out, const wane_base_svd *base,
                                                   const double *change, bool values,
                                                   wane_pool *pool, wane_error *err);

/* The same without `values` of a weight given whole, of the base's shape; holds little more than
 * the weights themselves. WANE_ENUMERIC where it is not finite. */
WANE_MUST_CHECK wane_status wane_delta_whole_norms(wane_spectrum *out, const wane_base_svd *base,
                                                   wane_matrix tuned, wane_pool *pool,
                                                   wane_error *err);
/* delta_spectral, stable_rank and top_share of it, where `out` has delta_frobenius: by the first
 * triplet of the change (leading.h), held in fp32, to which it rounds where a number more than
 * doubles or halves, else exact (Sterbenz). sigma_1 = |dW v| is never too great; with the residual
 * r = |dW^T u - sigma v| <= 1e-5 sigma it is too small by at most r, and by r^2 / 2 over the gap
 * to the next value where there is one (Kato-Temple): 1e-9 of it for a gap of 1/20, 1e-6 for one
 * of 1/20,000. NaN where the triplet is not found (as of a change of a few numbers); delta_spectral
 * of none is 0. Holds the change meanwhile. */
WANE_MUST_CHECK wane_status wane_delta_whole_spectral(wane_spectrum *out, const wane_base_svd *base,
                                                      wane_matrix tuned, wane_pool *pool,
                                                      wane_error *err);
/* The Frobenius norm, in double. */
WANE_MUST_CHECK wane_status wane_weight_frobenius(double *out, wane_matrix weight, wane_pool *pool,
                                                  wane_error *err);

#endif
