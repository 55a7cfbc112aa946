/* SPDX-License-Identifier: Apache-2.0
 * Leading singular vectors of both changes (from their factors, by Lanczos or by LAPACK), and the
 * arc cosine of the least singular value of their product.
 */
#include "analysis/spectra/angles.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "analysis/spectra/delta.h"
#include "analysis/spectra/lapack.h"
#include "analysis/spectra/leading.h"
#include "store/base/memory.h"

void wane_change_free(wane_change *change)
{
    wane_free(change->u);
    wane_free(change->v);
    *change = (wane_change){0};
}

static wane_status change_room(wane_change *out, size_t rows, size_t cols, size_t count,
                               wane_error *err)
{
    wane_change made = {.rows = rows, .cols = cols, .count = count};
    made.u = wane_alloc_aligned(rows * count, sizeof *made.u);
    made.v = wane_alloc_aligned(cols * count, sizeof *made.v);
    if (!made.u || !made.v) {
        wane_change_free(&made);
        return wane_fail_memory(err, "angles", "directions");
    }
    *out = made;
    return WANE_OK;
}

wane_status wane_change_of_terms(wane_change *out, size_t rows, size_t cols,
                                 const wane_lowrank_term *terms, size_t count, wane_pool *pool,
                                 wane_error *err)
{
    wane_status st = WANE_OK;
    wane_delta delta = {0};
    WANE_TRY(wane_delta_factor(&delta, rows, cols, terms, count, pool, err));
    size_t kept = delta.numerical < WANE_ANGLE_DIRECTIONS ? delta.numerical : WANE_ANGLE_DIRECTIONS;
    WANE_TRY(change_room(out, rows, cols, kept, err));
    if (kept > 0) { /* nothing at all where no term touches the matrix */
        memcpy(out->u, delta.x, rows * kept * sizeof *out->u);
        memcpy(out->v, delta.y, cols * kept * sizeof *out->v);
    }
done:
    wane_delta_free(&delta);
    return st;
}

/* Row-major d is d^T to LAPACK: its left vectors are V, and its vt read by columns is U by rows. */
static wane_status dense(wane_leading *out, const double *d, size_t rows, size_t cols, size_t top,
                         wane_error *err)
{
    wane_status st = WANE_OK;
    size_t k = rows < cols ? rows : cols;
    double *sigma = wane_alloc(k, sizeof *sigma), *v = wane_alloc_aligned(cols * k, sizeof *v);
    double *ut = wane_alloc_aligned(k * rows, sizeof *ut);
    if (!sigma || !v || !ut) {
        st = wane_fail_memory(err, "angles", "directions");
        goto done;
    }
    WANE_TRY(wane_lapack_svd(d, cols, rows, sigma, v, ut, err));
    WANE_TRY(wane_leading_room(out, rows, cols, top, err));
    memcpy(out->sigma, sigma, top * sizeof *sigma);
    memcpy(out->v, v, cols * top * sizeof *v);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < top; j++) out->u[i + j * rows] = ut[j + i * k];
done:
    wane_free(sigma);
    wane_free(v);
    wane_free(ut);
    return st;
}

wane_status wane_change_of_weights(wane_change *out, wane_matrix after, wane_matrix before,
                                   wane_pool *pool, wane_error *err)
{
    assert(before.rows == after.rows && before.cols == after.cols);
    wane_status st = WANE_OK;
    size_t m = after.rows, n = after.cols, least = m < n ? m : n, kept = 0;
    size_t top = least < WANE_ANGLE_DIRECTIONS ? least : WANE_ANGLE_DIRECTIONS;
    wane_leading leading = {0};
    bool found = false, zero = true;
    double *d = wane_alloc_aligned(m * n, sizeof *d);
    WANE_TRY(d ? WANE_OK : wane_fail_memory(err, "angles", "change"));
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double change = (double)after.data[i * after.stride + j] -
                            (double)before.data[i * before.stride + j];
            d[i * n + j] = change;
            zero = zero && change == 0;
        }
    if (!wane_lapack_finite(d, m * n)) {
        st = wane_fail(err, WANE_ENUMERIC, "angles: weight %zu x %zu: not finite", m, n);
        goto done;
    }
    if (!zero) WANE_TRY(wane_leading_whole(&leading, &found, d, m, n, top, pool, err));
    if (!zero && !found) WANE_TRY(dense(&leading, d, m, n, top, err));
    while (!zero && kept < top &&
           leading.sigma[kept] > (double)(m > n ? m : n) * (double)FLT_EPSILON * leading.sigma[0])
        kept++;
    WANE_TRY(change_room(out, m, n, kept, err));
    if (kept > 0) {
        memcpy(out->u, leading.u, m * kept * sizeof *out->u);
        memcpy(out->v, leading.v, n * kept * sizeof *out->v);
    }
done:
    wane_leading_free(&leading);
    wane_free(d);
    return st;
}

static wane_status largest_angle(double *out, const double *a, const double *b, size_t length,
                                 size_t count, wane_error *err)
{
    double product[WANE_ANGLE_DIRECTIONS * WANE_ANGLE_DIRECTIONS], sigma[WANE_ANGLE_DIRECTIONS];
    wane_columns_product(NULL, true, false, count, count, length, 1, a, length, b, length, 0,
                         product, count);
    wane_status st = wane_lapack_svd(product, count, count, sigma, NULL, NULL, err);
    if (st == WANE_OK) *out = acos(sigma[count - 1] < 1 ? sigma[count - 1] : 1);
    return st;
}

wane_status wane_change_angles(double *u, double *v, const wane_change *a, const wane_change *b,
                               wane_error *err)
{
    size_t count = a->count < b->count ? a->count : b->count;
    *u = *v = NAN;
    if (a->rows != b->rows || a->cols != b->cols)
        return wane_fail(err, WANE_EINVAL, "angles: %zu x %zu and %zu x %zu: not of one weight",
                         a->rows, a->cols, b->rows, b->cols);
    if (count == 0) return WANE_OK;
    wane_status st = largest_angle(u, a->u, b->u, a->rows, count, err);
    return st == WANE_OK ? largest_angle(v, a->v, b->v, a->cols, count, err) : st;
}
