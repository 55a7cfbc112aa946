/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "analysis/statistics/correlation.h"
#include "analysis/statistics/distribution.h"
#include "analysis/statistics/ranks.h"
#include "analysis/statistics/summary.h"
#include "store/base/memory.h"
#include "store/base/random.h"
#include "tests/support/support.h"

static wane_error err;

static void ties_share_the_mean_of_their_places(void **state)
{
    (void)state;
    const double values[] = {3, -1, 3, 0, -0.0, 3, 1e300};
    const double expected[] = {5, 1, 5, 2.5, 2.5, 5, 7};
    double ranks[7];
    CHECK_OK(wane_midranks(ranks, values, 7, &err));
    for (size_t i = 0; i < 7; i++) assert_true(ranks[i] == expected[i]);
    uint32_t codes[7], order[7];
    size_t distinct, counts[8];
    CHECK_OK(wane_rank_codes(codes, &distinct, values, 7, &err));
    assert_int_equal(distinct, 4);
    wane_order_of_codes(order, codes, 7, counts, distinct);
    const uint32_t expected_order[] = {1, 3, 4, 0, 2, 5, 6};
    assert_memory_equal(order, expected_order, sizeof order);
    CHECK_OK(wane_midranks(ranks, values, 0, &err));
}

/* n = 5, by hand: x 1 2 2 4 5, y 1 3 2 2 9. Pairs: 10; tied in x 1, in y 1; of the 8 others
 * concordant 7, discordant 1 (x 2 < 4, y 3 > 2). */
static void coefficients_by_hand(void **state)
{
    (void)state;
    const double x[] = {1, 2, 2, 4, 5}, y[] = {1, 3, 2, 2, 9};
    double value;
    CHECK_OK(wane_kendall_tau_b(&value, x, y, 5, &err));
    CHECK_NEAR(value, 6. / 9, 1e-15, 0);
    /* Ranks 1 2.5 2.5 4 5 and 1 4 2.5 2.5 5: sum of products of deviations 7.25, squares 9.5. */
    CHECK_OK(wane_spearman(&value, x, y, 5, &err));
    CHECK_NEAR(value, 7.25 / 9.5, 1e-15, 0);
    /* Deviations -1.8 -.8 -.8 1.2 2.2 and -2.4 -.4 -1.4 -1.4 5.6. */
    CHECK_NEAR(wane_pearson(x, y, 5), 16.4 / sqrt(10.8 * 41.2), 1e-15, 0);
}

static void undefined_coefficients_are_nan(void **state)
{
    (void)state;
    const double constant[] = {2, 2, 2}, rising[] = {1, 2, 3};
    double value = 0;
    assert_true(isnan(wane_pearson(constant, rising, 3)));
    assert_true(isnan(wane_pearson(rising, constant, 3)));
    assert_true(isnan(wane_pearson(rising, rising, 1)));
    assert_true(isnan(wane_pearson(rising, rising, 0)));
    CHECK_OK(wane_spearman(&value, constant, rising, 3, &err));
    assert_true(isnan(value));
    value = 0;
    CHECK_OK(wane_kendall_tau_b(&value, rising, constant, 3, &err));
    assert_true(isnan(value));
    value = 0;
    CHECK_OK(wane_kendall_tau_b(&value, rising, rising, 1, &err));
    assert_true(isnan(value));
    CHECK_OK(wane_spearman(&value, rising, rising, 2, &err));
    assert_true(value == 1);
}

static void any_magnitude(void **state)
{
    (void)state;
    const double huge[] = {-1.7e308, 0, 1.7e308}, tiny[] = {-5e-324, 0, 5e-324},
                 close[] = {1, 1 + 0x1p-52, 1 + 0x1p-51}, falling[] = {3, 2, 1};
    CHECK_NEAR(wane_pearson(huge, tiny, 3), 1, 1e-15, 0);
    CHECK_NEAR(wane_pearson(huge, falling, 3), -1, 1e-15, 0);
    CHECK_NEAR(wane_pearson(close, falling, 3), -1, 1e-12, 0);
}

/* On a line, where rounding brings the quotient of the sums an ulp above 1: no p would be left. */
static void never_beyond_one(void **state)
{
    (void)state;
    static const double lines[][7] = {
        {5, 8, 6}, {8, 5, 0, 1, 2}, {5, 9, 8, 2, 3, 1}, {9, 5, 5, 1, 2, 9, 3}};
    static const size_t counts[] = {3, 5, 6, 7};
    for (size_t i = 0; i < 4; i++) {
        size_t n = counts[i];
        double up[7], down[7];
        for (size_t k = 0; k < n; k++) {
            up[k] = 3 * lines[i][k] + 1;
            down[k] = -up[k];
        }
        double most = wane_pearson(lines[i], up, n), least = wane_pearson(lines[i], down, n);
        CHECK_NEAR(most, 1, 1e-15, 0);
        CHECK_NEAR(least, -1, 1e-15, 0);
        assert_true(most <= 1 && least >= -1);
    }
}

static void kendall_equals_the_count_of_pairs(void **state)
{
    (void)state;
    enum { N = 150 };
    double x[N], y[N];
    for (uint64_t trial = 0; trial < 20; trial++) {
        const wane_random where = {trial, WANE_RANDOM_TEST, 0, 0, 0};
        uint64_t levels = trial < 10 ? 3 + trial : 100000;
        for (size_t i = 0; i < N; i++) {
            x[i] = (double)wane_random_below(&where, 2 * i, levels);
            y[i] = x[i] + (double)wane_random_below(&where, 2 * i + 1, levels);
        }
        double sum = 0, untied_x = 0, untied_y = 0, value;
        for (size_t i = 0; i < N; i++)
            for (size_t j = 0; j < i; j++) {
                int a = (x[i] > x[j]) - (x[i] < x[j]), b = (y[i] > y[j]) - (y[i] < y[j]);
                sum += a * b;
                untied_x += a * a;
                untied_y += b * b;
            }
        CHECK_OK(wane_kendall_tau_b(&value, x, y, N, &err));
        CHECK_NEAR(value, sum / sqrt(untied_x * untied_y), 1e-15, 0);
    }
}

