/* SPDX-License-Identifier: Apache-2.0
 * Training steps and evaluation on random weights, against this machine's sgemm rate in the same
 * run. Prints one JSON object a line.
 *
 *   bench_step [large|small] [threads] [repeats] [work]
 *
 * large: the shape of SmolLM2-135M, 8 sequences of 128 tokens, every position a target.
 * small: the shape of TinyStories-656K, sequences of 20..60 tokens with one target each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/compute/kernels.h"
#include "eval/model/architecture.h"
#include "eval/model/pass.h"
#include "eval/model/term.h"
#include "store/base/blas.h"
#include "store/base/clock.h"
#include "store/base/memory.h"
#include "store/base/random.h"

typedef struct work {
    wane_config config;
    wane_batch batch;
    wane_model *model;
    wane_adapter *adapter;
    wane_pool *pool;
    int repeats;
    const char *only; /* the work to do; "" = all */
} work;

/* wane_memory_peak from here on; no effect where the system refuses. */
static void forget_peak(void)
{
    FILE *file = fopen("/proc/self/clear_refs", "we");
    if (!file) return;
    (void)fputs("5", file);
    (void)fclose(file);
}

static void must(wane_status status, const wane_error *err)
{
    if (status == WANE_OK) return;
    (void)fprintf(stderr, "%s\n", err->message);
    exit(1);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, ascending);
    return values[count / 2];
}

/* Wall and processor seconds. */
typedef struct spent {
    double wall, cpu;
} spent;

static spent now(void)
{
    return (spent){wane_clock_wall(), wane_clock_cpu()};
}

static spent since(spent start)
{
    spent end = now();
    return (spent){end.wall - start.wall, end.cpu - start.cpu};
}

/* One product of 1536 x 1536 x 1536. */
static spent product(wane_pool *pool)
{
    enum { N = 1536 };
    static float *a, *b, *c;
    if (!a) {
        a = wane_alloc_aligned(N * N, sizeof *a);
        b = wane_alloc_aligned(N * N, sizeof *b);
        c = wane_alloc_aligned(N * N, sizeof *c);
        wane_random where = {.seed = 1, .purpose = WANE_RANDOM_TEST};
        wane_random_normal_fill(a, N * N, 1, &where);
        wane_random_normal_fill(b, N * N, 1, &where);
    }
    spent start = now();
    wane_sgemm(pool, false, true, N, N, N, 1, a, N, b, N, 0, c, N);
    return since(start);
}

static double product_flops(void)
{
    return 2.0 * 1536 * 1536 * 1536;
}

static void make_batch(work *w, size_t sequences, size_t shortest, size_t longest, bool all)
{
    wane_random where = {.seed = 3, .purpose = WANE_RANDOM_TEST};
    size_t *starts = wane_alloc(sequences + 1, sizeof *starts);
    for (size_t s = 0; s < sequences; s++)
        starts[s + 1] =
            starts[s] + shortest + (size_t)wane_random_below(&where, s, longest - shortest + 1);
    size_t tokens = starts[sequences], targets = 0;
    int32_t *ids = wane_alloc(tokens, sizeof *ids), *target = wane_alloc(tokens, sizeof *target);
    size_t *position = wane_alloc(tokens, sizeof *position);
    where.tensor = 1;
    for (size_t t = 0; t < tokens; t++)
        ids[t] = (int32_t)wane_random_below(&where, t, w->config.vocabulary);
    for (size_t s = 0; s < sequences; s++)
        for (size_t t = all ? starts[s] : starts[s + 1] - 1; t < starts[s + 1]; t++) {
            position[targets] = t;
            target[targets++] = ids[(t + 1) % tokens];
        }
    w->batch = (wane_batch){.tokens = tokens,
                            .sequences = sequences,
                            .ids = ids,
                            .starts = starts,
                            .targets = targets,
                            .position = position,
                            .target = target};
}

/* Multiply-adds that must be done, as floating-point operations: what a perfect program would do.
 * The last layer's queries and MLP are counted for the targets' rows alone. */
