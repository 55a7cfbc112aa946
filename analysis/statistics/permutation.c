/* SPDX-License-Identifier: Apache-2.0
 * Tests all coefficients under one set of permutations of blocks, all of them where they are few,
 * with Kendall's sum from a table or counted anew (partial: Freedman and Lane 1983).
 */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "analysis/statistics/coefficients.h"
#include "analysis/statistics/ranks.h"
#include "analysis/statistics/sample.h"
#include "store/base/clock.h"
#include "store/base/memory.h"
#include "store/base/random.h"

enum { EXACT_LIMIT = 362880 /* 9! */, SPEARMAN = 0, KENDALL, PEARSON, PARTIAL };

/* Kendall's sum is taken from a table of pairs of blocks, or counted anew each time; neither when
 * both would take more elementary steps than this, some seconds. */
static const double kendall_budget = 2e9;
static const size_t table_limit = (size_t)1 << 24;

/* Two observed-or-permuted values this close are the same: it covers the rounding of a sum of n
 * products in another order. In units of the coefficient. */
static const double tie = 1e-12;

/* One coefficient under test. a and b have mean 0 and length 1 over the points, so that their
 * product is the coefficient; b's blocks are what changes places. */
typedef struct tested {
    const double *a, *b;
    double observed;
    size_t at_least, at_most;
} tested;

/* K[b][c][d][e] = the part of Kendall's sum from pairs of a point of block b and one of c when
 * their y come from blocks d and e; and the same inside one block. */
typedef struct pair_table {
    int32_t *cells;
    size_t *between; /* per pair b < c: offset of its n_g(b) x n_g(c) cells */
    size_t *inside;  /* per block: offset of its n_g(b) cells */
} pair_table;

typedef struct permuter {
    const wane_sample *sample;
    size_t *source, *group; /* per block: where its y comes from, and its group */
    double *moved;          /* a permuted b */
    tested *tested;
    wane_design design; /* of the partial coefficient */
    bool table_used;
    pair_table table;
    uint32_t *order, *codes, *tree; /* of Kendall without a table */
    int64_t kendall_observed;
} permuter;

static size_t group_size(const permuter *p, size_t block)
{
    size_t g = p->group[block];
    return p->sample->first[g + 1] - p->sample->first[g];
}

static size_t local_source(const permuter *p, size_t block)
{
    return p->source[block] - p->sample->first[p->group[block]];
}

static void move_blocks(double *moved, const double *b, const permuter *p)
{
    const size_t *start = p->sample->start;
    for (size_t i = 0; i < p->sample->blocks; i++)
        memcpy(moved + start[i], b + start[p->source[i]],
               (start[i + 1] - start[i]) * sizeof *moved);
}

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

static void count_value(tested *t, double value)
{
    /* An undefined value speaks for neither side, so it counts for both. */
    t->at_least += !(value < t->observed - tie);
    t->at_most += !(value > t->observed + tie);
}

static int64_t kendall_of_source(const permuter *p)
{
    const wane_sample *s = p->sample;
    int64_t sum = 0;
    if (!p->table_used) {
        const size_t *start = s->start;
        for (size_t i = 0; i < s->blocks; i++)
            memcpy(p->codes + start[i], s->y.codes + start[p->source[i]],
                   (start[i + 1] - start[i]) * sizeof *p->codes);
        return wane_kendall_sum(p->order, s->x.codes, p->codes, s->n, p->tree, s->y.distinct);
    }
    size_t pair = 0;
    for (size_t b = 0; b < s->blocks; b++) {
        size_t from = local_source(p, b);
        sum += p->table.cells[p->table.inside[b] + from];
        for (size_t c = b + 1; c < s->blocks; c++, pair++)
            sum +=
                p->table
                    .cells[p->table.between[pair] + from * group_size(p, c) + local_source(p, c)];
    }
    return sum;
}

static void evaluate(permuter *p)
{
    const wane_sample *s = p->sample;
    for (size_t i = 0; i < WANE_COEFFICIENTS; i++) {
        tested *t = &p->tested[i];
        if (!t->b) continue;
        move_blocks(p->moved, t->b, p);
        double value = dot(t->a, p->moved, s->n);
        if (i == PARTIAL) {
            /* Freedman-Lane: the fitted part falls away when the permuted y is regressed on the
             * covariates again, so only the permuted residuals matter. */
            double left = 1 - wane_design_explained(&p->design, p->moved);
            value = left > 1e-13 ? value / sqrt(left) : NAN;
        }
        count_value(t, value);
    }
    if (p->table_used || p->order) {
        int64_t sum = kendall_of_source(p);
        p->tested[KENDALL].at_least += sum >= p->kendall_observed;
        p->tested[KENDALL].at_most += sum <= p->kendall_observed;
    }
}

