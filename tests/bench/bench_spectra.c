/* SPDX-License-Identifier: Apache-2.0
 * How much faster the spectrum against a cached base is than a dense SVD of the tuned weight, and
 * whether it counts the same intruders. One JSON line per case.
 *
 * bench_spectra [ROWSxCOLS ...] [top=10] [rank=8] [scale=5] [threads=1]
 * [spectrum=gaussian|power]
 * Without shapes: those of a 135M Llama, and 1024, 2048 and 4096 squared (some minutes). gaussian:
 * independent normal weights, the hardest spectrum there is for an iterative method; power:
 * singular values that fall roughly like i^-0.4, nearer to trained weights.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/spectra/spectrum.h"
#include "store/base/blas.h"
#include "store/base/clock.h"
#include "store/base/memory.h"
#include "store/base/random.h"

typedef struct setting {
    size_t rows, cols, top, rank;
    int threads;
    double scale; /* of the LoRA term: 5 makes most of the top 10 intruders, 0.5 next to none */
    bool power;
    wane_pool *pool;
} setting;

static void check(wane_status st, const wane_error *err)
{
    if (st == WANE_OK) return;
    (void)fprintf(stderr, "%s\n", err->message);
    exit(1);
}

static float *normal(size_t count, double sigma, uint64_t tensor)
{
    wane_random where = {.purpose = WANE_RANDOM_TEST, .tensor = tensor};
    float *out = wane_alloc(count, sizeof *out);
    if (out) wane_random_normal_fill(out, count, sigma, &where);
    else exit(1);
    return out;
}

/* Gaussian, or two Gaussian factors with i^-0.4 between them: nearly orthogonal directions whose
 * singular values fall like a power. */
static float *base_weight(const setting *s)
{
    size_t m = s->rows, n = s->cols, k = m < n ? m : n;
    if (!s->power) return normal(m * n, 1 / sqrt((double)n), 1);
    float *u = normal(m * k, 1 / sqrt((double)m), 1), *v = normal(k * n, 1 / sqrt((double)n), 2);
    float *w = wane_alloc(m * n, sizeof *w);
    if (!w) exit(1);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < k; j++) u[i * k + j] *= (float)pow((double)j + 1, -0.4);
    wane_sgemm(s->pool, false, false, m, n, k, 1, u, k, v, n, 0, w, n);
    wane_free(u);
    wane_free(v);
    return w;
}

typedef struct timing {
    double seconds;
    wane_spectrum spectrum;
} timing;

static timing time_call(const setting *s, const wane_base_svd *base, const wane_lowrank_term *term,
                        const float *tuned, bool dense)
{
    wane_spectrum_options options = {
        .top = s->top, .u = true, .v = true, .dense = dense, .scan = true};
    wane_matrix view = {tuned, s->rows, s->cols, s->cols};
    wane_error err;
    timing best = {.seconds = INFINITY};
    for (int i = 0; i < 3; i++) {
        wane_spectrum_free(&best.spectrum);
        double start = wane_clock_wall();
        if (term)
            check(wane_spectrum_lowrank(&best.spectrum, base, term, 1, &options, s->pool, &err),
                  &err);
        else check(wane_spectrum_full(&best.spectrum, base, view, &options, s->pool, &err), &err);
        double seconds = wane_clock_wall() - start;
        if (seconds < best.seconds) best.seconds = seconds;
        if (seconds > 1.5) break;
    }
    return best;
}

