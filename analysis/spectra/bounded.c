/* SPDX-License-Identifier: Apache-2.0
 * Norms of the change, leading triplets of the tuned weight, then bounds on their cosines.
 */
#include "analysis/spectra/bounded.h"

#include <math.h>

#include "analysis/spectra/delta.h"
#include "analysis/spectra/directions.h"
#include "analysis/spectra/leading.h"
#include "analysis/spectra/moments.h"
#include "store/base/memory.h"

/* What is wanted of the triplets of W. The angle is added to what the bounds leave open, and is
 * less than most of that. */
static const double RESIDUAL = 1e-5, ANGLE = 1e-4;

/* One question under way. */
typedef struct work {
    const wane_base_svd *base;
    const wane_spectrum_options *options;
    wane_pool *pool;
    size_t top;
    wane_leading leading;
    double *angle; /* of each triplet to the true one: see leading.h */
    bool found;
    bool changed; /* where not, the directions are the base's own */
} work;

const double wane_usual_epsilons[WANE_USUAL_EPSILONS] = {0.1,  0.2, 0.3, 0.4, 0.45, 0.5,
                                                         0.55, 0.6, 0.7, 0.8, 0.9};

static work begin(const wane_base_svd *base, const wane_spectrum_options *options, wane_pool *pool)
{
    size_t least = base->rows < base->cols ? base->rows : base->cols;
    return (work){.base = base,
                  .options = options,
                  .pool = pool,
                  .top = options->top == 0 || options->top > least ? least : options->top};
}

static bool wants_directions(const work *w)
{
    return w->options->u || w->options->v || w->options->vectors;
}

static wane_direction bounded(double sigma, const wane_cosine_bounds *b)
{
    return (wane_direction){.sigma = sigma,
                            .max_cosine = b->low,
                            .low = b->low,
                            .high = b->high,
                            .span = NAN,
                            .subspace_overlap = NAN,
                            .cluster_overlap = b->cluster_high,
                            .steps = b->steps};
}

/* Directions from `exist` on do not exist. */
static wane_status bound_sides(wane_spectrum *out, const work *w, wane_cosine_bounds *bounds,
                               size_t exist, wane_error *err)
{
    const wane_base_svd *base = w->base;
    const wane_spectrum_options *o = w->options;
    double largest = base->sigma[0];
    const wane_moment_options options = {
        .floor = wane_direction_floor(base->rows, base->cols, largest, 0),
        .blur = wane_direction_floor(base->rows, base->cols, largest,
                                     hypot(o->rounding, o->base_rounding)),
        .largest = largest * (1 + 1e-6),
        .epsilon = o->epsilons ? o->epsilon : wane_usual_epsilons,
        .epsilons = o->epsilons ? o->epsilons : WANE_USUAL_EPSILONS,
        .steps = WANE_MOMENT_STEPS,
        .known = {base->count, base->sigma, base->u, base->v}};
    const wane_matrix weight = {base->base, base->rows, base->cols, base->cols};
    wane_moment_side sides[2] = {{o->u ? exist : 0, w->leading.u, w->angle, bounds},
                                 {o->v ? exist : 0, w->leading.v, w->angle, bounds + w->top}};
    wane_status st =
        w->changed ? wane_moment_bounds(sides, weight, &options, w->pool, err) : WANE_OK;
    for (int side = 0; side < 2; side++)
        for (size_t j = 0; out->side[side] && j < w->top; j++)
            out->side[side][j] = j < exist
                                     ? bounded(w->leading.sigma[j], &bounds[side * w->top + j])
                                     : wane_direction_absent(w->leading.sigma[j]);
    return st;
}

