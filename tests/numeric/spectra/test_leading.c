/* SPDX-License-Identifier: Apache-2.0
 * Leading triplets by fp32 products against LAPACK: values, vectors within the angles that are
 * stated, starts nearby that know nothing of what matters, threads.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/spectra/lapack.h"
#include "analysis/spectra/leading.h"
#include "store/base/random.h"

#include "tests/support/support.h"

typedef enum kind { GAUSSIAN, FALLING, STEEP, PAIRS, CLOSE, LOW_RANK, KINDS } spectrum_kind;

typedef struct subject {
    size_t rows, cols, least;
    float *w;
    wane_delta change;
    double *sigma, *u, *vt; /* of w + change, by LAPACK */
} subject;

static double *numbers(size_t count)
{
    double *out = calloc(count + 1, sizeof *out);
    assert_non_null(out);
    return out;
}

static void gauss(float *out, size_t count, double size, uint64_t tensor)
{
    const wane_random where = {.purpose = WANE_RANDOM_TEST, .tensor = tensor};
    wane_random_normal_fill(out, count, size, &where);
}

static double value_of(spectrum_kind kind, size_t i)
{
    double at = (double)i;
    switch (kind) {
    case FALLING: return pow(at + 1, -0.4);
    case STEEP: return pow(at + 1, -1.5);
    case PAIRS: return pow(at / 2 + 1, -0.4) * (i % 2 ? 1 - 1e-4 : 1);
    case CLOSE: return pow(at / 2 + 1, -0.4) * (i % 2 ? 1 - 2e-6 : 1);
    case LOW_RANK: return i < 4 ? 1 / (at + 1) : 0;
    default: return 1;
    }
}

/* Orthonormal columns. */
static double *orthonormal(size_t rows, size_t count, uint64_t tensor)
{
    wane_error err;
    float *some = calloc(rows * count, sizeof *some);
    double *q = numbers(rows * count), *r = numbers(count * count);
    assert_non_null(some);
    gauss(some, rows * count, 1, tensor);
    for (size_t i = 0; i < rows * count; i++) q[i] = (double)some[i];
    CHECK_OK(wane_lapack_qr(q, rows, count, r, &err));
    free(r);
    free(some);
    return q;
}

static void fill(subject *s, spectrum_kind kind, uint64_t seed)
{
    size_t m = s->rows, n = s->cols, k = s->least;
    if (kind == GAUSSIAN) {
        gauss(s->w, m * n, 1, seed);
        return;
    }
    double *u = orthonormal(m, k, seed), *v = orthonormal(n, k, seed + 1), *w = numbers(m * n);
    for (size_t j = 0; j < k; j++)
        for (size_t i = 0; i < m; i++) u[i + j * m] *= value_of(kind, j);
    wane_columns_product(NULL, false, true, n, m, k, 1, v, n, u, m, 0, w, n);
    for (size_t i = 0; i < m * n; i++) s->w[i] = (float)w[i];
    free(u);
    free(v);
    free(w);
}

static void add_change(subject *s, size_t rank, double size, uint64_t seed)
{
    wane_error err;
    float *b = calloc(s->rows * rank + 1, sizeof *b), *a = calloc(s->cols * rank + 1, sizeof *a);
    assert_true(b && a);
    gauss(b, s->rows * rank, 1 / sqrt((double)s->rows), seed);
    gauss(a, s->cols * rank, 1 / sqrt((double)s->cols), seed + 1);
    const wane_lowrank_term term = {b, a, rank, (float)size};
    CHECK_OK(wane_delta_factor(&s->change, s->rows, s->cols, &term, 1, NULL, &err));
    free(b);
    free(a);
}

/* Everything about W by LAPACK. W^T is what a row-major matrix is by columns. */
static void judge(subject *s)
{
    wane_error err;
    size_t m = s->rows, n = s->cols, k = s->least;
    double *w = numbers(m * n), *v = numbers(n * k), *ut = numbers(k * m);
    for (size_t i = 0; i < m * n; i++) w[i] = (double)s->w[i];
    if (s->change.rank > 0) CHECK_OK(wane_delta_add(w, &s->change, NULL, &err));
    CHECK_OK(wane_lapack_svd(w, n, m, s->sigma, v, ut, &err));
    for (size_t j = 0; j < k; j++) {
        for (size_t i = 0; i < m; i++) s->u[i + j * m] = ut[j + i * k];
        memcpy(s->vt + j * n, v + j * n, n * sizeof *v);
    }
    free(w);
    free(v);
    free(ut);
}

