/* SPDX-License-Identifier: Apache-2.0
 * Many weights at once, and overlaps with the base.
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

static void many_are_the_same_as_one(void **state)
{
    (void)state;
    wane_error err;
    wane_pool *pool = NULL;
    CHECK_OK(wane_pool_new(&pool, 3, &err));
    trial t = make(180, 200);
    wane_spectrum_options options = {.top = TOP, .u = true, .v = true, .vectors = true};
    wane_spectrum one[2] = {{0}};
    wane_spectrum_case cases[6];
    CHECK_OK(wane_spectrum_lowrank(&one[0], t.svd, &t.term, 1, &options, NULL, &err));
    wane_matrix tuned = {t.tuned, t.rows, t.cols, t.cols};
    CHECK_OK(wane_spectrum_full(&one[1], t.svd, tuned, &options, pool, &err));
    for (int i = 0; i < 6; i++)
        cases[i] = i % 2 ? (wane_spectrum_case){.base = t.svd, .tuned = tuned}
                         : (wane_spectrum_case){.base = t.svd, .terms = &t.term, .count = 1};
    CHECK_OK(wane_spectrum_many(cases, 6, &options, pool, &err));
    for (int i = 0; i < 6; i++) {
        const wane_spectrum *a = &cases[i].spectrum, *b = &one[i % 2];
        assert_memory_equal(a->side[0], b->side[0], TOP * sizeof *a->side[0]);
        assert_memory_equal(a->side[1], b->side[1], TOP * sizeof *a->side[1]);
        assert_memory_equal(a->u, b->u, t.rows * TOP * sizeof(double));
        assert_memory_equal(a->v, b->v, t.cols * TOP * sizeof(double));
        assert_true(a->delta_frobenius == b->delta_frobenius);
        wane_spectrum_free(&cases[i].spectrum);
    }
    /* the first failure is told, and nothing is left */
    t.tuned[7] = NAN;
    CHECK_FAILS(wane_spectrum_many(cases, 6, &options, pool, &err), WANE_ENUMERIC, "not finite");
    for (int i = 0; i < 6; i++) assert_null(cases[i].spectrum.u);
    wane_spectrum_free(&one[0]);
    wane_spectrum_free(&one[1]);
    drop(&t);
    wane_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overlaps_are_products),
        cmocka_unit_test(many_are_the_same_as_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