static wane_status fill_directions(wane_spectrum *out, work *w, wane_error *err)
{
    const wane_spectrum_options *o = w->options;
    wane_direction *room = wane_alloc(2 * w->top, sizeof *room);
    wane_cosine_bounds *bounds = wane_alloc(2 * w->top, sizeof *bounds);
    size_t exist = 0;
    out->memory = room;
    if (!room || !bounds) {
        wane_free(bounds);
        return wane_fail_memory(err, "spectrum", "directions");
    }
    for (size_t j = 0; j < 2 * w->top; j++) bounds[j] = (wane_cosine_bounds){1, 1, 1, 1, 0};
    out->count = w->top;
    out->bounded = true;
    out->floor =
        wane_direction_floor(w->base->rows, w->base->cols, w->leading.sigma[0], o->rounding);
    while (exist < w->top && w->leading.sigma[exist] > out->floor) exist++;
    if (o->u) out->side[WANE_SIDE_U] = room;
    if (o->v) out->side[WANE_SIDE_V] = room + w->top;
    wane_status st = bound_sides(out, w, bounds, exist, err);
    wane_free(bounds);
    if (st == WANE_OK && o->vectors) {
        out->u = w->leading.u;
        out->v = w->leading.v;
        w->leading.u = w->leading.v = NULL;
    }
    return st;
}

/* The triplets of `weight` plus the change, started from those of the base, and what is told of
 * them. */
static wane_status directions_of(wane_spectrum *out, work *w, wane_matrix weight,
                                 const wane_delta *change, wane_error *err)
{
    wane_status st = WANE_OK;
    const wane_base_svd *b = w->base;
    const wane_leading near = {b->rows, b->cols, b->rank, b->sigma, b->u, b->v};
    const wane_leading_question question = {.weight = weight,
                                            .change = change,
                                            .top = w->top,
                                            .near = &near,
                                            .rounding = w->options->rounding,
                                            .residual = RESIDUAL,
                                            .angle = ANGLE};
    w->found = !wants_directions(w);
    if (w->found) return WANE_OK;
    w->changed = out->delta_frobenius > 0;
    w->angle = wane_alloc(w->top, sizeof *w->angle);
    if (!w->angle) return wane_fail_memory(err, "spectrum", "directions");
    WANE_TRY(wane_leading_find(&w->leading, w->angle, &w->found, &question, w->pool, err));
    if (w->found) st = fill_directions(out, w, err);
done:
    return st;
}

/* Hands over, or frees, what was made. */
static wane_status finish(wane_spectrum *out, bool *found, wane_spectrum *made, work *w,
                          wane_status st)
{
    if (st == WANE_OK) *found = w->found;
    if (st == WANE_OK && w->found) {
        if (!made->count) made->floor = NAN;
        made->changed = made->delta_frobenius > 0;
        made->base_frobenius = w->base->frobenius;
        made->base_spectral = w->base->sigma[0];
        *out = *made;
    } else {
        wane_spectrum_free(made);
    }
    wane_leading_free(&w->leading);
    wane_free(w->angle);
    return st;
}

wane_status wane_bounded_lowrank(wane_spectrum *out, bool *found, const wane_base_svd *base,
                                 const wane_lowrank_term *terms, size_t count,
                                 const wane_spectrum_options *options, wane_pool *pool,
                                 wane_error *err)
{
    wane_status st = WANE_OK;
    work w = begin(base, options, pool);
    wane_spectrum made = {0};
    wane_delta delta = {0};
    const wane_matrix weight = {base->base, base->rows, base->cols, base->cols};
    WANE_TRY(wane_delta_factor(&delta, base->rows, base->cols, terms, count, pool, err));
    WANE_TRY(wane_delta_factored_norms(&made, base, &delta, pool, err));
    WANE_TRY(directions_of(&made, &w, weight, &delta, err));
done:
    wane_delta_free(&delta);
    return finish(out, found, &made, &w, st);
}

wane_status wane_bounded_full(wane_spectrum *out, bool *found, const wane_base_svd *base,
                              wane_matrix tuned, const wane_spectrum_options *options,
                              wane_pool *pool, wane_error *err)
{
    wane_status st = WANE_OK;
    work w = begin(base, options, pool);
    wane_spectrum made = {0};
    WANE_TRY(wane_delta_whole_norms(&made, base, tuned, pool, err));
    WANE_TRY(directions_of(&made, &w, tuned, NULL, err));
    if (w.found && !options->scan)
        WANE_TRY(wane_delta_whole_spectral(&made, base, tuned, pool, err));
done:
    return finish(out, found, &made, &w, st);
}
