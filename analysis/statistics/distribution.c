/* SPDX-License-Identifier: Apache-2.0 */
#include "analysis/statistics/distribution.h"

#include <math.h>

#include "analysis/spectra/beta.h"

double wane_normal_cdf(double z)
{
    return 0.5 * erfc(-z * 0.70710678118654752440);
}

double wane_normal_quantile(double p)
{
    if (!(p >= 0 && p <= 1)) return NAN;
    if (p == 0) return -INFINITY;
    if (p == 1) return INFINITY;
    if (p == 0.5) return 0;
    /* The lower half only: there the cdf keeps all its digits. */
    double q = p < 0.5 ? p : 1 - p, low = -40, high = 0;
    for (int i = 0; i < 200 && low < high; i++) {
        double middle = low + (high - low) / 2;
        if (middle <= low || middle >= high) break;
        if (wane_normal_cdf(middle) < q) low = middle;
        else high = middle;
    }
    return p < 0.5 ? high : -high;
}

/* ln Beta(a, 1/2). For large a the difference of two lgamma loses the digits that the asymptotic
 * series of ln gamma(a + 1/2) - ln gamma(a) keeps. */
static double log_beta_half(double a)
{
    const double log_gamma_half = 0.57236494292470008707;
    if (a < 20) {
        int sign;
        return log_gamma_half + lgamma_r(a, &sign) - lgamma_r(a + 0.5, &sign);
    }
    double u = 1 / a, u2 = u * u;
    double difference =
        0.5 * log(a) -
        u * (1.0 / 8 - u2 * (1.0 / 192 - u2 * (1.0 / 640 - u2 * (17.0 / 14336 - u2 * 31 / 18432))));
    return log_gamma_half - difference;
}

double wane_beta_half(double a, double x, double one_minus_x)
{
    if (!(a > 0) || !(x >= 0) || !(one_minus_x >= 0)) return NAN;
    if (x <= 0) return 0;
    if (one_minus_x <= 0) return 1;
    /* ln x through the smaller of the two, which carries the digits. */
    double log_x = one_minus_x < 0.5 ? log1p(-one_minus_x) : log(x);
    double front = exp(a * log_x + 0.5 * log(one_minus_x) - log_beta_half(a));
    if (x < (a + 1) / (a + 2.5)) return front * wane_beta_fraction(a, 0.5, x) / a;
    return 1 - front * wane_beta_fraction(0.5, a, one_minus_x) / 0.5;
}

double wane_student_two_sided(double t, double degrees)
{
    if (isnan(t) || !(degrees > 0)) return NAN;
    if (isinf(t)) return 0;
    double square = t * t;
    if (isinf(square)) return 0;
    return wane_beta_half(degrees / 2, degrees / (degrees + square), square / (degrees + square));
}

double wane_student_critical(double p, double degrees)
{
    if (!(p > 0 && p <= 1) || !(degrees > 0)) return NAN;
    double low = 0, high = 1;
    while (high < 1e150 && wane_student_two_sided(high, degrees) > p) high *= 2;
    for (int i = 0; i < 300; i++) {
        double middle = low + (high - low) / 2;
        if (middle <= low || middle >= high) break;
        if (wane_student_two_sided(middle, degrees) > p) low = middle;
        else high = middle;
    }
    return high;
}
