/* SPDX-License-Identifier: Apache-2.0
 * Takes from a real change what its nulls must share with it, tallies the draws tile by tile, and
 * bisects for the onset.
 */
#include "analysis/spectra/null.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/spectra/delta.h"
#include "analysis/spectra/directions.h"
#include "analysis/spectra/lapack.h"
#include "analysis/spectra/null_draw.h"
#include "analysis/spectra/singular_values.h"
#include "store/base/memory.h"

const char *const wane_null_names[WANE_NULLS] = {"rotated", "gaussian"};

void wane_null_change_free(wane_null_change *change)
{
    wane_free(change->sigma);
    wane_free(change->clusters);
    *change = (wane_null_change){0};
}

/* What both kinds of change share: the values above the floor, of `count` (descending). */
static wane_status make_change(wane_null_change *out, const wane_base_svd *base,
                               const double *sigma, size_t count, double floor,
                               const wane_spectrum_options *options, wane_error *err)
{
    double squares = 0;
    size_t directions = wane_base_svd_count(base);
    const double *values = wane_base_svd_sigma(base);
    if (!values)
        return wane_fail(err, WANE_EINVAL,
                         "random updates: of a base whose singular values are not known");
    wane_null_change c = {.base = base,
                          .rounding = options->rounding,
                          .base_rounding = options->base_rounding,
                          .top = WANE_NULL_TOP,
                          .epsilon = WANE_NULL_EPSILON};
    c.sigma = wane_alloc(count, sizeof *c.sigma);
    c.clusters = wane_alloc(directions, sizeof *c.clusters);
    if (!c.sigma || !c.clusters) {
        wane_null_change_free(&c);
        return wane_fail_memory(err, "random updates", "change");
    }
    for (; c.rank < count && sigma[c.rank] > floor; c.rank++) {
        c.sigma[c.rank] = sigma[c.rank];
        squares += sigma[c.rank] * sigma[c.rank];
    }
    c.frobenius = sqrt(squares);
    wane_direction_clusters(c.clusters, values, directions,
                            wane_direction_floor(base->rows, base->cols, values[0],
                                                 hypot(c.rounding, c.base_rounding)));
    *out = c;
    return WANE_OK;
}

/* For the floor of W alone; of a base that is not whole without bounds, which cost most there. */
static wane_spectrum_options one_direction(const wane_base_svd *base,
                                           const wane_spectrum_options *options)
{
    bool whole = wane_base_svd_is_whole(base);
    return (wane_spectrum_options){.top = 1,
                                   .u = whole,
                                   .vectors = !whole,
                                   .scan = true,
                                   .rounding = options->rounding,
                                   .base_rounding = options->base_rounding};
}

wane_status wane_null_change_lowrank(wane_null_change *out, const wane_base_svd *base,
                                     const wane_lowrank_term *terms, size_t count,
                                     const wane_spectrum_options *options, wane_pool *pool,
                                     wane_error *err)
{
    wane_status st = WANE_OK;
    wane_spectrum spectrum = {0};
    wane_delta delta = {0};
    const wane_spectrum_options one = one_direction(base, options);
    WANE_TRY(wane_spectrum_lowrank(&spectrum, base, terms, count, &one, pool, err));
    WANE_TRY(wane_delta_factor(&delta, base->rows, base->cols, terms, count, pool, err));
    st = make_change(out, base, delta.sigma, delta.numerical, spectrum.floor, options, err);
done:
    wane_spectrum_free(&spectrum);
    wane_delta_free(&delta);
    return st;
}

/* All singular values of tuned - W_0: the judge's where the base is whole. */
static wane_status values_of_change(double *sigma, const wane_base_svd *base, wane_matrix tuned,
                                    wane_pool *pool, wane_error *err)
{
    size_t m = base->rows, n = base->cols;
    const wane_matrix weight = {base->base, m, n, n};
    if (!wane_base_svd_is_whole(base)) return wane_singular_values(sigma, tuned, weight, pool, err);
    double *change = wane_alloc_aligned(m * n, sizeof *change);
    if (!change) return wane_fail_memory(err, "random updates", "change");
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++)
            change[i * n + j] =
                (double)tuned.data[i * tuned.stride + j] - (double)base->base[i * n + j];
    wane_status st = wane_lapack_svd(change, n, m, sigma, NULL, NULL, err); /* transposed */
    wane_free(change);
    return st;
}

wane_status wane_null_change_full(wane_null_change *out, const wane_base_svd *base,
                                  wane_matrix tuned, const wane_spectrum_options *options,
                                  wane_pool *pool, wane_error *err)
{
    wane_status st = WANE_OK;
    size_t least = base->rows < base->cols ? base->rows : base->cols;
    wane_spectrum spectrum = {0};
    double *sigma = NULL;
    const wane_spectrum_options one = one_direction(base, options);
    WANE_TRY(wane_spectrum_full(&spectrum, base, tuned, &one, pool, err));
    sigma = wane_alloc(least, sizeof *sigma);
    if (!sigma) WANE_TRY(wane_fail_memory(err, "random updates", "change"));
    WANE_TRY(values_of_change(sigma, base, tuned, pool, err));
    st = make_change(out, base, sigma, least, spectrum.floor, options, err);
done:
    wane_spectrum_free(&spectrum);
    wane_free(sigma);
    return st;
}

