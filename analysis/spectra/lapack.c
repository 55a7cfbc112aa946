/* SPDX-License-Identifier: Apache-2.0
 * Asks LAPACK how much scratch it wants, calls it, and falls back to dgesvd where dgesdd does not
 * converge.
 */
#include "analysis/spectra/lapack.h"

#include <assert.h>
#include <float.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "store/base/blas.h"
#include "store/base/memory.h"

wane_status wane_lapack_shape(const char *operation, size_t rows, size_t cols, wane_error *err)
{
    size_t least = rows < cols ? rows : cols, most = rows < cols ? cols : rows;
    if (least == 0)
        return wane_fail(err, WANE_EINVAL, "%s: matrix %zu x %zu: is empty", operation, rows, cols);
    if (least > WANE_LARGEST_RANK || most > WANE_LARGEST_SIDE)
        return wane_fail(
            err, WANE_EINVAL,
            "%s: matrix %zu x %zu: the smaller side is limited to %d, the larger to %d", operation,
            rows, cols, WANE_LARGEST_RANK, WANE_LARGEST_SIDE);
    return WANE_OK;
}

bool wane_lapack_finite(const double *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i])) return false;
    return true;
}

/* A negative info is a wrong argument: a bug here. */
static wane_status refused(wane_error *err, const char *routine, lapack_int info)
{
    return wane_fail(err, WANE_EINTERNAL, "linear algebra: %s: info %d", routine, (int)info);
}

static wane_status scratch(double **out, double wanted, wane_error *err)
{
    size_t count = wanted < 1 ? 1 : (size_t)wanted;
    *out = wane_alloc_aligned(count, sizeof **out);
    return *out ? WANE_OK : wane_fail_memory(err, "linear algebra", "work space");
}

typedef struct svd_call {
    const double *a;
    double *copy, *sigma, *u, *vt;
    size_t m, n, least;
    int *integers; /* for divide and conquer; NULL asks for implicit QR */
} svd_call;

static lapack_int svd_once(const svd_call *c, double *work, lapack_int room)
{
    lapack_int m = (lapack_int)c->m, n = (lapack_int)c->n, k = (lapack_int)c->least;
    char job = c->u ? 'S' : 'N';
    double none = 0;
    double *u = c->u ? c->u : &none, *vt = c->vt ? c->vt : &none;
    lapack_int ldu = c->u ? m : 1, ldvt = c->vt ? k : 1;
    memcpy(c->copy, c->a, c->m * c->n * sizeof *c->copy);
    if (c->integers)
        return LAPACKE_dgesdd_work(LAPACK_COL_MAJOR, job, m, n, c->copy, m, c->sigma, u, ldu, vt,
                                   ldvt, work, room, c->integers);
    return LAPACKE_dgesvd_work(LAPACK_COL_MAJOR, job, job, m, n, c->copy, m, c->sigma, u, ldu, vt,
                               ldvt, work, room);
}

static wane_status svd_with(svd_call *c, lapack_int *info, wane_error *err)
{
    wane_status st = WANE_OK;
    double wanted = 0, *work = NULL;
    if ((*info = svd_once(c, &wanted, -1)) == 0) {
        WANE_TRY(scratch(&work, wanted, err));
        *info = svd_once(c, work, (lapack_int)wanted);
    }
    if (*info < 0) st = refused(err, c->integers ? "dgesdd" : "dgesvd", *info);
done:
    wane_free(work);
    return st;
}

