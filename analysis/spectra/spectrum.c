/* SPDX-License-Identifier: Apache-2.0
 * Chooses between core space, Lanczos and the dense SVD by shape and rank, falls back to the last,
 * and fills the directions of the sides asked for.
 */
#include "analysis/spectra/spectrum.h"

#include <math.h>
#include <string.h>

#include "analysis/spectra/bounded.h"
#include "analysis/spectra/delta.h"
#include "analysis/spectra/directions.h"
#include "analysis/spectra/lapack.h"
#include "analysis/spectra/leading.h"
#include "store/base/memory.h"

/* One question: the base, what is asked, and the triplets once they are there. */
typedef struct question {
    const wane_base_svd *base;
    const wane_spectrum_options *options;
    wane_pool *pool;
    size_t rows, cols, least, top;
    double *tuned; /* W in double, row-major, when a method needs it */
    wane_leading leading;
    bool core;            /* leading is in core coordinates */
    wane_leading vectors; /* then, when asked for: the same as vectors of W */
} question;

/* Where the iterative methods win was measured on random matrices, the hardest ones for them. */
static bool few_of_many(const question *q)
{
    return q->least >= 160 && 8 * q->top <= q->least;
}

static bool core_is_faster(const question *q, size_t rank)
{
    return few_of_many(q) && 2 * rank <= q->least;
}

static question ask(const wane_base_svd *base, const wane_spectrum_options *options,
                    wane_pool *pool)
{
    question q = {.base = base,
                  .options = options,
                  .pool = pool,
                  .rows = base->rows,
                  .cols = base->cols,
                  .least = base->rank};
    q.top = options->top == 0 || options->top > q.least ? q.least : options->top;
    return q;
}

static void forget(question *q)
{
    wane_free(q->tuned);
    wane_leading_free(&q->leading);
    wane_leading_free(&q->vectors);
}

static bool wants_directions(const question *q)
{
    return q->options->u || q->options->v || q->options->vectors;
}

/* Row-major W is W^T to LAPACK: its left vectors are V and its vt, read by columns, is U by rows.
 */
static wane_status dense_triplets(question *q, wane_error *err)
{
    wane_status st = WANE_OK;
    size_t m = q->rows, n = q->cols, k = q->least;
    double *sigma = wane_alloc(k, sizeof *sigma), *v = wane_alloc_aligned(n * k, sizeof *v);
    double *ut = wane_alloc_aligned(k * m, sizeof *ut);
    if (!sigma || !v || !ut) {
        st = wane_fail_memory(err, "spectrum", "singular vectors");
        goto done;
    }
    WANE_TRY(wane_lapack_svd(q->tuned, n, m, sigma, v, ut, err));
    WANE_TRY(wane_leading_room(&q->leading, m, n, q->top, err));
    memcpy(q->leading.sigma, sigma, q->top * sizeof *sigma);
    memcpy(q->leading.v, v, n * q->top * sizeof *v);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < q->top; j++) q->leading.u[i + j * m] = ut[j + i * k];
done:
    wane_free(sigma);
    wane_free(v);
    wane_free(ut);
    return st;
}

static wane_status lanczos_triplets(question *q, bool *found, wane_error *err)
{
    return wane_leading_whole(&q->leading, found, q->tuned, q->rows, q->cols, q->top, q->pool, err);
}

/* Nothing is changed: the base's own triplets, on axes of core space. */
static wane_status base_triplets(question *q, wane_error *err)
{
    wane_leading *l = &q->leading, *own = &q->vectors;
    wane_status st = wane_leading_room(l, q->least, q->least, q->top, err);
    if (st == WANE_OK && q->options->vectors)
        st = wane_leading_room(own, q->rows, q->cols, q->top, err);
    if (st != WANE_OK) return st;
    if (q->options->vectors) {
        memcpy(own->sigma, q->base->sigma, q->top * sizeof *own->sigma);
        memcpy(own->u, q->base->u, q->rows * q->top * sizeof *own->u);
        memcpy(own->v, q->base->v, q->cols * q->top * sizeof *own->v);
    }
    for (size_t j = 0; j < q->top; j++) {
        l->sigma[j] = q->base->sigma[j];
        l->u[j + j * q->least] = l->v[j + j * q->least] = 1;
    }
    q->core = true;
    return WANE_OK;
}