typedef struct drawing {
    wane_null_tally (*tally)[WANE_NULL_DRAWS];
    const wane_null_change *change;
    wane_null_place place;
    wane_status status[WANE_NULL_DRAWS];
    wane_error error[WANE_NULL_DRAWS];
} drawing;

static void draw_one(void *context, size_t draw, int thread)
{
    drawing *d = context;
    wane_error *err = &d->error[draw];
    wane_null_place place = d->place;
    wane_null_update update = {0};
    wane_null_tally tally[2] = {0};
    (void)thread;
    place.draw = draw;
    wane_status st = wane_null_update_draw(&update, d->change, &place, err);
    if (st == WANE_OK) st = wane_null_update_judge(tally, d->change, &update, err);
    wane_null_update_free(&update);
    for (int side = 0; side < 2; side++) d->tally[side][draw] = tally[side];
    d->status[draw] = st;
}

wane_status wane_null_draw_matrix(wane_null_tally tally[2][WANE_NULL_DRAWS], wane_null kind,
                                  const wane_null_change *change, size_t i, uint64_t seed,
                                  wane_pool *pool, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_null_tally(*made)[WANE_NULL_DRAWS] = wane_alloc(2, sizeof *made);
    drawing *d = wane_alloc(1, sizeof *d);
    if (!made || !d) WANE_TRY(wane_fail_memory(err, "random updates", "draws"));
    if (change->rank > 0) {
        d->tally = made;
        d->change = change;
        d->place = (wane_null_place){.seed = seed, .kind = kind, .matrix = i};
        wane_pool_run(pool, WANE_NULL_DRAWS, draw_one, d);
        for (size_t j = 0; j < WANE_NULL_DRAWS && st == WANE_OK; j++)
            if ((st = d->status[j]) != WANE_OK && err) *err = d->error[j];
    }
    if (st == WANE_OK) memcpy(tally, made, 2 * sizeof *made);
done:
    wane_free(made);
    wane_free(d);
    return st;
}

void wane_null_add(wane_null_tally sum[2][WANE_NULL_DRAWS],
                   const wane_null_tally more[2][WANE_NULL_DRAWS])
{
    for (int side = 0; side < 2; side++)
        for (size_t d = 0; d < WANE_NULL_DRAWS; d++) {
            wane_null_tally *s = &sum[side][d];
            const wane_null_tally *m = &more[side][d];
            s->intruders += m->intruders;
            s->unresolved += m->unresolved;
            s->existing += m->existing;
            for (size_t i = 0; i < WANE_NULL_BINS; i++) s->below[i] += m->below[i];
        }
}

