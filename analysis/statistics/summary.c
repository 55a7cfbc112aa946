/* SPDX-License-Identifier: Apache-2.0
 * Two passes for mean and variance, the second taking out what rounding left in the first, and
 * Student's t for the interval.
 */
#include "analysis/statistics/summary.h"

#include <math.h>

#include "analysis/statistics/distribution.h"

wane_summary wane_summarise(const double *values, size_t count)
{
    wane_summary s = {.mean = NAN, .sd = NAN, .low = NAN, .high = NAN, .reason = "no_value"};
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(values[i])) continue;
        sum += values[i];
        s.n++;
    }
    s.left_out = count - s.n;
    if (s.n == 0) return s;
    s.mean = sum / (double)s.n;
    s.reason = "single_value";
    if (s.n < 2) return s;
    /* The second sum is 0 but for rounding, which it then takes out (Chan et al. 1983). */
    double squares = 0, rest = 0;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(values[i])) continue;
        double d = values[i] - s.mean;
        squares += d * d;
        rest += d;
    }
    double n = (double)s.n;
    s.sd = sqrt(fmax(0, squares - rest * rest / n) / (n - 1));
    double half = wane_student_critical(0.05, n - 1) * s.sd / sqrt(n);
    s.low = s.mean - half;
    s.high = s.mean + half;
    s.reason = NULL;
    return s;
}
