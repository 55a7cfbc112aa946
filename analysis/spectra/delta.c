/* SPDX-License-Identifier: Apache-2.0
 * Two QRs with a small SVD between them make a chain's factors orthonormal; the norms are read off
 * them, or off W - W_0 subtracted in double.
 */
#include "analysis/spectra/delta.h"

#include <float.h>
#include <math.h>

#include "analysis/spectra/lapack.h"
#include "store/base/memory.h"

void wane_delta_free(wane_delta *delta)
{
    wane_free(delta->sigma);
    wane_free(delta->x);
    wane_free(delta->y);
    *delta = (wane_delta){0};
}

static wane_status check_terms(size_t *rank, const wane_lowrank_term *terms, size_t count,
                               wane_error *err)
{
    size_t sum = 0;
    for (size_t t = 0; t < count; t++) {
        if (terms[t].rank > WANE_LARGEST_RANK ||
            (terms[t].rank > 0 && (!terms[t].b || !terms[t].a)))
            return wane_fail(err, WANE_EINVAL, "low-rank change: term %zu: has no factors", t + 1);
        if (!isfinite(terms[t].scale))
            return wane_fail(err, WANE_ENUMERIC, "low-rank change: term %zu: scale is not finite",
                             t + 1);
        sum += terms[t].rank;
        if (sum > WANE_LARGEST_RANK)
            return wane_fail(err, WANE_EINVAL, "low-rank change: %zu terms: ranks add up beyond %d",
                             count, WANE_LARGEST_RANK);
    }
    *rank = sum;
    return WANE_OK;
}

/* b = [scale_1 B_1, scale_2 B_2, ...], a = [A_1^T, A_2^T, ...], column-major. */
static void gather(double *b, double *a, size_t rows, size_t cols, const wane_lowrank_term *terms,
                   size_t count)
{
    for (size_t t = 0; t < count; t++) {
        size_t rank = terms[t].rank;
        double scale = (double)terms[t].scale;
        for (size_t i = 0; i < rows; i++)
            for (size_t k = 0; k < rank; k++)
                b[i + k * rows] = scale * (double)terms[t].b[i * rank + k];
        for (size_t k = 0; k < rank; k++)
            for (size_t j = 0; j < cols; j++) a[j + k * cols] = (double)terms[t].a[k * cols + j];
        b += rows * rank;
        a += cols * rank;
    }
}

typedef struct factor_space {
    double *b, *a, *rb, *ra, *core, *u, *vt;
} factor_space;

static void free_factor_space(factor_space *s)
{
    wane_free(s->b);
    wane_free(s->a);
    wane_free(s->rb);
    wane_free(s->ra);
    wane_free(s->core);
    wane_free(s->u);
    wane_free(s->vt);
}

