/* SPDX-License-Identifier: Apache-2.0
 * Which directions exist, clusters and counts against NumPy's dense SVD
 * (tests/reference/make_existence_fixtures.py).
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/spectra/spectrum.h"
#include "store/base/memory.h"
#include "store/base/random.h"
#include "store/files/tensors.h"
#include "tests/numeric/spectra/grid.h"
#include "tests/support/support.h"

enum { MOST_TOP = 32, EPSILONS = 3 };
static const double epsilons[EPSILONS] = {0.3, 0.5, 0.8};

typedef struct expected_direction {
    double sigma, max_cosine, span, cluster_overlap;
    int exists, apart;
} expected_direction;

typedef struct expected_count {
    size_t existing, unresolved, intruders;
    double energy;
} expected_count;

typedef struct trial {
    char kind[16];
    size_t rows, cols, rank, seed, bits, top, base_count;
    double floor, rounding;
    float *base, *tuned, *b, *a; /* b, a: where W = W_0 + B A on the grid */
    expected_direction direction[2][MOST_TOP];
    expected_count count[2][EPSILONS];
} trial;

static float *floats(size_t count)
{
    float *out = calloc(count + 1, sizeof *out);
    assert_non_null(out);
    return out;
}

static void add_product(float *out, const float *b, const float *a, const trial *t, size_t rank)
{
    for (size_t i = 0; i < t->rows; i++)
        for (size_t k = 0; k < rank; k++)
            for (size_t j = 0; j < t->cols; j++)
                out[i * t->cols + j] += b[i * rank + k] * a[k * t->cols + j];
}

static void add_thin_base(trial *t)
{
    enum { RANK = 5 };
    float *left = floats(t->rows * RANK), *right = floats(RANK * t->cols);
    grid_fill(left, t->rows, RANK, 100 * t->seed + 1, 16, 1.0 / 16);
    grid_fill(right, RANK, t->cols, 100 * t->seed + 2, 16, 1.0 / 16);
    add_product(t->base, left, right, t, RANK);
    free(left);
    free(right);
}

/* Pairs of singular values 0.9e-3 to 1.1e-3 apart, turned or nearly not. */
static void make_pairs(trial *t)
{
    size_t n = t->cols, least = t->rows < n ? t->rows : n;
    for (size_t i = 0; i + 1 < least; i += 2) {
        double value = 32.0 - (double)i / 8;
        double gap = value * rint((0.9 + (double)(i / 2 % 5) * 0.05) * 0x1p20) * 1e-3 / 0x1p20;
        gap = rint(gap * 0x1p18) / 0x1p18;
        float turn = i / 2 % 2 ? 0x1p-4f : 0x1p-12f;
        t->base[i * n + i] = t->tuned[i * n + i] = (float)value;
        t->base[(i + 1) * n + i + 1] = t->tuned[(i + 1) * n + i + 1] = (float)(value - gap);
        t->tuned[i * n + i + 1] = t->tuned[(i + 1) * n + i] = turn;
    }
}

static void add_noise(float *out, const trial *t, unsigned levels, double scale)
{
    float *noise = floats(t->rows * t->cols);
    grid_fill(noise, t->rows, t->cols, 100 * t->seed + 5, levels, scale);
    for (size_t i = 0; i < t->rows * t->cols; i++) out[i] += noise[i];
    free(noise);
}

static void make_weights(trial *t)
{
    size_t size = t->rows * t->cols;
    bool pairs = strcmp(t->kind, "pairs") == 0, thin = strcmp(t->kind, "thin") == 0;
    bool hadamard = strcmp(t->kind, "hadamard") == 0;
    t->base = floats(size);
    t->tuned = floats(size);
    t->b = floats(t->rows * t->rank);
    t->a = floats(t->rank * t->cols);
    grid_fill(t->b, t->rows, t->rank, 100 * t->seed + 3, 16, 1.0 / 16);
    grid_fill(t->a, t->rank, t->cols, 100 * t->seed + 4, 16, 1.0 / 16);
    if (pairs) make_pairs(t);
    else if (thin) add_thin_base(t);
    else if (!hadamard) grid_fill(t->base, t->rows, t->cols, 100 * t->seed, 512, 1.0 / 256);
    for (size_t i = 0; hadamard && i < size; i++)
        t->base[i] = __builtin_popcountll(i / t->cols & i % t->cols) % 2 ? -1 : 1;
    if (!pairs && strcmp(t->kind, "zero") != 0 && strcmp(t->kind, "lowrank") != 0)
        memcpy(t->tuned, t->base, size * sizeof *t->tuned);
    if (t->rank) add_product(t->tuned, t->b, t->a, t, t->rank);
    if (strcmp(t->kind, "dense") == 0) add_noise(t->tuned, t, 512, 1.0 / 1024);
    if (hadamard) add_noise(t->tuned, t, 8, 0x1p-22);
    for (size_t i = 0; t->bits && i < size; i++) {
        int exponent = 0;
        double fraction = frexp((double)t->tuned[i], &exponent);
        t->tuned[i] = (float)ldexp(rint(ldexp(fraction, (int)t->bits)), exponent - (int)t->bits);
    }
}

