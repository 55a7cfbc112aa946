/* SPDX-License-Identifier: Apache-2.0
 * Bounds by moments against LAPACK's SVD of the base: tall, wide, square, rank-deficient,
 * decaying, clustered and orthogonal bases, changes of low and of full rank, rounded to 16 bits, on
 * top of another change; both sides; every interval holds the truth, every decision is right.
 *
 * By hand: MOMENT_SEEDS=N ../build/dev/tests/test_spectra_moments makes N rounds, each epsilon on
 * its own, and prints the steps of each case.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/spectra/base_svd.h"
#include "analysis/spectra/lapack.h"
#include "analysis/spectra/moments.h"
#include "store/base/random.h"
#include "tests/support/support.h"

enum { EPSILONS = 9, TOP = 10, MOST_STEPS = 96, SUITE_STEPS = 48 };

typedef enum spectrum_kind { EVEN, FALLING, CLUSTERED, EQUAL, DEFICIENT, GAUSSIAN } spectrum_kind;
static const char *const kind_names[] = {"even",  "falling",   "clustered",
                                         "equal", "deficient", "gaussian"};
typedef enum change { LOW, WHOLE, ROUNDED, AFTER, CHANGES } change;
static const char *const change_names[] = {"low rank", "dense", "bf16", "on another"};

typedef struct trial {
    size_t rows, cols, rank;
    spectrum_kind kind;
    change change;
    double scale; /* of the change's spectral norm, about, over the base's */
    uint64_t seed;
    float *base, *tuned;
    wane_pool *pool;
    bool alone; /* each epsilon on its own */
    size_t known;
} trial;

typedef struct counts {
    size_t decided, wrong, clusters, open, outside, steps[MOST_STEPS + 1];
} counts;

static void *zeros(size_t count, size_t size)
{
    void *out = calloc(count, size);
    assert_non_null(out);
    return out;
}

static void draw(float *out, size_t count, double sigma, const trial *t, uint64_t which)
{
    wane_random where = {.purpose = WANE_RANDOM_TEST, .tensor = t->seed * 16 + which};
    wane_random_normal_fill(out, count, sigma, &where);
}

static double sigma_of(const trial *t, size_t i, size_t k)
{
    double at = (double)i / (double)k;
    switch (t->kind) {
    case FALLING: return pow((double)i + 1, -0.5);
    case CLUSTERED: /* fours that are 1e-5 wide */
        return (1 - 0.9 * (double)(i / 4 * 4) / (double)k) * (1 - 1e-5 * (double)(i % 4) / 3);
    case EQUAL: return 1;
    case DEFICIENT: return i < k / 3 ? 1 - at : 0;
    default: return 1 - 0.9 * at;
    }
}

/* Orthonormal columns (rows x k, column-major). */
static double *orthonormal(const trial *t, size_t rows, size_t k, uint64_t which)
{
    float *random = zeros(rows * k, sizeof *random);
    double *q = zeros(rows * k, sizeof *q), *r = zeros(k * k, sizeof *r);
    wane_error err;
    draw(random, rows * k, 1, t, which);
    for (size_t i = 0; i < rows * k; i++) q[i] = (double)random[i];
    CHECK_OK(wane_lapack_qr(q, rows, k, r, &err));
    free(random);
    free(r);
    return q;
}

static void make_base(trial *t)
{
    size_t m = t->rows, n = t->cols, k = m < n ? m : n;
    t->base = zeros(m * n, sizeof *t->base);
    t->tuned = zeros(m * n, sizeof *t->tuned);
    if (t->kind == GAUSSIAN) {
        draw(t->base, m * n, 1 / (sqrt((double)m) + sqrt((double)n)), t, 0);
        return;
    }
    double *u = orthonormal(t, m, k, 1), *v = orthonormal(t, n, k, 2);
    double *w = zeros(m * n, sizeof *w);
    for (size_t i = 0; i < k; i++)
        for (size_t r = 0; r < m; r++) u[i * m + r] *= sigma_of(t, i, k);
    wane_columns_product(NULL, false, true, m, n, k, 1, u, m, v, n, 0, w, m);
    for (size_t r = 0; r < m; r++)
        for (size_t c = 0; c < n; c++) t->base[r * n + c] = (float)w[r + c * m];
    free(u);
    free(v);
    free(w);
}

