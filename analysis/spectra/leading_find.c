/* SPDX-License-Identifier: Apache-2.0
 * Block Krylov iteration in fp32 from a start wider than the triplets asked for, then a
 * Rayleigh-Ritz step in double that says how far its vectors may be off; more of them where that is
 * too far.
 */
#include <assert.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "analysis/spectra/directions.h"
#include "analysis/spectra/lapack.h"
#include "analysis/spectra/leading.h"
#include "analysis/spectra/ritz.h"
#include "store/base/memory.h"

enum {
    CHAIN = 6,          /* random columns of a block that is not random as a whole */
    LEAST_PASSES = 6,   /* of them, before what they did not show is taken to be not there */
    MOST_PASSES = 200,  /* in single precision */
    MOST_FACTORS = 32,  /* directions of the change in a start */
    MOST_BLOCKS = 12,   /* of a basis, before it is restarted */
    LEAST_BLOCKS = 4,   /* of a wide one */
    MOST_COLUMNS = 768, /* of it, where that is more blocks */
    MOST_ROUNDS = 3     /* in double, each of up to MOST_BLOCKS passes */
};

/* What the iteration aims at, of the tolerances: the step in double moves residuals a little. */
#define SHARE 0.3

typedef struct search {
    const wane_leading_question *q;
    wane_gram gram;
    wane_ritz ritz;
    size_t width, start; /* columns of a block, and of the first one */
    size_t passes;
    size_t needed; /* of the triplets asked for, those whose sigma is above the floor */
    /* Of the Ritz pairs: sigma = |A v|, and |A^T u - sigma v|; of the triplets, see leading.h. */
    double *sigma, *rho, *angle;
    double *before; /* residuals of the pairs one pass ago */
    double beyond;  /* what is not among the needed ones is no greater */
} search;

/* The sines of the angles between Ritz and singular vectors, at most (leading.h). */
static void find_angles(search *s)
{
    size_t count = s->needed;
    double square = 0;
    s->beyond = 0;
    for (size_t j = 0; j < count; j++) square += s->rho[j] * s->rho[j];
    for (size_t j = count; j < s->ritz.pairs; j++)
        s->beyond = fmax(s->beyond, sqrt(fmax(s->ritz.lambda[j], 0) + s->ritz.residual[j]));
    for (size_t j = 0; j < s->q->top; j++) {
        double next = j + 1 < count ? fmax(s->sigma[j + 1], s->beyond) : s->beyond;
        double gap = s->sigma[j] - next - sqrt(square);
        if (j > 0) gap = fmin(gap, s->sigma[j - 1] - s->sigma[j]);
        s->angle[j] = j < count && gap > s->rho[j] ? s->rho[j] / gap : 1;
    }
}

/* From the Ritz pairs of C = A^T A to what they say of A, and of C known up to `noise`. */
static wane_status solve(search *s, double noise, wane_error *err)
{
    wane_ritz *z = &s->ritz;
    wane_status st = wane_ritz_solve(z, s->width < z->have ? s->width : z->have, err);
    if (st != WANE_OK) return st;
    size_t rows = s->q->weight.rows, cols = s->q->weight.cols;
    double largest = sqrt(fmax(z->lambda[0], 0));
    double floor = wane_direction_floor(rows, cols, largest, s->q->rounding);
    s->needed = 0;
    for (size_t j = 0; j < z->pairs; j++) {
        z->residual[j] += noise * z->lambda[0];
        s->sigma[j] = sqrt(fmax(z->lambda[j], 0));
        s->rho[j] = s->sigma[j] > 0 ? z->residual[j] / s->sigma[j] : largest;
        bool exists = z->lambda[j] + z->residual[j] > floor * floor;
        if (exists && s->needed == j && j < s->q->top) s->needed++;
    }
    find_angles(s);
    return WANE_OK;
}

/* Whether a needed pair has what is asked of it, to `share`. */
static bool is_good(const search *s, size_t j, double share)
{
    const wane_leading_question *q = s->q;
    return s->rho[j] <= share * q->residual * s->sigma[0] &&
           (q->angle == 0 || s->angle[j] <= share * q->angle);
}

/* Whether all of them have, and nothing that is still on its way may come out among them. */
static bool is_settled(const search *s, double share)
{
    if (s->needed == 0 || s->ritz.pairs <= s->q->top || s->passes < LEAST_PASSES) return false;
    for (size_t j = 0; j < s->needed; j++)
        if (!is_good(s, j, share)) return false;
    return s->beyond <= s->sigma[s->needed - 1] + s->q->residual * s->sigma[0];
}

/* Whether products that are off by `noise` have no more to give to a pair: it is lost in it, or it
 * comes near and no longer gains. */
