/* SPDX-License-Identifier: Apache-2.0
 * Leading triplets of base and tuned weight, norms of the change, then bounds on the cosines; where
 * Lanczos cannot vouch for the triplets, the dense SVD answers.
 */
#include "analysis/spectra/bounded.h"

#include <math.h>
#include <string.h>

#include "analysis/spectra/delta.h"
#include "analysis/spectra/directions.h"
#include "analysis/spectra/lapack.h"
#include "analysis/spectra/leading.h"
#include "store/base/blas.h"
#include "store/base/memory.h"

/* Triplets of the base that are found: rho asks for so many. */
enum { BASE_DIRECTIONS = 10 };

typedef struct work {
    const wane_bounded_question *q;
    wane_pool *pool;
    size_t rows, cols, least, top;
    double *weight;      /* W_0, then W, in double, row-major */
    wane_base_svd *base; /* its first triplets alone */
    wane_leading tuned;
    bool found;
} work;

static wane_status widen(double *out, wane_matrix w, const char *what, wane_error *err)
{
    for (size_t i = 0; i < w.rows; i++)
        for (size_t j = 0; j < w.cols; j++) out[i * w.cols + j] = (double)w.data[i * w.stride + j];
    if (wane_lapack_finite(out, w.rows * w.cols)) return WANE_OK;
    return wane_fail(err, WANE_ENUMERIC, "spectrum: %s weight %zu x %zu: not finite", what, w.rows,
                     w.cols);
}

/* The first triplets of W_0 as a base of few directions, for the norms of the change. */
static wane_status find_base(work *w, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_leading leading = {0};
    size_t few = w->least < BASE_DIRECTIONS ? w->least : BASE_DIRECTIONS;
    WANE_TRY(widen(w->weight, w->q->base, "base", err));
    WANE_TRY(
        wane_leading_whole(&leading, &w->found, w->weight, w->rows, w->cols, few, w->pool, err));
    if (!w->found) goto done;
    w->base = wane_alloc(1, sizeof *w->base);
    if (!w->base) WANE_TRY(wane_fail_memory(err, "spectrum", "base directions"));
    *w->base = (wane_base_svd){.rows = w->rows,
                               .cols = w->cols,
                               .rank = few,
                               .sigma = leading.sigma,
                               .u = leading.u,
                               .v = leading.v,
                               .frobenius = wane_dense_frobenius(w->weight, w->rows, w->cols)};
    double floor = wane_direction_floor(w->rows, w->cols, leading.sigma[0], 0);
    while (w->base->count < few && leading.sigma[w->base->count] > floor) w->base->count++;
    leading = (wane_leading){0};
done:
    wane_leading_free(&leading);
    return st;
}

/* Turns w->weight from W_0 into W, and takes the norms of the change. */
static wane_status change(work *w, wane_spectrum *norms, wane_error *err)
{
    wane_status st = WANE_OK;
    const wane_bounded_question *q = w->q;
    wane_delta delta = {0};
    double *dense = NULL;
    size_t m = w->rows, n = w->cols;
    if (q->tuned.data) {
        dense = wane_alloc_aligned(m * n, sizeof *dense);
        if (!dense) WANE_TRY(wane_fail_memory(err, "spectrum", "change"));
        WANE_TRY(widen(dense, q->tuned, "tuned", err));
        for (size_t i = 0; i < m * n; i++) {
            double value = dense[i];
            dense[i] = value - w->weight[i];
            w->weight[i] = value;
        }
        st = wane_delta_dense_norms(norms, w->base, dense, false, w->pool, err);
        goto done;
    }
    WANE_TRY(wane_delta_factor(&delta, m, n, q->terms, q->count, w->pool, err));
    WANE_TRY(wane_delta_factored_norms(norms, w->base, &delta, w->pool, err));
    st = wane_delta_add(w->weight, &delta, w->pool, err);
done:
    wane_delta_free(&delta);
    wane_free(dense);
    return st;
}

/* Room for what is told of the directions. */
static wane_status make_room(wane_bounded_spectrum *out, const work *w, wane_error *err)
{
    size_t top = w->top;
    unsigned char *room = wane_alloc(top, sizeof(double) + 2 * sizeof(wane_cosine_bounds));
    if (!room) return wane_fail_memory(err, "spectrum", "directions");
    wane_cosine_bounds *bounds = (wane_cosine_bounds *)room;
    out->memory = room;
    out->count = top;
    out->side[WANE_SIDE_U] = w->q->u ? bounds : NULL;
    out->side[WANE_SIDE_V] = w->q->v ? bounds + top : NULL;
    out->sigma = (double *)(bounds + 2 * top);
    return WANE_OK;
}

