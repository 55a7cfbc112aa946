/* SPDX-License-Identifier: Apache-2.0
 * Random updates beside a change against NumPy's dense SVD (tests/reference/make_null_fixtures.py).
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/spectra/null.h"
#include "analysis/spectra/null_draw.h"
#include "tests/numeric/spectra/grid.h"
#include "tests/support/support.h"

typedef struct moments {
    double mean, sd, low, high;
} moments;

typedef struct trial {
    char kind[16];
    size_t rows, cols, rank, seed, bits, kept, draws;
    int shift;
    double floor, rounding, frobenius, nuclear, onset, scan;
    moments counts[WANE_NULLS][2];
    float *base, *tuned, *b, *a;
    wane_base_svd *svd;
    wane_null_change change;
} trial;

static float *floats(size_t count)
{
    float *out = calloc(count + 1, sizeof *out);
    assert_non_null(out);
    return out;
}

/* out += 2^-shift B A, exact. */
static void add_product(float *out, const float *b, const float *a, const trial *t, size_t rank,
                        int shift)
{
    float scale = ldexpf(1, -shift);
    for (size_t i = 0; i < t->rows; i++)
        for (size_t k = 0; k < rank; k++)
            for (size_t j = 0; j < t->cols; j++)
                out[i * t->cols + j] += scale * b[i * rank + k] * a[k * t->cols + j];
}

static void add_thin_base(trial *t)
{
    enum { RANK = 5 };
    float *left = floats(t->rows * RANK), *right = floats(RANK * t->cols);
    grid_fill(left, t->rows, RANK, 100 * t->seed + 1, 16, 1.0 / 16);
    grid_fill(right, RANK, t->cols, 100 * t->seed + 2, 16, 1.0 / 16);
    add_product(t->base, left, right, t, RANK, 0);
    free(left);
    free(right);
}

static void make_weights(trial *t)
{
    size_t size = t->rows * t->cols;
    t->base = floats(size);
    t->tuned = floats(size);
    t->b = floats(t->rows * t->rank);
    t->a = floats(t->rank * t->cols);
    grid_fill(t->b, t->rows, t->rank, 100 * t->seed + 3, 16, 1.0 / 16);
    grid_fill(t->a, t->rank, t->cols, 100 * t->seed + 4, 16, 1.0 / 16);
    if (strcmp(t->kind, "thin") == 0) add_thin_base(t);
    else grid_fill(t->base, t->rows, t->cols, 100 * t->seed, 512, 1.0 / 256);
    if (strcmp(t->kind, "dense") == 0)
        grid_fill(t->tuned, t->rows, t->cols, 100 * t->seed + 5, 512, ldexp(1, -10 - t->shift));
    for (size_t i = 0; i < size; i++) t->tuned[i] += t->base[i];
    add_product(t->tuned, t->b, t->a, t, t->rank, t->shift);
    for (size_t i = 0; t->bits && i < size; i++) {
        int exponent = 0;
        double fraction = frexp((double)t->tuned[i], &exponent);
        t->tuned[i] = (float)ldexp(rint(ldexp(fraction, (int)t->bits)), exponent - (int)t->bits);
    }
}

static void make_changes(trial *t)
{
    wane_error err;
    const wane_spectrum_options options = {.rounding = t->rounding};
    const wane_lowrank_term term = {t->b, t->a, t->rank, ldexpf(1, -t->shift)};
    wane_matrix base = {t->base, t->rows, t->cols, t->cols}, tuned = base;
    wane_null_change full = {0};
    tuned.data = t->tuned;
    CHECK_OK(wane_base_svd_compute(&t->svd, base, &err));
    CHECK_OK(wane_null_change_full(&full, t->svd, tuned, &options, NULL, &err));
    if (t->rank && !t->bits) {
        CHECK_OK(wane_null_change_lowrank(&t->change, t->svd, &term, 1, &options, NULL, &err));
        assert_int_equal(t->change.rank, full.rank);
        for (size_t i = 0; i < full.rank; i++)
            CHECK_NEAR(t->change.sigma[i], full.sigma[i], 1e-12 * full.sigma[0], 0);
        wane_null_change_free(&full);
    } else {
        t->change = full;
    }
    double sum = 0;
    for (size_t i = 0; i < t->change.rank; i++) sum += t->change.sigma[i];
    assert_int_equal(t->change.rank, t->kept);
    CHECK_NEAR(t->change.frobenius, t->frobenius, 0, 1e-11);
    CHECK_NEAR(sum, t->nuclear, 0, 1e-11);
}

