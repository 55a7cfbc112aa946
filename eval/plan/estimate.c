/* SPDX-License-Identifier: Apache-2.0
 * A product of n x k by k x m counts 2 n k m operations; forward passes through the linear weights
 * and the head at scored positions are counted, attention and element-wise work are not.
 */
#include "eval/plan/estimate.h"

#include "analysis/spectra/null.h"
#include "eval/cells/cell_arms.h"
#include "eval/measure/measure.h"
#include "eval/model/pass.h"
#include "eval/train/trainer.h"
#include "store/base/blas.h"
#include "store/base/clock.h"
#include "store/base/memory.h"

static double linear_numbers(const wane_parameters *table)
{
    double sum = 0;
    for (size_t i = 0; i < table->count; i++)
        if (table->parameter[i].linear)
            sum += (double)table->parameter[i].rows * (double)table->parameter[i].cols;
    return sum;
}

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
    const wane_config *m = &in->base->config;
    double body = 2 * linear_numbers(&in->base->parameters);
    double head = 2 * (double)m->vocabulary * (double)m->width;
    const wane_prompts *p = &in->tasks[stage->tasks[0]].test; /* train prompts are as long */
    double length = p->rows ? (double)p->starts[p->rows] / (double)p->rows : 0;
    double rows = (double)stage->steps * (double)stage->config->training.batch_size;
    return rows * passes_of(stage->config) * (length * body + (double)p->longest_label * head);
}

/* Measuring one stage: every corpus and task; tuned stages run the base beside on corpora. */
static double measure_flops(const wane_plan *plan, bool tuned)
{
    const wane_inputs *in = plan->inputs;
    const wane_config *m = &in->base->config;
    double body = 2 * linear_numbers(&in->base->parameters), sum = 0;
    double head = 2 * (double)m->vocabulary * (double)m->width;
    for (size_t c = 0; c < in->experiment->corpus_count; c++)
        sum += (tuned ? 2 : 1) * (double)in->corpora[c].windows.tokens * (body + head);
    for (size_t t = 0; t < in->experiment->task_count; t++) {
        const wane_prompts *p = &in->tasks[t].test;
        sum += (double)p->starts[p->rows] * body + (double)p->rows * head;
    }
    return sum;
}

static wane_status memory_of(double *out, const wane_plan *plan, const wane_run_config *c,
                             wane_error *err)
{
    const wane_model *base = plan->inputs->base;
    double numbers = 0, weights = (double)base->parameters.floats * sizeof(float);
    size_t train = 0, measure = 0;
    wane_status st = trained_numbers(&numbers, c, &base->parameters, err);
    wane_pass_limits limits = {.tokens = c->training.micro_tokens,
                               .sequences = c->training.batch_size,
                               .targets = c->training.batch_size,
                               .training = true,
                               .train_weights = !c->settings.method->adapter,
                               .adapter_floats_rank = c->settings.rank,
                               .term = c->settings.method->term};
    if (st == WANE_OK) st = wane_pass_bytes(&train, &base->config, &limits, err);
    limits = (wane_pass_limits){
        .tokens = WANE_MEASURE_TOKENS, .sequences = WANE_MEASURE_TOKENS, .targets = 1};
    if (st == WANE_OK) st = wane_pass_bytes(&measure, &base->config, &limits, err);
    if (st != WANE_OK) return st;
    /* base and tuned weights, and three of each trained number; two passes when measuring */
    double training = 2 * weights + 4 * sizeof(float) * numbers + (double)train;
    double measuring = 2 * weights + 2 * (double)measure;
    *out = training > measuring ? training : measuring;
    return WANE_OK;
}

/* Bytes a row takes in the database, roughly, its index included. */
enum {
    EXAMPLE_BYTES = 40,
    WINDOW_BYTES = 40,
    DIRECTION_BYTES = 60,
    STEP_BYTES = 50,
    DRAW_BYTES = 110
};

