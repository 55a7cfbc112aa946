/* SPDX-License-Identifier: Apache-2.0
 * Intervals of correlations by resampling whole blocks: bias-corrected and accelerated (Efron
 * 1987), refused where too many resamples are degenerate.
 */
#include <math.h>
#include <stdlib.h>

#include "analysis/statistics/distribution.h"
#include "analysis/statistics/sample.h"
#include "store/base/clock.h"
#include "store/base/memory.h"
#include "store/base/random.h"

enum { FEWEST_BLOCKS = 6 };

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Linear interpolation between the sorted values, as in NumPy's default. */
static double quantile(const double *sorted, size_t n, double share)
{
    double place = share * (double)(n - 1);
    size_t low = (size_t)place;
    if (low + 1 >= n) return sorted[n - 1];
    double part = place - (double)low;
    return sorted[low] + part * (sorted[low + 1] - sorted[low]);
}

const char *wane_bca(double *low, double *high, double value, double *resampled, size_t count,
                     const double *left_out, size_t blocks)
{
    static const char degenerate[] = "degenerate_resamples";
    const double tie = 1e-12; /* the same value reached through other roundings */
    size_t n = 0, below = 0, up_to = 0;
    *low = *high = NAN;
    for (size_t i = 0; i < count; i++) {
        if (isnan(resampled[i])) continue;
        below += resampled[i] < value - tie;
        up_to += resampled[i] <= value + tie;
        resampled[n++] = resampled[i];
    }
    if (n == 0 || 10 * (count - n) > count) return degenerate;
    /* Bias: the normal score of the share below, ties counted half. */
    double bias = wane_normal_quantile((double)(below + up_to) / (2 * (double)n));
    double mean = 0, squares = 0, cubes = 0;
    for (size_t b = 0; b < blocks; b++) mean += left_out[b] / (double)blocks;
    for (size_t b = 0; b < blocks; b++) {
        double d = mean - left_out[b];
        squares += d * d;
        cubes += d * d * d;
    }
    double acceleration = cubes / (6 * squares * sqrt(squares));
    if (squares <= (double)blocks * tie * tie) return degenerate;
    if (!isfinite(bias) || !isfinite(acceleration)) return degenerate;
    double ends[2];
    for (int side = 0; side < 2; side++) {
        double z = bias + wane_normal_quantile(side ? 0.975 : 0.025);
        double stretched = 1 - acceleration * z;
        if (!(stretched > 0)) return degenerate;
        ends[side] = wane_normal_cdf(bias + z / stretched);
    }
    qsort(resampled, n, sizeof *resampled, rising);
    *low = quantile(resampled, n, ends[0]);
    *high = quantile(resampled, n, ends[1]);
    return NULL;
}

/* values[c * count + i]: coefficient c of resample i. */
static wane_status resample(double *values, size_t count, const wane_sample *s, uint64_t seed,
                            size_t *chosen, wane_workspace *w, wane_error *err)
{
    for (size_t i = 0; i < count; i++) {
        wane_status st = wane_deadline_check("correlate", "bootstrap", err);
        if (st != WANE_OK) return st;
        const wane_random where = {seed, WANE_RANDOM_RESAMPLE, 2, i, 0};
        double one[WANE_COEFFICIENTS];
        for (size_t b = 0; b < s->blocks; b++)
            chosen[b] = (size_t)wane_random_below(&where, b, s->blocks);
        wane_sample_coefficients(one, NULL, s, chosen, s->blocks, w);
        for (size_t c = 0; c < WANE_COEFFICIENTS; c++) values[c * count + i] = one[c];
    }
    return WANE_OK;
}

/* values[c * blocks + b]: coefficient c without block b. */
static wane_status leave_one_out(double *values, const wane_sample *s, size_t *chosen,
                                 wane_workspace *w, wane_error *err)
{
    for (size_t b = 0; b < s->blocks; b++) {
        wane_status st = wane_deadline_check("correlate", "bootstrap", err);
        if (st != WANE_OK) return st;
        double one[WANE_COEFFICIENTS];
        for (size_t i = 0, next = 0; i < s->blocks; i++)
            if (i != b) chosen[next++] = i;
        wane_sample_coefficients(one, NULL, s, chosen, s->blocks - 1, w);
        for (size_t c = 0; c < WANE_COEFFICIENTS; c++) values[c * s->blocks + b] = one[c];
    }
    return WANE_OK;
}

wane_status wane_bootstrap(wane_correlation *out, const wane_sample *s,
                           const wane_correlation_options *options, wane_error *err)
{
    if (s->blocks < FEWEST_BLOCKS) {
        for (size_t c = 0; c < out->count; c++)
            if (!out->coefficient[c].reason) out->coefficient[c].interval_reason = "few_blocks";
        return WANE_OK;
    }
    if (out->coefficient[0].reason) return WANE_OK; /* then no coefficient has a value */
    wane_status st = WANE_OK;
    wane_workspace w = {0};
    size_t count = options->resamples ? options->resamples : 10000;
    double *values = wane_alloc(count, WANE_COEFFICIENTS * sizeof *values);
    double *left_out = wane_alloc(s->blocks, WANE_COEFFICIENTS * sizeof *left_out);
    size_t *chosen = wane_alloc(s->blocks, sizeof *chosen);
    if (!values || !left_out || !chosen) {
        st = wane_fail_memory(err, "correlate", "bootstrap");
        goto done;
    }
    WANE_TRY(wane_workspace_make(&w, s, err));
    WANE_TRY(resample(values, count, s, options->seed, chosen, &w, err));
    WANE_TRY(leave_one_out(left_out, s, chosen, &w, err));
    for (size_t c = 0; c < out->count; c++) {
        wane_coefficient *k = &out->coefficient[c];
        if (k->reason) continue;
        k->interval_reason = wane_bca(&k->low, &k->high, k->value, values + c * count, count,
                                      left_out + c * s->blocks, s->blocks);
    }
done:
    wane_workspace_free(&w);
    wane_free(chosen);
    wane_free(left_out);
    wane_free(values);
    return st;
}
