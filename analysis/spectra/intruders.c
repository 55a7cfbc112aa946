/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "analysis/spectra/spectrum.h"

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t wane_intruder_count(const wane_direction *directions, size_t count, size_t k, double epsilon)
{
    size_t found = 0;
    for (size_t i = 0; i < smaller(count, k); i++) found += directions[i].max_cosine < epsilon;
    return found;
}

double wane_intruder_energy(const wane_direction *directions, size_t count, size_t k,
                            double epsilon)
{
    double intruders = 0, all = 0;
    for (size_t i = 0; i < smaller(count, k); i++) {
        double energy = directions[i].sigma * directions[i].sigma;
        all += energy;
        if (directions[i].max_cosine < epsilon) intruders += energy;
    }
    return all > 0 ? intruders / all : NAN;
}

/* The continued fraction of the incomplete beta function (Abramowitz and Stegun 26.5.8), evaluated
 * forward by Lentz's method; converges fast for x < (a + 1) / (a + b + 2). */
static double beta_fraction(double a, double b, double x)
{
    const double tiny = 1e-300, precise = 1e-16;
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double value = d;
    for (int m = 1; m <= 1000; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        for (int half = 0; half < 2; half++) {
            double term = half == 0 ? even : odd;
            d = 1 + term * d;
            c = 1 + term / c;
            d = 1 / (fabs(d) < tiny ? tiny : d);
            if (fabs(c) < tiny) c = tiny;
            value *= c * d;
        }
        if (fabs(c * d - 1) < precise) break;
    }
    return value;
}

/* 1 - I_x(a, b), without cancellation where it is small. */
static double beta_upper(double a, double b, double x)
{
    int sign; /* lgamma itself writes a global */
    double front = exp(lgamma_r(a + b, &sign) - lgamma_r(a, &sign) - lgamma_r(b, &sign) +
                       a * log(x) + b * log1p(-x));
    if (x < (a + 1) / (a + b + 2)) return 1 - front * beta_fraction(a, b, x) / a;
    return front * beta_fraction(b, a, 1 - x) / b;
}

double wane_intruder_random(size_t n, size_t base_count, size_t k, double epsilon)
{
    double directions = (double)k, square = epsilon * epsilon;
    if (!(epsilon > 0)) return 0; /* a cosine is never below 0 */
    if (base_count == 0 || epsilon > 1) return directions;
    if (n <= 1 || epsilon >= 1) return n <= 1 ? 0 : directions;
    /* Some coordinate of a unit vector on a whole basis is at least 1 / sqrt(n). */
    if (base_count >= n && square <= 1 / (double)n) return 0;
    double beyond = beta_upper(0.5, 0.5 * ((double)n - 1), square);
    return directions * exp((double)base_count * log1p(-beyond));
}
