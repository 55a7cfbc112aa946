/* SPDX-License-Identifier: Apache-2.0
 * What looking into a training costs: spectra, norms and identities of all matrices, and the
 * likelihood of some tokens, against the training steps between two looks, in one run. The shape of
 * SmolLM2-135M, LoRA on all linear weights, 8 x 128 tokens a step.
 *
 *   bench_track [threads=0] [every=10] [rank=8] [chain=1] [tokens=1024] [repeats=3]
 *
 * chain: how many merged adapters lie between the base and the weights looked at. The matrices of
 * one shape share the base's singular vectors (those of the first layer), each with factors of its
 * own: what a look costs depends on shapes, not on values.
 */
#include <stdio.h>
#include <stdlib.h>

#include "analysis/spectra/trace.h"
#include "eval/measure/measure.h"
#include "eval/model/architecture.h"
#include "eval/train/train.h"
#include "store/base/blas.h"
#include "store/base/clock.h"
#include "store/base/memory.h"
#include "store/base/random.h"

enum { SEQUENCES = 8, LENGTH = 128, TOP = 10, MOST_CHAIN = 16 };

typedef struct setting {
    int threads;
    unsigned long every, rank, chain, tokens, repeats;
    wane_pool *pool;
    wane_model *model;
} setting;

static void must(wane_status status, const wane_error *err)
{
    if (status == WANE_OK) return;
    (void)fprintf(stderr, "%s\n", err->message);
    exit(1);
}

static void *room(size_t count, size_t size)
{
    void *out = wane_alloc(count, size);
    if (!out) exit(1);
    return out;
}

/* ------------------------------------------------------------------------------ the training */

typedef struct rows {
    int32_t ids[SEQUENCES * LENGTH], target[SEQUENCES * LENGTH];
    size_t starts[SEQUENCES + 1], position[SEQUENCES * LENGTH];
    wane_batch batch;
} rows;

static void make_rows(rows *r, size_t vocabulary)
{
    wane_random where = {.seed = 3, .purpose = WANE_RANDOM_TEST};
    for (size_t t = 0; t < SEQUENCES * LENGTH; t++) {
        r->ids[t] = (int32_t)wane_random_below(&where, t, vocabulary);
        r->target[t] = (int32_t)wane_random_below(&where, t + 100000, vocabulary);
        r->position[t] = t;
    }
    for (size_t s = 0; s <= SEQUENCES; s++) r->starts[s] = s * LENGTH;
    r->batch = (wane_batch){.tokens = SEQUENCES * LENGTH,
                            .sequences = SEQUENCES,
                            .ids = r->ids,
                            .starts = r->starts,
                            .targets = SEQUENCES * LENGTH,
                            .position = r->position,
                            .target = r->target};
}

/* Seconds of one optimiser step: the least of the repeats. The trainer keeps its adapter. */
static double step_seconds(const setting *s, wane_trainer *trainer)
{
    static rows r;
    wane_error err;
    double least = 1e30;
    make_rows(&r, s->model->config.vocabulary);
    for (unsigned long i = 0; i <= s->repeats; i++) {
        wane_step step;
        double start = wane_clock_wall();
        must(wane_trainer_step(trainer, &r.batch, &step, &err), &err);
        double seconds = wane_clock_wall() - start;
        if (i > 0 && seconds < least) least = seconds; /* the first one warms up */
    }
    return least;
}

/* -------------------------------------------------------------------------------- the looks */

static float *normal(size_t count, double sigma, uint64_t tensor)
{
    wane_random where = {.purpose = WANE_RANDOM_TEST, .tensor = tensor};
    float *out = room(count, sizeof *out);
    wane_random_normal_fill(out, count, sigma, &where);
    return out;
}

