/* SPDX-License-Identifier: Apache-2.0
 * Every kernel, at every instruction set this processor has, against the same formula in double;
 * gradients against central differences of the formula in double.
 */
#include <math.h>
#include <string.h>

#include "eval/compute/kernels.h"
#include "store/base/memory.h"
#include "store/base/random.h"
#include "tests/support/support.h"

enum { LEVELS = 3, MOST = 4096 };

static float draw_buffer[8][MOST];

/* `count` normal numbers; buffer i is overwritten by the next draw into it. */
static float *draw(int i, size_t count, double sigma)
{
    wane_random where = {.seed = 11, .purpose = WANE_RANDOM_TEST, .tensor = (uint64_t)i};
    assert_true(count <= MOST);
    wane_random_normal_fill(draw_buffer[i], count, sigma, &where);
    return draw_buffer[i];
}

static void exp_is_accurate(void **state)
{
    (void)state;
    enum { N = 200003 };
    float *x = wane_alloc(N, sizeof *x), *y = wane_alloc(N, sizeof *y);
    for (int level = 0; level < LEVELS; level++) {
        const wane_kernels *k = wane_kernels_at(level);
        if (!k) continue;
        double worst = 0;
        for (size_t i = 0; i < N; i++) x[i] = (float)(-87.3 + 176.0 * (double)i / (N - 1));
        k->exp(N, x, y);
        for (size_t i = 0; i < N; i++) {
            double exact = exp((double)x[i]);
            double ulp = exact < 0x1p-126 ? 0x1p-149 : ldexp(1.0, ilogb(exact) - 23);
            double error = fabs(y[i] - exact) / ulp;
            if (!(error <= worst)) worst = error;
        }
        print_message("%s: exp within %.2f ulp\n", k->name, worst);
        assert_true(worst <= 2);
        const float edges[] = {-1e30f, -200, -87.4f, 0, 1, 100, 1e30f, NAN, -INFINITY, INFINITY};
        k->exp(10, edges, y);
        assert_true(y[0] == 0 && y[1] == 0 && y[2] == 0 && y[3] == 1 && y[8] == 0);
        assert_true(isfinite(y[5]) && y[5] > 3e38f && y[6] == y[5] && y[9] == y[5]);
        assert_true(isnan(y[7]));
    }
    wane_free(x);
    wane_free(y);
}

/* Heads of 10 turned whole or in part; what lies behind the part and beside the heads stays. */
static void rope_turns_and_turns_back(void **state)
{
    (void)state;
    enum { ROWS = 4, HEADS = 3, WIDTH = 10, LD = 40, POSITIONS = 9 };
    const int32_t position[ROWS] = {0, 8, 3, 3};
    for (int level = 0; level < LEVELS; level++)
        for (size_t part = 0; wane_kernels_at(level) && part <= WIDTH; part += 2) {
            const wane_kernels *k = wane_kernels_at(level);
            size_t half = part / 2;
            float cosine[POSITIONS * WIDTH / 2], sine[POSITIONS * WIDTH / 2];
            for (size_t p = 0; p < POSITIONS; p++)
                for (size_t i = 0; i < half; i++) {
                    cosine[p * half + i] = (float)cos((double)p * pow(10, -(double)i / 2));
                    sine[p * half + i] = (float)sin((double)p * pow(10, -(double)i / 2));
                }
            float *x = draw(0, ROWS * LD, 1), y[ROWS * LD];
            memcpy(y, x, sizeof y);
            k->rope(ROWS, HEADS, WIDTH, part, y, LD, position, cosine, sine, false);
            for (size_t at = 0; at < ROWS * LD; at++) {
                size_t row = at / LD, in_row = at % LD, i = in_row % WIDTH;
                if (in_row >= HEADS * WIDTH || i >= part) {
                    assert_true(y[at] == x[at]);
                    continue;
                }
                bool low = i < half;
                double angle = position[row] * pow(10, -(double)(low ? i : i - half) / 2);
                double other = low ? -x[at + half] : x[at - half];
                CHECK_NEAR(y[at], x[at] * cos(angle) + other * sin(angle), 1e-6, 1e-6);
            }
            k->rope(ROWS, HEADS, WIDTH, part, y, LD, position, cosine, sine, true);
            for (size_t i = 0; i < ROWS * LD; i++) CHECK_NEAR(y[i], x[i], 1e-6, 1e-6);
        }
}

