/* SPDX-License-Identifier: Apache-2.0
 * Multinomial logistic regression against scikit-learn (reference/data/logistic.txt), and what must
 * hold of it without a reference.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "analysis/statistics/logistic.h"
#include "store/base/memory.h"
#include "store/base/random.h"
#include "tests/support/support.h"

enum { MOST = 8192 };

static wane_error err;
static double features[MOST], margins[MOST];
static int32_t labels[MOST];

static void compare_case(FILE *file, size_t n, size_t index)
{
    size_t m = (size_t)number_in(file), d = (size_t)number_in(file),
           classes = (size_t)number_in(file);
    const wane_logistic_options options = {.l2 = number_in(file)};
    double loss = number_in(file), norm = number_in(file), squares = 0;
    wane_logistic model;
    for (size_t i = 0; i < n; i++) {
        labels[i] = (int32_t)number_in(file);
        for (size_t j = 0; j < d; j++) features[i * d + j] = number_in(file);
    }
    CHECK_OK(wane_logistic_fit(&model, features, labels, n, d, classes, &options, NULL, &err));
    CHECK_NEAR(model.loss, loss, 0, 1e-7);
    assert_true(model.gradient_norm <= 1e-10);
    for (size_t i = 0; i < d * classes; i++) squares += model.weights[i] * model.weights[i];
    CHECK_NEAR(sqrt(squares), norm, 0, 1e-5);
    CHECK_NEAR(model.objective, model.loss + options.l2 / 2 * squares, 1e-13, 1e-13);
    for (size_t i = 0; i < m; i++) {
        int32_t wanted = (int32_t)number_in(file), label;
        double wanted_margin = number_in(file), margin;
        for (size_t j = 0; j < d; j++) features[j] = number_in(file);
        CHECK_OK(wane_logistic_predict(&label, &margin, NULL, &model, features, 1, d, NULL, &err));
        CHECK_NEAR(margin, wanted_margin, 1e-5, 1e-5);
        if (wanted_margin > 1e-4 && label != wanted)
            fail_msg("case %zu, row %zu: %d, wanted %d", index, i, label, wanted);
    }
    wane_logistic_free(&model);
}

static void as_scikit_learn(void **state)
{
    (void)state;
    FILE *file = fopen("reference/data/logistic.txt", "r");
    assert_non_null(file);
    size_t n, cases = 0;
    for (; fscanf(file, "%zu", &n) == 1; cases++) compare_case(file, n, cases);
    assert_int_equal(cases, 7);
    (void)fclose(file);
}

/* n examples around one centre per class. */
static void draw(size_t n, size_t d, size_t classes, uint64_t seed)
{
    const wane_random where = {seed, WANE_RANDOM_TEST, 0, 0, 0};
    for (size_t i = 0; i < n; i++) {
        labels[i] = (int32_t)(i % classes);
        for (size_t j = 0; j < d; j++)
            features[i * d + j] = wane_random_uniform(&where, i * d + j) +
                                  0.4 * wane_random_uniform(&where, MOST + i % classes * d + j);
    }
}

static void same_bits_for_any_threads(void **state)
{
    (void)state;
    enum { N = 300, D = 20, CLASSES = 5 };
    wane_logistic one, three;
    wane_pool *pool;
    draw(N, D, CLASSES, 1);
    CHECK_OK(wane_pool_new(&pool, 3, &err));
    CHECK_OK(wane_logistic_fit(&one, features, labels, N, D, CLASSES, NULL, NULL, &err));
    CHECK_OK(wane_logistic_fit(&three, features, labels, N, D, CLASSES, NULL, pool, &err));
    assert_memory_equal(one.weights, three.weights, D * CLASSES * sizeof *one.weights);
    assert_memory_equal(one.intercepts, three.intercepts, CLASSES * sizeof *one.intercepts);
    assert_true(one.iterations > 2 && one.iterations == three.iterations);
    wane_logistic_free(&one);
    wane_logistic_free(&three);
    wane_pool_free(pool);
}

/* Without features that vary, the answer is the classes' shares. */
static void shares_of_classes(void **state)
{
    (void)state;
    wane_logistic model;
    double log_p[5];
    const int32_t own[] = {1, 1, 1, 3, 3, 4, 1, 1};
    for (size_t i = 0; i < 16; i++) features[i] = 7;
    CHECK_OK(wane_logistic_fit(&model, features, own, 8, 2, 5, NULL, NULL, &err));
    CHECK_OK(wane_logistic_predict(labels, margins, log_p, &model, features, 1, 2, NULL, &err));
    assert_int_equal(labels[0], 1);
    CHECK_NEAR(margins[0], log(2.5), 1e-9, 0);
    CHECK_NEAR(log_p[1], log(5.0 / 8), 1e-9, 0);
    CHECK_NEAR(log_p[3], log(2.0 / 8), 1e-9, 0);
    CHECK_NEAR(log_p[4], log(1.0 / 8), 1e-9, 0);
    assert_true(log_p[0] == -INFINITY && log_p[2] == -INFINITY);
    CHECK_NEAR(model.loss, -(5 * log(5.0 / 8) + 2 * log(0.25) + log(0.125)) / 8, 1e-12, 0);
    wane_logistic_free(&model);
    CHECK_OK(wane_logistic_fit(&model, features, own, 3, 2, 5, NULL, NULL, &err));
    CHECK_OK(wane_logistic_predict(labels, margins, NULL, &model, features, 2, 2, NULL, &err));
    assert_true(labels[1] == 1 && margins[1] == INFINITY && model.loss == 0);
    wane_logistic_free(&model);
}