/* out += a change of spectral norm about `scale`. */
static void add_change(const trial *t, float *out, size_t rank, uint64_t which)
{
    size_t m = t->rows, n = t->cols;
    float *b = zeros(m * rank, sizeof *b), *a = zeros(rank * n, sizeof *a);
    draw(b, m * rank, t->scale / (sqrt((double)m) + sqrt((double)rank)), t, which);
    draw(a, rank * n, 1 / (sqrt((double)n) + sqrt((double)rank)), t, which + 1);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = 0;
            for (size_t k = 0; k < rank; k++) sum += (double)b[i * rank + k] * a[k * n + j];
            out[i * n + j] += (float)sum;
        }
    free(b);
    free(a);
}

static void make_tuned(trial *t)
{
    size_t count = t->rows * t->cols;
    if (t->change == AFTER) add_change(t, t->base, 4, 8);
    memcpy(t->tuned, t->base, count * sizeof *t->tuned);
    add_change(t, t->tuned, t->change == WHOLE ? t->rows : t->rank, 10);
    for (size_t i = 0; i < count && t->change == ROUNDED; i++) { /* to nearest, half up */
        uint32_t bits;
        memcpy(&bits, &t->tuned[i], sizeof bits);
        bits = (bits + 0x8000) & 0xffff0000;
        memcpy(&t->tuned[i], &bits, sizeof bits);
    }
}

static bool holds(const wane_cosine_bounds *b, const wane_direction *d, double slack)
{
    bool cluster = d->cluster_overlap > d->max_cosine + slack; /* no single one says anything */
    return (cluster || (b->high > d->max_cosine - slack && b->low < d->max_cosine + slack)) &&
           b->cluster_high > d->cluster_overlap - slack &&
           b->cluster_low < d->cluster_overlap + slack;
}

static void count_one(counts *out, const wane_cosine_bounds *b, const wane_direction *d,
                      double epsilon, double slack)
{
    wane_direction_kind kind, truth = wane_direction_judge(d, epsilon);
    if (!wane_moment_judge(&kind, b, epsilon)) {
        out->open++;
        return;
    }
    out->decided++;
    if (kind == truth) return;
    bool inside = d->cluster_overlap > d->max_cosine + slack;
    if (inside && kind != WANE_DIRECTION_INTRUDER && truth != WANE_DIRECTION_INTRUDER)
        out->clusters++;
    else if (fabs(d->max_cosine - epsilon) > slack && fabs(d->cluster_overlap - epsilon) > slack)
        out->wrong++;
}

static void compare(counts *out, const trial *t, const wane_base_svd *svd, const wane_spectrum *s,
                    wane_side side)
{
    /* Singular vectors turn by the error of fp32 products over the gap; projections hardly. */
    const double slack = 5e-5;
    const wane_matrix base = {t->base, t->rows, t->cols, t->cols};
    size_t wide = t->rows > t->cols ? t->rows : t->cols;
    wane_cosine_bounds b[TOP];
    wane_error err;
    double largest = svd->sigma[0] * (1 + 1e-5);
    wane_moment_options options = {.floor = (double)wide * 0x1p-23 * largest,
                                   .largest = largest,
                                   .steps = t->alone ? MOST_STEPS : SUITE_STEPS,
                                   .known = {t->known, svd->sigma, svd->u, svd->v}};
    for (int e = 1; e <= EPSILONS; e++) {
        double epsilon = e / 10.0;
        wane_moment_side sides[2] = {{0}};
        sides[side] = (wane_moment_side){
            .count = s->count, .directions = side == WANE_SIDE_U ? s->u : s->v, .out = b};
        options.epsilon = &epsilon;
        options.epsilons = t->alone;
        if (t->alone || e == 1) CHECK_OK(wane_moment_bounds(sides, base, &options, t->pool, &err));
        for (size_t j = 0; j < s->count; j++) {
            const wane_direction *d = &s->side[side][j];
            if (isnan(d->max_cosine)) continue;
            if (!holds(&b[j], d, slack)) {
                out->outside++;
                print_error("%zu x %zu %s, %s, seed %d, %zu of side %d: %g in %g %g, %g in %g %g\n",
                            t->rows, t->cols, kind_names[t->kind], change_names[t->change],
                            (int)t->seed, j, (int)side, d->max_cosine, b[j].low, b[j].high,
                            d->cluster_overlap, b[j].cluster_low, b[j].cluster_high);
            }
            out->steps[b[j].steps]++;
            count_one(out, &b[j], d, epsilon, slack);
        }
    }
}