static wane_status side_directions(wane_direction *out, const question *q,
                                   const wane_reference *reference, const double *basis,
                                   size_t length, const double *vectors, size_t coordinates,
                                   wane_error *err)
{
    size_t count = reference->count;
    if (q->core) {
        wane_directions_fill(out, q->top, q->leading.sigma, vectors, coordinates, reference);
        return WANE_OK;
    }
    double *cosines = wane_alloc_aligned(count * q->top, sizeof *cosines);
    if (!cosines) return wane_fail_memory(err, "spectrum", "cosines");
    wane_columns_product(q->pool, true, false, count, q->top, length, 1, basis, length, vectors,
                         length, 0, cosines, count);
    wane_directions_fill(out, q->top, q->leading.sigma, cosines, count, reference);
    wane_free(cosines);
    return WANE_OK;
}

static wane_status fill_directions(wane_spectrum *out, const question *q, wane_error *err)
{
    wane_status st = WANE_OK;
    const wane_base_svd *base = q->base;
    const wane_spectrum_options *o = q->options;
    wane_direction *room = wane_alloc(2 * q->top, sizeof *room);
    size_t *end = wane_alloc(base->count, sizeof *end);
    out->memory = room;
    if (!room || !end) WANE_TRY(wane_fail_memory(err, "spectrum", "directions"));
    out->floor = wane_direction_floor(q->rows, q->cols, q->leading.sigma[0], o->rounding);
    wane_direction_clusters(end, base->sigma, base->count,
                            wane_direction_floor(q->rows, q->cols, base->sigma[0],
                                                 hypot(o->rounding, o->base_rounding)));
    const wane_reference reference = {base->count, end, out->floor};
    if (o->u) {
        out->side[WANE_SIDE_U] = room;
        WANE_TRY(side_directions(room, q, &reference, base->u, q->rows, q->leading.u,
                                 q->leading.rows, err));
    }
    if (o->v) {
        out->side[WANE_SIDE_V] = room + q->top;
        WANE_TRY(side_directions(room + q->top, q, &reference, base->v, q->cols, q->leading.v,
                                 q->leading.cols, err));
    }
done:
    wane_free(end);
    return st;
}

/* Hands over, or frees, what was made. */
static wane_status finish(wane_spectrum *out, wane_spectrum *made, question *q, wane_status st)
{
    if (st == WANE_OK) {
        wane_leading *own = q->core ? &q->vectors : &q->leading;
        if (q->options->vectors) {
            made->u = own->u;
            made->v = own->v;
            own->u = own->v = NULL;
        }
        made->count = wants_directions(q) ? q->top : 0;
        if (!wants_directions(q)) made->floor = NAN;
        made->changed = made->delta_frobenius > 0;
        made->base_frobenius = q->base->frobenius;
        made->base_spectral = q->base->sigma[0];
        *out = *made;
    } else {
        wane_spectrum_free(made);
    }
    forget(q);
    return st;
}

/* W = W_0 + X diag(sigma) Y^T in double. */
static wane_status merge(question *q, const wane_delta *delta, wane_error *err)
{
    size_t count = q->rows * q->cols;
    q->tuned = wane_alloc_aligned(count, sizeof *q->tuned);
    if (!q->tuned) return wane_fail_memory(err, "spectrum", "tuned weight");
    for (size_t i = 0; i < count; i++) q->tuned[i] = (double)q->base->base[i];
    return wane_delta_add(q->tuned, delta, q->pool, err);
}

static wane_status lowrank_triplets(question *q, const wane_delta *delta, wane_error *err)
{
    wane_status st = WANE_OK;
    bool dense = q->options->dense, found = false;
    if (!dense && delta->numerical == 0) return base_triplets(q, err);
    if (!dense && core_is_faster(q, delta->rank)) {
        WANE_TRY(wane_leading_core(&q->leading, q->options->vectors ? &q->vectors : NULL, &found,
                                   q->base, delta, q->top, q->pool, err));
        q->core = found;
    }
    if (!found) {
        WANE_TRY(merge(q, delta, err));
        st = dense_triplets(q, err);
    }
done:
    return st;
}

