/* SPDX-License-Identifier: Apache-2.0
 * Puts sample, coefficients, permutation and bootstrap together for one set of points, and Holm's
 * correction for many.
 */
#include "analysis/statistics/correlation.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "analysis/statistics/sample.h"
#include "store/base/memory.h"

static wane_status check_options(const wane_correlation_options *options, wane_error *err)
{
    if (options->permutations > 1000000000)
        return wane_fail(err, WANE_EINVAL, "correlate: %zu permutations: more than 10^9",
                         options->permutations);
    if (options->resamples > 10000000)
        return wane_fail(err, WANE_EINVAL, "correlate: %zu resamples: more than 10^7",
                         options->resamples);
    if (options->given_count > WANE_MOST_COLUMNS)
        return wane_fail(err, WANE_EINVAL, "correlate: %zu covariates: more than %d",
                         options->given_count, WANE_MOST_COLUMNS);
    bool known = options->blocks <= WANE_BLOCKS_NONE;
    for (size_t i = 0; i < options->given_count; i++)
        known = known && options->given[i] <= WANE_COVARIATE_CATEGORY;
    if (!known) return wane_fail(err, WANE_EINVAL, "correlate: blocks or given: unknown kind");
    return WANE_OK;
}

/* The coefficients of all points used, with their reasons. */
static wane_status compute_values(wane_correlation *c, const wane_sample *s, wane_error *err)
{
    static const char *const names[WANE_COEFFICIENTS] = {"spearman", "kendall_tau_b", "pearson",
                                                         "partial_spearman"};
    wane_workspace w = {0};
    double values[WANE_COEFFICIENTS];
    const char *reasons[WANE_COEFFICIENTS];
    size_t *all = wane_alloc(s->blocks, sizeof *all);
    if (!all) return wane_fail_memory(err, "correlate", "blocks");
    wane_status st = wane_workspace_make(&w, s, err);
    if (st == WANE_OK) {
        for (size_t b = 0; b < s->blocks; b++) all[b] = b;
        wane_sample_coefficients(values, reasons, s, all, s->blocks, &w);
        for (size_t i = 0; i < c->count; i++)
            c->coefficient[i] = (wane_coefficient){.name = names[i],
                                                   .value = values[i],
                                                   .low = NAN,
                                                   .high = NAN,
                                                   .p = NAN,
                                                   .reason = reasons[i],
                                                   .interval_reason = reasons[i],
                                                   .p_reason = reasons[i]};
        c->given_degrees = w.design.degrees;
    }
    wane_workspace_free(&w);
    wane_free(all);
    return st;
}

/* Spearman of each run of at least three stages. */
static wane_status within_runs(wane_summary *out, const wane_sample *s, wane_error *err)
{
    wane_status st = WANE_OK;
    size_t runs = 0;
    double *values = wane_alloc(s->n, sizeof *values);
    if (!values) return wane_fail_memory(err, "correlate", "runs");
    for (size_t i = 0, end; i < s->n; i = end) {
        for (end = i + 1; end < s->n && s->run[end] == s->run[i];) end++;
        if (end - i < 3) continue;
        WANE_TRY(wane_spearman(&values[runs], s->x.values + i, s->y.values + i, end - i, err));
        runs++;
    }
    *out = wane_summarise(values, runs);
done:
    wane_free(values);
    return st;
}

wane_status wane_correlate(wane_correlation *out, const wane_point *points, size_t count,
                           const wane_correlation_options *options, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_sample sample = {0};
    wane_correlation c = {.blocks = options->blocks};
    WANE_TRY(check_options(options, err));
    WANE_TRY(wane_sample_make(&sample, points, count, options, err));
    c.points = sample.n;
    c.block_count = sample.blocks;
    c.dropped_configs = sample.dropped_blocks;
    c.dropped_points = sample.dropped_points;
    c.count = options->given_count == 0 ? WANE_COEFFICIENTS - 1 : WANE_COEFFICIENTS;
    WANE_TRY(compute_values(&c, &sample, err));
    WANE_TRY(within_runs(&c.within_runs, &sample, err));
    WANE_TRY(wane_permute(&c, &sample, options, err));
    WANE_TRY(wane_bootstrap(&c, &sample, options, err));
    *out = c;
done:
    wane_sample_free(&sample);
    return st;
}

typedef struct numbered {
    double p;
    size_t index;
} numbered;

static int by_p(const void *a, const void *b)
{
    const numbered *x = a, *y = b;
    if (x->p != y->p) return x->p < y->p ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

wane_status wane_holm(double *adjusted, const double *p, size_t count, wane_error *err)
{
    size_t tests = 0;
    double largest = 0;
    numbered *sorted = wane_alloc(count, sizeof *sorted);
    if (!sorted) return wane_fail_memory(err, "holm", "p values");
    for (size_t i = 0; i < count; i++)
        if (!isnan(p[i])) sorted[tests++] = (numbered){p[i], i};
    qsort(sorted, tests, sizeof *sorted, by_p);
    for (size_t i = 0; i < count; i++) adjusted[i] = NAN;
    for (size_t i = 0; i < tests; i++) {
        largest = fmin(1, fmax(largest, sorted[i].p * (double)(tests - i)));
        adjusted[sorted[i].index] = largest;
    }
    wane_free(sorted);
    return WANE_OK;
}