static bool read_trial(trial *t, FILE *file)
{
    *t = (trial){0};
    if (fscanf(file, " case %15s %zu %zu %zu %zu %zu %d", t->kind, &t->rows, &t->cols, &t->rank,
               &t->seed, &t->bits, &t->shift) != 7)
        return false;
    assert_int_equal(fscanf(file, "%lf %lf %zu %lf %lf %zu", &t->floor, &t->rounding, &t->kept,
                            &t->frobenius, &t->nuclear, &t->draws),
                     6);
    for (int kind = 0; kind < WANE_NULLS; kind++)
        for (int side = 0; side < 2; side++) {
            moments *m = &t->counts[kind][side];
            assert_int_equal(fscanf(file, "%lf %lf %lf %lf", &m->mean, &m->sd, &m->low, &m->high),
                             4);
        }
    assert_int_equal(fscanf(file, "%lf %lf", &t->onset, &t->scan), 2);
    make_weights(t);
    make_changes(t);
    return true;
}

static void free_trial(trial *t)
{
    wane_null_change_free(&t->change);
    wane_base_svd_free(t->svd);
    free(t->base);
    free(t->tuned);
    free(t->b);
    free(t->a);
}

/* The same factors give the same counts. */
static void compare_fed(const trial *t, FILE *file)
{
    wane_error err;
    size_t count = 0;
    assert_int_equal(fscanf(file, "%zu", &count), 1);
    for (size_t i = 0; i < count; i++) {
        size_t k, seed;
        int shift;
        assert_int_equal(fscanf(file, "%zu %zu %d", &k, &seed, &shift), 3);
        size_t left = t->rows * (k ? k : t->cols), right = t->cols * k;
        float *values = floats(left + right);
        double *factors = calloc(left + right, sizeof *factors);
        assert_non_null(factors);
        grid_fill(values, t->rows, k ? k : t->cols, seed, 16, ldexp(1, -4 - shift));
        grid_fill(values + left, t->cols, k, seed + 1, 16, 1.0 / 16);
        for (size_t r = 0; r < t->rows; r++)
            for (size_t j = 0; j < left / t->rows; j++)
                factors[r + j * t->rows] = (double)values[r * (left / t->rows) + j];
        for (size_t r = 0; r < t->cols; r++)
            for (size_t j = 0; j < k; j++)
                factors[left + r + j * t->cols] = (double)values[left + r * k + j];
        const wane_null_update update = {
            .k = k ? k : t->kept, .p = factors, .q = k ? factors + left : NULL};
        wane_null_tally tally[2];
        CHECK_OK(wane_null_update_judge(tally, &t->change, &update, &err));
        for (int side = 0; side < 2; side++) {
            wane_null_tally e = {0};
            assert_int_equal(fscanf(file, "%zu %zu %zu", &e.intruders, &e.unresolved, &e.existing),
                             3);
            for (size_t b = 0; b < WANE_NULL_BINS; b++)
                assert_int_equal(fscanf(file, "%zu", &e.below[b]), 1);
            assert_memory_equal(&tally[side], &e, sizeof e);
        }
        free(values);
        free(factors);
    }
}

