/* SPDX-License-Identifier: Apache-2.0
 * One product with C a column; everything else is of the basis alone.
 */
#include "analysis/spectra/ritz.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "analysis/spectra/lapack.h"
#include "analysis/spectra/subspace.h"
#include "store/base/memory.h"

wane_status wane_ritz_open(wane_ritz *out, const wane_gram *gram, size_t capacity, wane_error *err)
{
    wane_ritz z = {.gram = gram, .capacity = capacity};
    size_t n = gram->inner, wide = gram->widest;
    z.v = wane_alloc_aligned(n * capacity, sizeof *z.v);
    z.image = wane_alloc_aligned(n * capacity, sizeof *z.image);
    z.t = wane_alloc_aligned(capacity * capacity, sizeof *z.t);
    z.lambda = wane_alloc_aligned(capacity, sizeof *z.lambda);
    z.residual = wane_alloc_aligned(capacity, sizeof *z.residual);
    z.q = wane_alloc_aligned(capacity * wide, sizeof *z.q);
    z.y = wane_alloc_aligned(gram->outer * wide, sizeof *z.y);
    z.block = wane_alloc_aligned(n * wide, sizeof *z.block);
    z.rest = wane_alloc_aligned((n + capacity + 1) * wide, sizeof *z.rest);
    z.small = wane_alloc_aligned(capacity * capacity, sizeof *z.small);
    *out = z;
    if (z.v && z.image && z.t && z.lambda && z.residual && z.q && z.y && z.block && z.rest &&
        z.small)
        return WANE_OK;
    wane_ritz_free(out);
    return wane_fail_memory(err, "singular triplets", "subspace");
}

void wane_ritz_free(wane_ritz *z)
{
    wane_free(z->v);
    wane_free(z->image);
    wane_free(z->t);
    wane_free(z->lambda);
    wane_free(z->residual);
    wane_free(z->q);
    wane_free(z->y);
    wane_free(z->block);
    wane_free(z->rest);
    wane_free(z->small);
    *z = (wane_ritz){0};
}

/* The new columns of T, and the rows that mirror them. */
static void project(wane_ritz *z, size_t added)
{
    size_t n = z->gram->inner, ld = z->capacity, first = z->have - added;
    wane_columns_product(z->gram->pool, true, false, z->have, added, n, 1, z->v, n,
                         z->image + first * n, n, 0, z->t + first * ld, ld);
    for (size_t j = first; j < z->have; j++)
        for (size_t i = 0; i < j; i++) {
            if (i >= first) z->t[i + j * ld] = 0.5 * (z->t[i + j * ld] + z->t[j + i * ld]);
            z->t[j + i * ld] = z->t[i + j * ld];
        }
}

size_t wane_ritz_add(wane_ritz *z, size_t count, bool in_double)
{
    assert(z->have + count <= z->capacity && count <= z->gram->widest);
    const double relative = 1e-14;
    size_t n = z->gram->inner;
    double *to = z->image + z->have * n;
    count = wane_columns_orthonormalise(z->gram->pool, z->block, n, count, z->v, z->have, 0,
                                        relative, NULL, 0, z->rest);
    if (count == 0) return 0;
    memcpy(z->v + z->have * n, z->block, count * n * sizeof *z->v);
    if (in_double) wane_gram_double(z->gram, z->y, to, z->block, count);
    else wane_gram_single(z->gram, to, z->block, count);
    z->have += count;
    project(z, count);
    return count;
}

wane_status wane_ritz_solve(wane_ritz *z, size_t pairs, wane_error *err)
{
    assert(pairs <= z->have && pairs <= z->gram->widest);
    wane_status st = WANE_OK;
    size_t n = z->gram->inner;
    z->pairs = pairs;
    for (size_t j = 0; j < z->have; j++)
        memcpy(z->small + j * z->have, z->t + j * z->capacity, z->have * sizeof *z->t);
    WANE_TRY(wane_lapack_eigen(z->small, z->have, pairs, z->lambda, z->q, err));
    wane_columns_product(z->gram->pool, false, false, n, pairs, z->have, 1, z->image, n, z->q,
                         z->have, 0, z->rest, n);
    for (size_t j = 0; j < pairs; j++)
        for (size_t i = 0; i < z->have; i++)
            z->small[i + j * z->have] = z->lambda[j] * z->q[i + j * z->have];
    wane_columns_product(z->gram->pool, false, false, n, pairs, z->have, -1, z->v, n, z->small,
                         z->have, 1, z->rest, n);
    for (size_t j = 0; j < pairs; j++) {
        double square = 0;
        for (size_t i = 0; i < n; i++) square += z->rest[i + j * n] * z->rest[i + j * n];
        z->residual[j] = sqrt(square);
    }
done:
    return st;
}

/* A column of each Ritz vector in place of the basis, in V or in C V. */
static void turn(const wane_ritz *z, double *columns)
{
    size_t n = z->gram->inner;
    wane_columns_product(z->gram->pool, false, false, n, z->pairs, z->have, 1, columns, n, z->q,
                         z->have, 0, z->rest, n);
    memcpy(columns, z->rest, n * z->pairs * sizeof *columns);
}

void wane_ritz_compress(wane_ritz *z)
{
    turn(z, z->v);
    turn(z, z->image);
    memset(z->t, 0, z->capacity * z->capacity * sizeof *z->t);
    for (size_t j = 0; j < z->pairs; j++) z->t[j + j * z->capacity] = z->lambda[j];
    z->have = z->pairs;
}