static wane_status bound_sides(wane_bounded_spectrum *out, const work *w, wane_error *err)
{
    double largest = w->base->sigma[0];
    const wane_moment_options options = {.floor =
                                             wane_direction_floor(w->rows, w->cols, largest, 0),
                                         .largest = largest * (1 + 1e-6),
                                         .epsilon = &w->q->epsilon,
                                         .epsilons = 1,
                                         .steps = w->q->steps};
    const double *directions[2] = {w->tuned.u, w->tuned.v};
    wane_moment_side sides[2] = {{0}};
    memcpy(out->sigma, w->tuned.sigma, w->top * sizeof *out->sigma);
    out->norms.floor = wane_direction_floor(w->rows, w->cols, w->tuned.sigma[0], w->q->rounding);
    for (int side = 0; side < 2; side++)
        if (out->side[side])
            sides[side] = (wane_moment_side){
                .count = w->top, .directions = directions[side], .out = out->side[side]};
    return wane_moment_bounds(sides, w->q->base, &options, w->pool, err);
}

/* By the SVD of the base, whole. */
static wane_status answer_exactly(wane_bounded_spectrum *out, const work *w, wane_error *err)
{
    wane_status st = WANE_OK;
    const wane_bounded_question *q = w->q;
    const wane_spectrum_options options = {.top = w->top,
                                           .u = true,
                                           .v = true,
                                           .scan = q->tuned.data != NULL,
                                           .rounding = q->rounding,
                                           .base_rounding = q->base_rounding};
    wane_base_svd *svd = NULL;
    wane_spectrum s = {0};
    WANE_TRY(wane_base_svd_compute(&svd, q->base, err));
    if (q->tuned.data) WANE_TRY(wane_spectrum_full(&s, svd, q->tuned, &options, w->pool, err));
    else WANE_TRY(wane_spectrum_lowrank(&s, svd, q->terms, q->count, &options, w->pool, err));
    out->exact = true;
    out->norms = s;
    for (size_t j = 0; j < w->top; j++) {
        out->sigma[j] = s.side[WANE_SIDE_U][j].sigma;
        for (int side = 0; side < 2 && s.side[side]; side++) {
            const wane_direction *d = &s.side[side][j];
            if (out->side[side])
                out->side[side][j] = (wane_cosine_bounds){
                    d->max_cosine, d->max_cosine, d->cluster_overlap, d->cluster_overlap, 0};
        }
    }
    out->norms.side[WANE_SIDE_U] = out->norms.side[WANE_SIDE_V] = NULL;
    out->norms.memory = NULL;
done:
    wane_spectrum_free(&s);
    wane_base_svd_free(svd);
    return st;
}

static wane_status check(const wane_bounded_question *q, wane_error *err)
{
    if (!q->tuned.data || (q->tuned.rows == q->base.rows && q->tuned.cols == q->base.cols))
        return WANE_OK;
    return wane_fail(err, WANE_EINVAL,
                     "spectrum: tuned weight %zu x %zu: does not fit its base %zu x %zu",
                     q->tuned.rows, q->tuned.cols, q->base.rows, q->base.cols);
}

wane_status wane_bounded_spectrum_find(wane_bounded_spectrum *out,
                                       const wane_bounded_question *question, wane_pool *pool,
                                       wane_error *err)
{
    wane_status st = WANE_OK;
    wane_bounded_spectrum made = {0};
    work w = {
        .q = question, .pool = pool, .rows = question->base.rows, .cols = question->base.cols};
    w.least = w.rows < w.cols ? w.rows : w.cols;
    w.top = question->top > w.least ? w.least : question->top;
    WANE_TRY(check(question, err));
    WANE_TRY(make_room(&made, &w, err));
    w.weight = wane_alloc_aligned(w.rows * w.cols, sizeof *w.weight);
    if (!w.weight) WANE_TRY(wane_fail_memory(err, "spectrum", "weight"));
    WANE_TRY(find_base(&w, err));
    if (w.found) {
        WANE_TRY(change(&w, &made.norms, err));
        made.norms.changed = made.norms.delta_frobenius > 0;
        made.norms.base_frobenius = w.base->frobenius;
        made.norms.base_spectral = w.base->sigma[0];
        WANE_TRY(
            wane_leading_whole(&w.tuned, &w.found, w.weight, w.rows, w.cols, w.top, pool, err));
    }
    if (w.found) WANE_TRY(bound_sides(&made, &w, err));
    else WANE_TRY(answer_exactly(&made, &w, err));
    *out = made;
    made = (wane_bounded_spectrum){0};
done:
    wane_bounded_spectrum_free(&made);
    wane_leading_free(&w.tuned);
    wane_base_svd_free(w.base);
    wane_free(w.weight);
    return st;
}

void wane_bounded_spectrum_free(wane_bounded_spectrum *spectrum)
{
    wane_free(spectrum->memory);
    *spectrum = (wane_bounded_spectrum){0};
}
