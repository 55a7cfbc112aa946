/* SPDX-License-Identifier: Apache-2.0
 * Grows the bases by twice-orthonormalised blocks, and takes Ritz values, vectors and residuals
 * from the small matrix between them.
 */
#include "analysis/spectra/subspace.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "analysis/spectra/lapack.h"
#include "store/base/memory.h"

wane_status wane_subspace_open(wane_subspace *out, const wane_operator *a, size_t capacity,
                               size_t widest, wane_error *err)
{
    size_t larger = a->rows > a->cols ? a->rows : a->cols;
    wane_subspace s = {.a = a, .capacity = capacity, .widest = widest};
    s.v = wane_alloc_aligned(a->cols * capacity, sizeof *s.v);
    s.u = wane_alloc_aligned(a->rows * capacity, sizeof *s.u);
    s.t = wane_alloc_aligned(capacity * capacity, sizeof *s.t);
    s.theta = wane_alloc_aligned(capacity, sizeof *s.theta);
    s.x = wane_alloc_aligned(capacity * capacity, sizeof *s.x);
    s.yt = wane_alloc_aligned(capacity * capacity, sizeof *s.yt);
    s.small = wane_alloc_aligned(capacity * capacity, sizeof *s.small);
    s.image = wane_alloc_aligned(a->rows * widest, sizeof *s.image);
    s.spare = wane_alloc_aligned(larger * capacity + 2 * widest, sizeof *s.spare);
    *out = s;
    if (s.v && s.u && s.t && s.theta && s.x && s.yt && s.small && s.image && s.spare)
        return WANE_OK;
    wane_subspace_free(out);
    return wane_fail_memory(err, "singular triplets", "subspace");
}

void wane_subspace_free(wane_subspace *s)
{
    wane_free(s->v);
    wane_free(s->u);
    wane_free(s->t);
    wane_free(s->theta);
    wane_free(s->x);
    wane_free(s->yt);
    wane_free(s->small);
    wane_free(s->image);
    wane_free(s->spare);
    *s = (wane_subspace){0};
}

static double dot(const double *a, const double *b, size_t count)
{
    double result = 0;
    wane_columns_product(NULL, true, false, 1, 1, count, 1, a, count, b, count, 0, &result, 1);
    return result;
}

static double length_of(const double *values, size_t count)
{
    return sqrt(dot(values, values, count));
}

/* block -= basis (basis^T block); the coefficients are added to `sum` (may be NULL). */
static void project_out(wane_pool *pool, double *block, size_t n, size_t count, const double *basis,
                        size_t have, double *room, double *sum, size_t ld)
{
    if (have == 0 || count == 0) return;
    wane_columns_product(pool, true, false, have, count, n, 1, basis, n, block, n, 0, room, have);
    wane_columns_product(pool, false, false, n, count, have, -1, basis, n, room, have, 1, block, n);
    if (!sum) return;
    for (size_t j = 0; j < count; j++)
        for (size_t i = 0; i < have; i++) sum[i + j * ld] += room[i + j * have];
}

/* Twice is enough, except where a column nearly lies in the span of its own block: what is left of
 * it then still leans on the basis, and one more round of both takes that away. */
size_t wane_columns_orthonormalise(wane_pool *pool, double *block, size_t n, size_t count,
                                   const double *basis, size_t have, double absolute,
                                   double relative, double *coefficients, size_t ld, double *room)
{
    enum { MOST_ROUNDS = 4 };
    size_t kept = 0;
    double *before = room + (have > 0 ? have : 1) * count;
    for (size_t j = 0; coefficients && j < count; j++)
        memset(coefficients + j * ld, 0, (have + count) * sizeof *coefficients);
    for (size_t j = 0; j < count; j++) before[j] = length_of(block + j * n, n);
    project_out(pool, block, n, count, basis, have, room, coefficients, ld);
    project_out(pool, block, n, count, basis, have, room, coefficients, ld);
    for (size_t j = 0; j < count; j++) {
        double *column = block + j * n, *kept_column = block + kept * n;
        double *old = coefficients ? coefficients + j * ld : NULL, *own = old ? old + have : NULL;
        double least = relative * before[j] > absolute ? relative * before[j] : absolute;
        double length = length_of(column, n), last = length;
        for (int round = 0; round < MOST_ROUNDS; round++) {
            project_out(NULL, column, n, 1, block, kept, room, own, ld);
            double now = length_of(column, n);
            bool settled = now > 0.5 * last;
            last = now;
            if (now <= least || (settled && now > 0.5 * length) || (settled && round > 0)) break;
            project_out(pool, column, n, 1, basis, have, room, old, ld);
        }
        if (!(last > least)) continue;
        for (size_t i = 0; i < n; i++) kept_column[i] = column[i] / last;
        if (own) own[kept] = last;
        kept++;
    }
    return kept;
}