static double lse_at(const double *x, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += exp(x[i]);
    return log(sum);
}

static void cross_entropy_and_its_gradient(void **state)
{
    (void)state;
    const size_t counts[] = {1, 5, 16, 100, 1003};
    const double h = 1e-5;
    for (int level = 0; level < LEVELS; level++) {
        const wane_kernels *k = wane_kernels_at(level);
        for (size_t c = 0; k && c < 5; c++) {
            size_t count = counts[c], top = 0;
            float *x = draw(0, count, 4), lse = 0;
            int32_t best = -1;
            double wide[1003];
            for (size_t i = 0; i < count; i++) {
                wide[i] = x[i];
                if (x[i] > x[top]) top = i;
            }
            k->logsumexp(count, x, &lse, &best);
            CHECK_NEAR(lse, lse_at(wide, count), 2e-6, 1e-6);
            assert_int_equal(best, top);
            k->softmax_gradient(count, x, lse, 0.5f);
            for (size_t i = 0; i < count; i += 7) {
                double kept = wide[i], up = 0;
                wide[i] = kept + h;
                up = lse_at(wide, count);
                wide[i] = kept - h;
                CHECK_NEAR(x[i], 0.5 * (up - lse_at(wide, count)) / (2 * h), 1e-6, 1e-5);
                wide[i] = kept;
            }
        }
        if (!k) continue;
        float ties[40] = {0}, lse = 0;
        int32_t best = -1;
        ties[37] = ties[19] = ties[22] = 2; /* the smallest index of equals */
        k->logsumexp(40, ties, &lse, &best);
        assert_int_equal(best, 19);
        ties[3] = NAN;
        k->logsumexp(40, ties, &lse, &best);
        assert_true(isnan(lse));
    }
}

/* product, transpose, dots, sums: against plain loops in double. */
static void small_products_are_right(void **state)
{
    (void)state;
    const size_t shapes[][3] = {{1, 1, 1}, {4, 32, 8}, {7, 53, 13}, {16, 16, 40}, {3, 9, 5}};
    for (int level = 0; level < LEVELS; level++) {
        const wane_kernels *k = wane_kernels_at(level);
        for (size_t s = 0; k && s < 5; s++) {
            size_t m = shapes[s][0], n = shapes[s][1], p = shapes[s][2];
            float *a = draw(0, m * p, 1), *b = draw(1, p * n, 1), *c = draw(2, m * (n + 2), 1);
            float *a_t = draw(3, m * p, 1), *b_t = draw(4, p * n + 16 * n, 1);
            float *u = draw(5, m * n, 1), kept[16 * 55];
            memcpy(kept, c, m * (n + 2) * sizeof(float));
            k->transpose(m, p, a, p, a_t, m, m);
            k->product(m, n, p, a_t, 1, m, b, n, c, n + 2, true); /* a by columns */
            k->transpose(p, n, b, n, b_t, p + 3, p + 3);
            for (size_t i = 0; i < n; i++)
                for (size_t j = p; j < p + 3; j++) assert_true(b_t[i * (p + 3) + j] == 0);
            k->dots(m, n, p, a, p, b_t, p + 3, u, n);
            for (size_t i = 0; i < m; i++)
                for (size_t j = 0; j < n; j++) {
                    double sum = 0;
                    for (size_t q = 0; q < p; q++) sum += (double)a[i * p + q] * b[q * n + j];
                    CHECK_NEAR(c[i * (n + 2) + j], sum + kept[i * (n + 2) + j], 3e-6, 1e-6);
                    CHECK_NEAR(u[i * n + j], sum, 3e-6, 1e-6);
                }
            for (size_t i = 0; i < m; i++) /* nothing beside the block is touched */
                assert_memory_equal(c + i * (n + 2) + n, kept + i * (n + 2) + n, 2 * sizeof *c);
            k->product(m, n, p, a, p, 1, b, n, u, n, false);
            CHECK_NEAR(u[0], c[0] - kept[0], 3e-6, 1e-6);
        }
    }
}

