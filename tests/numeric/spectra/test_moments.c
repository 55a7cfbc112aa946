/* SPDX-License-Identifier: Apache-2.0
 * Bounds by moments against LAPACK's SVD of the base: tall, wide, square, rank-deficient and
 * decaying bases, changes of low and of full rank, both sides; every interval holds the truth,
 * every decision is right; each bound is needed.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/spectra/moments.h"
#include "store/base/random.h"
#include "tests/numeric/spectra/grid.h"
#include "tests/support/support.h"

static const double epsilons[] = {0.1, 0.3, 0.5, 0.8, 0.9};
enum { EPSILONS = sizeof epsilons / sizeof *epsilons };

typedef struct counts {
    size_t decided, wrong, open, outside, steps;
    double widest;
} counts;

static double largest_of(const grid_case *c)
{
    return wane_base_svd_sigma(c->svd)[0] * (1 + 1e-5);
}

/* Of one side: the judge's numbers against the bounds. */
static void compare(counts *out, const grid_case *c, const wane_spectrum *s, wane_side side)
{
    const double *vectors = side == WANE_SIDE_U ? s->u : s->v;
    const wane_matrix base = {c->base, c->rows, c->cols, c->cols};
    const double largest = largest_of(c);
    size_t wide = c->rows > c->cols ? c->rows : c->cols;
    for (size_t e = 0; e < EPSILONS; e++) {
        const wane_moment_options options = {.floor = (double)wide * 0x1p-23 * largest,
                                             .largest = largest,
                                             .epsilon = epsilons[e],
                                             .steps = 96};
        wane_cosine_bounds *b = calloc(s->count, sizeof *b);
        wane_error err;
        assert_non_null(b);
        CHECK_OK(wane_moment_bounds(b, base, side, vectors, s->count, &options, NULL, &err));
        for (size_t j = 0; j < s->count; j++) {
            const wane_direction *d = &s->side[side][j];
            wane_direction_kind kind = WANE_DIRECTION_ABSENT;
            if (isnan(d->max_cosine)) continue;
            const double slack = 2e-5;
            bool inside = b[j].high > d->max_cosine - slack && b[j].low < d->max_cosine + slack &&
                          b[j].cluster_high > d->cluster_overlap - slack &&
                          b[j].cluster_low < d->cluster_overlap + slack;
            out->outside += !inside;
            if (!inside)
                print_error("%zu x %zu, %zu of side %d: %g %g in %g %g, %g in %g %g\n", c->rows,
                            c->cols, j, (int)side, epsilons[e], d->max_cosine, b[j].low, b[j].high,
                            d->cluster_overlap, b[j].cluster_low, b[j].cluster_high);
            out->steps += b[j].steps;
            if (!wane_moment_judge(&kind, &b[j], epsilons[e])) {
                out->open++;
                continue;
            }
            out->decided++;
            out->wrong += kind != wane_direction_judge(d, epsilons[e]);
        }
        free(b);
    }
}

static void bounds_hold_the_truth(void **state)
{
    (void)state;
    static const struct {
        size_t rows, cols, base_rank, rank;
    } shapes[] = {{60, 60, 0, 1},   {60, 60, 0, 16},  {150, 60, 0, 4},
                  {60, 150, 0, 4},  {150, 60, 20, 3}, {200, 200, 0, 8},
                  {200, 90, 0, 60}, {90, 200, 0, 60}, {128, 128, 0, 128}};
    counts all = {0};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int decaying = 0; decaying < 2; decaying++) {
            grid_case c = {.rows = shapes[i].rows,
                           .cols = shapes[i].cols,
                           .base_rank = shapes[i].base_rank,
                           .rank = shapes[i].rank,
                           .top = 10,
                           .seed = 7 + i};
            wane_spectrum spectrum;
            wane_error err;
            const wane_spectrum_options options = {
                .top = c.top, .u = true, .v = true, .vectors = true, .dense = true};
            grid_weights(&c);
            for (size_t r = 0; decaying && r < c.rows * c.cols; r++) /* powers of two: the grid */
                c.base[r] *= (float)ldexp(1, -(int)(r % c.cols * 8 / c.cols));
            grid_finish(&c);
            CHECK_OK(wane_spectrum_full(&spectrum, c.svd, grid_tuned(&c), &options, NULL, &err));
            compare(&all, &c, &spectrum, WANE_SIDE_U);
            compare(&all, &c, &spectrum, WANE_SIDE_V);
            wane_spectrum_free(&spectrum);
            grid_free(&c);
        }
    print_message("%zu decided, %zu wrong, %zu open, %zu outside, %.1f steps each\n", all.decided,
                  all.wrong, all.open, all.outside,
                  (double)all.steps / (double)(all.decided + all.open));
    assert_int_equal(all.wrong, 0);
    assert_int_equal(all.outside, 0);
    assert_true(all.open * 20 < all.decided);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bounds_hold_the_truth)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
