/* SPDX-License-Identifier: Apache-2.0
 * Core space: in the singular basis of the base, completed by what of the change leaves its spans,
 * the tuned weight is C = [S 0; 0 0] + P Q^T with few columns in P and Q. Products with C are
 * cheap, and so is the exact number of its singular values above any point.
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "analysis/spectra/core.h"
#include "analysis/spectra/lapack.h"
#include "store/base/memory.h"

/* Coordinates of the orthonormal columns x (length x k) on `basis` (length x rank) and, below them,
 * on an orthonormal basis of the rest (length x *extra, handed over): out is (rank + *extra) x k.
 */
static wane_status coordinates(double **out, double **completion, size_t *extra, const double *x,
                               size_t length, size_t k, const double *basis, size_t rank,
                               wane_pool *pool, wane_error *err)
{
    const double rounding = 1e-14;
    wane_status st = WANE_OK;
    double *inside = wane_alloc_aligned(rank * k, sizeof *inside), *result = NULL;
    double *rest = NULL, *again = NULL, *r = NULL;
    size_t found = 0;
    if (!inside) goto memory;
    wane_columns_product(pool, true, false, rank, k, length, 1, basis, length, x, length, 0, inside,
                         rank);
    if (length > rank) {
        rest = wane_alloc_aligned(length * k, sizeof *rest);
        again = wane_alloc_aligned(rank * k, sizeof *again);
        r = wane_alloc_aligned(k * k, sizeof *r);
        if (!rest || !again || !r) goto memory;
        memcpy(rest, x, length * k * sizeof *rest);
        wane_columns_product(pool, false, false, length, k, rank, -1, basis, length, inside, rank,
                             1, rest, length);
        wane_columns_product(pool, true, false, rank, k, length, 1, basis, length, rest, length, 0,
                             again, rank);
        wane_columns_product(pool, false, false, length, k, rank, -1, basis, length, again, rank, 1,
                             rest, length);
        for (size_t i = 0; i < rank * k; i++) inside[i] += again[i];
        WANE_TRY(wane_lapack_qr_rank(rest, length, k, rounding, r, &found, err));
    }
    result = wane_alloc_aligned((rank + found) * k, sizeof *result);
    if (!result) goto memory;
    for (size_t j = 0; j < k; j++) {
        memcpy(result + j * (rank + found), inside + j * rank, rank * sizeof *result);
        for (size_t i = 0; i < found; i++) result[rank + i + j * (rank + found)] = r[i + j * found];
    }
    *out = result;
    *completion = rest;
    rest = NULL;
    *extra = found;
    goto done;
memory:
    st = wane_fail_memory(err, "core space", "coordinates");
done:
    wane_free(inside);
    wane_free(rest);
    wane_free(again);
    wane_free(r);
    return st;
}

void wane_core_close(wane_core *c)
{
    wane_free(c->p);
    wane_free(c->q);
    wane_free(c->left_rest);
    wane_free(c->right_rest);
    wane_free(c->room);
    *c = (wane_core){0};
}

wane_status wane_core_open(wane_core *core, size_t widest, wane_error *err)
{
    assert(widest > 0 && core->left >= core->rank && core->right >= core->rank);
    core->room = wane_alloc_aligned(core->k * widest, sizeof *core->room);
    return core->room ? WANE_OK : wane_fail_memory(err, "core space", "work space");
}

wane_status wane_core_of_delta(wane_core *out, const wane_base_svd *base, const wane_delta *delta,
                               size_t widest, wane_pool *pool, wane_error *err)
{
    assert(delta->rows == base->rows && delta->cols == base->cols);
    assert(delta->numerical >= 1 && delta->numerical <= delta->rank);
    wane_status st = WANE_OK;
    wane_core c = {.rank = base->rank, .k = delta->numerical, .s = base->sigma, .pool = pool};
    size_t extra_left = 0, extra_right = 0;
    WANE_TRY(coordinates(&c.p, &c.left_rest, &extra_left, delta->x, base->rows, c.k, base->u,
                         base->rank, pool, err));
    WANE_TRY(coordinates(&c.q, &c.right_rest, &extra_right, delta->y, base->cols, c.k, base->v,
                         base->rank, pool, err));
    c.left = c.rank + extra_left;
    c.right = c.rank + extra_right;
    for (size_t j = 0; j < c.k; j++) {
        double root = sqrt(delta->sigma[j]);
        for (size_t i = 0; i < c.left; i++) c.p[i + j * c.left] *= root;
        for (size_t i = 0; i < c.right; i++) c.q[i + j * c.right] *= root;
    }
    WANE_TRY(wane_core_open(&c, widest, err));
    *out = c;
    c = (wane_core){0};
done:
    wane_core_close(&c);
    return st;
}