static subject make(size_t rows, size_t cols, spectrum_kind kind, size_t rank, uint64_t seed)
{
    subject s = {.rows = rows, .cols = cols, .least = rows < cols ? rows : cols};
    s.w = calloc(rows * cols, sizeof *s.w);
    assert_non_null(s.w);
    s.sigma = numbers(s.least);
    s.u = numbers(rows * s.least);
    s.vt = numbers(cols * s.least);
    fill(&s, kind, seed);
    if (rank > 0) add_change(&s, rank, kind == GAUSSIAN ? 20 : 1, seed + 2);
    judge(&s);
    return s;
}

static void drop(subject *s)
{
    free(s->w);
    free(s->sigma);
    free(s->u);
    free(s->vt);
    wane_delta_free(&s->change);
}

static wane_leading_question ask(const subject *s, size_t top)
{
    return (wane_leading_question){.weight = {s->w, s->rows, s->cols, s->cols},
                                   .change = s->change.rank > 0 ? &s->change : NULL,
                                   .top = top,
                                   .residual = 1e-5,
                                   .angle = 1e-4};
}

/* The sine of the angle between two unit vectors, without cancellation. */
static double sine(const double *a, const double *b, size_t count)
{
    double part = 0, square = 0;
    for (size_t i = 0; i < count; i++) part += a[i] * b[i];
    for (size_t i = 0; i < count; i++) square += (a[i] - part * b[i]) * (a[i] - part * b[i]);
    return sqrt(square);
}

/* Values and angles of what was found; the judge itself is off by rounding over the gap. */
static void compare(const subject *s, const wane_leading *found, const double *angle, size_t top)
{
    size_t m = s->rows, n = s->cols;
    for (size_t j = 0; j < top; j++) {
        CHECK_NEAR(found->sigma[j], s->sigma[j], 1e-9 * s->sigma[0], 0);
        double allowed = angle[j] + 1e-9;
        assert_true(sine(found->u + j * m, s->u + j * m, m) <= allowed);
        assert_true(sine(found->v + j * n, s->vt + j * n, n) <= allowed);
    }
}

static void angles_hold(void **state)
{
    (void)state;
    static const size_t shapes[][2] = {{160, 160}, {300, 120}, {110, 260}, {96, 96}};
    wane_error err;
    size_t compared = 0;
    for (uint64_t seed = 0; seed < 3; seed++)
        for (size_t k = 0; k < KINDS; k++)
            for (size_t shape = 0; shape < sizeof shapes / sizeof *shapes; shape++)
                for (size_t rank = 0; rank <= 8; rank += 8) {
                    size_t top = 4 + seed, needed = k == LOW_RANK ? 4 + rank : top;
                    subject s = make(shapes[shape][0], shapes[shape][1], (spectrum_kind)k, rank,
                                     1000 + 10 * (seed + 4 * (k + KINDS * shape)));
                    wane_leading_question q = ask(&s, top);
                    wane_leading out = {0};
                    double angle[16];
                    bool found = false;
                    if (needed > top) needed = top;
                    CHECK_OK(wane_leading_find(&out, angle, &found, &q, NULL, &err));
                    assert_true(found);
                    for (size_t j = 0; j < top; j++)
                        assert_true(j < needed ? angle[j] <= 1e-4 : angle[j] == 1);
                    compare(&s, &out, angle, needed);
                    compared += needed;
                    wane_leading_free(&out);
                    drop(&s);
                }
    assert_true(compared > 600);
}

