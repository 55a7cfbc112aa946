/* SPDX-License-Identifier: Apache-2.0
 * A spectrum without the SVD of the base against one with it: sigma, norms, what the bounds decide;
 * factors and whole weights, tall and wide; what falls back; threads.
 */
#include <math.h>
#include <string.h>

#include "analysis/spectra/spectrum.h"
#include "store/base/memory.h"
#include "tests/numeric/spectra/grid.h"
#include "tests/support/support.h"

static void assert_near(double a, double b)
{
    if (!(fabs(a - b) <= 1e-9 * fabs(b))) print_error("%.17g for %.17g\n", a, b);
    assert_true(fabs(a - b) <= 1e-9 * fabs(b));
}

static wane_spectrum_options ask(const grid_case *c, const double *epsilon)
{
    return (wane_spectrum_options){
        .top = c->top, .u = true, .v = true, .epsilon = epsilon, .epsilons = 1};
}

/* Against the leading triplets of the base, or the base whole and densely. */
static wane_spectrum find(const grid_case *c, bool leading, bool whole,
                          const wane_spectrum_options *options, wane_pool *pool)
{
    wane_spectrum s = {0};
    wane_base_svd *base = NULL;
    wane_error err;
    const wane_matrix weight = {c->base, c->rows, c->cols, c->cols};
    wane_lowrank_term term = grid_term(c);
    if (leading) CHECK_OK(wane_base_svd_leading(&base, weight, c->top, pool, &err));
    const wane_base_svd *of = leading ? base : c->svd;
    if (whole) CHECK_OK(wane_spectrum_full(&s, of, grid_tuned(c), options, pool, &err));
    else CHECK_OK(wane_spectrum_lowrank(&s, of, &term, 1, options, pool, &err));
    wane_base_svd_free(base);
    return s;
}

static void compare(const wane_spectrum *b, const wane_spectrum *s, double epsilon, bool whole,
                    size_t *open)
{
    assert_int_equal(b->count, s->count);
    assert_near(b->floor, s->floor);
    assert_near(b->delta_frobenius, s->delta_frobenius);
    assert_near(b->base_frobenius, s->base_frobenius);
    assert_near(b->base_spectral, s->base_spectral);
    assert_near(b->relative_update, s->relative_update);
    assert_true(fabs(b->rho - s->rho) <= 1e-6);
    assert_true(b->changed);
    if (whole) assert_true(isnan(b->effective_rank));
    else assert_near(b->effective_rank, s->effective_rank);
    for (size_t j = 0; j < s->count; j++)
        for (int side = 0; side < 2; side++) {
            const wane_direction *d = &s->side[side][j], *one = &b->side[side][j];
            wane_direction_kind is = wane_direction_judge(d, epsilon);
            wane_direction_kind kind = wane_direction_judge(one, epsilon);
            assert_near(one->sigma, d->sigma);
            if (!(one->low < d->max_cosine + 2e-5 && one->high > d->max_cosine - 2e-5))
                print_error("side %d, %zu: %g in %g %g, %g up to %g\n", side, j, d->max_cosine,
                            one->low, one->high, d->cluster_overlap, one->cluster_overlap);
            assert_true(one->low < d->max_cosine + 2e-5 && one->high > d->max_cosine - 2e-5);
            assert_true(one->max_cosine == one->low && one->cluster_overlap >= one->high);
            assert_true(b->bounded || one->steps == 0);
            if (kind == WANE_DIRECTION_UNRESOLVED && is != kind) (*open)++;
            else assert_int_equal(kind, is);
        }
}

static void agrees_with_the_svd(void **state)
{
    (void)state;
    static const struct {
        size_t rows, cols, rank;
        bool bounded; /* ten of thirty: too many for Lanczos */
    } shapes[] = {
        {180, 180, 4, true}, {260, 170, 8, true}, {170, 260, 60, true}, {40, 30, 2, false}};
    const double epsilon = 0.5;
    size_t open = 0, asked = 0;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int whole = 0; whole < 2; whole++) {
            grid_case c = {.rows = shapes[i].rows,
                           .cols = shapes[i].cols,
                           .rank = shapes[i].rank,
                           .top = 10,
                           .seed = 3 + i};
            wane_spectrum_options options = ask(&c, &epsilon), exactly = options;
            exactly.dense = true;
            exactly.scan = whole && shapes[i].bounded;
            grid_weights(&c);
            grid_finish(&c);
            wane_spectrum s = find(&c, false, whole, &exactly, NULL);
            wane_spectrum b = find(&c, true, whole, &options, NULL);
            assert_int_equal(b.bounded, shapes[i].bounded);
            compare(&b, &s, epsilon, whole && b.bounded, &open);
            asked += 2 * b.count;
            wane_spectrum_free(&b);
            wane_spectrum_free(&s);
            grid_free(&c);
        }
    print_message("%zu of %zu open\n", open, asked);
    assert_true(open * 20 < asked);
}