static bool is_noise(const search *s, size_t j, double noise)
{
    const double lost = 0.05, gain = 0.5;
    double residual = s->ritz.residual[j], limit = noise * s->ritz.lambda[0];
    return residual <= lost * limit || (residual <= limit && residual > gain * s->before[j]);
}

/* The same of all that matter. */
static bool is_exhausted(const search *s, double noise)
{
    for (size_t j = 0; j < s->ritz.pairs && j <= s->needed; j++)
        if (!is_noise(s, j, noise) && !(j < s->needed && is_good(s, j, SHARE))) return false;
    return s->passes >= LEAST_PASSES;
}

/* The start: singular vectors nearby, directions of the change, and random ones. */
static wane_status first_block(search *s, size_t known, size_t factors, wane_error *err)
{
    const wane_gram *g = &s->gram;
    size_t n = g->inner;
    double *block = s->ritz.block;
    if (known > 0)
        memcpy(block, g->turned ? s->q->near->u : s->q->near->v, known * n * sizeof *block);
    if (factors > 0) memcpy(block + known * n, g->near, factors * n * sizeof *block);
    return wane_leading_start(block + (known + factors) * n, (s->start - known - factors) * n, err);
}

/* What is to be added next: the residuals of the first pairs that are not done, and what C makes of
 * the last, random columns. From a random start both are the next block of its Krylov space; from
 * one nearby the former mend its vectors, while the latter look for what it knows nothing of. */
static size_t next_block(search *s, double noise)
{
    wane_ritz *z = &s->ritz;
    size_t n = z->gram->inner, count = 0, column = n * sizeof *z->block;
    for (size_t j = 0; j < z->pairs && count < s->width - CHAIN; j++)
        if (!is_noise(s, j, noise) && !(j < s->needed && is_good(s, j, SHARE)))
            memcpy(z->block + count++ * n, z->rest + j * n, column);
    memcpy(z->block + count * n, z->image + (z->have - CHAIN) * n, CHAIN * column);
    return count + CHAIN;
}

/* How many times too large the worst residual or angle is. */
static double excess(const search *s)
{
    const wane_leading_question *q = s->q;
    double worst = s->needed > 0 ? 1 : INFINITY;
    for (size_t j = 0; j < s->needed; j++) {
        worst = fmax(worst, s->rho[j] / (SHARE * q->residual * s->sigma[0]));
        if (q->angle > 0) worst = fmax(worst, s->angle[j] / (SHARE * q->angle));
    }
    return worst;
}

/* Passes before the next look at the pairs: about half of what it takes at the usual gain. */
static size_t passes_to_go(const search *s)
{
    const double usual_gain = 10;
    size_t go = 1;
    for (double left = excess(s) / usual_gain; go < 4 && left > usual_gain; go++)
        left /= usual_gain * usual_gain;
    if (s->passes + go < LEAST_PASSES) go = (LEAST_PASSES - s->passes + 1) / 2;
    return go;
}

/* Adds a block of what is to be added next, and what C makes of it alone, `passes` times. False
 * where the space closes. */
static bool expand(search *s, size_t count, size_t passes, bool in_double)
{
    wane_ritz *z = &s->ritz;
    size_t n = z->gram->inner;
    for (size_t pass = 0; pass < passes && z->have + count <= z->capacity; pass++) {
        if (pass > 0)
            memcpy(z->block, z->image + (z->have - count) * n, count * n * sizeof *z->block);
        count = wane_ritz_add(z, count, in_double);
        s->passes++;
        if (count < CHAIN) return false;
    }
    return true;
}

/* Passes of single (double) precision until SHARE of the tolerances or the noise is met, or the
 * space closes. */
static wane_status iterate(search *s, bool in_double, double noise, size_t most, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_ritz *z = &s->ritz;
    bool open = true;
    for (size_t end = s->passes + most; open && s->passes < end;) {
        if (is_settled(s, SHARE) || is_exhausted(s, noise)) break;
        memcpy(s->before, z->residual, z->pairs * sizeof *s->before);
        size_t count = next_block(s, noise);
        if (z->have + count > z->capacity) wane_ritz_compress(z);
        open = expand(s, count, passes_to_go(s), in_double);
        WANE_TRY(solve(s, 0, err));
    }
done:
    return st;
}

/* The Ritz vectors' products in double, and what they are worth. */
static wane_status certify(search *s, wane_error *err)
{
    const double rounding = 1e-14;
    wane_ritz *z = &s->ritz;
    wane_ritz_compress(z);
    memcpy(z->block, z->v, z->have * s->gram.inner * sizeof *z->block);
    size_t count = z->have;
    z->have = 0;
    if (wane_ritz_add(z, count, true) == 0) return WANE_OK;
    return solve(s, rounding, err);
}

