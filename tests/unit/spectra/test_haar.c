/* SPDX-License-Identifier: Apache-2.0
 * A Haar matrix drawn as far as it is asked for: orthogonal and one matrix in whatever order it is
 * asked, with the moments of the law; a random update made of two against the same one formed.
 */
#include <math.h>
#include <string.h>

#include "analysis/spectra/base_svd.h"
#include "analysis/spectra/haar.h"
#include "analysis/spectra/lapack.h"
#include "analysis/spectra/null_draw.h"
#include "store/base/memory.h"
#include "tests/support/support.h"

static wane_haar begin(size_t n, uint64_t seed)
{
    return (wane_haar){.n = n, .where = {.seed = seed, .purpose = WANE_RANDOM_TEST}};
}

/* q (n x n) = what it does to the axes. */
static void whole(double *q, wane_haar *h, bool transpose)
{
    double *axes = wane_alloc(h->n * h->n, sizeof *axes);
    assert_non_null(axes);
    for (size_t i = 0; i < h->n; i++) axes[i + i * h->n] = 1;
    wane_haar_multiply(h, transpose, q, axes, h->n);
    assert_false(h->failed);
    wane_free(axes);
}

static void it_is_one_orthogonal_matrix(void **state)
{
    (void)state;
    enum { N = 30, FIRST = 3 };
    wane_haar h = begin(N, 1);
    double asked[N * FIRST], image[N * FIRST], back[N * FIRST], q[N * N], turned[N * N];
    const wane_random where = {.seed = 2, .purpose = WANE_RANDOM_TEST};
    wane_random_normals(asked, N * FIRST, &where);
    memcpy(asked + 2 * N, asked, N * sizeof *asked); /* one twice: nothing new */
    wane_haar_multiply(&h, false, image, asked, FIRST);
    assert_int_equal(h.known, FIRST - 1);
    wane_haar_multiply(&h, true, back, image, FIRST);
    assert_int_equal(h.known, FIRST - 1);
    for (size_t i = 0; i < N * FIRST; i++) CHECK_NEAR(back[i], asked[i], 1e-12, 0);
    wane_haar_multiply(&h, true, back, asked, 1); /* from the other side */
    assert_int_equal(h.known, FIRST);
    whole(q, &h, false);
    assert_int_equal(h.known, N);
    whole(turned, &h, true);
    assert_int_equal(h.known, N);
    for (size_t i = 0; i < N; i++) {
        double sum[2] = {0};
        for (size_t j = 0; j < N; j++) {
            double product = 0;
            CHECK_NEAR(turned[i + j * N], q[j + i * N], 1e-12, 0);
            for (size_t l = 0; l < N; l++) product += q[l + i * N] * q[l + j * N];
            CHECK_NEAR(product, i == j, 1e-12, 0);
            sum[0] += q[i + j * N] * asked[j];
            sum[1] += q[j + i * N] * asked[j];
        }
        CHECK_NEAR(sum[0], image[i], 1e-11, 0);
        CHECK_NEAR(sum[1], back[i], 1e-11, 0);
    }
    wane_haar_free(&h);
}

/* As unit.null has them: E q^2 = 1 / n, E q^4 = 3 / (n (n + 2)), E q = 0 for every entry, and
 * E q_11 q_12 q_21 q_22 = -1 / ((n - 1) n (n + 2)); asked adaptively, by turns. */
