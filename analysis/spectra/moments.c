/* SPDX-License-Identifier: Apache-2.0
 * Golub-Kahan bidiagonalisation of many vectors in lockstep, so that the matrix is read twice a
 * step for all of them; those that are decided drop out.
 */
#include "analysis/spectra/moments.h"

#include <math.h>
#include <string.h>

#include "store/base/blas.h"
#include "store/base/memory.h"

/* One vector at work. */
typedef struct chain {
    double *left, *right; /* step after step: what came of `directions`' side, and of the other */
    double alpha[WANE_MOMENT_STEPS], beta[WANE_MOMENT_STEPS];
    double slack;
    wane_cosine_bounds proved; /* of the direction given */
    wane_cosine_bounds *out;   /* of the one that is meant */
    bool closed;
} chain;

typedef struct chains {
    wane_matrix w;
    bool turned;      /* side v: directions are of cols numbers */
    size_t length[2]; /* of left and right vectors */
    size_t step, count, capacity;
    chain **active;
    float *from, *to;
    const wane_moment_options *options;
    wane_pool *pool;
} chains;

/* In lanes, whose sums do not wait for each other. */
static double dot(size_t count, const double *x, const double *y)
{
    enum { LANES = 16 };
    double lane[LANES] = {0}, sum = 0;
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (size_t k = 0; k < LANES; k++) lane[k] += x[i + k] * y[i + k];
    for (; i < count; i++) sum += x[i] * y[i];
    for (size_t k = 0; k < LANES; k++) sum += lane[k];
    return sum;
}

/* x minus its part in the `known` vectors before it, again where that left less than half of it
 * (Parlett, ch. 6: twice is enough); returns its length then and makes it a unit vector (nothing
 * where it is 0). */
static double orthonormalise(double *x, size_t length, const double *basis, size_t known)
{
    double before = sqrt(dot(length, x, x)), size = before;
    for (int again = 0; again < 2 && (again == 0 || size < 0.5 * before); again++) {
        for (size_t k = known; k-- > 0;) {
            const double *b = basis + k * length;
            double part = dot(length, b, x);
            for (size_t i = 0; i < length; i++) x[i] -= part * b[i];
        }
        size = sqrt(dot(length, x, x));
    }
    for (size_t i = 0; i < length && size > 0; i++) x[i] /= size;
    return size;
}

/* `to` = the active chains' last vectors, a row each, times W (or W^T). */
static void multiply(const chains *c, bool forward)
{
    size_t from = c->length[forward ? 0 : 1], to = c->length[forward ? 1 : 0];
    for (size_t i = 0; i < c->count; i++) {
        const double *x = (forward ? c->active[i]->left : c->active[i]->right) + c->step * from;
        for (size_t k = 0; k < from; k++) c->from[i * from + k] = (float)x[k];
    }
    /* A row vector of `rows` numbers times W, or of `cols` numbers times W^T. */
    bool transpose = forward == c->turned;
    wane_sgemm(c->pool, false, transpose, c->count, to, from, 1, c->from, from, c->w.data,
               c->w.stride, 0, c->to, to);
}

static void take_right(void *context, size_t i, int thread)
{
    (void)thread;
    const chains *c = context;
    chain *one = c->active[i];
    size_t n = c->length[1];
    double *v = one->right + c->step * n;
    for (size_t k = 0; k < n; k++) v[k] = (double)c->to[i * n + k];
    one->alpha[c->step] = orthonormalise(v, n, one->right, c->step);
}

static void take_left(void *context, size_t i, int thread)
{
    (void)thread;
    const chains *c = context;
    chain *one = c->active[i];
    size_t n = c->length[0];
    double *u = one->left + (c->step + 1) * n;
    for (size_t k = 0; k < n; k++) u[k] = (double)c->to[i * n + k];
    one->beta[c->step] = orthonormalise(u, n, one->left, c->step + 1);
    /* Either is the end: without alpha there is no vector that beta could come of. */
    double nothing = 1e-12 * c->options->largest;
    one->closed = !(one->beta[c->step] > nothing && one->alpha[c->step] > nothing);
}

/* Bounds are worked out after these numbers of steps, where there is something to decide, and after
 * the last. */
static bool is_checked(size_t steps, const wane_moment_options *o)
{
    if (steps == o->steps) return true;
    if (steps < 4 || (o->epsilons == 0 && !(o->width > 0))) return false;
    size_t power = 4;
    while (power * 2 <= steps) power *= 2;
    return steps % (power / 2) == 0;
}

/* Keeps the best of what was proved after any number of steps. */
static void join(wane_cosine_bounds *out, const wane_cosine_bounds *one)
{
    if (one->low > out->low) out->low = one->low;
    if (one->cluster_low > out->cluster_low) out->cluster_low = one->cluster_low;
    if (one->high < out->high) out->high = one->high;
    if (one->cluster_high < out->cluster_high) out->cluster_high = one->cluster_high;
    out->steps = one->steps;
}

/* The cosine of an angle greater than that of `cosine` by one of the given sine, or less. */
static double turned_by(double cosine, double slack, bool away)
{
    double rest = sqrt(fmax(1 - slack * slack, 0)), sine = sqrt(fmax(1 - cosine * cosine, 0));
    if (away) return fmax(cosine * rest - sine * slack, 0);
    return sine > slack ? cosine * rest + sine * slack : 1;
}