/* With no triplet of the base known, and with ten. */
static void judge(counts *out, trial *t)
{
    const wane_spectrum_options options = {
        .top = TOP, .u = true, .v = true, .vectors = true, .dense = true, .scan = true};
    wane_base_svd *svd;
    wane_spectrum spectrum;
    wane_error err;
    make_base(t);
    make_tuned(t);
    CHECK_OK(wane_base_svd_compute(&svd, (wane_matrix){t->base, t->rows, t->cols, t->cols}, &err));
    CHECK_OK(wane_spectrum_full(&spectrum, svd, (wane_matrix){t->tuned, t->rows, t->cols, t->cols},
                                &options, NULL, &err));
    for (int known = 0; known < 2; known++) {
        t->known = known ? TOP : 0;
        for (wane_side side = WANE_SIDE_U; side <= WANE_SIDE_V; side++)
            compare(&out[known], t, svd, &spectrum, side);
    }
    wane_spectrum_free(&spectrum);
    wane_base_svd_free(svd);
    free(t->base);
    free(t->tuned);
}

/* The number of steps that `share` of all needed no more than. */
static size_t quantile(const counts *c, double share)
{
    size_t all = 0, sum = 0, i = 0;
    for (size_t k = 0; k <= MOST_STEPS; k++) all += c->steps[k];
    while (i < MOST_STEPS && (double)(sum += c->steps[i]) < share * (double)all) i++;
    return i;
}

static void add(counts *sum, const counts *c)
{
    sum->decided += c->decided;
    sum->wrong += c->wrong;
    sum->clusters += c->clusters;
    sum->open += c->open;
    sum->outside += c->outside;
    for (size_t k = 0; k <= MOST_STEPS; k++) sum->steps[k] += c->steps[k];
}

static void show(const char *name, const char *updates, const char *known, const counts *c)
{
    print_message(
        "%-10s %-10s %-5s %7zu decided, %zu wrong, %zu within clusters, %zu open, %zu outside; "
        "steps %zu, %zu\n",
        name, updates, known, c->decided, c->wrong, c->clusters, c->open, c->outside,
        quantile(c, 0.5), quantile(c, 0.99));
}

static void bounds_hold_the_truth(void **state)
{
    (void)state;
    static const struct {
        size_t rows, cols, rank;
        double scale;
    } shapes[] = {{48, 48, 1, 0.8},
                  {160, 20, 4, 0.5},
                  {20, 160, 4, 1.0},
                  {96, 48, 16, 1.2},
                  {64, 80, 8, 0.3}};
    static const char *const names[] = {"none", "ten"};
    const char *seeds = getenv("MOMENT_SEEDS");
    trial t = {.alone = seeds != NULL};
    counts all[2] = {{0}, {0}};
    uint64_t rounds = seeds ? strtoul(seeds, NULL, 10) : 1;
    wane_error err;
    CHECK_OK(wane_pool_new(&t.pool, 2, &err));
    for (t.kind = EVEN; t.kind <= GAUSSIAN; t.kind++)
        for (t.change = 0; t.change < CHANGES; t.change++) {
            counts now[2] = {{0}, {0}};
            for (uint64_t round = 0; round < rounds; round++)
                for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
                    t.rows = shapes[i].rows;
                    t.cols = shapes[i].cols;
                    t.rank = shapes[i].rank;
                    t.scale = shapes[i].scale;
                    t.seed = round * 8 + i + 1;
                    judge(now, &t);
                }
            for (int known = 0; known < 2; known++) {
                if (t.alone || now[known].wrong + now[known].outside)
                    show(kind_names[t.kind], change_names[t.change], names[known], &now[known]);
                add(&all[known], &now[known]);
            }
        }
    wane_pool_free(t.pool);
    for (int known = 0; known < 2; known++) {
        show("all", "", names[known], &all[known]);
        assert_int_equal(all[known].wrong, 0);
        assert_int_equal(all[known].outside, 0);
        assert_true(all[known].open * 8 < all[known].decided);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bounds_hold_the_truth)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