static bool read_trial(trial *t, FILE *file)
{
    *t = (trial){0};
    if (fscanf(file, " case %15s %zu %zu %zu %zu %zu %zu", t->kind, &t->rows, &t->cols, &t->rank,
               &t->seed, &t->bits, &t->top) != 7)
        return false;
    assert_in_range(t->top, 1, MOST_TOP);
    assert_int_equal(fscanf(file, "%zu %lf %lf", &t->base_count, &t->floor, &t->rounding), 3);
    for (int side = 0; side < 2; side++)
        for (size_t j = 0; j < t->top; j++) {
            expected_direction *d = &t->direction[side][j];
            assert_int_equal(fscanf(file, "%lf %d %lf %lf %lf %d", &d->sigma, &d->exists,
                                    &d->max_cosine, &d->span, &d->cluster_overlap, &d->apart),
                             6);
        }
    for (int side = 0; side < 2; side++)
        for (int e = 0; e < EPSILONS; e++) {
            expected_count *c = &t->count[side][e];
            assert_int_equal(fscanf(file, "%zu %zu %zu %lf", &c->existing, &c->unresolved,
                                    &c->intruders, &c->energy),
                             4);
        }
    make_weights(t);
    return true;
}

static void compare_directions(const trial *t, const wane_direction *d, int side)
{
    const expected_direction *e = t->direction[side];
    for (size_t j = 0; j < t->top; j++) {
        CHECK_NEAR(d[j].sigma, e[j].sigma, 1e-11 * e[0].sigma, 0);
        if (!e[j].exists) {
            assert_true(isnan(d[j].max_cosine) && isnan(d[j].span));
            assert_true(isnan(d[j].cluster_overlap) && isnan(d[j].subspace_overlap));
            assert_int_equal(d[j].argmax, 0);
            assert_int_equal(wane_direction_judge(&d[j], 1), WANE_DIRECTION_ABSENT);
            continue;
        }
        assert_true(d[j].cluster_overlap >= d[j].max_cosine);
        if (!e[j].apart) continue;
        CHECK_NEAR(d[j].max_cosine, e[j].max_cosine, 1e-7, 0);
        CHECK_NEAR(d[j].span, e[j].span, 1e-7, 0);
        CHECK_NEAR(d[j].cluster_overlap, e[j].cluster_overlap, 1e-7, 0);
    }
}

static void compare_counts(const trial *t, const wane_direction *d, int side)
{
    for (int i = 0; i < EPSILONS; i++) {
        const expected_count *e = &t->count[side][i];
        wane_intruder_tally tally = wane_intruder_tally_up(d, t->top, 10, epsilons[i]);
        double energy = tally.energy > 0 ? tally.intruder_energy / tally.energy : NAN;
        assert_int_equal(tally.existing, e->existing);
        assert_int_equal(wane_intruder_count(d, t->top, 10, epsilons[i]), e->intruders);
        if (strcmp(t->kind, "hadamard") != 0) assert_int_equal(tally.unresolved, e->unresolved);
        if (e->energy < 0) assert_true(isnan(energy));
        else CHECK_NEAR(energy, e->energy, 1e-9, 0);
    }
}

static void compare(const trial *t, const wane_spectrum *s)
{
    assert_true(s->changed);
    assert_int_equal(s->count, t->top);
    CHECK_NEAR(s->floor, t->floor, 0, 1e-11);
    for (int side = 0; side < 2; side++) {
        compare_directions(t, s->side[side], side);
        compare_counts(t, s->side[side], side);
    }
}

