/* SPDX-License-Identifier: Apache-2.0
 * The iterative methods against LAPACK's dense SVD as the judge: tall, wide, square,
 * rank-deficient, clustered and decaying spectra, high ranks; projections onto clusters;
 * completeness; threads.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/spectra/lapack.h"
#include "analysis/spectra/leading.h"

#include "tests/numeric/spectra/grid.h"
#include "tests/support/support.h"

typedef enum kind { GAUSSIAN, DECAYING, CLUSTERED, REPEATED, ZERO } kind;

typedef struct shape {
    size_t rows, cols, base_rank, rank, top;
    kind kind;
    bool iterates;
} shape;

typedef struct trial {
    grid_case c;
    kind kind;
    bool iterates; /* whether the iterative methods must answer by themselves */
} trial;

/* Diagonal weights, exact on the grid: pairs 2^-20 apart, or all equal. */
static void diagonal(grid_case *c, bool pairs)
{
    size_t least = c->rows < c->cols ? c->rows : c->cols;
    memset(c->base, 0, c->rows * c->cols * sizeof *c->base);
    for (size_t i = 0; i < least; i++) {
        double value = pairs ? 32.0 - (double)(i / 2) / 8 + (double)(i % 2) * 0x1p-18 : 4.0;
        c->base[i * c->cols + (i * 7 + 3) % least] = (float)value;
    }
}

static void prepare(trial *t)
{
    grid_case *c = &t->c;
    grid_weights(c);
    if (t->kind == DECAYING) /* powers of two keep the grid */
        for (size_t i = 0; i < c->rows; i++)
            for (size_t j = 0; j < c->cols; j++)
                c->base[i * c->cols + j] *= (float)ldexp(1, -(int)(j * 8 / c->cols));
    if (t->kind == CLUSTERED || t->kind == REPEATED) diagonal(c, t->kind == CLUSTERED);
    if (t->kind == ZERO) memset(c->base, 0, c->rows * c->cols * sizeof *c->base);
    if (t->kind == CLUSTERED) /* a change on a grid of 2^-18 that leaves fp32 room */
        for (size_t i = 0; i < c->rows * c->rank; i++) c->b[i] /= 4;
    grid_finish(c);
}

/* All sigma, and the coordinates of the top directions on the base, u and v, by the judge. */
static void judge(const grid_case *c, size_t top, double *sigma, double *cosines[2])
{
    wane_error err;
    size_t m = c->rows, n = c->cols, k = m < n ? m : n, count = c->svd->count;
    double *w = calloc(m * n, sizeof *w), *s = calloc(k, sizeof *s);
    double *u = calloc(m * k, sizeof *u), *vt = calloc(k * n, sizeof *vt);
    assert_true(w && s && u && vt);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) w[i + j * m] = (double)c->tuned[i * n + j];
    CHECK_OK(wane_lapack_svd(w, m, n, s, u, vt, &err));
    memcpy(sigma, s, k * sizeof *s);
    wane_columns_product(NULL, true, false, count, top, m, 1, c->svd->u, m, u, m, 0, cosines[0],
                         count);
    wane_columns_product(NULL, true, true, count, top, n, 1, c->svd->v, n, vt, k, 0, cosines[1],
                         count);
    free(w);
    free(s);
    free(u);
    free(vt);
}

/* Squared projections of every base direction onto each whole cluster of tuned directions. */
static void compare_clusters(const double *a, size_t lda, const double *b, size_t ldb, size_t count,
                             const double *sigma, size_t top, size_t *compared)
{
    for (size_t first = 0, next; first < top; first = next) {
        for (next = first + 1; next <= top && sigma[next - 1] - sigma[next] < 1e-3 * sigma[0];)
            next++;
        if (next > top) return; /* cut by the end of the list */
        for (size_t i = 0; i < count; i++) {
            double one = 0, two = 0;
            for (size_t j = first; j < next; j++) {
                one += a[i + j * lda] * a[i + j * lda];
                two += b[i + j * ldb] * b[i + j * ldb];
            }
            CHECK_NEAR(one, two, 1e-8, 0);
        }
        ++*compared;
    }
}

