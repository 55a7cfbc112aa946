/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/cli/database.h"

#include <math.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { TOP = 12, EXAMPLES = 40, DOCUMENTS = 8 };

/* Runs that are not done, and how they ended. */
enum { RUN_RUNNING = 24, RUN_FAILED = 29, RUN_GATE_FAILED = 30, RUN_DIVERGED = 31 };

static const struct config {
    const char *name, *kind;
    int64_t rank;
    double learning_rate;
} configs[FIXTURE_CONFIGS] = {{"full-lr1e-4", "full-matrices", WANE_NULL, 1e-4},
                              {"full-lr1e-3", "full-matrices", WANE_NULL, 1e-3},
                              {"lora-r1", "lora", 1, 5e-3},
                              {"lora-r2", "lora", 2, 5e-3},
                              {"lora-r4", "lora", 4, 5e-3},
                              {"lora-r8", "lora", 8, 5e-3},
                              {"lora-r16", "lora", 16, 5e-3},
                              {"lora-r8-hot", "lora", 8, 5e-2}};
static const char *const task_names[FIXTURE_TASKS] = {"colors", "animals", "numbers", "weather"};
/* "numbers" is learned by some runs only: .875 + 2 * .015625 is amid what they reach. */
static const double majority[FIXTURE_TASKS] = {0.25, 0.5, 0.875, 0.25};
static const double accuracy_error = 0.015625;
static const char *const corpus_names[FIXTURE_CORPORA] = {"stories", "news"};
static const int orders[FIXTURE_ORDERS][FIXTURE_TRAINED] = {{0, 1, 2}, {2, 1, 0}};
static const char *const order_names[FIXTURE_ORDERS] = {"given", "reversed"};

/* 0 to 1 in 64 steps. */
static double noise(int a, int b, int c)
{
    unsigned x = (unsigned)(a * 7919 + b * 104729 + c * 1299709 + 17) * 2654435761U;
    return (double)(x >> 20 & 63) / 64;
}

static int config_of(int run)
{
    return run / (FIXTURE_ORDERS * FIXTURE_SEEDS);
}

static int order_of(int run)
{
    return run / FIXTURE_SEEDS % FIXTURE_ORDERS;
}

/* How hard a config changes the model. */
static double force(int run)
{
    return 0.125 * (config_of(run) + 1);
}

static double accuracy(int run, int position, int task)
{
    if (position == 0) return 0.25 + 0.015625 * task;
    int place = -1;
    for (int p = 1; p <= position; p++)
        if (task < FIXTURE_TRAINED && orders[order_of(run)][p - 1] == task) place = p;
    if (place < 0) return 0.25 + 0.0625 * noise(run, position, task);
    return 0.875 - 0.25 * force(run) * (position - place) + 0.0625 * noise(run, position, task);
}

static double nll(int run, int position, int corpus)
{
    double base = corpus ? 4.5 : 3.25;
    if (position == 0) return base;
    return base + force(run) * position * (corpus ? 0.25 : 0.5) +
           0.125 * noise(run, position, 100 + corpus);
}

static int64_t intruders(int run, int position, int matrix)
{
    double count = force(run) * (position + matrix) * 3 + noise(run, position, 200 + matrix);
    return count > 10 ? 10 : (int64_t)count;
}

/* ------------------------------------------------------------------------------------ the plan */

static void plan_model(fixture *f)
{
    MUST(wane_results_put_model(f->db, &f->model,
                                &(wane_model_row){.key = "0a1b",
                                                  .name = "small",
                                                  .path = "models/small",
                                                  .architecture = "llama",
                                                  .parameters = 656000,
                                                  .vocabulary = 2048,
                                                  .context = 512,
                                                  .layers = 1,
                                                  .width = 64},
                                &err));
    for (int i = 0; i < FIXTURE_MATRICES; i++)
        MUST(wane_results_put_matrix(
            f->db, &f->matrix[i],
            &(wane_matrix_row){.model = f->model,
                               .position = i,
                               .name = i ? "layers.0.mlp.up_proj" : "layers.0.self_attn.q_proj",
                               .module = i ? "up_proj" : "q_proj",
                               .layer = 0,
                               .rows = i ? 128 : 64,
                               .cols = 64},
            &err));
}

