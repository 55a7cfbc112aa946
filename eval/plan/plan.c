/* SPDX-License-Identifier: Apache-2.0
 * Walks configs, orders and seeds, hashes every stage, and finds the one that is there already by
 * its key in a hash table.
 */
#include "eval/plan/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/cells/cell_measures.h"
#include "eval/compute/environment.h"
#include "eval/stages/stage_kind.h"
#include "store/base/memory.h"

/* Open addressing over stage indices + 1, by the first bytes of the key. */
typedef struct key_table {
    size_t mask;
    size_t slot[];
} key_table;

static size_t slot_of(const key_table *table, const char *key)
{
    char head[17];
    memcpy(head, key, 16);
    head[16] = '\0';
    return (size_t)strtoull(head, NULL, 16) & table->mask;
}

/* The index of the stage with that key; the count of stages when it is new, and then it is put. */
static size_t find_or_put(wane_plan *plan, const char *key)
{
    key_table *table = plan->table;
    for (size_t s = slot_of(table, key);; s = (s + 1) & table->mask) {
        if (table->slot[s] == 0) {
            table->slot[s] = plan->stage_count + 1;
            return plan->stage_count;
        }
        size_t index = table->slot[s] - 1;
        if (strcmp(plan->stages[index].key, key) == 0) return index;
    }
}

static wane_status stage_key(wane_plan_stage *stage, const wane_plan *plan, wane_error *err)
{
    wane_sha256 *hash = NULL;
    wane_status st = wane_sha256_begin(&hash, err);
    if (st != WANE_OK) return st;
    wane_sha256_text(hash, "wane stage, numbers " WANE_NUMBERS);
    if (stage->position) wane_sha256_text(hash, plan->stages[stage->parent].key);
    st = stage->kind->key(hash, stage, plan, err);
    if (st == WANE_OK) return wane_sha256_end(stage->key, hash, err);
    wane_sha256_free(hash);
    return st;
}

/* Adds the stage, or finds the one with its key. */
static wane_status add_stage(wane_plan *plan, size_t *index, wane_plan_stage *stage,
                             wane_error *err)
{
    wane_status st = stage_key(stage, plan, err);
    if (st != WANE_OK) return st;
    *index = find_or_put(plan, stage->key);
    if (*index == plan->stage_count) plan->stages[plan->stage_count++] = *stage;
    return WANE_OK;
}

static wane_status run_key(wane_plan_run *run, const wane_inputs *in, wane_error *err)
{
    wane_sha256 *hash = NULL;
    wane_status st = wane_sha256_begin(&hash, err);
    if (st != WANE_OK) return st;
    wane_sha256_text(hash, "wane run");
    wane_sha256_text(hash, in->experiment->name);
    wane_sha256_text(hash, in->model_key);
    wane_sha256_text(hash, run->name);
    if (run->kind->trained) wane_config_hash(hash, in, run->config);
    else wane_sha256_text(hash, run->kind->name);
    wane_strategy_hash(hash, run->config->strategy, run->config->strategy_settings);
    return wane_sha256_end(run->key, hash, err);
}

static void measure_run(wane_plan_run *run, const wane_experiment *x)
{
    const wane_run_config *config = run->config;
    run->length = config->stage_count ? config->stage_count : run->order->count;
    if (config->bound == WANE_BOUND_JOINT && x->joint == WANE_JOINT_LAST) {
        run->shift = run->length - 1;
        run->length = 1;
    }
}

