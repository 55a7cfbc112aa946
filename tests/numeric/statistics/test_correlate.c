/* SPDX-License-Identifier: Apache-2.0
 * wane_correlate against SciPy and a NumPy permutation on the cases of
 * reference/data/correlate.txt: the same permutations and resamples, so that p and the intervals
 * agree, not only nearly.
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/statistics/correlation.h"
#include "store/base/memory.h"
#include "tests/support/support.h"

enum { MOST = 1000, MOST_COVARIATES = 4 };

static wane_error err;
static wane_point points[MOST];

static size_t whole(FILE *file)
{
    return (size_t)number_in(file);
}

static double compare(double found, double wanted, double tolerance, const char *what,
                      size_t example)
{
    if (isnan(found) && isnan(wanted)) return 0;
    double difference = fabs(found - wanted);
    if (!(difference <= tolerance))
        fail_msg("case %zu: %s = %.17g, wanted %.17g", example, what, found, wanted);
    return difference;
}

/* "none", or kinds joined by commas. */
static size_t read_kinds(char *word, wane_covariate_kind *kinds)
{
    size_t count = 0;
    if (strcmp(word, "none") == 0) return 0;
    for (char *rest, *kind = strtok_r(word, ",", &rest); kind; kind = strtok_r(NULL, ",", &rest)) {
        assert_in_range(count, 0, MOST_COVARIATES - 1);
        bool category = strcmp(kind, "category") == 0;
        kinds[count++] = category ? WANE_COVARIATE_CATEGORY : WANE_COVARIATE_QUANTITY;
    }
    return count;
}

static size_t read_case(FILE *file, wane_correlation_options *options)
{
    static const char *const blocks[] = {"config", "run", "none"};
    static double z[MOST][MOST_COVARIATES];
    static wane_covariate_kind kinds[MOST_COVARIATES];
    char word[2][64];
    if (fscanf(file, "%63s %63s", word[0], word[1]) != 2) return 0;
    *options = (wane_correlation_options){.given = kinds};
    for (unsigned i = 0; i < 3; i++)
        if (strcmp(word[0], blocks[i]) == 0) options->blocks = (wane_blocks)i;
    options->given_count = read_kinds(word[1], kinds);
    options->permutations = whole(file);
    options->resamples = whole(file);
    assert_int_equal(fscanf(file, "%zu", &options->seed), 1);
    size_t n = whole(file);
    assert_in_range(n, 1, MOST);
    for (size_t i = 0; i < n; i++) {
        wane_point *p = &points[i];
        p->x = number_in(file);
        p->y = number_in(file);
        p->z = z[i];
        for (size_t f = 0; f < options->given_count; f++) z[i][f] = number_in(file);
        p->config = whole(file);
        p->order = whole(file);
        p->seed = whole(file);
        p->stage = whole(file);
    }
    return n;
}

/* A number is NaN exactly when a reason says why. */
static void check_reasons(const wane_coefficient *c)
{
    assert_int_equal(isnan(c->value), c->reason != NULL);
    assert_int_equal(isnan(c->low), c->interval_reason != NULL);
    assert_int_equal(isnan(c->high), c->interval_reason != NULL);
    assert_int_equal(isnan(c->p), c->p_reason != NULL);
    assert_int_equal(isnan(c->p), c->p_method == NULL);
}

