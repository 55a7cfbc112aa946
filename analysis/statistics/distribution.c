/* SPDX-License-Identifier: Apache-2.0
 * The incomplete beta function by its continued fraction, and quantiles by bisection of the
 * distribution on the side where it keeps its digits.
 */
#include "analysis/statistics/distribution.h"

#include <math.h>

/* The incomplete beta function's continued fraction: Abramowitz and Stegun 26.5.8, evaluated
 * forward by Lentz's method: I_x(a, b) is x^a (1 - x)^b / (a B(a, b)) times it. a, b > 0; converges
 * quickly for 0 <= x < (a + 1) / (a + b + 2), beyond it callers use I_x(a, b) = 1 - I_{1-x}(b, a).
 */
static double beta_fraction(double a, double b, double x)
{
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double value = d;
    for (int m = 1; m <= 100000; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        double step = 1;
        for (int half = 0; half < 2; half++) {
            double term = half == 0 ? even : odd;
            d = 1 + term * d;
            d = 1 / (fabs(d) < tiny ? tiny : d);
            c = 1 + term / c;
            if (fabs(c) < tiny) c = tiny;
            step = c * d;
            value *= step;
        }
        if (fabs(step - 1) < 1e-16) break;
    }
    return value;
}

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

/* I_x(a, 1/2), the regularised incomplete beta function, given x and 1 - x (so that neither loses
 * digits); a > 0. */
static double beta_half(double a, double x, double one_minus_x)
{
    if (!(a > 0) || !(x >= 0) || !(one_minus_x >= 0)) return NAN;
    if (x <= 0) return 0;
    if (one_minus_x <= 0) return 1;
    /* ln x through the smaller of the two, which carries the digits. */
    double log_x = one_minus_x < 0.5 ? log1p(-one_minus_x) : log(x);
    double front = exp(a * log_x + 0.5 * log(one_minus_x) - log_beta_half(a));
    if (x < (a + 1) / (a + 2.5)) return front * beta_fraction(a, 0.5, x) / a;
    return 1 - front * beta_fraction(0.5, a, one_minus_x) / 0.5;
}

double wane_student_two_sided(double t, double degrees)
{
    if (isnan(t) || !(degrees > 0)) return NAN;
    if (isinf(t)) return 0;
    double square = t * t;
    if (isinf(square)) return 0;
    return beta_half(degrees / 2, degrees / (degrees + square), square / (degrees + square));
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
