/* SPDX-License-Identifier: Apache-2.0
 * Draws Haar frames by reflectors of Gaussian vectors, scales them to the change, and counts the
 * intruders in core space by the cheaper of two methods.
 */
#include "analysis/spectra/null_draw.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "analysis/spectra/base_svd.h"
#include "analysis/spectra/directions.h"
#include "analysis/spectra/lapack.h"
#include "store/base/memory.h"
#include "store/base/random.h"

void wane_null_update_free(wane_null_update *update)
{
    wane_free(update->p);
    wane_free(update->q);
    for (size_t i = 0; update->frame && i < 2; i++) wane_haar_free(&update->frame[i]);
    wane_free(update->frame);
    *update = (wane_null_update){0};
}

/* Of the base; as many singular values are known of it. */
static size_t smaller_side(const wane_null_change *change)
{
    const wane_base_svd *base = change->base;
    return base->rows < base->cols ? base->rows : base->cols;
}

static size_t directions_of(const wane_null_change *change)
{
    size_t rank = smaller_side(change);
    return rank < change->top ? rank : change->top;
}

/* Whether triplets are found by products with k columns. Where that wins over dense methods was
 * measured on random updates; where the base is not whole, the dense ones are too slow. */
static bool is_iterative(const wane_null_change *change, size_t k)
{
    size_t rank = smaller_side(change);
    if (8 * directions_of(change) > rank) return false;
    return !wane_base_svd_is_whole(change->base) || (rank >= WANE_NULL_LANCZOS && 8 * k <= rank);
}

static double sum_of_products(const double *a, const double *b, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += a[i] * b[i];
    return sum;
}

/* The reflector that takes x to a multiple of its first axis: x becomes its vector (from the second
 * entry on), the result is that multiple, *tau its weight. */
static double reflector(double *x, size_t n, double *tau)
{
    double length = sqrt(sum_of_products(x, x, n)), to = x[0] > 0 ? -length : length;
    *tau = length > 0 ? (to - x[0]) / to : 0;
    for (size_t i = 1; i < n && length > 0; i++) x[i] /= x[0] - to;
    return to;
}

/* Orthonormal columns (x is n x k, n >= k) of Haar's law: what the QR of a Gaussian matrix gives
 * with R's diagonal made positive, of which each reflector is one of an independent Gaussian vector
 * (Stewart 1980, doi:10.1137/0717034), so that nothing need be factored. tau holds 2 k. */
static wane_status draw_haar(double *x, size_t n, size_t k, double *tau, const wane_random *where,
                             wane_error *err)
{
    double *to = tau + k;
    wane_random_normals(x, n * k, where);
    for (size_t j = 0; j < k; j++) to[j] = reflector(x + j + j * n, n - j, &tau[j]);
    wane_status st = wane_lapack_reflect(x, n, k, tau, err);
    for (size_t j = 0; j < k; j++)
        for (size_t i = 0; i < n && to[j] < 0; i++) x[i + j * n] = -x[i + j * n];
    return st;
}

static void scale_columns(double *x, size_t n, size_t k, const double *by)
{
    for (size_t j = 0; j < k; j++)
        for (size_t i = 0; i < n; i++) x[i + j * n] *= sqrt(by[j]);
}

static void scale_all(double *x, size_t count, double by)
{
    for (size_t i = 0; i < count; i++) x[i] *= by;
}

/* U sqrt(S) and V sqrt(S). */
static wane_status rotate(wane_null_update *u, const wane_null_change *change, double *room,
                          const wane_random where[2], wane_error *err)
{
    wane_status st = WANE_OK;
    size_t m = change->base->rows, n = change->base->cols;
    WANE_TRY(draw_haar(u->p, m, u->k, room, &where[0], err));
    WANE_TRY(draw_haar(u->q, n, u->k, room, &where[1], err));
    scale_columns(u->p, m, u->k, change->sigma);
    scale_columns(u->q, n, u->k, change->sigma);
    u->squares = change->sigma;
done:
    return st;
}

/* G and H, scaled alike: ||G H^T||_F^2 = tr(G^T G H^T H). room holds 2 k x k. */
static void scale_product(wane_null_update *u, const wane_null_change *change, double *room)
{
    size_t m = change->base->rows, n = change->base->cols, k = u->k;
    wane_columns_product(NULL, true, false, k, k, m, 1, u->p, m, u->p, m, 0, room, k);
    wane_columns_product(NULL, true, false, k, k, n, 1, u->q, n, u->q, n, 0, room + k * k, k);
    double root = sqrt(change->frobenius / sqrt(sum_of_products(room, room + k * k, k * k)));
    scale_all(u->p, m * k, root);
    scale_all(u->q, n * k, root);
}

