/* SPDX-License-Identifier: Apache-2.0
 * Golub-Kahan bidiagonalisation of many vectors of both sides in lockstep, so that the matrix is
 * read twice a step for all of them; those that are decided drop out.
 */
#include "analysis/spectra/moments.h"

#include <math.h>
#include <string.h>

#include "analysis/spectra/moment_bound.h"
#include "analysis/spectra/strips.h"
#include "store/base/memory.h"

/* Of the matrix that is bidiagonalised: rows and columns, as spaces that vectors are of. */
typedef enum space { ROWS, COLS, SPACES } space;

/* A basis grows by so many vectors. */
enum { CHUNK = 8, CHUNKS = WANE_MOMENT_STEPS / CHUNK + 1 };

/* One vector at work, in two bases of unit vectors: step after step what came of the space of its
 * direction, and of the other. */
typedef struct chain {
    space own;
    float *basis[SPACES][CHUNKS];
    double alpha[WANE_MOMENT_STEPS], beta[WANE_MOMENT_STEPS];
    double rest, *mass; /* of the part of the direction outside the known ones, and on each */
    wane_moment_state state;
    bool closed, done;
    wane_status status;
    wane_error error;
} chain;

typedef struct chains {
    wane_matrix w;
    size_t length[SPACES], step;
    size_t known;
    const double *sigma;
    float *triplets[SPACES]; /* the known ones, a row each */
    chain *all, **active[SPACES];
    size_t count, at_work[SPACES]; /* of directions of each space */
    float *in[SPACES], *out[SPACES], *room;
    double *masses;
    const wane_moment_options *options;
    wane_pool *pool;
} chains;

/* ----------------------------------------------------------------------------- vectors in fp32 */

/* In lanes, whose sums do not wait for each other. */
static double norm(const float *x, size_t count)
{
    enum { LANES = 16 };
    double lane[LANES] = {0}, sum = 0;
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (size_t k = 0; k < LANES; k++) lane[k] += (double)x[i + k] * (double)x[i + k];
    for (; i < count; i++) sum += (double)x[i] * (double)x[i];
    for (size_t k = 0; k < LANES; k++) sum += lane[k];
    return sqrt(sum);
}

static float *vector_of(const chain *one, space which, size_t index, size_t length)
{
    return one->basis[which][index / CHUNK] + index % CHUNK * length;
}

static void remove_parts(float *x, const float *basis, size_t count, size_t length)
{
    float part[CHUNK];
    for (size_t first = 0; first < count; first += CHUNK) {
        size_t some = count - first < CHUNK ? count - first : CHUNK;
        const wane_matrix rows = {basis + first * length, some, length, length};
        wane_strip_dots(rows, x, part);
        for (size_t k = 0; k < some; k++) part[k] = -part[k];
        wane_strip_add(rows, part, x);
    }
}

/* x minus its part in the known vectors and in those of a chain before it, again where that left
 * less than half of it (Parlett, ch. 6: twice is enough). Most of the part is in the last one:
 * taken first, it leaves no error of its size in the others. Returns the length of x. */
static double orthogonalise(float *x, const chains *c, const chain *one, space which, size_t before)
{
    size_t length = c->length[which];
    if (before > 0) remove_parts(x, vector_of(one, which, before - 1, length), 1, length);
    double whole = norm(x, length), size = whole;
    for (int again = 0; again < 2 && (again == 0 || size < 0.5 * whole); again++) {
        remove_parts(x, c->triplets[which], c->known, length);
        for (size_t first = 0; first < before; first += CHUNK) {
            size_t some = before - first < CHUNK ? before - first : CHUNK;
            remove_parts(x, vector_of(one, which, first, length), some, length);
        }
        size = norm(x, length);
    }
    return size;
}

/* x as a unit vector; nothing where it is 0. */
static void scale_to_one(float *out, const float *x, size_t length, double size)
{
    float scale = size > 0 ? (float)(1 / size) : 0;
    for (size_t i = 0; i < length; i++) out[i] = scale * x[i];
}