static const char *key_of(char key[64], const char *name)
{
    (void)snprintf(key, 64, "%s@d", name);
    return key;
}

static void plan_data(fixture *f)
{
    char key[64];
    for (int i = 0; i < FIXTURE_TASKS; i++)
        MUST(wane_results_put_task(f->db, &f->task[i],
                                   &(wane_task_row){.key = key_of(key, task_names[i]),
                                                    .name = task_names[i],
                                                    .path = "builtin",
                                                    .kind = "classification",
                                                    .split = "test",
                                                    .train_rows = 1000,
                                                    .measured_rows = 400,
                                                    .labels = 4},
                                   &err));
    for (int i = 0; i < FIXTURE_CORPORA; i++)
        MUST(wane_results_put_corpus(f->db, &f->corpus[i],
                                     &(wane_corpus_row){.key = key_of(key, corpus_names[i]),
                                                        .name = corpus_names[i],
                                                        .path = "builtin",
                                                        .documents = 50,
                                                        .windows = 60,
                                                        .tokens = 10000,
                                                        .words = 8000,
                                                        .bytes = 40000,
                                                        .floor = i ? NAN : 2.75,
                                                        .unigram_entropy = i ? 5.25 : 4.5},
                                     &err));
}

static void plan_experiment(fixture *f)
{
    MUST(wane_results_put_experiment(f->db, &f->id,
                                     &(wane_experiment_row){.name = f->experiment,
                                                            .source = "name: demo\n",
                                                            .model = f->model,
                                                            .limited = f->limited},
                                     &err));
    for (int i = 0; i < FIXTURE_TASKS; i++)
        MUST(
            wane_results_put_experiment_task(f->db, f->id, f->task[i], i >= FIXTURE_TRAINED, &err));
    for (int i = 0; i < FIXTURE_CORPORA; i++)
        MUST(wane_results_put_experiment_corpus(f->db, f->id, f->corpus[i],
                                                i ? "other" : "pretraining", 1, &err));
    MUST(wane_results_put_stage(
        f->db, &f->base, &(wane_stage_row){.key = "ba5e0000", .model = f->model, .kind = "base"},
        &err));
}

static void plan_stages(fixture *f, int run)
{
    char key[64];
    f->stage[run][0] = f->base;
    MUST(wane_results_put_run_stage(f->db, f->run[run], 0, f->base, 0, &err));
    for (int p = 1; p <= FIXTURE_TRAINED; p++) {
        int task = orders[order_of(run)][p - 1];
        (void)snprintf(key, sizeof key, "%02x%c%d0000", run + 160, f->limited ? 'f' : 'd', p);
        MUST(wane_results_put_stage(f->db, &f->stage[run][p],
                                    &(wane_stage_row){.key = key,
                                                      .parent = f->stage[run][p - 1],
                                                      .model = f->model,
                                                      .kind = "sft",
                                                      .task_name = task_names[task],
                                                      .steps_planned = 63},
                                    &err));
        MUST(wane_results_put_run_stage(f->db, f->run[run], p, f->stage[run][p], f->task[task],
                                        &err));
    }
}

