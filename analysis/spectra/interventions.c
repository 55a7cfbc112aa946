/* SPDX-License-Identifier: Apache-2.0
 * What interventions need of a weight, taken once: its intruders, their neighbours, and what dW
 * does to the intruders' vectors. The arms themselves: arms.c.
 */
#include "analysis/spectra/interventions.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "analysis/spectra/delta.h"
#include "analysis/spectra/lapack.h"
#include "analysis/spectra/scaling.h"
#include "store/base/memory.h"

const char *wane_arm_name(wane_arm arm)
{
    static const char *const names[] = {WANE_ARM_ITEMS};
    return names[arm];
}

const char *wane_choice_name(wane_choice choice)
{
    static const char *const names[] = {"top", "all"};
    return names[choice];
}

const char *wane_arm_state_name(wane_arm_state state)
{
    static const char *const names[] = {"exists", "no_intruder", "no_neighbour", "vanished",
                                        "unreachable"};
    return names[state];
}

void wane_scaling_free(wane_scaling *s)
{
    if (!s) return;
    wane_free(s->position);
    wane_free(s->neighbour);
    wane_free(s->sigma);
    wane_free(s->u);
    wane_free(s->v);
    wane_free(s->taken);
    wane_free(s->given);
    wane_free(s->inside);
    wane_free(s->neighbour_sigma);
    wane_free(s->neighbour_u);
    wane_free(s->neighbour_v);
    wane_free(s->neighbour_inside);
    wane_free(s);
}

/* dW: factored, or whole in double (row-major). */
typedef struct change {
    const wane_delta *factors;
    const double *whole;
    size_t rows, cols;
    wane_pool *pool;
} change;

/* out (rows x count) = dW v, or with `transpose` out (cols x count) = dW^T v. */
static wane_status times_change(double *out, const change *c, bool transpose, const double *v,
                                size_t count, wane_error *err)
{
    size_t m = transpose ? c->cols : c->rows, n = transpose ? c->rows : c->cols;
    if (c->whole) { /* row-major dW is dW^T by columns */
        wane_columns_product(c->pool, !transpose, false, m, count, n, 1, c->whole, c->cols, v, n, 0,
                             out, m);
        return WANE_OK;
    }
    const wane_delta *d = c->factors;
    const double *left = transpose ? d->y : d->x, *right = transpose ? d->x : d->y;
    double *inner = wane_alloc_aligned(d->rank * count, sizeof *inner);
    if (!inner) return wane_fail_memory(err, "intervention", "products");
    wane_columns_product(c->pool, true, false, d->rank, count, n, 1, right, n, v, n, 0, inner,
                         d->rank);
    for (size_t j = 0; j < count; j++)
        for (size_t i = 0; i < d->rank; i++) inner[i + j * d->rank] *= d->sigma[i];
    wane_columns_product(c->pool, false, false, m, count, d->rank, 1, left, m, inner, d->rank, 0,
                         out, m);
    wane_free(inner);
    return WANE_OK;
}

/* The position (from 1) of the free non-intruder nearest in sigma to direction `position`; 0 when
 * there is none. It is taken. */
static size_t nearest_free(const wane_direction *d, size_t count, double epsilon, bool *taken,
                           size_t position)
{
    size_t best = 0;
    double nearest = INFINITY;
    for (size_t l = 0; l < count; l++) {
        double distance = fabs(d[l].sigma - d[position - 1].sigma);
        bool of_base = wane_direction_judge(&d[l], epsilon) == WANE_DIRECTION_OF_BASE;
        if (!of_base || taken[l] || !(distance < nearest)) continue;
        nearest = distance;
        best = l + 1;
    }
    if (best) taken[best - 1] = true;
    return best;
}

/* Positions of intruders and neighbours. The first in order chooses first, so that the top choice
 * has the first neighbour of all. */
