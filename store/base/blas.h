/* SPDX-License-Identifier: Apache-2.0
 * Dense products by OpenBLAS, one thread per call, cut into tiles that depend on shapes alone.
 * blas.c is the only file that includes cblas.h.
 */
#ifndef STORE_BASE_BLAS_H
#define STORE_BASE_BLAS_H

#include <stdbool.h>
#include <stddef.h>

#include "store/base/threads.h"

/* C = alpha op(A) op(B) + beta C in fp32; op(A) is m x k, op(B) k x n, C m x n, all row-major with
 * leading dimensions lda, ldb, ldc (in elements). beta == 0 overwrites C whatever it held. C must
 * not overlap A or B. Same bits for any number of threads. Dimensions must fit in int. */
void wane_sgemm(wane_pool *pool, bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k,
                float alpha, const float *a, size_t lda, const float *b, size_t ldb, float beta,
                float *c, size_t ldc);

/* The same in double. */
void wane_dgemm(wane_pool *pool, bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k,
                double alpha, const double *a, size_t lda, const double *b, size_t ldb, double beta,
                double *c, size_t ldc);

/* One call of one-thread OpenBLAS without tiling: for use inside a tile (blas.c; those above are in
 * product.c). */
void wane_sgemm_tile(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, float alpha,
                     const float *a, size_t lda, const float *b, size_t ldb, float beta, float *c,
                     size_t ldc);
void wane_dgemm_tile(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, double alpha,
                     const double *a, size_t lda, const double *b, size_t ldb, double beta,
                     double *c, size_t ldc);

/* OpenBLAS to one thread per call, for the whole process, once: where it splits the rows of a
 * product itself, bits depend on their number (its Haswell kernels sum rows at the edge of a block
 * in another order). Every product above does it; who calls LAPACK without one before says it
 * first. */
void wane_blas_one_thread(void);

/* What one thread's product or factorisation maps: BUFFER_SIZE of OpenBLAS on x86-64 and arm64. */
enum { WANE_BLAS_BUFFER_BYTES = 128 << 20 };

/* Room for products and factorisations in `threads` (1..WANE_MAX_THREADS) threads at once, for the
 * life of the process: address space, of which only what a product touches becomes memory. Where
 * OpenBLAS finds no room for a buffer it tries again without end, so the room is taken before the
 * first call. Says wane_blas_one_thread too. WANE_ENOMEM where there is no room. */
WANE_MUST_CHECK wane_status wane_blas_reserve(int threads, wane_error *err);

/* What decides the bits of a product: the kernel's name and the build, for `environment` rows.
 * Borrowed, valid for the life of the process. */
const char *wane_blas_core(void);
const char *wane_blas_build(void);

#endif