static void widen(wane_cosine_bounds *out, const wane_cosine_bounds *proved, double slack)
{
    *out = *proved;
    if (!(slack > 0)) return;
    out->low = turned_by(proved->low, slack, true);
    out->high = turned_by(proved->high, slack, false);
    out->cluster_low = turned_by(proved->cluster_low, slack, true);
    out->cluster_high = turned_by(proved->cluster_high, slack, false);
}

static bool is_narrow(const wane_cosine_bounds *b, double width)
{
    return width > 0 && b->high - b->low <= width && b->cluster_high - b->cluster_low <= width;
}

static bool is_enough(const chain *one, const wane_moment_options *o)
{
    wane_direction_kind kind;
    bool open = o->epsilons == 0;
    for (size_t e = 0; e < o->epsilons && !open; e++)
        open = !wane_moment_judge(&kind, one->out, o->epsilon[e]);
    return !open || is_narrow(one->out, o->width) || is_narrow(&one->proved, one->slack);
}

typedef struct checking {
    const chains *c;
    bool *done;
    wane_status *status;
    wane_error *error;
} checking;

static void check(void *context, size_t i, int thread)
{
    (void)thread;
    const checking *at = context;
    const chains *c = at->c;
    chain *one = c->active[i];
    wane_bidiagonal b = {c->step + 1, one->closed, one->alpha, one->beta};
    wane_cosine_bounds now;
    at->status[i] = wane_moment_bound(&now, &b, c->options, &at->error[i]);
    if (at->status[i] != WANE_OK) return;
    join(&one->proved, &now);
    widen(one->out, &one->proved, one->slack);
    at->done[i] = one->closed || is_enough(one, c->options);
}

static wane_status check_all(chains *c, checking *at, wane_error *err)
{
    wane_pool_run(c->pool, c->count, check, at);
    size_t kept = 0;
    for (size_t i = 0; i < c->count; i++) {
        if (at->status[i] != WANE_OK) {
            if (err) *err = at->error[i];
            return at->status[i];
        }
        if (!at->done[i]) c->active[kept++] = c->active[i];
    }
    c->count = kept;
    return WANE_OK;
}

static wane_status run(chains *c, checking *at, wane_error *err)
{
    wane_status st = WANE_OK;
    for (c->step = 0; c->step < c->options->steps && c->count > 0; c->step++) {
        bool closed = false;
        multiply(c, true);
        wane_pool_run(c->pool, c->count, take_right, c);
        multiply(c, false);
        wane_pool_run(c->pool, c->count, take_left, c);
        for (size_t i = 0; i < c->count; i++) closed = closed || c->active[i]->closed;
        if (closed || is_checked(c->step + 1, c->options)) WANE_TRY(check_all(c, at, err));
    }
done:
    return st;
}

static wane_status bound_side(const wane_moment_side *asked, wane_side side, wane_matrix w,
                              const wane_moment_options *options, wane_pool *pool, wane_error *err)
{
    wane_status st = WANE_OK;
    size_t count = asked->count;
    bool turned = side == WANE_SIDE_V;
    chains c = {.w = w, .turned = turned, .options = options, .pool = pool};
    c.length[0] = turned ? w.cols : w.rows;
    c.length[1] = turned ? w.rows : w.cols;
    size_t wide = w.rows > w.cols ? w.rows : w.cols;
    size_t each = (options->steps + 1) * (w.rows + w.cols);
    chain *chains_ = wane_alloc(count, sizeof *chains_);
    double *room = wane_alloc_aligned(count * each, sizeof *room);
    checking at = {.c = &c};
    c.active = wane_alloc(count, sizeof *c.active);
    c.from = wane_alloc_aligned(2 * count * wide, sizeof *c.from);
    at.done = wane_alloc(count, sizeof *at.done);
    at.status = wane_alloc(count, sizeof *at.status);
    at.error = wane_alloc(count, sizeof *at.error);
    if (!chains_ || !room || !c.active || !c.from || !at.done || !at.status || !at.error) {
        st = wane_fail_memory(err, "moments", "vectors");
        goto done;
    }
    c.to = c.from + count * wide;
    for (size_t i = 0; i < count; i++) {
        double slack = asked->slack ? asked->slack[i] : 0;
        asked->out[i] = (wane_cosine_bounds){.high = 1, .cluster_high = 1};
        chains_[i] = (chain){.left = room + i * each,
                             .slack = slack,
                             .proved = asked->out[i],
                             .out = &asked->out[i]};
        chains_[i].right = chains_[i].left + (options->steps + 1) * c.length[0];
        memcpy(chains_[i].left, asked->directions + i * c.length[0], c.length[0] * sizeof *room);
        if (slack < 1) c.active[c.count++] = &chains_[i];
    }
    WANE_TRY(run(&c, &at, err));
done:
    wane_free(chains_);
    wane_free(room);
    wane_free(c.active);
    wane_free(c.from);
    wane_free(at.done);
    wane_free(at.status);
    wane_free(at.error);
    return st;
}

wane_status wane_moment_bounds(const wane_moment_side sides[2], wane_matrix w,
                               const wane_moment_options *options, wane_pool *pool, wane_error *err)
{
    wane_status st = WANE_OK;
    for (wane_side side = WANE_SIDE_U; side <= WANE_SIDE_V; side++)
        WANE_TRY(bound_side(&sides[side], side, w, options, pool, err));
done:
    return st;
}