/* B A = Q_B (R_B R_A^T) Q_A^T, and the small core in the middle by a dense SVD. */
static wane_status factor(wane_delta *d, factor_space *s, const wane_lowrank_term *terms,
                          size_t count, size_t rank, wane_pool *pool, wane_error *err)
{
    wane_status st = WANE_OK;
    size_t m = d->rows, n = d->cols, kb = m < rank ? m : rank, ka = n < rank ? n : rank;
    d->rank = kb < ka ? kb : ka;
    s->b = wane_alloc_aligned(m * rank, sizeof *s->b);
    s->a = wane_alloc_aligned(n * rank, sizeof *s->a);
    s->rb = wane_alloc_aligned(kb * rank, sizeof *s->rb);
    s->ra = wane_alloc_aligned(ka * rank, sizeof *s->ra);
    s->core = wane_alloc_aligned(kb * ka, sizeof *s->core);
    s->u = wane_alloc_aligned(kb * d->rank, sizeof *s->u);
    s->vt = wane_alloc_aligned(d->rank * ka, sizeof *s->vt);
    d->sigma = wane_alloc_aligned(d->rank, sizeof *d->sigma);
    d->x = wane_alloc_aligned(m * d->rank, sizeof *d->x);
    d->y = wane_alloc_aligned(n * d->rank, sizeof *d->y);
    if (!s->b || !s->a || !s->rb || !s->ra || !s->core || !s->u || !s->vt || !d->sigma || !d->x ||
        !d->y)
        return wane_fail_memory(err, "low-rank change", "factors");
    gather(s->b, s->a, m, n, terms, count);
    if (!wane_lapack_finite(s->b, m * rank) || !wane_lapack_finite(s->a, n * rank))
        return wane_fail(err, WANE_ENUMERIC, "low-rank change: factors: not finite");
    WANE_TRY(wane_lapack_qr(s->b, m, rank, s->rb, err));
    WANE_TRY(wane_lapack_qr(s->a, n, rank, s->ra, err));
    wane_columns_product(NULL, false, true, kb, ka, rank, 1, s->rb, kb, s->ra, ka, 0, s->core, kb);
    WANE_TRY(wane_lapack_svd(s->core, kb, ka, d->sigma, s->u, s->vt, err));
    wane_columns_product(pool, false, false, m, d->rank, kb, 1, s->b, m, s->u, kb, 0, d->x, m);
    wane_columns_product(pool, false, true, n, d->rank, ka, 1, s->a, n, s->vt, d->rank, 0, d->y, n);
done:
    return st;
}

wane_status wane_delta_factor(wane_delta *out, size_t rows, size_t cols,
                              const wane_lowrank_term *terms, size_t count, wane_pool *pool,
                              wane_error *err)
{
    wane_status st = WANE_OK;
    wane_delta delta = {.rows = rows, .cols = cols};
    factor_space space = {0};
    size_t rank = 0;
    WANE_TRY(check_terms(&rank, terms, count, err));
    if (rank > 0) WANE_TRY(factor(&delta, &space, terms, count, rank, pool, err));
    /* Below this the factors' own rounding decides. */
    while (delta.numerical < delta.rank &&
           delta.sigma[delta.numerical] > DBL_EPSILON * delta.sigma[0])
        delta.numerical++;
    *out = delta;
    delta = (wane_delta){0};
done:
    free_factor_space(&space);
    wane_delta_free(&delta);
    return st;
}

wane_status wane_delta_add(double *weight, const wane_delta *delta, wane_pool *pool,
                           wane_error *err)
{
    size_t m = delta->rows, n = delta->cols, k = delta->rank;
    double *scaled = wane_alloc_aligned(m * k, sizeof *scaled);
    if (!scaled) return wane_fail_memory(err, "low-rank change", "scaled factor");
    for (size_t j = 0; j < k; j++)
        for (size_t i = 0; i < m; i++) scaled[i + j * m] = delta->x[i + j * m] * delta->sigma[j];
    if (k > 0) /* row-major W is W^T = Y (X sigma)^T by columns */
        wane_columns_product(pool, false, true, n, m, k, 1, delta->y, n, scaled, m, 1, weight, n);
    wane_free(scaled);
    return WANE_OK;
}

/* The norms of a change from all its singular values, into the fields of `out` (rho apart). */
static void norms_of(wane_spectrum *out, const wane_base_svd *base, const double *sigma,
                     size_t count)
{
    double largest = count > 0 ? sigma[0] : 0, sum = 0, squares = 0, entropy = 0;
    for (size_t i = 0; i < count && largest > 0; i++) {
        sum += sigma[i] / largest;
        squares += sigma[i] / largest * (sigma[i] / largest);
    }
    for (size_t i = 0; i < count && largest > 0; i++) {
        double p = sigma[i] / largest / sum;
        if (p > 0) entropy -= p * log(p);
    }
    out->delta_spectral = largest;
    out->delta_frobenius = largest * sqrt(squares);
    out->relative_update = base->frobenius > 0 ? out->delta_frobenius / base->frobenius : NAN;
    out->effective_rank = largest > 0 ? exp(entropy) : NAN;
    out->stable_rank = largest > 0 ? squares : NAN;
    out->top_share = largest > 0 ? 1 / squares : NAN;
}