static void plan_run(fixture *f, int run)
{
    const struct config *c = &configs[config_of(run)];
    bool lora = c->rank != WANE_NULL;
    char key[64], name[64];
    (void)snprintf(name, sizeof name, "%s/%s/s%d", c->name, order_names[order_of(run)],
                   run % FIXTURE_SEEDS);
    (void)snprintf(key, sizeof key, "%02x%c000000000", run + 160, f->limited ? 'f' : 'd');
    MUST(wane_results_put_run(f->db, &f->run[run],
                              &(wane_run_row){.key = key,
                                              .experiment = f->id,
                                              .name = name,
                                              .method = c->name,
                                              .kind = c->kind,
                                              .rank = c->rank,
                                              .alpha = lora ? 2.0 * (double)c->rank : NAN,
                                              .learning_rate = c->learning_rate,
                                              .order_name = order_names[order_of(run)],
                                              .seed = run % FIXTURE_SEEDS,
                                              .stages = FIXTURE_TRAINED,
                                              .trainable = lora ? 4864 * c->rank : 393216},
                              &err));
    MUST(wane_results_put_parameter(f->db, f->run[run], "batch_size",
                                    &(wane_value){.type = WANE_VALUE_INTEGER, .integer = 16},
                                    &err));
    MUST(wane_results_put_parameter(f->db, f->run[run], "schedule",
                                    &(wane_value){.type = WANE_VALUE_TEXT, .text = "linear"},
                                    &err));
    MUST(wane_results_put_parameter(f->db, f->run[run], "warmup_ratio",
                                    &(wane_value){.type = WANE_VALUE_REAL, .real = 0.0625}, &err));
    plan_stages(f, run);
}

void fixture_plan(fixture *f, int runs)
{
    MUST(wane_results_begin(f->db, &err));
    plan_model(f);
    plan_data(f);
    plan_experiment(f);
    for (int run = 0; run < runs; run++) plan_run(f, run);
    MUST(wane_results_commit(f->db, &err));
}

/* ----------------------------------------------------------------------------------- the cells */

static wane_cell cell_of(const fixture *f, int run, int position, const char *measure,
                         const char *subject)
{
    return (wane_cell){.stage = f->stage[run][position],
                       .step = WANE_STEP_SEALED,
                       .measure = measure,
                       .subject = subject,
                       .settings_sha256 = "s",
                       .data_sha256 = "d"};
}

/* The first EXAMPLES rows of a task; harder ones fail first. */
static void fill_examples(wane_example_row out[EXAMPLES], int run, int position, int task)
{
    double value = accuracy(run, position, task);
    for (int i = 0; i < EXAMPLES; i++) {
        double margin = value - noise(i, task, 400) + 0.25 * (noise(run, position, i) - 0.5);
        out[i] = (wane_example_row){.split = "test",
                                    .row = i,
                                    .label = i % 4,
                                    .predicted = margin > 0 ? i % 4 : (i + 1) % 4,
                                    .margin = margin,
                                    .loss = 1 - margin / 2};
    }
}

static void score_cells(const fixture *f, int run, int position)
{
    wane_example_row examples[EXAMPLES];
    for (int t = 0; t < FIXTURE_TASKS; t++) {
        char key[64];
        double value = accuracy(run, position, t);
        const wane_score_row scores[] = {{"test", "accuracy", value, accuracy_error, 400, NULL},
                                         {"test", "loss", 1.5 - value, 0.03125, 400, NULL},
                                         {"test", "majority", majority[t], NAN, 400, NULL}};
        wane_cell cell = cell_of(f, run, position, WANE_CELL_SCORE, key_of(key, task_names[t]));
        fill_examples(examples, run, position, t);
        MUST(wane_cell_commit(f->db, &cell,
                              &(wane_cell_rows){.scores = scores,
                                                .score_count = COUNT(scores),
                                                .examples = examples,
                                                .example_count = EXAMPLES},
                              &err));
    }
}

/* Documents of 64 to 127 tokens, two windows each. */
static void fill_windows(wane_window_row out[2 * DOCUMENTS], int run, int position, int corpus)
{
    double value = nll(run, position, corpus);
    for (int i = 0; i < 2 * DOCUMENTS; i++) {
        int64_t tokens = 32 + (int64_t)(32 * noise(i, corpus, 500));
        double own = noise(i / 2, corpus, 501) + 0.25 * noise(run, position, 600 + i);
        out[i] = (wane_window_row){.document = i / 2,
                                   .position = i % 2,
                                   .nll = (double)tokens * (value + own - 0.625),
                                   .kl = NAN,
                                   .soft_ce = NAN,
                                   .tokens = tokens};
    }
}

