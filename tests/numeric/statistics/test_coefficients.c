/* SPDX-License-Identifier: Apache-2.0
 * The plain coefficients against SciPy on the pairs of reference/data/coefficients.txt, or of the
 * file named on the command line; prints the largest differences.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "analysis/statistics/correlation.h"
#include "analysis/statistics/distribution.h"
#include "tests/support/support.h"

enum { LONGEST = 1000 };

static const char *path = "reference/data/coefficients.txt";
static wane_error err;

static void equal_to_scipy(void **state)
{
    (void)state;
    static double x[LONGEST], y[LONGEST];
    double largest[4] = {0};
    size_t n, cases = 0;
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    for (; fscanf(file, "%zu", &n) == 1; cases++) {
        double found[4], wanted[4];
        assert_in_range(n, 1, LONGEST);
        for (size_t i = 0; i < n; i++) x[i] = number_in(file);
        for (size_t i = 0; i < n; i++) y[i] = number_in(file);
        for (size_t i = 0; i < 4; i++) wanted[i] = number_in(file);
        found[0] = wane_pearson(x, y, n);
        CHECK_OK(wane_spearman(&found[1], x, y, n, &err));
        CHECK_OK(wane_kendall_tau_b(&found[2], x, y, n, &err));
        double degrees = (double)n - 2, r = found[1];
        found[3] = wane_student_two_sided(r * sqrt(degrees / ((1 - r) * (1 + r))), degrees);
        for (size_t i = 0; i < 4; i++) {
            /* p is as sensitive to the coefficient as it likes near |r| = 1. */
            if (i == 3 && wanted[3] < 1e-12) continue;
            double difference = fabs(found[i] - wanted[i]) / (i == 3 ? wanted[3] : 1);
            assert_false(isnan(difference));
            largest[i] = fmax(largest[i], difference);
        }
    }
    (void)fclose(file);
    print_message("%zu cases: largest difference of pearson %.2g, spearman %.2g, kendall %.2g, "
                  "p %.2g (relative)\n",
                  cases, largest[0], largest[1], largest[2], largest[3]);
    assert_true(cases >= 60);
    for (size_t i = 0; i < 3; i++) assert_true(largest[i] < 2e-15);
    assert_true(largest[3] < 1e-10);
}

int main(int argc, char **argv)
{
    if (argc > 1) path = argv[1];
    const struct CMUnitTest tests[] = {cmocka_unit_test(equal_to_scipy)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