/* Loose tolerances leave vectors that are off, and angles that say by how much. */
static void loose_angles_hold(void **state)
{
    (void)state;
    static const double residuals[] = {1e-2, 1e-3, 1e-4};
    wane_error err;
    double worst = 0;
    for (size_t i = 0; i < 3; i++)
        for (uint64_t seed = 0; seed < 4; seed++)
            for (size_t k = GAUSSIAN; k <= CLOSE; k++) {
                subject s = make(150, 130, (spectrum_kind)k, 0, 5000 + 10 * (seed + 4 * k));
                size_t top = 5 + seed % 2; /* of pairs 5 cuts one */
                wane_leading_question q = ask(&s, top);
                wane_leading out = {0};
                double angle[16];
                bool found = false;
                q.residual = residuals[i];
                q.angle = 0;
                CHECK_OK(wane_leading_find(&out, angle, &found, &q, NULL, &err));
                assert_true(found);
                for (size_t j = 0; j < top; j++) {
                    double off = sine(out.v + j * 130, s.vt + j * 130, 130);
                    assert_true(off <= angle[j] + 1e-9);
                    assert_true(sine(out.u + j * 150, s.u + j * 150, 150) <= angle[j] + 1e-9);
                    if (angle[j] < 1 && off > 1e-9) worst = fmax(worst, off / angle[j]);
                }
                wane_leading_free(&out);
                drop(&s);
            }
    assert_true(worst > 0.1); /* the bound is of the right size */
}

/* Equal values have no vectors of their own; but they are all there. */
static void equal_values(void **state)
{
    (void)state;
    enum { N = 120, TOP = 6 };
    static const size_t runs[][2] = {{0, 2}, {0, 3}, {0, 7}, {0, 30}, {0, N}, {5, 7}, {2, 4}};
    wane_error err;
    for (size_t c = 0; c < sizeof runs / sizeof *runs; c++) {
        size_t first = runs[c][0], end = runs[c][1];
        subject s = {.rows = N, .cols = N, .least = N};
        s.w = calloc((size_t)N * N, sizeof *s.w);
        assert_non_null(s.w);
        for (size_t i = 0; i < N; i++)
            s.w[i * N + (i * 7 + 3) % N] = i < first ? 9 - (float)i
                                           : i < end ? 4
                                                     : 4 / (float)(2 + (i - end)) + 0.5F;
        wane_leading_question q = ask(&s, TOP);
        wane_leading out = {0};
        double angle[TOP];
        bool found = true;
        CHECK_OK(wane_leading_find(&out, angle, &found, &q, NULL, &err));
        assert_false(found);
        q.angle = 0;
        CHECK_OK(wane_leading_find(&out, angle, &found, &q, NULL, &err));
        assert_true(found);
        for (size_t j = 0; j < TOP; j++) {
            double expected = (double)s.w[j * N + (j * 7 + 3) % N];
            CHECK_NEAR(out.sigma[j], expected, 1e-8, 0);
            assert_true(j >= first && j < end ? angle[j] == 1 : angle[j] < 1e-2);
        }
        wane_leading_free(&out);
        free(s.w);
    }
}

/* A start that is exact for all triplets but one, which is orthogonal to all of them: only random
 * vectors can tell. On a diagonal weight, its numbers in any order. */
static void what_a_start_does_not_know_is_found(void **state)
{
    (void)state;
    enum { N = 384, TOP = 8, TRIALS = 60 };
    static const double powers[] = {-0.4, -0.15};
    wane_error err;
    float *w = calloc((size_t)N * N, sizeof *w);
    assert_non_null(w);
    for (size_t trial = 0; trial < TRIALS; trial++) {
        size_t missing = trial % TOP, at[N];
        const wane_random where = {.purpose = WANE_RANDOM_TEST, .tensor = 900 + trial};
        wane_leading near = {0}, out = {0};
        double angle[TOP];
        bool found = false;
        memset(w, 0, (size_t)N * N * sizeof *w);
        for (size_t i = 0; i < N; i++) at[i] = i;
        for (size_t i = N; i-- > 1;) {
            size_t j = (size_t)wane_random_below(&where, i + 1, i), kept = at[i];
            at[i] = at[j];
            at[j] = kept;
        }
        for (size_t i = 0; i < N; i++)
            w[at[i] * N + at[i]] = (float)pow((double)i + 1, powers[trial % 2]);
        CHECK_OK(wane_leading_room(&near, N, N, TOP, &err));
        for (size_t j = 0; j < TOP; j++)
            near.u[j * N + at[j + (j >= missing)]] = near.v[j * N + at[j + (j >= missing)]] = 1;
        const wane_leading_question q = {
            .weight = {w, N, N, N}, .top = TOP, .near = &near, .residual = 1e-5, .angle = 1e-4};
        CHECK_OK(wane_leading_find(&out, angle, &found, &q, NULL, &err));
        assert_true(found);
        for (size_t j = 0; j < TOP; j++) {
            CHECK_NEAR(out.sigma[j], (double)w[at[j] * N + at[j]], 1e-8, 0);
            assert_true(fabs(out.v[j * N + at[j]]) > 1 - 1e-8);
        }
        wane_leading_free(&out);
        wane_leading_free(&near);
    }
    free(w);
}

