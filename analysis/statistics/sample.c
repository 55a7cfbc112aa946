/* SPDX-License-Identifier: Apache-2.0
 * Sorts points by block and cell, leaves out what cannot change places, and gathers any choice of
 * blocks into coefficients in a workspace.
 */
#include "analysis/statistics/sample.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/statistics/coefficients.h"
#include "analysis/statistics/ranks.h"
#include "store/base/memory.h"

/* A point under its key: the four fields in the order of the scheme. The first `group` fields name
 * the group, the first `block` the block, the rest the cell; the stage is always last. */
typedef struct keyed {
    size_t key[4];
    double x, y;
    const double *z;
    bool kept;
    size_t at; /* among the points as they came */
} keyed;

typedef struct scheme {
    size_t group, block;
} scheme;

static scheme scheme_of(wane_blocks blocks)
{
    if (blocks == WANE_BLOCKS_CONFIG) return (scheme){0, 1};
    if (blocks == WANE_BLOCKS_RUN) return (scheme){1, 3};
    return (scheme){0, 4};
}

static keyed keyed_of(const wane_point *p, size_t at, wane_blocks blocks)
{
    keyed k = {{p->config, p->order, p->seed, p->stage}, p->x, p->y, p->z, true, at};
    if (blocks == WANE_BLOCKS_RUN) {
        k.key[0] = p->order;
        k.key[1] = p->config;
    }
    return k;
}

static int compare_fields(const keyed *a, const keyed *b, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        if (a->key[i] != b->key[i]) return a->key[i] < b->key[i] ? -1 : 1;
    return 0;
}

static int by_key(const void *a, const void *b)
{
    return compare_fields(a, b, 0, 4);
}

static int by_cell_of_configs(const void *a, const void *b)
{
    return compare_fields(*(keyed *const *)a, *(keyed *const *)b, 1, 4);
}

static int by_cell_of_runs(const void *a, const void *b)
{
    return compare_fields(*(keyed *const *)a, *(keyed *const *)b, 3, 4);
}

/* The end of the stretch of points that agree with `from` in the first `fields` fields. */
static size_t stretch(const keyed *points, size_t from, size_t n, size_t fields)
{
    size_t to = from + 1;
    while (to < n && compare_fields(&points[from], &points[to], 0, fields) == 0) to++;
    return to;
}

/* Leaves out, in one group, the cells that at most half of the blocks have, then the blocks that
 * lack one of the others. `by` is scratch. Returns how many blocks went. */
static size_t drop_in_group(keyed *points, size_t n, scheme s, keyed **by)
{
    size_t blocks = 0, cells = 0, dropped = 0;
    for (size_t i = 0; i < n; i = stretch(points, i, n, s.block)) blocks++;
    if (s.block == 4) return 0;
    for (size_t i = 0; i < n; i++) by[i] = &points[i];
    qsort(by, n, sizeof *by, s.block == 1 ? by_cell_of_configs : by_cell_of_runs);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && compare_fields(by[i], by[end], s.block, 4) == 0;) end++;
        bool common = 2 * (end - i) > blocks;
        cells += common;
        for (size_t j = i; j < end; j++) by[j]->kept = common;
    }
    for (size_t i = 0, end; i < n; i = end) {
        end = stretch(points, i, n, s.block);
        size_t has = 0;
        for (size_t j = i; j < end; j++) has += points[j].kept;
        if (has == cells) continue;
        dropped++;
        for (size_t j = i; j < end; j++) points[j].kept = false;
    }
    return dropped;
}

/* The point at which a message can point. */
static wane_status refuse(wane_error *err, wane_status code, const wane_point *p, const char *cause)
{
    return wane_fail(err, code, "correlate: config %zu, order %zu, seed %zu, stage %zu: %s",
                     p->config, p->order, p->seed, p->stage, cause);
}

