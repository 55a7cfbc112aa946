/* SPDX-License-Identifier: Apache-2.0 */
#include "analysis/statistics/detection.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "analysis/statistics/correlation.h"
#include "store/base/random.h"
#include "tests/support/support.h"

/* .77, .57, .50, .41: the values that the definition names for 12, 24, 32, 48 configs and one
 * covariate. */
static void the_smallest_visible_is_the_definitions(void **state)
{
    (void)state;
    static const struct {
        size_t configs;
        double value;
    } named[] = {{12, .77}, {24, .57}, {32, .50}, {48, .41}};
    for (size_t i = 0; i < 4; i++)
        CHECK_NEAR(wane_smallest_visible(named[i].configs, 1), named[i].value, 0, .005);
    CHECK_NEAR(wane_smallest_visible(12, 0), 0.7457600220918551, 1e-15, 0); /* NumPy */
    CHECK_NEAR(wane_smallest_visible(4, 0), tanh(2.89), 1e-15, 0);
    CHECK_NEAR(wane_smallest_visible(9, 5), tanh(2.89), 1e-15, 0);
    assert_true(isnan(wane_smallest_visible(3, 0)) && isnan(wane_smallest_visible(0, 0)));
    assert_true(isnan(wane_smallest_visible(9, 6)) && isnan(wane_smallest_visible(9, 12)));
}

static void detected_needs_p_and_interval(void **state)
{
    (void)state;
    const double none = (double)NAN;
    static const struct {
        double value, low, high, p;
        wane_detection expected;
    } cases[] = {{.5, .1, .8, .05, WANE_DETECTED},        {.5, .1, .8, .0501, WANE_NOT_DETECTED},
                 {.5, -.1, .8, .01, WANE_NOT_DETECTED},   {.5, 0, .8, .01, WANE_NOT_DETECTED},
                 {-.5, -.8, 0, .01, WANE_NOT_DETECTED},   {-.5, -.8, -.1, .01, WANE_DETECTED},
                 {.5, 9, 9, .01, WANE_DETECTED},          {.5, 9, 9, .2, WANE_NOT_DETECTED},
                 {.5, .1, .8, 9, WANE_DETECTED},          {.5, -.1, .8, 9, WANE_NOT_DETECTED},
                 {.5, 9, 9, 9, WANE_DETECTION_UNDEFINED}, {9, 9, 9, 9, WANE_DETECTION_UNDEFINED}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const wane_coefficient c = {.value = cases[i].value == 9 ? none : cases[i].value,
                                    .low = cases[i].low == 9 ? none : cases[i].low,
                                    .high = cases[i].high == 9 ? none : cases[i].high};
        assert_int_equal(wane_detection_of(&c, cases[i].p == 9 ? none : cases[i].p),
                         cases[i].expected);
    }
    assert_string_equal(wane_detection_name(WANE_NOT_DETECTED), "not detected");
    assert_null(wane_detection_name(WANE_DETECTION_UNDEFINED));
}

enum { CONFIGS = 24, TRIALS = 600 };

static double normal(size_t trial, size_t config, uint64_t side)
{
    float draw;
    const wane_random where = {1, WANE_RANDOM_TEST, side, trial, config};
    wane_random_normal_fill(&draw, 1, 1, &where);
    return (double)draw;
}

/* Normal variables whose Spearman coefficient is the stated value are detected four times in five;
 * 600 trials have a standard error of 1.6 points. */
static void the_stated_value_is_detected_four_times_in_five(void **state)
{
    (void)state;
    wane_error err;
    size_t detected = 0;
    double r = 2 * sin(acos(-1) * wane_smallest_visible(CONFIGS, 0) / 6);
    for (size_t trial = 0; trial < TRIALS; trial++) {
        wane_point point[CONFIGS];
        double x[CONFIGS], y[CONFIGS], rho;
        for (size_t i = 0; i < CONFIGS; i++) {
            x[i] = normal(trial, i, 0);
            y[i] = r * x[i] + sqrt(1 - r * r) * normal(trial, i, 1);
            point[i] = (wane_point){.x = x[i], .y = y[i], .config = i};
        }
        wane_correlation c;
        const wane_correlation_options options = {.permutations = 400, .resamples = 1};
        CHECK_OK(wane_correlate(&c, point, CONFIGS, &options, &err));
        CHECK_OK(wane_spearman(&rho, x, y, CONFIGS, &err));
        CHECK_NEAR(c.coefficient[0].value, rho, 1e-12, 0);
        detected += c.coefficient[0].p <= .05;
    }
    assert_in_range(detected, (size_t)(.77 * TRIALS), (size_t)(.83 * TRIALS));
}

/* A config without a cell that the others have takes no part, and `used` says so. */
static void used_tells_the_points_that_take_part(void **state)
{
    (void)state;
    wane_error err;
    wane_point point[8];
    bool used[8];
    for (size_t i = 0; i < 8; i++)
        point[i] = (wane_point){.x = (double)(i * i % 7),
                                .y = (double)i,
                                .config = 3 - i / 2,
                                .stage = i == 5 ? 7 : i % 2};
    wane_correlation c;
    static const wane_blocks blocks[] = {WANE_BLOCKS_CONFIG, WANE_BLOCKS_RUN, WANE_BLOCKS_NONE};
    for (size_t b = 0; b < 3; b++) {
        const wane_correlation_options options = {.blocks = blocks[b], .used = used};
        CHECK_OK(wane_correlate(&c, point, 8, &options, &err));
        for (size_t i = 0; i < 8; i++)
            assert_int_equal(used[i], blocks[b] == WANE_BLOCKS_NONE || (i != 4 && i != 5));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_smallest_visible_is_the_definitions),
        cmocka_unit_test(detected_needs_p_and_interval),
        cmocka_unit_test(the_stated_value_is_detected_four_times_in_five),
        cmocka_unit_test(used_tells_the_points_that_take_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
