/* SPDX-License-Identifier: Apache-2.0
 * Correlation of points that come in blocks: configs, each with runs (order, seed), each with
 * stages.
 */
#ifndef ANALYSIS_STATISTICS_CORRELATION_H
#define ANALYSIS_STATISTICS_CORRELATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/status.h"

/* One point. config: everything of a run but seed and order; (order, seed, stage) is its cell. */
typedef struct wane_point {
    double x, y, z; /* z: the covariate of partial correlations; NaN when there is none */
    size_t config, order, seed, stage;
} wane_point;

typedef enum wane_blocks { WANE_BLOCKS_CONFIG, WANE_BLOCKS_RUN, WANE_BLOCKS_NONE } wane_blocks;

typedef struct wane_correlation_options {
    wane_blocks blocks;
    bool given;          /* also partial Spearman given z */
    size_t permutations; /* when not all are run; 0 = 100,000 */
    size_t resamples;    /* of the bootstrap; 0 = 10,000 */
    uint64_t seed;
} wane_correlation_options;

typedef struct wane_coefficient {
    const char *name; /* spearman, kendall_tau_b, pearson, partial_spearman */
    double value, low, high, p;
    const char *p_method; /* "exact", "permutation" or NULL */
    const char *reason;   /* why a value is NaN, or NULL */
    const char *interval_reason;
} wane_coefficient;

typedef struct wane_correlation {
    wane_blocks blocks;
    size_t points, block_count, dropped_configs;
    double p_min;     /* smallest p the permutation can give */
    double null_mean; /* mean of Spearman under the permutation */
    size_t count;
    wane_coefficient coefficient[4];
} wane_correlation;

/* Definitions in measures.md's section 4, kept in correlation.c: mid-ranks once over all points;
 * config blocks permute whole y-trajectories between configs, order, seed index and stage staying
 * in place; configs that lack a cell others have are dropped and counted; intervals are BCa over
 * whole configs, NaN below 6 blocks. Points may come in any order; the result does not depend on
 * it. WANE_ENUMERIC only for a point that is not finite. */
WANE_MUST_CHECK wane_status wane_correlate(wane_correlation *out, const wane_point *points,
                                           size_t count, const wane_correlation_options *options,
                                           wane_error *err);

/* The plain coefficients of n pairs; NaN when undefined (n < 2, a constant). */
double wane_pearson(const double *x, const double *y, size_t n);
WANE_MUST_CHECK wane_status wane_spearman(double *out, const double *x, const double *y, size_t n,
                                          wane_error *err);
WANE_MUST_CHECK wane_status wane_kendall_tau_b(double *out, const double *x, const double *y,
                                               size_t n, wane_error *err);
/* Two-sided p of a correlation of n pairs by Student's t with n - 2 degrees. */
double wane_correlation_p_t(double r, size_t n);

#endif
