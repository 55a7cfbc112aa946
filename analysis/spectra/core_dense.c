/* SPDX-License-Identifier: Apache-2.0
 * A few leading triplets of a small matrix. Eigenvectors of the Gram matrix of its smaller side
 * cost a fraction of its SVD; squaring loses digits where the values wanted span far.
 */
#include <math.h>
#include <string.h>

#include "analysis/spectra/core.h"
#include "analysis/spectra/lapack.h"
#include "store/base/memory.h"

/* How far the values wanted may span: the vectors' errors are sigma_1 / (2 sigma_top) times those
 * of an SVD. */
static const double widest_span = 500;

/* The triplets' values and the vectors of the smaller side (n x top) from its Gram matrix, which is
 * overwritten. *enough = false where squaring lost too much. */
static wane_status from_gram(double *gram, size_t n, size_t top, double *sigma, double *vectors,
                             bool *enough, wane_error *err)
{
    wane_status st = wane_lapack_eigen(gram, n, top, sigma, vectors, err);
    if (st != WANE_OK) return st;
    for (size_t j = 0; j < top; j++) sigma[j] = sigma[j] > 0 ? sqrt(sigma[j]) : 0;
    *enough = sigma[0] > 0 && sigma[top - 1] * widest_span >= sigma[0];
    return WANE_OK;
}

static void divide(double *vectors, size_t length, size_t top, const double *sigma)
{
    for (size_t j = 0; j < top; j++)
        for (size_t i = 0; i < length; i++) vectors[i + j * length] /= sigma[j];
}

static wane_status by_svd(wane_leading *out, const double *c, size_t rows, size_t cols, size_t top,
                          wane_error *err)
{
    wane_status st = WANE_OK;
    size_t least = rows < cols ? rows : cols;
    double *sigma = wane_alloc(least, sizeof *sigma);
    double *u = wane_alloc_aligned(rows * least, sizeof *u);
    double *vt = wane_alloc_aligned(least * cols, sizeof *vt);
    if (!sigma || !u || !vt) WANE_TRY(wane_fail_memory(err, "singular triplets", "vectors"));
    WANE_TRY(wane_lapack_svd(c, rows, cols, sigma, u, vt, err));
    memcpy(out->sigma, sigma, top * sizeof *sigma);
    memcpy(out->u, u, rows * top * sizeof *u);
    for (size_t j = 0; j < top; j++)
        for (size_t i = 0; i < cols; i++) out->v[i + j * cols] = vt[j + i * least];
done:
    wane_free(sigma);
    wane_free(u);
    wane_free(vt);
    return st;
}

wane_status wane_leading_dense(wane_leading *out, const double *c, size_t rows, size_t cols,
                               size_t top, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_leading leading = {0};
    bool wide = rows <= cols, enough = false;
    size_t n = wide ? rows : cols, far = wide ? cols : rows;
    double *gram = wane_alloc_aligned(n * n, sizeof *gram);
    if (!gram) WANE_TRY(wane_fail_memory(err, "singular triplets", "Gram matrix"));
    WANE_TRY(wane_leading_room(&leading, rows, cols, top, err));
    wane_columns_product(NULL, !wide, wide, n, n, far, 1, c, rows, c, rows, 0, gram, n);
    double *near = wide ? leading.u : leading.v, *other = wide ? leading.v : leading.u;
    WANE_TRY(from_gram(gram, n, top, leading.sigma, near, &enough, err));
    if (enough) {
        wane_columns_product(NULL, wide, false, far, top, n, 1, c, rows, near, n, 0, other, far);
        divide(other, far, top, leading.sigma);
    } else {
        WANE_TRY(by_svd(&leading, c, rows, cols, top, err));
    }
    *out = leading;
    leading = (wane_leading){0};
done:
    wane_leading_free(&leading);
    wane_free(gram);
    return st;
}

/* With P on the side that has no extra coordinates and Q on the other, Q_1 its first rows:
 * C C^T = S^2 + M + M^T, M = (S Q_1 + P (Q^T Q) / 2) P^T. */
static wane_status core_gram(double *gram, const wane_core *c, wane_error *err)
{
    wane_status st = WANE_OK;
    bool wide = c->left == c->rank;
    size_t n = c->rank, k = c->k, far = wide ? c->right : c->left;
    const double *p = wide ? c->p : c->q, *q = wide ? c->q : c->p;
    double *inner = wane_alloc_aligned(c->squares ? 1 : k * k, sizeof *inner);
    double *half = wane_alloc_aligned(n * k, sizeof *half);
    double *m = wane_alloc_aligned(n * n, sizeof *m);
    if (!inner || !half || !m) WANE_TRY(wane_fail_memory(err, "core space", "Gram matrix"));
    for (size_t j = 0; j < k; j++)
        for (size_t i = 0; i < n; i++) {
            half[i + j * n] = c->s[i] * q[i + j * far];
            if (c->squares) half[i + j * n] += 0.5 * c->squares[j] * p[i + j * n];
        }
    if (!c->squares) {
        wane_columns_product(NULL, true, false, k, k, far, 0.5, q, far, q, far, 0, inner, k);
        wane_columns_product(NULL, false, false, n, k, k, 1, p, n, inner, k, 1, half, n);
    }
    wane_columns_product(NULL, false, true, n, n, k, 1, half, n, p, n, 0, m, n);
    for (size_t j = 0; j < n; j++)
        for (size_t i = 0; i < n; i++) gram[i + j * n] = m[i + j * n] + m[j + i * n];
    for (size_t i = 0; i < n; i++) gram[i + i * n] += c->s[i] * c->s[i];
done:
    wane_free(inner);
    wane_free(half);
    wane_free(m);
    return st;
}

static wane_status core_svd(wane_leading *out, const wane_core *c, size_t top, wane_error *err)
{
    double *whole = wane_alloc_aligned(c->left * c->right, sizeof *whole);
    if (!whole) return wane_fail_memory(err, "core space", "tuned weight");
    wane_columns_product(NULL, false, true, c->left, c->right, c->k, 1, c->p, c->left, c->q,
                         c->right, 0, whole, c->left);
    for (size_t i = 0; i < c->rank; i++) whole[i + i * c->left] += c->s[i];
    wane_status st = by_svd(out, whole, c->left, c->right, top, err);
    wane_free(whole);
    return st;
}

wane_status wane_core_dense(wane_leading *out, const wane_core *c, size_t top, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_leading leading = {0};
    bool wide = c->left == c->rank, enough = false;
    size_t n = c->rank, far = wide ? c->right : c->left;
    double *gram = wane_alloc_aligned(n * n, sizeof *gram);
    if (!gram) WANE_TRY(wane_fail_memory(err, "core space", "Gram matrix"));
    WANE_TRY(wane_leading_room(&leading, c->left, c->right, top, err));
    WANE_TRY(core_gram(gram, c, err));
    double *near = wide ? leading.u : leading.v, *other = wide ? leading.v : leading.u;
    WANE_TRY(from_gram(gram, n, top, leading.sigma, near, &enough, err));
    if (enough) {
        wane_core_multiply(c, wide, other, near, top);
        divide(other, far, top, leading.sigma);
    } else {
        WANE_TRY(core_svd(&leading, c, top, err));
    }
    *out = leading;
    leading = (wane_leading){0};
done:
    wane_leading_free(&leading);
    wane_free(gram);
    return st;
}
