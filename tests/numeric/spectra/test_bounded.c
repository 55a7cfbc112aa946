/* SPDX-License-Identifier: Apache-2.0
 * A spectrum without the SVD of the base against one with it: sigma, norms, what the bounds decide;
 * factors and whole weights, tall and wide; what falls back; threads.
 */
#include <math.h>
#include <string.h>

#include "analysis/spectra/bounded.h"
#include "tests/numeric/spectra/grid.h"
#include "tests/support/support.h"

static void assert_near(double a, double b)
{
    if (!(fabs(a - b) <= 1e-9 * fabs(b))) print_error("%.17g for %.17g\n", a, b);
    assert_true(fabs(a - b) <= 1e-9 * fabs(b));
}

static wane_bounded_question ask(const grid_case *c, const wane_lowrank_term *term, double epsilon)
{
    wane_bounded_question q = {.base = {c->base, c->rows, c->cols, c->cols},
                               .terms = term,
                               .count = 1,
                               .top = c->top,
                               .u = true,
                               .v = true,
                               .epsilon = epsilon,
                               .steps = 96};
    if (term) return q;
    q.count = 0;
    q.tuned = grid_tuned(c);
    return q;
}

static void compare(const wane_bounded_spectrum *b, const wane_spectrum *s, double epsilon,
                    bool whole, size_t *open)
{
    assert_int_equal(b->count, s->count);
    assert_near(b->norms.floor, s->floor);
    assert_near(b->norms.delta_frobenius, s->delta_frobenius);
    assert_near(b->norms.base_frobenius, s->base_frobenius);
    assert_near(b->norms.base_spectral, s->base_spectral);
    assert_near(b->norms.relative_update, s->relative_update);
    assert_near(b->norms.rho, s->rho);
    if (whole) assert_true(isnan(b->norms.effective_rank));
    else assert_near(b->norms.effective_rank, s->effective_rank);
    for (size_t j = 0; j < s->count; j++) {
        assert_near(b->sigma[j], s->side[WANE_SIDE_U][j].sigma);
        for (int side = 0; side < 2; side++) {
            const wane_direction *d = &s->side[side][j];
            const wane_cosine_bounds *one = &b->side[side][j];
            wane_direction_kind kind;
            if (!(one->low < d->max_cosine + 2e-5 && one->high > d->max_cosine - 2e-5))
                print_error("side %d, %zu: %g in %g %g, %g in %g %g, exact %d\n", side, j,
                            d->max_cosine, one->low, one->high, d->cluster_overlap,
                            one->cluster_low, one->cluster_high, b->exact);
            assert_true(one->low < d->max_cosine + 2e-5 && one->high > d->max_cosine - 2e-5);
            if (!wane_moment_judge(&kind, one, epsilon)) (*open)++;
            else assert_int_equal(kind, wane_direction_judge(d, epsilon));
        }
    }
}

