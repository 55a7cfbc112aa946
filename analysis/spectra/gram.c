/* SPDX-License-Identifier: Apache-2.0
 * fp32 products go strip by strip; those in double widen a few rows (columns, of a weight
 * wider than tall) at a time and use them for both products.
 */
#include "analysis/spectra/gram.h"

#include <assert.h>
#include <string.h>

#include "analysis/spectra/lapack.h"
#include "analysis/spectra/strips.h"
#include "store/base/blas.h"
#include "store/base/memory.h"

/* Slices of A's rows with sums of their own, by the shape alone; each is gone through in panels. */
enum { MOST_SLICES = 16, LEAST_SLICE = 128, PANEL_VALUES = 1 << 17, LEAST_PANEL = 8 };

static size_t slice_rows(const wane_gram *g)
{
    size_t rows = (g->outer + MOST_SLICES - 1) / MOST_SLICES;
    return rows < LEAST_SLICE ? LEAST_SLICE : rows;
}

static size_t slices(const wane_gram *g)
{
    return (g->outer + slice_rows(g) - 1) / slice_rows(g);
}

static size_t panel_rows(const wane_gram *g)
{
    size_t rows = PANEL_VALUES / g->inner;
    return rows < LEAST_PANEL ? LEAST_PANEL : rows;
}

static wane_status take_change(wane_gram *g, const wane_delta *change, wane_error *err)
{
    size_t r = change->numerical;
    const double *far = g->turned ? change->y : change->x;
    g->rank = r;
    g->near = g->turned ? change->x : change->y;
    g->far = wane_alloc_aligned(g->outer * r, sizeof *g->far);
    g->near_single = wane_alloc_aligned(g->inner * r, sizeof *g->near_single);
    g->far_single = wane_alloc_aligned(g->outer * r, sizeof *g->far_single);
    g->part = wane_alloc_aligned(g->widest * r, sizeof *g->part);
    g->parts = wane_alloc_aligned(2 * g->widest * r, sizeof *g->parts);
    if (!g->far || !g->near_single || !g->far_single || !g->part || !g->parts)
        return wane_fail_memory(err, "singular triplets", "factors");
    for (size_t i = 0; i < g->inner * r; i++) g->near_single[i] = (float)g->near[i];
    for (size_t k = 0; k < r; k++)
        for (size_t i = k * g->outer; i < (k + 1) * g->outer; i++)
            g->far_single[i] = (float)(g->far[i] = change->sigma[k] * far[i]);
    return WANE_OK;
}

wane_status wane_gram_open(wane_gram *out, wane_matrix w, const wane_delta *change, size_t widest,
                           wane_pool *pool, wane_error *err)
{
    wane_status st = WANE_OK;
    bool turned = w.rows < w.cols;
    wane_gram g = {.w = w, .turned = turned, .widest = widest, .pool = pool};
    g.inner = turned ? w.rows : w.cols;
    g.outer = turned ? w.cols : w.rows;
    size_t threads = (size_t)wane_pool_threads(pool);
    g.x = wane_alloc_aligned(widest * g.inner, sizeof *g.x);
    g.y = wane_alloc_aligned(widest * g.outer, sizeof *g.y);
    g.z = wane_alloc_aligned(widest * g.inner, sizeof *g.z);
    g.strips = wane_alloc_aligned(wane_strip_room(w, widest), sizeof *g.strips);
    g.sums = wane_alloc_aligned(slices(&g) * widest * g.inner, sizeof *g.sums);
    g.panels = wane_alloc_aligned(threads * panel_rows(&g) * g.inner, sizeof *g.panels);
    if (!g.x || !g.y || !g.z || !g.strips || !g.sums || !g.panels)
        WANE_TRY(wane_fail_memory(err, "singular triplets", "work space"));
    if (change && change->numerical > 0) {
        assert(change->rows == w.rows && change->cols == w.cols);
        WANE_TRY(take_change(&g, change, err));
    }
    *out = g;
    return WANE_OK;
done:
    wane_gram_free(&g);
    return st;
}

void wane_gram_free(wane_gram *g)
{
    wane_free(g->far);
    wane_free(g->near_single);
    wane_free(g->far_single);
    wane_free(g->x);
    wane_free(g->y);
    wane_free(g->z);
    wane_free(g->strips);
    wane_free(g->part);
    wane_free(g->sums);
    wane_free(g->panels);
    wane_free(g->parts);
    *g = (wane_gram){0};
}