static void core_space(const trial *t, const double *sigma, double *const cosines[2])
{
    wane_error err;
    const grid_case *c = &t->c;
    wane_lowrank_term term = grid_term(c);
    wane_delta delta = {0};
    wane_leading leading = {0};
    bool found = false;
    size_t compared = 0;
    CHECK_OK(wane_delta_factor(&delta, c->rows, c->cols, &term, 1, NULL, &err));
    CHECK_OK(wane_leading_core(&leading, NULL, &found, c->svd, &delta, c->top, NULL, &err));
    if (found != t->iterates)
        print_error("case %zu: %s\n", c->seed, found ? "answered" : "not answered");
    assert_int_equal(found, t->iterates);
    if (found) {
        for (size_t j = 0; j < c->top; j++)
            CHECK_NEAR(leading.sigma[j], sigma[j], 1e-12 * sigma[0], 0);
        compare_clusters(leading.u, leading.rows, cosines[0], c->svd->count, c->svd->count, sigma,
                         c->top, &compared);
        compare_clusters(leading.v, leading.cols, cosines[1], c->svd->count, c->svd->count, sigma,
                         c->top, &compared);
        assert_true(compared >= 2);
    }
    wane_leading_free(&leading);
    wane_delta_free(&delta);
}

/* The same from the whole matrix. */
static void whole_matrix(const trial *t, const double *sigma, double *const cosines[2])
{
    wane_error err;
    const grid_case *c = &t->c;
    size_t m = c->rows, n = c->cols, count = c->svd->count, compared = 0;
    wane_leading leading = {0};
    bool found = false;
    double *w = calloc(m * n, sizeof *w), *mine = calloc(count * c->top + 1, sizeof *mine);
    assert_true(w && mine);
    for (size_t i = 0; i < m * n; i++) w[i] = (double)c->tuned[i];
    CHECK_OK(wane_leading_whole(&leading, &found, w, m, n, c->top, NULL, &err));
    assert_int_equal(found, t->iterates);
    if (found) {
        for (size_t j = 0; j < c->top; j++)
            CHECK_NEAR(leading.sigma[j], sigma[j], 1e-12 * sigma[0], 0);
        for (int s = 0; s < 2; s++) {
            wane_columns_product(NULL, true, false, count, c->top, s ? n : m, 1,
                                 s ? c->svd->v : c->svd->u, s ? n : m, s ? leading.v : leading.u,
                                 s ? n : m, 0, mine, count);
            compare_clusters(mine, count, cosines[s], count, count, sigma, c->top, &compared);
        }
        assert_true(compared >= 2);
    }
    wane_leading_free(&leading);
    free(w);
    free(mine);
}

/* The law of inertia counts right between any two singular values that are apart. */
static void counting(const trial *t, const double *sigma)
{
    wane_error err;
    const grid_case *c = &t->c;
    wane_lowrank_term term = grid_term(c);
    wane_delta delta = {0};
    size_t above = 99, checked = 0;
    CHECK_OK(wane_delta_factor(&delta, c->rows, c->cols, &term, 1, NULL, &err));
    CHECK_OK(wane_leading_count(&above, c->svd, &delta, 1.5 * sigma[0], NULL, &err));
    assert_int_equal(above, 0);
    for (size_t j = 0; j + 1 < c->svd->rank; j += 1 + j / 4) {
        if (sigma[j] - sigma[j + 1] < 1e-5 * sigma[0]) continue;
        CHECK_OK(wane_leading_count(&above, c->svd, &delta, 0.5 * (sigma[j] + sigma[j + 1]), NULL,
                                    &err));
        assert_int_equal(above, j + 1);
        checked++;
    }
    assert_true(checked > 0);
    wane_delta_free(&delta);
}

/* The public answers, by whatever method: equal to the judge's where gaps allow. */
static void public_answers(const trial *t, const double *sigma, double *worst)
{
    wane_error err;
    const grid_case *c = &t->c;
    wane_lowrank_term term = grid_term(c);
    wane_spectrum_options options = {.top = c->top, .u = true, .v = true}, dense = options;
    wane_spectrum fast[2] = {{0}, {0}}, slow = {0};
    dense.dense = true;
    CHECK_OK(wane_spectrum_lowrank(&fast[0], c->svd, &term, 1, &options, NULL, &err));
    CHECK_OK(wane_spectrum_full(&fast[1], c->svd, grid_tuned(c), &options, NULL, &err));
    CHECK_OK(wane_spectrum_full(&slow, c->svd, grid_tuned(c), &dense, NULL, &err));
    for (int f = 0; f < 2; f++) {
        CHECK_NEAR(fast[f].delta_frobenius, slow.delta_frobenius, 0, 1e-12);
        CHECK_NEAR(fast[f].delta_spectral, slow.delta_spectral, 0, 1e-12);
        CHECK_NEAR(fast[f].effective_rank, slow.effective_rank, 0, 1e-10);
        if (t->kind != ZERO) CHECK_NEAR(fast[f].rho, slow.rho, 1e-10, 0);
    }
    for (int s = 0; s < 2; s++)
        for (int f = 0; f < 2; f++) {
            const wane_direction *d = fast[f].side[s], *e = slow.side[s];
            bool unsure = false;
            for (size_t j = 0; j < c->top; j++) {
                CHECK_NEAR(d[j].sigma, e[j].sigma, 1e-12 * sigma[0], 0);
                bool apart = (j == 0 || sigma[j - 1] - sigma[j] >= 1e-3 * sigma[0]) &&
                             sigma[j] - sigma[j + 1] >= 1e-3 * sigma[0];
                unsure |= fabs(e[j].max_cosine - 0.5) < 1e-3 || !apart;
                if (!apart) continue;
                double difference = fabs(d[j].max_cosine - e[j].max_cosine);
                if (difference > *worst) *worst = difference;
                CHECK_NEAR(d[j].max_cosine, e[j].max_cosine, 1e-8, 0);
                CHECK_NEAR(d[j].span, e[j].span, 1e-8, 0);
                CHECK_NEAR(d[j].subspace_overlap, e[j].subspace_overlap, 1e-8, 0);
            }
            if (!unsure)
                assert_int_equal(wane_intruder_count(d, c->top, c->top, 0.5),
                                 wane_intruder_count(e, c->top, c->top, 0.5));
        }
    wane_spectrum_free(&fast[0]);
    wane_spectrum_free(&fast[1]);
    wane_spectrum_free(&slow);
}

