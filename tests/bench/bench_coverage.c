/* SPDX-License-Identifier: Apache-2.0
 * How often does the 95% BCa interval hold the coefficient of the population its configs were drawn
 * from? x and y of a point share an effect of the config, a trend over the stages and, each, noise.
 * The population's coefficients are those of very many configs. Prints one JSON line per number of
 * configs and coefficient: the share covered, the shares missed below and above, the mean width,
 * and how many intervals were NULL.
 *
 * bench_coverage [SIMULATIONS [RESAMPLES]]
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "analysis/statistics/correlation.h"
#include "store/base/memory.h"
#include "store/base/random.h"

enum { SEEDS = 2, STAGES = 5, CELLS = SEEDS * STAGES, POPULATION = 100000, COUNT = 4 };

static wane_error err;

static void must(wane_status st)
{
    if (st == WANE_OK) return;
    (void)fprintf(stderr, "%s\n", err.message);
    exit(1);
}

/* x, y and z of all cells of one config. */
static void draw(double x[CELLS], double y[CELLS], double z[CELLS], uint64_t trial, size_t config)
{
    const wane_random where = {2, WANE_RANDOM_TEST, 1, trial, config};
    float g[4 + 3 * CELLS];
    wane_random_normal_fill(g, 4 + 3 * CELLS, 1, &where);
    double own_z = g[2], own_x = 0.7 * g[0] + 0.5 * own_z,
           own_y = 0.5 * g[0] + 0.6 * g[1] + 0.5 * own_z;
    for (size_t i = 0; i < CELLS; i++) {
        double stage = 0.2 * (double)(i % STAGES);
        z[i] = own_z + 0.3 * g[4 + 3 * i];
        x[i] = own_x + stage + 0.5 * g[5 + 3 * i];
        y[i] = exp(own_y / 2 + stage + 0.5 * g[6 + 3 * i]);
    }
}

static void points_of(wane_point *points, double *z, size_t configs, uint64_t trial)
{
    for (size_t c = 0, n = 0; c < configs; c++) {
        double x[CELLS], y[CELLS];
        draw(x, y, z + n, trial, c);
        for (size_t i = 0; i < CELLS; i++, n++)
            points[n] = (wane_point){x[i], y[i], &z[n], c, 0, i / STAGES, i % STAGES};
    }
}

/* Residuals of Spearman's ranks on those of z, and their correlation. */
static double partial_of(const double r[3])
{
    return (r[0] - r[1] * r[2]) / sqrt((1 - r[1] * r[1]) * (1 - r[2] * r[2]));
}

static void population(double truth[COUNT])
{
    size_t n = (size_t)POPULATION * CELLS;
    double *x = wane_alloc(n, sizeof *x), *y = wane_alloc(n, sizeof *y);
    double *z = wane_alloc(n, sizeof *z), r[3];
    if (!x || !y || !z) exit(1);
    for (size_t c = 0; c < POPULATION; c++)
        draw(x + c * CELLS, y + c * CELLS, z + c * CELLS, UINT64_C(1) << 39, c);
    must(wane_spearman(&r[0], x, y, n, &err));
    must(wane_spearman(&r[1], x, z, n, &err));
    must(wane_spearman(&r[2], y, z, n, &err));
    must(wane_kendall_tau_b(&truth[1], x, y, n, &err));
    truth[0] = r[0];
    truth[2] = wane_pearson(x, y, n);
    truth[3] = partial_of(r);
    wane_free(x);
    wane_free(y);
    wane_free(z);
}

static void cover(size_t configs, const double truth[COUNT], size_t simulations, size_t resamples)
{
    static const wane_covariate_kind kind = WANE_COVARIATE_QUANTITY;
    const char *names[COUNT] = {NULL};
    size_t above[COUNT] = {0}, below[COUNT] = {0}, none[COUNT] = {0};
    double width[COUNT] = {0};
    wane_point *points = wane_alloc(configs, CELLS * sizeof *points);
    double *z = wane_alloc(configs, CELLS * sizeof *z);
    if (!points || !z) exit(1);
    for (size_t s = 0; s < simulations; s++) {
        wane_correlation c;
        const wane_correlation_options options = {
            .given = &kind, .given_count = 1, .permutations = 1, .resamples = resamples, .seed = s};
        points_of(points, z, configs, s);
        must(wane_correlate(&c, points, configs * CELLS, &options, &err));
        for (size_t k = 0; k < COUNT; k++) {
            const wane_coefficient *one = &c.coefficient[k];
            names[k] = one->name;
            none[k] += one->interval_reason != NULL;
            below[k] += one->low > truth[k];
            above[k] += one->high < truth[k];
            if (!one->interval_reason) width[k] += one->high - one->low;
        }
    }
    for (size_t k = 0; k < COUNT; k++) {
        double n = (double)(simulations - none[k]);
        double covered = 1 - (double)(below[k] + above[k]) / n;
        (void)printf("{\"blocks\": %zu, \"coefficient\": \"%s\", \"truth\": %.4f, \"simulations\": "
                     "%zu, \"resamples\": %zu, \"null\": %zu, \"covered\": %.4f, "
                     "\"standard_error\": %.4f, \"truth_below\": %.4f, \"truth_above\": %.4f, "
                     "\"width\": %.3f}\n",
                     configs, names[k], truth[k], simulations, resamples, none[k], covered,
                     sqrt(covered * (1 - covered) / n), (double)below[k] / n, (double)above[k] / n,
                     width[k] / n);
    }
    (void)fflush(stdout);
    wane_free(points);
    wane_free(z);
}

int main(int argc, char **argv)
{
    static const size_t configs[] = {6, 12, 24, 48};
    size_t simulations = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;
    size_t resamples = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000;
    double truth[COUNT];
    population(truth);
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++)
        cover(configs[i], truth, simulations, resamples);
    return 0;
}
