/* SPDX-License-Identifier: Apache-2.0
 * Every kind of norm, at every instruction set this processor has, against its formula in double;
 * gradients against central differences of the formula in double.
 */
#include <math.h>
#include <string.h>

#include "eval/compute/kernels.h"
#include "store/base/random.h"
#include "tests/support/support.h"

enum { LEVELS = 3, ROWS = 3, WIDTHS = 7, WIDEST = 100 };

static const size_t widths[WIDTHS] = {1, 7, 16, 37, 64, 77, WIDEST};
static const double epsilon = (double)1e-3f;

/* Rows of one kind at work, and their parameters in double. */
typedef struct problem {
    wane_norm_kind kind;
    size_t width;
    bool biased;
    float x[ROWS * WIDEST], gain[WIDEST], bias[WIDEST], dy[ROWS * WIDEST];
    double wide_x[ROWS * WIDEST], wide_gain[WIDEST], wide_bias[WIDEST];
} problem;

static void draw(float *out, double *wide, size_t count, double sigma, uint64_t tensor)
{
    wane_random where = {.seed = 12, .purpose = WANE_RANDOM_TEST, .tensor = tensor};
    wane_random_normal_fill(out, count, sigma, &where);
    for (size_t i = 0; wide && i < count; i++) wide[i] = out[i];
}

/* Every row has a mean of its own, far from 0 against the spread in the last. */
static void make(problem *p, wane_norm_kind kind, size_t width, bool biased)
{
    *p = (problem){.kind = kind, .width = width, .biased = biased};
    draw(p->x, NULL, ROWS * width, 1, 1);
    for (size_t i = 0; i < ROWS * width; i++) {
        p->x[i] += 4.0f * (float)(i / width);
        p->wide_x[i] = p->x[i];
    }
    draw(p->gain, p->wide_gain, width, 1, 2);
    draw(p->bias, p->wide_bias, width, 1, 3);
    draw(p->dy, NULL, ROWS * width, 1, 4);
}

static double norm_at(const problem *p, size_t row, size_t i)
{
    const double *x = p->wide_x + row * p->width;
    double mean = 0, squares = 0, width = (double)p->width, gain = p->wide_gain[i];
    for (size_t j = 0; p->kind == WANE_NORM_LAYER && j < p->width; j++) mean += x[j] / width;
    for (size_t j = 0; j < p->width; j++) squares += (x[j] - mean) * (x[j] - mean);
    if (p->kind == WANE_NORM_RMS_PLUS_ONE) gain += 1;
    double y = (x[i] - mean) / sqrt(squares / width + epsilon) * gain;
    return p->biased ? y + p->wide_bias[i] : y;
}

/* The sum of dy y, and its slope in *x, which is one of the problem's numbers. */
static double weighted(const problem *p)
{
    double sum = 0;
    for (size_t r = 0; r < ROWS; r++)
        for (size_t i = 0; i < p->width; i++) sum += p->dy[r * p->width + i] * norm_at(p, r, i);
    return sum;
}

static double slope(const problem *p, double *x)
{
    const double h = 1e-5;
    double kept = *x;
    *x = kept + h;
    double up = weighted(p);
    *x = kept - h;
    double down = weighted(p);
    *x = kept;
    return (up - down) / (2 * h);
}

