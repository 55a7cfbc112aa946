/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "analysis/spectra/beta.h"
#include "analysis/spectra/spectrum.h"

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

wane_direction_kind wane_direction_judge(const wane_direction *d, double epsilon)
{
    if (isnan(d->max_cosine)) return WANE_DIRECTION_ABSENT;
    if (d->max_cosine >= epsilon) return WANE_DIRECTION_OF_BASE;
    return d->cluster_overlap >= epsilon ? WANE_DIRECTION_UNRESOLVED : WANE_DIRECTION_INTRUDER;
}

wane_intruder_tally wane_intruder_tally_up(const wane_direction *directions, size_t count, size_t k,
                                           double epsilon)
{
    wane_intruder_tally tally = {0};
    for (size_t i = 0; i < smaller(count, k); i++) {
        wane_direction_kind kind = wane_direction_judge(&directions[i], epsilon);
        double energy = directions[i].sigma * directions[i].sigma;
        if (kind == WANE_DIRECTION_ABSENT) continue;
        tally.existing++;
        tally.energy += energy;
        tally.unresolved += kind == WANE_DIRECTION_UNRESOLVED;
        if (kind != WANE_DIRECTION_INTRUDER) continue;
        tally.intruders++;
        tally.intruder_energy += energy;
    }
    return tally;
}

size_t wane_intruder_count(const wane_direction *directions, size_t count, size_t k, double epsilon)
{
    return wane_intruder_tally_up(directions, count, k, epsilon).intruders;
}

double wane_intruder_energy(const wane_direction *directions, size_t count, size_t k,
                            double epsilon)
{
    wane_intruder_tally tally = wane_intruder_tally_up(directions, count, k, epsilon);
    return tally.energy > 0 ? tally.intruder_energy / tally.energy : NAN;
}

/* 1 - I_x(a, b), without cancellation where it is small. */
static double beta_upper(double a, double b, double x)
{
    int sign; /* lgamma itself writes a global */
    double front = exp(lgamma_r(a + b, &sign) - lgamma_r(a, &sign) - lgamma_r(b, &sign) +
                       a * log(x) + b * log1p(-x));
    if (x < (a + 1) / (a + b + 2)) return 1 - front * wane_beta_fraction(a, b, x) / a;
    return front * wane_beta_fraction(b, a, 1 - x) / b;
}

/* Cumulants 1..4 of x^2, and the logarithm of the integral, of exp(-tilt x^2) on [-edge, edge];
 * tilt may be negative. Simpson's rule where the integrand is not negligible. */
static double bounded_cumulants(double k[4], double tilt, double edge)
{
    enum { STEPS = 128 };
    const double far = 8.5; /* in units of the standard deviation */
    double end = edge, moment[5] = {0}, shift = tilt < 0 ? tilt * edge * edge : 0;
    if (tilt > 0 && far / sqrt(2 * tilt) < end) end = far / sqrt(2 * tilt);
    for (int i = 0; i <= STEPS; i++) {
        double square = end * i / STEPS * (end * i / STEPS);
        double term = exp(shift - tilt * square) * (i == 0 || i == STEPS ? 1 : i % 2 ? 4 : 2);
        for (int r = 0; r < 5; r++, term *= square) moment[r] += term;
    }
    for (int r = 1; r < 5; r++) moment[r] /= moment[0];
    double m = moment[1], m2 = moment[2], m3 = moment[3];
    k[0] = m;
    k[1] = m2 - m * m;
    k[2] = m3 - 3 * m2 * m + 2 * m * m * m;
    k[3] = moment[4] - 4 * m3 * m - 3 * m2 * m2 + 12 * m2 * m * m - 6 * m * m * m * m;
    return log(2 * moment[0] * end / (3 * STEPS)) - shift;
}

/* Cumulants of the squared length, and the logarithm of the integral, of exp(-tilt |x|^2) over the
 * x of R^n whose first `count` coordinates lie within epsilon. */
static double slab_cumulants(double k[4], double tilt, double n, double count, double epsilon)
{
    double free = n - count, own = 0.5, size = count * bounded_cumulants(k, tilt, epsilon);
    for (int r = 0; r < 4; r++) k[r] *= count;
    if (free <= 0) return size;
    for (int r = 0; r < 4; r++) { /* x^2 has a Gamma law: (r - 1)! / (2 tilt^r) */
        own = r == 0 ? 0.5 / tilt : own * r / tilt;
        k[r] += free * own;
    }
    return size + 0.5 * free * log(3.14159265358979323846 / tilt);
}

/* P(all of the first `count` coordinates of a random unit vector of R^n lie within epsilon): the
 * share of the sphere |x|^2 = 1 that lies in the slab, by the saddlepoint method with its first
 * correction (Daniels 1954). The tilt is where the mean squared length is 1. */
static double share_within(double n, double count, double epsilon)
{
    double k[4], low = count < n ? 1e-9 : -1, high = 1;
    while (slab_cumulants(k, high, n, count, epsilon), k[0] > 1) high *= 2;
    while (count >= n && (slab_cumulants(k, low, n, count, epsilon), k[0] < 1)) {
        low *= 2;
        if (low < -1e9) return 0; /* the slab only just reaches the sphere */
    }
    for (int i = 0; i < 60; i++) {
        double middle = 0.5 * (low + high);
        (void)slab_cumulants(k, middle, n, count, epsilon);
        if (k[0] > 1) low = middle;
        else high = middle;
    }
    double tilt = 0.5 * (low + high), size = slab_cumulants(k, tilt, n, count, epsilon);
    double correction = 1 + k[3] / (8 * k[1] * k[1]) - 5 * k[2] * k[2] / (24 * k[1] * k[1] * k[1]);
    int sign;
    double sphere = 0.5 * n * log(3.14159265358979323846) - lgamma_r(0.5 * n, &sign);
    double share = exp(size + tilt - sphere) * correction / sqrt(6.28318530717958647692 * k[1]);
    return share < 0 ? 0 : share > 1 ? 1 : share;
}

double wane_intruder_random(size_t n, size_t base_count, size_t k, double epsilon)
{
    double directions = (double)k, square = epsilon * epsilon, size = (double)n;
    double count = base_count < n ? (double)base_count : size;
    if (!(epsilon > 0)) return 0; /* a cosine is never below 0 */
    if (base_count == 0 || epsilon > 1) return directions;
    if (n <= 1 || epsilon >= 1) return n <= 1 ? 0 : directions;
    /* Some coordinate of a unit vector on a whole basis is at least 1 / sqrt(n). */
    if (base_count >= n && square <= 1 / size) return 0;
    /* Two squared coordinates do not both exceed one half: the sum over coordinates is exact. */
    if (square >= 0.5) return directions * (1 - count * beta_upper(0.5, 0.5 * (size - 1), square));
    return directions * share_within(size, count, epsilon);
}