/* Dense, iterative and core-space methods alike. */
static void try_all(const trial *t)
{
    wane_error err;
    wane_base_svd *base = NULL;
    wane_matrix tuned = {t->tuned, t->rows, t->cols, t->cols};
    CHECK_OK(wane_base_svd_compute(&base, (wane_matrix){t->base, t->rows, t->cols, t->cols}, &err));
    assert_int_equal(wane_base_svd_count(base), t->base_count);
    if (t->bits) {
        wane_dtype type = t->bits == 8 ? WANE_BF16 : WANE_F16;
        size_t size = t->rows * t->cols;
        CHECK_NEAR(sqrt(wane_dtype_rounding(type, t->tuned, size) / (double)size), t->rounding, 0,
                   1e-12);
    }
    bool chain = !t->bits && (strcmp(t->kind, "update") == 0 || strcmp(t->kind, "thin") == 0);
    const wane_lowrank_term term = {t->b, t->a, t->rank, 1};
    for (int dense = 0; dense < 2; dense++) {
        wane_spectrum_options options = {
            .top = t->top, .u = true, .v = true, .dense = dense, .rounding = t->rounding};
        wane_spectrum out = {0};
        CHECK_OK(wane_spectrum_full(&out, base, tuned, &options, NULL, &err));
        compare(t, &out);
        wane_spectrum_free(&out);
        if (!chain) continue;
        CHECK_OK(wane_spectrum_lowrank(&out, base, &term, 1, &options, NULL, &err));
        compare(t, &out);
        wane_spectrum_free(&out);
    }
    wane_base_svd_free(base);
}

static void existence_and_clusters_equal_numpy(void **state)
{
    (void)state;
    FILE *file = fopen("numeric/spectra/existence.txt", "r");
    assert_non_null(file);
    trial *t = calloc(1, sizeof *t);
    assert_non_null(t);
    size_t trials = 0;
    for (; read_trial(t, file); trials++) {
        try_all(t);
        free(t->base);
        free(t->tuned);
        free(t->b);
        free(t->a);
    }
    assert_int_equal(trials, 27);
    free(t);
    (void)fclose(file);
}

/* An orthogonal base, unchanged: its basis is no reason to call anything an intruder. */
static void an_unchanged_weight_has_the_directions_of_its_base(void **state)
{
    (void)state;
    enum { N = 64 };
    wane_error err;
    trial t = {.kind = "hadamard", .rows = N, .cols = N};
    make_weights(&t);
    wane_base_svd *base = NULL;
    wane_matrix w = {t.base, N, N, N};
    CHECK_OK(wane_base_svd_compute(&base, w, &err));
    for (int top = 0; top <= 10; top += 10) {
        wane_spectrum_options options = {.top = (size_t)top, .u = true, .v = true, .vectors = true};
        wane_spectrum s = {0};
        CHECK_OK(wane_spectrum_full(&s, base, w, &options, NULL, &err));
        assert_false(s.changed);
        for (int side = 0; side < 2; side++)
            for (size_t j = 0; j < s.count; j++) {
                const wane_direction *d = &s.side[side][j];
                assert_true(d->max_cosine == 1 && d->cluster_overlap == 1 && d->argmax == j + 1);
            }
        assert_non_null(s.u);
        wane_spectrum_free(&s);
    }
    wane_base_svd_free(base);
    free(t.base);
    free(t.tuned);
    free(t.b);
    free(t.a);
}

/* From some hundred directions on neighbours are closer than 1e-3 nearly everywhere: a chain of
 * them is no cluster, and a planted direction, 3 sigma_1 x x^T with x drawn anew, is the one
 * intruder. */
static void a_dense_spectrum_hides_no_intruder(void **state)
{
    (void)state;
    enum { N = 640, TOP = 10 };
    wane_error err;
    wane_base_svd *base = NULL;
    wane_random where = {.seed = 5, .purpose = WANE_RANDOM_TEST};
    float *w0 = wane_alloc((size_t)N * N, sizeof *w0), *w = wane_alloc((size_t)N * N, sizeof *w);
    double x[N], norm = 0;
    for (size_t i = 0; i < N; i++) {
        x[i] = wane_random_uniform(&where, i) - 0.5;
        norm += x[i] * x[i];
        w0[i * N + i] = (float)(32 / sqrt((double)i + 1));
    }
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < N; j++)
            w[i * N + j] = w0[i * N + j] + (float)(96 * x[i] * x[j] / norm);
    CHECK_OK(wane_base_svd_compute(&base, (wane_matrix){w0, N, N, N}, &err));
    wane_spectrum_options options = {.top = TOP, .u = true, .v = true};
    wane_spectrum s = {0};
    CHECK_OK(wane_spectrum_full(&s, base, (wane_matrix){w, N, N, N}, &options, NULL, &err));
    for (int side = 0; side < 2; side++) {
        wane_intruder_tally tally = wane_intruder_tally_up(s.side[side], TOP, TOP, 0.5);
        assert_int_equal(tally.existing, TOP);
        assert_int_equal(tally.unresolved, 0);
        assert_int_equal(wane_intruder_count(s.side[side], TOP, TOP, 0.5), 1);
    }
    wane_spectrum_free(&s);
    wane_base_svd_free(base);
    wane_free(w0);
    wane_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(existence_and_clusters_equal_numpy),
        cmocka_unit_test(a_dense_spectrum_hides_no_intruder),
        cmocka_unit_test(an_unchanged_weight_has_the_directions_of_its_base)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