wane_status wane_lapack_svd(const double *a, size_t m, size_t n, double *sigma, double *u,
                            double *vt, wane_error *err)
{
    wane_status st = WANE_OK;
    svd_call call = {.a = a, .sigma = sigma, .u = u, .vt = vt, .m = m, .n = n};
    lapack_int info = 0;
    call.least = m < n ? m : n;
    int *integers = NULL;
    WANE_TRY(wane_lapack_shape("singular values", m, n, err));
    if (!wane_lapack_finite(a, m * n)) {
        st = wane_fail(err, WANE_ENUMERIC, "singular values: matrix %zu x %zu: not finite", m, n);
        goto done;
    }
    WANE_TRY(wane_blas_reserve(1, err));
    call.copy = wane_alloc_aligned(m * n, sizeof *call.copy);
    integers = wane_alloc(8 * call.least, sizeof *integers);
    if (!call.copy || !integers) {
        st = wane_fail_memory(err, "singular values", "work space");
        goto done;
    }
    call.integers = integers;
    WANE_TRY(svd_with(&call, &info, err));
    if (info > 0) {
        call.integers = NULL;
        WANE_TRY(svd_with(&call, &info, err));
    }
    if (info > 0)
        st = wane_fail(err, WANE_ENUMERIC, "singular values: matrix %zu x %zu: no convergence", m,
                       n);
done:
    wane_free(integers);
    wane_free(call.copy);
    return st;
}

/* r = the upper trapezoid of the factored a, k rows, in the order `order` (NULL: as it is). */
static void take_triangle(double *r, size_t k, size_t n, const double *a, size_t m,
                          const lapack_int *order)
{
    for (size_t j = 0; j < n; j++) {
        double *column = r + (order ? (size_t)order[j] - 1 : j) * k;
        for (size_t i = 0; i < k; i++) column[i] = i <= j ? a[i + j * m] : 0;
    }
}

wane_status wane_lapack_reflect(double *a, size_t m, size_t k, const double *tau, wane_error *err)
{
    assert(k <= m);
    wane_status st = WANE_OK;
    double wanted = 0, *work = NULL;
    lapack_int rows = (lapack_int)m, count = (lapack_int)k;
    WANE_TRY(wane_blas_reserve(1, err));
    lapack_int info =
        LAPACKE_dorgqr_work(LAPACK_COL_MAJOR, rows, count, count, a, rows, tau, &wanted, -1);
    if (info == 0) {
        WANE_TRY(scratch(&work, wanted, err));
        info = LAPACKE_dorgqr_work(LAPACK_COL_MAJOR, rows, count, count, a, rows, tau, work,
                                   (lapack_int)wanted);
    }
    if (info != 0) st = refused(err, "dorgqr", info);
done:
    wane_free(work);
    return st;
}

wane_status wane_lapack_qr(double *a, size_t m, size_t n, double *r, wane_error *err)
{
    wane_status st = WANE_OK;
    size_t k = m < n ? m : n;
    double wanted = 0, *work = NULL;
    lapack_int rows = (lapack_int)m, cols = (lapack_int)n, info = 0;
    double *tau = wane_alloc(k, sizeof *tau);
    if (!tau) {
        st = wane_fail_memory(err, "linear algebra", "work space");
        goto done;
    }
    WANE_TRY(wane_blas_reserve(1, err));
    info = LAPACKE_dgeqrf_work(LAPACK_COL_MAJOR, rows, cols, a, rows, tau, &wanted, -1);
    if (info == 0) {
        WANE_TRY(scratch(&work, wanted, err));
        info = LAPACKE_dgeqrf_work(LAPACK_COL_MAJOR, rows, cols, a, rows, tau, work,
                                   (lapack_int)wanted);
    }
    if (info != 0) {
        st = refused(err, "dgeqrf", info);
        goto done;
    }
    take_triangle(r, k, n, a, m, NULL);
    st = wane_lapack_reflect(a, m, k, tau, err);
done:
    wane_free(work);
    wane_free(tau);
    return st;
}

wane_status wane_lapack_qr_rank(double *a, size_t m, size_t n, double tolerance, double *r,
                                size_t *rank, wane_error *err)
{
    wane_status st = WANE_OK;
    size_t k = m < n ? m : n, found = 0;
    double wanted = 0, *work = NULL;
    lapack_int rows = (lapack_int)m, cols = (lapack_int)n, info = 0;
    double *tau = wane_alloc(k, sizeof *tau);
    lapack_int *order = wane_alloc(n, sizeof *order);
    if (!tau || !order) {
        st = wane_fail_memory(err, "linear algebra", "work space");
        goto done;
    }
    WANE_TRY(wane_blas_reserve(1, err));
    info = LAPACKE_dgeqp3_work(LAPACK_COL_MAJOR, rows, cols, a, rows, order, tau, &wanted, -1);
    if (info == 0) {
        WANE_TRY(scratch(&work, wanted, err));
        info = LAPACKE_dgeqp3_work(LAPACK_COL_MAJOR, rows, cols, a, rows, order, tau, work,
                                   (lapack_int)wanted);
    }
    if (info != 0) {
        st = refused(err, "dgeqp3", info);
        goto done;
    }
    while (found < k && fabs(a[found + found * m]) > tolerance) found++;
    take_triangle(r, found, n, a, m, order);
    if (found > 0) WANE_TRY(wane_lapack_reflect(a, m, found, tau, err));
    *rank = found;
done:
    wane_free(order);
    wane_free(work);
    wane_free(tau);
    return st;
}

