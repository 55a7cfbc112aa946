/* SPDX-License-Identifier: Apache-2.0
 * Known answers of the spectrum of a tuned weight against its base.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/spectra/spectrum.h"
#include "store/base/blas.h"
#include "store/base/memory.h"
#include "store/base/random.h"
#include "tests/support/support.h"

static const wane_spectrum_options BOTH = {.u = true, .v = true};

/* The intruders' share of the energy of the first k; NaN for 0 / 0. */
static double energy_share(const wane_direction *directions, size_t count, size_t k, double epsilon)
{
    wane_intruder_tally tally = wane_intruder_tally_up(directions, count, k, epsilon);
    return tally.energy > 0 ? tally.intruder_energy / tally.energy : NAN;
}

static wane_base_svd *base_of(const float *weight, size_t rows, size_t cols)
{
    wane_error err;
    wane_base_svd *base = NULL;
    CHECK_OK(wane_base_svd_compute(&base, (wane_matrix){weight, rows, cols, cols}, &err));
    return base;
}

static wane_spectrum full(const wane_base_svd *base, const float *tuned, size_t rows, size_t cols,
                          const wane_spectrum_options *options)
{
    wane_error err;
    wane_spectrum out = {0};
    CHECK_OK(wane_spectrum_full(&out, base, (wane_matrix){tuned, rows, cols, cols}, options, NULL,
                                &err));
    return out;
}

/* Gaussian singular values are apart, so every direction is the base's own. */
static void equal_weights_are_aligned(void **state)
{
    (void)state;
    const size_t shapes[][2] = {{40, 40}, {60, 24}, {24, 60}, {1, 9}, {9, 1}, {1, 1}, {200, 200}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (int sign = -1; sign <= 1; sign += 2) {
            size_t m = shapes[s][0], n = shapes[s][1], top = s == 6 ? 10 : 0;
            float *w = normal_floats(m * n, 1, 1 + s), *tuned = calloc(m * n, sizeof *tuned);
            wane_spectrum_options options = BOTH;
            options.top = top;
            for (size_t i = 0; i < m * n; i++) tuned[i] = (float)sign * w[i];
            wane_base_svd *base = base_of(w, m, n);
            wane_spectrum out = full(base, tuned, m, n, &options);
            assert_int_equal(out.count, top ? top : m < n ? m : n);
            for (int side = 0; side < 2; side++)
                for (size_t j = 0; j < out.count; j++) {
                    const wane_direction *d = &out.side[side][j];
                    CHECK_NEAR(d->max_cosine, 1, 1e-8, 0);
                    CHECK_NEAR(d->span, 1, 1e-12, 0);
                    CHECK_NEAR(d->subspace_overlap, 1, 1e-8, 0);
                    assert_int_equal(d->argmax, j + 1);
                    CHECK_NEAR(d->sigma, wane_base_svd_sigma(base)[j], 1e-12, 1e-11);
                }
            if (sign == 1) {
                assert_true(out.delta_frobenius == 0 && out.delta_spectral == 0);
                assert_true(out.relative_update == 0);
                assert_true(isnan(out.effective_rank) && isnan(out.stable_rank));
                assert_true(isnan(out.top_share) && isnan(out.rho));
            } else {
                CHECK_NEAR(out.relative_update, 2, 0, 1e-14);
                CHECK_NEAR(out.delta_spectral, 2 * out.base_spectral, 0, 1e-12);
            }
            wane_spectrum_free(&out);
            wane_base_svd_free(base);
            free(w);
            free(tuned);
        }
}

/* No terms: W = W_0, without any arithmetic on W. */
static void an_empty_chain_is_the_base(void **state)
{
    (void)state;
    wane_error err;
    float *w = normal_floats(30 * 20, 1, 9), zeros[60] = {0};
    wane_base_svd *base = base_of(w, 30, 20);
    const wane_lowrank_term nothing[] = {{NULL, NULL, 0, 1}, {zeros, zeros, 2, 3}};
    for (size_t count = 0; count <= 2; count++) {
        wane_spectrum out = {0};
        CHECK_OK(wane_spectrum_lowrank(&out, base, nothing, count, &BOTH, NULL, &err));
        for (int side = 0; side < 2; side++)
            for (size_t j = 0; j < 20; j++) {
                assert_true(out.side[side][j].max_cosine == 1 && out.side[side][j].span == 1);
                assert_int_equal(out.side[side][j].argmax, j + 1);
            }
        assert_true(out.delta_frobenius == 0 && isnan(out.rho) && isnan(out.effective_rank));
        wane_spectrum_free(&out);
    }
    wane_base_svd_free(base);
    free(w);
}

static void orthonormalise_rows(float *q, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t pass = 0; pass < 2; pass++) {
            double length = 0;
            for (size_t k = 0; k < i; k++) {
                double dot = 0;
                for (size_t j = 0; j < n; j++) dot += (double)q[i * n + j] * (double)q[k * n + j];
                for (size_t j = 0; j < n; j++) q[i * n + j] -= (float)dot * q[k * n + j];
            }
            for (size_t j = 0; j < n; j++) length += (double)q[i * n + j] * (double)q[i * n + j];
            for (size_t j = 0; j < n; j++) q[i * n + j] /= (float)sqrt(length);
        }
}

