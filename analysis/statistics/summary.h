/* SPDX-License-Identifier: Apache-2.0
 * Mean, spread and t interval of a few replicates (seeds).
 */
#ifndef ANALYSIS_STATISTICS_SUMMARY_H
#define ANALYSIS_STATISTICS_SUMMARY_H

#include <stddef.h>

/* sd divides by n - 1; low and high are mean -+ t_{.975, n-1} sd / sqrt(n). Values that are not
 * finite are left out and counted. mean is NaN when n = 0 (reason "no_value"); sd, low and high
 * are NaN when n < 2 (reason "single_value"). The reason is a constant or NULL. */
typedef struct wane_summary {
    size_t n, left_out;
    double mean, sd, low, high;
    const char *reason;
} wane_summary;

wane_summary wane_summarise(const double *values, size_t count);

#endif
