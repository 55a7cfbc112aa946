/* SPDX-License-Identifier: Apache-2.0
 * Spectra against the leading triplets of a base decide as LAPACK's SVDs do: every family of bases,
 * every kind of change, tall, wide and square. bench_decisions is the same at large, on real
 * layers.
 */
#include "store/base/memory.h"
#include "tests/numeric/spectra/decisions.h"
#include "tests/support/support.h"

enum { TOP = 8 };

static void judge_one(decision_counts *all, const weight_base *base, const wane_base_svd *leading,
                      size_t kind, uint64_t seed)
{
    weight_change change = {0};
    const decision_question q = {.base = base,
                                 .leading = leading,
                                 .change = &change,
                                 .top = TOP,
                                 .name = weight_changes[kind].name};
    weight_changes[kind].make(&change, base, weight_changes[kind].rank, seed);
    if (change.term.rank || change.tuned) decisions_judge(all, &q);
    weight_change_free(&change);
}

/* Every family in every shape with every change. */
static void decides_as_svds_do(void **state)
{
    (void)state;
    static const struct {
        size_t rows, cols;
    } shapes[] = {{96, 96}, {144, 64}, {64, 112}, {224, 208}};
    enum { SHAPES = sizeof shapes / sizeof *shapes };
    decision_counts all = {0};
    wane_error err;
    for (size_t f = 0; f < WEIGHT_FAMILIES; f++)
        for (size_t i = 0; i < SHAPES; i++) {
            size_t rows = shapes[i].rows, cols = shapes[i].cols;
            float *weight = weight_make(&weight_families[f], rows, cols, rows);
            wane_base_svd *svd, *leading;
            weight_base base = {{weight, rows, cols, cols}, NULL};
            CHECK_OK(wane_base_svd_compute(&svd, base.weight, &err));
            CHECK_OK(wane_base_svd_leading(&leading, base.weight, TOP, NULL, &err));
            base.svd = svd;
            for (size_t k = 0; k < WEIGHT_CHANGES; k++)
                judge_one(&all, &base, leading, k, 10 * cols + k);
            wane_base_svd_free(svd);
            wane_base_svd_free(leading);
            wane_free(weight);
        }
    print_message("%zu decided, %zu wrong, %zu at the edge, %zu within clusters, %zu open, %zu "
                  "outside, missed by %.2g at most; %zu bounded, %zu of them in place of SVDs\n",
                  all.decided, all.wrong, all.edge, all.clusters, all.open, all.outside, all.miss,
                  all.directions, all.exact);
    assert_int_equal(all.wrong, 0);
    assert_int_equal(all.outside, 0);
    assert_true(all.edge * 100 < all.decided);
    assert_true(all.open * 100 < all.decided);
    assert_true(all.exact * 2 < all.directions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(decides_as_svds_do)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