/* Q W_0 and Q W turn both the same way: cosines stay. */
static void a_change_of_basis_changes_nothing(void **state)
{
    (void)state;
    enum { N = 48, M = 64 };
    float *w = normal_floats(M * N, 1, 21), *step = normal_floats(M * N, 1, 22),
          *q = normal_floats(M * M, 1, 23);
    float *tuned = calloc(M * N, sizeof *tuned), *turned = calloc(M * N, sizeof *turned);
    float *turned_tuned = calloc(M * N, sizeof *turned_tuned);
    orthonormalise_rows(q, M);
    for (size_t i = 0; i < M * N; i++) tuned[i] = w[i] + 0.3f * step[i];
    wane_sgemm(NULL, false, false, M, N, M, 1, q, M, w, N, 0, turned, N);
    wane_sgemm(NULL, false, false, M, N, M, 1, q, M, tuned, N, 0, turned_tuned, N);
    wane_base_svd *one = base_of(w, M, N), *two = base_of(turned, M, N);
    wane_spectrum a = full(one, tuned, M, N, &BOTH);
    wane_spectrum b = full(two, turned_tuned, M, N, &BOTH);
    for (int side = 0; side < 2; side++)
        for (size_t j = 0; j < N; j++) { /* fp32 rounding over gaps of a few percent */
            CHECK_NEAR(b.side[side][j].max_cosine, a.side[side][j].max_cosine, 2e-3, 0);
            CHECK_NEAR(b.side[side][j].span, a.side[side][j].span, 1e-4, 0);
            CHECK_NEAR(b.side[side][j].sigma, a.side[side][j].sigma, 1e-4, 0);
        }
    CHECK_NEAR(b.effective_rank, a.effective_rank, 0, 1e-4);
    CHECK_NEAR(b.rho, a.rho, 1e-4, 0);
    wane_spectrum_free(&a);
    wane_spectrum_free(&b);
    wane_base_svd_free(one);
    wane_base_svd_free(two);
    free(w);
    free(step);
    free(q);
    free(tuned);
    free(turned);
    free(turned_tuned);
}

/* W + lambda u v^T with lambda = 3 sigma_1 and random u, v: the change stands at the top, all else
 * keeps a base direction. By both methods. */