wane_status wane_null_draw(wane_null_tally tally[2][WANE_NULL_DRAWS], wane_null kind,
                           const wane_null_change *changes, size_t count, uint64_t seed,
                           wane_pool *pool, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_null_tally(*sum)[WANE_NULL_DRAWS] = wane_alloc(2, sizeof *sum);
    wane_null_tally(*one)[WANE_NULL_DRAWS] = wane_alloc(2, sizeof *one);
    if (!sum || !one) WANE_TRY(wane_fail_memory(err, "random updates", "draws"));
    for (size_t i = 0; i < count; i++) {
        WANE_TRY(wane_null_draw_matrix(one, kind, &changes[i], i, seed, pool, err));
        wane_null_add(sum, (const wane_null_tally(*)[WANE_NULL_DRAWS])one);
    }
    memcpy(tally, sum, 2 * sizeof *sum);
done:
    wane_free(sum);
    wane_free(one);
    return st;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* At position (n + 1) p of the sorted values, counted from 1. */
static double quantile(const double *sorted, size_t n, double p)
{
    double place = (double)(n + 1) * p, whole = floor(place);
    size_t i = (size_t)whole;
    return sorted[i - 1] + (place - whole) * (sorted[i] - sorted[i - 1]);
}

wane_null_summary wane_null_summarise(const wane_null_tally tally[WANE_NULL_DRAWS], size_t observed)
{
    double counts[WANE_NULL_DRAWS], sum = 0;
    size_t at_most = 0, at_least = 0;
    for (size_t d = 0; d < WANE_NULL_DRAWS; d++) {
        counts[d] = (double)tally[d].intruders;
        sum += counts[d];
        at_most += tally[d].intruders <= observed;
        at_least += tally[d].intruders >= observed;
    }
    qsort(counts, WANE_NULL_DRAWS, sizeof *counts, ascending);
    wane_null_summary s = {.mean = sum / WANE_NULL_DRAWS,
                           .low = quantile(counts, WANE_NULL_DRAWS, 0.025),
                           .high = quantile(counts, WANE_NULL_DRAWS, 0.975),
                           .p_low = (double)(1 + at_most) / (WANE_NULL_DRAWS + 1),
                           .p_high = (double)(1 + at_least) / (WANE_NULL_DRAWS + 1)};
    s.uninformative = s.high <= 0;
    return s;
}

/* A change that grows: in core space where the base is whole, else its terms. */
typedef struct growth {
    const wane_base_svd *base;
    wane_null_change change;
    wane_core core;
    double *p; /* its factors at t = 1 */
    const wane_lowrank_term *terms;
    wane_lowrank_term *grown; /* count of them; NULL in core space */
    size_t count;
    wane_spectrum_options options;
    wane_pool *pool;
} growth;

/* What is certain to be one. */
static wane_status has_bounded(bool *out, growth *g, double t, wane_error *err)
{
    wane_spectrum s = {0};
    for (size_t i = 0; i < g->count; i++)
        g->grown[i].scale = (float)(t * (double)g->terms[i].scale);
    wane_status st =
        wane_spectrum_lowrank(&s, g->base, g->grown, g->count, &g->options, g->pool, err);
    if (st == WANE_OK)
        *out =
            wane_intruder_count(s.side[WANE_SIDE_U], s.count, WANE_NULL_TOP, WANE_NULL_EPSILON) > 0;
    wane_spectrum_free(&s);
    return st;
}

/* Whether W_0 + t times the change has an intruder. */
static wane_status has_intruder(bool *out, growth *g, double t, wane_error *err)
{
    wane_null_tally tally[2];
    if (g->grown) return has_bounded(out, g, t, err);
    for (size_t i = 0; i < g->core.left * g->core.k; i++) g->core.p[i] = t * g->p[i];
    wane_status st = wane_null_core_judge(tally, &g->change, &g->core, err);
    if (st == WANE_OK) *out = tally[WANE_SIDE_U].intruders > 0;
    return st;
}

static wane_status find_onset(double *out, growth *g, wane_error *err)
{
    enum { STEPS = 25, HALVINGS = 6 };
    const double step = 0.05;
    wane_status st = WANE_OK;
    bool has = false;
    int i = 0;
    while (!has && ++i <= STEPS) WANE_TRY(has_intruder(&has, g, i * step, err));
    double high = i * step, low = high - step;
    for (int half = 0; has && half < HALVINGS; half++) {
        bool here = false;
        double middle = 0.5 * (low + high);
        WANE_TRY(has_intruder(&here, g, middle, err));
        if (here) high = middle;
        else low = middle;
    }
    *out = has ? high : (double)NAN;
done:
    return st;
}

/* Fills what core space, or the terms, need. */
static wane_status begin_growth(growth *g, const wane_delta *delta,
                                const wane_spectrum_options *options, wane_error *err)
{
    static const double epsilon = WANE_NULL_EPSILON;
    wane_status st = WANE_OK;
    wane_core *core = &g->core;
    g->options = (wane_spectrum_options){.top = WANE_NULL_TOP,
                                         .u = true,
                                         .scan = true,
                                         .rounding = options->rounding,
                                         .base_rounding = options->base_rounding,
                                         .epsilon = &epsilon,
                                         .epsilons = 1};
    if (!wane_base_svd_is_whole(g->base)) {
        g->grown = wane_alloc(g->count, sizeof *g->grown);
        if (!g->grown) return wane_fail_memory(err, "onset", "factors");
        memcpy(g->grown, g->terms, g->count * sizeof *g->grown);
        return WANE_OK;
    }
    WANE_TRY(make_change(&g->change, g->base, NULL, 0, 0, options, err));
    WANE_TRY(
        wane_core_of_delta(core, g->base, delta, wane_core_widest(WANE_NULL_TOP), g->pool, err));
    g->p = wane_alloc_aligned(core->left * core->k, sizeof *g->p);
    if (!g->p) WANE_TRY(wane_fail_memory(err, "onset", "factors"));
    memcpy(g->p, core->p, core->left * core->k * sizeof *g->p);
done:
    return st;
}

wane_status wane_null_onset(double *out, const wane_base_svd *base, const wane_lowrank_term *terms,
                            size_t count, const wane_spectrum_options *options, wane_pool *pool,
                            wane_error *err)
{
    wane_status st = WANE_OK;
    wane_delta delta = {0};
    growth g = {.base = base, .terms = terms, .count = count, .pool = pool};
    WANE_TRY(wane_delta_factor(&delta, base->rows, base->cols, terms, count, pool, err));
    if (delta.numerical == 0) {
        *out = (double)NAN;
        goto done;
    }
    WANE_TRY(begin_growth(&g, &delta, options, err));
    st = find_onset(out, &g, err);
done:
    wane_free(g.p);
    wane_free(g.grown);
    wane_core_close(&g.core);
    wane_null_change_free(&g.change);
    wane_delta_free(&delta);
    return st;
}