/* -------------------------------------------------------------------------------- a step of all */

/* The space that a chain's vectors are in before and after a product: its own and the other. */
static space other(space one)
{
    return one == ROWS ? COLS : ROWS;
}

/* out = the active chains' last vectors times W or W^T, by the space they are in. */
static void multiply(chains *c, bool forward)
{
    wane_strip_vectors sides[SPACES]; /* those of rows numbers, and of cols numbers */
    for (space own = 0; own < SPACES; own++) {
        space from = forward ? own : other(own);
        size_t length = c->length[from];
        for (size_t i = 0; i < c->at_work[own]; i++)
            memcpy(c->in[own] + i * length, vector_of(c->active[own][i], from, c->step, length),
                   length * sizeof(float));
        sides[from] = (wane_strip_vectors){c->at_work[own], c->in[own], c->out[own]};
    }
    wane_strip_products(c->w, &sides[ROWS], &sides[COLS], c->room, c->pool);
}

/* The i-th of all at work, and its place among those of its space. */
static chain *chain_at(const chains *c, size_t i, size_t *place)
{
    space own = i < c->at_work[ROWS] ? ROWS : COLS;
    *place = own == ROWS ? i : i - c->at_work[ROWS];
    return c->active[own][*place];
}

static void take(const chains *c, size_t i, bool forward)
{
    size_t place, step = c->step + !forward;
    chain *one = chain_at(c, i, &place);
    space to = forward ? other(one->own) : one->own;
    size_t length = c->length[to];
    float *x = c->out[one->own] + place * length;
    double size = orthogonalise(x, c, one, to, step);
    scale_to_one(vector_of(one, to, step, length), x, length, size);
    if (forward) {
        one->alpha[c->step] = size;
        return;
    }
    one->beta[c->step] = size;
    /* Either is the end: without alpha there is no vector that beta could come of. What fp32 leaves
     * of nothing is 1e-7 of what it was taken from. */
    double nothing = 1e-6 * c->options->largest;
    one->closed = !(size > nothing && one->alpha[c->step] > nothing);
}

static void take_forward(void *context, size_t i, int thread)
{
    (void)thread;
    take(context, i, true);
}

static void take_back(void *context, size_t i, int thread)
{
    (void)thread;
    take(context, i, false);
}

/* ------------------------------------------------------------------------------------- deciding */

/* Bounds are worked out after these numbers of steps, where there is something to decide, and after
 * the last. */
static bool is_checked(size_t steps, const wane_moment_options *o)
{
    if (steps == o->steps) return true;
    if (o->epsilons == 0 && !(o->width > 0)) return false;
    size_t power = 8;
    while (power * 2 <= steps) power *= 2;
    return steps >= 4 && steps % (power < 32 ? power / 4 : power / 8) == 0;
}

static void check(void *context, size_t i, int thread)
{
    (void)thread;
    const chains *c = context;
    size_t place;
    chain *one = chain_at(c, i, &place);
    const wane_bidiagonal b = {.steps = c->step,
                               .closed = one->closed,
                               .alpha = one->alpha,
                               .beta = one->beta,
                               .rest = one->rest,
                               .atoms = c->known,
                               .sigma = c->sigma,
                               .mass = one->mass};
    wane_moment_rule rule;
    one->status = wane_moment_rule_make(&rule, &b, c->options, &one->error);
    if (one->status != WANE_OK) return;
    bool last = c->step == c->options->steps;
    if (!last) wane_moment_take(&one->state, &rule, c->options, false);
    one->done = last || one->closed || wane_moment_enough(&one->state, c->options);
    if (last || (one->done && !one->closed)) wane_moment_take(&one->state, &rule, c->options, true);
}

static void free_bases(chain *one)
{
    for (space which = 0; which < SPACES; which++)
        for (size_t i = 0; i < CHUNKS; i++) {
            wane_free(one->basis[which][i]);
            one->basis[which][i] = NULL;
        }
}

