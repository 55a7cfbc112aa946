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

static double rmsnorm_at(const double *x, const float *gain, size_t width, double epsilon, size_t i)
{
    double squares = 0;
    for (size_t j = 0; j < width; j++) squares += x[j] * x[j];
    return x[i] / sqrt(squares / (double)width + epsilon) * gain[i];
}

/* d sum(dy y) / d x_j by central differences. */
static double rmsnorm_slope(double *x, const float *gain, const float *dy, size_t width,
                            double epsilon, size_t j)
{
    const double h = 1e-5;
    double kept = x[j], sums[2] = {0, 0};
    for (int side = 0; side < 2; side++) {
        x[j] = kept + (side ? h : -h);
        for (size_t i = 0; i < width; i++)
            sums[side] += dy[i] * rmsnorm_at(x, gain, width, epsilon, i);
    }
    x[j] = kept;
    return (sums[1] - sums[0]) / (2 * h);
}

static void rmsnorm_and_its_gradient(void **state)
{
    (void)state;
    enum { ROWS = 3 };
    const size_t widths[] = {1, 7, 16, 37, 64};
    for (int level = 0; level < LEVELS; level++) {
        const wane_kernels *k = wane_kernels_at(level);
        for (size_t w = 0; k && w < 5; w++) {
            size_t width = widths[w], count = ROWS * width;
            float *x = draw(0, count, 1), *gain = draw(1, width, 1), *dy = draw(2, count, 1);
            float y[ROWS * 64], dx[ROWS * 64], again[ROWS * 64], dgain[64] = {0}, rstd[ROWS];
            double wide[64];
            k->rmsnorm(ROWS, width, 1e-3f, x, gain, y, rstd);
            for (size_t i = 0; i < count; i++) dx[i] = 0.5f; /* it adds */
            k->rmsnorm_backward(ROWS, width, x, gain, rstd, dy, dx, again, dgain);
            for (size_t r = 0; r < ROWS; r++) {
                for (size_t i = 0; i < width; i++) wide[i] = x[r * width + i];
                for (size_t i = 0; i < width; i++) {
                    size_t at = r * width + i;
                    CHECK_NEAR(y[at], rmsnorm_at(wide, gain, width, (double)1e-3f, i), 2e-6, 2e-6);
                    CHECK_NEAR(again[at], y[at], 1e-6, 1e-6);
                    CHECK_NEAR(dx[at] - 0.5,
                               rmsnorm_slope(wide, gain, dy + r * width, width, (double)1e-3f, i),
                               2e-6, 1e-5);
                }
            }
            for (size_t i = 0; i < width; i++) {
                double sum = 0;
                for (size_t r = 0; r < ROWS; r++)
                    sum += (double)dy[r * width + i] * x[r * width + i] * rstd[r];
                CHECK_NEAR(dgain[i], sum, 2e-6, 2e-6);
            }
        }
    }
}

static void rope_turns_and_turns_back(void **state)
{
    (void)state;
    enum { ROWS = 4, HEADS = 3, HALF = 5, LD = 40, POSITIONS = 9 };
    const int32_t position[ROWS] = {0, 8, 3, 3};
    float cosine[POSITIONS * HALF], sine[POSITIONS * HALF];
    for (int p = 0; p < POSITIONS; p++)
        for (int i = 0; i < HALF; i++) {
            cosine[p * HALF + i] = (float)cos(p * pow(10, -i / 2.0));
            sine[p * HALF + i] = (float)sin(p * pow(10, -i / 2.0));
        }
    for (int level = 0; level < LEVELS; level++) {
        const wane_kernels *k = wane_kernels_at(level);
        if (!k) continue;
        float *x = draw(0, ROWS * LD, 1), y[ROWS * LD];
        memcpy(y, x, sizeof y);
        k->rope(ROWS, HEADS, 2 * HALF, y, LD, position, cosine, sine, false);
        for (int r = 0; r < ROWS; r++)
            for (int h = 0; h < HEADS; h++)
                for (int i = 0; i < HALF; i++) {
                    const float *pair = x + r * LD + h * 2 * HALF + i;
                    const float *turned = y + r * LD + h * 2 * HALF + i;
                    double c = cos(position[r] * pow(10, -i / 2.0));
                    double s = sin(position[r] * pow(10, -i / 2.0));
                    CHECK_NEAR(turned[0], pair[0] * c - pair[HALF] * s, 1e-6, 1e-6);
                    CHECK_NEAR(turned[HALF], pair[HALF] * c + pair[0] * s, 1e-6, 1e-6);
                }
        for (int r = 0; r < ROWS; r++) /* what lies beside the heads stays */
            assert_memory_equal(y + r * LD + 30, x + r * LD + 30, 10 * sizeof(float));
        k->rope(ROWS, HEADS, 2 * HALF, y, LD, position, cosine, sine, true);
        for (int i = 0; i < ROWS * LD; i++) CHECK_NEAR(y[i], x[i], 1e-6, 1e-6);
    }
}