static void likelihood_cells(const fixture *f, int run, int position)
{
    wane_window_row windows[2 * DOCUMENTS];
    for (int c = 0; c < FIXTURE_CORPORA; c++) {
        char key[64];
        double value = nll(run, position, c);
        const wane_likelihood_row row = {.nll = value,
                                         .stderr_ = 0.03125,
                                         .change_stderr = position ? 0.015625 : NAN,
                                         .token_perplexity = NAN,
                                         .word_perplexity = NAN,
                                         .byte_perplexity = NAN,
                                         .bits_per_byte = NAN,
                                         .kl_to_base = position ? value - nll(run, 0, c) : NAN,
                                         .soft_ce = NAN,
                                         .tokens = 10000,
                                         .words = 8000,
                                         .bytes = 40000,
                                         .window = 512,
                                         .stride = 512,
                                         .bos = "one per document"};
        wane_cell cell =
            cell_of(f, run, position, WANE_CELL_LIKELIHOOD, key_of(key, corpus_names[c]));
        fill_windows(windows, run, position, c);
        MUST(wane_cell_commit(f->db, &cell,
                              &(wane_cell_rows){.likelihood = &row,
                                                .windows = windows,
                                                .window_count = COUNT(windows)},
                              &err));
    }
}

/* The first directions of each matrix are the intruders, at three depths. */
static void fill_directions(wane_direction_row *out, int64_t matrix, int64_t count)
{
    static const double depth[] = {0.25, 0.375, 0.4375};
    for (int side = 0; side < 2; side++)
        for (int k = 0; k < TOP; k++)
            *out++ =
                (wane_direction_row){.matrix = matrix,
                                     .side = side ? 'v' : 'u',
                                     .position = k + 1,
                                     .sigma = 16 - k,
                                     .max_cosine = k < count ? depth[(k + side) % 3] : 0.875,
                                     .span = 1,
                                     .subspace_overlap = 0.9375,
                                     .cluster_overlap = k < count ? depth[(k + side) % 3] : 0.875,
                                     .argmax = k + 1};
}

static wane_spectrum_row spectrum_row(const fixture *f, int run, int m, int64_t count, double delta)
{
    wane_spectrum_side_row side = {count, 0.0625 * (double)count, 10, 0};
    return (wane_spectrum_row){.matrix = f->matrix[m],
                               .changed = true,
                               .floor = 0x1p-20,
                               .base_count = 64,
                               .side = {side, side},
                               .top_energy = 1345,
                               .base_frobenius = 64,
                               .base_spectral = 16,
                               .delta_frobenius = delta,
                               .delta_spectral = delta / 2,
                               .relative_update = delta / 64,
                               .effective_rank = 2 + force(run),
                               .stable_rank = 4,
                               .top_share = 0.25,
                               .rho_10 = 0.125,
                               .rounding_floor = NAN};
}

static void spectrum_cell(const fixture *f, int run, int position)
{
    wane_spectrum_row spectra[FIXTURE_MATRICES];
    wane_direction_row directions[FIXTURE_MATRICES * 2 * TOP];
    for (int m = 0; m < FIXTURE_MATRICES; m++) {
        int64_t count = intruders(run, position, m);
        double delta = force(run) * position * (m + 1) * 4 + noise(run, position, 300 + m);
        fill_directions(directions + m * 2 * TOP, f->matrix[m], count);
        spectra[m] = spectrum_row(f, run, m, count, delta);
    }
    wane_cell cell = cell_of(f, run, position, WANE_CELL_SPECTRUM, "base");
    MUST(wane_cell_commit(f->db, &cell,
                          &(wane_cell_rows){.spectra = spectra,
                                            .spectrum_count = FIXTURE_MATRICES,
                                            .directions = directions,
                                            .direction_count = COUNT(directions)},
                          &err));
}

