/* SPDX-License-Identifier: Apache-2.0
 * How OpenBLAS is kept to one thread a call, with a work buffer mapped for each thread before its
 * first product; the products of a pool's threads: product.c.
 */
#include "store/base/blas.h"

#include <assert.h>
#include <cblas.h>
#include <limits.h>
#include <pthread.h>
#include <sys/mman.h>

/* OpenBLAS's own, exported but in none of its headers: a work buffer out of its table, mapped when
 * its place in the table is first used and kept mapped when it is given back. */
void *blas_memory_alloc(int purpose);
void blas_memory_free(void *buffer);

/* OpenBLAS asks this function of its own how many threads the environment wants, when it is loaded.
 * The program's stands before the library's: no threads are started before main, which nobody
 * would use and which, where their buffers do not fit, would hang it before its first line. */
int openblas_num_threads_env(void);
int openblas_num_threads_env(void)
{
    return 1;
}

static void set_one_thread(void)
{
    openblas_set_num_threads(1);
}

void wane_blas_one_thread(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, set_one_thread);
}

static wane_status reserve_one(void **out, wane_error *err)
{
    void *room = mmap(NULL, WANE_BLAS_BUFFER_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED)
        return wane_fail(err, WANE_ENOMEM,
                         "threads: OpenBLAS: out of memory: every thread needs %d MiB of address "
                         "space for it (fewer with --threads; ulimit -v shows a limit)",
                         WANE_BLAS_BUFFER_BYTES >> 20);
    (void)munmap(room, WANE_BLAS_BUFFER_BYTES);
    *out = blas_memory_alloc(0);
    return WANE_OK;
}

/* Buffers taken together have each a place of its own in OpenBLAS's table; given back, they stay
 * mapped, so that a product in as many threads maps nothing more. */
wane_status wane_blas_reserve(int threads, wane_error *err)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static int reserved;
    wane_status st = WANE_OK;
    void *buffers[WANE_MAX_THREADS] = {0};
    assert(threads >= 1 && threads <= WANE_MAX_THREADS);
    int taken = 0;
    wane_blas_one_thread();
    (void)pthread_mutex_lock(&lock);
    while (threads > reserved && taken < threads && st == WANE_OK) {
        st = reserve_one(&buffers[taken], err);
        taken += st == WANE_OK;
    }
    for (int i = 0; i < taken; i++) blas_memory_free(buffers[i]);
    if (taken > reserved) reserved = taken;
    (void)pthread_mutex_unlock(&lock);
    return st;
}

const char *wane_blas_core(void)
{
    return openblas_get_corename();
}

const char *wane_blas_build(void)
{
    return openblas_get_config();
}

static enum CBLAS_TRANSPOSE flag(bool transpose)
{
    return transpose ? CblasTrans : CblasNoTrans;
}

void wane_sgemm_tile(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, float alpha,
                     const float *a, size_t lda, const float *b, size_t ldb, float beta, float *c,
                     size_t ldc)
{
    if (m == 0 || n == 0) return;
    assert(m <= INT_MAX && n <= INT_MAX && k <= INT_MAX);
    assert(lda <= INT_MAX && ldb <= INT_MAX && ldc <= INT_MAX);
    assert(lda >= (transpose_a ? m : k) && ldb >= (transpose_b ? k : n) && ldc >= n);
    wane_blas_one_thread();
    cblas_sgemm(CblasRowMajor, flag(transpose_a), flag(transpose_b), (int)m, (int)n, (int)k, alpha,
                a, (int)lda, b, (int)ldb, beta, c, (int)ldc);
}

void wane_dgemm_tile(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, double alpha,
                     const double *a, size_t lda, const double *b, size_t ldb, double beta,
                     double *c, size_t ldc)
{
    if (m == 0 || n == 0) return;
    assert(m <= INT_MAX && n <= INT_MAX && k <= INT_MAX);
    assert(lda <= INT_MAX && ldb <= INT_MAX && ldc <= INT_MAX);
    assert(lda >= (transpose_a ? m : k) && ldb >= (transpose_b ? k : n) && ldc >= n);
    wane_blas_one_thread();
    cblas_dgemm(CblasRowMajor, flag(transpose_a), flag(transpose_b), (int)m, (int)n, (int)k, alpha,
                a, (int)lda, b, (int)ldb, beta, c, (int)ldc);
}