static void threads_change_no_bit(void **state)
{
    (void)state;
    wane_error err;
    for (size_t turned = 0; turned < 2; turned++) {
        size_t m = turned ? 420 : 1300, n = turned ? 1300 : 420;
        subject s = {.rows = m, .cols = n, .least = 420};
        s.w = calloc(m * n, sizeof *s.w);
        assert_non_null(s.w);
        gauss(s.w, m * n, 1, 77);
        add_change(&s, 5, 90, 78);
        wane_leading_question q = ask(&s, 8);
        wane_leading first = {0};
        double angle[2][8];
        for (int threads = 0; threads < 4; threads++) {
            wane_leading out = {0};
            wane_pool *pool = NULL;
            bool found = false;
            if (threads > 0) CHECK_OK(wane_pool_new(&pool, threads, &err));
            CHECK_OK(wane_leading_find(&out, angle[threads > 0], &found, &q, pool, &err));
            assert_true(found);
            if (threads == 0) {
                first = out;
            } else {
                assert_memory_equal(out.sigma, first.sigma, 8 * sizeof *out.sigma);
                assert_memory_equal(out.u, first.u, m * 8 * sizeof *out.u);
                assert_memory_equal(out.v, first.v, n * 8 * sizeof *out.v);
                assert_memory_equal(angle[1], angle[0], sizeof angle[0]);
                wane_leading_free(&out);
            }
            wane_pool_free(pool);
        }
        wane_leading_free(&first);
        wane_delta_free(&s.change);
        free(s.w);
    }
}

/* The iteration knows no unit, and many triplets are found like few. */
static void scale_and_number_do_not_matter(void **state)
{
    (void)state;
    enum { M = 260, N = 330, TOP = 24 };
    wane_error err;
    subject s = make(M, N, FALLING, 0, 400);
    wane_leading_question q = ask(&s, TOP);
    double angle[TOP];
    for (int power = -30; power <= 30; power += 30) {
        wane_leading out = {0};
        bool found = false;
        float *w = calloc((size_t)M * N, sizeof *w);
        assert_non_null(w);
        for (size_t i = 0; i < (size_t)M * N; i++) w[i] = ldexpf(s.w[i], power);
        q.weight.data = w;
        CHECK_OK(wane_leading_find(&out, angle, &found, &q, NULL, &err));
        assert_true(found);
        for (size_t j = 0; j < TOP; j++) out.sigma[j] = ldexp(out.sigma[j], -power);
        compare(&s, &out, angle, TOP);
        wane_leading_free(&out);
        free(w);
    }
    drop(&s);
}

static void what_it_does_not_do(void **state)
{
    (void)state;
    wane_error err = {0};
    subject s = make(60, 40, GAUSSIAN, 0, 31);
    wane_leading out = {0};
    double angle[40];
    bool found = true;
    wane_leading_question q = ask(&s, 10); /* too small: the dense SVD is as fast */
    CHECK_OK(wane_leading_find(&out, angle, &found, &q, NULL, &err));
    assert_false(found);
    drop(&s);
    s = make(100, 90, GAUSSIAN, 0, 31);
    q = ask(&s, 2);
    s.w[17] = NAN;
    assert_int_equal(wane_leading_find(&out, angle, &found, &q, NULL, &err), WANE_ENUMERIC);
    memset(s.w, 0, 9000 * sizeof *s.w);
    CHECK_OK(wane_leading_find(&out, angle, &found, &q, NULL, &err));
    assert_false(found);
    assert_null(out.u);
    drop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(angles_hold),
        cmocka_unit_test(loose_angles_hold),
        cmocka_unit_test(equal_values),
        cmocka_unit_test(what_a_start_does_not_know_is_found),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(scale_and_number_do_not_matter),
        cmocka_unit_test(what_it_does_not_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