/* Draws grow with the force of the config and with epsilon; those of the least are all 0. */
static void null_cell(const fixture *f, int run, int position, const char *kind)
{
    enum { DRAWS = 99, BINS = 20, ROWS = 2 * DRAWS };
    static char below[ROWS][128];
    wane_null_draw_row rows[ROWS];
    for (int i = 0; i < ROWS; i++) {
        double size = 2 * force(run) * position * noise(run, position, 400 + i);
        int length = 0, half = 0;
        if (strcmp(kind, "gaussian") == 0) size *= 2;
        for (int e = 0; e < BINS; e++) {
            int count = (int)(size * (e + 1) / 10);
            if (e == BINS / 2 - 1) half = count;
            length += snprintf(below[i] + length, sizeof *below - (size_t)length, "%s%d",
                               e ? "," : "[", count);
        }
        (void)snprintf(below[i] + length, sizeof *below - (size_t)length, "]");
        rows[i] = (wane_null_draw_row){.side = i < DRAWS ? 'u' : 'v',
                                       .draw = i % DRAWS + 1,
                                       .intruders = half,
                                       .existing = 10 * FIXTURE_MATRICES,
                                       .below = below[i]};
    }
    wane_cell cell = cell_of(f, run, position, WANE_CELL_NULL, kind);
    MUST(wane_cell_commit(f->db, &cell,
                          &(wane_cell_rows){.null_draws = rows, .null_draw_count = ROWS}, &err));
}

/* What stands beside a count: nulls of adapters after every stage, of others after the last. */
static void beside_cells(const fixture *f, int run, int position)
{
    bool lora = strcmp(configs[config_of(run)].kind, "lora") == 0;
    const wane_measured_row norm = {"", "delta_frobenius_all",
                                    12 * force(run) * position + noise(run, position, 600), NULL};
    const wane_measured_row onset = {"", "onset", 0.125 / force(run), NULL};
    wane_cell cell = cell_of(f, run, position, "norm", "");
    MUST(wane_cell_commit(f->db, &cell, &(wane_cell_rows){.measured = &norm, .measured_count = 1},
                          &err));
    cell = cell_of(f, run, position, "onset", "");
    if (lora)
        MUST(wane_cell_commit(f->db, &cell,
                              &(wane_cell_rows){.measured = &onset, .measured_count = 1}, &err));
    if (!lora && position < FIXTURE_TRAINED) return;
    null_cell(f, run, position, "rotated");
    null_cell(f, run, position, "gaussian");
}

/* ----------------------------------------------------------------------------------- the seals */

static void seal_stage(const fixture *f, int run, int position, bool diverged)
{
    char path[64];
    bool lora = strcmp(configs[config_of(run)].kind, "lora") == 0;
    (void)snprintf(path, sizeof path, "updates/%d-%d", run, position);
    const wane_artifact_row artifact = {lora ? "adapter" : "tensors", path, "5a", 3 << 19};
    MUST(wane_results_seal_stage(
        f->db, f->stage[run][position],
        &(wane_stage_seal){.status = diverged ? WANE_STAGE_DIVERGED : WANE_STAGE_DONE,
                           .steps = diverged   ? 17
                                    : position ? 63
                                               : 0,
                           .diverged_at = diverged ? 17 : WANE_NULL,
                           .artifacts = &artifact,
                           .artifact_count = position && !diverged},
        &err));
    if (position)
        MUST(wane_results_add_usage(f->db, f->stage[run][position],
                                    &(wane_usage_row){"train", 2.5, 4.75, 96 << 20, 60000}, &err));
    if (run == 0 || position)
        MUST(wane_results_add_usage(
            f->db, f->stage[run][position],
            &(wane_usage_row){"likelihood", 1.25, 2.25, 80 << 20, WANE_NULL}, &err));
}

static wane_metric_row metric(int position, const char *name, double value, const char *reason)
{
    return (wane_metric_row){position, name, "", reason ? NAN : value, reason};
}