/* The terms of one matrix: random ones for the merged adapters, then the one in training. */
static wane_lowrank_term *terms_of(const setting *s, const wane_factor *f)
{
    wane_lowrank_term *terms = room(s->chain, sizeof *terms);
    for (size_t t = 0; t + 1 < s->chain; t++)
        terms[t] = (wane_lowrank_term){normal(f->rows * f->rank, 0.02, 2 * f->parameter + t),
                                       normal(f->rank * f->cols, 0.02, 2 * f->parameter + t + 1),
                                       f->rank, 2};
    terms[s->chain - 1] = (wane_lowrank_term){f->b, f->a, f->rank, f->scale};
    return terms;
}

static wane_base_svd *svd_of(const setting *s, wane_base_svd **known, size_t *known_of,
                             size_t *count, size_t parameter)
{
    const wane_parameter *table = s->model->parameters.parameter, *p = &table[parameter];
    wane_error err;
    for (size_t i = 0; i < *count; i++)
        if (table[known_of[i]].rows == p->rows && table[known_of[i]].cols == p->cols)
            return known[i];
    must(wane_base_svd_compute(&known[*count], wane_model_matrix(s->model, parameter), &err), &err);
    known_of[*count] = parameter;
    return known[(*count)++];
}

/* Seconds of one look at all matrices, the least of the repeats; *matrices how many there are. */
static double look_seconds(const setting *s, const wane_adapter *adapter, size_t *matrices)
{
    wane_error err;
    wane_base_svd *known[8] = {NULL};
    size_t known_of[8] = {0}, count = 0;
    wane_spectrum_options options = {
        .top = TOP, .u = true, .v = true, .vectors = true, .scan = true};
    wane_spectrum_case *cases = room(adapter->count, sizeof *cases);
    wane_trace *traces = room(adapter->count, sizeof *traces);
    double least = 1e30;
    for (size_t i = 0; i < adapter->count; i++)
        cases[i] = (wane_spectrum_case){
            .base = svd_of(s, known, known_of, &count, adapter->factor[i].parameter),
            .terms = terms_of(s, &adapter->factor[i]),
            .count = s->chain};
    for (unsigned long r = 0; r < s->repeats; r++) {
        double start = wane_clock_wall();
        must(wane_spectrum_many(cases, adapter->count, &options, s->pool, &err), &err);
        for (size_t i = 0; i < adapter->count; i++) {
            const wane_factor *f = &adapter->factor[i];
            must(wane_trace_follow(&traces[i], &cases[i].spectrum, f->rows, f->cols, &err), &err);
            wane_spectrum_free(&cases[i].spectrum);
        }
        double seconds = wane_clock_wall() - start;
        if (seconds < least) least = seconds;
    }
    for (size_t i = 0; i < adapter->count; i++) {
        for (size_t t = 0; t + 1 < s->chain; t++) {
            wane_free((void *)cases[i].terms[t].b);
            wane_free((void *)cases[i].terms[t].a);
        }
        wane_free((void *)cases[i].terms);
        wane_trace_free(&traces[i]);
    }
    for (size_t i = 0; i < count; i++) wane_base_svd_free(known[i]);
    wane_free(cases);
    wane_free(traces);
    *matrices = adapter->count;
    return least;
}

/* Seconds of the likelihood of so many tokens in windows of 512. */
static double nll_seconds(const setting *s, const wane_adapter *adapter)
{
    enum { WINDOW = 512 };
    wane_error err;
    size_t windows = (s->tokens + WINDOW - 2) / (WINDOW - 1), total = s->tokens + windows;
    wane_windows w = {.windows = windows, .documents = 1, .tokens = s->tokens, .bos = -1};
    w.ids = room(total, sizeof *w.ids);
    w.starts = room(windows + 1, sizeof *w.starts);
    w.first = room(windows, sizeof *w.first);
    w.document = room(windows, sizeof *w.document);
    w.position = room(windows, sizeof *w.position);
    wane_random where = {.seed = 5, .purpose = WANE_RANDOM_TEST};
    for (size_t t = 0; t < total; t++)
        w.ids[t] = (int32_t)wane_random_below(&where, t, s->model->config.vocabulary);
    for (size_t i = 0; i < windows; i++) {
        w.first[i] = 1;
        w.starts[i + 1] = (i + 1) * WINDOW < total ? (i + 1) * WINDOW : total;
    }
    double least = 1e30;
    for (unsigned long r = 0; r < s->repeats; r++) {
        wane_likelihood l = {0};
        double start = wane_clock_wall();
        must(wane_measure_likelihood(&l, s->model, adapter, NULL, &w, s->pool, &err), &err);
        double seconds = wane_clock_wall() - start;
        if (seconds < least) least = seconds;
        wane_likelihood_free(&l);
    }
    wane_free(w.ids);
    wane_free(w.starts);
    wane_free(w.first);
    wane_free(w.document);
    wane_free(w.position);
    return least;
}