static void compare(const setting *s, const wane_base_svd *base, double base_seconds,
                    const wane_lowrank_term *term, const float *tuned)
{
    timing fast = time_call(s, base, term, tuned, false);
    timing dense = time_call(s, base, term, tuned, true);
    size_t counts[2] = {0, 0};
    double cosines = 0;
    for (int side = 0; side < 2; side++) {
        const wane_direction *f = fast.spectrum.side[side], *d = dense.spectrum.side[side];
        counts[0] += wane_intruder_count(f, fast.spectrum.count, s->top, 0.5);
        counts[1] += wane_intruder_count(d, dense.spectrum.count, s->top, 0.5);
        for (size_t j = 0; j < fast.spectrum.count; j++)
            cosines = fmax(cosines, fabs(f[j].max_cosine - d[j].max_cosine));
    }
    (void)printf("{\"shape\":\"%zux%zu\",\"spectrum\":\"%s\",\"method\":\"%s\",\"rank\":%zu,"
                 "\"top\":%zu,\"threads\":%d,\"base_seconds\":%.4f,\"dense_seconds\":%.4f,"
                 "\"core_seconds\":%.5f,\"ratio\":%.1f,\"intruders\":%zu,\"counts_equal\":%s,"
                 "\"max_cosine_difference\":%.2g,\"core\":\"%s\"}\n",
                 s->rows, s->cols, s->power ? "power" : "gaussian", term ? "lora" : "full",
                 term ? s->rank : 0, s->top, s->threads, base_seconds, dense.seconds, fast.seconds,
                 dense.seconds / fast.seconds, counts[0], counts[0] == counts[1] ? "true" : "false",
                 cosines, wane_blas_core());
    (void)fflush(stdout);
    wane_spectrum_free(&fast.spectrum);
    wane_spectrum_free(&dense.spectrum);
}

static void run(const setting *s)
{
    size_t m = s->rows, n = s->cols;
    float *w = base_weight(s), *tuned = normal(m * n, 0.02 / sqrt((double)n), 3);
    float *b = normal(m * s->rank, 0.3 / sqrt((double)m), 4), *a = normal(s->rank * n, 1, 5);
    for (size_t i = 0; i < s->rank * n; i++) a[i] *= (float)(1 / sqrt((double)n));
    wane_lowrank_term term = {b, a, s->rank, (float)s->scale};
    wane_base_svd *base = NULL;
    wane_error err;
    double start = wane_clock_wall();
    check(wane_base_svd_compute(&base, (wane_matrix){w, m, n, n}, &err), &err);
    double seconds = wane_clock_wall() - start;
    for (size_t i = 0; i < m * n; i++) tuned[i] += w[i];
    compare(s, base, seconds, &term, NULL);
    compare(s, base, seconds, NULL, tuned);
    wane_base_svd_free(base);
    wane_free(w);
    wane_free(tuned);
    wane_free(b);
    wane_free(a);
}

int main(int argc, char **argv)
{
    static const size_t usual[][2] = {{192, 576},   {576, 576},   {1536, 576}, {576, 1536},
                                      {1024, 1024}, {2048, 2048}, {4096, 4096}};
    setting s = {.top = 10, .rank = 8, .threads = 1, .scale = 5};
    wane_error err;
    bool shapes = false;
    for (int i = 1; i < argc; i++) {
        unsigned long value = 0;
        if (sscanf(argv[i], "top=%lu", &value) == 1) s.top = value;
        else if (sscanf(argv[i], "rank=%lu", &value) == 1) s.rank = value;
        else if (sscanf(argv[i], "threads=%d", &s.threads) == 1) continue;
        else if (sscanf(argv[i], "scale=%lf", &s.scale) == 1) continue;
        else if (strcmp(argv[i], "spectrum=power") == 0) s.power = true;
        else if (strcmp(argv[i], "spectrum=gaussian") == 0) s.power = false;
        else if (strchr(argv[i], 'x')) shapes = true;
        else return 2;
    }
    check(wane_pool_new(&s.pool, s.threads, &err), &err);
    for (int i = 1; i < argc; i++)
        if (sscanf(argv[i], "%zux%zu", &s.rows, &s.cols) == 2 && s.rows > 0 && s.cols > 0) run(&s);
    for (size_t i = 0; !shapes && i < sizeof usual / sizeof *usual; i++) {
        s.rows = usual[i][0];
        s.cols = usual[i][1];
        run(&s);
    }
    wane_pool_free(s.pool);
    return 0;
}