static wane_status choose(wane_scaling *s, const wane_direction *d, size_t count,
                          const wane_scaling_options *options, wane_error *err)
{
    size_t k = options->k < count ? options->k : count, found = 0;
    bool *taken = wane_alloc(count, sizeof *taken);
    const wane_intruder_tally tally = wane_intruder_tally_up(d, count, k, options->epsilon);
    s->count = tally.intruders;
    s->unresolved = tally.unresolved;
    s->position = wane_alloc(s->count, sizeof *s->position);
    s->neighbour = wane_alloc(s->count, sizeof *s->neighbour);
    s->sigma = wane_alloc(s->count, sizeof *s->sigma);
    s->neighbour_sigma = wane_alloc(s->count, sizeof *s->neighbour_sigma);
    if (!taken || !s->position || !s->neighbour || !s->sigma || !s->neighbour_sigma) {
        wane_free(taken);
        return wane_fail_memory(err, "intervention", "directions");
    }
    for (size_t j = 0; j < k; j++)
        if (wane_direction_judge(&d[j], options->epsilon) == WANE_DIRECTION_INTRUDER)
            s->position[found++] = j + 1;
    for (size_t i = 0; i < s->count; i++) {
        size_t near = nearest_free(d, count, options->epsilon, taken, s->position[i]);
        s->sigma[i] = d[s->position[i] - 1].sigma;
        s->neighbour[i] = near;
        s->neighbour_sigma[i] = near ? d[near - 1].sigma : NAN;
    }
    wane_free(taken);
    return WANE_OK;
}

static double *pick(const double *vectors, size_t length, const size_t *position, size_t count)
{
    double *out = wane_alloc_aligned(length * count, sizeof *out);
    for (size_t j = 0; out && j < count; j++)
        if (position[j])
            memcpy(out + j * length, vectors + (position[j] - 1) * length, length * sizeof *out);
    return out;
}

static wane_status take_vectors(wane_scaling *s, const wane_spectrum *spectrum, const change *dw,
                                wane_error *err)
{
    wane_status st = WANE_OK;
    size_t m = s->rows, n = s->cols, p = s->count;
    double *image = wane_alloc_aligned(m * p, sizeof *image);
    s->u = pick(spectrum->u, m, s->position, p);
    s->v = pick(spectrum->v, n, s->position, p);
    s->neighbour_u = pick(spectrum->u, m, s->neighbour, p);
    s->neighbour_v = pick(spectrum->v, n, s->neighbour, p);
    s->taken = wane_alloc_aligned(n * p, sizeof *s->taken);
    s->given = wane_alloc_aligned(m * p, sizeof *s->given);
    s->inside = wane_alloc_aligned(p * p, sizeof *s->inside);
    s->neighbour_inside = wane_alloc(p, sizeof *s->neighbour_inside);
    if (!image || !s->u || !s->v || !s->neighbour_u || !s->neighbour_v || !s->taken || !s->given ||
        !s->inside || !s->neighbour_inside)
        WANE_TRY(wane_fail_memory(err, "intervention", "vectors"));
    WANE_TRY(times_change(s->given, dw, false, s->v, p, err));
    WANE_TRY(times_change(s->taken, dw, true, s->u, p, err));
    wane_columns_product(dw->pool, true, false, p, p, m, 1, s->u, m, s->given, m, 0, s->inside, p);
    WANE_TRY(times_change(image, dw, false, s->neighbour_v, p, err));
    for (size_t j = 0; j < p; j++)
        wane_columns_product(NULL, true, false, 1, 1, m, 1, s->neighbour_u + j * m, m,
                             image + j * m, m, 0, &s->neighbour_inside[j], 1);
done:
    wane_free(image);
    return st;
}

static wane_spectrum_options spectrum_options(const wane_scaling_options *o)
{
    size_t stored = o->stored && o->stored < o->k ? o->k : o->stored;
    return (wane_spectrum_options){.top = stored,
                                   .u = o->side == WANE_SIDE_U,
                                   .v = o->side == WANE_SIDE_V,
                                   .vectors = true,
                                   .scan = true,
                                   .rounding = o->rounding,
                                   .base_rounding = o->base_rounding,
                                   .epsilon = &o->epsilon,
                                   .epsilons = 1};
}

