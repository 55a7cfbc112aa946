/* SPDX-License-Identifier: Apache-2.0
 * Norms of a dense change against the leading triplets of its base, beside LAPACK's singular values
 * of the change: steep, flat and equal ones, tiny ones, one number, none.
 */
#include <math.h>
#include <string.h>

#include "analysis/spectra/lapack.h"
#include "analysis/spectra/spectrum.h"
#include "store/base/memory.h"
#include "tests/support/support.h"

enum { TOP = 10 };

typedef struct pair {
    size_t rows, cols;
    float *base, *tuned;
    double *change; /* tuned - base */
    wane_base_svd *svd;
} pair;

/* ------------------------------------------------------------------------------------- changes */

typedef void (*add_change)(float *to, size_t rows, size_t cols);

static void add_floats(float *to, const float *from, size_t count)
{
    for (size_t i = 0; i < count; i++) to[i] += from[i];
}

/* No value stands out: those of a random matrix. */
static void add_normal(float *to, size_t rows, size_t cols)
{
    float *change = normal_floats(rows * cols, 0.01, 5);
    add_floats(to, change, rows * cols);
    wane_free(change);
}

/* That and eight terms, each three quarters of the one before. */
static void add_falling(float *to, size_t rows, size_t cols)
{
    float *b = normal_floats(8 * rows, 0.1, 6), *a = normal_floats(8 * cols, 0.1, 7);
    add_normal(to, rows, cols);
    for (size_t k = 0; k < 8; k++)
        for (size_t i = 0; i < rows; i++)
            for (size_t j = 0; j < cols; j++)
                to[i * cols + j] += (float)pow(0.75, (double)k) * b[k * rows + i] * a[k * cols + j];
    wane_free(b);
    wane_free(a);
}

/* All values .25, but for what the sum rounds. */
static void add_equal(float *to, size_t rows, size_t cols)
{
    size_t least = rows < cols ? rows : cols;
    for (size_t k = 0; k < least; k++) to[k * cols + (7 * k + 3) % least] += 0.25F;
}

/* Three of them far above the rest, 1 : 1 - 1e-4 : 1 - 2e-4. */
static void add_close(float *to, size_t rows, size_t cols)
{
    add_normal(to, rows, cols);
    for (size_t k = 0; k < 3; k++) to[k * cols + 5 * k] += 8 * (1 - 1e-4F * (float)k);
}

/* One number: a space that closes at once. */
static void add_element(float *to, size_t rows, size_t cols)
{
    to[rows / 2 * cols + 3] += 1;
}

static void add_nothing(float *to, size_t rows, size_t cols)
{
    (void)to;
    (void)rows;
    (void)cols;
}

static const struct kind {
    const char *name;
    add_change add;
} kinds[] = {
    {"normal", add_normal}, {"falling", add_falling}, {"equal", add_equal}, {"close", add_close}};
enum { KINDS = sizeof kinds / sizeof *kinds };