/* Two classes, one feature: the stationary point of a function of one number, by bisection. */
static void one_feature_by_hand(void **state)
{
    (void)state;
    const double x[] = {-1, -1, -1, 1, 1, 1};
    const int32_t y[] = {0, 0, 1, 1, 1, 0};
    const wane_logistic_options options = {.l2 = 0.05};
    wane_logistic model;
    CHECK_OK(wane_logistic_fit(&model, x, y, 6, 1, 2, &options, NULL, &err));
    /* w_2 = -w_1 = w: d/dw of mean log(1 + exp(-2 s w)) + l2 w^2, s = +1 four times, -1 twice. */
    double low = 0, high = 10;
    for (int i = 0; i < 100; i++) {
        double w = (low + high) / 2;
        double slope =
            4.0 / 6 * -2 / (1 + exp(2 * w)) + 2.0 / 6 * 2 / (1 + exp(-2 * w)) + 2 * options.l2 * w;
        if (slope > 0) high = w;
        else low = w;
    }
    CHECK_NEAR(model.weights[1], low, 1e-9, 0);
    CHECK_NEAR(model.weights[0], -low, 1e-9, 0);
    CHECK_NEAR(model.intercepts[0], 0, 1e-9, 0);
    wane_logistic_free(&model);
}

static void refusals(void **state)
{
    (void)state;
    wane_logistic model = {.features = 99};
    const wane_logistic_options impatient = {.iterations = 1}, negative = {.l2 = -1};
    draw(40, 3, 2, 2);
    CHECK_FAILS(wane_logistic_fit(&model, features, labels, 0, 3, 2, NULL, NULL, &err), WANE_EINVAL,
                "0 examples");
    CHECK_FAILS(wane_logistic_fit(&model, features, labels, 40, 3, 1, NULL, NULL, &err),
                WANE_EINVAL, "example 1: label 1, of 1 classes");
    CHECK_FAILS(wane_logistic_fit(&model, features, labels, 40, 3, 2, &negative, NULL, &err),
                WANE_EINVAL, "l2 -1");
    CHECK_FAILS(wane_logistic_fit(&model, features, labels, 40, 3, 2, &impatient, NULL, &err),
                WANE_ENUMERIC, "after 1 steps, above the tolerance 1e-10");
    features[4] = NAN;
    CHECK_FAILS(wane_logistic_fit(&model, features, labels, 40, 3, 2, NULL, NULL, &err),
                WANE_ENUMERIC, "example 1: a feature is not finite");
    features[4] = 1e300;
    CHECK_FAILS(wane_logistic_fit(&model, features, labels, 40, 3, 2, NULL, NULL, &err),
                WANE_ENUMERIC, "feature 1: its spread is out of range");
    assert_int_equal(model.features, 99);
    features[4] = 1;
    CHECK_OK(wane_logistic_fit(&model, features, labels, 40, 3, 2, NULL, NULL, &err));
    CHECK_FAILS(wane_logistic_predict(labels, NULL, NULL, &model, features, 1, 4, NULL, &err),
                WANE_EINVAL, "4 features: fitted on 3");
    features[1] = INFINITY;
    CHECK_FAILS(wane_logistic_predict(labels, NULL, NULL, &model, features, 1, 3, NULL, &err),
                WANE_ENUMERIC, "example 0");
    wane_logistic_free(&model);
}

static void memory_runs_out(void **state)
{
    (void)state;
    wane_status st = WANE_ENOMEM;
    long allowed = 0;
    draw(30, 4, 3, 3);
    for (; st == WANE_ENOMEM; allowed++) {
        wane_logistic model = {0};
        wane_memory_fail_after(allowed);
        st = wane_logistic_fit(&model, features, labels, 30, 4, 3, NULL, NULL, &err);
        wane_memory_fail_after(-1);
        wane_logistic_free(&model);
        assert_true(allowed < 100);
    }
    assert_int_equal(st, WANE_OK);
    assert_true(allowed > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_scikit_learn),   cmocka_unit_test(same_bits_for_any_threads),
        cmocka_unit_test(shares_of_classes), cmocka_unit_test(one_feature_by_hand),
        cmocka_unit_test(refusals),          cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
