/* SPDX-License-Identifier: Apache-2.0
 * Norms of a large weight and of its change, a panel of rows at a time, so that nothing of the
 * weight's size is held in double; the first singular value of the change, held in fp32.
 */
#include <math.h>

#include "analysis/spectra/base_svd.h"
#include "analysis/spectra/delta.h"
#include "analysis/spectra/lapack.h"
#include "analysis/spectra/leading.h"
#include "store/base/memory.h"

enum { PANEL = 32 };

/* Sums over panels: each is one tile, and they are added in order. */
typedef struct panels {
    wane_matrix weight, less; /* weight - less; less.data NULL: nothing */
    size_t count;
    double *square; /* count */
    size_t k;
    const double *v; /* cols x k */
    double *half;    /* rows x k: (weight - less) V */
    double *room;    /* threads x PANEL x cols */
} panels;

static void sum_panel(void *context, size_t panel, int thread)
{
    const panels *p = context;
    size_t n = p->weight.cols, first = panel * PANEL, rows = p->weight.rows - first;
    double *change = p->room + (size_t)thread * PANEL * n, sum = 0;
    if (rows > PANEL) rows = PANEL;
    for (size_t i = 0; i < rows; i++) {
        const float *a = p->weight.data + (first + i) * p->weight.stride;
        double row = 0;
        for (size_t j = 0; j < n; j++) change[i * n + j] = (double)a[j];
        if (p->less.data) {
            const float *b = p->less.data + (first + i) * p->less.stride;
            for (size_t j = 0; j < n; j++) change[i * n + j] -= (double)b[j];
        }
        for (size_t j = 0; j < n; j++) row += change[i * n + j] * change[i * n + j];
        sum += row;
    }
    p->square[panel] = sum;
    if (p->k > 0) /* the panel's rows are columns of its transpose */
        wane_columns_product(NULL, true, false, rows, p->k, n, 1, change, n, p->v, n, 0,
                             p->half + first, p->weight.rows);
}

/* The square of the Frobenius norm; p->weight, less, k, v and half are given. */
static wane_status sum_panels(double *square, panels *p, wane_pool *pool, wane_error *err)
{
    p->count = (p->weight.rows + PANEL - 1) / PANEL;
    p->square = wane_alloc(p->count, sizeof *p->square);
    p->room = wane_alloc_aligned((size_t)wane_pool_threads(pool) * PANEL * p->weight.cols,
                                 sizeof *p->room);
    wane_status st = WANE_OK;
    if (!p->square || !p->room) {
        st = wane_fail_memory(err, "norms of a change", "panels");
    } else {
        wane_pool_run(pool, p->count, sum_panel, p);
        *square = 0;
        for (size_t i = 0; i < p->count; i++) *square += p->square[i];
    }
    wane_free(p->square);
    wane_free(p->room);
    return st;
}

wane_status wane_weight_frobenius(double *out, wane_matrix weight, wane_pool *pool, wane_error *err)
{
    panels p = {.weight = weight};
    double square = 0;
    wane_status st = sum_panels(&square, &p, pool, err);
    if (st == WANE_OK) *out = sqrt(square);
    return st;
}

wane_status wane_delta_whole_norms(wane_spectrum *out, const wane_base_svd *base, wane_matrix tuned,
                                   wane_pool *pool, wane_error *err)
{
    wane_status st = WANE_OK;
    size_t m = base->rows, n = base->cols, k = wane_rho_directions(base);
    double inside[WANE_RHO_DIRECTIONS * WANE_RHO_DIRECTIONS], square = 0;
    panels p = {.weight = tuned, .less = {base->base, m, n, n}, .k = k, .v = base->v};
    p.half = wane_alloc_aligned(k * m, sizeof *p.half);
    if (!p.half) return wane_fail_memory(err, "norms of a change", "work space");
    WANE_TRY(sum_panels(&square, &p, pool, err));
    if (!isfinite(square)) /* the base is finite */
        WANE_TRY(
            wane_fail(err, WANE_ENUMERIC, "spectrum: tuned weight %zu x %zu: not finite", m, n));
    out->delta_frobenius = sqrt(square);
    out->relative_update = base->frobenius > 0 ? out->delta_frobenius / base->frobenius : NAN;
    out->delta_spectral = out->effective_rank = out->stable_rank = out->top_share = NAN;
    if (k > 0)
        wane_columns_product(pool, true, false, k, k, m, 1, base->u, m, p.half, m, 0, inside, k);
    wane_delta_set_rho(out, inside, k);
done:
    wane_free(p.half);
    return st;
}

/* The change in fp32, times `scale`. */
typedef struct difference {
    wane_matrix tuned, base;
    double scale;
    float *change; /* rows x cols */
} difference;

static void subtract_panel(void *context, size_t panel, int thread)
{
    const difference *d = context;
    size_t n = d->tuned.cols, first = panel * PANEL, end = first + PANEL;
    (void)thread;
    if (end > d->tuned.rows) end = d->tuned.rows;
    for (size_t i = first; i < end; i++) {
        const float *a = d->tuned.data + i * d->tuned.stride;
        const float *b = d->base.data + i * d->base.stride;
        for (size_t j = 0; j < n; j++)
            d->change[i * n + j] = (float)(d->scale * ((double)a[j] - (double)b[j]));
    }
}

static void set_spectral(wane_spectrum *out, double spectral)
{
    if (spectral > out->delta_frobenius) spectral = out->delta_frobenius; /* by rounding */
    double ratio = out->delta_frobenius / spectral;
    out->delta_spectral = spectral;
    out->stable_rank = ratio * ratio;
    out->top_share = 1 / (ratio * ratio);
}

wane_status wane_delta_whole_spectral(wane_spectrum *out, const wane_base_svd *base,
                                      wane_matrix tuned, wane_pool *pool, wane_error *err)
{
    const double residual = 1e-5;
    wane_status st = WANE_OK;
    size_t m = base->rows, n = base->cols;
    int exponent = 0;
    double angle = 1;
    bool found = false;
    wane_leading leading = {0};
    float *change = NULL;
    out->delta_spectral = out->delta_frobenius > 0 ? NAN : 0;
    if (!(out->delta_frobenius > 0)) return WANE_OK;
    change = wane_alloc_aligned(m * n, sizeof *change);
    if (!change) return wane_fail_memory(err, "norms of a change", "change");
    (void)frexp(out->delta_frobenius, &exponent); /* of which squares stay within fp32 */
    difference d = {tuned, {base->base, m, n, n}, ldexp(1, -exponent), change};
    wane_pool_run(pool, (m + PANEL - 1) / PANEL, subtract_panel, &d);
    const wane_leading_question question = {
        .weight = {change, m, n, n}, .top = 1, .residual = residual};
    WANE_TRY(wane_leading_find(&leading, &angle, &found, &question, pool, err));
    if (found) set_spectral(out, ldexp(leading.sigma[0], exponent));
done:
    wane_leading_free(&leading);
    wane_free(change);
    return st;
}