/* Bunch-Kaufman takes a 2 x 2 block only where its determinant is negative: one eigenvalue of each
 * sign. By Sylvester's law the blocks have the signs of the whole. */
static size_t count_negative(const double *a, size_t n, const lapack_int *pivots)
{
    size_t negative = 0;
    for (size_t i = 0; i < n; i++) {
        if (pivots[i] > 0) {
            negative += a[i + i * n] < 0;
        } else {
            negative++;
            i++;
        }
    }
    return negative;
}

wane_status wane_lapack_symmetric(double *a, size_t n, int *pivots, size_t *negative,
                                  wane_error *err)
{
    wane_status st = WANE_OK;
    double wanted = 0, *work = NULL;
    lapack_int order = (lapack_int)n;
    WANE_TRY(wane_blas_reserve(1, err));
    lapack_int info =
        LAPACKE_dsytrf_work(LAPACK_COL_MAJOR, 'L', order, a, order, pivots, &wanted, -1);
    if (info == 0) {
        WANE_TRY(scratch(&work, wanted, err));
        info = LAPACKE_dsytrf_work(LAPACK_COL_MAJOR, 'L', order, a, order, pivots, work,
                                   (lapack_int)wanted);
    }
    if (info > 0) st = wane_fail(err, WANE_ENUMERIC, "linear algebra: dsytrf: singular");
    else if (info < 0) st = refused(err, "dsytrf", info);
    else *negative = count_negative(a, n, pivots);
done:
    wane_free(work);
    return st;
}

typedef struct eigen_call {
    double *a, *values, *vectors;
    size_t n, top;
    lapack_int *support;
} eigen_call;

static lapack_int eigen_once(const eigen_call *c, double *work, lapack_int room, lapack_int *ints,
                             lapack_int int_room)
{
    lapack_int n = (lapack_int)c->n, first = (lapack_int)(c->n - c->top + 1), found = 0;
    const double finest = 2 * DBL_MIN; /* bisection as far as it gets */
    return LAPACKE_dsyevr_work(LAPACK_COL_MAJOR, 'V', 'I', 'L', n, c->a, n, 0, 0, first, n, finest,
                               &found, c->values, c->vectors, n, c->support, work, room, ints,
                               int_room);
}

/* From ascending to descending. */
static void turn_around(double *values, double *vectors, size_t n, size_t top)
{
    for (size_t i = 0, j = top - 1; i < j; i++, j--) {
        double kept = values[i];
        values[i] = values[j];
        values[j] = kept;
        for (size_t l = 0; l < n; l++) {
            kept = vectors[l + i * n];
            vectors[l + i * n] = vectors[l + j * n];
            vectors[l + j * n] = kept;
        }
    }
}

