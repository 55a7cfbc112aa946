/* SPDX-License-Identifier: Apache-2.0
 * Correlation of points that come in blocks: configs, each with runs (order, seed), each with
 * stages.
 */
#ifndef ANALYSIS_STATISTICS_CORRELATION_H
#define ANALYSIS_STATISTICS_CORRELATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/statistics/summary.h"
#include "store/base/status.h"

/* One point. config: everything of a run but seed and order; (order, seed, stage) is its cell. */
typedef struct wane_point {
    double x, y;
    const double *z; /* borrowed: one value per covariate, NaN where it is missing; else NULL */
    size_t config, order, seed, stage;
} wane_point;

typedef enum wane_blocks { WANE_BLOCKS_CONFIG, WANE_BLOCKS_RUN, WANE_BLOCKS_NONE } wane_blocks;

/* What a covariate is: a quantity, whose ranks are regressed out, or the number of a category, with
 * a dummy for each of its values but one. */
typedef enum wane_covariate_kind {
    WANE_COVARIATE_QUANTITY,
    WANE_COVARIATE_CATEGORY
} wane_covariate_kind;

typedef struct wane_correlation_options {
    wane_blocks blocks;
    const wane_covariate_kind
        *given; /* with any: also partial Spearman given all of them at once */
    size_t given_count;
    size_t permutations; /* when not all are run; 0 = 100,000, at most 10^9 */
    size_t resamples;    /* of the bootstrap; 0 = 10,000, at most 10^7 */
    uint64_t seed;
    bool *used; /* set per point: whether it takes part; may be NULL */
} wane_correlation_options;

/* A value, an end of the interval or a p is NaN exactly when its reason is not NULL. All texts are
 * constants. Reasons of a value: too_few_points (n < 2; of a partial coefficient: fewer than two
 * degrees of freedom beside the covariates), constant_x, constant_y, missing_z (a covariate at some
 * point), constant_z (no covariate varies), collinear_z (the covariates determine the ranks of x or
 * of y). Of an interval, besides: few_blocks (below 6), degenerate_resamples.
 * Of a p, besides: too_many_points (Kendall, when its permutations would take long). */
typedef struct wane_coefficient {
    const char *name; /* spearman, kendall_tau_b, pearson, partial_spearman */
    double value, low, high, p;
    const char *p_method; /* "exact", "permutation" or NULL */
    const char *reason, *interval_reason, *p_reason;
} wane_coefficient;

typedef struct wane_correlation {
    wane_blocks blocks;
    size_t points, block_count; /* used; blocks are configs, runs or points */
    size_t dropped_configs;     /* blocks (runs under blocks=run) that lacked a cell */
    size_t dropped_points; /* all points left out: theirs, and those of cells few blocks have */
    size_t permutations;   /* evaluated: all there are, or the number sampled */
    double p_min;          /* smallest p the permutation can give */
    double null_mean; /* mean of Spearman over all permutations of the scheme; NaN with its value */
    size_t
        given_degrees; /* independent columns of the covariates beside the intercept; 0 without */
    wane_summary within_runs; /* Spearman inside each run of three stages or more */
    size_t count;
    wane_coefficient coefficient[4];
} wane_correlation;

/* Mid-ranks once over all points used. p = min(1, 2 min(P(permuted >= observed),
 * P(permuted <= observed))), over all permutations when there are at most 9! of them, else
 * (1 + count) / (1 + permutations) for each side, from options->seed.
 *   config  whole y-trajectories change places between configs; order, seed and stage stay
 *   run     y-trajectories of runs change places within one order: treats seeds as independent
 *   none    single points change places: treats stages and seeds as independent
 * Where nothing is there but effects of configs and runs and a trend over stages, 10,000
 * simulations each (tests/bench/bench_null.c) rejected at 5%: config 4.8 to 5.3% of the time (6,
 * 12, 24 configs; 4 can never), run 24 to 35%, none 53 to 60%; the partial coefficient under
 * config 6.9% with 6 configs, 5.5% with 12 and 24 (6.3% with 12 when z moves both): given
 * covariates p is approximate. A block takes part when it has every cell that more than half of the
 * blocks of its kind have; points of other cells are left out. A partial correlation is Pearson's
 * of the residuals of both ranks on the covariates and an intercept, by least squares: on the ranks
 * of quantities, on dummies of categories. Columns that others determine change nothing. For its p
 * the residuals of y's ranks are permuted (Freedman and Lane 1983). Intervals: 95%, BCa (Efron
 * 1987) over whole blocks drawn with replacement, ranks taken anew in each, acceleration from
 * leaving out one block at a time. They hold the truth less often than 95% with few blocks:
 * tests/bench/bench_coverage.c found 84% at 6, 89% at 12, 93% at 24 and 48.
 *
 * Points may come in any order; the result does not depend on it. WANE_ENUMERIC for an x or y that
 * is not finite, WANE_EINVAL for two points of one cell and for options out of range. */
WANE_MUST_CHECK wane_status wane_correlate(wane_correlation *out, const wane_point *points,
                                           size_t count, const wane_correlation_options *options,
                                           wane_error *err);

/* adjusted[i]: p[i] after Holm's step-down correction over the p that are not NaN. */
WANE_MUST_CHECK wane_status wane_holm(double *adjusted, const double *p, size_t count,
                                      wane_error *err);

/* The plain coefficients of n finite pairs; NaN when undefined (n < 2, a constant). */
double wane_pearson(const double *x, const double *y, size_t n);
WANE_MUST_CHECK wane_status wane_spearman(double *out, const double *x, const double *y, size_t n,
                                          wane_error *err);
WANE_MUST_CHECK wane_status wane_kendall_tau_b(double *out, const double *x, const double *y,
                                               size_t n, wane_error *err);

#endif
