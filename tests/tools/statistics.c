/* SPDX-License-Identifier: Apache-2.0
 * statistics: answers questions about numbers, one by one, from stdin to stdout.
 *
 *   plain N x.. y..                       pearson spearman kendall_tau_b, p by Student's t
 *   partial N K kind.. (x y z.. )..       partial spearman; kind q or c
 *   mcnemar A B                           p
 *   t N values..                          n mean sd low high p (of a mean of 0)
 *   holm N p..                            adjusted..
 *   paired R SEED N first.. second.. weights..   first second difference stderr low high p
 *   forgetting T cells.. joint..          the eleven metrics in their order
 *   logistic N M D K L2 (label x..).. (x..)..    loss objective norm, M predictions, M margins
 *
 * Numbers are printed so that they read back to the same bits; an error is a line "error: ...".
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/statistics/correlation.h"
#include "analysis/statistics/distribution.h"
#include "analysis/statistics/forgetting.h"
#include "analysis/statistics/logistic.h"
#include "analysis/statistics/paired.h"
#include "analysis/statistics/summary.h"
#include "store/base/memory.h"

static wane_error err;

static double number(void)
{
    char word[64];
    if (scanf("%63s", word) != 1) exit(2);
    return strtod(word, NULL);
}

static size_t whole(void)
{
    return (size_t)number();
}

static double *numbers(size_t count)
{
    double *values = wane_alloc(count, sizeof *values);
    if (!values) exit(3);
    for (size_t i = 0; i < count; i++) values[i] = number();
    return values;
}

static void say(const double *values, size_t count)
{
    for (size_t i = 0; i < count; i++) (void)printf("%s%.17g", i ? " " : "", values[i]);
    (void)printf("\n");
}

static void plain(void)
{
    size_t n = whole();
    double *x = numbers(n), *y = numbers(n), out[4] = {wane_pearson(x, y, n)};
    if (wane_spearman(&out[1], x, y, n, &err) || wane_kendall_tau_b(&out[2], x, y, n, &err))
        exit(3);
    double degrees = (double)n - 2, r = out[1];
    out[3] = wane_student_two_sided(r * sqrt(degrees / ((1 - r) * (1 + r))), degrees);
    say(out, 4);
    wane_free(x);
    wane_free(y);
}

static void partial(void)
{
    enum { MOST = 16 };
    size_t n = whole(), k = whole();
    wane_covariate_kind kinds[MOST];
    char word[2];
    if (k > MOST) exit(2);
    for (size_t f = 0; f < k; f++) {
        if (scanf("%1s", word) != 1) exit(2);
        kinds[f] = word[0] == 'c' ? WANE_COVARIATE_CATEGORY : WANE_COVARIATE_QUANTITY;
    }
    double *rows = numbers(n * (k + 2));
    wane_point *points = wane_alloc(n, sizeof *points);
    if (!points) exit(3);
    for (size_t i = 0; i < n; i++) {
        const double *row = rows + i * (k + 2);
        points[i] = (wane_point){.x = row[0], .y = row[1], .z = row + 2, .stage = i};
    }
    const wane_correlation_options options = {.blocks = WANE_BLOCKS_CONFIG,
                                              .given = kinds,
                                              .given_count = k,
                                              .permutations = 1,
                                              .resamples = 1};
    wane_correlation c;
    if (wane_correlate(&c, points, n, &options, &err)) (void)printf("error: %s\n", err.message);
    else say(&c.coefficient[3].value, 1);
    wane_free(points);
    wane_free(rows);
}

static void mcnemar(void)
{
    size_t a = whole(), b = whole();
    say((double[]){wane_mcnemar_exact(a, b)}, 1);
}

static void mean_of(void)
{
    size_t n = whole();
    double *values = numbers(n);
    wane_summary s = wane_summarise(values, n);
    say((double[]){(double)s.n, s.mean, s.sd, s.low, s.high, wane_paired_t(s.mean, s.sd, s.n)}, 6);
    wane_free(values);
}

static void holm(void)
{
    size_t n = whole();
    double *p = numbers(n), *adjusted = wane_alloc(n, sizeof *adjusted);
    if (!adjusted || wane_holm(adjusted, p, n, &err)) exit(3);
    say(adjusted, n);
    wane_free(adjusted);
    wane_free(p);
}

static void paired(void)
{
    wane_paired_options options = {.resamples = whole(), .seed = whole()};
    size_t n = whole();
    double *first = numbers(n), *second = numbers(n), *weights = numbers(n);
    wane_paired_loss p;
    if (wane_paired_bootstrap(&p, first, second, weights, n, &options, &err))
        (void)printf("error: %s\n", err.message);
    else say((double[]){p.first, p.second, p.difference, p.stderr_, p.low, p.high, p.p}, 7);
    wane_free(first);
    wane_free(second);
    wane_free(weights);
}

static void forgetting(void)
{
    wane_metric metrics[WANE_FORGETTING_METRICS];
    double values[WANE_FORGETTING_METRICS];
    size_t tasks = whole();
    double *cells = numbers((tasks + 1) * tasks), *joint = numbers(tasks);
    double *majority = numbers(tasks), *error = numbers(tasks);
    wane_forgetting_metrics(metrics,
                            &(wane_accuracy_matrix){cells, tasks, tasks, joint, majority, error});
    for (size_t i = 0; i < WANE_FORGETTING_METRICS; i++) values[i] = metrics[i].value;
    say(values, WANE_FORGETTING_METRICS);
    wane_free(cells);
    wane_free(joint);
    wane_free(majority);
    wane_free(error);
}

static void logistic(void)
{
    size_t n = whole(), m = whole(), d = whole(), classes = whole();
    const wane_logistic_options options = {.l2 = number()};
    wane_logistic model;
    double *features = wane_alloc(n, d * sizeof *features), *other = NULL;
    double *margins = wane_alloc(m, sizeof *margins), norm = 0;
    int32_t *labels = wane_alloc(n > m ? n : m, sizeof *labels);
    if (!features || !margins || !labels) exit(3);
    for (size_t i = 0; i < n; i++) {
        labels[i] = (int32_t)number();
        for (size_t j = 0; j < d; j++) features[i * d + j] = number();
    }
    other = numbers(m * d);
    if (wane_logistic_fit(&model, features, labels, n, d, classes, &options, NULL, &err)) {
        (void)printf("error: %s\n", err.message);
        exit(3);
    }
    for (size_t i = 0; i < d * classes; i++) norm += model.weights[i] * model.weights[i];
    if (wane_logistic_predict(labels, margins, NULL, &model, other, m, d, NULL, &err)) exit(3);
    (void)printf("%.17g %.17g %.17g ", model.loss, model.objective, sqrt(norm));
    for (size_t i = 0; i < m; i++) (void)printf("%d ", (int)labels[i]);
    say(margins, m);
    wane_logistic_free(&model);
    wane_free(labels);
    wane_free(margins);
    wane_free(other);
    wane_free(features);
}

int main(void)
{
    static const struct {
        const char *name;
        void (*answer)(void);
    } questions[] = {{"plain", plain},       {"partial", partial},       {"t", mean_of},
                     {"holm", holm},         {"forgetting", forgetting}, {"paired", paired},
                     {"logistic", logistic}, {"mcnemar", mcnemar}};
    char word[32];
    while (scanf("%31s", word) == 1) {
        for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
            if (strcmp(word, questions[i].name) == 0) questions[i].answer();
        (void)fflush(stdout);
    }
    return 0;
}
