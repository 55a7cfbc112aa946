/* SPDX-License-Identifier: Apache-2.0
 * Random updates: their laws, that they depend on where they stand alone, and the accuracy of what
 * judges them.
 */
#include <math.h>
#include <string.h>

#include "analysis/spectra/base_svd.h"
#include "analysis/spectra/lapack.h"
#include "analysis/spectra/null.h"
#include "analysis/spectra/null_draw.h"
#include "store/base/memory.h"
#include "store/base/random.h"
#include "tests/support/support.h"

typedef wane_null_tally tallies[2][WANE_NULL_DRAWS];

static wane_base_svd *base_of(size_t rows, size_t cols)
{
    wane_error err;
    wane_base_svd *svd = NULL;
    float *w = normal_floats(rows * cols, 1, rows);
    CHECK_OK(wane_base_svd_compute(&svd, (wane_matrix){w, rows, cols, cols}, &err));
    wane_free(w);
    return svd;
}

/* A change of `rank` equal values. */
static wane_null_change change_of(const wane_base_svd *svd, size_t rank, double value)
{
    wane_null_change c = {.base = svd,
                          .rank = rank,
                          .frobenius = value * sqrt((double)rank),
                          .top = WANE_NULL_TOP,
                          .epsilon = WANE_NULL_EPSILON};
    c.sigma = wane_alloc(rank, sizeof *c.sigma);
    c.clusters = wane_alloc(svd->count, sizeof *c.clusters);
    assert_true(c.sigma && c.clusters);
    for (size_t i = 0; i < rank; i++) c.sigma[i] = value;
    for (size_t i = 0; i < svd->count; i++) c.clusters[i] = i + 1;
    return c;
}

/* Of Haar's law on n x n: E u^2 = 1 / n, E u^4 = 3 / (n (n + 2)), E u = 0 for every entry, and
 * E u_11 u_12 u_21 u_22 = -1 / ((n - 1) n (n + 2)) (Weingarten calculus). */
static void factors_have_the_moments_of_haar(void **state)
{
    (void)state;
    enum { N = 4, DRAWS = 20000 };
    wane_error err;
    wane_base_svd *svd = base_of(N, N + 3);
    wane_null_change change = change_of(svd, N, 1);
    double first[N * N] = {0}, second[N * N] = {0}, fourth[N * N] = {0}, cross = 0, tall = 0;
    for (size_t d = 0; d < DRAWS; d++) {
        const wane_null_place place = {.seed = 3, .kind = WANE_NULL_ROTATED, .draw = d};
        wane_null_update u = {0};
        CHECK_OK(wane_null_update_draw(&u, &change, &place, &err));
        assert_int_equal(u.k, N);
        for (size_t i = 0; i < N * N; i++) {
            double square = u.p[i] * u.p[i];
            first[i] += u.p[i] / DRAWS;
            second[i] += square / DRAWS;
            fourth[i] += square * square / DRAWS;
        }
        cross += u.p[0] * u.p[1] * u.p[N] * u.p[N + 1] / DRAWS;
        tall += u.q[N + 2] * u.q[N + 2] / DRAWS;
        for (size_t a = 0; a < N; a++)
            for (size_t b = 0; b < N; b++) {
                double p = 0, q = 0;
                for (size_t i = 0; i < N; i++) p += u.p[i + a * N] * u.p[i + b * N];
                for (size_t i = 0; i < N + 3; i++) q += u.q[i + a * (N + 3)] * u.q[i + b * (N + 3)];
                CHECK_NEAR(p, a == b, 1e-13, 0);
                CHECK_NEAR(q, a == b, 1e-13, 0);
            }
        wane_null_update_free(&u);
    }
    /* Five standard errors of the means: the entries' variances are at most 1/4, 1/8 and so on. */
    for (size_t i = 0; i < N * N; i++) {
        CHECK_NEAR(first[i], 0, 0.018, 0);
        CHECK_NEAR(second[i], 0.25, 0.009, 0);
        CHECK_NEAR(fourth[i], 0.125, 0.008, 0);
    }
    CHECK_NEAR(cross, -1.0 / 72, 0.0025, 0);
    CHECK_NEAR(tall, 1.0 / 7, 0.007, 0);
    wane_null_change_free(&change);
    wane_base_svd_free(svd);
}

