/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "analysis/statistics/correlation.h"
#include "tests/support/support.h"

static wane_error err;
static const wane_covariate_kind quantity[] = {WANE_COVARIATE_QUANTITY};
static const wane_covariate_kind category[] = {WANE_COVARIATE_CATEGORY};
static const wane_correlation_options by_config = {.permutations = 500, .resamples = 100};

/* Three configs of two stages; x and y such that every arrangement can be done by hand:
 *   x: (1 2) (3 4) (5 6)   y: (1 2) (5 6) (3 4)
 * Spearman of the six arrangements of the y-blocks, from sums of squared rank differences d:
 *   12 56 34: d 16, rho .542857 (observed)   12 34 56: 0, 1        34 12 56: 16, .542857
 *   34 56 12: 48, -.371429                   56 12 34: 48          56 34 12: 64, -.828571 */
static const wane_point three[] = {
    {1, 1, NULL, 7, 0, 0, 1}, {2, 2, NULL, 7, 0, 0, 2}, {3, 5, NULL, 8, 0, 0, 1},
    {4, 6, NULL, 8, 0, 0, 2}, {5, 3, NULL, 9, 0, 0, 1}, {6, 4, NULL, 9, 0, 0, 2},
};

static void every_arrangement_by_hand(void **state)
{
    (void)state;
    wane_correlation c;
    CHECK_OK(wane_correlate(&c, three, 6, &by_config, &err));
    assert_int_equal(c.points, 6);
    assert_int_equal(c.block_count, 3);
    assert_int_equal(c.permutations, 6);
    assert_int_equal(c.count, 3);
    CHECK_NEAR(c.p_min, 2. / 6, 1e-15, 0);
    CHECK_NEAR(c.null_mean, (1 + 2 * (1 - 16. / 35) - 2 * (48. / 35 - 1) - (64. / 35 - 1)) / 6,
               1e-15, 0);
    const wane_coefficient *rho = &c.coefficient[0];
    assert_string_equal(rho->name, "spearman");
    CHECK_NEAR(rho->value, 1 - 16. / 35, 1e-15, 0);
    /* At least as large: 3 of 6; at most: 5 of 6. */
    CHECK_NEAR(rho->p, 1, 1e-15, 0);
    assert_string_equal(rho->p_method, "exact");
    assert_null(rho->p_reason);
    assert_string_equal(rho->interval_reason, "few_blocks");
    /* Two stages are too few for a correlation inside a run. */
    assert_int_equal(c.within_runs.n, 0);
}

/* Under blocks=none each of the 6! arrangements counts. */
static void single_points_change_places(void **state)
{
    (void)state;
    wane_correlation c;
    wane_correlation_options options = by_config;
    options.blocks = WANE_BLOCKS_NONE;
    CHECK_OK(wane_correlate(&c, three, 6, &options, &err));
    assert_int_equal(c.block_count, 6);
    assert_int_equal(c.permutations, 720);
    CHECK_NEAR(c.null_mean, 0, 1e-15, 0);
    /* Of the 720 arrangements of six ranks, 107 have a sum of squared differences <= 16. */
    CHECK_NEAR(c.coefficient[0].p, 2 * 107. / 720, 1e-15, 0);
}

/* All arrangements of nine points are tried, 9! = 362880; of ten, as many as are asked for. Of a
 * rising y only the arrangement that is there is as large. */
static void nine_points_are_exact(void **state)
{
    (void)state;
    wane_correlation c;
    wane_correlation_options options = by_config;
    wane_point points[10];
    for (size_t i = 0; i < 10; i++)
        points[i] = (wane_point){(double)i, (double)(i * i), NULL, i, 0, 0, 1};
    options.blocks = WANE_BLOCKS_NONE;
    CHECK_OK(wane_correlate(&c, points, 9, &options, &err));
    assert_int_equal(c.permutations, 362880);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(c.coefficient[i].p_method, "exact");
        CHECK_NEAR(c.coefficient[i].p, 2. / 362880, 0, 1e-14);
    }
    CHECK_OK(wane_correlate(&c, points, 10, &options, &err));
    assert_int_equal(c.permutations, 500);
    assert_string_equal(c.coefficient[0].p_method, "permutation");
}