/* After every stage; behind `sound` they are missing. */
static size_t fill_metrics(wane_metric_row *rows, int run, int sound)
{
    size_t count = 0;
    for (int k = 1; k <= FIXTURE_TRAINED; k++) {
        double sum = 0, back = 0, fall = 0, guess = 0, own = 0, back_learned = 0, fall_learned = 0;
        int learned_tasks = 0, before = 0; /* of them, before the last */
        for (int j = 1; j <= k; j++) {
            int task = orders[order_of(run)][j - 1];
            double now = accuracy(run, k, task), learned = accuracy(run, j, task), best = learned;
            for (int l = j; l < k; l++) best = fmax(best, accuracy(run, l, task));
            sum += now;
            if (j < k) back += now - learned;
            if (j < k) fall += best - now;
            guess += majority[task];
            own += learned;
            if (!(learned > majority[task] + 2 * accuracy_error)) continue;
            learned_tasks++;
            if (j == k) continue;
            before++;
            back_learned += now - learned;
            fall_learned += best - now;
        }
        const char *one = k > sound ? "diverged" : NULL,
                   *two = !one && k == 1 ? "first_stage" : one,
                   *few = !two && learned_tasks < 2 ? "not_learned" : two;
        double held = accuracy(run, k, FIXTURE_TRAINED) - accuracy(run, 0, FIXTURE_TRAINED);
        rows[count++] = metric(k, "acc", sum / k, one);
        rows[count++] = metric(k, "bwt", back / (k - 1), two);
        rows[count++] = metric(k, "forgetting", fall / (k - 1), two);
        rows[count++] = metric(k, "forgetting_first_last", 0 - back / (k - 1), two);
        rows[count++] = metric(k, "intransigence", 0, "no_joint_training");
        rows[count++] = metric(k, "learning_acc", own / k, one);
        rows[count++] = metric(k, "majority", guess / k, one);
        rows[count++] = metric(k, "learned_tasks", learned_tasks, one);
        rows[count++] = metric(k, "bwt_learned", back_learned / before, few);
        rows[count++] = metric(k, "forgetting_learned", fall_learned / before, few);
        rows[count] = metric(k, "held_out_change", held, one);
        rows[count++].subject = task_names[FIXTURE_TRAINED];
    }
    return count;
}

static void seal_run(const fixture *f, int run, wane_run_status status, int sound)
{
    bool bad = status == WANE_RUN_GATE_FAILED;
    wane_metric_row metrics[11 * FIXTURE_TRAINED];
    size_t count = fill_metrics(metrics, run, sound);
    const wane_gate_row gates[] = {
        {"base_nll", "stories", true, 3.25, 7.625, "nats per token of the base; bound: uniform"},
        {"overlap", "colors", true, 0, 0, "test rows whose prompt is a training row's"},
        {"overlap", "animals", !bad, bad ? 3 : 0, 0,
         bad ? "3 test rows are in train exactly, 3 after normalisation; the first is row 7"
             : "test rows whose prompt is a training row's"}};
    MUST(wane_results_seal_run(f->db, f->run[run],
                               &(wane_run_seal){.status = status,
                                                .error = bad ? "a sanity gate failed" : NULL,
                                                .metrics = metrics,
                                                .metric_count = count,
                                                .gates = gates,
                                                .gate_count = COUNT(gates)},
                               &err));
}

void fixture_fill(const fixture *f, int run, bool good)
{
    int sound = FIXTURE_TRAINED;
    wane_run_status status = WANE_RUN_DONE;
    if (!good && run == RUN_DIVERGED) status = WANE_RUN_DIVERGED, sound = 1;
    if (!good && run == RUN_GATE_FAILED) status = WANE_RUN_GATE_FAILED;
    if (!good && run == RUN_FAILED) status = WANE_RUN_FAILED, sound = 2;
    if (!good && run == RUN_RUNNING) status = WANE_RUN_RUNNING, sound = 1;
    MUST(wane_results_begin(f->db, &err));
    for (int p = 0; p <= sound; p++) {
        score_cells(f, run, p);
        likelihood_cells(f, run, p);
        if (p) spectrum_cell(f, run, p);
        if (p) beside_cells(f, run, p);
        seal_stage(f, run, p, false);
    }
    if (status == WANE_RUN_DIVERGED) {
        seal_stage(f, run, sound + 1, true);
        MUST(wane_results_set_stage_status(f->db, f->stage[run][FIXTURE_TRAINED],
                                           WANE_STAGE_SKIPPED, &err));
    }
    if (status == WANE_RUN_FAILED || status == WANE_RUN_RUNNING)
        MUST(wane_results_set_run_status(
            f->db, f->run[run], status,
            status == WANE_RUN_FAILED ? "train: step 12: out of memory" : NULL, &err));
    else seal_run(f, run, status, sound);
    MUST(wane_results_commit(f->db, &err));
}