/* to += (from away^T) back: what the factored change adds to a product. Vectors are rows here. */
static void add_change(const wane_gram *g, float *to, const float *back, size_t to_length,
                       const float *from, const float *away, size_t from_length, size_t count)
{
    if (g->rank == 0) return;
    wane_sgemm(g->pool, false, true, count, g->rank, from_length, 1, from, from_length, away,
               from_length, 0, g->part, g->rank);
    wane_sgemm(g->pool, false, false, count, to_length, g->rank, 1, g->part, g->rank, back,
               to_length, 1, to, to_length);
}

void wane_gram_single(const wane_gram *g, double *z, const double *x, size_t count)
{
    assert(count <= g->widest);
    size_t n = g->inner, m = g->outer;
    for (size_t i = 0; i < count * n; i++) g->x[i] = (float)x[i];
    if (g->turned) {
        const wane_strip_vectors none = {0}, left = {count, g->x, g->y},
                                 right = {count, g->y, g->z};
        wane_strip_products(g->w, &left, &none, g->strips, g->pool);
        add_change(g, g->y, g->far_single, m, g->x, g->near_single, n, count);
        wane_strip_products(g->w, &none, &right, g->strips, g->pool);
    } else {
        memset(g->y, 0, count * m * sizeof *g->y);
        add_change(g, g->y, g->far_single, m, g->x, g->near_single, n, count);
        wane_strip_gram(g->w, count, g->x, g->y, g->z, g->strips, g->pool);
    }
    add_change(g, g->z, g->near_single, n, g->y, g->far_single, m, count);
    for (size_t i = 0; i < count * n; i++) z[i] = (double)g->z[i];
}

typedef struct slice_work {
    const wane_gram *g;
    double *y;
    const double *x;
    size_t count;
} slice_work;

/* A's rows `first` and on, each a row of `panel`. */
static void widen(double *panel, const wane_gram *g, size_t first, size_t rows)
{
    size_t n = g->inner, stride = g->w.stride;
    const float *w = g->w.data;
    if (!g->turned) {
        for (size_t i = 0; i < rows; i++)
            for (size_t j = 0; j < n; j++) panel[i * n + j] = (double)w[(first + i) * stride + j];
        return;
    }
    for (size_t j = 0; j < n; j++) /* the columns of W, `rows` apart */
        for (size_t i = 0; i < rows; i++) panel[j * rows + i] = (double)w[j * stride + first + i];
}

static void run_slice(void *context, size_t slice, int thread)
{
    const slice_work *s = context;
    const wane_gram *g = s->g;
    size_t n = g->inner, m = g->outer, step = panel_rows(g), r = g->rank;
    size_t first = slice * slice_rows(g), end = first + slice_rows(g);
    double *panel = g->panels + (size_t)thread * step * n;
    double *sum = g->sums + slice * g->widest * n;
    if (end > m) end = m;
    for (size_t i = first; i < end; i += step) {
        size_t rows = end - i < step ? end - i : step, ld = g->turned ? rows : n;
        widen(panel, g, i, rows);
        wane_dgemm_tile(false, !g->turned, s->count, rows, n, 1, s->x, n, panel, ld, 0, s->y + i,
                        m);
        if (r > 0)
            wane_dgemm_tile(false, false, s->count, rows, r, 1, g->parts, r, g->far + i, m, 1,
                            s->y + i, m);
        wane_dgemm_tile(false, g->turned, s->count, n, rows, 1, s->y + i, m, panel, ld,
                        i == first ? 0 : 1, sum, n);
    }
}

void wane_gram_double(const wane_gram *g, double *y, double *z, const double *x, size_t count)
{
    assert(count <= g->widest);
    size_t n = g->inner, m = g->outer, r = g->rank, each = g->widest * n;
    slice_work work = {g, y, x, count};
    if (r > 0) wane_dgemm(g->pool, false, true, count, r, n, 1, x, n, g->near, n, 0, g->parts, r);
    wane_pool_run(g->pool, slices(g), run_slice, &work);
    memcpy(z, g->sums, count * n * sizeof *z);
    for (size_t s = 1; s < slices(g); s++)
        for (size_t i = 0; i < count * n; i++) z[i] += g->sums[s * each + i];
    if (r == 0) return;
    double *back = g->parts + g->widest * r;
    wane_dgemm(g->pool, false, true, count, r, m, 1, y, m, g->far, m, 0, back, r);
    wane_dgemm(g->pool, false, false, count, n, r, 1, back, r, g->near, n, 1, z, n);
}
