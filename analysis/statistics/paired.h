/* SPDX-License-Identifier: Apache-2.0
 * Two models on the same examples, documents or seeds.
 */
#ifndef ANALYSIS_STATISTICS_PAIRED_H
#define ANALYSIS_STATISTICS_PAIRED_H

#include <stddef.h>
#include <stdint.h>

#include "store/base/status.h"

/* The exact McNemar test (two-sided, binomial with p = 1/2 over the discordant pairs): of the
 * examples that exactly one of two classifiers got right, `only_first` and `only_second` were won
 * by each. p = min(1, 2 P(X <= min)), X ~ Bin(only_first + only_second, 1/2); 1 without a
 * discordant pair. To about 1e-13 relative. Counts of the signs of any paired differences give the
 * exact sign test. */
double wane_mcnemar_exact(size_t only_first, size_t only_second);

/* Student's t test of a mean of 0 over n paired differences (two-sided, n - 1 degrees); NaN for
 * n < 2 or differences that are all equal and 0. */
double wane_paired_t(double mean, double sd, size_t n);

/* What two models lose on the same units (documents, examples). Means are of sums over weights:
 * sum_i first_i / sum_i weight_i; difference is the second less the first. Of stderr, low, high and
 * p all are NaN exactly when reason is not NULL: few_units (below 6), degenerate_resamples (the
 * differences do not vary). Reasons are constants. */
typedef struct wane_paired_loss {
    size_t units;
    double first, second, difference;
    double stderr_;   /* standard deviation of the resampled differences */
    double low, high; /* 95%, BCa (Efron 1987), acceleration from leaving out one unit at a time */
    double p; /* (1 + #{|d* - d| >= |d|}) / (1 + resamples): two-sided, resamples moved to the
                 null as in Efron and Tibshirani 1993, chapter 16 */
    const char *reason;
} wane_paired_loss;

typedef struct wane_paired_options {
    size_t resamples; /* of the units with replacement; 0 = 10,000, at most 10^7 */
    uint64_t seed;
} wane_paired_options;

/* first, second: the summed loss of each unit; weights: its tokens, or NULL for 1 each. `options`
 * may be NULL. WANE_EINVAL without units, for a weight that is not positive or options out of
 * range; WANE_ENUMERIC for a loss that is not finite. */
WANE_MUST_CHECK wane_status wane_paired_bootstrap(wane_paired_loss *out, const double *first,
                                                  const double *second, const double *weights,
                                                  size_t units, const wane_paired_options *options,
                                                  wane_error *err);

#endif
