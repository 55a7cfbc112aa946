/* SPDX-License-Identifier: Apache-2.0
 * Many weights at once, against whole and leading bases, and overlaps with the base.
 */
#include <math.h>

#include "analysis/spectra/base_svd.h"
#include "store/base/memory.h"
#include "store/base/random.h"
#include "tests/support/support.h"

enum { TOP = 10, RANK = 3 };

typedef struct trial {
    size_t rows, cols;
    float *base, *b, *a, *tuned;
    wane_base_svd *svd;
    wane_lowrank_term term;
} trial;

static trial make(size_t rows, size_t cols)
{
    wane_error err;
    trial t = {.rows = rows, .cols = cols};
    t.base = normal_floats(rows * cols, 1, rows);
    t.b = normal_floats(rows * RANK, 1, 2 * rows);
    t.a = normal_floats(RANK * cols, 1, 3 * cols);
    t.tuned = wane_alloc(rows * cols, sizeof *t.tuned);
    assert_non_null(t.tuned);
    t.term = (wane_lowrank_term){t.b, t.a, RANK, 2};
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < cols; j++) {
            double sum = (double)t.base[i * cols + j];
            for (size_t k = 0; k < RANK; k++)
                sum += 2 * (double)t.b[i * RANK + k] * (double)t.a[k * cols + j];
            t.tuned[i * cols + j] = (float)sum;
        }
    CHECK_OK(wane_base_svd_compute(&t.svd, (wane_matrix){t.base, rows, cols, cols}, &err));
    return t;
}

static void drop(trial *t)
{
    wane_free(t->base);
    wane_free(t->b);
    wane_free(t->a);
    wane_free(t->tuned);
    wane_base_svd_free(t->svd);
}

/* |<u_i of the base, u_j>| from the vectors, one product at a time; and W_0 itself: the identity.
 */
static void overlaps_are_products(void **state)
{
    (void)state;
    enum { SIZE = 8 };
    wane_error err;
    wane_spectrum s = {0};
    trial t = make(180, 200);
    double out[SIZE * SIZE];
    wane_spectrum_options options = {.top = TOP, .u = true, .v = true, .vectors = true};
    CHECK_OK(wane_spectrum_lowrank(&s, t.svd, &t.term, 1, &options, NULL, &err));
    for (int side = 0; side < 2; side++) {
        const double *a = side ? t.svd->v : t.svd->u, *b = side ? s.v : s.u;
        size_t length = side ? t.cols : t.rows;
        double largest = 0;
        CHECK_OK(wane_spectrum_overlap(out, SIZE, t.svd, &s, (wane_side)side, &err));
        for (size_t i = 0; i < SIZE; i++)
            for (size_t j = 0; j < SIZE; j++) {
                double sum = 0;
                for (size_t k = 0; k < length; k++) sum += a[k + i * length] * b[k + j * length];
                CHECK_NEAR(out[i * SIZE + j], fabs(sum), 1e-12, 0);
                largest = fmax(largest, out[i * SIZE + j]);
                if (s.side[side][j].argmax == i + 1)
                    CHECK_NEAR(out[i * SIZE + j], s.side[side][j].max_cosine, 1e-10, 0);
            }
        assert_true(largest > 0.5);
    }
    CHECK_FAILS(wane_spectrum_overlap(out, TOP + 1, t.svd, &s, WANE_SIDE_U, &err), WANE_EINVAL,
                "11 directions");
    wane_spectrum_free(&s);
    CHECK_OK(wane_spectrum_lowrank(&s, t.svd, NULL, 0, &options, NULL, &err));
    CHECK_OK(wane_spectrum_overlap(out, SIZE, t.svd, &s, WANE_SIDE_V, &err));
    for (size_t i = 0; i < SIZE * SIZE; i++) CHECK_NEAR(out[i], i % (SIZE + 1) == 0, 1e-12, 0);
    wane_spectrum_free(&s);
    drop(&t);
}

enum { CASES = 6 };

static void fill(wane_spectrum_case *cases, const trial *t, const wane_base_svd *base)
{
    for (int i = 0; i < CASES; i++)
        cases[i] = i % 2 ? (wane_spectrum_case){.base = base,
                                                .tuned = {t->tuned, t->rows, t->cols, t->cols}}
                         : (wane_spectrum_case){.base = base, .terms = &t->term, .count = 1};
}

/* one[0] by the term, one[1] whole. */
static void find_one_by_one(wane_spectrum one[2], const trial *t, const wane_base_svd *base,
                            const wane_spectrum_options *options, wane_pool *pool)
{
    wane_error err;
    const wane_matrix tuned = {t->tuned, t->rows, t->cols, t->cols};
    CHECK_OK(wane_spectrum_lowrank(&one[0], base, &t->term, 1, options, NULL, &err));
    CHECK_OK(wane_spectrum_full(&one[1], base, tuned, options, pool, &err));
}

static void is_the_same(const wane_spectrum *a, const wane_spectrum *b, const trial *t)
{
    assert_memory_equal(a->side[0], b->side[0], TOP * sizeof *a->side[0]);
    assert_memory_equal(a->side[1], b->side[1], TOP * sizeof *a->side[1]);
    assert_memory_equal(a->u, b->u, t->rows * TOP * sizeof(double));
    assert_memory_equal(a->v, b->v, t->cols * TOP * sizeof(double));
    assert_true(a->delta_frobenius == b->delta_frobenius && a->bounded == b->bounded);
    assert_memory_equal(&a->delta_spectral, &b->delta_spectral, sizeof a->delta_spectral);
}