static double useful_flops(const work *w, bool training, bool weights, size_t rank)
{
    const wane_config *c = &w->config;
    double tokens = (double)w->batch.tokens, rows = (double)w->batch.targets, sum = 0;
    double heads = (double)(c->heads * c->head_width), keys = (double)(c->kv_heads * c->head_width);
    double width = (double)c->width, hidden = (double)c->hidden;
    for (size_t l = 0; l < c->layers; l++) {
        double n = l + 1 < c->layers ? tokens : rows;
        double by_rows = n * (2 * heads * width + 3 * hidden * width);
        double by_tokens = tokens * 2 * keys * width, low = 0, scores = 0;
        if (rank)
            low = (double)rank *
                  (n * (2 * (heads + width) + 3 * (hidden + width)) + tokens * 2 * (keys + width));
        for (size_t s = 0; s < w->batch.sequences; s++) {
            double length = (double)(w->batch.starts[s + 1] - w->batch.starts[s]);
            bool one = w->batch.targets == w->batch.sequences && l + 1 == c->layers;
            scores += 2 * heads * (one ? length : length * (length + 1) / 2);
        }
        double forward = by_rows + by_tokens + low + scores, backward = 2 * scores + 2 * low;
        backward += (weights ? 2 : 1) * (by_rows + by_tokens);
        /* Nothing is propagated below the first layer's adapters. */
        if (rank && l == 0) backward -= n * heads * width + by_tokens;
        sum += forward + (training ? backward : 0);
    }
    double head = rows * width * (double)c->vocabulary;
    return 2 * (sum + head * (training ? (weights ? 3 : 2) : 1));
}

/* cpu_ratio compares rates per processor second: what others do on the machine disturbs it less
 * than the ratio of wall clocks. */
static void report(const work *w, const char *shape, const char *what, spent step, spent gemm,
                   double flops, double bytes)
{
    double seconds = step.wall, useful = flops / step.wall * 1e-9;
    double rate = product_flops() / gemm.wall * 1e-9;
    double cpu_ratio = flops / step.cpu / (product_flops() / gemm.cpu);
    (void)printf("{\"bench\":\"step\",\"shape\":\"%s\",\"work\":\"%s\",\"threads\":%d,"
                 "\"tokens\":%zu,\"targets\":%zu,\"seconds\":%.5f,\"tokens_per_s\":%.0f,"
                 "\"useful_gflops\":%.1f,\"sgemm_gflops\":%.1f,\"ratio\":%.3f,\"cpu_ratio\":%.3f,"
                 "\"planned_bytes\":%.0f,\"peak_bytes\":%.0f,\"kernels\":\"%s\",\"blas\":\"%s\"}\n",
                 shape, what, wane_pool_threads(w->pool), w->batch.tokens, w->batch.targets,
                 seconds, (double)w->batch.tokens / seconds, useful, rate, useful / rate, cpu_ratio,
                 bytes, (double)wane_memory_peak(), wane_kernel_features(), wane_blas_core());
    (void)fflush(stdout);
}

enum { MOST = 64 };

/* Of every repeat, and of the products before and after it. */
typedef struct timing {
    double wall[MOST], cpu[MOST], gemm_wall[2 * MOST], gemm_cpu[2 * MOST];
} timing;

/* Forward, and backward unless `gradients` is NULL: then the nll of every target. */
static void time_steps(timing *t, const work *w, wane_pass *pass, const wane_gradients *gradients,
                       float *nll)
{
    wane_error err;
    double loss = 0;
    wane_dropout drop = {.seed = 1};
    int inner = 1; /* steps timed together: about a fifth of a second */
    for (int r = -1; r < w->repeats && r < MOST; r++) {
        spent before = product(w->pool), start = now();
        for (int i = 0; i < inner; i++) {
            must(wane_pass_forward(pass, w->model, w->adapter, &w->batch, &drop, &err), &err);
            if (gradients) must(wane_pass_backward(pass, 1, gradients, &loss, &err), &err);
            else wane_pass_nll(pass, nll, NULL);
        }
        spent step = since(start), after = product(w->pool);
        if (r < 0) { /* warm up */
            inner = step.wall < 0.1 ? (int)(0.2 / (step.wall + 1e-6)) + 1 : 1;
            continue;
        }
        t->wall[r] = step.wall / inner;
        t->cpu[r] = step.cpu / inner;
        t->gemm_wall[2 * r] = before.wall;
        t->gemm_wall[2 * r + 1] = after.wall;
        t->gemm_cpu[2 * r] = before.cpu;
        t->gemm_cpu[2 * r + 1] = after.cpu;
    }
}