static wane_status check_all(chains *c, wane_error *err)
{
    wane_pool_run(c->pool, c->at_work[ROWS] + c->at_work[COLS], check, c);
    for (space own = 0; own < SPACES; own++) {
        size_t kept = 0;
        for (size_t i = 0; i < c->at_work[own]; i++) {
            chain *one = c->active[own][i];
            if (one->status != WANE_OK) {
                if (err) *err = one->error;
                return one->status;
            }
            if (!one->done) c->active[own][kept++] = one;
            else free_bases(one);
        }
        c->at_work[own] = kept;
    }
    return WANE_OK;
}

static bool any_closed(const chains *c)
{
    bool closed = false;
    for (space own = 0; own < SPACES; own++)
        for (size_t i = 0; i < c->at_work[own]; i++) closed = closed || c->active[own][i]->closed;
    return closed;
}

/* Room for the vectors of the next step. */
static wane_status grow(chains *c, wane_error *err)
{
    for (space own = 0; own < SPACES; own++)
        for (size_t i = 0; i < c->at_work[own]; i++)
            for (space which = 0; which < SPACES; which++) {
                size_t last = c->step + (which == own);
                float **chunk = &c->active[own][i]->basis[which][last / CHUNK];
                if (*chunk) continue;
                *chunk = wane_alloc_aligned(CHUNK * c->length[which], sizeof **chunk);
                if (!*chunk) return wane_fail_memory(err, "moments", "vectors");
            }
    return WANE_OK;
}

static wane_status run(chains *c, wane_error *err)
{
    wane_status st = WANE_OK;
    if (any_closed(c) || (c->known > 0 && is_checked(4, c->options))) WANE_TRY(check_all(c, err));
    while (c->step < c->options->steps && c->at_work[ROWS] + c->at_work[COLS] > 0) {
        WANE_TRY(grow(c, err));
        multiply(c, true);
        wane_pool_run(c->pool, c->at_work[ROWS] + c->at_work[COLS], take_forward, c);
        multiply(c, false);
        wane_pool_run(c->pool, c->at_work[ROWS] + c->at_work[COLS], take_back, c);
        c->step++;
        if (any_closed(c) || is_checked(c->step, c->options)) WANE_TRY(check_all(c, err));
    }
done:
    return st;
}

/* ------------------------------------------------------------------------------------ beginning */

/* The known triplets in fp32, up to the first that is none of W: whose products are not what they
 * should be. */
static void take_known(chains *c)
{
    const wane_moment_known *known = &c->options->known;
    const double *given[SPACES] = {known->u, known->v};
    for (space s = 0; s < SPACES; s++)
        for (size_t i = 0; i < known->count * c->length[s]; i++)
            c->triplets[s][i] = (float)given[s][i];
    const wane_strip_vectors left = {known->count, c->triplets[ROWS], c->out[COLS]};
    const wane_strip_vectors right = {known->count, c->triplets[COLS], c->out[ROWS]};
    wane_strip_products(c->w, &left, &right, c->room, c->pool);
    for (size_t i = 0; i < known->count; i++) {
        double off = 0;
        for (space s = 0; s < SPACES; s++) {
            float *x = c->out[s] + i * c->length[s];
            for (size_t k = 0; k < c->length[s]; k++)
                x[k] -= (float)known->sigma[i] * c->triplets[s][i * c->length[s] + k];
            off = fmax(off, norm(x, c->length[s]));
        }
        if (!(off <= WANE_MOMENT_KNOWN * c->options->largest)) break;
        c->known = i + 1;
    }
    c->sigma = known->sigma;
}