static void a_planted_direction_is_the_one_intruder(void **state)
{
    (void)state;
    enum { N = 256, K = 10 };
    wane_error err;
    float *w = normal_floats(N * N, 1, 31), *v = normal_floats(N, 1, 32),
          *tuned = calloc(N * N, sizeof *tuned);
    double length = 0;
    for (size_t j = 0; j < N; j++) length += (double)v[j] * (double)v[j];
    for (size_t j = 0; j < N; j++) v[j] /= (float)sqrt(length);
    wane_base_svd *base = base_of(w, N, N);
    float lambda = 3 * (float)wane_base_svd_sigma(base)[0];
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < N; j++) tuned[i * N + j] = w[i * N + j] + lambda * v[i] * v[j];
    const wane_lowrank_term term = {v, v, 1, lambda};
    for (int dense = 0; dense < 2; dense++)
        for (int whole = 0; whole < 2; whole++) {
            wane_spectrum out = {0};
            wane_spectrum_options options = {.top = K, .u = true, .v = true, .dense = dense};
            if (whole) out = full(base, tuned, N, N, &options);
            else CHECK_OK(wane_spectrum_lowrank(&out, base, &term, 1, &options, NULL, &err));
            for (int side = 0; side < 2; side++) {
                const wane_direction *d = out.side[side];
                assert_int_equal(wane_intruder_count(d, out.count, K, 0.5), 1);
                assert_true(d[0].max_cosine < 0.4);
                double rest = 0;
                for (size_t j = 1; j < K; j++) rest += d[j].sigma * d[j].sigma;
                double top = d[0].sigma * d[0].sigma;
                CHECK_NEAR(energy_share(d, out.count, K, 0.5), top / (top + rest), 0, 1e-12);
            }
            CHECK_NEAR(out.delta_spectral, lambda, 0, 1e-6);
            CHECK_NEAR(out.stable_rank, 1, 0, whole ? 1e-6 : 1e-6);
            wane_spectrum_free(&out);
        }
    wane_base_svd_free(base);
    free(w);
    free(v);
    free(tuned);
}

/* dW = diag: closed forms of every norm. */
static void norms_have_closed_forms(void **state)
{
    (void)state;
    enum { N = 12 };
    float w[N * N] = {0}, tuned[N * N];
    for (size_t i = 0; i < N; i++) w[i * N + i] = (float)(N - i);
    wane_base_svd *base = base_of(w, N, N);
    const double s[3] = {4, 2, 2};
    memcpy(tuned, w, sizeof w);
    for (size_t i = 0; i < 3; i++) tuned[(i + 9) * N + i + 9] += (float)s[i];
    wane_spectrum out = full(base, tuned, N, N, &BOTH);
    CHECK_NEAR(out.delta_frobenius, sqrt(24), 0, 1e-14);
    CHECK_NEAR(out.delta_spectral, 4, 0, 1e-14);
    CHECK_NEAR(out.stable_rank, 24.0 / 16, 0, 1e-14);
    CHECK_NEAR(out.top_share, 16.0 / 24, 0, 1e-14);
    /* p = 1/2, 1/4, 1/4: exp of 1.5 ln 2. */
    CHECK_NEAR(out.effective_rank, pow(2, 1.5), 0, 1e-13);
    /* Base directions are the axes in order: of 4, 2, 2 on axes 10, 11, 12 only the first counts.
     */
    CHECK_NEAR(out.rho, 16.0 / 24, 0, 1e-13);
    CHECK_NEAR(out.base_frobenius, sqrt(650), 0, 1e-14);
    CHECK_NEAR(out.base_spectral, 12, 0, 1e-14);
    CHECK_NEAR(out.relative_update, sqrt(24.0 / 650), 0, 1e-14);
    wane_spectrum_free(&out);
    /* Equal singular values: effective rank is their number. */
    for (size_t i = 0; i < N * N; i++) tuned[i] = w[i];
    for (size_t i = 0; i < 7; i++) tuned[i * N + (i + 1) % 7] += 0.5f;
    wane_spectrum_options scan = {.scan = true};
    out = full(base, tuned, N, N, &BOTH);
    CHECK_NEAR(out.effective_rank, 7, 0, 1e-13);
    CHECK_NEAR(out.stable_rank, 7, 0, 1e-13);
    wane_spectrum again = full(base, tuned, N, N, &scan);
    assert_true(isnan(again.effective_rank) && isnan(again.delta_spectral));
    CHECK_NEAR(again.delta_frobenius, out.delta_frobenius, 0, 1e-14);
    CHECK_NEAR(again.rho, out.rho, 0, 1e-13);
    assert_int_equal(again.count, 0);
    assert_true(!again.side[0] && !again.side[1]);
    wane_spectrum_free(&out);
    wane_base_svd_free(base);
}

