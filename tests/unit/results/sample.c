/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/results/sample.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/random.h"

#define MUST(call)                                                                                 \
    do {                                                                                           \
        if ((call) != WANE_OK) {                                                                   \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, err.message);                 \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

int sample_runs(const sample_shape *shape)
{
    return shape->methods * shape->orders * shape->seeds;
}

int sample_task_at(const sample_shape *shape, int order, int position)
{
    return order % 2 ? shape->tasks - position : (position - 1 + order / 2) % shape->tasks;
}

/* All runs are the same at position 0: it is the shared base. */
static double noise(int what, int run, int position, int a, int b)
{
    wane_random where = {.seed = 7,
                         .purpose = WANE_RANDOM_TEST,
                         .stage = (uint64_t)what,
                         .step = (uint64_t)(position ? run * 100 + position : 0),
                         .tensor = (uint64_t)a};
    return wane_random_uniform(&where, (uint64_t)b);
}

double sample_accuracy(int run, int position, int task)
{
    return noise(1, run, position, task, 0);
}

double sample_nll(int run, int position, int corpus)
{
    return 3 + 0.2 * position * noise(2, run, position, corpus, 0) + corpus;
}

double sample_unigram_entropy(int corpus)
{
    return 3.2 + corpus;
}

double sample_sigma(int run, int position, int matrix, int direction)
{
    return 100.0 / (direction + 1) + noise(3, run, position, matrix, direction);
}

double sample_cosine(int run, int position, int matrix, int direction, int side)
{
    return noise(4, run, position, matrix, direction * 2 + side);
}

static int order_of(const sample_shape *shape, int run)
{
    return run / shape->seeds % shape->orders;
}

static int method_of(const sample_shape *shape, int run)
{
    return run / shape->seeds / shape->orders;
}

static void plan_things(wane_results *db, sample *s)
{
    wane_error err = {0};
    char key[64], name[64];
    MUST(wane_results_put_model(db, &s->model,
                                &(wane_model_row){.key = "model0",
                                                  .name = "tiny",
                                                  .path = "models/tiny",
                                                  .architecture = "llama",
                                                  .parameters = 1000,
                                                  .vocabulary = 100,
                                                  .context = 64,
                                                  .layers = 2,
                                                  .width = 16},
                                &err));
    for (int i = 0; i < s->shape.matrices; i++) {
        (void)snprintf(name, sizeof name, "layers.%d.%s", i / 2, i % 2 ? "up_proj" : "q_proj");
        MUST(wane_results_put_matrix(db, &s->matrix[i],
                                     &(wane_matrix_row){.model = s->model,
                                                        .position = i,
                                                        .name = name,
                                                        .module = i % 2 ? "up_proj" : "q_proj",
                                                        .layer = i / 2,
                                                        .rows = 64,
                                                        .cols = 48},
                                     &err));
    }
    for (int i = 0; i < s->shape.tasks + s->shape.watched; i++) {
        (void)snprintf(key, sizeof key, "task%d@data", i);
        (void)snprintf(name, sizeof name, "task%d", i);
        MUST(wane_results_put_task(db, &s->task[i],
                                   &(wane_task_row){.key = key,
                                                    .name = name,
                                                    .kind = "classification",
                                                    .split = i % 2 ? "validation" : "test",
                                                    .data_sha256 = "d",
                                                    .template_text = "{text}",
                                                    .train_rows = 100,
                                                    .measured_rows = 50,
                                                    .labels = 2},
                                   &err));
    }
    for (int i = 0; i < s->shape.corpora; i++) {
        (void)snprintf(key, sizeof key, "corpus%d@data", i);
        (void)snprintf(name, sizeof name, "corpus%d", i);
        MUST(wane_results_put_corpus(
            db, &s->corpus[i],
            &(wane_corpus_row){.key = key,
                               .name = name,
                               .data_sha256 = "d",
                               .documents = 3,
                               .windows = 4,
                               .tokens = 400,
                               .words = 300,
                               .bytes = 1600,
                               .floor = i ? NAN : 1.25,
                               .unigram_entropy = sample_unigram_entropy(i)},
            &err));
    }
}

static void plan_stages(wane_results *db, sample *s, int run)
{
    wane_error err = {0};
    int positions = s->shape.tasks + 1, order = order_of(&s->shape, run);
    int64_t *stage = &s->stage[run * positions];
    char key[64], name[64];
    stage[0] = s->base;
    for (int p = 0; p < positions; p++) {
        int task = p ? sample_task_at(&s->shape, order, p) : -1;
        if (p) {
            (void)snprintf(key, sizeof key, "%s:stage:%d:%d", s->experiment, run, p);
            (void)snprintf(name, sizeof name, "task%d", task);
            MUST(wane_results_put_stage(db, &stage[p],
                                        &(wane_stage_row){.key = key,
                                                          .parent = stage[p - 1],
                                                          .model = s->model,
                                                          .kind = "sft",
                                                          .task_name = name,
                                                          .steps_planned = 10},
                                        &err));
        }
        MUST(wane_results_put_run_stage(db, s->run[run], p, stage[p], p ? s->task[task] : 0, &err));
    }
}

static void plan_run(wane_results *db, sample *s, int run)
{
    wane_error err = {0};
    int method = method_of(&s->shape, run), order = order_of(&s->shape, run);
    int seed = run % s->shape.seeds;
    char key[96], name[96], config[32], order_name[16];
    (void)snprintf(config, sizeof config, method ? "lora-r%d" : "full", method);
    (void)snprintf(order_name, sizeof order_name, order == 0 ? "given" : "order%d", order);
    (void)snprintf(name, sizeof name, "%s/%s/s%d", config, order_name, seed);
    (void)snprintf(key, sizeof key, "%04x:%s", run, s->experiment);
    MUST(wane_results_put_run(db, &s->run[run],
                              &(wane_run_row){.key = key,
                                              .experiment = s->experiment_id,
                                              .name = name,
                                              .method = config,
                                              .kind = method ? "lora" : "full",
                                              .rank = method ? method : WANE_NULL,
                                              .alpha = method ? 2.0 * method : NAN,
                                              .learning_rate = 1e-3 * (method + 1),
                                              .order_name = order_name,
                                              .seed = seed,
                                              .stages = s->shape.tasks,
                                              .trainable = 500},
                              &err));
    MUST(wane_results_put_parameter(db, s->run[run], "training.batch_size",
                                    &(wane_value){.type = WANE_VALUE_INTEGER, .integer = 16},
                                    &err));
    MUST(wane_results_put_parameter(db, s->run[run], "training.weight_decay",
                                    &(wane_value){.type = WANE_VALUE_REAL, .real = 0.1}, &err));
    MUST(wane_results_put_parameter(db, s->run[run], "training.schedule",
                                    &(wane_value){.type = WANE_VALUE_TEXT, .text = "linear"},
                                    &err));
    plan_stages(db, s, run);
}

void sample_plan(wane_results *db, sample *out, const sample_shape *shape, const char *experiment)
{
    wane_error err = {0};
    int64_t *stage = out->stage;
    *out = (sample){.shape = *shape, .experiment = experiment};
    free(stage);
    out->stage = calloc((size_t)(sample_runs(shape) * (shape->tasks + 1)), sizeof *out->stage);
    if (!out->stage) abort();
    MUST(wane_results_begin(db, &err));
    plan_things(db, out);
    MUST(wane_results_put_experiment(
        db, &out->experiment_id,
        &(wane_experiment_row){.name = experiment, .source = "name: x\n", .model = out->model},
        &err));
    for (int i = 0; i < shape->tasks + shape->watched; i++)
        MUST(wane_results_put_experiment_task(db, out->experiment_id, out->task[i],
                                              i >= shape->tasks, &err));
    for (int i = 0; i < shape->corpora; i++)
        MUST(wane_results_put_experiment_corpus(db, out->experiment_id, out->corpus[i],
                                                i ? "other" : "pretraining", 1, &err));
    MUST(wane_results_put_stage(
        db, &out->base,
        &(wane_stage_row){.key = "base", .model = out->model, .kind = "base", .steps_planned = 0},
        &err));
    for (int run = 0; run < sample_runs(shape); run++) plan_run(db, out, run);
    MUST(wane_results_commit(db, &err));
}

void sample_score_cell(wane_results *db, const sample *s, int run, int position, int task)
{
    wane_error err = {0};
    char key[64];
    const char *split = task % 2 ? "validation" : "test";
    double accuracy = sample_accuracy(run, position, task);
    const wane_score_row scores[] = {{split, "accuracy", accuracy, 0.01, 50, NULL},
                                     {split, "loss", 1 - accuracy, 0.02, 50, NULL},
                                     {split, "majority", 0.5, NAN, 50, NULL},
                                     {split, "kl_on_task_prompt", 0.1 * accuracy, NAN, 50, NULL},
                                     {split, "kl_on_task_answer", 0.2 * accuracy, NAN, 50, NULL}};
    const wane_example_row examples[] = {{split, 0, 1, 1, 0.5, 0.1}, {split, 1, 0, 1, -0.5, 1.5}};
    (void)snprintf(key, sizeof key, "task%d@data", task);
    MUST(wane_cell_commit(
        db,
        &(wane_cell){.stage = s->stage[run * (s->shape.tasks + 1) + position],
                     .step = WANE_STEP_SEALED,
                     .measure = WANE_CELL_SCORE,
                     .subject = key,
                     .settings_sha256 = "s",
                     .data_sha256 = "d"},
        &(wane_cell_rows){
            .scores = scores, .score_count = 5, .examples = examples, .example_count = 2},
        &err));
}

static void likelihood_cell(wane_results *db, const sample *s, int run, int position, int corpus)
{
    wane_error err = {0};
    char key[64];
    double nll = sample_nll(run, position, corpus);
    const wane_likelihood_row row = {.nll = nll,
                                     .stderr_ = 0.01,
                                     .change_stderr = position ? 0.005 : NAN,
                                     .token_perplexity = exp(nll),
                                     .word_perplexity = exp(nll * 4 / 3),
                                     .byte_perplexity = exp(nll / 4),
                                     .bits_per_byte = nll / 4 / log(2),
                                     .kl_to_base = 0.1 * position,
                                     .soft_ce = nll + 0.1,
                                     .tokens = 400,
                                     .words = 300,
                                     .bytes = 1600,
                                     .unk_tokens = 0,
                                     .window = 64,
                                     .stride = 64,
                                     .bos = "one per document"};
    const wane_window_row windows[] = {{0, 0, 200 * nll, 1, 2, 200}, {1, 0, 200 * nll, 1, 2, 200}};
    (void)snprintf(key, sizeof key, "corpus%d@data", corpus);
    MUST(wane_cell_commit(
        db,
        &(wane_cell){.stage = s->stage[run * (s->shape.tasks + 1) + position],
                     .step = WANE_STEP_SEALED,
                     .measure = WANE_CELL_LIKELIHOOD,
                     .subject = key,
                     .settings_sha256 = "s",
                     .data_sha256 = "d"},
        &(wane_cell_rows){.likelihood = &row, .windows = windows, .window_count = 2}, &err));
}

static void spectrum_side(wane_spectrum_side_row *out, const sample *s, int run, int position,
                          int matrix, int side)
{
    double energy = 0, top = 0;
    *out = (wane_spectrum_side_row){0};
    for (int k = 0; k < 10 && k < s->shape.top; k++) {
        double sigma = sample_sigma(run, position, matrix, k);
        bool intruder = sample_cosine(run, position, matrix, k, side) < 0.5;
        top += sigma * sigma;
        if (intruder) energy += sigma * sigma;
        out->intruders += intruder;
    }
    out->energy = energy / top;
}

static void spectrum_cell(wane_results *db, const sample *s, int run, int position)
{
    wane_error err = {0};
    int matrices = s->shape.matrices, top = s->shape.top;
    wane_spectrum_row *spectra = calloc((size_t)matrices, sizeof *spectra);
    wane_direction_row *directions = calloc((size_t)(matrices * top * 2), sizeof *directions);
    if (!spectra || !directions) abort();
    size_t count = 0;
    for (int m = 0; m < matrices; m++) {
        double energy = 0;
        for (int k = 0; k < top; k++) {
            double sigma = sample_sigma(run, position, m, k);
            if (k < 10) energy += sigma * sigma;
            for (int side = 0; side < 2; side++)
                directions[count++] = (wane_direction_row){
                    .matrix = s->matrix[m],
                    .side = side ? 'v' : 'u',
                    .position = k + 1,
                    .sigma = sigma,
                    .max_cosine = sample_cosine(run, position, m, k, side),
                    .span = 1,
                    .subspace_overlap = 0.9,
                    .cluster_overlap = sample_cosine(run, position, m, k, side),
                    .argmax = k + 1};
        }
        spectra[m] = (wane_spectrum_row){.matrix = s->matrix[m],
                                         .changed = true,
                                         .base_count = 48,
                                         .top_energy = energy,
                                         .base_frobenius = 10,
                                         .base_spectral = 5,
                                         .delta_frobenius = position + m,
                                         .delta_spectral = 0.5 * (position + m),
                                         .relative_update = 0.1 * (position + m),
                                         .effective_rank = m ? 2.0 + m : NAN,
                                         .stable_rank = 1.5,
                                         .top_share = 0.4,
                                         .rho_10 = 0.3,
                                         .rounding_floor = NAN,
                                         .reason = m ? NULL : "below_rounding_floor"};
        spectrum_side(&spectra[m].side[0], s, run, position, m, 0);
        spectrum_side(&spectra[m].side[1], s, run, position, m, 1);
    }
    MUST(wane_cell_commit(db,
                          &(wane_cell){.stage = s->stage[run * (s->shape.tasks + 1) + position],
                                       .step = WANE_STEP_SEALED,
                                       .measure = WANE_CELL_SPECTRUM,
                                       .subject = "base",
                                       .settings_sha256 = "s",
                                       .data_sha256 = ""},
                          &(wane_cell_rows){.spectra = spectra,
                                            .spectrum_count = (size_t)matrices,
                                            .directions = directions,
                                            .direction_count = count},
                          &err));
    free(spectra);
    free(directions);
}

void sample_cells(wane_results *db, const sample *s, int run, int position)
{
    for (int i = 0; i < s->shape.tasks + s->shape.watched; i++)
        sample_score_cell(db, s, run, position, i);
    for (int i = 0; i < s->shape.corpora; i++) likelihood_cell(db, s, run, position, i);
    if (position && s->shape.matrices) spectrum_cell(db, s, run, position);
}

double sample_metric(const sample_shape *shape, int run, int position, const char *name)
{
    double sum = 0;
    int order = order_of(shape, run), k = position;
    for (int j = 1; j <= k; j++) {
        int task = sample_task_at(shape, order, j);
        double final = sample_accuracy(run, k, task), best = -1;
        for (int l = j; l < k; l++) best = fmax(best, sample_accuracy(run, l, task));
        if (strcmp(name, "acc") == 0) sum += final;
        else if (j < k && strcmp(name, "bwt") == 0) sum += final - sample_accuracy(run, j, task);
        else if (j < k) sum += best - final;
    }
    return sum / (strcmp(name, "acc") == 0 ? k : k - 1); /* NaN at k = 1 for the others */
}

void sample_seal(wane_results *db, const sample *s, int run)
{
    static const char *const names[] = {"acc", "bwt", "forgetting"};
    wane_error err = {0};
    wane_metric_row metrics[3 * SAMPLE_MOST];
    size_t count = 0;
    for (int p = 0; p <= s->shape.tasks; p++) {
        MUST(wane_results_seal_stage(db, s->stage[run * (s->shape.tasks + 1) + p],
                                     &(wane_stage_seal){.status = WANE_STAGE_DONE,
                                                        .steps = p ? 10 : 0,
                                                        .diverged_at = WANE_NULL},
                                     &err));
        for (int i = 0; p && i < 3; i++) {
            double value = sample_metric(&s->shape, run, p, names[i]);
            metrics[count++] =
                (wane_metric_row){p, names[i], "", value, isnan(value) ? "one_task" : NULL};
        }
    }
    const wane_gate_row gate = {
        .name = "loss_finite", .subject = "", .passed = true, .value = 1, .bound = NAN};
    MUST(wane_results_seal_run(db, s->run[run],
                               &(wane_run_seal){.status = WANE_RUN_DONE,
                                                .metrics = metrics,
                                                .metric_count = count,
                                                .gates = &gate,
                                                .gate_count = 1},
                               &err));
}

void sample_fill(wane_results *db, const sample *s)
{
    wane_error err = {0};
    for (int run = 0; run < sample_runs(&s->shape); run++) {
        MUST(wane_results_begin(db, &err));
        for (int p = 0; p <= s->shape.tasks; p++) sample_cells(db, s, run, p);
        sample_seal(db, s, run);
        MUST(wane_results_commit(db, &err));
    }
}

wane_results *sample_open(sample *out, const char *path, const sample_shape *shape)
{
    wane_error err = {0};
    wane_results *db = NULL;
    MUST(wane_results_open(&db, path, WANE_RESULTS_CREATE, &err));
    sample_plan(db, out, shape, shape->experiment ? shape->experiment : "e");
    return db;
}

wane_results *sample_filled(sample *out, const char *path, const sample_shape *shape)
{
    wane_results *db = sample_open(out, path, shape);
    sample_fill(db, out);
    return db;
}

void sample_close(wane_results *db, sample *s)
{
    free(s->stage);
    memset(s, 0, sizeof *s);
    wane_results_close(db);
}