static wane_status sorted_points(keyed **out, const wane_point *points, size_t count,
                                 wane_blocks blocks, wane_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(points[i].x)) return refuse(err, WANE_ENUMERIC, &points[i], "x not finite");
        if (!isfinite(points[i].y)) return refuse(err, WANE_ENUMERIC, &points[i], "y not finite");
    }
    keyed *sorted = wane_alloc(count, sizeof *sorted);
    if (!sorted) return wane_fail_memory(err, "correlate", "points");
    for (size_t i = 0; i < count; i++) sorted[i] = keyed_of(&points[i], i, blocks);
    qsort(sorted, count, sizeof *sorted, by_key);
    for (size_t i = 1; i < count; i++) {
        if (by_key(&sorted[i - 1], &sorted[i]) != 0) continue;
        const size_t *k = sorted[i].key;
        bool runs = blocks == WANE_BLOCKS_RUN;
        const wane_point twice = {
            .config = runs ? k[1] : k[0], .order = runs ? k[0] : k[1], .seed = k[2], .stage = k[3]};
        wane_free(sorted);
        return refuse(err, WANE_EINVAL, &twice, "two points in one cell");
    }
    *out = sorted;
    return WANE_OK;
}

static bool axis_alloc(wane_axis *axis, size_t n)
{
    axis->values = wane_alloc(n, sizeof *axis->values);
    axis->codes = wane_alloc(n, sizeof *axis->codes);
    return axis->values && axis->codes;
}

/* The codes of covariate f at the kept points; `values` is scratch. */
static wane_status fill_factor(wane_sample *s, size_t f, const keyed *sorted, size_t count,
                               double *values, wane_error *err)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (!sorted[i].kept) continue;
        values[n] = sorted[i].z ? sorted[i].z[f] : NAN;
        if (!isfinite(values[n])) {
            s->z_missing = true;
            return WANE_OK;
        }
        n++;
    }
    s->z[f].codes = wane_alloc(n, sizeof *s->z[f].codes);
    if (!s->z[f].codes) return wane_fail_memory(err, "correlate", "covariates");
    return wane_rank_codes(s->z[f].codes, &s->z[f].distinct, values, n, err);
}

static wane_status fill_factors(wane_sample *s, const wane_correlation_options *options,
                                const keyed *sorted, size_t count, wane_error *err)
{
    wane_status st = WANE_OK;
    double *values = wane_alloc(count, sizeof *values);
    s->z = wane_alloc(options->given_count, sizeof *s->z);
    if (!values || !s->z) {
        st = wane_fail_memory(err, "correlate", "covariates");
        goto done;
    }
    s->z_count = options->given_count;
    for (size_t f = 0; f < s->z_count; f++) {
        s->z[f].kind = options->given[f];
        WANE_TRY(fill_factor(s, f, sorted, count, values, err));
    }
done:
    wane_free(values);
    return st;
}

static wane_status fill(wane_sample *s, const keyed *sorted, size_t count, scheme scheme_used,
                        wane_error *err)
{
    const keyed *last = NULL;
    size_t run = 0;
    for (size_t i = 0; i < count; i++) {
        const keyed *p = &sorted[i];
        if (!p->kept) continue;
        if (!last || compare_fields(last, p, 0, scheme_used.group) != 0)
            s->first[s->groups++] = s->blocks;
        if (!last || compare_fields(last, p, 0, scheme_used.block) != 0)
            s->start[s->blocks++] = s->n;
        if (last && compare_fields(last, p, 0, 3) != 0) run++;
        s->run[s->n] = (uint32_t)run;
        s->x.values[s->n] = p->x;
        s->y.values[s->n] = p->y;
        s->n++;
        last = p;
    }
    s->first[s->groups] = s->blocks;
    s->start[s->blocks] = s->n;
    s->dropped_points = count - s->n;
    wane_status st = wane_rank_codes(s->x.codes, &s->x.distinct, s->x.values, s->n, err);
    if (st != WANE_OK) return st;
    return wane_rank_codes(s->y.codes, &s->y.distinct, s->y.values, s->n, err);
}