/* y = diag(S) x + P (Q^T x), or with the sides exchanged. */
static void multiply(const wane_core *c, double *y, size_t y_rows, const double *p, const double *x,
                     size_t x_rows, const double *q, size_t count)
{
    for (size_t j = 0; j < count; j++) {
        for (size_t i = 0; i < c->rank; i++) y[i + j * y_rows] = c->s[i] * x[i + j * x_rows];
        for (size_t i = c->rank; i < y_rows; i++) y[i + j * y_rows] = 0;
    }
    wane_columns_product(c->pool, true, false, c->k, count, x_rows, 1, q, x_rows, x, x_rows, 0,
                         c->room, c->k);
    wane_columns_product(c->pool, false, false, y_rows, count, c->k, 1, p, y_rows, c->room, c->k, 1,
                         y, y_rows);
}

void wane_core_multiply(const wane_core *c, bool transpose, double *out, const double *in,
                        size_t count)
{
    if (transpose) multiply(c, out, c->right, c->q, in, c->left, c->p, count);
    else multiply(c, out, c->left, c->p, in, c->right, c->q, count);
}

static void apply(const void *context, double *y, const double *x, size_t count)
{
    wane_core_multiply(context, false, y, x, count);
}

static void apply_transpose(const void *context, double *x, const double *y, size_t count)
{
    wane_core_multiply(context, true, x, y, count);
}

/* What counting above a point needs: weights per coordinate, and the matrix whose signs count. */
typedef struct census {
    double *same, *cross; /* tau / (tau^2 - s^2) and s / (tau^2 - s^2), per coordinate < rank */
    double *n;            /* 2k x 2k */
    int *pivots;
    double *weighted; /* max(left, right) x k */
} census;

static void close_census(census *x)
{
    wane_free(x->same);
    wane_free(x->cross);
    wane_free(x->n);
    wane_free(x->pivots);
    wane_free(x->weighted);
}

static wane_status open_census(census *x, const wane_core *c, wane_error *err)
{
    size_t larger = c->left > c->right ? c->left : c->right;
    x->same = wane_alloc_aligned(c->rank, sizeof *x->same);
    x->cross = wane_alloc_aligned(c->rank, sizeof *x->cross);
    x->n = wane_alloc_aligned(4 * c->k * c->k, sizeof *x->n);
    x->pivots = wane_alloc(2 * c->k, sizeof *x->pivots);
    x->weighted = wane_alloc_aligned(larger * c->k, sizeof *x->weighted);
    if (x->same && x->cross && x->n && x->pivots && x->weighted) return WANE_OK;
    return wane_fail_memory(err, "core space", "work space"); /* the caller closes */
}

/* The k x k block `block` of N gets -A^T diag(weight) B; coordinates beyond rank weigh `rest`. */
static void weigh(const census *x, const wane_core *c, double *block, const double *a,
                  size_t a_rows, const double *b, size_t b_rows, const double *weight, double rest)
{
    size_t rows = rest != 0 ? b_rows : c->rank, k = c->k;
    for (size_t j = 0; j < k; j++)
        for (size_t i = 0; i < rows; i++)
            x->weighted[i + j * rows] = b[i + j * b_rows] * (i < c->rank ? weight[i] : rest);
    wane_columns_product(c->pool, true, false, k, k, rows, -1, a, a_rows, x->weighted, rows, 0,
                         block, 2 * k);
}

/* *above = how many singular values of C are greater than tau > 0. H = [0 C; C^T 0] has them as
 * eigenvalues, and H = H_0 + F G F^T, H_0 = [0 S; S^T 0], F = [P 0; 0 Q], G = [0 I; I 0] = G^-1.
 * Counting the signs of [H_0 - tau, F; F^T, -G] by either complement (Haynsworth 1968) gives
 * above(C) = above(S) + negative(N) - k with N = G - F^T (tau - H_0)^-1 F. WANE_ENUMERIC where tau
 * meets a singular value. */
static wane_status count_above(census *x, const wane_core *c, double tau, size_t *above,
                               wane_error *err)
{
    size_t k = c->k, negative = 0, greater = 0;
    for (size_t i = 0; i < c->rank; i++) {
        double difference = (tau - c->s[i]) * (tau + c->s[i]);
        x->same[i] = tau / difference;
        x->cross[i] = c->s[i] / difference;
        greater += c->s[i] > tau;
    }
    weigh(x, c, x->n, c->p, c->left, c->p, c->left, x->same, 1 / tau);
    weigh(x, c, x->n + k + 2 * k * k, c->q, c->right, c->q, c->right, x->same, 1 / tau);
    weigh(x, c, x->n + k, c->q, c->right, c->p, c->left, x->cross, 0);
    for (size_t i = 0; i < k; i++) x->n[k + i + i * 2 * k] += 1;
    for (size_t j = 0; j < k; j++) /* the upper right block is not read by the factorisation */
        memset(x->n + (k + j) * 2 * k, 0, k * sizeof *x->n);
    if (!wane_lapack_finite(x->n, 4 * k * k))
        return wane_fail(err, WANE_ENUMERIC, "core space: %g: is a singular value", tau);
    wane_status st = wane_lapack_symmetric(x->n, 2 * k, x->pivots, &negative, err);
    if (st == WANE_OK) *above = greater + negative - k;
    return st;
}