/* Runs change places within their own order only. */
static void runs_stay_in_their_order(void **state)
{
    (void)state;
    wane_correlation c;
    wane_correlation_options options = by_config;
    wane_point points[8];
    for (size_t i = 0; i < 8; i++)
        points[i] = (wane_point){(double)i, (double)(i * i % 5), NULL, i % 2, i / 4, i / 2 % 2, 1};
    options.blocks = WANE_BLOCKS_RUN;
    CHECK_OK(wane_correlate(&c, points, 8, &options, &err));
    assert_int_equal(c.block_count, 8);
    assert_int_equal(c.permutations, 24 * 24);
    options.blocks = WANE_BLOCKS_CONFIG;
    CHECK_OK(wane_correlate(&c, points, 8, &options, &err));
    assert_int_equal(c.permutations, 2);
    assert_true(c.p_min == 1);
    for (size_t i = 0; i < 3; i++) assert_true(c.coefficient[i].p == 1);
}

/* Six configs x 2 seeds x 2 stages. */
static double covariates[24][2];
static size_t grid(wane_point *points)
{
    size_t n = 0;
    for (size_t config = 0; config < 6; config++)
        for (size_t seed = 0; seed < 2; seed++)
            for (size_t stage = 1; stage < 3; stage++, n++)
                points[n] = (wane_point){(double)(n * 7 % 11),
                                         (double)(n * 5 % 13),
                                         covariates[n],
                                         config,
                                         0,
                                         seed,
                                         stage};
    for (size_t i = 0; i < n; i++) covariates[i][0] = (double)(i * 3 % 7);
    return n;
}

static void incomplete_configs_are_dropped_and_counted(void **state)
{
    (void)state;
    wane_correlation whole, c;
    wane_point points[40];
    size_t n = grid(points);
    CHECK_OK(wane_correlate(&whole, points, n, &by_config, &err));
    assert_int_equal(whole.points, 24);
    assert_int_equal(whole.block_count, 6);
    assert_int_equal(whole.dropped_configs, 0);

    /* Config 5 lacks its last stage: it goes, the rest stays. */
    CHECK_OK(wane_correlate(&c, points, n - 1, &by_config, &err));
    assert_int_equal(c.points, 20);
    assert_int_equal(c.block_count, 5);
    assert_int_equal(c.dropped_configs, 1);
    assert_int_equal(c.dropped_points, 3);

    /* A third seed that two configs have already: its points wait, no config goes. */
    for (size_t i = 0; i < 2; i++) points[n + i] = (wane_point){100, 100, 0, i, 0, 2, 1};
    CHECK_OK(wane_correlate(&c, points, n + 2, &by_config, &err));
    assert_int_equal(c.dropped_configs, 0);
    assert_int_equal(c.dropped_points, 2);
    for (size_t i = 0; i < 3; i++) {
        assert_true(c.coefficient[i].value == whole.coefficient[i].value);
        assert_true(c.coefficient[i].p == whole.coefficient[i].p);
        assert_true(c.coefficient[i].low == whole.coefficient[i].low);
    }
    /* A cell that just half of them have is left out as well. */
    points[n + 2] = (wane_point){100, 100, 0, 2, 0, 2, 1};
    CHECK_OK(wane_correlate(&c, points, n + 3, &by_config, &err));
    assert_int_equal(c.dropped_configs, 0);
    assert_int_equal(c.dropped_points, 3);
    /* Pooled, every point counts. */
    wane_correlation_options options = by_config;
    options.blocks = WANE_BLOCKS_NONE;
    CHECK_OK(wane_correlate(&c, points, n + 2, &options, &err));
    assert_int_equal(c.points, n + 2);
    assert_int_equal(c.dropped_points, 0);
}

static void nothing_to_correlate(void **state)
{
    (void)state;
    wane_correlation c;
    wane_correlation_options options = by_config;
    options.given = quantity;
    options.given_count = 1;
    for (size_t n = 0; n < 2; n++) {
        CHECK_OK(wane_correlate(&c, three, n, &options, &err));
        assert_int_equal(c.points, n);
        assert_int_equal(c.count, 4);
        assert_true(isnan(c.null_mean));
        for (size_t i = 0; i < 4; i++) {
            const wane_coefficient *k = &c.coefficient[i];
            assert_true(isnan(k->value) && isnan(k->low) && isnan(k->high) && isnan(k->p));
            assert_string_equal(k->reason, "too_few_points");
            assert_non_null(k->p_reason);
            assert_non_null(k->interval_reason);
        }
    }
    /* Beside intercept and covariate, three points leave one degree of freedom: r would be 1. */
    wane_point points[40];
    size_t n = grid(points);
    options.blocks = WANE_BLOCKS_NONE;
    covariates[3][0] = 9;
    CHECK_OK(wane_correlate(&c, points, 3, &options, &err));
    assert_null(c.coefficient[0].reason);
    assert_string_equal(c.coefficient[3].reason, "too_few_points");
    CHECK_OK(wane_correlate(&c, points, 4, &options, &err));
    assert_null(c.coefficient[3].reason);
    options.blocks = WANE_BLOCKS_CONFIG;
    for (size_t i = 0; i < n; i++) points[i].y = 3;
    CHECK_OK(wane_correlate(&c, points, n, &options, &err));
    for (size_t i = 0; i < 4; i++) assert_string_equal(c.coefficient[i].reason, "constant_y");
}

