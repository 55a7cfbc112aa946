/* SPDX-License-Identifier: Apache-2.0
 * How often does each permutation scheme reject at 5% when nothing is there? x and y are drawn
 * independently, each with an effect of the config, one of the run, a trend over the stages (shared
 * by all runs, rising in both) and noise. Where `covariate` is not 0, a z of each config (with
 * noise) enters both, so that only the partial coefficient has nothing to find. Prints one JSON
 * line per design and scheme.
 *
 * bench_null [SIMULATIONS [PERMUTATIONS]]
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "analysis/statistics/correlation.h"
#include "store/base/random.h"

enum { ORDERS = 2, STAGES = 5, MOST = 24 * 6 * STAGES };

typedef struct design {
    size_t configs, seeds; /* seeds of each of the two orders */
    double config_effect, run_effect, trend, noise, covariate;
} design;

static double value(const design *d, const wane_point *p, uint64_t trial, uint64_t side)
{
    const struct {
        double size;
        uint64_t place;
    } parts[] = {
        {d->config_effect, p->config},
        {d->run_effect, 1000 + (p->config * ORDERS + p->order) * d->seeds + p->seed},
        {d->noise,
         100000 + ((p->config * ORDERS + p->order) * d->seeds + p->seed) * STAGES + p->stage},
    };
    double sum = d->trend * (double)p->stage;
    for (size_t i = 0; i < 3; i++) {
        const wane_random where = {1, WANE_RANDOM_TEST, side, trial, parts[i].place};
        float draw;
        wane_random_normal_fill(&draw, 1, 1, &where);
        sum += parts[i].size * (double)draw;
    }
    return sum;
}

static double covariate_of(size_t config, uint64_t trial)
{
    const wane_random where = {1, WANE_RANDOM_TEST, 2, trial, config};
    float draw;
    wane_random_normal_fill(&draw, 1, 1, &where);
    return (double)draw;
}

static size_t simulate(wane_point *points, const design *d, uint64_t trial)
{
    static double z[MOST];
    size_t n = 0;
    for (size_t config = 0; config < d->configs; config++)
        for (size_t order = 0; order < ORDERS; order++)
            for (size_t seed = 0; seed < d->seeds; seed++)
                for (size_t stage = 1; stage <= STAGES; stage++, n++) {
                    points[n] = (wane_point){0, 0, &z[n], config, order, seed, stage};
                    z[n] = covariate_of(config, trial);
                    points[n].x = value(d, &points[n], trial, 0) + d->covariate * z[n];
                    points[n].y = value(d, &points[n], trial, 1) + d->covariate * z[n];
                }
    return n;
}

static int rejections(const design *d, wane_blocks blocks, const char *name, size_t simulations,
                      size_t permutations)
{
    static wane_point points[MOST];
    static const wane_covariate_kind kind = WANE_COVARIATE_QUANTITY;
    size_t rejected = 0, partial = 0;
    double p_min = 1, null_mean = 0;
    for (size_t i = 0; i < simulations; i++) {
        wane_correlation c;
        wane_error err;
        const wane_correlation_options options = {.blocks = blocks,
                                                  .given = &kind,
                                                  .given_count = 1,
                                                  .permutations = permutations,
                                                  .resamples = 1,
                                                  .seed = i};
        size_t n = simulate(points, d, i);
        if (wane_correlate(&c, points, n, &options, &err) != WANE_OK) {
            (void)fprintf(stderr, "%s\n", err.message);
            return 1;
        }
        rejected += c.coefficient[0].p <= 0.05;
        partial += c.coefficient[3].p <= 0.05;
        p_min = c.p_min;
        null_mean += c.null_mean / (double)simulations;
    }
    double rate = (double)rejected / (double)simulations;
    (void)printf(
        "{\"configs\": %zu, \"runs\": %zu, \"stages\": %d, \"config_effect\": %g, "
        "\"run_effect\": %g, \"trend\": %g, \"noise\": %g, \"covariate\": %g, \"blocks\": \"%s\", "
        "\"simulations\": %zu, \"p_min\": %.3g, \"null_mean\": %.3f, "
        "\"rejected_at_5_percent\": %.4f, \"standard_error\": %.4f, "
        "\"partial_rejected\": %.4f}\n",
        d->configs, ORDERS * d->seeds, STAGES, d->config_effect, d->run_effect, d->trend, d->noise,
        d->covariate, name, simulations, p_min, null_mean, rate,
        sqrt(rate * (1 - rate) / (double)simulations), (double)partial / (double)simulations);
    (void)fflush(stdout);
    return 0;
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"config", "run", "none"};
    static const design designs[] = {
        {4, 3, 1, .5, .3, .5, 0},  {6, 2, 1, .5, .3, .5, 0}, {12, 2, 1, .5, .3, .5, 0},
        {12, 2, 0, .5, .3, .5, 0}, {12, 2, 1, .5, 0, .5, 0}, {24, 2, 1, .5, .3, .5, 0},
        {12, 2, 1, .5, .3, .5, 1},
    };
    size_t simulations = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;
    size_t permutations = argc > 2 ? strtoul(argv[2], NULL, 10) : 999;
    for (size_t d = 0; d < sizeof designs / sizeof *designs; d++)
        for (unsigned b = 0; b < 3; b++)
            if (rejections(&designs[d], (wane_blocks)b, names[b], simulations, permutations))
                return 1;
    return 0;
}
