/* SPDX-License-Identifier: Apache-2.0
 * The softmax of one row of scores and its gradient, for every first and last visible key, against
 * the formula in double.
 */
#include <math.h>
#include <string.h>

#include "eval/compute/kernels.h"
#include "store/base/random.h"
#include "tests/support/support.h"

enum { LEVELS = 3, PADDED = 48 };

static double capped(const wane_softmax *row, double score)
{
    double x = (double)row->scale * score;
    return row->cap != 0 ? (double)row->cap * tanh(x / (double)row->cap) : x;
}

/* d x / d score. */
static double capped_slope(const wane_softmax *row, double score)
{
    double t = row->cap != 0 ? tanh((double)row->scale * score / (double)row->cap) : 0;
    return (double)row->scale * (1 - t * t);
}

static void check_row(const wane_kernels *k, const wane_softmax *row, const float *score,
                      const float *dp)
{
    float s[PADDED], again[PADDED], ds[PADDED], lse = 0;
    double total = 0, most = -INFINITY, delta = 0;
    for (size_t j = row->first; j < row->end; j++) {
        total += exp(capped(row, score[j]));
        most = fmax(most, capped(row, score[j]));
    }
    for (size_t j = row->first; j < row->end; j++)
        delta += dp[j] * exp(capped(row, score[j])) / total;
    memcpy(s, score, sizeof s);
    float sum = k->softmax_row(row, s, &lse);
    CHECK_NEAR(sum, total / exp(most), 0, 2e-6);
    CHECK_NEAR(lse, log(total), 2e-6, 1e-6);
    memcpy(again, score, sizeof again);
    memcpy(ds, dp, sizeof ds);
    k->softmax_row_backward(row, lse, (float)delta, again, ds);
    for (size_t j = 0; j < PADDED; j++) {
        if (j < row->first || j >= row->end) {
            assert_true(s[j] == 0 && again[j] == 0 && ds[j] == 0);
            continue;
        }
        double p = exp(capped(row, score[j])) / total;
        CHECK_NEAR(s[j], p * total / exp(most), 1e-37, 3e-6);
        CHECK_NEAR(again[j], p, 1e-37, 3e-6);
        CHECK_NEAR(ds[j], p * (dp[j] - delta) * capped_slope(row, score[j]), 1e-6, 3e-6);
    }
}

/* What a row does not see is NaN: it must not come into any sum. */
static void every_span_is_its_own_softmax(void **state)
{
    (void)state;
    const float caps[] = {0, 1.5f};
    float score[PADDED], dp[PADDED], seen[PADDED], dseen[PADDED];
    wane_random where = {.seed = 13, .purpose = WANE_RANDOM_TEST, .tensor = 1};
    wane_random_normal_fill(score, PADDED, 3, &where);
    where.tensor = 2;
    wane_random_normal_fill(dp, PADDED, 1, &where);
    for (int level = 0; level < LEVELS; level++)
        for (size_t first = 0; wane_kernels_at(level) && first < PADDED; first++)
            for (size_t end = first + 1; end <= PADDED; end++)
                for (size_t c = 0; c < 2; c++) {
                    const wane_softmax row = {first, end, PADDED, 0.7f, caps[c]};
                    for (size_t j = 0; j < PADDED; j++) {
                        bool sees = j >= first && j < end;
                        seen[j] = sees ? score[j] : NAN;
                        dseen[j] = sees ? dp[j] : NAN;
                    }
                    check_row(wane_kernels_at(level), &row, seen, dseen);
                }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_span_is_its_own_softmax)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
