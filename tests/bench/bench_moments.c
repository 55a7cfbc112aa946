/* SPDX-License-Identifier: Apache-2.0
 * What a count of intruders costs in three ways, in turn in one run: two SVDs by LAPACK (of the
 * base and of the tuned weight), the core space of the base's SVD, and bounds against the base's
 * leading triplets alone; whether the last two count the same. One JSON line per case.
 *
 * bench_moments [ROWSxCOLS ...] [top=10] [rank=16] [scale=.5] [threads=2] [epsilon=.5] [repeats=1]
 * [svds=1] [core=1]
 * Without shapes: 576, 1024, 2048 and 4096 squared (some minutes). Everything is counted, the
 * base's SVD or its leading triplets too. LAPACK has all the threads. epsilon=0: bounds decide at
 * all that the program decides at. svds=0, core=0 leave these ways out; of repeats the median is
 * told. Singular values of the base fall roughly like i^-0.4.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/spectra/lapack.h"
#include "analysis/spectra/spectrum.h"
#include "store/base/blas.h"
#include "store/base/clock.h"
#include "store/base/memory.h"
#include "store/base/random.h"

void openblas_set_num_threads(int threads); /* of OpenBLAS, in no header that LAPACKE brings */

enum { REPEATS = 15 };

typedef struct setting {
    size_t rows, cols, top, rank, repeats;
    int threads, svds, core;
    double scale, epsilon;
    wane_pool *pool;
} setting;

/* A change of the base, as a term or whole, and the tuned weight. */
typedef struct tuned_weight {
    const char *name;
    const wane_lowrank_term *term; /* NULL: whole */
    const float *tuned;
} tuned_weight;

typedef struct timing {
    double wall[REPEATS], cpu[REPEATS], start_wall, start_cpu;
    size_t count;
} timing;

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

static void begin(timing *t)
{
    t->start_wall = wane_clock_wall();
    t->start_cpu = wane_clock_cpu();
}