/* The part of a direction outside the known ones, as its chain's first vector. */
static void start(void *context, size_t i, int thread)
{
    (void)thread;
    const chains *c = context;
    chain *one = &c->all[i];
    size_t length = c->length[one->own];
    float *x = one->basis[one->own][0];
    const float *known = c->triplets[one->own];
    one->rest = 1;
    for (size_t k = 0; k < c->known; k++) {
        double part = 0;
        for (size_t j = 0; j < length; j++) part += (double)known[k * length + j] * (double)x[j];
        one->mass[k] = part * part;
    }
    if (c->known > 0) {
        double size = orthogonalise(x, c, one, one->own, 0);
        one->rest = size * size;
        scale_to_one(x, x, length, size);
    }
    /* Less than fp32 tells from nothing. */
    if (!(one->rest > 1e-12)) {
        one->rest = 0;
        one->closed = true;
    }
}

static wane_status make_room(chains *c, const wane_moment_side sides[2], wane_error *err)
{
    size_t wide = c->w.rows > c->w.cols ? c->w.rows : c->w.cols, most = c->options->known.count;
    size_t known = most;
    for (space own = 0; own < SPACES; own++) {
        size_t count = sides[own].count > known ? sides[own].count : known;
        if (count > most) most = count;
        c->count += sides[own].count;
        c->triplets[own] = wane_alloc_aligned(known * c->length[own], sizeof(float));
        c->active[own] = wane_alloc(sides[own].count, sizeof *c->active[own]);
        c->in[own] = wane_alloc_aligned(sides[own].count * wide, sizeof(float));
        c->out[own] = wane_alloc_aligned(count * wide, sizeof(float));
        if (!c->triplets[own] || !c->active[own] || !c->in[own] || !c->out[own])
            return wane_fail_memory(err, "moments", "vectors");
    }
    c->all = wane_alloc(c->count, sizeof *c->all);
    c->masses = wane_alloc(c->count * known, sizeof *c->masses);
    c->room = wane_alloc_aligned(wane_strip_room(c->w, most), sizeof *c->room);
    if (c->all && c->masses && c->room) return WANE_OK;
    return wane_fail_memory(err, "moments", "vectors");
}

static void free_room(chains *c)
{
    for (space own = 0; own < SPACES; own++) {
        wane_free(c->triplets[own]);
        wane_free(c->active[own]);
        wane_free(c->in[own]);
        wane_free(c->out[own]);
    }
    for (size_t i = 0; c->all && i < c->count; i++) free_bases(&c->all[i]);
    wane_free(c->all);
    wane_free(c->masses);
    wane_free(c->room);
}

/* The chains, each with its direction in fp32 as the first vector of its own basis. */
static wane_status begin(chains *c, const wane_moment_side sides[2], wane_error *err)
{
    size_t made = 0;
    for (space own = 0; own < SPACES; own++)
        for (size_t i = 0; i < sides[own].count; i++, made++) {
            chain *one = &c->all[made];
            wane_cosine_bounds *out = &sides[own].out[i];
            double slack = sides[own].slack ? sides[own].slack[i] : 0;
            size_t length = c->length[own];
            const double *x = sides[own].directions + i * length;
            float *first = wane_alloc_aligned(CHUNK * length, sizeof *first);
            if (!first) return wane_fail_memory(err, "moments", "vectors");
            for (size_t k = 0; k < length; k++) first[k] = (float)x[k];
            *out = (wane_cosine_bounds){.high = 1, .cluster_high = 1};
            *one = (chain){.own = own,
                           .mass = c->masses + made * c->options->known.count,
                           .state = {slack, *out, out}};
            one->basis[own][0] = first;
            if (slack < 1) c->active[own][c->at_work[own]++] = one;
        }
    return WANE_OK;
}

wane_status wane_moment_bounds(const wane_moment_side sides[2], wane_matrix w,
                               const wane_moment_options *options, wane_pool *pool, wane_error *err)
{
    wane_status st = WANE_OK;
    chains c = {.w = w, .length = {w.rows, w.cols}, .options = options, .pool = pool};
    WANE_TRY(make_room(&c, sides, err));
    WANE_TRY(begin(&c, sides, err));
    if (options->known.count > 0) take_known(&c);
    wane_pool_run(pool, c.count, start, &c);
    WANE_TRY(run(&c, err));
done:
    free_room(&c);
    return st;
}
