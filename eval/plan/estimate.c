/* SPDX-License-Identifier: Apache-2.0
 * What a plan will need: the operations of its trainings and cells, memory, disk.
 */
#include "eval/plan/estimate.h"

#include "eval/cells/cell_matrices.h"
#include "eval/compute/backend.h"
#include "eval/measure/measure.h"
#include "eval/model/pass.h"
#include "eval/stages/stage_kind.h"
#include "eval/train/method.h"
#include "store/base/blas.h"
#include "store/base/clock.h"
#include "store/base/memory.h"

/* What one stage of a config trains: numbers, and whether as factors. */
static wane_status trained_numbers(double *out, const wane_run_config *c,
                                   const wane_parameters *table, wane_error *err)
{
    int64_t numbers = 0;
    wane_status st = wane_method_numbers(&numbers, &c->settings, table, err);
    *out = (double)numbers;
    return st;
}

/* A training step costs a forward, the gradient of every input, and that of the trained weights. */
static double passes_of(const wane_run_config *c)
{
    return c->settings.method->passes;
}

static double stage_flops(const wane_plan *plan, const wane_plan_stage *stage)
{
    const wane_inputs *in = plan->inputs;
    double body = wane_flops_of_token(in), head = wane_flops_of_score(in);
    const wane_prompts *p = &in->tasks[stage->tasks[0]].test; /* train prompts are as long */
    double length = p->rows ? (double)p->starts[p->rows] / (double)p->rows : 0;
    double rows = (double)stage->steps * (double)stage->config->training.batch_size;
    return rows * passes_of(stage->config) * (length * body + (double)p->longest_label * head);
}

/* The longest row, which is never cut: training rows are taken to be as long as the test's. */
static size_t longest_row(const wane_plan *plan)
{
    size_t longest = 0;
    for (size_t t = 0; t < plan->inputs->experiment->task_count; t++) {
        const wane_prompts *p = &plan->inputs->tasks[t].test;
        for (size_t i = 0; i < p->rows; i++) {
            size_t length = p->starts[i + 1] - p->starts[i] + p->longest_label;
            if (length > longest) longest = length;
        }
    }
    return longest;
}

/* Beside the base's weights: the stage's, what is trained with its gradients and moments (weights
 * trained in place are the stage's own), what it starts from where the strategy keeps that, and a
 * pass. */
static wane_status training_bytes(double *out, size_t *tokens, const wane_plan *plan,
                                  const wane_run_config *c, int threads, wane_error *err)
{
    const wane_model *base = plan->inputs->base;
    double numbers = 0, weights = (double)base->parameters.floats * sizeof(float);
    size_t pass = 0, longest = longest_row(plan);
    wane_status st = trained_numbers(&numbers, c, &base->parameters, err);
    size_t micro = wane_micro_tokens(&c->training, &base->parameters, &base->config);
    *tokens = micro > longest ? micro : longest;
    size_t rows = c->training.batch_size < *tokens ? c->training.batch_size : *tokens;
    wane_pass_limits limits = {.tokens = *tokens,
                               .sequences = rows,
                               .targets = rows,
                               .training = true,
                               .threads = threads,
                               .backend = c->training.backend,
                               .train_weights = !c->settings.method->adapter,
                               .adapter_floats_rank = c->settings.rank,
                               .term = c->settings.method->term};
    if (st == WANE_OK) st = wane_pass_bytes(&pass, &base->config, &limits, err);
    double copies = c->settings.method->adapter ? 4 : 3;
    if (c->strategy->keeps_start) copies++;
    *out = weights + copies * sizeof(float) * numbers + (double)pass;
    return st;
}

/* Beside the base's weights: the stage's; the largest of two passes over a corpus, and of the
 * change with a pass, or with the two stages before, where they are no factors. */
static wane_status measuring_bytes(double *out, const wane_plan *plan, const wane_run_config *c,
                                   int threads, wane_error *err)
{
    const wane_model *base = plan->inputs->base;
    const double weights = (double)base->parameters.floats * sizeof(float);
    const wane_pass_limits limits = {.tokens = WANE_MEASURE_TOKENS,
                                     .sequences = WANE_MEASURE_TOKENS,
                                     .targets = 1,
                                     .threads = threads};
    size_t pass = 0;
    wane_status st = wane_pass_bytes(&pass, &base->config, &limits, err);
    double change = weights + (double)pass;
    bool trained = wane_stage_kind_of(c)->trained;
    if (!(trained && c->settings.method->lowrank) && 2 * weights > change) change = 2 * weights;
    double both = 2 * (double)pass;
    *out = weights + (change > both ? change : both);
    return st;
}

/* What a run adds beside its tensors, as measured on x86-64: the database's cache, rows of a stage,
 * what BLAS touches in its buffers. */
enum { RUN_BYTES = 16 << 20 };

static wane_status add_memory(wane_estimate *e, const wane_plan *plan, int threads, wane_error *err)
{
    const wane_experiment *x = plan->inputs->experiment;
    wane_status st = WANE_OK;
    for (size_t c = 0; c < x->config_count && st == WANE_OK; c++) {
        double training = 0, measuring = 0;
        size_t tokens = 0;
        st = measuring_bytes(&measuring, plan, &x->configs[c], threads, err);
        if (st == WANE_OK && wane_stage_kind_of(&x->configs[c])->trained)
            st = training_bytes(&training, &tokens, plan, &x->configs[c], threads, err);
        if (measuring > e->more_bytes) e->more_bytes = measuring;
        if (training > e->more_bytes) e->more_bytes = training;
        if (tokens > e->tokens) e->tokens = tokens;
    }
    double peak = (double)wane_memory_peak();
    e->memory_bytes = (double)wane_memory_now() + e->more_bytes + RUN_BYTES;
    if (peak > e->memory_bytes) e->memory_bytes = peak; /* while the inputs were read */
    return st;
}

