/* SPDX-License-Identifier: Apache-2.0
 * Resamples and permutations end at the deadline of the process.
 */

#include "analysis/statistics/correlation.h"
#include "analysis/statistics/paired.h"
#include "store/base/clock.h"
#include "tests/support/support.h"

enum { POINTS = 400 };

static wane_error err;
static wane_point points[POINTS];
static double first[POINTS], second[POINTS];

static int prepare(void **state)
{
    (void)state;
    for (size_t i = 0; i < POINTS; i++) {
        points[i] = (wane_point){.x = (double)(i * 7 % 101),
                                 .y = (double)(i * 11 % 97),
                                 .config = i / 20,
                                 .seed = i / 10 % 2,
                                 .stage = i % 10 + 1};
        first[i] = (double)(i % 13);
        second[i] = (double)(i % 17);
    }
    return 0;
}

static void check_ends(wane_status (*run)(void), const char *words)
{
    double start = wane_clock_wall();
    wane_deadline_set(0.1);
    CHECK_FAILS(run(), WANE_ELIMIT, words);
    assert_true(wane_clock_wall() - start < 20); /* far from what all of it would take */
}

static wane_status permutations(void)
{
    wane_correlation c;
    const wane_correlation_options options = {.permutations = 1000000000, .resamples = 10};
    return wane_correlate(&c, points, POINTS, &options, &err);
}

static wane_status resamples(void)
{
    wane_correlation c;
    const wane_correlation_options options = {.permutations = 10, .resamples = 10000000};
    return wane_correlate(&c, points, POINTS, &options, &err);
}

static wane_status paired(void)
{
    wane_paired_loss loss;
    const wane_paired_options options = {.resamples = 10000000};
    return wane_paired_bootstrap(&loss, first, second, NULL, POINTS, &options, &err);
}

static void loops_end_at_the_deadline(void **state)
{
    (void)state;
    check_ends(permutations, "permutations: stopped after 0.1 s; --timeout SECONDS");
    check_ends(resamples, "bootstrap: stopped after 0.1 s");
    check_ends(paired, "resamples: stopped after 0.1 s");
}

static void time_enough_changes_nothing(void **state)
{
    (void)state;
    wane_correlation a, b;
    const wane_correlation_options options = {.permutations = 200, .resamples = 100};
    wane_deadline_set(1e6);
    CHECK_OK(wane_correlate(&a, points, POINTS, &options, &err));
    wane_deadline_set(1e7);
    CHECK_OK(wane_correlate(&b, points, POINTS, &options, &err));
    assert_true(a.coefficient[0].p == b.coefficient[0].p);
    assert_true(a.coefficient[0].low == b.coefficient[0].low);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loops_end_at_the_deadline),
        cmocka_unit_test(time_enough_changes_nothing),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
