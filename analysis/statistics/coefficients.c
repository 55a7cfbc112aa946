/* SPDX-License-Identifier: Apache-2.0
 * Pearson scaled against overflow, Spearman on mid-ranks, Kendall's tau-b in n log n by a Fenwick
 * tree, and the p of r by Student's t.
 */
#include "analysis/statistics/coefficients.h"

#include <math.h>
#include <string.h>

#include "analysis/statistics/correlation.h"
#include "analysis/statistics/ranks.h"
#include "store/base/memory.h"

/* A power of two that brings the largest |value| near 1: exact, and no square overflows or
 * vanishes. */
static double scale_of(const double *values, size_t n)
{
    double top = 0;
    int exponent;
    for (size_t i = 0; i < n; i++) top = fmax(top, fabs(values[i]));
    (void)frexp(top, &exponent);
    return ldexp(1, exponent > 1000 ? -1000 : exponent < -1000 ? 1000 : -exponent);
}

static double scaled_mean(const double *values, size_t n, double scale)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += values[i] * scale;
    return sum / (double)n;
}

static bool is_constant(const double *values, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (values[i] != values[0]) return false;
    return true;
}

double wane_pearson(const double *x, const double *y, size_t n)
{
    if (n < 2 || is_constant(x, n) || is_constant(y, n)) return NAN;
    double scale_x = scale_of(x, n), scale_y = scale_of(y, n);
    double mean_x = scaled_mean(x, n, scale_x), mean_y = scaled_mean(y, n, scale_y);
    double xx = 0, yy = 0, xy = 0;
    for (size_t i = 0; i < n; i++) {
        double dx = x[i] * scale_x - mean_x, dy = y[i] * scale_y - mean_y;
        xx += dx * dx;
        yy += dy * dy;
        xy += dx * dy;
    }
    double r = xy / sqrt(xx * yy);
    return r > 1 ? 1 : r < -1 ? -1 : r;
}

wane_status wane_spearman(double *out, const double *x, const double *y, size_t n, wane_error *err)
{
    wane_status st = WANE_OK;
    double *ranks = wane_alloc(n, 2 * sizeof *ranks);
    if (!ranks) {
        st = wane_fail_memory(err, "spearman", "ranks");
        goto done;
    }
    WANE_TRY(wane_midranks(ranks, x, n, err));
    WANE_TRY(wane_midranks(ranks + n, y, n, err));
    *out = wane_pearson(ranks, ranks + n, n);
done:
    wane_free(ranks);
    return st;
}

/* A Fenwick tree counts the y codes of the points with smaller x; points of equal x enter together,
 * after all of them have looked. */
int64_t wane_kendall_sum(const uint32_t *order, const uint32_t *x_codes, const uint32_t *y_codes,
                         size_t n, uint32_t *tree, size_t distinct_y)
{
    memset(tree, 0, (distinct_y + 1) * sizeof *tree);
    int64_t sum = 0;
    size_t entered = 0;
    for (size_t i = 0; i < n; i++) {
        for (; x_codes[order[entered]] < x_codes[order[i]]; entered++)
            for (size_t c = y_codes[order[entered]] + 1; c <= distinct_y; c += c & -c) tree[c]++;
        size_t below = 0, up_to = 0, y = y_codes[order[i]];
        for (size_t c = y; c > 0; c -= c & -c) below += tree[c];
        for (size_t c = y + 1; c > 0; c -= c & -c) up_to += tree[c];
        sum += (int64_t)below - (int64_t)(entered - up_to);
    }
    return sum;
}

int64_t wane_untied_pairs(const uint32_t *codes, size_t n, size_t *counts, size_t distinct)
{
    memset(counts, 0, distinct * sizeof *counts);
    int64_t untied = 0;
    for (size_t i = 0; i < n; i++) untied += (int64_t)(i - counts[codes[i]]++);
    return untied;
}

double wane_tau_b(int64_t sum, int64_t untied_x, int64_t untied_y)
{
    if (untied_x == 0 || untied_y == 0) return NAN;
    double tau = (double)sum / sqrt((double)untied_x * (double)untied_y);
    return tau > 1 ? 1 : tau < -1 ? -1 : tau;
}

wane_status wane_kendall_tau_b(double *out, const double *x, const double *y, size_t n,
                               wane_error *err)
{
    wane_status st = WANE_OK;
    size_t distinct_x = 0, distinct_y = 0;
    uint32_t *codes = wane_alloc(n, 3 * sizeof *codes);
    uint32_t *tree = wane_alloc(n + 1, sizeof *tree);
    size_t *counts = wane_alloc(n + 1, sizeof *counts);
    if (!codes || !tree || !counts) {
        st = wane_fail_memory(err, "kendall", "ranks");
        goto done;
    }
    uint32_t *y_codes = codes + n, *order = codes + 2 * n;
    WANE_TRY(wane_rank_codes(codes, &distinct_x, x, n, err));
    WANE_TRY(wane_rank_codes(y_codes, &distinct_y, y, n, err));
    wane_order_of_codes(order, codes, n, counts, distinct_x);
    int64_t sum = wane_kendall_sum(order, codes, y_codes, n, tree, distinct_y);
    int64_t untied_x = wane_untied_pairs(codes, n, counts, distinct_x);
    *out = wane_tau_b(sum, untied_x, wane_untied_pairs(y_codes, n, counts, distinct_y));
done:
    wane_free(counts);
    wane_free(tree);
    wane_free(codes);
    return st;
}