static void rows_are_added_and_scaled(void **state)
{
    (void)state;
    for (int level = 0; level < LEVELS; level++) {
        const wane_kernels *k = wane_kernels_at(level);
        if (!k) continue;
        float *x = draw(0, 5 * 40, 1), *bias = draw(1, 33, 1), y[5 * 40], sum[33] = {0};
        memcpy(y, x, sizeof y);
        k->add_bias(5, 33, bias, y, 40);
        k->add_columns(5, 33, x, 40, sum);
        for (size_t i = 0; i < 33; i++) {
            double total = 0;
            for (size_t r = 0; r < 5; r++) {
                CHECK_NEAR(y[r * 40 + i], (double)x[r * 40 + i] + bias[i], 1e-7, 1e-7);
                total += x[r * 40 + i];
            }
            CHECK_NEAR(sum[i], total, 1e-6, 1e-6);
        }
        double dot = 0;
        for (size_t i = 0; i < 37; i++) dot += (double)x[i] * x[40 + i];
        CHECK_NEAR(k->dot(37, x, x + 40), dot, 1e-6, 1e-6);
        k->add(40, x, y);
        k->scale(40, 3, y);
        CHECK_NEAR(y[35], 6.0 * x[35], 1e-6, 1e-6);
    }
}

/* A NaN or an infinity anywhere in a row is not lost in a maximum. */
static void what_is_not_finite_stays_so(void **state)
{
    (void)state;
    enum { N = 40, WIDTH = 48 };
    static const float odd[] = {NAN, INFINITY};
    for (int level = 0; level < LEVELS; level++)
        for (size_t at = 0; wane_kernels_at(level) && at < N; at++)
            for (size_t o = 0; o < 2; o++) {
                const wane_kernels *k = wane_kernels_at(level);
                float s[WIDTH] = {0}, lse = 0, *x = draw(0, N, 1);
                wane_softmax row = {0, N, WIDTH, 0.5f, 0};
                x[at] = odd[o];
                k->logsumexp(N, x, &lse, NULL);
                assert_false(isfinite(lse));
                memcpy(s, x, N * sizeof *s);
                assert_true(isnan(k->softmax_row(&row, s, &lse)) && !isfinite(lse));
            }
}

static void one_table_is_in_use(void **state)
{
    (void)state;
    assert_non_null(wane_kernels_at(0));
    assert_null(wane_kernels_at(LEVELS));
    assert_null(wane_kernels_at(-1));
    assert_string_equal(wane_kernel_features(), wane_kernels_best()->name);
    bool known = false;
    for (int level = 0; level < LEVELS; level++)
        known |= wane_kernels_at(level) == wane_kernels_best();
    assert_true(known);
}

/* Against the words of the library, block by block. */
static void dropout_is_philox(void **state)
{
    (void)state;
    enum { FLOATS = 150 };
    const wane_random where = {0xfedcba9876543210, WANE_RANDOM_DROPOUT, 3, 12345678901, 77};
    const size_t counts[] = {1, 8, 15, 64, 100, 128, FLOATS};
    const uint64_t first = 0xfffffffc; /* the lower word of the counter overflows on the way */
    float *x = draw(0, FLOATS, 1), y[FLOATS], sum[FLOATS];
    for (int level = 0; level < LEVELS; level++) {
        const wane_kernels *k = wane_kernels_at(level);
        for (size_t c = 0; k && c < sizeof counts / sizeof *counts; c++) {
            wane_philox p = {.key = where.seed, .threshold = 20000, .kept = 1.5f};
            wane_random_counter(&p.high, &p.low, &where, first);
            for (size_t i = 0; i < FLOATS; i++) y[i] = sum[i] = 0.25f;
            k->dropout(counts[c], &p, x, y, false);
            k->dropout(counts[c], &p, x, sum, true);
            for (size_t i = 0; i < FLOATS; i++) {
                uint32_t words[4];
                wane_random_words(words, &where, first + i / 8);
                uint32_t piece = words[i % 8 / 2] >> (16 * (i % 2)) & 0xffff;
                float wanted = piece < 20000 ? 0.0f : 1.5f * x[i];
                assert_true(y[i] == (i < counts[c] ? wanted : 0.25f));
                CHECK_NEAR(sum[i], i < counts[c] ? 0.25f + wanted : 0.25f, 1e-7, 1e-7);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dropout_is_philox),
        cmocka_unit_test(exp_is_accurate),
        cmocka_unit_test(rope_turns_and_turns_back),
        cmocka_unit_test(cross_entropy_and_its_gradient),
        cmocka_unit_test(small_products_are_right),
        cmocka_unit_test(rows_are_added_and_scaled),
        cmocka_unit_test(what_is_not_finite_stays_so),
        cmocka_unit_test(one_table_is_in_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