static double swiglu_at(double gate, double up)
{
    return gate / (1 + exp(-gate)) * up;
}

static void swiglu_and_its_gradient(void **state)
{
    (void)state;
    const size_t sizes[] = {3, 16, 41};
    const double h = 1e-5;
    for (int level = 0; level < LEVELS; level++) {
        const wane_kernels *k = wane_kernels_at(level);
        for (size_t s = 0; k && s < 3; s++) {
            size_t hidden = sizes[s];
            float *x = draw(0, 4 * hidden, 3), *dy = draw(1, 2 * hidden, 1);
            float y[82], given[82], both[164];
            k->swiglu(2, hidden, x, y);
            memcpy(both, x, 4 * hidden * sizeof(float));
            memcpy(given, dy, 2 * hidden * sizeof(float));
            k->swiglu_backward(2, hidden, both, given);
            for (size_t r = 0; r < 2; r++)
                for (size_t i = 0; i < hidden; i++) {
                    double gate = x[2 * r * hidden + i], up = x[(2 * r + 1) * hidden + i];
                    double d = dy[r * hidden + i];
                    CHECK_NEAR(y[r * hidden + i], swiglu_at(gate, up), 1e-6, 1e-6);
                    CHECK_NEAR(given[r * hidden + i], swiglu_at(gate, up), 1e-6, 1e-6);
                    CHECK_NEAR(both[2 * r * hidden + i],
                               d * (swiglu_at(gate + h, up) - swiglu_at(gate - h, up)) / (2 * h),
                               2e-6, 1e-5);
                    CHECK_NEAR(both[(2 * r + 1) * hidden + i],
                               d * (swiglu_at(gate, up + h) - swiglu_at(gate, up - h)) / (2 * h),
                               2e-6, 1e-5);
                }
        }
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

/* The two instruction sets with fused multiply-add agree closely; the baseline to rounding. */
/* A NaN or an overflow anywhere in a row is not lost on the way: no kernel drops it in a maximum or
 * divides it away. */
static void what_is_not_finite_stays_so(void **state)
{
    (void)state;
    enum { N = 40, WIDTH = 48 };
    static const float odd[] = {NAN, INFINITY};
    for (int level = 0; level < LEVELS; level++) {
        const wane_kernels *k = wane_kernels_at(level);
        if (!k) continue;
        for (size_t at = 0; at < N; at++)
            for (size_t o = 0; o < 2; o++) {
                float s[WIDTH] = {0}, y[WIDTH], gain[WIDTH], lse = 0, rstd = 0;
                float *x = draw(0, N, 1);
                x[at] = odd[o];
                k->logsumexp(N, x, &lse, NULL);
                assert_false(isfinite(lse));
                memcpy(s, x, N * sizeof *s);
                assert_true(isnan(k->softmax_row(N, WIDTH, 0.5f, s, &lse)) && !isfinite(lse));
                for (size_t i = 0; i < N; i++) gain[i] = 1;
                k->rmsnorm(1, N, 1e-6f, x, gain, y, &rstd);
                assert_true(isnan(y[at]) && isnan(rstd));
                x[at] = 1e30f; /* finite, its square is not */
                k->rmsnorm(1, N, 1e-6f, x, gain, y, &rstd);
                for (size_t i = 0; i < N; i++) assert_true(isnan(y[i]));
            }
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
        cmocka_unit_test(rmsnorm_and_its_gradient),
        cmocka_unit_test(rope_turns_and_turns_back),
        cmocka_unit_test(swiglu_and_its_gradient),
        cmocka_unit_test(cross_entropy_and_its_gradient),
        cmocka_unit_test(small_products_are_right),
        cmocka_unit_test(rows_are_added_and_scaled),
        cmocka_unit_test(what_is_not_finite_stays_so),
        cmocka_unit_test(one_table_is_in_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
