/* SPDX-License-Identifier: Apache-2.0
 * Products with a few vectors on either side against plain sums in double, for shapes that divide
 * evenly and that do not, by every instruction set the processor has; a vector's bits depend on no
 * other and not on threads.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/spectra/strips.h"
#include "analysis/spectra/strips_tables.h"
#include "store/base/processor.h"
#include "store/base/random.h"
#include "tests/support/support.h"

static float *draw(size_t count, uint64_t which)
{
    wane_random where = {.purpose = WANE_RANDOM_TEST, .tensor = 700 + which};
    float *out = malloc((count + 1) * sizeof *out);
    assert_non_null(out);
    wane_random_normal_fill(out, count, 1, &where);
    return out;
}

static const struct {
    size_t rows, cols, stride, left, right;
} shapes[] = {{1, 1, 1, 1, 1},        {7, 5, 9, 2, 3},         {300, 70, 70, 7, 0},
              {33, 1100, 1100, 0, 6}, {64, 64, 64, 5, 5},      {530, 47, 50, 1, 11},
              {40, 2050, 2051, 3, 4}, {21, 17000, 17000, 1, 2}};

/* out (count x to) against in (count x from) times w, or its transpose. */
static void check(const float *w, size_t stride, const float *in, const float *out, size_t count,
                  size_t from, size_t to, bool left)
{
    for (size_t k = 0; k < count; k++)
        for (size_t j = 0; j < to; j++) {
            double sum = 0, size = 0;
            for (size_t i = 0; i < from; i++) {
                double one = (double)in[k * from + i] *
                             (double)(left ? w[i * stride + j] : w[j * stride + i]);
                sum += one;
                size += fabs(one);
            }
            assert_true(fabs((double)out[k * to + j] - sum) <= 1e-6 * size);
        }
}

static void products_are_right(void **state)
{
    (void)state;
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        size_t m = shapes[s].rows, n = shapes[s].cols, l = shapes[s].left, r = shapes[s].right;
        float *values = draw(m * shapes[s].stride, 2 * s), *x = draw(l * m + r * n, 2 * s + 1);
        float *out = malloc((l * n + r * m + 1) * sizeof *out);
        float *again = malloc((l * n + r * m + 1) * sizeof *again);
        const wane_matrix w = {values, m, n, shapes[s].stride};
        float *room = malloc((wane_strip_room(w, l) + 1) * sizeof *room);
        assert_true(out && again && room);
        wane_strip_vectors left = {l, x, out}, right = {r, x + l * m, out + l * n};
        wane_strip_products(w, &left, &right, room, NULL);
        check(values, w.stride, left.in, left.out, l, m, n, true);
        check(values, w.stride, right.in, right.out, r, n, m, false);
        for (int threads = 2; threads <= 3; threads++) {
            wane_pool *pool;
            wane_error err;
            CHECK_OK(wane_pool_new(&pool, threads, &err));
            left.out = again;
            right.out = again + l * n;
            wane_strip_products(w, &left, &right, room, pool);
            assert_memory_equal(out, again, (l * n + r * m) * sizeof *out);
            wane_pool_free(pool);
        }
        for (size_t k = 0; k < r; k++) { /* each on its own */
            const wane_strip_vectors none = {0}, one = {1, x + l * m + k * n, again};
            wane_strip_products(w, &none, &one, room, NULL);
            assert_memory_equal(out + l * n + k * m, again, m * sizeof *out);
            wane_strip_dots(w, one.in, again);
            check(values, w.stride, one.in, again, 1, n, m, false);
        }
        for (size_t k = 0; k < l; k++) {
            const wane_strip_vectors none = {0}, one = {1, x + k * m, again};
            wane_strip_products(w, &one, &none, room, NULL);
            assert_memory_equal(out + k * n, again, n * sizeof *out);
            memset(again, 0, n * sizeof *again);
            wane_strip_add(w, one.in, again);
            check(values, w.stride, one.in, again, 1, m, n, true);
        }
        free(values);
        free(x);
        free(out);
        free(again);
        free(room);
    }
}

/* y += x W^T, then y W, are two products on their own. */
static void the_chain_is_two_products(void **state)
{
    (void)state;
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        size_t m = shapes[s].rows, n = shapes[s].cols, count = 1 + shapes[s].right;
        float *values = draw(m * shapes[s].stride, 2 * s), *x = draw(count * n, 2 * s + 1);
        float *y = draw(count * m, 2 * s + 3), *start = draw(count * m, 2 * s + 3);
        float *z = draw(count * n, 0), *again = draw(count * (m > n ? m : n), 0);
        const wane_matrix w = {values, m, n, shapes[s].stride};
        float *room = malloc((wane_strip_room(w, count) + 1) * sizeof *room);
        assert_non_null(room);
        wane_strip_gram(w, count, x, y, z, room, NULL);
        for (size_t i = 0; i < count * m; i++) again[i] = y[i] - start[i];
        for (size_t i = 0; i < count * m; i++) start[i] = y[i];
        for (size_t k = 0; k < count; k++) /* what fp32 leaves of a difference */
            for (size_t i = 0; i < m; i++) {
                double sum = 0, size = 4 + fabs((double)y[k * m + i]);
                for (size_t j = 0; j < n; j++) {
                    double one = (double)x[k * n + j] * (double)values[i * w.stride + j];
                    sum += one;
                    size += fabs(one);
                }
                assert_true(fabs((double)again[k * m + i] - sum) <= 1e-6 * size);
            }
        check(values, w.stride, start, z, count, m, n, true);
        free(values);
        free(x);
        free(y);
        free(start);
        free(z);
        free(again);
        free(room);
    }
}

static void try_kernel(wane_strip_kernel *kernel)
{
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        size_t m = shapes[s].rows, n = shapes[s].cols, l = shapes[s].left, r = shapes[s].right;
        float *w = draw(m * shapes[s].stride, 2 * s), *x = draw(l * m + r * n, 2 * s + 1);
        float *out = calloc(l * n + r * m + 1, sizeof *out);
        assert_non_null(out);
        const wane_strip_side left = {l, m, n, x, out}, right = {r, n, m, x + l * m, out + l * n};
        kernel(w, shapes[s].stride, m, n, &left, &right, false);
        check(w, shapes[s].stride, left.in, left.out, l, m, n, true);
        check(w, shapes[s].stride, right.in, right.out, r, n, m, false);
        free(w);
        free(x);
        free(out);
    }
}

static void every_instruction_set_is_right(void **state)
{
    (void)state;
    try_kernel(wane_strip_baseline);
#if defined(__x86_64__)
    if (wane_processor_has(WANE_SET_AVX2)) try_kernel(wane_strip_avx2);
    if (wane_processor_has(WANE_SET_AVX512)) try_kernel(wane_strip_avx512);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(products_are_right),
                                       cmocka_unit_test(the_chain_is_two_products),
                                       cmocka_unit_test(every_instruction_set_is_right)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