/* c G. */
static wane_status draw_whole(wane_null_update *out, const wane_null_change *change,
                              const wane_random *where, wane_error *err)
{
    size_t count = change->base->rows * change->base->cols;
    double *g = wane_alloc_aligned(count, sizeof *g);
    if (!g) return wane_fail_memory(err, "random update", "change");
    wane_random_normals(g, count, where);
    scale_all(g, count, change->frobenius / sqrt(sum_of_products(g, g, count)));
    *out = (wane_null_update){.k = change->rank, .p = g};
    return WANE_OK;
}

/* U and V of as many columns as QR is too slow for, by their products alone. */
static wane_status draw_frames(wane_null_update *out, const wane_null_change *change,
                               const wane_random where[2], wane_error *err)
{
    wane_haar *frame = wane_alloc(2, sizeof *frame);
    if (!frame) return wane_fail_memory(err, "random update", "factors");
    frame[0] = (wane_haar){.n = change->base->rows, .where = where[0]};
    frame[1] = (wane_haar){.n = change->base->cols, .where = where[1]};
    *out = (wane_null_update){.k = change->rank, .frame = frame};
    return WANE_OK;
}

wane_status wane_null_update_draw(wane_null_update *out, const wane_null_change *change,
                                  const wane_null_place *place, wane_error *err)
{
    assert(change->rank >= 1);
    wane_status st = WANE_OK;
    size_t m = change->base->rows, n = change->base->cols, k = change->rank;
    bool rotated = place->kind == WANE_NULL_ROTATED;
    wane_null_update u = {.k = k};
    wane_random where[2] = {{.seed = place->seed,
                             .purpose = WANE_RANDOM_NULL,
                             .stage = (uint64_t)place->kind,
                             .step = 2 * place->draw, /* each side its own */
                             .tensor = place->matrix}};
    where[1] = where[0];
    where[1].step++;
    if (!rotated && k == smaller_side(change)) return draw_whole(out, change, where, err);
    if (rotated && !wane_base_svd_is_whole(change->base) && 8 * k > smaller_side(change))
        return draw_frames(out, change, where, err);
    double *room = wane_alloc_aligned(2 * k * k, sizeof *room);
    u.p = wane_alloc_aligned(m * k, sizeof *u.p);
    u.q = wane_alloc_aligned(n * k, sizeof *u.q);
    if (!room || !u.p || !u.q) WANE_TRY(wane_fail_memory(err, "random update", "factors"));
    if (rotated) {
        WANE_TRY(rotate(&u, change, room, where, err));
    } else {
        wane_random_normals(u.p, m * k, &where[0]);
        wane_random_normals(u.q, n * k, &where[1]);
        scale_product(&u, change, room);
    }
    *out = u;
    u = (wane_null_update){0};
done:
    wane_null_update_free(&u);
    wane_free(room);
    return st;
}

static wane_status tally_up(wane_null_tally tally[2], const wane_null_change *change,
                            const wane_leading *leading, wane_error *err)
{
    const wane_base_svd *base = change->base;
    size_t top = leading->top;
    wane_direction *directions = wane_alloc(top, sizeof *directions);
    if (!directions) return wane_fail_memory(err, "random update", "directions");
    const wane_reference reference = {
        wane_base_svd_count(base), change->clusters,
        wane_direction_floor(base->rows, base->cols, leading->sigma[0], change->rounding)};
    for (int side = 0; side < 2; side++) {
        wane_null_tally *t = &tally[side];
        wane_directions_fill(directions, top, leading->sigma, side == 0 ? leading->u : leading->v,
                             side == 0 ? leading->rows : leading->cols, &reference);
        wane_intruder_tally all = wane_intruder_tally_up(directions, top, top, change->epsilon);
        *t = (wane_null_tally){all.intruders, all.unresolved, all.existing, {0}};
        for (size_t i = 0; i < WANE_NULL_BINS; i++)
            t->below[i] =
                wane_intruder_count(directions, top, top, (double)(i + 1) / WANE_NULL_BINS);
    }
    wane_free(directions);
    return WANE_OK;
}

wane_status wane_null_core_judge(wane_null_tally tally[2], const wane_null_change *change,
                                 const wane_core *core, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_leading leading = {0};
    size_t top = directions_of(change);
    bool found = false;
    if (is_iterative(change, core->k))
        WANE_TRY(wane_core_lanczos(&leading, &found, core, top, err));
    if (!found) WANE_TRY(wane_core_dense(&leading, core, top, err));
    st = tally_up(tally, change, &leading, err);
done:
    wane_leading_free(&leading);
    return st;
}