static void covariates_that_explain_nothing_or_all(void **state)
{
    (void)state;
    wane_correlation c;
    wane_correlation_options options = by_config;
    wane_point points[40];
    size_t n = grid(points);
    const wane_coefficient *partial = &c.coefficient[3];
    options.given = quantity;
    options.given_count = 1;
    CHECK_OK(wane_correlate(&c, points, n, &options, &err));
    assert_null(partial->reason);
    assert_string_equal(partial->name, "partial_spearman");
    assert_int_equal(c.given_degrees, 1);
    covariates[3][0] = NAN;
    CHECK_OK(wane_correlate(&c, points, n, &options, &err));
    assert_string_equal(partial->reason, "missing_z");
    assert_null(c.coefficient[0].reason);
    for (size_t i = 0; i < n; i++) covariates[i][0] = 2;
    CHECK_OK(wane_correlate(&c, points, n, &options, &err));
    assert_string_equal(partial->reason, "constant_z");
    for (size_t i = 0; i < n; i++) covariates[i][0] = exp(-points[i].x);
    CHECK_OK(wane_correlate(&c, points, n, &options, &err));
    assert_string_equal(partial->reason, "collinear_z");
    options.given = category;
    for (size_t i = 0; i < n; i++) covariates[i][0] = (double)i;
    CHECK_OK(wane_correlate(&c, points, n, &options, &err));
    assert_string_equal(partial->reason, "too_few_points");
    /* Within a category x and y fall, between them both rise. */
    for (size_t i = 0; i < n; i++) {
        covariates[i][0] = (double)points[i].config;
        double inside = (double)(2 * points[i].seed + points[i].stage);
        points[i].x = 100 * covariates[i][0] + inside;
        points[i].y = 100 * covariates[i][0] - inside;
    }
    CHECK_OK(wane_correlate(&c, points, n, &options, &err));
    assert_true(c.coefficient[0].value > .9);
    CHECK_NEAR(partial->value, -1, 1e-12, 0);
    assert_int_equal(c.given_degrees, 5);
}

/* A second covariate that the first determines changes nothing; one that varies on its own does;
 * their order never matters. */
static void several_covariates(void **state)
{
    (void)state;
    static const wane_covariate_kind both[] = {WANE_COVARIATE_QUANTITY, WANE_COVARIATE_CATEGORY};
    wane_correlation one, two;
    wane_correlation_options options = by_config;
    wane_point points[40];
    size_t n = grid(points);
    options.given = category;
    options.given_count = 1;
    for (size_t i = 0; i < n; i++) covariates[i][0] = (double)(points[i].config % 3);
    CHECK_OK(wane_correlate(&one, points, n, &options, &err));
    assert_int_equal(one.given_degrees, 2);
    options.given = both;
    options.given_count = 2;
    for (size_t i = 0; i < n; i++) {
        covariates[i][0] = points[i].config % 3 == 1 ? 0 : 5; /* falls to the second's dummies */
        covariates[i][1] = (double)(points[i].config % 3);
    }
    CHECK_OK(wane_correlate(&two, points, n, &options, &err));
    assert_int_equal(two.given_degrees, 2);
    CHECK_NEAR(two.coefficient[3].value, one.coefficient[3].value, 1e-14, 0);
    CHECK_NEAR(two.coefficient[3].p, one.coefficient[3].p, 0, 0);
    for (size_t i = 0; i < n; i++) covariates[i][0] = (double)(i * 3 % 7);
    CHECK_OK(wane_correlate(&two, points, n, &options, &err));
    assert_int_equal(two.given_degrees, 3);
    assert_true(fabs(two.coefficient[3].value - one.coefficient[3].value) > 1e-3);
    static const wane_covariate_kind turned[] = {WANE_COVARIATE_CATEGORY, WANE_COVARIATE_QUANTITY};
    for (size_t i = 0; i < n; i++) {
        double first = covariates[i][0];
        covariates[i][0] = covariates[i][1];
        covariates[i][1] = first;
    }
    options.given = turned;
    CHECK_OK(wane_correlate(&one, points, n, &options, &err));
    CHECK_NEAR(two.coefficient[3].value, one.coefficient[3].value, 1e-14, 0);
    assert_true(two.coefficient[3].p == one.coefficient[3].p);
    covariates[4][1] = NAN;
    CHECK_OK(wane_correlate(&one, points, n, &options, &err));
    assert_string_equal(one.coefficient[3].reason, "missing_z");
    points[4].z = NULL;
    CHECK_OK(wane_correlate(&one, points, n, &options, &err));
    assert_string_equal(one.coefficient[3].reason, "missing_z");
}

