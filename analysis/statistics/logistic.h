/* SPDX-License-Identifier: Apache-2.0
 * Multinomial logistic regression on standardised features: the `reprobe` head.
 *
 * With x~ = (x - mean) / sd per feature (sd divides by n), K classes that have examples and weights
 * W (features x K), b (K), what is minimised is
 *
 *   F(W, b) = (1/n) sum_i [ log sum_k exp(x~_i . w_k + b_k) - (x~_i . w_y(i) + b_y(i)) ]
 *             + (l2 / 2) sum_k |w_k|^2
 *
 * Intercepts are not penalised. F is strictly convex in W, and b is unique once its sum is 0, so
 * the answer does not depend on the way to it. scikit-learn minimises the same function times C n
 * for LogisticRegression(C = 1 / (l2 n)) after StandardScaler when K >= 3; for K = 2 it has one
 * vector w_2 - w_1 in place of two, and C = 2 / (l2 n) gives the same function.
 */
#ifndef ANALYSIS_STATISTICS_LOGISTIC_H
#define ANALYSIS_STATISTICS_LOGISTIC_H

#include <stddef.h>
#include <stdint.h>

#include "store/base/status.h"
#include "store/base/threads.h"

typedef struct wane_logistic_options {
    double l2;         /* strength per example; 0 = 1e-3 */
    double tolerance;  /* on the Euclidean norm of F's gradient; 0 = 1e-10 */
    size_t iterations; /* most Newton steps; 0 = 200 */
} wane_logistic_options;

/* A fitted head. Classes without an example have weights 0 and the intercept -inf: they are never
 * predicted. A feature that does not vary (sd <= n eps |mean|, as scikit-learn decides) has scale 0
 * and weights 0. */
typedef struct wane_logistic {
    size_t features, classes, examples;
    double *mean;       /* features */
    double *scale;      /* features: 1 / sd, or 0 */
    double *weights;    /* features x classes, on the standardised features */
    double *intercepts; /* classes; those of classes with examples add to 0 */
    double loss;        /* the first line of F, nats per example, of the examples fitted */
    double objective;   /* F */
    double gradient_norm;
    size_t iterations; /* Newton steps taken */
} wane_logistic;

/* features: n x d, row-major; labels: n, each in 0 .. classes - 1. Newton's method with conjugate
 * gradients in the basis of the features' principal axes, until the gradient's norm is at most the
 * tolerance; double precision, no random numbers, same bits for any number of threads. `options`
 * and `pool` may be NULL. WANE_EINVAL for n, d or classes of 0, a label or an option out of range;
 * WANE_ENUMERIC for a feature that is not finite or when the tolerance is not reached.
 * *out is owned by the caller, freed with wane_logistic_free. */
WANE_MUST_CHECK wane_status wane_logistic_fit(wane_logistic *out, const double *features,
                                              const int32_t *labels, size_t n, size_t d,
                                              size_t classes, const wane_logistic_options *options,
                                              wane_pool *pool, wane_error *err);
void wane_logistic_free(wane_logistic *model);

/* For n examples of model->features features each. Any output may be NULL:
 *   labels             the class with the highest score, the lowest number among equals
 *   margins            its score less the next class's, in nats; inf when only one class exists
 *   log_probabilities  n x classes, row-major; -inf for classes without an example
 * WANE_EINVAL for another number of features d; WANE_ENUMERIC for one that is not finite. */
WANE_MUST_CHECK wane_status wane_logistic_predict(int32_t *labels, double *margins,
                                                  double *log_probabilities,
                                                  const wane_logistic *model,
                                                  const double *features, size_t n, size_t d,
                                                  wane_pool *pool, wane_error *err);

#endif