static void it_has_the_moments_of_haar(void **state)
{
    (void)state;
    enum { N = 4, DRAWS = 20000 };
    double first[N * N] = {0}, second[N * N] = {0}, fourth[N * N] = {0}, cross = 0;
    for (size_t d = 0; d < DRAWS; d++) {
        wane_haar h = begin(N, d);
        double q[N * N], x[N] = {1, 0, 0, 0}, y[N];
        wane_haar_multiply(&h, false, y, x, 1);
        y[1] += 1; /* of what came */
        wane_haar_multiply(&h, false, x, y, 1);
        x[0] += 0.5;
        wane_haar_multiply(&h, true, y, x, 1);
        whole(q, &h, false);
        wane_haar_free(&h);
        for (size_t i = 0; i < N * N; i++) {
            double square = q[i] * q[i];
            first[i] += q[i] / DRAWS;
            second[i] += square / DRAWS;
            fourth[i] += square * square / DRAWS;
        }
        cross += q[0] * q[1] * q[N] * q[N + 1] / DRAWS;
    }
    for (size_t i = 0; i < N * N; i++) {
        CHECK_NEAR(first[i], 0, 0.018, 0);
        CHECK_NEAR(second[i], 0.25, 0.009, 0);
        CHECK_NEAR(fourth[i], 0.125, 0.008, 0);
    }
    CHECK_NEAR(cross, -1.0 / 72, 0.0025, 0);
}

/* S + U diag(sigma) V^T without S, column-major. */
static double *formed(const wane_null_update *u, const wane_null_change *c)
{
    size_t m = c->base->rows, n = c->base->cols;
    double *p = wane_alloc_aligned(m * m, sizeof *p), *q = wane_alloc_aligned(n * n, sizeof *q);
    double *out = wane_alloc_aligned(m * n, sizeof *out);
    assert_true(p && q && out);
    whole(p, &u->frame[0], false);
    whole(q, &u->frame[1], false);
    for (size_t j = 0; j < u->k; j++)
        for (size_t i = 0; i < m; i++) p[i + j * m] *= c->sigma[j];
    wane_columns_product(NULL, false, true, m, n, u->k, 1, p, m, q, n, 0, out, m);
    wane_free(p);
    wane_free(q);
    return out;
}

/* Lanczos asks for some of the frames, the rest is drawn to form the weight: the same counts. */
static void an_update_of_frames_is_the_one_that_is_formed(void **state)
{
    (void)state;
    const size_t shapes[][3] = {{150, 120, 120}, {110, 160, 40}};
    size_t intruders = 0;
    for (size_t i = 0; i < 2; i++) {
        size_t m = shapes[i][0], n = shapes[i][1], least = m < n ? m : n;
        wane_error err;
        wane_base_svd *base = NULL;
        float *w = normal_floats(m * n, 1, m);
        const wane_matrix weight = {w, m, n, n};
        wane_null_change change = {0};
        const wane_spectrum_options options = {0};
        CHECK_OK(wane_base_svd_leading(&base, weight, 0, NULL, &err));
        assert_false(wane_base_svd_is_whole(base));
        CHECK_OK(wane_base_svd_find_values(base, NULL, &err));
        CHECK_OK(wane_null_change_lowrank(&change, base, NULL, 0, &options, NULL, &err));
        wane_free(change.sigma);
        change.sigma = wane_alloc(least, sizeof *change.sigma);
        change.rank = shapes[i][2];
        for (size_t j = 0; j < change.rank; j++)
            change.sigma[j] = 1.2 * wane_base_svd_sigma(base)[0] / (1 + 0.1 * (double)j);
        for (size_t d = 0; d < 4; d++) {
            wane_null_tally few[2], all[2];
            const wane_null_place place = {.seed = 5, .draw = d};
            wane_null_update u = {0}, same = {.k = least};
            CHECK_OK(wane_null_update_draw(&u, &change, &place, &err));
            assert_non_null(u.frame);
            CHECK_OK(wane_null_update_judge(few, &change, &u, &err));
            same.p = formed(&u, &change);
            CHECK_OK(wane_null_update_judge(all, &change, &same, &err));
            assert_memory_equal(few, all, sizeof few);
            intruders += few[0].intruders + few[1].intruders;
            wane_null_update_free(&u);
            wane_null_update_free(&same);
        }
        wane_null_change_free(&change);
        wane_base_svd_free(base);
        wane_free(w);
    }
    assert_true(intruders > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_one_orthogonal_matrix), cmocka_unit_test(it_has_the_moments_of_haar),
        cmocka_unit_test(an_update_of_frames_is_the_one_that_is_formed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