static void run(const setting *s)
{
    wane_error err;
    wane_trainer *trainer = NULL;
    const wane_method_settings method = {
        .method = &wane_method_lora, .rank = s->rank, .alpha = 2.0 * (double)s->rank};
    const wane_training training = {.learning_rate = 1e-4,
                                    .clip = 1,
                                    .beta1 = 0.9,
                                    .beta2 = 0.999,
                                    .epsilon = 1e-8,
                                    .schedule = WANE_SCHEDULE_CONSTANT,
                                    .total_steps = s->repeats + 1,
                                    .micro_tokens = SEQUENCES * LENGTH};
    size_t matrices = 0;
    must(wane_trainer_new(&trainer, s->model, &method, &training, NULL, 1, 1, s->pool, &err), &err);
    double step = step_seconds(s, trainer);
    const wane_adapter *adapter = wane_trainer_adapter(trainer);
    double look = look_seconds(s, adapter, &matrices), nll = nll_seconds(s, adapter);
    double between = (double)s->every * step;
    (void)printf("{\"bench\":\"track\",\"shape\":\"135M\",\"threads\":%d,\"rank\":%lu,"
                 "\"chain\":%lu,\"matrices\":%zu,\"top\":%d,\"every\":%lu,\"step_seconds\":%.3f,"
                 "\"spectra_seconds\":%.3f,\"spectra_ratio\":%.4f,\"nll_tokens\":%lu,"
                 "\"nll_seconds\":%.3f,\"nll_ratio\":%.4f,\"blas\":\"%s\"}\n",
                 wane_pool_threads(s->pool), s->rank, s->chain, matrices, TOP, s->every, step, look,
                 look / between, s->tokens, nll, nll / between, wane_blas_core());
    wane_trainer_free(trainer);
}

static int bad_argument(const char *argument)
{
    (void)fprintf(stderr,
                  "bench_track: %s: not one of threads=N, every=N, rank=N, chain=N (1 to %d), "
                  "tokens=N (from 2), repeats=N\n",
                  argument, MOST_CHAIN);
    return 2;
}

int main(int argc, char **argv)
{
    setting s = {.every = 10, .rank = 8, .chain = 1, .tokens = 1024, .repeats = 3};
    const wane_config config = {.architecture = &wane_architecture_llama,
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
    wane_error err;
    for (int i = 1; i < argc; i++) {
        if (sscanf(argv[i], "threads=%d", &s.threads) == 1) continue;
        if (sscanf(argv[i], "every=%lu", &s.every) == 1) continue;
        if (sscanf(argv[i], "rank=%lu", &s.rank) == 1) continue;
        if (sscanf(argv[i], "chain=%lu", &s.chain) == 1) continue;
        if (sscanf(argv[i], "tokens=%lu", &s.tokens) == 1) continue;
        if (sscanf(argv[i], "repeats=%lu", &s.repeats) == 1) continue;
        return bad_argument(argv[i]);
    }
    if (!s.every || !s.rank || !s.chain || s.chain > MOST_CHAIN || s.tokens < 2 || !s.repeats)
        return bad_argument("a number out of range");
    must(wane_pool_new(&s.pool, s.threads, &err), &err);
    must(wane_model_random(&s.model, &config, 1, &err), &err);
    run(&s);
    wane_model_free(s.model);
    wane_pool_free(s.pool);
    return 0;
}