static wane_status add_run(wane_plan *plan, const wane_run_config *config, const wane_order *order,
                           uint64_t seed, size_t perturbation, wane_error *err)
{
    wane_plan_run *run = &plan->runs[plan->run_count++];
    run->config = config;
    run->kind = wane_stage_kind_of(config);
    run->order = order;
    run->seed = seed;
    run->perturbation = perturbation;
    measure_run(run, plan->inputs->experiment);
    int length = snprintf(run->name, sizeof run->name, "%.120s/%.80s/s%llu", config->name,
                          order->name, (unsigned long long)seed);
    if (perturbation)
        (void)snprintf(run->name + length, sizeof run->name - (size_t)length, ".%zu", perturbation);
    run->stages = wane_alloc(run->length + 1, sizeof *run->stages);
    if (!run->stages) return wane_fail_memory(err, "plan", run->name);
    wane_status st = run_key(run, plan->inputs, err);
    for (size_t p = 1; p <= run->length && st == WANE_OK; p++) {
        bool from_base = wane_plan_from_base(run);
        wane_plan_stage stage = {.parent = from_base ? 0 : run->stages[p - 1],
                                 .position = from_base ? 1 : p,
                                 .config = config,
                                 .seed = seed,
                                 .perturbation = perturbation};
        st = run->kind->plan(&stage, plan, run, p, err);
        stage.lowrank = stage.lowrank && (!stage.parent || plan->stages[stage.parent].lowrank);
        if (st == WANE_OK) st = add_stage(plan, &run->stages[p], &stage, err);
    }
    return st;
}

static wane_status add_runs(wane_plan *plan, wane_error *err)
{
    const wane_experiment *x = plan->inputs->experiment;
    for (size_t c = 0; c < x->config_count; c++)
        for (size_t o = 0; o < x->order_count; o++)
            for (size_t s = 0; s < x->seed_count; s++) {
                const wane_run_config *config = &x->configs[c];
                size_t again = config->bound == WANE_BOUND_PERTURBED ? x->perturbed : 0;
                /* Some stages are there once, and perturbed numbers stand for rounding: in the
                 * first order, with the first seed. */
                if ((wane_stage_kind_of(config)->once || again) && (o || s)) continue;
                wane_status st = WANE_OK;
                for (size_t n = again ? 1 : 0; n <= again && st == WANE_OK; n++)
                    st = add_run(plan, config, &x->orders[o], x->seeds[s], n, err);
                if (st != WANE_OK) return st;
            }
    return WANE_OK;
}

wane_status wane_plan_make(wane_plan **out, const wane_inputs *inputs, wane_error *err)
{
    const wane_experiment *x = inputs->experiment;
    wane_status st = wane_measures_check(x, err);
    if (st != WANE_OK) return st;
    size_t runs = x->config_count * (x->order_count * x->seed_count + x->perturbed);
    size_t most = 1 + runs * x->trained_tasks, slots = 16;
    wane_plan *plan = wane_alloc(1, sizeof *plan);
    if (!plan) return wane_fail_memory(err, "plan", x->name);
    while (slots < 2 * most) slots *= 2;
    plan->inputs = inputs;
    plan->memory = wane_arena_new();
    plan->stages = wane_alloc(most, sizeof *plan->stages);
    plan->runs = wane_alloc(runs, sizeof *plan->runs);
    plan->task_ids = wane_alloc(x->task_count, sizeof *plan->task_ids);
    plan->corpus_ids = wane_alloc(x->corpus_count, sizeof *plan->corpus_ids);
    plan->matrix_ids = wane_alloc(inputs->base->parameters.count, sizeof *plan->matrix_ids);
    key_table *table = wane_alloc(1, sizeof *table + slots * sizeof(size_t));
    plan->table = table;
    if (!plan->stages || !plan->runs || !plan->task_ids || !plan->corpus_ids || !plan->matrix_ids ||
        !plan->memory || !table) {
        st = wane_fail_memory(err, "plan", x->name);
        goto done;
    }
    table->mask = slots - 1;
    wane_plan_stage base = {.kind = &wane_stage_base};
    size_t index = 0;
    WANE_TRY(add_stage(plan, &index, &base, err));
    WANE_TRY(add_runs(plan, err));
    *out = plan;
    plan = NULL;
done:
    wane_plan_free(plan);
    return st;
}

void wane_plan_free(wane_plan *plan)
{
    if (!plan) return;
    for (size_t r = 0; r < plan->run_count; r++) wane_free(plan->runs[r].stages);
    wane_free(plan->stages);
    wane_free(plan->runs);
    wane_free(plan->task_ids);
    wane_free(plan->corpus_ids);
    wane_free(plan->matrix_ids);
    wane_free(plan->table);
    wane_arena_free(plan->memory);
    wane_free(plan);
}
