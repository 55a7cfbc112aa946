/* SPDX-License-Identifier: Apache-2.0
 * The r that is seen with a power of 0.8 at 0.05 two-sided by Fisher's z, and the verdict of p and
 * interval together.
 */
#include "analysis/statistics/detection.h"

#include <math.h>
#include <stdbool.h>

double wane_smallest_visible(size_t configs, size_t covariates)
{
    if (configs < covariates + 4) return NAN;
    return tanh(2.89 / sqrt((double)(configs - 3 - covariates)));
}

wane_detection wane_detection_of(const wane_coefficient *c, double p)
{
    bool interval = !isnan(c->low) && !isnan(c->high);
    if (isnan(c->value) || (isnan(p) && !interval)) return WANE_DETECTION_UNDEFINED;
    if (p > 0.05 || (interval && c->low <= 0 && c->high >= 0)) return WANE_NOT_DETECTED;
    return WANE_DETECTED;
}

const char *wane_detection_name(wane_detection d)
{
    static const char *const names[] = {[WANE_DETECTION_UNDEFINED] = NULL,
                                        [WANE_NOT_DETECTED] = "not detected",
                                        [WANE_DETECTED] = "detected"};
    return names[d];
}