/* ||c G H^T||_F or ||c G||_F. */
static double norm_of(const wane_null_update *u, size_t rows, size_t cols)
{
    double sum = 0;
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < cols; j++) {
            double value = u->q ? 0 : u->p[i + j * rows];
            for (size_t k = 0; u->q && k < u->k; k++)
                value += u->p[i + k * rows] * u->q[j + k * cols];
            sum += value * value;
        }
    return sqrt(sum);
}

static void updates_have_the_norm_of_the_change(void **state)
{
    (void)state;
    wane_error err;
    for (size_t rank = 1; rank <= 12; rank += rank < 4 ? 1 : 4) {
        wane_base_svd *svd = base_of(12, 17);
        wane_null_change change = change_of(svd, rank, 0.7);
        for (int kind = 0; kind < WANE_NULLS; kind++) {
            const wane_null_place place = {.seed = 1, .kind = (wane_null)kind};
            wane_null_update u = {0};
            CHECK_OK(wane_null_update_draw(&u, &change, &place, &err));
            assert_true((u.q == NULL) == (kind == WANE_NULL_GAUSSIAN && rank == 12));
            CHECK_NEAR(norm_of(&u, 12, 17), change.frobenius, 0, 1e-12);
            wane_null_update_free(&u);
        }
        wane_null_change_free(&change);
        wane_base_svd_free(svd);
    }
}

static void counts_depend_on_no_number_of_threads(void **state)
{
    (void)state;
    enum { MATRICES = 3 };
    static tallies one, three, sum, single;
    wane_error err;
    wane_pool *pool = NULL;
    CHECK_OK(wane_pool_new(&pool, 3, &err));
    wane_base_svd *svd[MATRICES] = {base_of(40, 60), base_of(60, 40), base_of(30, 30)};
    wane_null_change changes[MATRICES] = {change_of(svd[0], 2, 14), change_of(svd[1], 40, 3),
                                          change_of(svd[2], 1, 11)};
    for (int kind = 0; kind < WANE_NULLS; kind++) {
        wane_null null = (wane_null)kind;
        CHECK_OK(wane_null_draw(one, null, changes, MATRICES, 7, NULL, &err));
        CHECK_OK(wane_null_draw(three, null, changes, MATRICES, 7, pool, &err));
        assert_memory_equal(one, three, sizeof one);
        memset(sum, 0, sizeof sum);
        for (size_t i = 0; i < MATRICES; i++) {
            CHECK_OK(wane_null_draw_matrix(single, null, &changes[i], i, 7, pool, &err));
            wane_null_add(sum, (const wane_null_tally(*)[WANE_NULL_DRAWS])single);
        }
        assert_memory_equal(one, sum, sizeof one);
        CHECK_OK(wane_null_draw(three, null, changes, MATRICES, 8, pool, &err));
        assert_memory_not_equal(one, three, sizeof one);
        /* matrix 2 is not matrix 0 */
        CHECK_OK(wane_null_draw_matrix(sum, null, &changes[2], 0, 7, NULL, &err));
        assert_memory_not_equal(single, sum, sizeof sum);
    }
    CHECK_OK(wane_null_draw(one, WANE_NULL_ROTATED, changes, MATRICES, 7, NULL, &err));
    CHECK_OK(wane_null_draw(three, WANE_NULL_GAUSSIAN, changes, MATRICES, 7, NULL, &err));
    assert_memory_not_equal(one, three, sizeof one);
    for (size_t i = 0; i < MATRICES; i++) {
        wane_null_change_free(&changes[i]);
        wane_base_svd_free(svd[i]);
    }
    wane_pool_free(pool);
}

/* max_cosine of each of the first ten directions by the method that judges draws and by the SVD of
 * the drawn weight. */