static void equal_to_scipy_and_numpy(void **state)
{
    (void)state;
    wane_correlation_options options;
    double largest[2] = {0};
    size_t cases = 0, intervals = 0, n;
    FILE *file = fopen("reference/data/correlate.txt", "r");
    assert_non_null(file);
    for (; (n = read_case(file, &options)) > 0; cases++) {
        wane_correlation c;
        CHECK_OK(wane_correlate(&c, points, n, &options, &err));
        assert_int_equal(c.points, whole(file));
        assert_int_equal(c.block_count, whole(file));
        assert_int_equal(c.dropped_configs, whole(file));
        assert_int_equal(c.dropped_points, n - c.points);
        int exact = (int)whole(file);
        compare(c.p_min, number_in(file), 1e-16, "p_min", cases);
        compare(c.null_mean, number_in(file), 1e-14, "null_mean", cases);
        assert_int_equal(c.within_runs.n, whole(file));
        compare(c.within_runs.mean, number_in(file), 1e-14, "within mean", cases);
        compare(c.within_runs.sd, number_in(file), 1e-14, "within sd", cases);
        assert_int_equal(c.count, options.given_count ? 4 : 3);
        for (size_t i = 0; i < 4; i++) {
            double value = number_in(file), low = number_in(file), high = number_in(file),
                   p = number_in(file);
            if (i >= c.count) {
                assert_true(isnan(value));
                continue;
            }
            const wane_coefficient *k = &c.coefficient[i];
            check_reasons(k);
            largest[0] = fmax(largest[0], compare(k->value, value, 1e-13, k->name, cases));
            largest[1] = fmax(largest[1], compare(k->low, low, 1e-11, "low", cases));
            largest[1] = fmax(largest[1], compare(k->high, high, 1e-11, "high", cases));
            compare(k->p, p, 1e-15, "p", cases);
            intervals += !isnan(low);
            if (k->p_method) assert_string_equal(k->p_method, exact ? "exact" : "permutation");
        }
    }
    (void)fclose(file);
    print_message("%zu cases, %zu intervals: largest difference of a coefficient %.2g, of an end "
                  "%.2g; every p equal\n",
                  cases, intervals, largest[0], largest[1]);
    assert_true(cases >= 24 && intervals >= 40);
}

/* The first case of the file that has blocks that drop out. */
static size_t dropping_case(wane_correlation_options *options)
{
    FILE *file = fopen("reference/data/correlate.txt", "r");
    assert_non_null(file);
    size_t n = 0;
    for (size_t i = 0; i < 27; i++) {
        n = read_case(file, options);
        assert_true(n > 0);
        if (i == 26) break;
        for (size_t k = 0; k < 9 + 4 * 4; k++) (void)number_in(file); /* what is expected */
    }
    (void)fclose(file);
    return n;
}

static void order_of_points_does_not_matter(void **state)
{
    (void)state;
    wane_correlation_options options;
    wane_correlation a, b;
    size_t n = dropping_case(&options);
    CHECK_OK(wane_correlate(&a, points, n, &options, &err));
    assert_int_equal(a.dropped_configs, 1);
    for (size_t i = 0; i < n / 2; i++) {
        wane_point kept = points[i];
        points[i] = points[n - 1 - i];
        points[n - 1 - i] = kept;
    }
    CHECK_OK(wane_correlate(&b, points, n, &options, &err));
    for (size_t i = 0; i < 4; i++) {
        assert_true(a.coefficient[i].value == b.coefficient[i].value);
        assert_true(a.coefficient[i].p == b.coefficient[i].p);
        assert_true(a.coefficient[i].low == b.coefficient[i].low);
        assert_true(a.coefficient[i].high == b.coefficient[i].high);
    }
}

static void memory_may_run_out(void **state)
{
    (void)state;
    wane_correlation_options options;
    wane_correlation c = {.points = 42};
    size_t n = dropping_case(&options);
    options.permutations = options.resamples = 10;
    wane_status status = WANE_ENOMEM;
    long allocations = 0;
    for (; status == WANE_ENOMEM; allocations++) {
        wane_memory_fail_after(allocations);
        status = wane_correlate(&c, points, n, &options, &err);
        wane_memory_fail_after(-1);
        if (status == WANE_ENOMEM) assert_int_equal(c.points, 42);
    }
    assert_int_equal(status, WANE_OK);
    assert_true(allocations > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_to_scipy_and_numpy),
        cmocka_unit_test(order_of_points_does_not_matter),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