/* Bounded; or exact, by the SVD of the base after all. */
static wane_status against_leading(wane_spectrum *out, const wane_base_svd *base,
                                   const wane_spectrum_case *one,
                                   const wane_spectrum_options *options, wane_pool *pool,
                                   wane_error *err)
{
    wane_status st = WANE_OK;
    wane_base_svd *whole = NULL;
    bool found = false, dense = one->tuned.data != NULL;
    const wane_matrix weight = {base->base, base->rows, base->cols, base->cols};
    if (dense) WANE_TRY(wane_bounded_full(out, &found, base, one->tuned, options, pool, err));
    else
        WANE_TRY(
            wane_bounded_lowrank(out, &found, base, one->terms, one->count, options, pool, err));
    if (found) goto done;
    WANE_TRY(wane_base_svd_compute(&whole, weight, err));
    st = dense ? wane_spectrum_full(out, whole, one->tuned, options, pool, err)
               : wane_spectrum_lowrank(out, whole, one->terms, one->count, options, pool, err);
done:
    wane_base_svd_free(whole);
    return st;
}

wane_status wane_spectrum_lowrank(wane_spectrum *out, const wane_base_svd *base,
                                  const wane_lowrank_term *terms, size_t count,
                                  const wane_spectrum_options *options, wane_pool *pool,
                                  wane_error *err)
{
    wane_status st = WANE_OK;
    question q = ask(base, options, pool);
    wane_spectrum made = {0};
    wane_delta delta = {0};
    if (!wane_base_svd_is_whole(base))
        return against_leading(out, base, &(wane_spectrum_case){.terms = terms, .count = count},
                               options, pool, err);
    WANE_TRY(wane_delta_factor(&delta, q.rows, q.cols, terms, count, pool, err));
    WANE_TRY(wane_delta_factored_norms(&made, base, &delta, pool, err));
    if (wants_directions(&q)) {
        WANE_TRY(lowrank_triplets(&q, &delta, err));
        WANE_TRY(fill_directions(&made, &q, err));
    }
done:
    wane_delta_free(&delta);
    return finish(out, &made, &q, st);
}

/* W in double, and the norms of W - W_0, whose subtraction is exact up to one rounding in double.
 */
static wane_status take_tuned(wane_spectrum *made, question *q, wane_matrix tuned, wane_error *err)
{
    wane_status st = WANE_OK;
    size_t m = q->rows, n = q->cols;
    double *change = wane_alloc_aligned(m * n, sizeof *change);
    q->tuned = wane_alloc_aligned(m * n, sizeof *q->tuned);
    if (!change || !q->tuned) {
        st = wane_fail_memory(err, "spectrum", "tuned weight");
        goto done;
    }
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double value = (double)tuned.data[i * tuned.stride + j];
            q->tuned[i * n + j] = value;
            change[i * n + j] = value - (double)q->base->base[i * n + j];
        }
    if (!wane_lapack_finite(q->tuned, m * n)) {
        st = wane_fail(err, WANE_ENUMERIC, "spectrum: tuned weight %zu x %zu: not finite", m, n);
        goto done;
    }
    st = wane_delta_dense_norms(made, q->base, change, !q->options->scan, q->pool, err);
done:
    wane_free(change);
    return st;
}

wane_status wane_spectrum_full(wane_spectrum *out, const wane_base_svd *base, wane_matrix tuned,
                               const wane_spectrum_options *options, wane_pool *pool,
                               wane_error *err)
{
    wane_status st = WANE_OK;
    question q = ask(base, options, pool);
    wane_spectrum made = {0};
    bool found = false;
    if (tuned.rows != base->rows || tuned.cols != base->cols || !tuned.data ||
        tuned.stride < tuned.cols)
        return wane_fail(err, WANE_EINVAL,
                         "spectrum: tuned weight %zu x %zu: does not fit its base %zu x %zu",
                         tuned.rows, tuned.cols, base->rows, base->cols);
    if (!wane_base_svd_is_whole(base))
        return against_leading(out, base, &(wane_spectrum_case){.tuned = tuned}, options, pool,
                               err);
    WANE_TRY(take_tuned(&made, &q, tuned, err));
    if (wants_directions(&q)) {
        if (!options->dense && made.delta_frobenius == 0) WANE_TRY(base_triplets(&q, err));
        else if (!options->dense && few_of_many(&q)) WANE_TRY(lanczos_triplets(&q, &found, err));
        if (!q.core && !found) WANE_TRY(dense_triplets(&q, err));
        WANE_TRY(fill_directions(&made, &q, err));
    }
done:
    return finish(out, &made, &q, st);
}