static void refusals(void **state)
{
    (void)state;
    wane_correlation c = {.points = 42};
    wane_point points[40];
    size_t n = grid(points);
    points[5].y = INFINITY;
    CHECK_FAILS(wane_correlate(&c, points, n, &by_config, &err), WANE_ENUMERIC,
                "correlate: config 1, order 0, seed 0, stage 2: y not finite");
    points[5].y = 0;
    points[5].x = NAN;
    CHECK_FAILS(wane_correlate(&c, points, n, &by_config, &err), WANE_ENUMERIC, "x not finite");
    points[5] = points[9];
    for (unsigned blocks = 0; blocks < 3; blocks++) {
        wane_correlation_options options = by_config;
        options.blocks = (wane_blocks)blocks;
        CHECK_FAILS(wane_correlate(&c, points, n, &options, &err), WANE_EINVAL,
                    "config 2, order 0, seed 0, stage 2: two points in one cell");
    }
    wane_correlation_options options = by_config;
    options.permutations = SIZE_MAX;
    CHECK_FAILS(wane_correlate(&c, points, n, &options, &err), WANE_EINVAL, "permutations");
    options = by_config;
    options.resamples = SIZE_MAX;
    CHECK_FAILS(wane_correlate(&c, points, n, &options, &err), WANE_EINVAL, "resamples");
    assert_int_equal(c.points, 42);
}

/* A monotone change of x or y changes no rank coefficient, p or interval. */
static void ranks_alone_matter(void **state)
{
    (void)state;
    wane_correlation a, b;
    wane_point points[40];
    size_t n = grid(points);
    CHECK_OK(wane_correlate(&a, points, n, &by_config, &err));
    for (size_t i = 0; i < n; i++) {
        points[i].x = exp(points[i].x) * 1e-300;
        points[i].y = -1 / (1 + points[i].y);
    }
    CHECK_OK(wane_correlate(&b, points, n, &by_config, &err));
    for (size_t i = 0; i < 2; i++) {
        assert_true(a.coefficient[i].value == b.coefficient[i].value);
        assert_true(a.coefficient[i].p == b.coefficient[i].p);
        assert_true(a.coefficient[i].low == b.coefficient[i].low);
    }
    assert_true(a.coefficient[2].value != b.coefficient[2].value);
}

static void holm_steps_down(void **state)
{
    (void)state;
    const double p[] = {.01, NAN, .04, .03, .005, .9};
    const double wanted[] = {.04, NAN, .09, .09, .025, .9};
    double adjusted[6];
    CHECK_OK(wane_holm(adjusted, p, 6, &err));
    for (size_t i = 0; i < 6; i++)
        if (i == 1) assert_true(isnan(adjusted[i]));
        else CHECK_NEAR(adjusted[i], wanted[i], 1e-15, 0);
    const double large[] = {.6, .7};
    CHECK_OK(wane_holm(adjusted, large, 2, &err));
    assert_true(adjusted[0] == 1 && adjusted[1] == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_arrangement_by_hand),
        cmocka_unit_test(single_points_change_places),
        cmocka_unit_test(nine_points_are_exact),
        cmocka_unit_test(runs_stay_in_their_order),
        cmocka_unit_test(incomplete_configs_are_dropped_and_counted),
        cmocka_unit_test(nothing_to_correlate),
        cmocka_unit_test(covariates_that_explain_nothing_or_all),
        cmocka_unit_test(several_covariates),
        cmocka_unit_test(refusals),
        cmocka_unit_test(ranks_alone_matter),
        cmocka_unit_test(holm_steps_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
