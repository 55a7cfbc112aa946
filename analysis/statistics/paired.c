/* SPDX-License-Identifier: Apache-2.0
 * McNemar's exact test through Stirling's errors, the paired t test, and the bootstrap of a
 * weighted mean difference of losses.
 */
#include "analysis/statistics/paired.h"

#include <math.h>

#include "analysis/statistics/distribution.h"
#include "analysis/statistics/sample.h"
#include "store/base/clock.h"
#include "store/base/memory.h"
#include "store/base/random.h"

enum { FEWEST_UNITS = 6 };

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

double wane_paired_t(double mean, double sd, size_t n)
{
    if (n < 2 || !(sd >= 0) || (sd == 0 && mean == 0)) return NAN;
    return wane_student_two_sided(mean * sqrt((double)n) / sd, (double)n - 1);
}

/* Differences are in units of `scale`, their mean size, so that nothing depends on it. */
typedef struct losses {
    const double *first, *second, *weights;
    size_t units;
    double scale;
} losses;

static double weight(const losses *l, size_t i)
{
    return l->weights ? l->weights[i] : 1;
}

/* The difference of each resample, units drawn at elements 0 .. units - 1 of the counter's step. */
static wane_status resample(double *values, size_t count, const losses *l, uint64_t seed,
                            wane_error *err)
{
    for (size_t r = 0; r < count; r++) {
        wane_status st = wane_deadline_check("paired bootstrap", "resamples", err);
        if (st != WANE_OK) return st;
        const wane_random where = {seed, WANE_RANDOM_RESAMPLE, 3, r, 0};
        double sum = 0, total = 0;
        for (size_t k = 0; k < l->units; k++) {
            size_t i = (size_t)wane_random_below(&where, k, l->units);
            sum += l->second[i] - l->first[i];
            total += weight(l, i);
        }
        values[r] = sum / total / l->scale;
    }
    return WANE_OK;
}

static void leave_one_out(double *values, const losses *l, double sum, double total)
{
    for (size_t i = 0; i < l->units; i++)
        values[i] = (sum - (l->second[i] - l->first[i])) / (total - weight(l, i)) / l->scale;
}

static void test_difference(wane_paired_loss *out, double difference, const double *values,
                            size_t count)
{
    const double tie = 1e-12; /* the same value reached through other roundings */
    double mean = 0, squares = 0;
    size_t beyond = 0;
    for (size_t r = 0; r < count; r++) mean += values[r] / (double)count;
    for (size_t r = 0; r < count; r++) {
        squares += (values[r] - mean) * (values[r] - mean);
        beyond += fabs(values[r] - difference) >= fabs(difference) - tie;
    }
    out->stderr_ = sqrt(squares / (double)(count - 1));
    out->p = (1 + (double)beyond) / (1 + (double)count);
}

/* Everything of *out but the means. */
static wane_status resample_all(wane_paired_loss *out, const losses *l, double sum, double total,
                                size_t count, uint64_t seed, wane_error *err)
{
    double *values = wane_alloc(count, sizeof *values);
    double *left_out = wane_alloc(l->units, sizeof *left_out);
    wane_status st = WANE_OK;
    if (!values || !left_out) {
        st = wane_fail_memory(err, "paired bootstrap", "resamples");
        goto done;
    }
    WANE_TRY(resample(values, count, l, seed, err));
    leave_one_out(left_out, l, sum, total);
    test_difference(out, sum / total / l->scale, values, count);
    out->reason =
        wane_bca(&out->low, &out->high, sum / total / l->scale, values, count, left_out, l->units);
    if (out->reason) out->p = NAN;
    out->stderr_ *= out->reason ? NAN : l->scale;
    out->low *= l->scale;
    out->high *= l->scale;
done:
    wane_free(left_out);
    wane_free(values);
    return st;
}

static wane_status check(const losses *l, size_t resamples, wane_error *err)
{
    static const char operation[] = "paired bootstrap";
    if (l->units == 0) return wane_fail(err, WANE_EINVAL, "%s: no unit", operation);
    if (resamples < 2 || resamples > 10000000)
        return wane_fail(err, WANE_EINVAL, "%s: %zu resamples: not from 2 to 10^7", operation,
                         resamples);
    for (size_t i = 0; i < l->units; i++) {
        if (!isfinite(l->first[i]) || !isfinite(l->second[i]))
            return wane_fail(err, WANE_ENUMERIC, "%s: unit %zu: a loss is not finite", operation,
                             i);
        if (!(weight(l, i) > 0) || !isfinite(weight(l, i)))
            return wane_fail(err, WANE_EINVAL, "%s: unit %zu: weight %g: not positive", operation,
                             i, weight(l, i));
    }
    return WANE_OK;
}

wane_status wane_paired_bootstrap(wane_paired_loss *out, const double *first, const double *second,
                                  const double *weights, size_t units,
                                  const wane_paired_options *options, wane_error *err)
{
    losses l = {.first = first, .second = second, .weights = weights, .units = units};
    wane_paired_loss p = {
        .units = units, .stderr_ = NAN, .low = NAN, .high = NAN, .p = NAN, .reason = "few_units"};
    size_t count = options && options->resamples ? options->resamples : 10000;
    double sum = 0, total = 0, size = 0, one = 0, two = 0;
    wane_status st = WANE_OK;
    WANE_TRY(check(&l, count, err));
    for (size_t i = 0; i < units; i++) {
        one += first[i];
        two += second[i];
        sum += second[i] - first[i];
        size += fabs(second[i] - first[i]);
        total += weight(&l, i);
    }
    p.first = one / total;
    p.second = two / total;
    p.difference = sum / total;
    l.scale = size / total;
    if (units >= FEWEST_UNITS && !(l.scale > 0)) p.reason = "degenerate_resamples";
    else if (units >= FEWEST_UNITS)
        WANE_TRY(resample_all(&p, &l, sum, total, count, options ? options->seed : 0, err));
    *out = p;
done:
    return st;
}
