/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/statistics/paired.h"
#include "tests/support/support.h"

/* Exact rational sums of binomial coefficients (Python's math.comb and fractions; SciPy's binomtest
 * agrees to its own 1e-11). */
static void known_values(void **state)
{
    (void)state;
    static const struct {
        size_t first, second;
        double p;
    } known[] = {{0, 0, 1},
                 {0, 1, 1},
                 {1, 0, 1},
                 {3, 3, 1},
                 {0, 5, 0.0625},
                 {1, 7, 0.0703125},
                 {2, 9, 0.0654296875},
                 {12, 5, 0.143463134765625},
                 {10, 25, 0.01667384780012071},
                 {15, 17, 0.860050065908581},
                 {40, 61, 0.046044066929342806},
                 {100, 150, 0.001883300935076157},
                 {17, 900, 1.0214031185724821e-240},
                 {12, 1020, 1.25644908219439365e-283},
                 {999, 1100, 0.029033963486940786},
                 {5000, 5400, 9.11694931454130886e-05},
                 {250000, 251200, 0.0903391366238112374}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        CHECK_NEAR(wane_mcnemar_exact(known[i].first, known[i].second), known[i].p, 0, 2e-13);
        CHECK_NEAR(wane_mcnemar_exact(known[i].second, known[i].first), known[i].p, 0, 2e-13);
    }
    /* Below the least double: 0, not NaN. */
    assert_true(wane_mcnemar_exact(1, 1200) == 0);
    assert_true(wane_mcnemar_exact(0, 100000) == 0);
}

/* Against every term of the binomial, summed one by one. */
static void small_counts_by_their_sum(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 60; n++) {
        double choose = 1, below = 0; /* C(n, i); all of these are exact in double */
        for (size_t k = 0; 2 * k <= n; k++) {
            below += choose;
            double p = 2 * below / exp2((double)n);
            CHECK_NEAR(wane_mcnemar_exact(k, n - k), p < 1 ? p : 1, 0, 1e-13);
            choose = round(choose * (double)(n - k) / (double)(k + 1));
        }
    }
}

/* The same draws in NumPy, SciPy's BCa interval (reference/paired_reference.py). */
static void losses_as_numpy_and_scipy(void **state)
{
    (void)state;
    enum { MOST = 64 };
    double values[3 * MOST];
    size_t n, lines = 0;
    wane_paired_options options;
    wane_error err;
    FILE *file = fopen("reference/data/paired.txt", "r");
    assert_non_null(file);
    for (; fscanf(file, "%zu", &options.resamples) == 1; lines++) {
        assert_int_equal(fscanf(file, "%zu %zu", &options.seed, &n), 2);
        assert_in_range(n, 6, MOST);
        for (size_t i = 0; i < 3 * n; i++) values[i] = number_in(file);
        wane_paired_loss p;
        CHECK_OK(wane_paired_bootstrap(&p, values, values + n, values + 2 * n, n, &options, &err));
        assert_null(p.reason);
        assert_int_equal(p.units, n);
        CHECK_NEAR(p.first, number_in(file), 0, 1e-14);
        CHECK_NEAR(p.second, number_in(file), 0, 1e-14);
        CHECK_NEAR(p.difference, number_in(file), 1e-15, 1e-13);
        CHECK_NEAR(p.stderr_, number_in(file), 0, 1e-12);
        CHECK_NEAR(p.low, number_in(file), 1e-14, 1e-12);
        CHECK_NEAR(p.high, number_in(file), 1e-14, 1e-12);
        CHECK_NEAR(p.p, number_in(file), 0, 0);
    }
    (void)fclose(file);
    assert_int_equal(lines, 20);
}