static void bench(work *w, const char *shape, const char *what, bool training, size_t rank,
                  double dropout)
{
    wane_error err;
    bool weights = training && !rank;
    size_t planned = 0;
    if (w->only[0] && strcmp(w->only, what) != 0) return;
    wane_pass_limits limits = {.tokens = w->batch.tokens,
                               .sequences = w->batch.sequences,
                               .targets = w->batch.targets,
                               .training = training,
                               .train_weights = weights,
                               .adapter_floats_rank = rank,
                               .threads = wane_pool_threads(w->pool)};
    wane_pass *pass = NULL;
    forget_peak();
    must(wane_pass_bytes(&planned, &w->config, &limits, &err), &err);
    must(wane_pass_new(&pass, &w->config, &limits, w->pool, &err), &err);
    const wane_parameters *table = &w->model->parameters;
    bool *train = wane_alloc(table->count, sizeof *train);
    for (size_t i = 0; i < table->count; i++) train[i] = true;
    if (rank) {
        bool *target = wane_alloc(table->count, sizeof *target);
        for (size_t i = 0; i < table->count; i++) target[i] = table->parameter[i].linear;
        must(wane_adapter_new(&w->adapter, &wane_low_rank, table, target, rank, 2, dropout, 1, 1,
                              &err),
             &err);
        wane_free(target);
    }
    float *block =
        training ? wane_alloc_aligned(rank ? w->adapter->floats : table->floats, sizeof(float))
                 : NULL;
    float *nll = wane_alloc(w->batch.targets, sizeof *nll);
    wane_gradients gradients = {
        .weights = rank ? NULL : block, .train = train, .adapter = rank ? block : NULL};
    timing t;
    time_steps(&t, w, pass, training ? &gradients : NULL, nll);
    int count = w->repeats < MOST ? w->repeats : MOST;
    report(w, shape, what, (spent){median(t.wall, count), median(t.cpu, count)},
           (spent){median(t.gemm_wall, 2 * count), median(t.gemm_cpu, 2 * count)},
           useful_flops(w, training, weights, rank), (double)planned);
    wane_pass_free(pass);
    wane_adapter_free(w->adapter);
    w->adapter = NULL;
    wane_free(block);
    wane_free(nll);
    wane_free(train);
}

static void free_batch(wane_batch *batch)
{
    wane_free((void *)batch->ids);
    wane_free((void *)batch->starts);
    wane_free((void *)batch->position);
    wane_free((void *)batch->target);
}

static void run_shape(work *w, const char *shape, size_t sequences, size_t shortest, size_t longest,
                      bool all)
{
    wane_error err;
    must(wane_model_random(&w->model, &w->config, 1, &err), &err);
    make_batch(w, sequences, shortest, longest, all);
    bench(w, shape, "evaluate", false, 0, 0);
    bench(w, shape, "lora-r8", true, 8, 0);
    bench(w, shape, "lora-r8-dropout", true, 8, 0.05);
    bench(w, shape, "full", true, 0, 0);
    wane_model_free(w->model);
    free_batch(&w->batch);
}

int main(int argc, char **argv)
{
    wane_error err;
    const char *shape = argc > 1 ? argv[1] : "small";
    work w = {.repeats = argc > 3 ? atoi(argv[3]) : 3, .only = argc > 4 ? argv[4] : ""};
    if (w.repeats < 1) return 2;
    must(wane_pool_new(&w.pool, argc > 2 ? atoi(argv[2]) : 0, &err), &err);
    if (strcmp(shape, "large") == 0) {
        w.config = (wane_config){.architecture = &wane_architecture_llama,
                                 .vocabulary = 49152,
                                 .width = 576,
                                 .layers = 30,
                                 .heads = 9,
                                 .kv_heads = 3,
                                 .head_width = 64,
                                 .hidden = 1536,
                                 .context = 2048,
                                 .norm_epsilon = 1e-5,
                                 .rope = {.theta = 10000},
                                 .tied = true,
                                 .initializer_range = 0.02};
        run_shape(&w, shape, 8, 128, 128, true);
    } else if (strcmp(shape, "small") == 0) {
        w.config = (wane_config){.architecture = &wane_architecture_llama,
                                 .vocabulary = 2048,
                                 .width = 128,
                                 .layers = 2,
                                 .heads = 8,
                                 .kv_heads = 4,
                                 .head_width = 16,
                                 .hidden = 384,
                                 .context = 512,
                                 .norm_epsilon = 1e-6,
                                 .rope = {.theta = 10000},
                                 .tied = true,
                                 .initializer_range = 0.02};
        run_shape(&w, "small-16x40", 16, 20, 60, false);
        run_shape(&w, "small-50x40", 50, 20, 60, false);
        run_shape(&w, "small-4x512-all", 4, 512, 512, true);
    } else {
        return 2;
    }
    wane_pool_free(w.pool);
    return 0;
}