static void give(const search *s, wane_leading *out, double *angle)
{
    const wane_ritz *z = &s->ritz;
    size_t n = s->gram.inner, m = s->gram.outer, top = s->q->top;
    double *inner = s->gram.turned ? out->u : out->v, *outer = s->gram.turned ? out->v : out->u;
    wane_columns_product(s->gram.pool, false, false, n, top, z->have, 1, z->v, n, z->q, z->have, 0,
                         inner, n);
    wane_columns_product(s->gram.pool, false, false, m, top, z->have, 1, z->y, m, z->q, z->have, 0,
                         outer, m);
    for (size_t j = 0; j < top; j++) {
        double scale = s->sigma[j] > 0 ? 1 / s->sigma[j] : 0;
        for (size_t i = 0; i < m; i++) outer[i + j * m] *= scale;
    }
    memcpy(out->sigma, s->sigma, top * sizeof *out->sigma);
    memcpy(angle, s->angle, top * sizeof *angle);
}

static wane_status run(search *s, bool *found, wane_error *err)
{
    const double single = 4e-7, finest = 1e-14;
    wane_status st = WANE_OK;
    wane_ritz *z = &s->ritz;
    size_t added = wane_ritz_add(z, s->start, false);
    if (!wane_lapack_finite(z->t, z->have * z->capacity)) {
        st = wane_fail(err, WANE_ENUMERIC, "singular triplets: weight %zu x %zu: not finite",
                       s->q->weight.rows, s->q->weight.cols);
        goto done;
    }
    if (added < CHAIN) goto done;
    WANE_TRY(solve(s, 0, err));
    WANE_TRY(iterate(s, false, single, MOST_PASSES, err));
    for (int round = 0; round < MOST_ROUNDS; round++) {
        WANE_TRY(certify(s, err));
        if (z->have < s->width) break;
        *found = is_settled(s, 1);
        if (*found || is_exhausted(s, finest)) break;
        WANE_TRY(iterate(s, true, finest, MOST_BLOCKS, err));
    }
done:
    return st;
}

/* Columns of a basis before it is restarted: few enough that the small matrix stays small. */
static size_t capacity_of(const search *s, size_t least)
{
    size_t blocks = MOST_COLUMNS / s->width;
    if (blocks < LEAST_BLOCKS) blocks = LEAST_BLOCKS;
    if (blocks > MOST_BLOCKS) blocks = MOST_BLOCKS;
    size_t columns = s->start + blocks * s->width;
    return columns < least ? columns : least;
}

wane_status wane_leading_find(wane_leading *out, double *angle, bool *found,
                              const wane_leading_question *question, wane_pool *pool,
                              wane_error *err)
{
    wane_status st = WANE_OK;
    search s = {.q = question};
    wane_leading leading = {0};
    size_t m = question->weight.rows, n = question->weight.cols, top = question->top;
    size_t least = m < n ? m : n, known = question->near ? question->near->top : 0;
    size_t factors = question->change ? question->change->numerical : 0;
    if (factors > MOST_FACTORS) factors = MOST_FACTORS;
    if (known > top) known = top;
    s.width = (top + CHAIN + 7) / 8 * 8;
    s.start = known + factors + CHAIN > s.width ? known + factors + CHAIN : s.width;
    size_t capacity = capacity_of(&s, least);
    *found = false;
    if (capacity < s.start + 2 * s.width) return WANE_OK;
    WANE_TRY(wane_gram_open(&s.gram, question->weight, question->change, s.start, pool, err));
    WANE_TRY(wane_ritz_open(&s.ritz, &s.gram, capacity, err));
    s.sigma = wane_alloc(s.start, sizeof *s.sigma);
    s.rho = wane_alloc(s.start, sizeof *s.rho);
    s.angle = wane_alloc(s.start, sizeof *s.angle);
    s.before = wane_alloc(s.start, sizeof *s.before);
    if (!s.before || !s.sigma || !s.rho || !s.angle)
        WANE_TRY(wane_fail_memory(err, "singular triplets", "residuals"));
    WANE_TRY(first_block(&s, known, factors, err));
    WANE_TRY(run(&s, found, err));
    if (!*found) goto done;
    WANE_TRY(wane_leading_room(&leading, m, n, top, err));
    give(&s, &leading, angle);
    *out = leading;
done:
    wane_ritz_free(&s.ritz);
    wane_gram_free(&s.gram);
    wane_free(s.sigma);
    wane_free(s.rho);
    wane_free(s.angle);
    wane_free(s.before);
    return st;
}
