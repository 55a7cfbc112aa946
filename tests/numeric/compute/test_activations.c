/* SPDX-License-Identifier: Apache-2.0
 * Every activation and the soft cap, at every instruction set this processor has, against their
 * formulas in double, within the bounds that kernels.h states.
 */
#include <math.h>
#include <string.h>

#include "eval/compute/kernels.h"
#include "store/base/memory.h"
#include "tests/support/support.h"

enum { LEVELS = 3, POINTS = 40000 };

static const double pi = 3.14159265358979323846;

static double silu(double x)
{
    return x / (1 + exp(-x));
}

static double silu_slope(double x)
{
    double s = 1 / (1 + exp(-x)), rest = 1 / (1 + exp(x));
    return s * (1 + x * rest);
}

static double silu_bound(double x)
{
    return x < -87 ? 3e-39 * -x : 5e-7 * fabs(silu(x));
}

static double gelu(double x)
{
    return x * erfc(-x / sqrt(2)) / 2;
}

static double gelu_slope(double x)
{
    return erfc(-x / sqrt(2)) / 2 + x * exp(-x * x / 2) / sqrt(2 * pi);
}

static double gelu_bound(double x)
{
    return 1e-6 * fabs(gelu(x));
}

static double twice_u(double x)
{
    return 2 * sqrt(2 / pi) * (x + 0.044715 * x * x * x);
}

static double gelu_tanh(double x)
{
    return x / (1 + exp(-twice_u(x)));
}

/* (1 + tanh u) / 2 + x / 2 (1 - tanh^2 u) u' */
static double gelu_tanh_slope(double x)
{
    double half = tanh(twice_u(x) / 2);
    if (fabs(x) > 100) return x > 0;
    return (1 + half) / 2 + x / 2 * (1 - half * half) * sqrt(2 / pi) * (1 + 3 * 0.044715 * x * x);
}

static double gelu_tanh_bound(double x)
{
    double value = fabs(gelu_tanh(x));
    return value == 0 ? 0 : 5e-7 * (1 + fabs(twice_u(x))) * value;
}

static double relu(double x)
{
    return x > 0 ? x : 0;
}

static double relu_slope(double x)
{
    return x > 0;
}

static double relu_bound(double x)
{
    (void)x;
    return 0;
}

static const struct formula {
    double (*value)(double), (*slope)(double), (*bound)(double);
} formulas[WANE_ACTIVATION_KINDS] = {
    [WANE_ACTIVATION_SILU] = {silu, silu_slope, silu_bound},
    [WANE_ACTIVATION_GELU] = {gelu, gelu_slope, gelu_bound},
    [WANE_ACTIVATION_GELU_TANH] = {gelu_tanh, gelu_tanh_slope, gelu_tanh_bound},
    [WANE_ACTIVATION_RELU] = {relu, relu_slope, relu_bound},
};

/* Half of them evenly over -100..100, half over all sizes of fp32, of both signs. */
static void spread_points(float *x)
{
    for (size_t i = 0; i < POINTS; i++) {
        double part = (double)i / POINTS;
        double size = pow(10, -37 + 75.4 * fabs(2 * part - 1));
        x[i] = (float)(i % 2 ? 200 * part - 100 : part < 0.5 ? -size : size);
    }
}

static void values_and_slopes_are_within_their_bounds(void **state)
{
    (void)state;
    float *x = wane_alloc(POINTS, sizeof *x), *y = wane_alloc(POINTS, sizeof *y);
    float *dx = wane_alloc(POINTS, sizeof *dx), *dy = wane_alloc(POINTS, sizeof *dy);
    spread_points(x);
    for (int level = 0; level < LEVELS; level++)
        for (int kind = 0; wane_kernels_at(level) && kind < WANE_ACTIVATION_KINDS; kind++) {
            const wane_activation_kernels *act = &wane_kernels_at(level)->activation[kind];
            const struct formula *f = &formulas[kind];
            act->plain(1, POINTS, x, y);
            memcpy(dx, x, POINTS * sizeof *x);
            for (size_t i = 0; i < POINTS; i++) dy[i] = 1;
            act->plain_backward(1, POINTS, dx, dy);
            assert_memory_equal(dy, y, POINTS * sizeof *y);
            for (size_t i = 0; i < POINTS; i++) {
                CHECK_NEAR(y[i], f->value(x[i]), f->bound(x[i]) + 2e-36, 0);
                if (fabsf(x[i]) < 1e30f) CHECK_NEAR(dx[i], f->slope(x[i]), 1.5e-6, 0);
            }
        }
    wane_free(x);
    wane_free(y);
    wane_free(dx);
    wane_free(dy);
}

static void what_is_not_finite_stays_so(void **state)
{
    (void)state;
    enum { N = 19 };
    for (int level = 0; level < LEVELS; level++)
        for (int kind = 0; wane_kernels_at(level) && kind < WANE_ACTIVATION_KINDS; kind++)
            for (size_t at = 0; at < N; at++) {
                const wane_activation_kernels *act = &wane_kernels_at(level)->activation[kind];
                float x[N] = {0}, y[N], pairs[2 * N] = {0};
                x[at] = NAN;
                act->plain(1, N, x, y);
                assert_true(isnan(y[at]));
                memcpy(pairs, x, sizeof x);
                act->gated(1, N, pairs, y);
                assert_true(isnan(y[at]));
                x[at] = INFINITY;
                act->plain(1, N, x, y);
                assert_true(isinf(y[at]) && y[at] > 0);
                x[at] = -INFINITY; /* 0 times infinity, but for relu */
                act->plain(1, N, x, y);
                assert_true(kind == WANE_ACTIVATION_RELU ? y[at] == 0 : !isfinite(y[at]));
            }
}

