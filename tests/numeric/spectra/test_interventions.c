/* SPDX-License-Identifier: Apache-2.0
 * Interventions against NumPy (tests/reference/make_intervention_fixtures.py), from factors and
 * from the whole weight; and each arm's defining property on the weight it makes, measured densely.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/spectra/interventions.h"

#include "tests/numeric/spectra/grid.h"
#include "tests/support/support.h"

typedef struct expected {
    int choice, arm;
    double lambda, delta, moved, probe;
    char state[16];
} expected;

static double norm_between(const double *a, const float *b, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += (a[i] - (double)b[i]) * (a[i] - (double)b[i]);
    return sqrt(sum);
}

/* W + a dW + L R^T in double, from what the room hands out. */
static double *rebuilt(const grid_case *c, const wane_scaling *s, const wane_intervention *what)
{
    size_t m = c->rows, n = c->cols, p = what->rank;
    double *w = calloc(m * n, sizeof *w);
    double *left = calloc(m * p + 1, sizeof *left), *right = calloc(n * p + 1, sizeof *right);
    assert_true(w && left && right);
    wane_intervention_factors(left, right, s, what);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double tuned = (double)c->tuned[i * n + j], base = (double)c->base[i * n + j];
            w[i * n + j] = tuned + what->delta_scale * (tuned - base);
            for (size_t l = 0; l < p; l++) w[i * n + j] += left[i + l * m] * right[j + l * n];
        }
    free(left);
    free(right);
    return w;
}

static void check_applied(const grid_case *c, const wane_scaling *s, const wane_intervention *what,
                          const double *w)
{
    wane_error err;
    size_t count = c->rows * c->cols;
    float *weight = malloc(count * sizeof *weight);
    assert_non_null(weight);
    memcpy(weight, c->tuned, count * sizeof *weight);
    CHECK_OK(wane_intervention_apply(weight, c->base, s, what, NULL, &err));
    for (size_t i = 0; i < count; i++) CHECK_NEAR((double)weight[i], w[i], 1e-6, 1.2e-7);
    free(weight);
}

static void compare(const grid_case *c, const wane_scaling *s, const expected *e,
                    const float *probe)
{
    size_t count = c->rows * c->cols;
    wane_intervention what = wane_intervene(s, (wane_choice)e->choice, (wane_arm)e->arm, e->lambda);
    assert_string_equal(wane_arm_state_name(what.state), e->state);
    if (what.state != WANE_ARM_EXISTS) {
        assert_true(isnan(what.delta_frobenius) && isnan(what.moved_frobenius));
        return;
    }
    double *w = rebuilt(c, s, &what), sum = 0, delta = wane_scaling_delta(s);
    for (size_t i = 0; i < count; i++) sum += w[i] * (double)probe[i];
    CHECK_NEAR(what.delta_frobenius, e->delta, 1e-10 * delta, 1e-10);
    CHECK_NEAR(what.moved_frobenius, e->moved, 1e-9 * delta, 1e-9);
    CHECK_NEAR(norm_between(w, c->base, count), e->delta, 1e-10 * delta, 1e-10);
    CHECK_NEAR(norm_between(w, c->tuned, count), e->moved, 1e-9 * delta, 1e-9);
    CHECK_NEAR(sum, e->probe, 1e-7 * delta, 1e-9);
    /* norms equal, energies equal */
    wane_intervention a = wane_intervene(s, what.choice, WANE_ARM_INTRUDERS, e->lambda);
    double own = norm_between(w, c->base, count);
    if (what.arm == WANE_ARM_SHRINK || what.arm == WANE_ARM_ENERGY)
        CHECK_NEAR(own, a.delta_frobenius, 0, 1e-5);
    if (what.arm == WANE_ARM_RESCALE) CHECK_NEAR(own, delta, 0, 1e-5);
    if (e->lambda == 1) assert_true(what.rank == 0 && what.delta_scale == 0);
    check_applied(c, s, &what, w);
    free(w);
}

static void check_directions(const wane_scaling *s, FILE *file)
{
    size_t count = 0;
    assert_int_equal(fscanf(file, "%zu", &count), 1);
    assert_int_equal(wane_scaling_intruders(s, WANE_CHOICE_ALL), count);
    assert_int_equal(wane_scaling_intruders(s, WANE_CHOICE_TOP), count > 0);
    for (size_t i = 0; i < count; i++) {
        size_t position = 0, neighbour = 0;
        assert_int_equal(fscanf(file, "%zu %zu", &position, &neighbour), 2);
        wane_scaled_direction d = wane_scaling_direction(s, i);
        assert_int_equal(d.position, position);
        assert_int_equal(d.neighbour, neighbour);
        for (size_t j = 0; j < count; j++) { /* no neighbour is an intruder or taken twice */
            wane_scaled_direction other = wane_scaling_direction(s, j);
            assert_true(d.neighbour == 0 || d.neighbour != other.position);
            assert_true(d.neighbour == 0 || i == j || d.neighbour != other.neighbour);
        }
    }
}