/* The next arrangement in lexicographic order; false, and the first again, after the last. */
static bool next_permutation(size_t *items, size_t n)
{
    size_t i = n;
    for (; i > 1 && items[i - 2] >= items[i - 1];) i--;
    bool more = i > 1;
    if (more) {
        size_t j = n - 1;
        while (items[j] <= items[i - 2]) j--;
        size_t kept = items[i - 2];
        items[i - 2] = items[j];
        items[j] = kept;
    }
    size_t low = more ? i - 1 : 0;
    for (size_t high = n; low + 1 < high; low++, high--) {
        size_t kept = items[low];
        items[low] = items[high - 1];
        items[high - 1] = kept;
    }
    return more;
}

static wane_status in_time(wane_error *err)
{
    return wane_deadline_check("correlate", "permutations", err);
}

static wane_status run_all(permuter *p, wane_error *err)
{
    const wane_sample *s = p->sample;
    wane_status st = WANE_OK;
    bool more = true;
    while (more) {
        if ((st = in_time(err)) != WANE_OK) return st;
        evaluate(p);
        more = false;
        for (size_t g = 0; g < s->groups && !more; g++)
            more = next_permutation(p->source + s->first[g], s->first[g + 1] - s->first[g]);
    }
    return WANE_OK;
}

static wane_status run_sampled(permuter *p, size_t permutations, uint64_t seed, wane_error *err)
{
    const wane_sample *s = p->sample;
    wane_status st = WANE_OK;
    for (size_t i = 0; i < permutations; i++) {
        if ((st = in_time(err)) != WANE_OK) return st;
        for (size_t g = 0; g < s->groups; g++) {
            const wane_random where = {seed, WANE_RANDOM_RESAMPLE, 1, i, g};
            size_t *source = p->source + s->first[g], size = s->first[g + 1] - s->first[g];
            wane_random_permutation(source, size, &where);
            for (size_t b = 0; b < size; b++) source[b] += s->first[g];
        }
        evaluate(p);
    }
    return WANE_OK;
}

/* How many permutations there are, or 0 when more than EXACT_LIMIT. */
static size_t permutation_count(const wane_sample *s)
{
    size_t count = 1;
    for (size_t g = 0; g < s->groups; g++)
        for (size_t i = s->first[g + 1] - s->first[g]; i > 1; i--)
            if ((count *= i) > EXACT_LIMIT) return 0;
    return count;
}

/* Mean 0, length 1. */
static void normalise(double *v, size_t n)
{
    double top = 0, mean = 0;
    for (size_t i = 0; i < n; i++) top = fmax(top, fabs(v[i]));
    if (top < 1e-290 || top > 1e290)
        for (size_t i = 0; i < n; i++) v[i] *= top < 1 ? 1e280 : 1e-280;
    for (size_t i = 0; i < n; i++) mean += v[i] / (double)n;
    for (size_t i = 0; i < n; i++) v[i] -= mean;
    top = 0;
    for (size_t i = 0; i < n; i++) top = fmax(top, fabs(v[i]));
    for (size_t i = 0; i < n; i++) v[i] /= top;
    double length = sqrt(dot(v, v, n));
    for (size_t i = 0; i < n; i++) v[i] /= length;
}

/* Sum of sign(x_i - x_j) sign(y_k - y_l) over i of block b, j of block c, k of d, l of e in step;
 * over i < j when b = c. */
static int32_t pair_sum(const wane_sample *s, size_t b, size_t c, size_t d, size_t e)
{
    const uint32_t *xb = s->x.codes + s->start[b], *xc = s->x.codes + s->start[c];
    const uint32_t *yd = s->y.codes + s->start[d], *ye = s->y.codes + s->start[e];
    size_t rows = s->start[b + 1] - s->start[b], cols = s->start[c + 1] - s->start[c];
    int32_t sum = 0;
    for (size_t i = 0; i < rows; i++)
        for (size_t j = b == c ? i + 1 : 0; j < cols; j++) {
            int x = (xb[i] > xc[j]) - (xb[i] < xc[j]), y = (yd[i] > ye[j]) - (yd[i] < ye[j]);
            sum += x * y;
        }
    return sum;
}

