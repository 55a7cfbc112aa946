/* SPDX-License-Identifier: Apache-2.0
 * Every way to a spectrum against NumPy's dense SVD (tests/reference/make_spectra_fixtures.py).
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/numeric/spectra/grid.h"
#include "tests/support/support.h"

enum { MOST_TOP = 64 };

typedef struct expected {
    double count, base_frobenius, base_spectral, delta_frobenius, delta_spectral, effective_rank,
        rho;
    double sigma[2][MOST_TOP], max_cosine[2][MOST_TOP], span[2][MOST_TOP], overlap[2][MOST_TOP],
        argmax[2][MOST_TOP], gap[2][MOST_TOP];
} expected;

static void read_expected(expected *e, FILE *file, size_t top)
{
    assert_int_equal(fscanf(file, "%lf %lf %lf %lf %lf %lf %lf", &e->count, &e->base_frobenius,
                            &e->base_spectral, &e->delta_frobenius, &e->delta_spectral,
                            &e->effective_rank, &e->rho),
                     7);
    for (int s = 0; s < 2; s++)
        for (size_t j = 0; j < top; j++)
            assert_int_equal(fscanf(file, "%lf %lf %lf %lf %lf %lf", &e->sigma[s][j],
                                    &e->max_cosine[s][j], &e->span[s][j], &e->overlap[s][j],
                                    &e->argmax[s][j], &e->gap[s][j]),
                             6);
}

/* Vectors are as good as 1e-12 / gap; where gaps are smaller than 1e-3 they are not compared. */
static void compare(const wane_spectrum *out, const expected *e, size_t top)
{
    assert_int_equal(out->count, top);
    CHECK_NEAR(out->base_frobenius, e->base_frobenius, 0, 1e-13);
    CHECK_NEAR(out->base_spectral, e->base_spectral, 0, 1e-12);
    CHECK_NEAR(out->delta_frobenius, e->delta_frobenius, 0, 1e-12);
    CHECK_NEAR(out->delta_spectral, e->delta_spectral, 0, 1e-12);
    CHECK_NEAR(out->effective_rank, e->effective_rank, 0, 1e-9);
    CHECK_NEAR(out->rho, e->rho, 1e-9, 0);
    CHECK_NEAR(out->stable_rank, pow(e->delta_frobenius / e->delta_spectral, 2), 0, 1e-12);
    CHECK_NEAR(out->top_share, pow(e->delta_spectral / e->delta_frobenius, 2), 0, 1e-12);
    CHECK_NEAR(out->relative_update, e->delta_frobenius / e->base_frobenius, 0, 1e-12);
    for (int s = 0; s < 2; s++) {
        size_t intruders = 0, close = 0;
        for (size_t j = 0; j < top; j++) {
            const wane_direction *d = &out->side[s][j];
            CHECK_NEAR(d->sigma, e->sigma[s][j], 1e-11 * e->sigma[s][0], 0);
            intruders += e->max_cosine[s][j] < 0.5;
            close += fabs(e->max_cosine[s][j] - 0.5) < 1e-3;
            if (e->gap[s][j] < 1e-3) continue;
            CHECK_NEAR(d->max_cosine, e->max_cosine[s][j], 1e-8, 0);
            CHECK_NEAR(d->span, e->span[s][j], 1e-8, 0);
            CHECK_NEAR(d->subspace_overlap, e->overlap[s][j], 1e-8, 0);
            assert_int_equal(d->argmax, (size_t)e->argmax[s][j]);
        }
        if (close == 0)
            assert_int_equal(wane_intruder_count(out->side[s], out->count, top, 0.5), intruders);
    }
}

static void every_method_equals_numpy(void **state)
{
    (void)state;
    FILE *file = fopen("numeric/spectra/spectra.txt", "r");
    assert_non_null(file);
    expected *e = calloc(1, sizeof *e);
    assert_non_null(e);
    grid_case c = {0};
    size_t cases = 0;
    while (fscanf(file, " case %zu %zu %zu %zu %zu %zu", &c.rows, &c.cols, &c.base_rank, &c.rank,
                  &c.top, &c.seed) == 6) {
        wane_error err;
        assert_in_range(c.top, 1, MOST_TOP);
        read_expected(e, file, c.top);
        grid_weights(&c);
        grid_finish(&c);
        assert_int_equal(wane_base_svd_count(c.svd), (size_t)e->count);
        wane_lowrank_term term = grid_term(&c);
        for (int dense = 0; dense < 2; dense++) {
            wane_spectrum_options options = {.top = c.top, .u = true, .v = true, .dense = dense};
            wane_spectrum out = {0};
            CHECK_OK(wane_spectrum_lowrank(&out, c.svd, &term, 1, &options, NULL, &err));
            compare(&out, e, c.top);
            wane_spectrum_free(&out);
            CHECK_OK(wane_spectrum_full(&out, c.svd, grid_tuned(&c), &options, NULL, &err));
            compare(&out, e, c.top);
            wane_spectrum_free(&out);
        }
        grid_free(&c);
        cases++;
    }
    assert_int_equal(cases, 15);
    free(e);
    (void)fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_method_equals_numpy)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