/* Independent draws of the same law: means within 4.5 standard errors, quantiles within 1. */
static void compare_law(const trial *t)
{
    static wane_null_tally tally[2][WANE_NULL_DRAWS];
    wane_error err;
    uint64_t seeds = t->rows < 100 ? 4 : 1;
    for (int kind = 0; kind < WANE_NULLS; kind++) {
        moments sum[2] = {{0}};
        for (uint64_t seed = 1; seed <= seeds; seed++) {
            CHECK_OK(wane_null_draw(tally, (wane_null)kind, &t->change, 1, seed, NULL, &err));
            for (int side = 0; side < 2; side++) {
                wane_null_summary s = wane_null_summarise(tally[side], 0);
                sum[side].mean += s.mean / (double)seeds;
                sum[side].low += s.low / (double)seeds;
                sum[side].high += s.high / (double)seeds;
            }
        }
        for (int side = 0; side < 2; side++) {
            const moments *e = &t->counts[kind][side];
            double own = (double)seeds * WANE_NULL_DRAWS, all = (double)t->draws;
            double variance = fmax(e->sd * e->sd, 2 / all),
                   error = sqrt(variance / own + variance / all);
            CHECK_NEAR(sum[side].mean, e->mean, 4.5 * error, 0);
            CHECK_NEAR(sum[side].low, e->low, 1, 0);
            CHECK_NEAR(sum[side].high, e->high, 1, 0);
        }
    }
}

static void compare_onset(const trial *t)
{
    wane_error err;
    double onset = 0;
    const wane_lowrank_term term = {t->b, t->a, t->rank, ldexpf(1, -t->shift)};
    const wane_spectrum_options options = {.rounding = t->rounding};
    if (!t->rank || t->bits) return;
    CHECK_OK(wane_null_onset(&onset, t->svd, &term, 1, &options, NULL, &err));
    if (t->onset < 0) {
        assert_true(isnan(onset));
        return;
    }
    CHECK_NEAR(onset, t->onset, 1e-12, 0);
    /* Finer steps may meet one that comes and goes between two of the first ones, none later. */
    assert_true(t->scan > 0 && t->scan <= t->onset);
    double before = 0.05 * (ceil(t->onset / 0.05 - 1e-9) - 1);
    if (t->scan > before + 1e-9) CHECK_NEAR(onset, t->scan, 1e-12, 0);
}

static void random_updates_equal_numpy(void **state)
{
    (void)state;
    FILE *file = fopen("numeric/spectra/null.txt", "r");
    assert_non_null(file);
    trial *t = calloc(1, sizeof *t);
    assert_non_null(t);
    size_t trials = 0, observed = 0, summaries = 0;
    for (; read_trial(t, file); trials++) {
        compare_onset(t);
        compare_fed(t, file);
        compare_law(t);
        free_trial(t);
    }
    assert_int_equal(trials, 13);
    free(t);
    double mean, low, high, p_low, p_high;
    while (fscanf(file, "summary %zu %lf %lf %lf %lf %lf", &observed, &mean, &low, &high, &p_low,
                  &p_high) == 6) {
        wane_null_tally tally[WANE_NULL_DRAWS] = {0};
        for (size_t i = 0; i < WANE_NULL_DRAWS; i++)
            assert_int_equal(fscanf(file, "%zu ", &tally[i].intruders), 1);
        wane_null_summary s = wane_null_summarise(tally, observed);
        CHECK_NEAR(s.mean, mean, 1e-12, 0);
        CHECK_NEAR(s.low, low, 1e-12, 0);
        CHECK_NEAR(s.high, high, 1e-12, 0);
        CHECK_NEAR(s.p_low, p_low, 1e-12, 0);
        CHECK_NEAR(s.p_high, p_high, 1e-12, 0);
        assert_int_equal(s.uninformative, high == 0);
        summaries++;
    }
    assert_int_equal(summaries, 5);
    (void)fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_updates_equal_numpy)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