/* Equal singular values everywhere: Lanczos cannot tell how many there are. */
static void falls_back_to_the_svd(void **state)
{
    (void)state;
    enum { SIDE = 24 };
    float base[SIDE * SIDE] = {0}, b[SIDE], a[SIDE];
    wane_spectrum out = {0};
    wane_base_svd *svd = NULL;
    wane_error err;
    for (size_t i = 0; i < SIDE; i++) {
        base[i * SIDE + (i * 7 + 3) % SIDE] = 4;
        b[i] = i == 2 ? 9 : 0;
        a[i] = i == 5 ? 1 : 0;
    }
    const wane_matrix weight = {base, SIDE, SIDE, SIDE};
    const wane_lowrank_term term = {b, a, 1, 1};
    const wane_spectrum_options options = {.top = 4, .u = true};
    CHECK_OK(wane_base_svd_leading(&svd, weight, 4, NULL, &err));
    assert_true(wane_base_svd_is_whole(svd));
    assert_int_equal(wane_base_svd_count(svd), SIDE);
    CHECK_OK(wane_spectrum_lowrank(&out, svd, &term, 1, &options, NULL, &err));
    assert_false(out.bounded);
    assert_int_equal(out.count, 4);
    assert_null(out.side[WANE_SIDE_V]);
    assert_near(out.delta_frobenius, 9);
    for (size_t j = 0; j < out.count; j++) {
        const wane_direction *d = &out.side[WANE_SIDE_U][j];
        assert_true(d->low == d->max_cosine && d->high == d->max_cosine);
        assert_int_equal(d->steps, 0);
    }
    wane_spectrum_free(&out);
    wane_base_svd_free(svd);
}

/* A base that is taken by bounds. */
static grid_case make_leading(wane_base_svd **base)
{
    grid_case c = {.rows = 180, .cols = 170, .rank = 4, .top = 10, .seed = 8};
    wane_error err;
    grid_weights(&c);
    const wane_matrix weight = {c.base, c.rows, c.cols, c.cols};
    CHECK_OK(wane_base_svd_take(base, weight, WANE_SPECTRUM_BOUNDED, c.top, NULL, NULL, &err));
    return c;
}

/* A small one by itself, and any that is to be exact. */
static void others_are_taken_whole(void **state)
{
    (void)state;
    grid_case c = {.rows = 90, .cols = 80, .rank = 4, .top = 10, .seed = 8};
    const wane_spectrum_way ways[] = {WANE_SPECTRUM_AUTO, WANE_SPECTRUM_EXACT};
    grid_weights(&c);
    const wane_matrix weight = {c.base, c.rows, c.cols, c.cols};
    for (size_t i = 0; i < 2; i++) {
        wane_base_svd *base = NULL;
        wane_error err;
        CHECK_OK(wane_base_svd_take(&base, weight, ways[i], c.top, NULL, NULL, &err));
        assert_true(wane_base_svd_is_whole(base));
        wane_base_svd_free(base);
    }
    grid_free(&c);
}

/* Its directions are the base's, each near one to the bit. */
static void an_unchanged_weight_has_the_directions_of_its_base(void **state)
{
    (void)state;
    wane_base_svd *base = NULL;
    wane_spectrum s = {0};
    wane_error err;
    const double epsilon = 0.5;
    grid_case c = make_leading(&base);
    const wane_matrix weight = {c.base, c.rows, c.cols, c.cols};
    const wane_spectrum_options options = ask(&c, &epsilon);
    assert_false(wane_base_svd_is_whole(base));
    assert_int_equal(wane_base_svd_count(base), 0);
    assert_null(wane_base_svd_sigma(base));
    CHECK_OK(wane_spectrum_full(&s, base, weight, &options, NULL, &err));
    assert_false(s.changed);
    for (size_t j = 0; j < s.count; j++)
        assert_true(s.side[0][j].max_cosine == 1 && s.side[1][j].high == 1);
    wane_spectrum_free(&s);
    wane_base_svd_free(base);
    grid_free(&c);
}