/* Two rows; every number of them has its own place in the layout. */
static void gates_multiply(void **state)
{
    (void)state;
    enum { ROWS = 2, MOST = 41 };
    const size_t sizes[] = {1, 3, 16, 32, MOST};
    for (int level = 0; level < LEVELS; level++)
        for (int kind = 0; wane_kernels_at(level) && kind < WANE_ACTIVATION_KINDS; kind++)
            for (size_t s = 0; s < 5; s++) {
                const wane_activation_kernels *act = &wane_kernels_at(level)->activation[kind];
                const struct formula *f = &formulas[kind];
                size_t hidden = sizes[s];
                float x[2 * ROWS * MOST], both[2 * ROWS * MOST];
                float y[ROWS * MOST], dy[ROWS * MOST];
                for (size_t i = 0; i < 2 * ROWS * hidden; i++) both[i] = x[i] = sinf(3 * (float)i);
                for (size_t i = 0; i < ROWS * hidden; i++) dy[i] = cosf(5 * (float)i);
                act->gated(ROWS, hidden, x, y);
                act->gated_backward(ROWS, hidden, both, dy);
                assert_memory_equal(dy, y, ROWS * hidden * sizeof *y);
                for (size_t i = 0; i < ROWS * hidden; i++) {
                    size_t gate = i / hidden * 2 * hidden + i % hidden, up = gate + hidden;
                    double d = cosf(5 * (float)i);
                    CHECK_NEAR(y[i], f->value(x[gate]) * x[up], 1e-6, 1e-6);
                    CHECK_NEAR(both[gate], d * x[up] * f->slope(x[gate]), 2e-6, 1e-6);
                    CHECK_NEAR(both[up], d * f->value(x[gate]), 1e-6, 1e-6);
                }
            }
}

/* A tail of each length, against plain calls of one element. */
static void every_length_is_computed(void **state)
{
    (void)state;
    enum { MOST = 35 };
    for (int level = 0; level < LEVELS; level++)
        for (int kind = 0; wane_kernels_at(level) && kind < WANE_ACTIVATION_KINDS; kind++)
            for (size_t n = 1; n < MOST; n++) {
                const wane_activation_kernels *act = &wane_kernels_at(level)->activation[kind];
                float x[MOST], y[MOST + 1], one = 0;
                for (size_t i = 0; i < n; i++) x[i] = 3 * sinf((float)i);
                y[n] = 0.5f;
                act->plain(1, n, x, y);
                assert_true(y[n] == 0.5f);
                for (size_t i = 0; i < n; i++) {
                    act->plain(1, 1, x + i, &one);
                    assert_true(one == y[i]);
                }
                act->plain(1, n, x, x); /* in place */
                assert_memory_equal(x, y, n * sizeof *x);
            }
}

static void the_cap_and_its_gradient(void **state)
{
    (void)state;
    enum { N = 20003 };
    const float caps[] = {30, 1, 0.7f};
    float *x = wane_alloc(N, sizeof *x), *y = wane_alloc(N, sizeof *y);
    float *dy = wane_alloc(N, sizeof *dy);
    for (int level = 0; level < LEVELS; level++)
        for (size_t c = 0; wane_kernels_at(level) && c < 3; c++) {
            const wane_kernels *k = wane_kernels_at(level);
            double cap = (double)caps[c];
            for (size_t i = 0; i < N; i++) {
                double part = 2.0 * (double)i / (N - 1) - 1;
                y[i] = x[i] = (float)(12 * cap * part * part * part);
                dy[i] = 0.5f;
            }
            k->cap(N, caps[c], y);
            k->cap_backward(N, caps[c], y, dy);
            for (size_t i = 0; i < N; i++) {
                double t = tanh((double)x[i] / cap);
                CHECK_NEAR(y[i], cap * t, 1e-37, 4e-7);
                CHECK_NEAR(dy[i], 0.5 * (1 - t * t), 4e-7, 0);
            }
            float odd[] = {NAN, INFINITY, -INFINITY, 3e38f, -3e38f, 1e-40f};
            k->cap(6, caps[c], odd);
            assert_true(isnan(odd[0]) && odd[1] == caps[c] && odd[2] == -caps[c]);
            assert_true(odd[3] == caps[c] && odd[4] == -caps[c] && odd[5] > 0 && odd[5] < 2e-40f);
        }
    wane_free(x);
    wane_free(y);
    wane_free(dy);
}

static void every_kind_has_a_name(void **state)
{
    (void)state;
    for (int kind = 0; kind < WANE_ACTIVATION_KINDS; kind++) {
        assert_non_null(wane_activation_name[kind]);
        for (int other = 0; other < kind; other++)
            assert_string_not_equal(wane_activation_name[kind], wane_activation_name[other]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_and_slopes_are_within_their_bounds),
        cmocka_unit_test(what_is_not_finite_stays_so),
        cmocka_unit_test(gates_multiply),
        cmocka_unit_test(every_length_is_computed),
        cmocka_unit_test(the_cap_and_its_gradient),
        cmocka_unit_test(every_kind_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