static wane_status fill_table(permuter *p, wane_error *err)
{
    const wane_sample *s = p->sample;
    wane_status st = WANE_OK;
    size_t pair = 0, next = 0;
    for (size_t b = 0; b < s->blocks; b++) {
        if ((st = in_time(err)) != WANE_OK) return st;
        const size_t *gb = &s->first[p->group[b]];
        p->table.inside[b] = next;
        for (size_t d = gb[0]; d < gb[1]; d++) p->table.cells[next++] = pair_sum(s, b, b, d, d);
        for (size_t c = b + 1; c < s->blocks; c++) {
            const size_t *gc = &s->first[p->group[c]];
            p->table.between[pair++] = next;
            for (size_t d = gb[0]; d < gb[1]; d++)
                for (size_t e = gc[0]; e < gc[1]; e++)
                    p->table.cells[next++] = d == e ? 0 : pair_sum(s, b, c, d, e);
        }
    }
    return WANE_OK;
}

/* Chooses and prepares the cheaper way to Kendall's sum; neither leaves both unset. */
static wane_status prepare_kendall(permuter *p, size_t permutations, wane_error *err)
{
    const wane_sample *s = p->sample;
    double n = (double)s->n, blocks = (double)s->blocks, cells = 0, reach = 0;
    for (size_t g = 0; g < s->groups; g++) {
        double size = (double)(s->first[g + 1] - s->first[g]);
        double points = (double)(s->start[s->first[g + 1]] - s->start[s->first[g]]);
        cells += size * size;
        reach += size * points;
    }
    cells = cells * cells / 2 + cells;
    double by_table = reach * reach / 2 + (double)permutations * blocks * blocks / 2;
    double by_count = (double)permutations * n * 2 * log2((double)s->y.distinct + 1);
    if (fmin(by_table, by_count) > kendall_budget) return WANE_OK;
    if (cells <= (double)table_limit && by_table < by_count) {
        p->table.cells = wane_alloc((size_t)cells + 1, sizeof *p->table.cells);
        p->table.between = wane_alloc(s->blocks * (s->blocks - 1) / 2, sizeof *p->table.between);
        p->table.inside = wane_alloc(s->blocks, sizeof *p->table.inside);
        if (!p->table.cells || !p->table.between || !p->table.inside)
            return wane_fail_memory(err, "correlate", "pairs of blocks");
        wane_status st = fill_table(p, err);
        if (st != WANE_OK) return st;
        p->table_used = true;
    } else if (by_count <= kendall_budget) {
        p->order = wane_alloc(s->n, sizeof *p->order);
        p->codes = wane_alloc(s->n, sizeof *p->codes);
        p->tree = wane_alloc(s->y.distinct + 1, sizeof *p->tree);
        size_t *counts = wane_alloc(s->x.distinct + 1, sizeof *counts);
        bool enough = p->order && p->codes && p->tree && counts;
        if (enough) wane_order_of_codes(p->order, s->x.codes, s->n, counts, s->x.distinct);
        wane_free(counts);
        if (!enough) return wane_fail_memory(err, "correlate", "pairs of points");
    }
    p->kendall_observed = kendall_of_source(p);
    return WANE_OK;
}

/* Residuals of both ranks on the covariates. `room` has 2 n elements. */
static wane_status prepare_partial(permuter *p, const double *rank_x, const double *rank_y,
                                   double *room, wane_error *err)
{
    const wane_sample *s = p->sample;
    wane_status st = wane_design_make(&p->design, s->z, s->z_count, s->n, err);
    if (st != WANE_OK) return st;
    (void)wane_design_set(&p->design, s->z, s->z_count, s->n);
    (void)wane_design_residuals(room, &p->design, rank_x);
    (void)wane_design_residuals(room + s->n, &p->design, rank_y);
    normalise(room, s->n);
    normalise(room + s->n, s->n);
    p->tested[PARTIAL].a = room;
    p->tested[PARTIAL].b = room + s->n;
    return WANE_OK;
}

/* `room` has 6 n elements, counts n + 1. *null_mean: the mean of Spearman over all permutations: in
 * each group, sum over cells of (sum of a) (sum of b) / blocks. */