wane_status wane_lapack_eigen(double *a, size_t n, size_t top, double *values, double *vectors,
                              wane_error *err)
{
    assert(top <= n);
    wane_status st = WANE_OK;
    double wanted = 0, *work = NULL;
    lapack_int wanted_ints = 0, *ints = NULL, info = 0;
    double *all = wane_alloc(n, sizeof *all); /* dsyevr needs room for all values */
    lapack_int *support = wane_alloc(2 * n, sizeof *support);
    eigen_call call = {a, all, vectors, n, top, support};
    if (!all || !support) WANE_TRY(wane_fail_memory(err, "linear algebra", "work space"));
    if (!wane_lapack_finite(a, n * n))
        WANE_TRY(wane_fail(err, WANE_ENUMERIC, "eigenvalues: matrix of %zu: not finite", n));
    WANE_TRY(wane_blas_reserve(1, err));
    info = eigen_once(&call, &wanted, -1, &wanted_ints, -1);
    if (info == 0) {
        WANE_TRY(scratch(&work, wanted, err));
        ints = wane_alloc((size_t)wanted_ints, sizeof *ints);
        if (!ints) WANE_TRY(wane_fail_memory(err, "linear algebra", "work space"));
        info = eigen_once(&call, work, (lapack_int)wanted, ints, wanted_ints);
    }
    if (info < 0) st = refused(err, "dsyevr", info);
    else if (info > 0)
        st = wane_fail(err, WANE_ENUMERIC, "eigenvalues: matrix of %zu: no convergence", n);
    if (st != WANE_OK) goto done;
    memcpy(values, all, top * sizeof *values);
    turn_around(values, vectors, n, top);
done:
    wane_free(support);
    wane_free(all);
    wane_free(ints);
    wane_free(work);
    return st;
}

wane_status wane_lapack_eigenvalues(double *values, double *a, size_t n, wane_error *err)
{
    wane_status st = WANE_OK;
    double wanted = 0, *work = NULL;
    lapack_int order = (lapack_int)n, info = 0;
    if (!wane_lapack_finite(a, n * n))
        return wane_fail(err, WANE_ENUMERIC, "eigenvalues: matrix of %zu: not finite", n);
    WANE_TRY(wane_blas_reserve(1, err));
    info =
        LAPACKE_dsyev_2stage_work(LAPACK_COL_MAJOR, 'N', 'L', order, a, order, values, &wanted, -1);
    if (info == 0) {
        WANE_TRY(scratch(&work, wanted, err));
        info = LAPACKE_dsyev_2stage_work(LAPACK_COL_MAJOR, 'N', 'L', order, a, order, values, work,
                                         (lapack_int)wanted);
    }
    if (info < 0) st = refused(err, "dsyev_2stage", info);
    else if (info > 0)
        st = wane_fail(err, WANE_ENUMERIC, "eigenvalues: matrix of %zu: no convergence", n);
    for (size_t i = 0, j = n - 1; st == WANE_OK && i < j; i++, j--) {
        double kept = values[i];
        values[i] = values[j];
        values[j] = kept;
    }
done:
    wane_free(work);
    return st;
}

void wane_columns_product(wane_pool *pool, bool transpose_a, bool transpose_b, size_t m, size_t n,
                          size_t k, double alpha, const double *a, size_t lda, const double *b,
                          size_t ldb, double beta, double *c, size_t ldc)
{
    /* A column-major matrix is the row-major transpose: C^T = op(B)^T op(A)^T. */
    wane_dgemm(pool, transpose_b, transpose_a, n, m, k, alpha, b, ldb, a, lda, beta, c, ldc);
}

wane_status wane_lapack_bidiagonal(double *diagonal, double *below, size_t n, double *rows,
                                   size_t count, wane_error *err)
{
    wane_status st = WANE_OK;
    lapack_int order = (lapack_int)n, side = (lapack_int)count;
    double *work = wane_alloc(4 * n, sizeof *work);
    if (!work) WANE_TRY(wane_fail_memory(err, "linear algebra", "work space"));
    if (!wane_lapack_finite(diagonal, n) || !wane_lapack_finite(below, n - 1))
        WANE_TRY(wane_fail(err, WANE_ENUMERIC, "singular values: matrix of %zu: not finite", n));
    WANE_TRY(wane_blas_reserve(1, err));
    lapack_int info = LAPACKE_dbdsqr_work(LAPACK_COL_MAJOR, 'L', order, 0, side, 0, diagonal, below,
                                          NULL, 1, rows, side, NULL, 1, work);
    if (info > 0) st = wane_fail(err, WANE_ENUMERIC, "linear algebra: dbdsqr: no convergence");
    else if (info < 0) st = refused(err, "dbdsqr", info);
done:
    wane_free(work);
    return st;
}
