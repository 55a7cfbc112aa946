/* SPDX-License-Identifier: Apache-2.0
 * What is asked of a base beside a spectrum, of its leading triplets alone against its whole SVD:
 * random updates and where intruders begin, weights changed along them, overlaps.
 */
#include <math.h>
#include <string.h>

#include "analysis/spectra/interventions.h"
#include "analysis/spectra/null.h"
#include "store/base/memory.h"
#include "tests/numeric/spectra/grid.h"
#include "tests/support/support.h"

typedef wane_null_tally tallies[2][WANE_NULL_DRAWS];

static const struct {
    size_t rows, cols, rank;
} shapes[] = {{130, 90, 4}, {90, 120, 3}, {100, 100, 8}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

/* The base whole, in c->svd, and by its leading triplets. */
static grid_case make(size_t i, wane_base_svd **leading)
{
    wane_error err;
    grid_case c = {.rows = shapes[i].rows,
                   .cols = shapes[i].cols,
                   .rank = shapes[i].rank,
                   .top = 10,
                   .seed = 90 + i};
    grid_weights(&c);
    for (size_t k = 0; k < c.rows * c.rank; k++) c.b[k] /= 4;
    grid_finish(&c);
    const wane_matrix weight = {c.base, c.rows, c.cols, c.cols};
    *leading = NULL;
    CHECK_OK(wane_base_svd_leading(leading, weight, 0, NULL, &err));
    assert_false(wane_base_svd_is_whole(*leading));
    return c;
}

static void values_are_those_of_the_svd(void **state)
{
    (void)state;
    for (size_t i = 0; i < SHAPES; i++) {
        wane_error err;
        wane_base_svd *leading = NULL;
        grid_case c = make(i, &leading);
        assert_null(wane_base_svd_sigma(leading));
        CHECK_OK(wane_base_svd_find_values(leading, NULL, &err));
        const double *a = wane_base_svd_sigma(leading), *b = wane_base_svd_sigma(c.svd);
        assert_int_equal(wane_base_svd_count(leading), wane_base_svd_count(c.svd));
        for (size_t j = 0; j < (c.rows < c.cols ? c.rows : c.cols); j++)
            CHECK_NEAR(a[j], b[j], 1e-13 * b[0] * b[0] / b[j], 0);
        CHECK_OK(wane_base_svd_find_values(leading, NULL, &err)); /* nothing to do */
        assert_ptr_equal(wane_base_svd_sigma(leading), a);
        CHECK_OK(wane_base_svd_find_values(c.svd, NULL, &err));
        assert_ptr_equal(wane_base_svd_sigma(c.svd), b);
        wane_base_svd_free(leading);
        grid_free(&c);
    }
}

static void change(wane_null_change *out, const grid_case *c, const wane_base_svd *base, bool whole)
{
    wane_error err;
    const wane_spectrum_options options = {0};
    const wane_lowrank_term term = grid_term(c);
    if (whole) CHECK_OK(wane_null_change_full(out, base, grid_tuned(c), &options, NULL, &err));
    else CHECK_OK(wane_null_change_lowrank(out, base, &term, 1, &options, NULL, &err));
}

/* The draws are the same ones, to the counts. */
static void draws_are_those_against_the_svd(void **state)
{
    (void)state;
    static tallies draws[2], threads;
    size_t intruders = 0, existing = 0;
    wane_error err;
    wane_pool *pool = NULL;
    CHECK_OK(wane_pool_new(&pool, 3, &err));
    for (size_t i = 0; i < SHAPES; i++)
        for (int how = 0; how < 2 * WANE_NULLS; how++) {
            wane_null kind = (wane_null)(how / 2);
            wane_base_svd *leading = NULL;
            wane_null_change changes[2];
            grid_case c = make(i, &leading);
            CHECK_OK(wane_base_svd_find_values(leading, NULL, &err));
            change(&changes[0], &c, c.svd, how % 2);
            change(&changes[1], &c, leading, how % 2);
            assert_int_equal(changes[0].rank, changes[1].rank);
            for (size_t j = 0; j < changes[0].rank; j++)
                CHECK_NEAR(changes[1].sigma[j], changes[0].sigma[j], 0, 1e-9);
            for (int b = 0; b < 2; b++)
                CHECK_OK(wane_null_draw_matrix(draws[b], kind, &changes[b], i, 4, NULL, &err));
            CHECK_OK(wane_null_draw_matrix(threads, kind, &changes[1], i, 4, pool, &err));
            assert_memory_equal(draws[1], threads, sizeof threads);
            assert_memory_equal(draws[0], draws[1], sizeof threads);
            for (size_t d = 0; d < WANE_NULL_DRAWS; d++) {
                intruders += draws[1][0][d].intruders;
                existing += draws[1][0][d].existing;
            }
            for (int b = 0; b < 2; b++) wane_null_change_free(&changes[b]);
            wane_base_svd_free(leading);
            grid_free(&c);
        }
    wane_pool_free(pool);
    print_message("%zu intruders of %zu\n", intruders, existing);
    assert_true(intruders > existing / 100 && intruders < existing - existing / 100);
}

/* Of full rank the draws are others, of the same law: means of both sides within four standard
 * errors. */
static void draws_of_full_rank_have_the_same_law(void **state)
{
    (void)state;
    enum { SEEDS = 1, N = SEEDS * WANE_NULL_DRAWS };
    static tallies draws, threads;
    wane_error err;
    wane_pool *pool = NULL;
    CHECK_OK(wane_pool_new(&pool, 2, &err));
    for (size_t i = 0; i < SHAPES; i++) {
        wane_base_svd *leading = NULL;
        double mean[2] = {0}, squares[2] = {0};
        grid_case c = make(i, &leading);
        float *noise = normal_floats(c.rows * c.cols, 0.6, 7);
        for (size_t j = 0; j < c.rows * c.cols; j++) c.tuned[j] = c.base[j] + noise[j];
        CHECK_OK(wane_base_svd_find_values(leading, NULL, &err));
        for (int b = 0; b < 2; b++) {
            wane_null_change of = {0};
            change(&of, &c, b ? leading : c.svd, true);
            assert_true(8 * of.rank > c.rows && 8 * of.rank > c.cols);
            for (uint64_t seed = 0; seed < SEEDS; seed++) {
                CHECK_OK(wane_null_draw_matrix(draws, WANE_NULL_ROTATED, &of, i, seed, NULL, &err));
                for (size_t d = 0; d < WANE_NULL_DRAWS; d++) {
                    double both = (double)(draws[0][d].intruders + draws[1][d].intruders);
                    mean[b] += both / N;
                    squares[b] += both * both / N;
                }
            }
            if (b) {
                CHECK_OK(wane_null_draw_matrix(threads, WANE_NULL_ROTATED, &of, i, SEEDS - 1, pool,
                                               &err));
                assert_memory_equal(draws, threads, sizeof threads);
            }
            wane_null_change_free(&of);
        }
        double error = 0;
        for (int b = 0; b < 2; b++) error += (squares[b] - mean[b] * mean[b]) / N;
        print_message("%g and %g of 20, +- %.2g\n", mean[0], mean[1], sqrt(error));
        assert_true(error > 0 && fabs(mean[0] - mean[1]) < 4 * sqrt(error));
        wane_free(noise);
        wane_base_svd_free(leading);
        grid_free(&c);
    }
    wane_pool_free(pool);
}

static void nothing_is_drawn_without_the_values(void **state)
{
    (void)state;
    wane_error err;
    wane_base_svd *leading = NULL;
    wane_null_change out = {0};
    grid_case c = make(0, &leading);
    const wane_spectrum_options options = {0};
    const wane_lowrank_term term = grid_term(&c);
    CHECK_FAILS(wane_null_change_lowrank(&out, leading, &term, 1, &options, NULL, &err),
                WANE_EINVAL, "values are not known");
    assert_null(out.sigma);
    wane_base_svd_free(leading);
    grid_free(&c);
}

/* Or later, where the first one is not certain at once. */
static void onset_is_that_against_the_svd(void **state)
{
    (void)state;
    size_t begins = 0, same = 0;
    for (size_t i = 0; i < SHAPES; i++)
        for (int size = 0; size < 3; size++) {
            wane_error err;
            wane_base_svd *leading = NULL;
            double onset[2];
            const wane_spectrum_options options = {0};
            grid_case c = make(i, &leading);
            wane_lowrank_term term = grid_term(&c);
            term.scale = size == 0 ? 1.0F : size == 1 ? 2.5F : 0.01F;
            CHECK_OK(wane_null_onset(&onset[0], c.svd, &term, 1, &options, NULL, &err));
            CHECK_OK(wane_null_onset(&onset[1], leading, &term, 1, &options, NULL, &err));
            if (isnan(onset[0])) assert_true(isnan(onset[1]));
            else assert_true(onset[1] >= onset[0] && onset[1] <= onset[0] * 1.05);
            print_message("%g %g\n", onset[0], onset[1]);
            same += onset[1] == onset[0];
            begins += !isnan(onset[0]);
            wane_base_svd_free(leading);
            grid_free(&c);
        }
    print_message("%zu begin, %zu at the same place\n", begins, same);
    assert_true(begins < 3 * SHAPES && begins > SHAPES && same > 0);
}

static void scaled(wane_scaling **out, const grid_case *c, const wane_base_svd *base, bool whole,
                   const wane_scaling_options *options)
{
    wane_error err;
    const wane_lowrank_term term = grid_term(c);
    if (whole) CHECK_OK(wane_scaling_full(out, base, grid_tuned(c), options, NULL, &err));
    else CHECK_OK(wane_scaling_lowrank(out, base, &term, 1, options, NULL, &err));
}

static void same_number(double a, double b)
{
    if (isnan(b)) assert_true(isnan(a));
    else CHECK_NEAR(a, b, 1e-12, 1e-5);
}

static void same_arms(const wane_scaling *a, const wane_scaling *b)
{
    for (int choice = 0; choice < WANE_CHOICES; choice++)
        for (int arm = 0; arm < WANE_ARMS; arm++)
            for (int half = 0; half < 4; half++) {
                wane_intervention x =
                    wane_intervene(a, (wane_choice)choice, (wane_arm)arm, half / 2.0);
                wane_intervention y =
                    wane_intervene(b, (wane_choice)choice, (wane_arm)arm, half / 2.0);
                assert_int_equal(x.state, y.state);
                assert_int_equal(x.rank, y.rank);
                same_number(x.delta_scale, y.delta_scale);
                same_number(x.factor, y.factor);
                same_number(x.delta_frobenius, y.delta_frobenius);
                same_number(x.moved_frobenius, y.moved_frobenius);
            }
}

/* Intruders against the leading triplets are some of those against the whole SVD; whether they are
 * all, with the same neighbours. */
static bool same_directions(const wane_scaling *a, const wane_scaling *b, size_t *neighbours)
{
    size_t count = wane_scaling_intruders(a, WANE_CHOICE_ALL);
    size_t certain = wane_scaling_intruders(b, WANE_CHOICE_ALL), place = 0;
    bool same = certain == count;
    assert_true(certain <= count);
    for (size_t j = 0; j < certain; j++, place++) {
        wane_scaled_direction y = wane_scaling_direction(b, j), x = {0};
        while (place < count && (x = wane_scaling_direction(a, place)).position < y.position)
            place++;
        assert_int_equal(x.position, y.position);
        same_number(x.sigma, y.sigma);
        same = same && x.neighbour == y.neighbour;
        *neighbours += x.neighbour > 0;
    }
    return same;
}

static void arms_are_those_against_the_svd(void **state)
{
    (void)state;
    size_t all = 0, same = 0, neighbours = 0;
    for (size_t i = 0; i < SHAPES; i++)
        for (int how = 0; how < 4; how++) {
            wane_base_svd *leading = NULL;
            wane_scaling *a = NULL, *b = NULL;
            grid_case c = make(i, &leading);
            const wane_scaling_options options = {.k = 10,
                                                  .epsilon = how < 2 ? 0.5 : 0.73,
                                                  .stored = 20,
                                                  .side = how % 2 ? WANE_SIDE_V : WANE_SIDE_U};
            scaled(&a, &c, c.svd, how % 2, &options);
            scaled(&b, &c, leading, how % 2, &options);
            all++;
            if (same_directions(a, b, &neighbours)) {
                same_arms(a, b);
                same++;
            }
            wane_scaling_free(a);
            wane_scaling_free(b);
            wane_base_svd_free(leading);
            grid_free(&c);
        }
    print_message("%zu of %zu the same, %zu neighbours\n", same, all, neighbours);
    assert_true(2 * same > all && neighbours > 10);
}

/* Of as many as the base's triplets are, and no more. */
static void overlaps_are_those_against_the_svd(void **state)
{
    (void)state;
    enum { SIZE = 10 };
    for (size_t i = 0; i < SHAPES; i++) {
        wane_error err;
        wane_base_svd *leading = NULL;
        wane_spectrum s[2] = {{0}, {0}};
        double out[2][SIZE * SIZE], more[(SIZE + 1) * (SIZE + 1)];
        grid_case c = make(i, &leading);
        const wane_spectrum_options options = {
            .top = SIZE + 1, .u = true, .vectors = true, .scan = true};
        CHECK_OK(wane_spectrum_full(&s[0], c.svd, grid_tuned(&c), &options, NULL, &err));
        CHECK_OK(wane_spectrum_full(&s[1], leading, grid_tuned(&c), &options, NULL, &err));
        for (int side = 0; side < 2; side++) {
            CHECK_OK(wane_spectrum_overlap(out[0], SIZE, c.svd, &s[0], (wane_side)side, &err));
            CHECK_OK(wane_spectrum_overlap(out[1], SIZE, leading, &s[1], (wane_side)side, &err));
            for (size_t j = 0; j < SIZE * SIZE; j++) CHECK_NEAR(out[1][j], out[0][j], 1e-4, 0);
        }
        CHECK_FAILS(wane_spectrum_overlap(more, SIZE + 1, leading, &s[1], WANE_SIDE_U, &err),
                    WANE_EINVAL, "the base has 10");
        wane_spectrum_free(&s[0]);
        wane_spectrum_free(&s[1]);
        wane_base_svd_free(leading);
        grid_free(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(values_are_those_of_the_svd),
                                       cmocka_unit_test(draws_are_those_against_the_svd),
                                       cmocka_unit_test(draws_of_full_rank_have_the_same_law),
                                       cmocka_unit_test(nothing_is_drawn_without_the_values),
                                       cmocka_unit_test(onset_is_that_against_the_svd),
                                       cmocka_unit_test(arms_are_those_against_the_svd),
                                       cmocka_unit_test(overlaps_are_those_against_the_svd)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
