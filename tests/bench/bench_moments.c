/* SPDX-License-Identifier: Apache-2.0
 * What a count of intruders costs without the SVD of the base: the top directions of the tuned
 * weight, those of the base, and bounds by moments, against two SVDs by LAPACK (of the base and of
 * the tuned weight) in the same run. One JSON line per case.
 *
 * bench_moments [ROWSxCOLS ...] [top=10] [rank=16] [scale=.5] [threads=2] [epsilon=.5] [dense=1]
 * Without shapes: 576, 1024, 2048 and 4096 squared (some minutes). dense=0 leaves the SVDs out.
 * Singular values of the base fall roughly like i^-0.4.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/spectra/lapack.h"
#include "analysis/spectra/leading.h"
#include "analysis/spectra/moments.h"
#include "store/base/blas.h"
#include "store/base/clock.h"
#include "store/base/memory.h"
#include "store/base/random.h"

typedef struct setting {
    size_t rows, cols, top, rank;
    int threads, dense;
    double scale, epsilon;
    wane_pool *pool;
} setting;

static void succeed(wane_status st, const wane_error *err)
{
    if (st == WANE_OK) return;
    (void)fprintf(stderr, "%s\n", err->message);
    exit(1);
}

static void *room(size_t count, size_t size)
{
    void *out = wane_alloc_aligned(count, size);
    if (!out) exit(1);
    return out;
}

static float *gauss(size_t count, double sigma, uint64_t tensor)
{
    wane_random where = {.purpose = WANE_RANDOM_TEST, .tensor = tensor};
    float *out = room(count, sizeof *out);
    wane_random_normal_fill(out, count, sigma, &where);
    return out;
}

static float *falling(const setting *s)
{
    size_t m = s->rows, n = s->cols, k = m < n ? m : n;
    float *u = gauss(m * k, 1 / sqrt((double)m), 1), *v = gauss(k * n, 1 / sqrt((double)n), 2);
    float *w = room(m * n, sizeof *w);
    for (size_t j = 0; j < k; j++) {
        float size = (float)pow((double)j + 1, -0.4);
        for (size_t i = 0; i < m; i++) u[i * k + j] *= size;
    }
    wane_sgemm(s->pool, false, false, m, n, k, 1, u, k, v, n, 0, w, n);
    wane_free(u);
    wane_free(v);
    return w;
}

static double *widened(const float *w, size_t count)
{
    double *out = room(count, sizeof *out);
    for (size_t i = 0; i < count; i++) out[i] = (double)w[i];
    return out;
}

/* Singular values and vectors, all of them. */
static double dense_seconds(const setting *s, const float *w)
{
    size_t m = s->rows, n = s->cols, k = m < n ? m : n;
    double *a = widened(w, m * n), *sigma = room(k, sizeof *sigma);
    double *u = room(m * k, sizeof *u), *vt = room(k * n, sizeof *vt);
    wane_error err;
    double start = wane_clock_wall();
    succeed(wane_lapack_svd(a, n, m, sigma, vt, u, &err), &err);
    double seconds = wane_clock_wall() - start;
    wane_free(a);
    wane_free(sigma);
    wane_free(u);
    wane_free(vt);
    return seconds;
}

typedef struct work {
    double top_seconds, base_seconds, bound_seconds;
    size_t steps, intruders, open;
} work;

/* The first triplets of a weight, made double for it. */
static bool lead(wane_leading *out, const setting *s, const float *weight)
{
    double *whole = widened(weight, s->rows * s->cols);
    wane_error err;
    bool found;
    succeed(wane_leading_room(out, s->rows, s->cols, s->top, &err), &err);
    succeed(wane_leading_whole(out, &found, whole, s->rows, s->cols, s->top, s->pool, &err), &err);
    wane_free(whole);
    return found;
}

static void bound(work *out, const setting *s, const float *base, const wane_leading *known,
                  const wane_leading *top)
{
    const wane_matrix w = {base, s->rows, s->cols, s->cols};
    size_t wide = s->rows > s->cols ? s->rows : s->cols;
    double largest = known->sigma[0];
    const wane_moment_options options = {.largest = largest * (1 + 1e-5),
                                         .floor = (double)wide * 0x1p-23 * largest,
                                         .epsilon = &s->epsilon,
                                         .epsilons = 1,
                                         .steps = 96,
                                         .known = {s->top, known->sigma, known->u, known->v}};
    wane_cosine_bounds *b = room(2 * s->top, sizeof *b);
    const wane_moment_side sides[2] = {{.count = s->top, .directions = top->u, .out = b},
                                       {.count = s->top, .directions = top->v, .out = b + s->top}};
    wane_error err;
    succeed(wane_moment_bounds(sides, w, &options, s->pool, &err), &err);
    for (size_t i = 0; i < 2 * s->top; i++) {
        wane_direction_kind kind;
        bool decided = wane_moment_judge(&kind, &b[i], s->epsilon);
        out->open += !decided;
        out->intruders += decided && kind == WANE_DIRECTION_INTRUDER;
        out->steps += b[i].steps;
    }
    wane_free(b);
}