/* Half of the factors a quarter as large; a base of low rank a sixteenth. */
static void soften(grid_case *c)
{
    for (size_t i = 0; i < c->rows; i++)
        for (size_t k = (c->rank + 1) / 2; k < c->rank; k++) c->b[i * c->rank + k] /= 4;
    for (size_t i = 0; c->base_rank && i < c->rows * c->cols; i++) c->base[i] /= 16;
}

static void every_arm_equals_numpy(void **state)
{
    (void)state;
    FILE *file = fopen("numeric/spectra/interventions.txt", "r");
    assert_non_null(file);
    grid_case c = {0};
    size_t k = 0, stored = 0, cases = 0;
    char side = 0;
    while (fscanf(file, " case %zu %zu %zu %zu %zu %zu %zu %c", &c.rows, &c.cols, &c.base_rank,
                  &c.rank, &c.seed, &k, &stored, &side) == 8) {
        wane_error err;
        grid_weights(&c);
        soften(&c);
        grid_finish(&c);
        float *probe = malloc(c.rows * c.cols * sizeof *probe);
        assert_non_null(probe);
        grid_fill(probe, c.rows, c.cols, c.seed + 7000, 16, 1.0 / 16);
        wane_scaling_options options = {.k = k,
                                        .epsilon = 0.5,
                                        .stored = stored,
                                        .side = side == 'u' ? WANE_SIDE_U : WANE_SIDE_V};
        wane_scaling *factored = NULL, *whole = NULL;
        wane_lowrank_term term = grid_term(&c);
        CHECK_OK(wane_scaling_lowrank(&factored, c.svd, &term, 1, &options, NULL, &err));
        CHECK_OK(wane_scaling_full(&whole, c.svd, grid_tuned(&c), &options, NULL, &err));
        long here = ftell(file);
        check_directions(factored, file);
        assert_int_equal(fseek(file, here, SEEK_SET), 0);
        check_directions(whole, file);
        for (size_t i = 0; i < 2 * 6 * 5; i++) {
            expected e = {0};
            assert_int_equal(fscanf(file, "%d %d %lf %15s %lf %lf %lf", &e.choice, &e.arm,
                                    &e.lambda, e.state, &e.delta, &e.moved, &e.probe),
                             7);
            compare(&c, factored, &e, probe);
            compare(&c, whole, &e, probe);
        }
        wane_scaling_free(factored);
        wane_scaling_free(whole);
        free(probe);
        grid_free(&c);
        cases++;
    }
    assert_int_equal(cases, 12);
    (void)fclose(file);
}

/* The vectors a spectrum hands out are singular vectors of W, by every method. */
static void vectors_are_singular(void **state)
{
    (void)state;
    const size_t shapes[][4] = {{200, 180, 0, 8},  {384, 170, 0, 8}, {170, 384, 0, 8},
                                {300, 170, 20, 4}, {40, 60, 0, 3},   {170, 300, 20, 4}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int method = 0; method < 3; method++) {
            wane_error err;
            grid_case c = {.rows = shapes[i][0],
                           .cols = shapes[i][1],
                           .base_rank = shapes[i][2],
                           .rank = shapes[i][3],
                           .seed = 50 + i};
            grid_weights(&c);
            grid_finish(&c);
            size_t m = c.rows, n = c.cols;
            wane_spectrum out = {0};
            wane_spectrum_options options = {
                .top = 10, .u = true, .vectors = true, .dense = method == 2};
            wane_lowrank_term term = grid_term(&c);
            if (method == 1)
                CHECK_OK(wane_spectrum_full(&out, c.svd, grid_tuned(&c), &options, NULL, &err));
            else CHECK_OK(wane_spectrum_lowrank(&out, c.svd, &term, 1, &options, NULL, &err));
            for (size_t j = 0; j < out.count; j++) {
                double left = 0, right = 0, residual = 0, sigma = out.side[0][j].sigma;
                for (size_t r = 0; r < m; r++) {
                    double sum = 0;
                    for (size_t l = 0; l < n; l++)
                        sum += (double)c.tuned[r * n + l] * out.v[l + j * n];
                    residual += pow(sum - sigma * out.u[r + j * m], 2);
                    left += out.u[r + j * m] * out.u[r + j * m];
                }
                for (size_t l = 0; l < n; l++) right += out.v[l + j * n] * out.v[l + j * n];
                CHECK_NEAR(sqrt(residual), 0, 1e-10 * out.side[0][0].sigma, 0);
                CHECK_NEAR(left, 1, 1e-12, 0);
                CHECK_NEAR(right, 1, 1e-12, 0);
            }
            wane_spectrum_free(&out);
            grid_free(&c);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_arm_equals_numpy),
                                       cmocka_unit_test(vectors_are_singular)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