static void check_backward(problem *p, const wane_norm_kernels *norm, const float *y,
                           const float *rstd)
{
    const float *bias = p->biased ? p->bias : NULL;
    size_t width = p->width, count = ROWS * width;
    float dx[ROWS * WIDEST], over[ROWS * WIDEST], again[ROWS * WIDEST];
    float dgain[WIDEST], dbias[WIDEST];
    for (size_t i = 0; i < count; i++) dx[i] = 0.5f;
    for (size_t i = 0; i < width; i++) dgain[i] = 0.25f, dbias[i] = -0.25f;
    norm->backward(ROWS, width, p->x, p->gain, bias, rstd, p->dy, dx, true, again, dgain,
                   p->biased ? dbias : NULL);
    assert_memory_equal(again, y, count * sizeof *y);
    memcpy(over, p->dy, sizeof over); /* in place, and nothing else asked for */
    norm->backward(ROWS, width, p->x, p->gain, bias, rstd, over, over, false, NULL, NULL, NULL);
    for (size_t i = 0; i < count; i++) {
        double wanted = slope(p, p->wide_x + i);
        CHECK_NEAR(dx[i] - 0.5, wanted, 5e-6, 1e-5);
        CHECK_NEAR(over[i], wanted, 5e-6, 1e-5);
    }
    for (size_t i = 0; i < width; i++) {
        CHECK_NEAR(dgain[i] - 0.25, slope(p, p->wide_gain + i), 5e-6, 1e-5);
        if (p->biased) CHECK_NEAR(dbias[i] + 0.25, slope(p, p->wide_bias + i), 2e-6, 1e-5);
    }
}

static void norms_and_their_gradients(void **state)
{
    (void)state;
    problem p;
    for (int level = 0; level < LEVELS; level++)
        for (int kind = 0; wane_kernels_at(level) && kind < WANE_NORM_KINDS; kind++)
            for (size_t w = 0; w < 2 * WIDTHS; w++) {
                const wane_norm_kernels *norm = &wane_kernels_at(level)->norm[kind];
                make(&p, (wane_norm_kind)kind, widths[w / 2], w % 2);
                float y[ROWS * WIDEST], rstd[ROWS], inside[ROWS * WIDEST];
                const float *bias = p.biased ? p.bias : NULL;
                norm->forward(ROWS, p.width, (float)epsilon, p.x, p.gain, bias, y, rstd);
                for (size_t i = 0; i < ROWS * p.width; i++)
                    CHECK_NEAR(y[i], norm_at(&p, i / p.width, i % p.width), 5e-6, 2e-6);
                memcpy(inside, p.x, sizeof inside);
                norm->forward(ROWS, p.width, (float)epsilon, inside, p.gain, bias, inside, NULL);
                assert_memory_equal(inside, y, ROWS * p.width * sizeof *y);
                check_backward(&p, norm, y, rstd);
            }
}

/* A NaN or an overflow of the squares anywhere in a row is not divided away. */
static void what_is_not_finite_stays_so(void **state)
{
    (void)state;
    enum { N = 40 };
    static const float odd[] = {NAN, INFINITY, -INFINITY};
    float x[N], y[N], gain[N], rstd = 0;
    for (size_t i = 0; i < N; i++) gain[i] = 1;
    for (int level = 0; level < LEVELS; level++)
        for (int kind = 0; wane_kernels_at(level) && kind < WANE_NORM_KINDS; kind++)
            for (size_t at = 0; at < N; at++) {
                const wane_norm_kernels *norm = &wane_kernels_at(level)->norm[kind];
                draw(x, NULL, N, 1, 5);
                for (size_t o = 0; o < 3; o++) {
                    x[at] = odd[o];
                    norm->forward(1, N, 1e-6f, x, gain, NULL, y, &rstd);
                    assert_true(isnan(y[at]) && isnan(rstd));
                }
                x[at] = 1e30f; /* finite, its square is not */
                norm->forward(1, N, 1e-6f, x, gain, NULL, y, &rstd);
                for (size_t i = 0; i < N; i++) assert_true(isnan(y[i]));
            }
}

static void every_kind_has_a_name(void **state)
{
    (void)state;
    for (int kind = 0; kind < WANE_NORM_KINDS; kind++) {
        assert_non_null(wane_norm_name[kind]);
        for (int other = 0; other < kind; other++)
            assert_string_not_equal(wane_norm_name[kind], wane_norm_name[other]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(norms_and_their_gradients),
        cmocka_unit_test(what_is_not_finite_stays_so),
        cmocka_unit_test(every_kind_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
