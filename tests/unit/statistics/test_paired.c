/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values),
        cmocka_unit_test(small_counts_by_their_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