static wane_status prepare(double *null_mean, permuter *p, bool partial, double *room,
                           size_t *counts, wane_error *err)
{
    const wane_sample *s = p->sample;
    size_t n = s->n;
    double *rank_x = room, *rank_y = room + n, *x = room + 2 * n, *y = room + 3 * n, mean = 0;
    wane_ranks_of_codes(rank_x, s->x.codes, n, counts, s->x.distinct);
    wane_ranks_of_codes(rank_y, s->y.codes, n, counts, s->y.distinct);
    if (partial) {
        wane_status st = prepare_partial(p, rank_x, rank_y, room + 4 * n, err);
        if (st != WANE_OK) return st;
    }
    memcpy(x, s->x.values, n * sizeof *x);
    memcpy(y, s->y.values, n * sizeof *y);
    normalise(rank_x, n);
    normalise(rank_y, n);
    normalise(x, n);
    normalise(y, n);
    p->tested[SPEARMAN].a = rank_x;
    p->tested[SPEARMAN].b = rank_y;
    p->tested[PEARSON].a = x;
    p->tested[PEARSON].b = y;
    for (size_t i = 0; i < WANE_COEFFICIENTS; i++)
        if (p->tested[i].b) p->tested[i].observed = dot(p->tested[i].a, p->tested[i].b, n);
    for (size_t g = 0; g < s->groups; g++) {
        size_t from = s->first[g], to = s->first[g + 1];
        size_t cells = s->start[from + 1] - s->start[from];
        for (size_t c = 0; c < cells; c++) {
            double sum_a = 0, sum_b = 0;
            for (size_t b = from; b < to; b++) {
                sum_a += rank_x[s->start[b] + c];
                sum_b += rank_y[s->start[b] + c];
            }
            mean += sum_a * sum_b / (double)(to - from);
        }
    }
    *null_mean = mean;
    return WANE_OK;
}

static void report(wane_correlation *out, const permuter *p, size_t all)
{
    for (size_t i = 0; i < out->count; i++) {
        wane_coefficient *c = &out->coefficient[i];
        if (c->reason) continue;
        if (i == KENDALL && !p->table_used && !p->order) {
            c->p_reason = "too_many_points";
            continue;
        }
        double low = (double)p->tested[i].at_most, high = (double)p->tested[i].at_least;
        double total = (double)out->permutations;
        c->p_reason = NULL;
        c->p_method = all ? "exact" : "permutation";
        c->p = all ? fmin(1, 2 * fmin(low, high) / total)
                   : fmin(1, 2 * (1 + fmin(low, high)) / (1 + total));
    }
    double total = (double)out->permutations;
    out->p_min = fmin(1, 2 / (all ? total : 1 + total));
}

static wane_status permuter_make(permuter *p, wane_error *err)
{
    const wane_sample *s = p->sample;
    p->source = wane_alloc(s->blocks, sizeof *p->source);
    p->group = wane_alloc(s->blocks, sizeof *p->group);
    p->moved = wane_alloc(s->n, sizeof *p->moved);
    p->tested = wane_alloc(WANE_COEFFICIENTS, sizeof *p->tested);
    if (!p->source || !p->group || !p->moved || !p->tested)
        return wane_fail_memory(err, "correlate", "permutation");
    for (size_t g = 0; g < s->groups; g++)
        for (size_t b = s->first[g]; b < s->first[g + 1]; b++) p->group[b] = g;
    for (size_t b = 0; b < s->blocks; b++) p->source[b] = b;
    return WANE_OK;
}

static void permuter_free(permuter *p)
{
    void *blocks[] = {p->source,      p->group,         p->moved,        p->tested, p->order,
                      p->table.cells, p->table.between, p->table.inside, p->codes,  p->tree};
    wane_design_free(&p->design);
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) wane_free(blocks[i]);
}

wane_status wane_permute(wane_correlation *out, const wane_sample *s,
                         const wane_correlation_options *options, wane_error *err)
{
    wane_status st = WANE_OK;
    permuter p = {.sample = s};
    double *room = NULL;
    size_t *counts = NULL, all = permutation_count(s);
    out->permutations = all ? all : options->permutations ? options->permutations : 100000;
    out->null_mean = NAN;
    if (out->coefficient[SPEARMAN].reason) {
        report(out, &p, all);
        goto done;
    }
    WANE_TRY(permuter_make(&p, err));
    room = wane_alloc(s->n, 6 * sizeof *room);
    counts = wane_alloc(s->n + 1, sizeof *counts);
    if (!room || !counts) {
        st = wane_fail_memory(err, "correlate", "permutation");
        goto done;
    }
    bool partial = out->count > PARTIAL && !out->coefficient[PARTIAL].reason;
    WANE_TRY(prepare(&out->null_mean, &p, partial, room, counts, err));
    WANE_TRY(prepare_kendall(&p, out->permutations, err));
    WANE_TRY(all ? run_all(&p, err) : run_sampled(&p, out->permutations, options->seed, err));
    report(out, &p, all);
done:
    wane_free(counts);
    wane_free(room);
    permuter_free(&p);
    return st;
}