static void many_are_as_one(trial *t, const wane_base_svd *base,
                            const wane_spectrum_options *options)
{
    wane_error err;
    wane_pool *pool = NULL;
    wane_spectrum one[2] = {{0}};
    wane_spectrum_case cases[CASES];
    CHECK_OK(wane_pool_new(&pool, 3, &err));
    find_one_by_one(one, t, base, options, pool);
    fill(cases, t, base);
    CHECK_OK(wane_spectrum_many(cases, CASES, options, pool, &err));
    for (int i = 0; i < CASES; i++) {
        is_the_same(&cases[i].spectrum, &one[i % 2], t);
        wane_spectrum_free(&cases[i].spectrum);
    }
    /* the first failure is told, and nothing is left */
    t->tuned[7] = NAN;
    CHECK_FAILS(wane_spectrum_many(cases, CASES, options, pool, &err), WANE_ENUMERIC, "not finite");
    for (int i = 0; i < CASES; i++) assert_null(cases[i].spectrum.u);
    wane_spectrum_free(&one[0]);
    wane_spectrum_free(&one[1]);
    wane_pool_free(pool);
}

static void many_are_the_same_as_one(void **state)
{
    (void)state;
    trial t = make(180, 200);
    wane_spectrum_options options = {.top = TOP, .u = true, .v = true, .vectors = true};
    many_are_as_one(&t, t.svd, &options);
    drop(&t);
}

static wane_base_svd *leading_of(const trial *t)
{
    wane_base_svd *out = NULL;
    wane_error err;
    const wane_matrix weight = {t->base, t->rows, t->cols, t->cols};
    CHECK_OK(wane_base_svd_take(&out, weight, WANE_SPECTRUM_BOUNDED, TOP, NULL, NULL, &err));
    assert_false(wane_base_svd_is_whole(out));
    return out;
}

/* As looks ask for them, and with the norms. */
static void many_bounded_are_the_same_as_one(void **state)
{
    (void)state;
    const double epsilon[2] = {0.3, 0.5};
    for (int scan = 0; scan < 2; scan++) {
        wane_spectrum_options options = {.top = TOP,
                                         .u = true,
                                         .v = true,
                                         .vectors = true,
                                         .scan = scan != 0,
                                         .epsilon = epsilon,
                                         .epsilons = 2};
        trial t = make(180, 200);
        wane_base_svd *base = leading_of(&t);
        many_are_as_one(&t, base, &options);
        wane_base_svd_free(base);
        drop(&t);
    }
}

/* One of a leading base beside one of the whole: what is certain is right, and all of it is decided
 * but for what is unresolved in both. */
static void is_certain(const wane_spectrum *b, const wane_spectrum *s, const trial *t,
                       double epsilon)
{
    assert_true(b->bounded && !s->bounded);
    for (int side = 0; side < 2; side++) {
        const double *own = side ? b->v : b->u, *true_ = side ? s->v : s->u;
        size_t length = side ? t->cols : t->rows;
        for (size_t j = 0; j < TOP; j++) {
            const wane_direction *one = &b->side[side][j], *d = &s->side[side][j];
            double cosine = 0;
            for (size_t i = 0; i < length; i++)
                cosine += own[i + j * length] * true_[i + j * length];
            CHECK_NEAR(fabs(cosine), 1, 1e-8, 0);
            CHECK_NEAR(one->sigma, d->sigma, 0, 1e-9);
            assert_true(one->low <= d->max_cosine + 1e-5 && d->max_cosine <= one->high + 1e-5);
            assert_true(one->cluster_overlap >= d->cluster_overlap - 1e-5);
            assert_int_equal(wane_direction_judge(one, epsilon), wane_direction_judge(d, epsilon));
        }
        wane_intruder_tally few = wane_intruder_tally_up(b->side[side], b->count, TOP, epsilon);
        wane_intruder_tally all = wane_intruder_tally_up(s->side[side], s->count, TOP, epsilon);
        assert_true(few.intruders == all.intruders && few.existing == all.existing);
        assert_true(few.intruders >= RANK && few.intruders < TOP);
    }
}

static void many_bounded_are_right(void **state)
{
    (void)state;
    const double epsilon = 0.5;
    const wane_spectrum_options options = {.top = TOP,
                                           .u = true,
                                           .v = true,
                                           .vectors = true,
                                           .scan = true,
                                           .epsilon = &epsilon,
                                           .epsilons = 1};
    wane_error err;
    wane_pool *pool = NULL;
    wane_spectrum_case cases[2][CASES];
    trial t = make(180, 200);
    wane_base_svd *base = leading_of(&t);
    CHECK_OK(wane_pool_new(&pool, 2, &err));
    fill(cases[0], &t, base);
    fill(cases[1], &t, t.svd);
    for (int i = 0; i < 2; i++) CHECK_OK(wane_spectrum_many(cases[i], CASES, &options, pool, &err));
    for (int i = 0; i < CASES; i++) {
        is_certain(&cases[0][i].spectrum, &cases[1][i].spectrum, &t, epsilon);
        for (int k = 0; k < 2; k++) wane_spectrum_free(&cases[k][i].spectrum);
    }
    wane_base_svd_free(base);
    drop(&t);
    wane_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overlaps_are_products),
        cmocka_unit_test(many_are_the_same_as_one),
        cmocka_unit_test(many_bounded_are_the_same_as_one),
        cmocka_unit_test(many_bounded_are_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