/* What does not vary has no interval; few units have none; scale and sign carry over. */
static void losses_that_say_little(void **state)
{
    (void)state;
    const double first[] = {3, 5, 2, 8, 4, 6, 7}, weights[] = {1, 2, 1, 3, 1, 2, 2};
    double second[7], tiny[7], none[7] = {0};
    wane_paired_loss p, q;
    wane_error err;
    for (size_t i = 0; i < 7; i++) second[i] = first[i] + 2 * weights[i];
    CHECK_OK(wane_paired_bootstrap(&p, first, second, weights, 7, NULL, &err));
    CHECK_NEAR(p.difference, 2, 1e-15, 0);
    assert_string_equal(p.reason, "degenerate_resamples");
    assert_true(isnan(p.stderr_) && isnan(p.low) && isnan(p.high) && isnan(p.p));
    CHECK_OK(wane_paired_bootstrap(&p, first, first, NULL, 7, NULL, &err));
    assert_true(p.difference == 0 && strcmp(p.reason, "degenerate_resamples") == 0);
    CHECK_NEAR(p.first, 5, 1e-15, 0);
    CHECK_OK(wane_paired_bootstrap(&p, first, second, NULL, 5, NULL, &err));
    assert_string_equal(p.reason, "few_units");
    CHECK_NEAR(p.second, 7.6, 1e-15, 0);

    for (size_t i = 0; i < 7; i++) {
        second[i] = first[i] + (double)(i * i % 5) - 1;
        tiny[i] = (second[i] - first[i]) * 1e-13;
    }
    CHECK_OK(wane_paired_bootstrap(&p, first, second, weights, 7, NULL, &err));
    CHECK_OK(wane_paired_bootstrap(&q, none, tiny, weights, 7, NULL, &err));
    CHECK_NEAR(q.low, p.low * 1e-13, 0, 1e-2); /* tiny is rounded */
    assert_true(p.low < p.difference && p.difference < p.high && p.p == q.p);
    CHECK_OK(wane_paired_bootstrap(&q, second, first, weights, 7, NULL, &err));
    CHECK_NEAR(q.difference, -p.difference, 1e-15, 0);
    CHECK_NEAR(q.stderr_, p.stderr_, 0, 1e-12);
    assert_true(p.p == q.p);
}

static void refusals(void **state)
{
    (void)state;
    const double first[] = {1, 2, NAN}, weights[] = {1, 0, 1};
    const wane_paired_options many = {.resamples = 10000001};
    wane_paired_loss p = {.units = 42};
    wane_error err;
    CHECK_FAILS(wane_paired_bootstrap(&p, first, first, NULL, 0, NULL, &err), WANE_EINVAL,
                "paired bootstrap: no unit");
    CHECK_FAILS(wane_paired_bootstrap(&p, first, first, NULL, 3, NULL, &err), WANE_ENUMERIC,
                "unit 2: a loss is not finite");
    CHECK_FAILS(wane_paired_bootstrap(&p, first, first, weights, 2, NULL, &err), WANE_EINVAL,
                "unit 1: weight 0: not positive");
    CHECK_FAILS(wane_paired_bootstrap(&p, first, first, NULL, 2, &many, &err), WANE_EINVAL,
                "10000001 resamples");
    assert_int_equal(p.units, 42);
}

/* mean 1, sd 2, n 5: t = sqrt(5) / 2 with 4 degrees; SciPy's p. */
static void t_of_a_mean(void **state)
{
    (void)state;
    CHECK_NEAR(wane_paired_t(1, 2, 5), 0.326164, 1e-6, 0);
    CHECK_NEAR(wane_paired_t(-1, 2, 5), wane_paired_t(1, 2, 5), 0, 0);
    assert_true(wane_paired_t(1, 0, 3) == 0);
    assert_true(isnan(wane_paired_t(0, 0, 3)) && isnan(wane_paired_t(1, NAN, 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_as_numpy_and_scipy),
        cmocka_unit_test(losses_that_say_little),
        cmocka_unit_test(refusals),
        cmocka_unit_test(t_of_a_mean),
        cmocka_unit_test(known_values),
        cmocka_unit_test(small_counts_by_their_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