/* A chain's norms come from its factors: cancelling terms leave nothing. */
static void chains_add_up(void **state)
{
    (void)state;
    enum { M = 50, N = 34, R = 3 };
    wane_error err;
    float *w = normal_floats(M * N, 1, 41), *b = normal_floats(M * R, 1, 42),
          *a = normal_floats(R * N, 1, 43);
    wane_base_svd *base = base_of(w, M, N);
    const wane_lowrank_term twice[] = {{b, a, R, 2}, {b, a, R, -0.5f}}, once = {b, a, R, 1.5f};
    const wane_lowrank_term undone[] = {{b, a, R, 2}, {b, a, R, -2}};
    wane_spectrum one = {0}, two = {0}, none = {0};
    CHECK_OK(wane_spectrum_lowrank(&one, base, &once, 1, &BOTH, NULL, &err));
    CHECK_OK(wane_spectrum_lowrank(&two, base, twice, 2, &BOTH, NULL, &err));
    CHECK_OK(wane_spectrum_lowrank(&none, base, undone, 2, &BOTH, NULL, &err));
    CHECK_NEAR(two.delta_frobenius, one.delta_frobenius, 0, 1e-13);
    CHECK_NEAR(two.effective_rank, one.effective_rank, 0, 1e-12);
    CHECK_NEAR(two.rho, one.rho, 0, 1e-12);
    for (size_t j = 0; j < N; j++)
        CHECK_NEAR(two.side[0][j].max_cosine, one.side[0][j].max_cosine, 1e-9, 0);
    assert_true(none.delta_frobenius < 1e-12 * one.delta_frobenius);
    double square = 0; /* ||BA||_F^2 element by element */
    for (size_t i = 0; i < M; i++)
        for (size_t j = 0; j < N; j++) {
            double sum = 0;
            for (size_t k = 0; k < R; k++) sum += (double)b[i * R + k] * (double)a[k * N + j];
            square += sum * sum;
        }
    CHECK_NEAR(one.delta_frobenius, 1.5 * sqrt(square), 0, 1e-13);
    wane_spectrum_free(&one);
    wane_spectrum_free(&two);
    wane_spectrum_free(&none);
    wane_base_svd_free(base);
    free(w);
    free(b);
    free(a);
}

/* A tall base of rank r spans r of m dimensions: what a change adds outside scores 0 and shows in
 * span. */
static void what_leaves_the_span_shows(void **state)
{
    (void)state;
    enum { M = 30, N = 6 };
    wane_error err;
    float w[M * N] = {0}, b[M] = {0}, a[N] = {0};
    for (size_t j = 0; j < N; j++) w[j * N + j] = (float)(N - j);
    b[20] = 1;
    a[0] = 100;
    wane_base_svd *base = base_of(w, M, N);
    const wane_lowrank_term term = {b, a, 1, 1};
    wane_spectrum out = {0};
    CHECK_OK(wane_spectrum_lowrank(&out, base, &term, 1, &BOTH, NULL, &err));
    /* (6 e_1 + 100 e_21) / |.| */
    CHECK_NEAR(out.side[0][0].span, 36.0 / 10036, 0, 1e-12);
    CHECK_NEAR(out.side[0][0].max_cosine, 6 / sqrt(10036), 0, 1e-12);
    CHECK_NEAR(out.side[1][0].max_cosine, 1, 0, 1e-12);
    CHECK_NEAR(out.side[0][0].sigma, sqrt(10036), 0, 1e-12);
    wane_spectrum_free(&out);
    wane_base_svd_free(base);
}

static void a_zero_base_has_no_directions(void **state)
{
    (void)state;
    enum { M = 8, N = 5 };
    wane_error err;
    float zeros[M * N] = {0}, *b = normal_floats(M * 2, 1, 51), *a = normal_floats(2 * N, 1, 52);
    wane_base_svd *base = base_of(zeros, M, N);
    assert_int_equal(wane_base_svd_count(base), 0);
    const wane_lowrank_term term = {b, a, 2, 1};
    wane_spectrum out = {0};
    CHECK_OK(wane_spectrum_lowrank(&out, base, &term, 1, &BOTH, NULL, &err));
    for (size_t j = 0; j < out.count; j++) {
        const wane_direction *d = &out.side[0][j]; /* a weight of rank 2 has two */
        if (j < 2) assert_true(d->max_cosine == 0 && d->span == 0 && d->cluster_overlap == 0);
        else assert_true(isnan(d->max_cosine));
        assert_int_equal(d->argmax, 0);
    }
    assert_int_equal(wane_intruder_count(out.side[0], out.count, 3, 0.5), 2);
    assert_true(isnan(out.relative_update) && isnan(out.rho) && out.base_spectral == 0);
    CHECK_NEAR(out.side[0][0].sigma, out.delta_spectral, 0, 1e-12);
    wane_spectrum_free(&out);
    out = full(base, zeros, M, N, &BOTH);
    assert_true(isnan(energy_share(out.side[0], out.count, 5, 0.5)));
    wane_spectrum_free(&out);
    wane_base_svd_free(base);
    free(b);
    free(a);
}

