/* SPDX-License-Identifier: Apache-2.0
 * The few dense factorisations the spectra need, in double, by LAPACK on one thread. All matrices
 * are column-major without gaps: element (i, j) of an m x n matrix is a[i + j * m].
 */
#ifndef ANALYSIS_SPECTRA_LAPACK_H
#define ANALYSIS_SPECTRA_LAPACK_H

#include <stdbool.h>
#include <stddef.h>

#include "store/base/status.h"
#include "store/base/threads.h"

/* WANE_EINVAL beyond what LAPACK's 32-bit workspace sizes can hold; `operation` opens the message.
 */
enum { WANE_LARGEST_SIDE = 1 << 30, WANE_LARGEST_RANK = 20000 };
WANE_MUST_CHECK wane_status wane_lapack_shape(const char *operation, size_t rows, size_t cols,
                                              wane_error *err);

bool wane_lapack_finite(const double *values, size_t count);

/* The thin SVD of a (m x n, untouched): k = min(m, n) values in descending order into `sigma`,
 * u m x k and vt k x n, both NULL for values alone. Divide and conquer (dgesdd); where that does
 * not converge, implicit QR (dgesvd). WANE_ENUMERIC for values that are not finite or when neither
 * converges. */
WANE_MUST_CHECK wane_status wane_lapack_svd(const double *a, size_t m, size_t n, double *sigma,
                                            double *u, double *vt, wane_error *err);

/* QR: a (m x n) is overwritten by Q (m x k, k = min(m, n)); r is k x n, upper trapezoidal. */
WANE_MUST_CHECK wane_status wane_lapack_qr(double *a, size_t m, size_t n, double *r,
                                           wane_error *err);

/* The first k columns of the product of k reflectors I - tau_j v_j v_j^T, v_j zero above row j and
 * 1 there, below it column j of a (m x k, k <= m), which is overwritten. */
WANE_MUST_CHECK wane_status wane_lapack_reflect(double *a, size_t m, size_t k, const double *tau,
                                                wane_error *err);

/* QR with column pivoting and a rank cut: a (m x n) is overwritten by Q (m x *rank), r (room for
 * min(m, n) x n, written *rank x n) holds Q^T times the columns in their given order. Columns that
 * add at most `tolerance` in norm to the span are left out. */
WANE_MUST_CHECK wane_status wane_lapack_qr_rank(double *a, size_t m, size_t n, double tolerance,
                                                double *r, size_t *rank, wane_error *err);

/* Bunch-Kaufman factors of a symmetric a (n x n, lower triangle read, overwritten); pivots has n
 * ints. *negative = the number of negative eigenvalues. WANE_ENUMERIC when exactly singular. */
WANE_MUST_CHECK wane_status wane_lapack_symmetric(double *a, size_t n, int *pivots,
                                                  size_t *negative, wane_error *err);
/* The `top` greatest eigenvalues of a symmetric a (n x n, lower triangle read, overwritten) in
 * descending order with their vectors (n x top). Bisection and inverse iteration (dsyevr).
 * WANE_ENUMERIC for values that are not finite or when that does not converge. */
WANE_MUST_CHECK wane_status wane_lapack_eigen(double *a, size_t n, size_t top, double *values,
                                              double *vectors, wane_error *err);

/* Singular values of a square lower bidiagonal matrix, descending: `diagonal` (n numbers) is
 * overwritten by them, below[0 .. n - 2] is lost. `rows` (count x n) is multiplied from the right
 * by the left singular vectors. Implicit QR (dbdsqr). WANE_ENUMERIC for values that are not finite
 * or when that does not converge. */
WANE_MUST_CHECK wane_status wane_lapack_bidiagonal(double *diagonal, double *below, size_t n,
                                                   double *rows, size_t count, wane_error *err);

/* All eigenvalues of a symmetric a (n x n, lower triangle read, overwritten) in descending order,
 * by way of a band matrix (dsyev_2stage). WANE_ENUMERIC as above. */
WANE_MUST_CHECK wane_status wane_lapack_eigenvalues(double *values, double *a, size_t n,
                                                    wane_error *err);

/* C = alpha op(A) op(B) + beta C for column-major matrices; same bits for any number of threads. */
void wane_columns_product(wane_pool *pool, bool transpose_a, bool transpose_b, size_t m, size_t n,
                          size_t k, double alpha, const double *a, size_t lda, const double *b,
                          size_t ldb, double beta, double *c, size_t ldc);

#endif