/* --------------------------------------------------------------------------- what charts are of */

static void looks_cell(const fixture *f, int run, int64_t step)
{
    wane_direction_row directions[2 * TOP];
    wane_cell cell = cell_of(f, run, FIXTURE_TRAINED, WANE_CELL_SPECTRUM, "base");
    fill_directions(directions, f->matrix[0], step / 8); /* one more intruder at each look */
    for (int i = 0; i < 2 * TOP; i++) directions[i].identity = i % TOP + 1;
    cell.step = step;
    const wane_spectrum_row row = spectrum_row(f, run, 0, step / 8, (double)step);
    MUST(wane_cell_commit(f->db, &cell,
                          &(wane_cell_rows){.spectra = &row,
                                            .spectrum_count = 1,
                                            .directions = directions,
                                            .direction_count = COUNT(directions)},
                          &err));
}

static void overlap_cell(const fixture *f, int run)
{
    enum { SIZE = 3 };
    wane_overlap_row rows[2 * SIZE * SIZE];
    for (int i = 0; i < 2 * SIZE * SIZE; i++) {
        int row = i / SIZE % SIZE, column = i % SIZE;
        rows[i] = (wane_overlap_row){.matrix = f->matrix[0],
                                     .side = i < SIZE * SIZE ? 'u' : 'v',
                                     .i = row + 1,
                                     .j = column + 1,
                                     .value = row == column ? 0.875 : 0.125 * (run + 1)};
    }
    wane_cell cell = cell_of(f, run, FIXTURE_TRAINED, WANE_CELL_OVERLAP, "m0");
    MUST(wane_cell_commit(f->db, &cell,
                          &(wane_cell_rows){.overlaps = rows, .overlap_count = COUNT(rows)}, &err));
}

/* The arms `intruders` and `shrink` at lambda 0, 0.5 and 1. */
static void intervention_cells(const fixture *f, int run)
{
    static const char *const arms[] = {"intruders", "shrink"};
    for (int i = 0; i < 6; i++) {
        int arm = i / 3;
        double lambda = i % 3 / 2., less = (1 - lambda) * (arm ? 0.25 : 0.5) * (run + 1);
        const struct {
            const char *measure, *target;
            double value, stderr_;
        } of[] = {{"delta_frobenius", "", 8, NAN},
                  {"nll_change", corpus_names[0], -less, 0.0625},
                  {"nll_minus_intruders", corpus_names[0], arm ? less : 0, 0.0625},
                  {"latest_accuracy_change", "", -4 * less, 2},
                  {"seen_accuracy_change", "", -8 * less, 2},
                  {"matrices_with_intruders", "", FIXTURE_MATRICES, NAN}};
        wane_intervention_row rows[COUNT(of)];
        char subject[64];
        for (size_t k = 0; k < COUNT(of); k++)
            rows[k] = (wane_intervention_row){.choice = "top",
                                              .arm = arms[arm],
                                              .lambda = lambda,
                                              .measure = of[k].measure,
                                              .target = of[k].target,
                                              .value = of[k].value,
                                              .stderr_ = of[k].stderr_,
                                              .matrices = FIXTURE_MATRICES};
        (void)snprintf(subject, sizeof subject, "top/%s/%g", arms[arm], lambda);
        wane_cell cell = cell_of(f, run, FIXTURE_TRAINED, WANE_CELL_INTERVENTION, subject);
        MUST(wane_cell_commit(
            f->db, &cell,
            &(wane_cell_rows){.interventions = rows, .intervention_count = COUNT(rows)}, &err));
    }
}

void fixture_fill_charts(const fixture *f, int run)
{
    for (int64_t step = 0; step <= 16; step += 8) looks_cell(f, run, step);
    overlap_cell(f, run);
    intervention_cells(f, run);
}
