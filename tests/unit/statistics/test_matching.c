/* SPDX-License-Identifier: Apache-2.0 */
#include "analysis/statistics/matching.h"

#include <math.h>
#include <stddef.h>

#include "store/base/random.h"
#include "tests/support/support.h"

#define NONE WANE_UNMATCHED

/* The nearest pair first would leave one pair; two are within the caliper. */
static void as_many_pairs_as_can_be(void **state)
{
    (void)state;
    wane_error err;
    const double a[] = {.03, 0}, b[] = {.02, .045};
    size_t partner[2];
    CHECK_OK(wane_match(partner, a, 2, b, 2, .02, &err));
    assert_true(partner[0] == 1 && partner[1] == 0);
}

/* Of two ways to make two pairs the nearer one. */
static void of_these_the_nearest(void **state)
{
    (void)state;
    wane_error err;
    const double a[] = {1, 2}, b[] = {1.5, 2.1, .9};
    size_t partner[2];
    CHECK_OK(wane_match(partner, a, 2, b, 3, 1, &err));
    assert_true(partner[0] == 2 && partner[1] == 1);
}

/* 2 points apart in decimal is within 2 points; equal numbers go in their order. */
static void the_caliper_and_ties(void **state)
{
    (void)state;
    wane_error err;
    const double a[] = {.43, .5, .5, (double)NAN}, b[] = {.41, .5, (double)NAN, .5, .521};
    size_t partner[4];
    CHECK_OK(wane_match(partner, a, 4, b, 5, .02, &err));
    assert_true(partner[0] == 0 && partner[1] == 1 && partner[2] == 3 && partner[3] == NONE);
    CHECK_OK(wane_match(partner, a, 1, b, 0, .02, &err));
    assert_true(partner[0] == NONE);
    CHECK_FAILS(wane_match(partner, a, 1, b, 1, 0, &err), WANE_EINVAL, "not positive");
    CHECK_FAILS(wane_match(partner, a, 1, b, 1, (double)NAN, &err), WANE_EINVAL, "not positive");
}

enum { N = 4, M = 5, TRIALS = 300 };

/* Every matching of a[i..] with the b that are free. */
static void try_all(size_t i, unsigned used, size_t pairs, double sum, const double *a,
                    const double *b, size_t *most, double *least)
{
    if (i == N) {
        if (pairs > *most || (pairs == *most && sum < *least)) {
            *most = pairs;
            *least = sum;
        }
        return;
    }
    try_all(i + 1, used, pairs, sum, a, b, most, least);
    for (size_t j = 0; j < M; j++)
        if (!(used >> j & 1) && fabs(a[i] - b[j]) <= .25)
            try_all(i + 1, used | 1u << j, pairs + 1, sum + fabs(a[i] - b[j]), a, b, most, least);
}

static void none_is_better(void **state)
{
    (void)state;
    wane_error err;
    for (size_t trial = 0; trial < TRIALS; trial++) {
        double a[N], b[M], least = 0, sum = 0;
        size_t partner[N], most = 0, pairs = 0;
        unsigned used = 0;
        const wane_random where = {1, WANE_RANDOM_TEST, 0, trial, 0};
        for (size_t i = 0; i < N; i++) a[i] = (double)wane_random_below(&where, i, 64) / 64;
        for (size_t j = 0; j < M; j++) b[j] = (double)wane_random_below(&where, N + j, 64) / 64;
        CHECK_OK(wane_match(partner, a, N, b, M, .25, &err));
        for (size_t i = 0; i < N; i++) {
            if (partner[i] == NONE) continue;
            assert_true(partner[i] < M && !(used >> partner[i] & 1));
            used |= 1u << partner[i];
            assert_true(fabs(a[i] - b[partner[i]]) <= .25);
            sum += fabs(a[i] - b[partner[i]]);
            pairs++;
        }
        try_all(0, 0, 0, 0, a, b, &most, &least);
        assert_int_equal(pairs, most);
        CHECK_NEAR(sum, least, 1e-15, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_pairs_as_can_be),
        cmocka_unit_test(of_these_the_nearest),
        cmocka_unit_test(the_caliper_and_ties),
        cmocka_unit_test(none_is_better),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