static void compare_with_svd(const wane_base_svd *svd, const wane_null_update *u)
{
    wane_error err;
    size_t m = svd->rows, n = svd->cols, least = svd->rank, top = least < 10 ? least : 10;
    double *c = wane_alloc(m * n, sizeof *c), *sigma = wane_alloc(least, sizeof *sigma);
    double *left = wane_alloc(m * least, sizeof *left),
           *right = wane_alloc(n * least, sizeof *right);
    assert_true(c && sigma && left && right);
    if (u->q) wane_columns_product(NULL, false, true, m, n, u->k, 1, u->p, m, u->q, n, 0, c, m);
    else memcpy(c, u->p, m * n * sizeof *c);
    for (size_t i = 0; i < least; i++) c[i + i * m] += svd->sigma[i];
    CHECK_OK(wane_lapack_svd(c, m, n, sigma, left, right, &err));
    wane_leading found = {0};
    if (u->q) {
        wane_core core = {.rank = least, .left = m, .right = n, .k = u->k, .s = svd->sigma};
        core.p = u->p;
        core.q = u->q;
        core.squares = u->squares;
        CHECK_OK(wane_core_open(&core, wane_core_widest(top), &err));
        CHECK_OK(wane_core_dense(&found, &core, top, &err));
        core.p = core.q = NULL;
        wane_core_close(&core);
    } else {
        CHECK_OK(wane_leading_dense(&found, c, m, n, top, &err));
    }
    for (size_t j = 0; j < top; j++) {
        double cosine[2][2] = {{0}};
        for (size_t i = 0; i < least; i++) {
            cosine[0][0] = fmax(cosine[0][0], fabs(left[i + j * m]));
            cosine[0][1] = fmax(cosine[0][1], fabs(right[j + i * least]));
            cosine[1][0] = fmax(cosine[1][0], fabs(found.u[i + j * m]));
            cosine[1][1] = fmax(cosine[1][1], fabs(found.v[i + j * n]));
        }
        CHECK_NEAR(found.sigma[j], sigma[j], 1e-12 * sigma[0], 0);
        CHECK_NEAR(cosine[1][0], cosine[0][0], 1e-9, 0);
        CHECK_NEAR(cosine[1][1], cosine[0][1], 1e-9, 0);
    }
    wane_leading_free(&found);
    wane_free(c);
    wane_free(sigma);
    wane_free(left);
    wane_free(right);
}

static void judged_as_the_whole_svd_would(void **state)
{
    (void)state;
    const struct {
        size_t rows, cols, rank;
        double value;
    } cases[] = {{128, 96, 3, 20},    {96, 128, 8, 9}, {64, 64, 64, 4},     {64, 64, 64, 0.01},
                 {40, 90, 40, 6},     {90, 40, 40, 6}, {128, 96, 1, 40000}, {60, 60, 2, 500},
                 {300, 20, 20, 2000}, {8, 5, 2, 1},    {1, 7, 1, 1},        {7, 1, 1, 1}};
    wane_error err;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wane_base_svd *svd = base_of(cases[i].rows, cases[i].cols);
        wane_null_change change = change_of(svd, cases[i].rank, cases[i].value);
        for (size_t d = 0; d < 40; d++) {
            const wane_null_place place = {.seed = 9, .kind = (wane_null)(d % 2), .draw = d};
            wane_null_update u = {0};
            CHECK_OK(wane_null_update_draw(&u, &change, &place, &err));
            compare_with_svd(svd, &u);
            wane_null_update_free(&u);
        }
        wane_null_change_free(&change);
        wane_base_svd_free(svd);
    }
}