size_t wane_subspace_prepare(wane_subspace *s, double *block, size_t count, double *coefficients,
                             size_t ld)
{
    assert(count <= s->widest);
    const double relative = 1e-14;
    return wane_columns_orthonormalise(s->a->pool, block, s->a->cols, count, s->v, s->right, 0,
                                       relative, coefficients, ld, s->spare);
}

size_t wane_subspace_add(wane_subspace *s, const double *block, size_t count)
{
    assert(count <= s->widest && s->right + count <= s->capacity);
    const double rounding = 1e-15;
    size_t m = s->a->rows, n = s->a->cols;
    for (size_t j = 0; j < count; j++) {
        double length = length_of(s->image + j * m, m);
        if (length > s->scale) s->scale = length;
    }
    size_t images = wane_columns_orthonormalise(
        s->a->pool, s->image, m, count, s->u, s->left, rounding * s->scale, 0,
        s->t + s->right * s->capacity, s->capacity, s->spare);
    memcpy(s->v + s->right * n, block, count * n * sizeof *block);
    memcpy(s->u + s->left * m, s->image, images * m * sizeof *block);
    s->right += count;
    s->left += images;
    return images;
}

wane_status wane_subspace_ritz(wane_subspace *s, wane_error *err)
{
    for (size_t j = 0; j < s->right; j++)
        memcpy(s->small + j * s->left, s->t + j * s->capacity, s->left * sizeof *s->t);
    s->triplets = s->left < s->right ? s->left : s->right;
    if (s->triplets == 0) return WANE_OK;
    return wane_lapack_svd(s->small, s->left, s->right, s->theta, s->x, s->yt, err);
}

void wane_subspace_vectors(const wane_subspace *s, size_t count, double *u, double *v)
{
    assert(count <= s->triplets);
    size_t m = s->a->rows, n = s->a->cols;
    if (v)
        wane_columns_product(s->a->pool, false, true, n, count, s->right, 1, s->v, n, s->yt,
                             s->triplets, 0, v, n);
    if (u)
        wane_columns_product(s->a->pool, false, false, m, count, s->left, 1, s->u, m, s->x, s->left,
                             0, u, m);
}

void wane_subspace_restart(wane_subspace *s, size_t count)
{
    size_t m = s->a->rows, n = s->a->cols;
    wane_subspace_vectors(s, count, NULL, s->spare);
    memcpy(s->v, s->spare, n * count * sizeof *s->v);
    wane_subspace_vectors(s, count, s->spare, NULL);
    memcpy(s->u, s->spare, m * count * sizeof *s->u);
    memset(s->t, 0, s->capacity * s->capacity * sizeof *s->t);
    for (size_t i = 0; i < count; i++) s->t[i + i * s->capacity] = s->theta[i];
    s->right = s->left = count;
}

void wane_subspace_residuals(const wane_subspace *s, size_t count, const double *u, const double *v,
                             double *room, double *norms)
{
    assert(count <= s->triplets);
    size_t n = s->a->cols;
    s->a->apply_transpose(s->a->context, room, u, count);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < n; j++) room[i * n + j] -= s->theta[i] * v[i * n + j];
        norms[i] = length_of(room + i * n, n);
    }
}
