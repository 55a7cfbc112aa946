/* SPDX-License-Identifier: Apache-2.0 */
#include "analysis/statistics/paired.h"

#include <math.h>

/* ln n! - ln(sqrt(2 pi n) (n/e)^n), the error of Stirling's formula. Small n by its definition,
 * where nothing cancels badly; else the asymptotic series. */
static double stirling_error(double n)
{
    const double half_log_two_pi = 0.91893853320467274178;
    if (n < 16) {
        double factorial = 1;
        for (double i = 2; i <= n; i++) factorial *= i;
        return log(factorial) - (n + 0.5) * log(n) + n - half_log_two_pi;
    }
    double u = 1 / (n * n);
    return (1.0 / 12 - u * (1.0 / 360 - u * (1.0 / 1260 - u * (1.0 / 1680 - u / 1188)))) / n;
}

/* P(X = k) of Bin(n, 1/2), 0 < k < n: the deviance from n/2 and Stirling's errors carry all digits
 * where factorials would lose them. */
static double binomial_half(double n, double k)
{
    const double two_pi = 6.28318530717958647693;
    double d = (2 * k - n) / n; /* k = n (1 + d) / 2 */
    double deviance = k * log1p(d) + (n - k) * log1p(-d);
    double error = stirling_error(n) - stirling_error(k) - stirling_error(n - k);
    return exp(error - deviance) * sqrt(n / (two_pi * k * (n - k)));
}

double wane_mcnemar_exact(size_t only_first, size_t only_second)
{
    double n = (double)only_first + (double)only_second;
    double k = (double)(only_first < only_second ? only_first : only_second);
    if (2 * k >= n) return 1;
    if (k == 0) return fmin(1, 2 * exp2(-n));
    /* P(X = k - 1) / P(X = k) = k / (n - k + 1): the terms below k fall at least geometrically. */
    double ratio = 1, sum = 1;
    for (double i = k; i >= 1; i--) {
        ratio *= i / (n - i + 1);
        sum += ratio;
        if (ratio < 1e-18 * sum) break;
    }
    return fmin(1, 2 * binomial_half(n, k) * sum);
}