/* Of another k and epsilon: of the first 3, more or less than of all, and as `below` says. */
static void other_questions_are_answered_too(void **state)
{
    (void)state;
    static tallies all, three;
    wane_error err;
    size_t sum = 0;
    wane_base_svd *svd = base_of(50, 40);
    wane_null_change change = change_of(svd, 4, 12);
    CHECK_OK(wane_null_draw(all, WANE_NULL_ROTATED, &change, 1, 5, NULL, &err));
    change.epsilon = 0.65;
    CHECK_OK(wane_null_draw(three, WANE_NULL_ROTATED, &change, 1, 5, NULL, &err));
    for (size_t d = 0; d < WANE_NULL_DRAWS; d++) {
        assert_int_equal(all[0][d].intruders, all[0][d].below[9]);
        assert_int_equal(three[0][d].intruders, all[0][d].below[12]);
        assert_memory_equal(three[0][d].below, all[0][d].below, sizeof all[0][d].below);
    }
    change.top = 3;
    CHECK_OK(wane_null_draw(three, WANE_NULL_ROTATED, &change, 1, 5, NULL, &err));
    for (size_t d = 0; d < WANE_NULL_DRAWS; d++) {
        assert_int_equal(three[0][d].existing, 3);
        assert_true(three[0][d].intruders <= all[0][d].below[12]);
        sum += three[0][d].intruders;
    }
    assert_true(sum > 0);
    wane_null_change_free(&change);
    wane_base_svd_free(svd);
}

/* The iterative method counts what the dense one counts: a change of few columns beside the same
 * one with many of zeros, for which the dense method is taken. */
static void both_methods_count_the_same(void **state)
{
    (void)state;
    enum { ROWS = 460, COLS = 430, RANK = 4, WIDER = 60 };
    wane_error err;
    wane_base_svd *svd = base_of(ROWS, COLS);
    wane_null_change change = change_of(svd, RANK, 50);
    for (size_t d = 0; d < 6; d++) {
        const wane_null_place place = {.seed = 2, .kind = (wane_null)(d % 2), .draw = d};
        wane_null_update u = {0}, wide = {.k = WIDER};
        wane_null_tally few[2], many[2];
        CHECK_OK(wane_null_update_draw(&u, &change, &place, &err));
        wide.p = wane_alloc(ROWS * WIDER, sizeof *wide.p);
        wide.q = wane_alloc(COLS * WIDER, sizeof *wide.q);
        assert_true(wide.p && wide.q);
        memcpy(wide.p, u.p, ROWS * RANK * sizeof *u.p);
        memcpy(wide.q, u.q, COLS * RANK * sizeof *u.q);
        CHECK_OK(wane_null_update_judge(few, &change, &u, &err));
        CHECK_OK(wane_null_update_judge(many, &change, &wide, &err));
        assert_memory_equal(few, many, sizeof few);
        assert_int_equal(few[0].existing, WANE_NULL_TOP);
        wane_null_update_free(&u);
        wane_null_update_free(&wide);
    }
    wane_null_change_free(&change);
    wane_base_svd_free(svd);
}

static void nothing_changed_draws_nothing(void **state)
{
    (void)state;
    static tallies tally, none;
    wane_error err;
    float *w = normal_floats(20 * 30, 1, 1), *b = normal_floats(20, 1, 2),
          *a = normal_floats(30, 0, 3);
    wane_base_svd *svd = NULL;
    wane_matrix base = {w, 20, 30, 30};
    const wane_spectrum_options options = {0};
    const wane_lowrank_term zero = {b, a, 1, 1};
    wane_null_change change[3] = {{0}};
    double onset = 0;
    CHECK_OK(wane_base_svd_compute(&svd, base, &err));
    CHECK_OK(wane_null_change_full(&change[0], svd, base, &options, NULL, &err));
    CHECK_OK(wane_null_change_lowrank(&change[1], svd, &zero, 1, &options, NULL, &err));
    CHECK_OK(wane_null_change_lowrank(&change[2], svd, NULL, 0, &options, NULL, &err));
    for (int i = 0; i < 3; i++) assert_true(change[i].rank == 0 && change[i].frobenius == 0);
    memset(tally, 1, sizeof tally);
    CHECK_OK(wane_null_draw(tally, WANE_NULL_ROTATED, change, 3, 1, NULL, &err));
    assert_memory_equal(tally, none, sizeof tally);
    wane_null_summary s = wane_null_summarise(tally[0], 0);
    assert_true(s.mean == 0 && s.high == 0 && s.uninformative && s.p_low == 1 && s.p_high == 1);
    CHECK_OK(wane_null_onset(&onset, svd, &zero, 1, &options, NULL, &err));
    assert_true(isnan(onset));
    w[5] = NAN;
    CHECK_FAILS(wane_null_change_full(&change[0], svd, base, &options, NULL, &err), WANE_ENUMERIC,
                "not finite");
    b[2] = NAN;
    CHECK_FAILS(wane_null_onset(&onset, svd, &zero, 1, &options, NULL, &err), WANE_ENUMERIC,
                "not finite");
    for (int i = 0; i < 3; i++) wane_null_change_free(&change[i]);
    wane_base_svd_free(svd);
    wane_free(w);
    wane_free(b);
    wane_free(a);
}