size_t wane_rho_directions(const wane_base_svd *base)
{
    return base->count < WANE_RHO_DIRECTIONS ? base->count : WANE_RHO_DIRECTIONS;
}

static double sum_of_squares(const double *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += values[i] * values[i];
    return sum;
}

void wane_delta_set_rho(wane_spectrum *out, const double *inside, size_t k)
{
    double length = out->delta_frobenius;
    out->rho = NAN;
    if (length > 0 && k > 0) out->rho = sum_of_squares(inside, k * k) / (length * length);
    if (out->rho > 1) out->rho = 1;
}

wane_status wane_delta_factored_norms(wane_spectrum *out, const wane_base_svd *base,
                                      const wane_delta *delta, wane_pool *pool, wane_error *err)
{
    wane_status st = WANE_OK;
    size_t k = wane_rho_directions(base), r = delta->rank;
    double inside[WANE_RHO_DIRECTIONS * WANE_RHO_DIRECTIONS];
    double *left = wane_alloc(k * r, sizeof *left), *right = wane_alloc(k * r, sizeof *right);
    if (!left || !right) {
        st = wane_fail_memory(err, "norms of a change", "work space");
        goto done;
    }
    norms_of(out, base, delta->sigma, r);
    if (r > 0 && k > 0) {
        wane_columns_product(pool, true, false, k, r, base->rows, 1, base->u, base->rows, delta->x,
                             base->rows, 0, left, k);
        wane_columns_product(pool, true, false, k, r, base->cols, 1, base->v, base->cols, delta->y,
                             base->cols, 0, right, k);
        for (size_t j = 0; j < r; j++)
            for (size_t i = 0; i < k; i++) left[i + j * k] *= delta->sigma[j];
        wane_columns_product(NULL, false, true, k, k, r, 1, left, k, right, k, 0, inside, k);
    }
    wane_delta_set_rho(out, inside, k);
done:
    wane_free(left);
    wane_free(right);
    return st;
}

static double dense_frobenius(const double *values, size_t rows, size_t cols)
{
    double sum = 0;
    for (size_t i = 0; i < rows; i++) sum += sum_of_squares(values + i * cols, cols);
    return sqrt(sum);
}

wane_status wane_delta_dense_norms(wane_spectrum *out, const wane_base_svd *base,
                                   const double *change, bool values, wane_pool *pool,
                                   wane_error *err)
{
    wane_status st = WANE_OK;
    size_t m = base->rows, n = base->cols, k = wane_rho_directions(base);
    double inside[WANE_RHO_DIRECTIONS * WANE_RHO_DIRECTIONS];
    double *sigma = wane_alloc(base->rank, sizeof *sigma);
    double *half = wane_alloc_aligned(k * m, sizeof *half);
    if (!sigma || !half) {
        st = wane_fail_memory(err, "norms of a change", "work space");
        goto done;
    }
    if (values) {
        WANE_TRY(wane_lapack_svd(change, n, m, sigma, NULL, NULL, err));
        norms_of(out, base, sigma, base->rank);
    } else {
        out->delta_frobenius = dense_frobenius(change, m, n);
        out->relative_update = base->frobenius > 0 ? out->delta_frobenius / base->frobenius : NAN;
        out->delta_spectral = out->effective_rank = out->stable_rank = out->top_share = NAN;
    }
    if (k > 0) {
        /* change is dW^T column-major, so half = dW V_k (m x k) and inside = U_k^T half. */
        wane_columns_product(pool, true, false, m, k, n, 1, change, n, base->v, n, 0, half, m);
        wane_columns_product(pool, true, false, k, k, m, 1, base->u, m, half, m, 0, inside, k);
    }
    wane_delta_set_rho(out, inside, k);
done:
    wane_free(half);
    wane_free(sigma);
    return st;
}