/* Files of the SVDs of one model, the base or the stage before: mapped while a cell is in work. */
static double map_bytes(const wane_plan *plan)
{
    const wane_parameters *table = &plan->inputs->base->parameters;
    double bytes = 0;
    for (size_t i = 0; i < table->count; i++) {
        const wane_parameter *p = &table->parameter[i];
        if (!p->linear || wane_spectra_bounded(plan->inputs->experiment, p)) continue;
        double rows = (double)p->rows, cols = (double)p->cols, rank = rows < cols ? rows : cols;
        bytes += sizeof(double) * rank * (1 + rows + cols) + sizeof(float) * rows * cols;
    }
    return bytes;
}

static wane_status updates_bytes(double *out, const wane_plan *plan, wane_error *err)
{
    wane_keep keep = plan->inputs->experiment->keep;
    *out = 0;
    for (size_t s = 1; s < plan->stage_count; s++) {
        const wane_plan_stage *stage = &plan->stages[s];
        double numbers = 0;
        if (!stage->kind->trained) continue;
        bool last = stage->position == plan->inputs->experiment->trained_tasks;
        bool adapter = stage->config->settings.method->adapter;
        if (keep == WANE_KEEP_NONE || (keep == WANE_KEEP_LAST && !last) ||
            (keep == WANE_KEEP_ADAPTERS && !adapter && !last))
            continue;
        wane_status st =
            trained_numbers(&numbers, stage->config, &plan->inputs->base->parameters, err);
        if (st != WANE_OK) return st;
        *out += numbers * sizeof(float);
    }
    return WANE_OK;
}

typedef struct costing {
    wane_visiting at;
    wane_cost *sum;
    size_t cells;
} costing;

static wane_status add_cell(void *context, const wane_cell *cell, size_t number, wane_error *err)
{
    costing *c = context;
    (void)cell;
    (void)err;
    c->cells++;
    if (c->at.measure->cost) c->at.measure->cost(c->sum, &c->at, number);
    return WANE_OK;
}

/* Cells of stages that several runs share are counted once, by the first run that asks for any. */
static wane_status add_measure(wane_cost *sum, bool *seen, const wane_measure *measure,
                               const wane_plan *plan, wane_error *err)
{
    wane_status st = WANE_OK;
    for (size_t s = 0; s < plan->stage_count; s++) seen[s] = false;
    for (size_t r = 0; r < plan->run_count; r++)
        for (size_t p = 0; p <= plan->runs[r].length && st == WANE_OK; p++) {
            const wane_plan_run *run = &plan->runs[r];
            costing c = {.at = {plan, run, p, measure, NULL, NULL}, .sum = sum};
            if (seen[run->stages[p]]) continue;
            st = wane_measure_visit(measure, plan, run, p, add_cell, &c, err);
            seen[run->stages[p]] = c.cells > 0;
        }
    return st;
}

static wane_status add_measures(wane_estimate *e, const wane_plan *plan, wane_error *err)
{
    wane_status st = WANE_OK;
    bool *seen = wane_alloc(plan->stage_count, sizeof *seen);
    if (!seen) return wane_fail_memory(err, "validate", "stages");
    for (size_t m = 0; m < WANE_MEASURES && st == WANE_OK; m++) {
        st = add_measure(&e->measure[m], seen, wane_measures[m], plan, err);
        e->disk_bytes += e->measure[m].bytes;
        if (!wane_measures[m]->apart) e->measure_flops += e->measure[m].flops;
    }
    wane_free(seen);
    return st;
}

/* Address space as measured on x86-64: the program with its libraries, the database's cache and
 * small blocks; a thread's stack and its part of malloc. */
enum { PROGRAM_ADDRESSES = 200 << 20, THREAD_ADDRESSES = 72 << 20 };

enum { STEP_BYTES = 50 }; /* of a row in the database, roughly */

wane_status wane_plan_estimate(wane_estimate *out, const wane_plan *plan, wane_pool *pool,
                               wane_error *err)
{
    wane_estimate e = {0};
    const int threads = wane_pool_threads(pool);
    wane_status st = wane_backend_rate(&e.flops_per_second, wane_backend_or_first(NULL), pool, err);
    if (st == WANE_OK) st = add_memory(&e, plan, threads, err);
    const double svds = map_bytes(plan);
    const double mapped = plan->inputs->experiment->against_previous ? 2 * svds : svds;
    e.address_bytes = e.memory_bytes + mapped + PROGRAM_ADDRESSES +
                      (double)threads * (WANE_BLAS_BUFFER_BYTES + THREAD_ADDRESSES);
    if (st == WANE_OK) st = updates_bytes(&e.disk_bytes, plan, err);
    e.disk_bytes += svds;
    if (st == WANE_OK) st = add_measures(&e, plan, err);
    if (st != WANE_OK) return st;
    for (size_t s = 1; s < plan->stage_count; s++) {
        e.disk_bytes += STEP_BYTES * (double)plan->stages[s].steps;
        if (plan->stages[s].kind->trained) e.train_flops += stage_flops(plan, &plan->stages[s]);
    }
    e.seconds = (e.train_flops + e.measure_flops) / (WANE_ESTIMATE_SHARE * e.flops_per_second);
    *out = e;
    return WANE_OK;
}