/* Below the floor of W a value of the change is none: of 16-bit files everything that rounding
 * leaves. */
static void values_below_the_floor_are_left_out(void **state)
{
    (void)state;
    enum { N = 24 };
    wane_error err;
    wane_base_svd *svd = NULL;
    float w[N * N] = {0}, tuned[N * N] = {0};
    for (size_t i = 0; i < N; i++) w[i * N + i] = tuned[i * N + i] = (float)(N - i);
    tuned[1 * N + 2] += 0.5f;
    tuned[3 * N + 4] += 0.001f;
    const wane_spectrum_options fine = {0}, coarse = {.rounding = 0.01};
    wane_null_change change = {0};
    CHECK_OK(wane_base_svd_compute(&svd, (wane_matrix){w, N, N, N}, &err));
    wane_matrix weight = {tuned, N, N, N};
    CHECK_OK(wane_null_change_full(&change, svd, weight, &fine, NULL, &err));
    assert_int_equal(change.rank, 2);
    CHECK_NEAR(change.sigma[0], 0.5, 1e-12, 0);
    CHECK_NEAR(change.sigma[1], 0.001, 1e-9, 0);
    CHECK_NEAR(change.frobenius, sqrt(0.250001), 1e-9, 0);
    wane_null_change_free(&change);
    CHECK_OK(wane_null_change_full(&change, svd, weight, &coarse, NULL, &err));
    assert_int_equal(change.rank, 1);
    CHECK_NEAR(change.frobenius, 0.5, 1e-12, 0);
    assert_true(change.rounding == 0.01);
    wane_null_change_free(&change);
    wane_base_svd_free(svd);
}

/* The floor of the drawn weight is that of a file as coarse as the tuned one. */
static void draws_have_the_floor_of_the_file(void **state)
{
    (void)state;
    static tallies fine, coarse;
    wane_error err;
    wane_base_svd *svd = base_of(40, 30);
    wane_null_change change = change_of(svd, 2, 14);
    CHECK_OK(wane_null_draw(fine, WANE_NULL_ROTATED, &change, 1, 1, NULL, &err));
    change.rounding = svd->sigma[4] / (sqrt(40) + sqrt(30));
    CHECK_OK(wane_null_draw(coarse, WANE_NULL_ROTATED, &change, 1, 1, NULL, &err));
    for (int side = 0; side < 2; side++)
        for (size_t d = 0; d < WANE_NULL_DRAWS; d++) {
            assert_int_equal(fine[side][d].existing, WANE_NULL_TOP);
            /* two new ones move four old ones, and at most two of those below, above it */
            assert_in_range(coarse[side][d].existing, 4, 8);
        }
    wane_null_change_free(&change);
    wane_base_svd_free(svd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(factors_have_the_moments_of_haar),
        cmocka_unit_test(updates_have_the_norm_of_the_change),
        cmocka_unit_test(counts_depend_on_no_number_of_threads),
        cmocka_unit_test(judged_as_the_whole_svd_would),
        cmocka_unit_test(other_questions_are_answered_too),
        cmocka_unit_test(both_methods_count_the_same),
        cmocka_unit_test(nothing_changed_draws_nothing),
        cmocka_unit_test(draws_have_the_floor_of_the_file),
        cmocka_unit_test(values_below_the_floor_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