/* Directions below the rank cut are no base directions, but W_0 is still whole. */
static void rank_is_cut_for_cosines_only(void **state)
{
    (void)state;
    enum { N = 20, R = 4 };
    float *u = normal_floats(N * R, 1, 61), *v = normal_floats(R * N, 1, 62), w[N * N];
    wane_sgemm(NULL, false, false, N, N, R, 1, u, R, v, N, 0, w, N);
    wane_base_svd *base = base_of(w, N, N);
    assert_int_equal(wane_base_svd_count(base), R);
    wane_spectrum out = full(base, w, N, N, &BOTH);
    for (size_t j = 0; j < R; j++) CHECK_NEAR(out.side[0][j].max_cosine, 1, 1e-10, 0);
    for (size_t j = R; j < N; j++) assert_true(isnan(out.side[0][j].max_cosine));
    wane_spectrum_free(&out);
    wane_base_svd_free(base);
    free(u);
    free(v);
}

static void overlap_sees_a_rotation_among_neighbours(void **state)
{
    (void)state;
    enum { N = 16 };
    const float c = 0.70710678f;
    float w[N * N] = {0}, tuned[N * N] = {0};
    for (size_t i = 0; i < N; i++) w[i * N + i] = 100 - (float)i;
    memcpy(tuned, w, sizeof w);
    /* Axes 1 and 3 turned by 45 degrees, and axes 2 and 10. */
    const size_t pair[2][2] = {{0, 2}, {1, 9}};
    for (size_t k = 0; k < 2; k++) {
        size_t p = pair[k][0], q = pair[k][1];
        float first = w[p * N + p], second = w[q * N + q];
        tuned[p * N + p] = c * first;
        tuned[q * N + p] = c * first;
        tuned[p * N + q] = -c * second;
        tuned[q * N + q] = c * second;
    }
    wane_base_svd *base = base_of(w, N, N);
    wane_spectrum out = full(base, tuned, N, N, &BOTH);
    CHECK_NEAR(out.side[0][0].max_cosine, sqrt(0.5), 1e-6, 0);
    CHECK_NEAR(out.side[0][0].subspace_overlap, 1, 1e-6, 0);
    CHECK_NEAR(out.side[0][1].max_cosine, sqrt(0.5), 1e-6, 0);
    CHECK_NEAR(out.side[0][1].subspace_overlap, sqrt(0.5), 1e-6, 0);
    CHECK_NEAR(out.side[1][0].max_cosine, 1, 1e-6, 0);
    wane_spectrum_free(&out);
    wane_base_svd_free(base);
}

static void counts_and_energy(void **state)
{
    (void)state;
    const wane_direction d[] = {{.sigma = 3, .max_cosine = 0.2},
                                {.sigma = 2, .max_cosine = 0.5},
                                {.sigma = 1, .max_cosine = 0.49}};
    assert_int_equal(wane_intruder_count(d, 3, 10, 0.5), 2); /* strict */
    assert_int_equal(wane_intruder_count(d, 3, 2, 0.5), 1);
    assert_int_equal(wane_intruder_count(d, 3, 0, 0.5), 0);
    CHECK_NEAR(energy_share(d, 3, 10, 0.5), 10.0 / 14, 0, 1e-15);
    CHECK_NEAR(energy_share(d, 3, 2, 0.5), 9.0 / 13, 0, 1e-15);
    assert_true(isnan(energy_share(d, 3, 0, 0.5)));
}