static wane_status check_options(const wane_scaling_options *o, wane_error *err)
{
    if (o->k > 0 && o->epsilon > 0 && o->epsilon <= 1) return WANE_OK;
    return wane_fail(err, WANE_EINVAL, "intervention: k %zu, epsilon %g: no intruder is defined",
                     o->k, o->epsilon);
}

static wane_status take(wane_scaling **out, const wane_base_svd *base,
                        const wane_spectrum *spectrum, const change *dw,
                        const wane_scaling_options *options, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_scaling *s = wane_alloc(1, sizeof *s);
    if (!s) return wane_fail_memory(err, "intervention", "matrix");
    s->rows = base->rows;
    s->cols = base->cols;
    s->delta = spectrum->delta_frobenius;
    s->bounded = spectrum->bounded;
    /* An unchanged weight has no intruders, whatever basis its equal singular values have got. */
    if (s->delta > 0) {
        WANE_TRY(choose(s, spectrum->side[options->side], spectrum->count, options, err));
        WANE_TRY(take_vectors(s, spectrum, dw, err));
    }
    *out = s;
    s = NULL;
done:
    wane_scaling_free(s);
    return st;
}

wane_status wane_scaling_lowrank(wane_scaling **out, const wane_base_svd *base,
                                 const wane_lowrank_term *terms, size_t count,
                                 const wane_scaling_options *options, wane_pool *pool,
                                 wane_error *err)
{
    wane_status st = WANE_OK;
    wane_spectrum spectrum = {0};
    wane_delta delta = {0};
    wane_spectrum_options all = spectrum_options(options);
    WANE_TRY(check_options(options, err));
    WANE_TRY(wane_spectrum_lowrank(&spectrum, base, terms, count, &all, pool, err));
    WANE_TRY(wane_delta_factor(&delta, base->rows, base->cols, terms, count, pool, err));
    const change dw = {.factors = &delta, .rows = base->rows, .cols = base->cols, .pool = pool};
    st = take(out, base, &spectrum, &dw, options, err);
done:
    wane_delta_free(&delta);
    wane_spectrum_free(&spectrum);
    return st;
}

wane_status wane_scaling_full(wane_scaling **out, const wane_base_svd *base, wane_matrix tuned,
                              const wane_scaling_options *options, wane_pool *pool, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_spectrum spectrum = {0};
    size_t m = base->rows, n = base->cols;
    double *whole = NULL;
    wane_spectrum_options all = spectrum_options(options);
    WANE_TRY(check_options(options, err));
    WANE_TRY(wane_spectrum_full(&spectrum, base, tuned, &all, pool, err));
    whole = wane_alloc_aligned(m * n, sizeof *whole);
    if (!whole) WANE_TRY(wane_fail_memory(err, "intervention", "change"));
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++)
            whole[i * n + j] =
                (double)tuned.data[i * tuned.stride + j] - (double)base->base[i * n + j];
    const change dw = {.whole = whole, .rows = m, .cols = n, .pool = pool};
    st = take(out, base, &spectrum, &dw, options, err);
done:
    wane_free(whole);
    wane_spectrum_free(&spectrum);
    return st;
}

size_t wane_scaling_intruders(const wane_scaling *s, wane_choice choice)
{
    return choice == WANE_CHOICE_TOP && s->count > 1 ? 1 : s->count;
}

size_t wane_scaling_unresolved(const wane_scaling *scaling)
{
    return scaling->unresolved;
}

bool wane_scaling_is_bounded(const wane_scaling *scaling)
{
    return scaling->bounded;
}

double wane_scaling_delta(const wane_scaling *scaling)
{
    return scaling->delta;
}

wane_scaled_direction wane_scaling_direction(const wane_scaling *s, size_t number)
{
    assert(number < wane_scaling_intruders(s, WANE_CHOICE_ALL));
    return (wane_scaled_direction){.position = s->position[number],
                                   .neighbour = s->neighbour[number],
                                   .sigma = s->sigma[number],
                                   .neighbour_sigma = s->neighbour_sigma[number]};
}