/* Of a correlation of n pairs, by Student's t. */
static double p_of(double r, size_t n)
{
    double degrees = (double)n - 2;
    return wane_student_two_sided(r * sqrt(degrees / ((1 - r) * (1 + r))), degrees);
}

static void published_p_values(void **state)
{
    (void)state;
    CHECK_NEAR(p_of(-.3381, 15), .2177, 5e-5, 0);
    CHECK_NEAR(p_of(.59, 30), .0006, 5e-5, 0);
    CHECK_NEAR(p_of(-.3178, 30), .0870, 5e-5, 0);
    assert_true(p_of(1, 5) == 0);
    assert_true(p_of(-1, 5) == 0);
    assert_true(p_of(0, 5) == 1);
    assert_true(isnan(p_of(.5, 2)));
    assert_true(isnan(p_of(1.1, 9)));
    assert_true(isnan(p_of(NAN, 9)));
}

static void distributions_known_in_closed_form(void **state)
{
    (void)state;
    const double pi = 3.14159265358979323846;
    for (double t = 1e-6; t < 1e9; t *= 7) {
        /* One degree: Cauchy. Two: 1 - t / sqrt(2 + t^2). Four: a polynomial in it. */
        CHECK_NEAR(wane_student_two_sided(t, 1), 2 / pi * atan(1 / t), 0, 2e-14);
        double root = sqrt(2 + t * t);
        CHECK_NEAR(wane_student_two_sided(t, 2), 2 / (root * (root + t)), 0, 2e-14);
        assert_true(wane_student_two_sided(-t, 2) == wane_student_two_sided(t, 2));
    }
    /* Many degrees: the normal distribution. */
    CHECK_NEAR(wane_student_two_sided(1.5, 1e12), 2 * wane_normal_cdf(-1.5), 0, 1e-10);
    assert_true(wane_student_two_sided(INFINITY, 3) == 0);
    assert_true(wane_student_two_sided(0, 3) == 1);
    assert_true(isnan(wane_student_two_sided(1, 0)));

    CHECK_NEAR(wane_student_critical(.05, 1), tan(pi * .475), 0, 1e-13);
    for (double degrees = 1; degrees < 1e6; degrees *= 3)
        for (double p = 1e-8; p < 1; p *= 5)
            CHECK_NEAR(wane_student_two_sided(wane_student_critical(p, degrees), degrees), p, 0,
                       degrees < 1e3 ? 1e-12 : 1e-10);
    assert_true(isnan(wane_student_critical(0, 3)));

    CHECK_NEAR(wane_normal_quantile(.975), 1.9599639845400543, 0, 1e-15);
    CHECK_NEAR(wane_normal_quantile(.025), -1.9599639845400543, 0, 1e-15);
    CHECK_NEAR(wane_normal_quantile(1e-300), -37.0471, 0, 1e-6);
    assert_true(wane_normal_quantile(.5) == 0);
    assert_true(wane_normal_quantile(0) == -INFINITY && wane_normal_quantile(1) == INFINITY);
    assert_true(isnan(wane_normal_quantile(-.1)) && isnan(wane_normal_quantile(NAN)));
}

static void summary_of_seeds(void **state)
{
    (void)state;
    const double values[] = {.80, .82, NAN, .84, INFINITY};
    wane_summary s = wane_summarise(values, 5);
    assert_int_equal(s.n, 3);
    assert_int_equal(s.left_out, 2);
    assert_null(s.reason);
    CHECK_NEAR(s.mean, .82, 1e-15, 0);
    CHECK_NEAR(s.sd, .02, 1e-15, 0);
    /* t_{.975, 2} = 4.302652729749464 */
    CHECK_NEAR(s.high - s.mean, 4.302652729749464 * .02 / sqrt(3), 1e-14, 0);
    CHECK_NEAR(s.mean - s.low, s.high - s.mean, 1e-14, 0);
    s = wane_summarise(values, 1);
    assert_true(s.mean == .80 && isnan(s.sd) && isnan(s.low) && isnan(s.high));
    assert_string_equal(s.reason, "single_value");
    s = wane_summarise(values + 2, 1);
    assert_true(isnan(s.mean) && s.left_out == 1);
    assert_string_equal(s.reason, "no_value");
}

static void memory_may_run_out(void **state)
{
    (void)state;
    const double x[] = {1, 2, 3}, y[] = {3, 1, 2};
    for (long n = 0; n < 3; n++) {
        double value = 42;
        wane_memory_fail_after(n);
        wane_status status = wane_spearman(&value, x, y, 3, &err);
        assert_int_equal(status, WANE_ENOMEM);
        wane_memory_fail_after(n);
        status = wane_kendall_tau_b(&value, x, y, 3, &err);
        assert_int_equal(status, WANE_ENOMEM);
        wane_memory_fail_after(-1);
        assert_true(value == 42);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ties_share_the_mean_of_their_places),
        cmocka_unit_test(coefficients_by_hand),
        cmocka_unit_test(undefined_coefficients_are_nan),
        cmocka_unit_test(any_magnitude),
        cmocka_unit_test(never_beyond_one),
        cmocka_unit_test(kendall_equals_the_count_of_pairs),
        cmocka_unit_test(published_p_values),
        cmocka_unit_test(distributions_known_in_closed_form),
        cmocka_unit_test(summary_of_seeds),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