/* For products one by one: coordinates of x (length x k) on the first `rank` axes and on as few as
 * span the rest. *out is *rows x k. */
static wane_status compress(double **out, size_t *rows, const double *x, size_t length, size_t rank,
                            size_t k, wane_error *err)
{
    wane_status st = WANE_OK;
    size_t rest = length - rank, extra = rest < k ? rest : k;
    double *made = wane_alloc_aligned((rank + extra) * k, sizeof *made);
    double *tail = wane_alloc_aligned(rest * k, sizeof *tail);
    double *r = wane_alloc_aligned(extra * k, sizeof *r);
    if (!made || !tail || !r) WANE_TRY(wane_fail_memory(err, "random update", "coordinates"));
    for (size_t j = 0; j < k; j++) {
        memcpy(made + j * (rank + extra), x + j * length, rank * sizeof *made);
        memcpy(tail + j * rest, x + j * length + rank, rest * sizeof *tail);
    }
    if (rest > 0) WANE_TRY(wane_lapack_qr(tail, rest, k, r, err));
    for (size_t j = 0; j < k; j++)
        memcpy(made + j * (rank + extra) + rank, r + j * extra, extra * sizeof *made);
    *out = made;
    *rows = rank + extra;
    made = NULL;
done:
    wane_free(made);
    wane_free(tail);
    wane_free(r);
    return st;
}

/* Of c, column-major: its transpose by rows. */
static wane_status whole_triplets(wane_leading *out, bool *found, const double *c, size_t rows,
                                  size_t cols, size_t top, wane_error *err)
{
    wane_leading turned = {0};
    wane_status st = wane_leading_whole(&turned, found, c, cols, rows, top, NULL, err);
    if (st == WANE_OK && *found)
        *out = (wane_leading){rows, cols, top, turned.sigma, turned.v, turned.u};
    return st;
}

static wane_status judge_whole(wane_null_tally tally[2], const wane_null_change *change,
                               const wane_null_update *update, wane_error *err)
{
    const wane_base_svd *base = change->base;
    size_t m = base->rows, n = base->cols;
    wane_status st = WANE_OK;
    wane_leading leading = {0};
    size_t top = directions_of(change);
    bool found = false;
    double *c = wane_alloc_aligned(m * n, sizeof *c);
    if (!c) return wane_fail_memory(err, "random update", "weight");
    memcpy(c, update->p, m * n * sizeof *c);
    const double *sigma = wane_base_svd_sigma(base);
    for (size_t i = 0; i < smaller_side(change); i++) c[i + i * m] += sigma[i];
    if (is_iterative(change, 0)) WANE_TRY(whole_triplets(&leading, &found, c, m, n, top, err));
    if (!found) WANE_TRY(wane_leading_dense(&leading, c, m, n, top, err));
    st = tally_up(tally, change, &leading, err);
done:
    wane_leading_free(&leading);
    wane_free(c);
    return st;
}

static wane_status judge_frames(wane_null_tally tally[2], const wane_null_change *change,
                                const wane_null_update *update, wane_error *err)
{
    wane_leading leading = {0};
    wane_status st =
        wane_null_frames_triplets(&leading, change, update, directions_of(change), err);
    if (st == WANE_OK) st = tally_up(tally, change, &leading, err);
    wane_leading_free(&leading);
    return st;
}

wane_status wane_null_update_judge(wane_null_tally tally[2], const wane_null_change *change,
                                   const wane_null_update *update, wane_error *err)
{
    wane_status st = WANE_OK;
    const wane_base_svd *base = change->base;
    size_t rank = smaller_side(change), k = update->k;
    bool lanczos = is_iterative(change, k);
    wane_core core = {.rank = rank,
                      .left = base->rows,
                      .right = base->cols,
                      .k = k,
                      .s = wane_base_svd_sigma(base),
                      .p = update->p,
                      .q = update->q,
                      .squares = update->squares};
    if (update->frame) return judge_frames(tally, change, update, err);
    if (!update->q) return judge_whole(tally, change, update, err);
    if (lanczos) {
        core.p = core.q = NULL;
        WANE_TRY(compress(&core.p, &core.left, update->p, base->rows, rank, k, err));
        WANE_TRY(compress(&core.q, &core.right, update->q, base->cols, rank, k, err));
    }
    WANE_TRY(wane_core_open(&core, wane_core_widest(change->top), err));
    st = wane_null_core_judge(tally, change, &core, err);
done:
    if (!lanczos) core.p = core.q = NULL; /* the update's */
    wane_core_close(&core);
    return st;
}