static void iterative_methods_equal_the_judge(void **state)
{
    (void)state;
    static const shape shapes[] = {
        {200, 200, 0, 1, 8, GAUSSIAN, true},    {200, 200, 0, 8, 20, GAUSSIAN, true},
        {330, 170, 0, 8, 10, GAUSSIAN, true},   {170, 330, 0, 8, 10, GAUSSIAN, true},
        {210, 200, 0, 40, 10, GAUSSIAN, true},  {240, 190, 110, 8, 10, GAUSSIAN, true},
        {190, 240, 110, 8, 10, GAUSSIAN, true}, {180, 180, 90, 4, 10, GAUSSIAN, true},
        {240, 190, 24, 8, 10, GAUSSIAN, false}, {220, 180, 0, 4, 10, DECAYING, true},
        {180, 220, 0, 90, 8, DECAYING, true},   {192, 192, 0, 3, 9, CLUSTERED, true},
        {260, 180, 0, 6, 11, CLUSTERED, true},  {180, 260, 0, 2, 9, CLUSTERED, true},
        {180, 180, 0, 3, 8, REPEATED, false},   {200, 180, 0, 4, 8, ZERO, false},
        {180, 200, 0, 30, 8, ZERO, false},      {180, 200, 0, 90, 8, ZERO, true},
        {180, 200, 10, 6, 8, GAUSSIAN, false},
    };
    double worst = 0;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const shape *f = &shapes[i];
        trial made = {.kind = f->kind, .iterates = f->iterates}, *t = &made;
        size_t top = f->top;
        t->c = (grid_case){.rows = f->rows,
                           .cols = f->cols,
                           .base_rank = f->base_rank,
                           .rank = f->rank,
                           .top = top,
                           .seed = i + 1};
        prepare(t);
        double *sigma = calloc(t->c.svd->rank, sizeof *sigma), *cosines[2];
        assert_non_null(sigma);
        for (int s = 0; s < 2; s++) {
            cosines[s] = calloc(t->c.svd->count * top + 1, sizeof *cosines[s]);
            assert_non_null(cosines[s]);
        }
        judge(&t->c, top, sigma, cosines);
        core_space(t, sigma, cosines);
        whole_matrix(t, sigma, cosines);
        counting(t, sigma);
        public_answers(t, sigma, &worst);
        free(sigma);
        free(cosines[0]);
        free(cosines[1]);
        grid_free(&t->c);
    }
    print_message("largest difference of max_cosine: %.2g\n", worst);
}

/* Equal singular values at the top of an else rich spectrum: a Krylov space of two-column blocks
 * holds two of them, and where the iteration ends before rounding brings in the others, only the
 * dense method knows of them. These spectra are such. */