wane_status wane_sample_make(wane_sample *out, const wane_point *points, size_t count,
                             const wane_correlation_options *options, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_sample s = {0};
    const scheme scheme_used = scheme_of(options->blocks);
    keyed *sorted = NULL, **by = NULL;
    WANE_TRY(sorted_points(&sorted, points, count, options->blocks, err));
    by = wane_alloc(count, sizeof *by);
    s.start = wane_alloc(count + 1, sizeof *s.start);
    s.first = wane_alloc(count + 1, sizeof *s.first);
    s.run = wane_alloc(count, sizeof *s.run);
    if (!by || !s.start || !s.first || !s.run || !axis_alloc(&s.x, count) ||
        !axis_alloc(&s.y, count)) {
        st = wane_fail_memory(err, "correlate", "points");
        goto done;
    }
    for (size_t i = 0, end; i < count; i = end) {
        end = stretch(sorted, i, count, scheme_used.group);
        s.dropped_blocks += drop_in_group(sorted + i, end - i, scheme_used, by);
    }
    for (size_t i = 0; options->used && i < count; i++)
        options->used[sorted[i].at] = sorted[i].kept;
    WANE_TRY(fill(&s, sorted, count, scheme_used, err));
    WANE_TRY(fill_factors(&s, options, sorted, count, err));
    *out = s;
    s = (wane_sample){0};
done:
    wane_sample_free(&s);
    wane_free(by);
    wane_free(sorted);
    return st;
}

static void factors_free(wane_design_factor *factors, size_t count)
{
    for (size_t f = 0; factors && f < count; f++) wane_free(factors[f].codes);
    wane_free(factors);
}

void wane_sample_free(wane_sample *sample)
{
    wane_axis *axes[] = {&sample->x, &sample->y};
    for (size_t i = 0; i < 2; i++) {
        wane_free(axes[i]->values);
        wane_free(axes[i]->codes);
    }
    factors_free(sample->z, sample->z_count);
    wane_free(sample->start);
    wane_free(sample->first);
    wane_free(sample->run);
    *sample = (wane_sample){0};
}

/* The covariates' part: none without covariates, or when some value is missing. */
static wane_status make_covariates(wane_workspace *w, const wane_sample *s, size_t capacity,
                                   wane_error *err)
{
    if (s->z_count == 0 || s->z_missing) return WANE_OK;
    w->z = wane_alloc(s->z_count, sizeof *w->z);
    if (!w->z) return wane_fail_memory(err, "correlate", "covariates");
    w->z_count = s->z_count;
    for (size_t f = 0; f < s->z_count; f++) {
        w->z[f] = (wane_design_factor){.kind = s->z[f].kind, .distinct = s->z[f].distinct};
        w->z[f].codes = wane_alloc(capacity, sizeof *w->z[f].codes);
        if (!w->z[f].codes) return wane_fail_memory(err, "correlate", "covariates");
    }
    return wane_design_make(&w->design, w->z, w->z_count, capacity, err);
}

wane_status wane_workspace_make(wane_workspace *out, const wane_sample *sample, wane_error *err)
{
    size_t longest = 0, capacity, size;
    for (size_t b = 0; b < sample->blocks; b++) {
        size_t length = sample->start[b + 1] - sample->start[b];
        if (length > longest) longest = length;
    }
    /* Codes run up to n even when fewer points are chosen. Nine arrays, none wider than 8 bytes. */
    if (!wane_size_mul(&capacity, longest, sample->blocks) ||
        !wane_size_add(&capacity, capacity, sample->n + 2) || !wane_size_mul(&size, capacity, 9))
        return wane_fail_memory(err, "correlate", "workspace");
    double *block = wane_alloc(size, sizeof *block);
    if (!block) return wane_fail_memory(err, "correlate", "workspace");
    wane_workspace w = {.block = block};
    double **wide[] = {&w.x, &w.y, &w.rank_x, &w.rank_y};
    uint32_t **narrow[] = {&w.code_x, &w.code_y, &w.order, &w.tree};
    for (size_t i = 0; i < 4; i++, block += capacity) *wide[i] = block;
    for (size_t i = 0; i < 4; i++, block += capacity) *narrow[i] = (uint32_t *)(void *)block;
    w.counts = (size_t *)(void *)block;
    wane_status st = make_covariates(&w, sample, capacity, err);
    if (st == WANE_OK) *out = w;
    else wane_workspace_free(&w);
    return st;
}

