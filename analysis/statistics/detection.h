/* SPDX-License-Identifier: Apache-2.0
 * What a test of so many configs can and could not see.
 */
#ifndef ANALYSIS_STATISTICS_DETECTION_H
#define ANALYSIS_STATISTICS_DETECTION_H

#include <stdbool.h>
#include <stddef.h>

#include "analysis/statistics/correlation.h"

/* The smallest |rho| that a two-sided test at 5% detects 80% of the time: tanh(2.89 / sqrt(C - 3 -
 * q)) for C = `configs` and q = `covariates` (independent columns). Fisher's z has a standard error
 * of 1.03 / sqrt(C - 3 - q) for Spearman's coefficient (Fieller, Hartley and Pearson 1957), and
 * 2.89 = 1.03 (1.96 + 0.84). NaN where C - 3 - q < 1.
 *
 * Simulated (tests/reference/check_visible.py: normal variables whose population Spearman
 * coefficient, partial given q, is this value; one point per config; permutation test): detected
 * 78 to 83% of the time with 12, 16, 24, 32 and 48 configs and q = 0, 1, 2, and 72% with 8 configs.
 * Several runs and stages per config, whose y-trajectories change places whole (blocks=config): the
 * value is then that of the configs' own effects. The same script (12, 24, 32 configs): 80 to 86%
 * where the noise of a point is a tenth of the configs' spread, with a trend that all configs share
 * or without; 73 to 78% where it is as large as that spread and a config has 20 points, 49 to 60%
 * where it has 5. */
double wane_smallest_visible(size_t configs, size_t covariates);

typedef enum wane_detection {
    WANE_DETECTION_UNDEFINED, /* no value, or neither p nor interval */
    WANE_NOT_DETECTED,        /* p > .05, or the interval holds 0 */
    WANE_DETECTED
} wane_detection;

/* `p`: the coefficient's own, or corrected for many tests; NaN: the interval alone decides. */
wane_detection wane_detection_of(const wane_coefficient *coefficient, double p);
const char *wane_detection_name(wane_detection d); /* "detected", "not detected" or NULL */

#endif