static void no_copy_of_a_repeated_value_is_lost(void **state)
{
    (void)state;
    enum { N = 200 };
    static const struct {
        size_t copies, top;
        double step;
    } cases[] = {{3, 4, 0.045}, {5, 8, 0.03}, {5, 8, 0.10125}, {6, 6, 0.151875}, {6, 8, 0.10125}};
    wane_error err;
    float *w = calloc(N * N, sizeof *w), *b = calloc(N, sizeof *b), *a = calloc(N, sizeof *a);
    assert_true(w && b && a);
    for (size_t i = N / 2; i < N; i++) b[i] = a[i] = 0.01f; /* a change that leaves the top alone */
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        size_t copies = cases[c].copies, top = cases[c].top;
        memset(w, 0, N * N * sizeof *w);
        for (size_t i = 0; i < N; i++) {
            double far = i < copies ? 0 : (double)(i - copies + 1);
            w[i * N + i] = (float)(40 / (1 + cases[c].step * (far < 8 ? far : 8 + far / 8)));
        }
        wane_base_svd *base = NULL;
        CHECK_OK(wane_base_svd_compute(&base, (wane_matrix){w, N, N, N}, &err));
        const wane_lowrank_term term = {b, a, 1, 1};
        wane_spectrum_options options = {.top = top, .u = true, .v = true};
        wane_spectrum out[2] = {{0}, {0}};
        CHECK_OK(wane_spectrum_lowrank(&out[0], base, &term, 1, &options, NULL, &err));
        CHECK_OK(
            wane_spectrum_full(&out[1], base, (wane_matrix){w, N, N, N}, &options, NULL, &err));
        for (int f = 0; f < 2; f++) {
            for (size_t j = 0; j < top; j++)
                CHECK_NEAR(out[f].side[0][j].sigma, (double)w[j * N + j], 1e-9, 0);
            wane_spectrum_free(&out[f]);
        }
        wane_base_svd_free(base);
    }
    free(w);
    free(b);
    free(a);
}

/* The iteration knows no unit: weights times a power of two give the same cosines. */
static void scale_does_not_matter(void **state)
{
    (void)state;
    wane_error err;
    grid_case c = {.rows = 240, .cols = 180, .rank = 4, .top = 8, .seed = 22};
    grid_weights(&c);
    grid_finish(&c);
    size_t cells = c.rows * c.cols;
    double *w = calloc(cells, sizeof *w);
    assert_non_null(w);
    wane_leading leading[3] = {{0}, {0}, {0}};
    const int powers[3] = {0, -30, 30};
    for (int p = 0; p < 3; p++) {
        bool found = false;
        for (size_t i = 0; i < cells; i++) w[i] = ldexp((double)c.tuned[i], powers[p]);
        CHECK_OK(wane_leading_whole(&leading[p], &found, w, c.rows, c.cols, c.top, NULL, &err));
        assert_true(found);
        for (size_t j = 0; j < c.top; j++) {
            CHECK_NEAR(ldexp(leading[p].sigma[j], -powers[p]), leading[0].sigma[j], 0, 1e-13);
            for (size_t i = 0; i < c.cols; i++)
                CHECK_NEAR(fabs(leading[p].v[i + j * c.cols]), fabs(leading[0].v[i + j * c.cols]),
                           1e-9, 0);
        }
    }
    for (int p = 0; p < 3; p++) wane_leading_free(&leading[p]);
    free(w);
    grid_free(&c);
}

static void threads_change_no_bit(void **state)
{
    (void)state;
    wane_error err;
    grid_case c = {.rows = 420, .cols = 300, .rank = 12, .top = 12, .seed = 21};
    grid_weights(&c);
    grid_finish(&c);
    wane_lowrank_term term = grid_term(&c);
    for (int dense = 0; dense < 2; dense++) {
        wane_spectrum_options options = {.top = c.top, .u = true, .v = true, .dense = dense};
        wane_spectrum first[2] = {{0}, {0}};
        for (int threads = 1; threads <= 3; threads++) {
            wane_pool *pool = NULL;
            wane_spectrum out[2] = {{0}, {0}};
            CHECK_OK(wane_pool_new(&pool, threads, &err));
            CHECK_OK(wane_spectrum_lowrank(&out[0], c.svd, &term, 1, &options, pool, &err));
            CHECK_OK(wane_spectrum_full(&out[1], c.svd, grid_tuned(&c), &options, pool, &err));
            for (int f = 0; f < 2; f++) {
                if (threads == 1) {
                    first[f] = out[f];
                    continue;
                }
                for (int s = 0; s < 2; s++)
                    assert_memory_equal(first[f].side[s], out[f].side[s],
                                        c.top * sizeof(wane_direction));
                assert_memory_equal(&first[f].base_frobenius, &out[f].base_frobenius,
                                    offsetof(wane_spectrum, memory) -
                                        offsetof(wane_spectrum, base_frobenius));
                wane_spectrum_free(&out[f]);
            }
            wane_pool_free(pool);
        }
        wane_spectrum_free(&first[0]);
        wane_spectrum_free(&first[1]);
    }
    grid_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(iterative_methods_equal_the_judge),
        cmocka_unit_test(no_copy_of_a_repeated_value_is_lost),
        cmocka_unit_test(scale_does_not_matter),
        cmocka_unit_test(threads_change_no_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