static double database_bytes(const wane_plan *plan)
{
    const wane_inputs *in = plan->inputs;
    double stages = (double)plan->stage_count, per_stage = 0;
    for (size_t t = 0; t < in->experiment->task_count; t++)
        per_stage += EXAMPLE_BYTES * (double)in->tasks[t].test.rows;
    for (size_t c = 0; c < in->experiment->corpus_count; c++)
        per_stage += WINDOW_BYTES * (double)in->corpora[c].windows.windows;
    for (size_t i = 0; i < in->base->parameters.count; i++) {
        const wane_parameter *p = &in->base->parameters.parameter[i];
        size_t all = p->rows < p->cols ? p->rows : p->cols, top = in->experiment->intruders_top;
        if (p->linear) per_stage += 2.0 * DIRECTION_BYTES * (double)(top && top < all ? top : all);
    }
    double steps = 0;
    for (size_t s = 0; s < plan->stage_count; s++) steps += (double)plan->stages[s].steps;
    return stages * per_stage + STEP_BYTES * steps;
}

static wane_status updates_bytes(double *out, const wane_plan *plan, wane_error *err)
{
    wane_keep keep = plan->inputs->experiment->keep;
    *out = 0;
    for (size_t s = 1; s < plan->stage_count; s++) {
        const wane_plan_stage *stage = &plan->stages[s];
        double numbers = 0;
        if (stage->given) continue;
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

static wane_status count_one(void *context, const wane_cell *cell, size_t number, wane_error *err)
{
    (void)cell;
    (void)number;
    (void)err;
    ++*(size_t *)context;
    return WANE_OK;
}

/* Cells of stages that several runs share are counted once; at lambda = 1 nothing is measured. */
static wane_status count_interventions(size_t *out, const wane_plan *plan, wane_error *err)
{
    const wane_interventions *asked = &plan->inputs->experiment->interventions;
    wane_status st = WANE_OK;
    size_t cells = 0, moving = 0;
    bool *seen = wane_alloc(plan->stage_count, sizeof *seen);
    if (!seen) return wane_fail_memory(err, "validate", "stages");
    for (size_t i = 0; i < asked->lambda_count; i++) moving += asked->lambdas[i] != 1;
    for (size_t r = 0; r < plan->run_count; r++)
        for (size_t p = 1; p <= plan->runs[r].length && st == WANE_OK; p++) {
            size_t before = cells;
            if (seen[plan->runs[r].stages[p]]) continue;
            st = wane_interventions_visit(plan, &plan->runs[r], p, count_one, &cells, err);
            seen[plan->runs[r].stages[p]] = cells > before;
        }
    wane_free(seen);
    *out = asked->lambda_count ? cells / asked->lambda_count * moving : 0;
    return st;
}

/* What 99 draws of one matrix cost. A whole spectrum takes about 8 m n min(m, n), in double; where
 * few directions of a low-rank change are sought in a large one, products with its factors do. */
static double draws_flops(const wane_parameter *p, double rank)
{
    enum { LARGE = 400, PRODUCTS = 400 };
    double m = (double)p->rows, n = (double)p->cols, smaller = m < n ? m : n;
    double whole = 2 * 8 * m * n * smaller;
    double factors = 2 * 2 * (m + n) * rank * (rank + PRODUCTS);
    bool few = rank > 0 && 8 * rank <= smaller && smaller >= LARGE;
    return WANE_NULL_DRAWS * (few ? factors : whole);
}

typedef struct null_count {
    const wane_parameters *table;
    double rank; /* of the change at the stage; 0: dense */
    size_t cells;
    double flops;
} null_count;

static wane_status count_null(void *context, const wane_cell *cell, size_t number, wane_error *err)
{
    null_count *c = context;
    (void)number;
    (void)err;
    if (cell->measure != WANE_CELL_NULL) return WANE_OK;
    c->cells++;
    for (size_t i = 0; i < c->table->count; i++)
        if (c->table->parameter[i].linear)
            c->flops += draws_flops(&c->table->parameter[i], c->rank);
    return WANE_OK;
}

static wane_status count_nulls(wane_estimate *e, const wane_plan *plan, wane_error *err)
{
    wane_status st = WANE_OK;
    null_count c = {.table = &plan->inputs->base->parameters};
    bool *seen = wane_alloc(plan->stage_count, sizeof *seen);
    if (!seen) return wane_fail_memory(err, "validate", "stages");
    for (size_t r = 0; r < plan->run_count; r++)
        for (size_t p = 1; p <= plan->runs[r].length && st == WANE_OK; p++) {
            const wane_plan_stage *stage = &plan->stages[plan->runs[r].stages[p]];
            const wane_cell like = {.stage = 0, .step = WANE_STEP_SEALED};
            if (seen[plan->runs[r].stages[p]]) continue;
            seen[plan->runs[r].stages[p]] = true;
            bool summed = plan->inputs->experiment->policy != WANE_POLICY_CONTINUE;
            c.rank = !stage->lowrank || stage->given ? 0 : (double)stage->config->settings.rank;
            c.rank *= summed ? (double)stage->position : 1;
            st = wane_visit_nulls(&like, plan, &plan->runs[r], p, count_null, &c, err);
        }
    wane_free(seen);
    e->nulls = c.cells;
    e->null_flops = c.flops;
    return st;
}

static wane_status sgemm_rate(double *out, wane_pool *pool, wane_error *err)
{
    enum { SIDE = 512 };
    const double enough = 0.25;
    float *block = wane_alloc_aligned(3 * SIDE * SIDE, sizeof *block);
    if (!block) return wane_fail_memory(err, "validate", "sgemm");
    float *a = block, *b = block + SIDE * SIDE, *c = b + SIDE * SIDE;
    wane_sgemm(pool, false, true, SIDE, SIDE, SIDE, 1, a, SIDE, b, SIDE, 0, c, SIDE);
    double start = wane_clock_wall(), took = 0, count = 0;
    do {
        wane_sgemm(pool, false, true, SIDE, SIDE, SIDE, 1, a, SIDE, b, SIDE, 0, c, SIDE);
        count += 2.0 * SIDE * SIDE * SIDE;
        took = wane_clock_wall() - start;
    } while (took < enough);
    wane_free(block);
    *out = count / took;
    return WANE_OK;
}

/* Address space as measured on x86-64: the program with its libraries, the database's cache and
 * small blocks; a thread's stack and its part of malloc. */
enum { PROGRAM_ADDRESSES = 200 << 20, THREAD_ADDRESSES = 72 << 20 };

wane_status wane_plan_estimate(wane_estimate *out, const wane_plan *plan, wane_pool *pool,
                               wane_error *err)
{
    wane_estimate e = {0};
    const wane_experiment *x = plan->inputs->experiment;
    wane_status st = sgemm_rate(&e.flops_per_second, pool, err);
    for (size_t c = 0; c < x->config_count && st == WANE_OK; c++) {
        double memory = 0;
        if (x->configs[c].given) continue;
        st = memory_of(&memory, plan, &x->configs[c], err);
        if (memory > e.memory_bytes) e.memory_bytes = memory;
    }
    e.address_bytes = e.memory_bytes + PROGRAM_ADDRESSES +
                      (double)wane_pool_threads(pool) * (WANE_BLAS_BUFFER_BYTES + THREAD_ADDRESSES);
    if (st == WANE_OK) st = updates_bytes(&e.disk_bytes, plan, err);
    if (st != WANE_OK) return st;
    e.disk_bytes += database_bytes(plan);
    for (size_t s = 0; s < plan->stage_count; s++) {
        e.measure_flops += measure_flops(plan, s > 0);
        if (s > 0 && !plan->stages[s].given) e.train_flops += stage_flops(plan, &plan->stages[s]);
    }
    st = count_interventions(&e.interventions, plan, err);
    if (st == WANE_OK) st = count_nulls(&e, plan, err);
    e.disk_bytes += 2.0 * WANE_NULL_DRAWS * DRAW_BYTES * (double)e.nulls;
    e.intervention_flops = (double)e.interventions * measure_flops(plan, false);
    e.seconds = (e.train_flops + e.measure_flops) / (WANE_ESTIMATE_SHARE * e.flops_per_second);
    if (st == WANE_OK) *out = e;
    return st;
}