/* Whether C has no singular value above the last of the `top` found but those found: their number
 * above a point just beyond it, kept clear of the found ones. */
static wane_status prove(const wane_core *c, const double *found, size_t top, bool *proved,
                         wane_error *err)
{
    census x = {0};
    double last = found[top - 1], distance = 1e-6 * found[0];
    size_t expected = 0, above = 0;
    *proved = false;
    for (size_t i = top; i-- > 0;)
        if (found[i] > last + distance / 2 && found[i] < last + 2 * distance)
            distance = 2 * (found[i] - last) + 1e-6 * found[0];
    for (size_t i = 0; i < top; i++) expected += found[i] > last + distance;
    wane_status st = open_census(&x, c, err);
    if (st == WANE_OK) {
        st = count_above(&x, c, last + distance, &above, err);
        if (st == WANE_ENUMERIC) st = WANE_OK;
        else *proved = st == WANE_OK && above == expected;
    }
    close_census(&x);
    return st;
}

wane_status wane_leading_count(size_t *above, const wane_base_svd *base, const wane_delta *delta,
                               double tau, wane_pool *pool, wane_error *err)
{
    assert(tau > 0);
    wane_status st = WANE_OK;
    wane_core c = {0};
    census x = {0};
    WANE_TRY(wane_core_of_delta(&c, base, delta, 1, pool, err));
    WANE_TRY(open_census(&x, &c, err));
    st = count_above(&x, &c, tau, above, err);
done:
    close_census(&x);
    wane_core_close(&c);
    return st;
}

/* out (length x count) = basis * the first `rank` coordinates + rest * the others. */
static void from_coordinates(double *out, size_t length, const double *basis, size_t rank,
                             const double *rest, const double *x, size_t x_rows, size_t count,
                             wane_pool *pool)
{
    wane_columns_product(pool, false, false, length, count, rank, 1, basis, length, x, x_rows, 0,
                         out, length);
    if (x_rows > rank)
        wane_columns_product(pool, false, false, length, count, x_rows - rank, 1, rest, length,
                             x + rank, x_rows, 1, out, length);
}

static wane_status on_own_axes(wane_leading *out, const wane_core *c, const wane_leading *in,
                               const wane_base_svd *base, wane_error *err)
{
    wane_status st = wane_leading_room(out, base->rows, base->cols, in->top, err);
    if (st != WANE_OK) return st;
    memcpy(out->sigma, in->sigma, in->top * sizeof *out->sigma);
    from_coordinates(out->u, base->rows, base->u, base->rank, c->left_rest, in->u, in->rows,
                     in->top, c->pool);
    from_coordinates(out->v, base->cols, base->v, base->rank, c->right_rest, in->v, in->cols,
                     in->top, c->pool);
    return WANE_OK;
}

wane_status wane_core_lanczos(wane_leading *out, bool *found, const wane_core *core, size_t top,
                              wane_error *err)
{
    wane_status st = WANE_OK;
    wane_leading leading = {0};
    *found = false;
    WANE_TRY(wane_leading_room(&leading, core->left, core->right, top, err));
    const wane_operator a = {.rows = core->left,
                             .cols = core->right,
                             .apply = apply,
                             .apply_transpose = apply_transpose,
                             .context = core,
                             .pool = core->pool};
    WANE_TRY(wane_leading_lanczos(&leading, found, &a, err));
    if (*found) WANE_TRY(prove(core, leading.sigma, top, found, err));
    if (!*found) goto done;
    *out = leading;
    leading = (wane_leading){0};
done:
    wane_leading_free(&leading);
    return st;
}

wane_status wane_leading_core(wane_leading *out, wane_leading *vectors, bool *found,
                              const wane_base_svd *base, const wane_delta *delta, size_t top,
                              wane_pool *pool, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_core c = {0};
    wane_leading leading = {0};
    *found = false;
    WANE_TRY(wane_core_of_delta(&c, base, delta, wane_core_widest(top), pool, err));
    WANE_TRY(wane_core_lanczos(&leading, found, &c, top, err));
    if (!*found) goto done;
    if (vectors) WANE_TRY(on_own_axes(vectors, &c, &leading, base, err));
    *out = leading;
    leading = (wane_leading){0};
done:
    wane_leading_free(&leading);
    wane_core_close(&c);
    return st;
}