static void end(timing *t)
{
    t->wall[t->count] = wane_clock_wall() - t->start_wall;
    t->cpu[t->count++] = wane_clock_cpu() - t->start_cpu;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
    if (!count) return NAN;
    qsort(values, count, sizeof *values, ascending);
    return values[count / 2];
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

/* All singular values and vectors, by LAPACK with all threads. */
static void svd(const setting *s, const float *w)
{
    size_t m = s->rows, n = s->cols, k = m < n ? m : n;
    double *a = room(m * n, sizeof *a), *sigma = room(k, sizeof *sigma);
    double *u = room(m * k, sizeof *u), *vt = room(k * n, sizeof *vt);
    wane_error err;
    for (size_t i = 0; i < m * n; i++) a[i] = (double)w[i];
    openblas_set_num_threads(s->threads);
    succeed(wane_lapack_svd(a, n, m, sigma, vt, u, &err), &err);
    openblas_set_num_threads(1);
    wane_free(a);
    wane_free(sigma);
    wane_free(u);
    wane_free(vt);
}

/* The spectrum, and what of it is the base's own, `base` its triplets, all or the leading ones. */
static wane_spectrum spectrum(const setting *s, const wane_base_svd *base, const tuned_weight *t)
{
    const wane_spectrum_options options = {.top = s->top,
                                           .u = true,
                                           .v = true,
                                           .scan = true,
                                           .epsilon = s->epsilon > 0 ? &s->epsilon : NULL,
                                           .epsilons = s->epsilon > 0};
    wane_spectrum out;
    wane_error err;
    const wane_matrix whole = {t->tuned, s->rows, s->cols, s->cols};
    if (t->term)
        succeed(wane_spectrum_lowrank(&out, base, t->term, 1, &options, s->pool, &err), &err);
    else succeed(wane_spectrum_full(&out, base, whole, &options, s->pool, &err), &err);
    return out;
}

static wane_spectrum by_core(const setting *s, const float *weight, const tuned_weight *t)
{
    wane_base_svd *base;
    wane_error err;
    succeed(wane_base_svd_compute(&base, (wane_matrix){weight, s->rows, s->cols, s->cols}, &err),
            &err);
    wane_spectrum out = spectrum(s, base, t);
    wane_base_svd_free(base);
    return out;
}

static wane_spectrum by_bounds(const setting *s, const float *weight, const tuned_weight *t,
                               timing *base_time)
{
    wane_base_svd *base;
    wane_error err;
    begin(base_time);
    succeed(wane_base_svd_leading(&base, (wane_matrix){weight, s->rows, s->cols, s->cols}, s->top,
                                  s->pool, &err),
            &err);
    end(base_time);
    wane_spectrum out = spectrum(s, base, t);
    wane_base_svd_free(base);
    return out;
}

typedef struct tally {
    size_t intruders, unresolved, steps;
} tally;

static tally add_up(const wane_spectrum *spectrum, double epsilon)
{
    tally out = {0};
    for (int side = 0; side < 2; side++) {
        wane_intruder_tally t =
            wane_intruder_tally_up(spectrum->side[side], spectrum->count, spectrum->count, epsilon);
        out.intruders += t.intruders;
        out.unresolved += t.unresolved;
        for (size_t i = 0; i < spectrum->count; i++) out.steps += spectrum->side[side][i].steps;
    }
    return out;
}

/* null for a way that was left out. */
static void write_number(const char *name, double value)
{
    if (isnan(value)) (void)printf(",\"%s\":null", name);
    else (void)printf(",\"%s\":%.3f", name, value);
}

static void compare(const setting *s, const float *base, const tuned_weight *t)
{
    timing svds = {0}, core = {0}, bounds = {0}, leading = {0};
    tally exact = {0}, bounded = {0};
    bool fell_back = false;
    double epsilon = s->epsilon > 0 ? s->epsilon : 0.5;
    for (size_t i = 0; i < s->repeats; i++) {
        wane_spectrum found;
        if (s->svds) {
            begin(&svds);
            svd(s, base);
            svd(s, t->tuned);
            end(&svds);
        }
        if (s->core) {
            begin(&core);
            found = by_core(s, base, t);
            end(&core);
            exact = add_up(&found, epsilon);
            wane_spectrum_free(&found);
        }
        begin(&bounds);
        found = by_bounds(s, base, t, &leading);
        end(&bounds);
        bounded = add_up(&found, epsilon);
        fell_back = !found.bounded;
        wane_spectrum_free(&found);
    }
    double two = median(svds.wall, svds.count), cores = median(core.wall, core.count);
    double all = median(bounds.wall, bounds.count);
    bool equal = exact.intruders == bounded.intruders && exact.unresolved == bounded.unresolved;
    (void)printf("{\"shape\":\"%zux%zu\",\"change\":\"%s\",\"top\":%zu,\"threads\":%d,"
                 "\"epsilon\":%g,\"repeats\":%zu",
                 s->rows, s->cols, t->name, s->top, s->threads, s->epsilon, s->repeats);
    write_number("svds_seconds", two);
    write_number("core_seconds", cores);
    write_number("bounds_seconds", all);
    write_number("of_the_base_seconds", median(leading.wall, leading.count));
    write_number("svds_ratio", two / all);
    write_number("core_ratio", cores / all);
    write_number("svds_cpu", median(svds.cpu, svds.count));
    write_number("core_cpu", median(core.cpu, core.count));
    write_number("bounds_cpu", median(bounds.cpu, bounds.count));
    write_number("mean_steps", (double)bounded.steps / (double)(2 * s->top));
    (void)printf(",\"intruders\":%zu,\"unresolved\":%zu,\"counts_equal\":%s,\"fell_back\":%s,"
                 "\"core\":\"%s\"}\n",
                 bounded.intruders, bounded.unresolved,
                 !s->core ? "null"
                 : equal  ? "true"
                          : "false",
                 fell_back ? "true" : "false", wane_blas_core());
    (void)fflush(stdout);
}

static void run(const setting *s)
{
    size_t m = s->rows, n = s->cols;
    float *base = falling(s), *tuned = gauss(m * n, 0.02 / sqrt((double)n), 3);
    float *b = gauss(m * s->rank, 1 / sqrt((double)m), 4);
    float *a = gauss(s->rank * n, 1 / sqrt((double)n), 5);
    const wane_lowrank_term term = {b, a, s->rank, (float)s->scale};
    for (size_t i = 0; i < m * n; i++) tuned[i] += base[i];
    compare(s, base, &(tuned_weight){"dense", NULL, tuned});
    memcpy(tuned, base, m * n * sizeof *tuned);
    wane_sgemm(s->pool, false, false, m, n, s->rank, term.scale, b, s->rank, a, n, 1, tuned, n);
    compare(s, base, &(tuned_weight){"lora", &term, tuned});
    wane_free(base);
    wane_free(tuned);
    wane_free(b);
    wane_free(a);
}

int main(int argc, char **argv)
{
    static const size_t usual[] = {576, 1024, 2048, 4096};
    setting s = {.top = 10,
                 .rank = 16,
                 .threads = 2,
                 .repeats = 1,
                 .svds = 1,
                 .core = 1,
                 .scale = 0.5,
                 .epsilon = 0.5};
    wane_error err;
    bool shapes = false;
    for (int i = 1; i < argc; i++) {
        if (sscanf(argv[i], "top=%zu", &s.top) == 1 || sscanf(argv[i], "rank=%zu", &s.rank) == 1 ||
            sscanf(argv[i], "threads=%d", &s.threads) == 1 ||
            sscanf(argv[i], "svds=%d", &s.svds) == 1 || sscanf(argv[i], "core=%d", &s.core) == 1 ||
            sscanf(argv[i], "scale=%lf", &s.scale) == 1 ||
            sscanf(argv[i], "repeats=%zu", &s.repeats) == 1 ||
            sscanf(argv[i], "epsilon=%lf", &s.epsilon) == 1)
            continue;
        if (!strchr(argv[i], 'x')) return 2;
        shapes = true;
    }
    if (s.repeats < 1 || s.repeats > REPEATS) return 2;
    wane_blas_one_thread();
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