static void compare(const setting *s, const float *base, double base_seconds, const float *tuned,
                    bool lora)
{
    work now = {0};
    wane_leading top, known;
    double svds = s->dense ? base_seconds + dense_seconds(s, tuned) : NAN;
    double start = wane_clock_wall();
    bool found = lead(&top, s, tuned);
    now.top_seconds = wane_clock_wall() - start;
    start = wane_clock_wall();
    found = lead(&known, s, base) && found;
    now.base_seconds = wane_clock_wall() - start;
    start = wane_clock_wall();
    bound(&now, s, base, &known, &top);
    now.bound_seconds = wane_clock_wall() - start;
    double all = now.top_seconds + now.base_seconds + now.bound_seconds;
    (void)printf("{\"shape\":\"%zux%zu\",\"update\":\"%s\",\"top\":%zu,\"threads\":%d,"
                 "\"epsilon\":%g,\"two_svds_seconds\":%.3f,\"top_seconds\":%.3f,"
                 "\"base_seconds\":%.3f,\"bound_seconds\":%.3f,\"ratio\":%.1f,"
                 "\"mean_steps\":%.1f,\"intruders\":%zu,\"open\":%zu,\"top_found\":%s}\n",
                 s->rows, s->cols, lora ? "lora" : "dense", s->top, s->threads, s->epsilon,
                 s->dense ? svds : 0, now.top_seconds, now.base_seconds, now.bound_seconds,
                 s->dense ? svds / all : 0, (double)now.steps / (double)(2 * s->top), now.intruders,
                 now.open, found ? "true" : "false");
    (void)fflush(stdout);
    wane_leading_free(&top);
    wane_leading_free(&known);
}

static void run(const setting *s)
{
    size_t m = s->rows, n = s->cols;
    float *base = falling(s), *tuned = gauss(m * n, 0.02 / sqrt((double)n), 3);
    float *b = gauss(m * s->rank, 1 / sqrt((double)m), 4);
    float *a = gauss(s->rank * n, 1 / sqrt((double)n), 5);
    double seconds = s->dense ? dense_seconds(s, base) : 0;
    for (size_t i = 0; i < m * n; i++) tuned[i] += base[i];
    compare(s, base, seconds, tuned, false);
    memcpy(tuned, base, m * n * sizeof *tuned);
    wane_sgemm(s->pool, false, false, m, n, s->rank, (float)s->scale, b, s->rank, a, n, 1, tuned,
               n);
    compare(s, base, seconds, tuned, true);
    wane_free(base);
    wane_free(tuned);
    wane_free(b);
    wane_free(a);
}

int main(int argc, char **argv)
{
    static const size_t usual[] = {576, 1024, 2048, 4096};
    setting s = {.top = 10, .rank = 16, .threads = 2, .dense = 1, .scale = 0.5, .epsilon = 0.5};
    wane_error err;
    bool shapes = false;
    for (int i = 1; i < argc; i++) {
        if (sscanf(argv[i], "top=%zu", &s.top) == 1 || sscanf(argv[i], "rank=%zu", &s.rank) == 1 ||
            sscanf(argv[i], "threads=%d", &s.threads) == 1 ||
            sscanf(argv[i], "dense=%d", &s.dense) == 1 ||
            sscanf(argv[i], "scale=%lf", &s.scale) == 1 ||
            sscanf(argv[i], "epsilon=%lf", &s.epsilon) == 1)
            continue;
        if (!strchr(argv[i], 'x')) return 2;
        shapes = true;
    }
    succeed(wane_pool_new(&s.pool, s.threads, &err), &err);
    for (int i = 1; i < argc; i++)
        if (sscanf(argv[i], "%zux%zu", &s.rows, &s.cols) == 2 && s.rows > 0 && s.cols > 0) run(&s);
    for (size_t i = 0; !shapes && i < sizeof usual / sizeof *usual; i++) {
        s.rows = s.cols = usual[i];
        run(&s);
    }
    wane_pool_free(s.pool);
    return 0;
}