static void agrees_with_the_svd(void **state)
{
    (void)state;
    static const struct {
        size_t rows, cols, rank;
        bool exact; /* ten of thirty: too many for Lanczos */
    } shapes[] = {
        {180, 180, 4, false}, {260, 170, 8, false}, {170, 260, 60, false}, {40, 30, 2, true}};
    size_t open = 0, asked = 0;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int whole = 0; whole < 2; whole++) {
            grid_case c = {.rows = shapes[i].rows,
                           .cols = shapes[i].cols,
                           .rank = shapes[i].rank,
                           .top = 10,
                           .seed = 3 + i};
            wane_spectrum s;
            wane_bounded_spectrum b;
            wane_error err;
            const wane_spectrum_options options = {
                .top = c.top, .u = true, .v = true, .dense = true, .scan = whole};
            grid_weights(&c);
            grid_finish(&c);
            wane_lowrank_term term = grid_term(&c);
            if (whole)
                CHECK_OK(wane_spectrum_full(&s, c.svd, grid_tuned(&c), &options, NULL, &err));
            else CHECK_OK(wane_spectrum_lowrank(&s, c.svd, &term, 1, &options, NULL, &err));
            wane_bounded_question q = ask(&c, whole ? NULL : &term, 0.5);
            CHECK_OK(wane_bounded_spectrum_find(&b, &q, NULL, &err));
            assert_int_equal(b.exact, shapes[i].exact);
            compare(&b, &s, 0.5, whole, &open);
            asked += 2 * b.count;
            wane_bounded_spectrum_free(&b);
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
    wane_bounded_spectrum out;
    wane_error err;
    for (size_t i = 0; i < SIDE; i++) {
        base[i * SIDE + (i * 7 + 3) % SIDE] = 4;
        b[i] = i == 2 ? 9 : 0;
        a[i] = i == 5 ? 1 : 0;
    }
    const wane_lowrank_term term = {b, a, 1, 1};
    const wane_bounded_question q = {.base = {base, SIDE, SIDE, SIDE},
                                     .terms = &term,
                                     .count = 1,
                                     .top = 4,
                                     .u = true,
                                     .epsilon = 0.5,
                                     .steps = 16};
    CHECK_OK(wane_bounded_spectrum_find(&out, &q, NULL, &err));
    assert_true(out.exact);
    assert_int_equal(out.count, 4);
    assert_null(out.side[WANE_SIDE_V]);
    assert_near(out.norms.delta_frobenius, 9);
    for (size_t j = 0; j < out.count; j++) {
        assert_true(out.side[WANE_SIDE_U][j].low == out.side[WANE_SIDE_U][j].high);
        assert_int_equal(out.side[WANE_SIDE_U][j].steps, 0);
    }
    wane_bounded_spectrum_free(&out);
}

static void same_bits_for_any_threads(void **state)
{
    (void)state;
    grid_case c = {.rows = 300, .cols = 200, .rank = 8, .top = 10, .seed = 5};
    wane_bounded_spectrum out[3];
    wane_error err;
    grid_weights(&c);
    grid_finish(&c);
    wane_lowrank_term term = grid_term(&c);
    wane_bounded_question q = ask(&c, &term, 0.5);
    for (int t = 0; t < 3; t++) {
        wane_pool *pool = NULL;
        CHECK_OK(wane_pool_new(&pool, t + 1, &err));
        CHECK_OK(wane_bounded_spectrum_find(&out[t], &q, pool, &err));
        wane_pool_free(pool);
        assert_memory_equal(out[t].sigma, out[0].sigma, c.top * sizeof *out[0].sigma);
        for (int side = 0; side < 2; side++)
            assert_memory_equal(out[t].side[side], out[0].side[side],
                                c.top * sizeof *out[0].side[side]);
    }
    for (int t = 0; t < 3; t++) wane_bounded_spectrum_free(&out[t]);
    grid_free(&c);
}

static void bad_input_is_refused(void **state)
{
    (void)state;
    const float base[6] = {1, 2, 3, 4, 5, 6}, broken[6] = {1, 2, NAN, 4, 5, 6};
    wane_bounded_spectrum out = {0};
    wane_error err;
    wane_bounded_question q = {.base = {base, 2, 3, 3},
                               .tuned = {base, 3, 2, 2},
                               .top = 1,
                               .u = true,
                               .epsilon = 0.5,
                               .steps = 4};
    assert_int_equal(wane_bounded_spectrum_find(&out, &q, NULL, &err), WANE_EINVAL);
    q.tuned = (wane_matrix){broken, 2, 3, 3};
    assert_int_equal(wane_bounded_spectrum_find(&out, &q, NULL, &err), WANE_ENUMERIC);
    q.base = q.tuned;
    assert_int_equal(wane_bounded_spectrum_find(&out, &q, NULL, &err), WANE_ENUMERIC);
    assert_null(out.memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_svd), cmocka_unit_test(falls_back_to_the_svd),
        cmocka_unit_test(same_bits_for_any_threads), cmocka_unit_test(bad_input_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