static const size_t shapes[][2] = {{300, 180}, {180, 300}, {240, 240}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static pair make(size_t rows, size_t cols, double scale, add_change add)
{
    size_t count = rows * cols;
    wane_error err;
    pair p = {.rows = rows, .cols = cols, .base = normal_floats(count, 1, 4)};
    p.tuned = wane_alloc(count, sizeof *p.tuned);
    p.change = wane_alloc(count, sizeof *p.change);
    assert_true(p.tuned && p.change);
    memcpy(p.tuned, p.base, count * sizeof *p.tuned);
    add(p.tuned, rows, cols);
    for (size_t i = 0; i < count; i++) {
        p.base[i] = (float)(scale * (double)p.base[i]);
        p.tuned[i] = (float)(scale * (double)p.tuned[i]);
        p.change[i] = (double)p.tuned[i] - (double)p.base[i];
    }
    const wane_matrix weight = {p.base, rows, cols, cols};
    CHECK_OK(wane_base_svd_take(&p.svd, weight, WANE_SPECTRUM_BOUNDED, TOP, NULL, NULL, &err));
    assert_false(wane_base_svd_is_whole(p.svd));
    return p;
}

static void drop(pair *p)
{
    wane_free(p->base);
    wane_free(p->tuned);
    wane_free(p->change);
    wane_base_svd_free(p->svd);
}

static wane_spectrum find(const pair *p, const wane_spectrum_options *options, wane_pool *pool)
{
    wane_spectrum s = {0};
    wane_error err;
    const wane_matrix tuned = {p->tuned, p->rows, p->cols, p->cols};
    CHECK_OK(wane_spectrum_full(&s, p->svd, tuned, options, pool, &err));
    assert_true(s.bounded == (s.count > 0));
    return s;
}

static const wane_spectrum_options both = {.top = TOP, .u = true, .v = true};

/* The greatest singular value of a change by LAPACK (which takes a row for a column), and the sum
 * of the squares of all. */
static double judge(double *squares, const pair *p)
{
    size_t least = p->rows < p->cols ? p->rows : p->cols;
    double *sigma = wane_alloc(least, sizeof *sigma);
    wane_error err;
    assert_non_null(sigma);
    CHECK_OK(wane_lapack_svd(p->change, p->cols, p->rows, sigma, NULL, NULL, &err));
    double largest = sigma[0];
    *squares = 0;
    for (size_t i = 0; i < least; i++) *squares += sigma[i] * sigma[i];
    wane_free(sigma);
    return largest;
}

static void is_right(const wane_spectrum *s, const pair *p, const char *name)
{
    double squares = 0, largest = judge(&squares, p);
    print_message("%s %zu x %zu: %.1e\n", name, p->rows, p->cols, s->delta_spectral / largest - 1);
    CHECK_NEAR(s->delta_spectral, largest, 0, 1e-7);
    CHECK_NEAR(s->stable_rank, squares / (largest * largest), 0, 2e-7);
    CHECK_NEAR(s->top_share, largest * largest / squares, 0, 2e-7);
    assert_true(isnan(s->effective_rank));
}

/* --------------------------------------------------------------------------------------- tests */

static void agrees_with_lapack(void **state)
{
    (void)state;
    for (size_t k = 0; k < KINDS; k++)
        for (size_t i = 0; i < SHAPES; i++) {
            pair p = make(shapes[i][0], shapes[i][1], 1, kinds[k].add);
            wane_spectrum s = find(&p, &both, NULL);
            is_right(&s, &p, kinds[k].name);
            wane_spectrum_free(&s);
            drop(&p);
        }
}

/* Squares of such a change vanish in fp32, those of the weights do not. */
static void tiny_changes_have_norms(void **state)
{
    (void)state;
    pair p = make(240, 200, 1e-19, add_falling);
    for (size_t i = 0; i < p.rows * p.cols; i++) {
        p.tuned[i] = (float)((double)p.base[i] + 1e-4 * p.change[i]);
        p.change[i] = (double)p.tuned[i] - (double)p.base[i];
    }
    wane_spectrum s = find(&p, &both, NULL);
    is_right(&s, &p, "tiny");
    wane_spectrum_free(&s);
    drop(&p);
}

/* Norms alone, without a direction; not under scan. */
static void options_are_heeded(void **state)
{
    (void)state;
    const wane_spectrum_options norms = {.top = TOP}, scan = {.top = TOP, .u = true, .scan = true};
    pair p = make(240, 200, 1, add_falling);
    wane_spectrum s = find(&p, &norms, NULL);
    is_right(&s, &p, "norms");
    wane_spectrum_free(&s);
    s = find(&p, &scan, NULL);
    assert_true(isnan(s.delta_spectral) && isnan(s.stable_rank) && isnan(s.top_share));
    wane_spectrum_free(&s);
    drop(&p);
}

/* The method cannot vouch for a space that closes; of nothing there is nothing to find. */
static void what_is_not_found_is_no_number(void **state)
{
    (void)state;
    pair p = make(180, 200, 1, add_element);
    wane_spectrum s = find(&p, &both, NULL);
    assert_true(isnan(s.delta_spectral) && isnan(s.stable_rank) && isnan(s.top_share));
    assert_true(s.delta_frobenius > 0 && s.changed);
    wane_spectrum_free(&s);
    drop(&p);
    p = make(180, 200, 1, add_nothing);
    s = find(&p, &both, NULL);
    assert_true(s.delta_spectral == 0 && isnan(s.stable_rank) && isnan(s.top_share));
    assert_false(s.changed);
    wane_spectrum_free(&s);
    drop(&p);
}

static void same_bits_for_any_threads(void **state)
{
    (void)state;
    pair p = make(300, 180, 1, add_normal);
    double first = 0;
    for (int t = 0; t < 3; t++) {
        wane_pool *pool = NULL;
        wane_error err;
        CHECK_OK(wane_pool_new(&pool, t + 1, &err));
        wane_spectrum s = find(&p, &both, pool);
        if (t == 0) first = s.delta_spectral;
        assert_true(s.delta_spectral == first && first > 0);
        wane_spectrum_free(&s);
        wane_pool_free(pool);
    }
    drop(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_lapack), cmocka_unit_test(tiny_changes_have_norms),
        cmocka_unit_test(options_are_heeded), cmocka_unit_test(what_is_not_found_is_no_number),
        cmocka_unit_test(same_bits_for_any_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