void wane_workspace_free(wane_workspace *workspace)
{
    wane_design_free(&workspace->design);
    factors_free(workspace->z, workspace->z_count);
    wane_free(workspace->block);
    *workspace = (wane_workspace){0};
}

/* Copies the chosen points side by side; returns their number. */
static size_t gather(const wane_sample *s, const size_t *blocks, size_t count, wane_workspace *w)
{
    size_t n = 0;
    for (size_t b = 0; b < count; b++) {
        size_t from = s->start[blocks[b]], length = s->start[blocks[b] + 1] - from;
        memcpy(w->x + n, s->x.values + from, length * sizeof *w->x);
        memcpy(w->y + n, s->y.values + from, length * sizeof *w->y);
        memcpy(w->code_x + n, s->x.codes + from, length * sizeof *w->code_x);
        memcpy(w->code_y + n, s->y.codes + from, length * sizeof *w->code_y);
        for (size_t f = 0; f < w->z_count; f++)
            memcpy(w->z[f].codes + n, s->z[f].codes + from, length * sizeof *w->z[f].codes);
        n += length;
    }
    return n;
}

/* Needs rank_x and rank_y; overwrites x and y. */
static double partial_spearman(const char **reason, size_t n, wane_workspace *w)
{
    *reason = "missing_z";
    if (!w->z) return NAN;
    *reason = wane_design_set(&w->design, w->z, w->z_count, n);
    if (!*reason) *reason = wane_design_residuals(w->x, &w->design, w->rank_x);
    if (!*reason) *reason = wane_design_residuals(w->y, &w->design, w->rank_y);
    return *reason ? NAN : wane_pearson(w->x, w->y, n);
}

static bool all_equal(const uint32_t *codes, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (codes[i] != codes[0]) return false;
    return true;
}

void wane_sample_coefficients(double values[WANE_COEFFICIENTS],
                              const char *reasons[WANE_COEFFICIENTS], const wane_sample *s,
                              const size_t *blocks, size_t count, wane_workspace *w)
{
    size_t n = gather(s, blocks, count, w);
    const char *reason = n < 2                     ? "too_few_points"
                         : all_equal(w->code_x, n) ? "constant_x"
                         : all_equal(w->code_y, n) ? "constant_y"
                                                   : NULL;
    for (size_t i = 0; i < WANE_COEFFICIENTS; i++) {
        values[i] = NAN;
        if (reasons) reasons[i] = reason;
    }
    if (reason) return;
    wane_ranks_of_codes(w->rank_x, w->code_x, n, w->counts, s->x.distinct);
    wane_ranks_of_codes(w->rank_y, w->code_y, n, w->counts, s->y.distinct);
    values[0] = wane_pearson(w->rank_x, w->rank_y, n);
    wane_order_of_codes(w->order, w->code_x, n, w->counts, s->x.distinct);
    int64_t sum = wane_kendall_sum(w->order, w->code_x, w->code_y, n, w->tree, s->y.distinct);
    int64_t untied_x = wane_untied_pairs(w->code_x, n, w->counts, s->x.distinct);
    values[1] =
        wane_tau_b(sum, untied_x, wane_untied_pairs(w->code_y, n, w->counts, s->y.distinct));
    values[2] = wane_pearson(w->x, w->y, n);
    if (s->z_count > 0) {
        values[3] = partial_spearman(&reason, n, w);
        if (reasons) reasons[3] = reason;
    }
}