static void bad_input_is_refused(void **state)
{
    (void)state;
    wane_error err;
    wane_base_svd *base = NULL;
    float w[6] = {1, 2, 3, 4, 5, NAN}, b[2] = {1, INFINITY}, a[3] = {1, 1, 1};
    CHECK_FAILS(wane_base_svd_compute(&base, (wane_matrix){w, 2, 3, 3}, &err), WANE_ENUMERIC,
                "not finite");
    CHECK_FAILS(wane_base_svd_compute(&base, (wane_matrix){w, 0, 3, 3}, &err), WANE_EINVAL,
                "empty");
    CHECK_FAILS(wane_base_svd_compute(&base, (wane_matrix){w, 2, 3, 2}, &err), WANE_EINVAL,
                "no data");
    CHECK_FAILS(wane_base_svd_compute(&base, (wane_matrix){w, 30000, 30000, 30000}, &err),
                WANE_EINVAL, "limited");
    assert_null(base);
    w[5] = 6;
    base = base_of(w, 2, 3);
    wane_spectrum out = {.count = 77};
    w[5] = INFINITY;
    CHECK_FAILS(wane_spectrum_full(&out, base, (wane_matrix){w, 2, 3, 3}, &BOTH, NULL, &err),
                WANE_ENUMERIC, "not finite");
    CHECK_FAILS(wane_spectrum_full(&out, base, (wane_matrix){w, 3, 2, 2}, &BOTH, NULL, &err),
                WANE_EINVAL, "3 x 2");
    const wane_lowrank_term bad[] = {
        {b, a, 1, 1}, {NULL, a, 1, 1}, {a, a, 1, NAN}, {a, a, SIZE_MAX, 1}};
    CHECK_FAILS(wane_spectrum_lowrank(&out, base, &bad[0], 1, &BOTH, NULL, &err), WANE_ENUMERIC,
                "factors");
    CHECK_FAILS(wane_spectrum_lowrank(&out, base, &bad[1], 1, &BOTH, NULL, &err), WANE_EINVAL,
                "no factors");
    CHECK_FAILS(wane_spectrum_lowrank(&out, base, &bad[2], 1, &BOTH, NULL, &err), WANE_ENUMERIC,
                "scale");
    CHECK_FAILS(wane_spectrum_lowrank(&out, base, &bad[3], 1, &BOTH, NULL, &err), WANE_EINVAL,
                "term 1");
    assert_int_equal(out.count, 77);
    wane_base_svd_free(base);
    wane_base_svd_free(NULL);
}

/* Every allocation fails once: an error or a result, nothing lost, nothing touched. */
static void memory_may_run_out_anywhere(void **state)
{
    (void)state;
    enum { M = 176, N = 168 };
    wane_error err;
    float *w = normal_floats(M * N, 1, 81), *b = normal_floats(M * 2, 1, 82),
          *a = normal_floats(2 * N, 1, 83);
    wane_base_svd *base = base_of(w, M, N);
    w[0] += 1; /* an unchanged weight would need little */
    const wane_lowrank_term term = {b, a, 2, 1};
    const wane_spectrum_options options = {.top = 4, .u = true, .v = true, .scan = true};
    for (int whole = 0; whole < 2; whole++) {
        long n = 0;
        for (;; n++) {
            wane_spectrum out = {.count = 77};
            wane_memory_fail_after(n);
            wane_status st =
                whole ? wane_spectrum_full(&out, base, (wane_matrix){w, M, N, N}, &options, NULL,
                                           &err)
                      : wane_spectrum_lowrank(&out, base, &term, 1, &options, NULL, &err);
            wane_memory_fail_after(-1);
            if (st == WANE_OK) {
                wane_spectrum_free(&out);
                break;
            }
            assert_int_equal(st, WANE_ENOMEM);
            assert_int_equal(out.count, 77);
        }
        assert_true(n > 10);
    }
    wane_base_svd_free(base);
    free(w);
    free(b);
    free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_weights_are_aligned),
        cmocka_unit_test(an_empty_chain_is_the_base),
        cmocka_unit_test(a_change_of_basis_changes_nothing),
        cmocka_unit_test(a_planted_direction_is_the_one_intruder),
        cmocka_unit_test(norms_have_closed_forms),
        cmocka_unit_test(chains_add_up),
        cmocka_unit_test(what_leaves_the_span_shows),
        cmocka_unit_test(a_zero_base_has_no_directions),
        cmocka_unit_test(rank_is_cut_for_cosines_only),
        cmocka_unit_test(overlap_sees_a_rotation_among_neighbours),
        cmocka_unit_test(counts_and_energy),
        cmocka_unit_test(bad_input_is_refused),
        cmocka_unit_test(memory_may_run_out_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
