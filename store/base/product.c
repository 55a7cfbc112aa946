/* SPDX-License-Identifier: Apache-2.0
 * Products cut over rows or columns of C into tiles for the threads of a pool.
 */
#include "store/base/blas.h"

/* Tiles of at least 128 keep OpenBLAS near its full rate;
 * at most 128 tiles keep the hand-out cheap. */
typedef struct product {
    bool transpose_a, transpose_b, over_rows, wide;
    size_t m, n, k, lda, ldb, ldc, tile;
    double alpha, beta;
    const void *a, *b;
    void *c;
} product;

static void run_tile(void *context, size_t index, int thread)
{
    (void)thread;
    const product *p = context;
    size_t first = index * p->tile, extent = p->over_rows ? p->m : p->n;
    size_t count = extent - first < p->tile ? extent - first : p->tile;
    size_t a = 0, b = 0, c = 0, m = p->m, n = p->n;
    if (p->over_rows) {
        a = p->transpose_a ? first : first * p->lda;
        c = first * p->ldc;
        m = count;
    } else {
        b = p->transpose_b ? first * p->ldb : first;
        c = first;
        n = count;
    }
    if (p->wide)
        wane_dgemm_tile(p->transpose_a, p->transpose_b, m, n, p->k, p->alpha,
                        (const double *)p->a + a, p->lda, (const double *)p->b + b, p->ldb, p->beta,
                        (double *)p->c + c, p->ldc);
    else
        wane_sgemm_tile(p->transpose_a, p->transpose_b, m, n, p->k, (float)p->alpha,
                        (const float *)p->a + a, p->lda, (const float *)p->b + b, p->ldb,
                        (float)p->beta, (float *)p->c + c, p->ldc);
}

static void run_product(wane_pool *pool, product *p)
{
    enum { SMALLEST_TILE = 128, MOST_TILES = 128 };
    if (p->m == 0 || p->n == 0) return;
    p->over_rows = p->m >= p->n;
    size_t extent = p->over_rows ? p->m : p->n;
    p->tile = (extent + MOST_TILES - 1) / MOST_TILES;
    if (p->tile < SMALLEST_TILE) p->tile = SMALLEST_TILE;
    p->tile = (p->tile + 15) / 16 * 16;
    wane_pool_run(pool, (extent + p->tile - 1) / p->tile, run_tile, p);
}

void wane_sgemm(wane_pool *pool, bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k,
                float alpha, const float *a, size_t lda, const float *b, size_t ldb, float beta,
                float *c, size_t ldc)
{
    product p = {.transpose_a = transpose_a,
                 .transpose_b = transpose_b,
                 .m = m,
                 .n = n,
                 .k = k,
                 .alpha = alpha,
                 .beta = beta,
                 .a = a,
                 .b = b,
                 .c = c,
                 .lda = lda,
                 .ldb = ldb,
                 .ldc = ldc};
    run_product(pool, &p);
}

void wane_dgemm(wane_pool *pool, bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k,
                double alpha, const double *a, size_t lda, const double *b, size_t ldb, double beta,
                double *c, size_t ldc)
{
    product p = {.transpose_a = transpose_a,
                 .transpose_b = transpose_b,
                 .wide = true,
                 .m = m,
                 .n = n,
                 .k = k,
                 .alpha = alpha,
                 .beta = beta,
                 .a = a,
                 .b = b,
                 .c = c,
                 .lda = lda,
                 .ldb = ldb,
                 .ldc = ldc};
    run_product(pool, &p);
}