static void few_directions_of_wide_matrices_are_bounded(void **state)
{
    (void)state;
    assert_false(wane_spectrum_is_bounded(WANE_SPECTRUM_AUTO, 4096, 1024, 10));
    assert_true(wane_spectrum_is_bounded(WANE_SPECTRUM_AUTO, 1025, 4096, 10));
    assert_false(wane_spectrum_is_bounded(WANE_SPECTRUM_AUTO, 1025, 4096, 0));
    assert_false(wane_spectrum_is_bounded(WANE_SPECTRUM_EXACT, 1025, 4096, 10));
    assert_true(wane_spectrum_is_bounded(WANE_SPECTRUM_BOUNDED, 80, 90, 10));
    assert_false(wane_spectrum_is_bounded(WANE_SPECTRUM_BOUNDED, 79, 90, 10));
}

static void same_bits_for_any_threads(void **state)
{
    (void)state;
    grid_case c = {.rows = 300, .cols = 200, .rank = 8, .top = 10, .seed = 5};
    wane_spectrum out[3];
    const double epsilon = 0.5;
    grid_weights(&c);
    grid_finish(&c);
    const wane_spectrum_options options = ask(&c, &epsilon);
    for (int t = 0; t < 3; t++) {
        wane_pool *pool = NULL;
        wane_error err;
        CHECK_OK(wane_pool_new(&pool, t + 1, &err));
        out[t] = find(&c, true, false, &options, pool);
        wane_pool_free(pool);
        assert_true(out[t].bounded);
        for (int side = 0; side < 2; side++)
            for (size_t j = 0; j < c.top; j++) {
                const wane_direction *a = &out[t].side[side][j], *b = &out[0].side[side][j];
                assert_true(a->sigma == b->sigma && a->low == b->low && a->high == b->high &&
                            a->cluster_overlap == b->cluster_overlap && a->steps == b->steps);
            }
    }
    for (int t = 0; t < 3; t++) wane_spectrum_free(&out[t]);
    grid_free(&c);
}

static void bad_input_is_refused(void **state)
{
    (void)state;
    const float base[6] = {1, 2, 3, 4, 5, 6}, broken[6] = {1, 2, NAN, 4, 5, 6};
    wane_base_svd *svd = NULL;
    wane_error err;
    wane_matrix w = {broken, 2, 3, 3};
    assert_int_equal(wane_base_svd_leading(&svd, w, 1, NULL, &err), WANE_ENUMERIC);
    w = (wane_matrix){base, 2, 2, 3}; /* gaps between rows */
    assert_int_equal(wane_base_svd_leading(&svd, w, 1, NULL, &err), WANE_EINVAL);
    assert_null(svd);
}

/* Not finite, or of another shape: seen against a leading base as against a whole one. */
static void a_bad_tuned_weight_is_refused(void **state)
{
    (void)state;
    wane_base_svd *base = NULL;
    wane_spectrum s = {0};
    wane_error err;
    const double epsilon = 0.5;
    grid_case c = make_leading(&base);
    wane_matrix weight = {c.base, c.rows, c.cols, c.cols};
    const wane_spectrum_options options = ask(&c, &epsilon);
    float *broken = wane_alloc(c.rows * c.cols, sizeof *broken);
    assert_non_null(broken);
    memcpy(broken, c.base, c.rows * c.cols * sizeof *broken);
    broken[c.cols + 1] = INFINITY;
    weight.data = broken;
    assert_int_equal(wane_spectrum_full(&s, base, weight, &options, NULL, &err), WANE_ENUMERIC);
    weight.rows--;
    assert_int_equal(wane_spectrum_full(&s, base, weight, &options, NULL, &err), WANE_EINVAL);
    assert_null(s.memory);
    wane_free(broken);
    wane_base_svd_free(base);
    grid_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_svd),
        cmocka_unit_test(falls_back_to_the_svd),
        cmocka_unit_test(others_are_taken_whole),
        cmocka_unit_test(an_unchanged_weight_has_the_directions_of_its_base),
        cmocka_unit_test(few_directions_of_wide_matrices_are_bounded),
        cmocka_unit_test(same_bits_for_any_threads),
        cmocka_unit_test(bad_input_is_refused),
        cmocka_unit_test(a_bad_tuned_weight_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
