/* SPDX-License-Identifier: Apache-2.0
 * Walks configs, orders and seeds, hashes every stage, and finds the one that is there already by
 * its key in a hash table.
 */
#include "eval/plan/plan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/cells/cell_measures.h"
#include "eval/compute/environment.h"
#include "eval/pair/given.h"
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

size_t wane_plan_steps(const wane_run_config *config, size_t rows)
{
    size_t per_epoch = (rows + config->training.batch_size - 1) / config->training.batch_size;
    return (size_t)ceil(config->training.epochs * (double)per_epoch);
}

/* Everything of a config that decides weights, order and seed apart. */
static void hash_config(wane_sha256 *hash, const wane_experiment *x, const wane_run_config *c)
{
    const wane_method_settings *m = &c->settings;
    const wane_settings_of training[] = {{&wane_training_settings, &c->training},
                                         {&wane_rate_settings, &c->training}};
    wane_sha256_number(hash, "kind", m->method->number);
    wane_settings_hash(hash, &(wane_settings_of){m->method->settings, m}, 1);
    if (m->method->adapter) wane_sha256_text(hash, wane_policy_names[x->policy]);
    /* What is trained under reprobe is what is trained under linear. */
    if (m->linear_head) wane_sha256_text(hash, "linear head");
    wane_sha256_number(hash, "modules", (double)m->module_count);
    for (size_t i = 0; i < m->module_count; i++) wane_sha256_text(hash, m->modules[i]);
    wane_settings_hash(hash, training, 2);
}

/* A model that is computed otherwise than the base is another stage than the same files were while
 * all were computed under the base's configuration. */
static wane_status hash_configuration(wane_sha256 *hash, const wane_inputs *in, const char *path,
                                      wane_error *err)
{
    wane_package *package = NULL;
    wane_config config;
    wane_status st = wane_given_open_model(&package, path, err);
    if (st != WANE_OK || !package) return st;
    st = wane_given_config(&config, package, err);
    if (st == WANE_OK && !wane_config_computes_alike(&in->base->config, &config))
        wane_sha256_text(hash, "own configuration");
    wane_package_close(package);
    return st;
}

static wane_status stage_key(char out[WANE_SHA256_HEX], char content[WANE_SHA256_HEX],
                             const wane_plan *plan, const wane_plan_stage *stage, wane_error *err)
{
    const wane_inputs *in = plan->inputs;
    wane_sha256 *hash = NULL;
    wane_status st = wane_sha256_begin(&hash, err);
    if (st != WANE_OK) return st;
    wane_sha256_text(hash, "wane stage, numbers " WANE_NUMBERS);
    if (!stage->config) {
        wane_sha256_text(hash, in->model_key);
        wane_sha256_text(hash, wane_tokenizer_sha256(in->tokenizer));
        return wane_sha256_end(out, hash, err);
    }
    wane_sha256_text(hash, plan->stages[stage->parent].key);
    if (stage->given) {
        st = wane_given_sha256(content, stage->given, err);
        if (st == WANE_OK) st = hash_configuration(hash, in, stage->given, err);
        if (st != WANE_OK) {
            wane_sha256_free(hash);
            return st;
        }
        wane_sha256_text(hash, "given");
        wane_sha256_text(hash, content);
        /* An adapter adds to the stage before, or to the base. */
        wane_sha256_text(hash,
                         in->experiment->policy == WANE_POLICY_CONTINUE ? "continue" : "merge");
        return wane_sha256_end(out, hash, err);
    }
    for (size_t t = 0; t < stage->task_count; t++)
        wane_sha256_text(hash, wane_plan_rows(plan, stage, stage->tasks[t]));
    if (stage->task_count > 1) wane_sha256_number(hash, "joint", (double)stage->task_count);
    hash_config(hash, in->experiment, stage->config);
    wane_sha256_number(hash, "seed", (double)stage->seed);
    if (stage->perturbation) wane_sha256_number(hash, "perturbed", (double)stage->perturbation);
    return wane_sha256_end(out, hash, err);
}

/* Adds the stage, or finds the one with its key. */
static wane_status add_stage(wane_plan *plan, size_t *index, wane_plan_stage *stage,
                             wane_error *err)
{
    wane_status st = stage_key(stage->key, stage->content, plan, stage, err);
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
    if (run->config->given) wane_sha256_text(hash, "given");
    else hash_config(hash, in->experiment, run->config);
    return wane_sha256_end(run->key, hash, err);
}

/* The tasks of a stage: the one at `position` of the order, or for joint training all up to it, by
 * the content of their training rows: orders that have come to the same tasks share the stage. */
static wane_status list_tasks(wane_plan *plan, wane_plan_stage *stage, const wane_order *order,
                              size_t position, wane_error *err)
{
    stage->tasks = &order->tasks[position - 1];
    stage->task_count = 1;
    if (stage->config->bound != WANE_BOUND_JOINT || position == 1) return WANE_OK;
    size_t *tasks = wane_arena_alloc(plan->memory, position, sizeof *tasks);
    if (!tasks) return wane_fail_memory(err, "plan", "joint training");
    for (size_t i = 0; i < position; i++) {
        size_t at = i, task = order->tasks[i];
        const char *key = wane_plan_rows(plan, stage, task);
        for (; at > 0 && strcmp(wane_plan_rows(plan, stage, tasks[at - 1]), key) > 0; at--)
            tasks[at] = tasks[at - 1];
        tasks[at] = task;
    }
    stage->tasks = tasks;
    stage->task_count = position;
    return WANE_OK;
}

static size_t train_rows(const wane_plan *plan, const wane_plan_stage *stage)
{
    size_t rows = 0;
    for (size_t t = 0; t < stage->task_count; t++)
        rows +=
            wane_inputs_rows(plan->inputs, stage->tasks[t], stage->seed)->rows[WANE_SPLIT_TRAIN];
    return rows;
}

static void measure_run(wane_plan_run *run, const wane_experiment *x)
{
    const wane_run_config *config = run->config;
    run->length = config->given ? config->stage_count : run->order->count;
    if (config->bound == WANE_BOUND_JOINT && x->joint == WANE_JOINT_LAST) {
        run->shift = run->length - 1;
        run->length = 1;
    }
}

static wane_status find_form(const wane_plan *plan, wane_plan_stage *stage, wane_error *err)
{
    wane_status st = WANE_OK;
    if (stage->given) st = wane_given_is_adapter(&stage->lowrank, stage->given, err);
    else stage->lowrank = stage->config->settings.method->lowrank;
    stage->lowrank = stage->lowrank && (!stage->parent || plan->stages[stage->parent].lowrank);
    return st;
}

static wane_status add_run(wane_plan *plan, const wane_run_config *config, const wane_order *order,
                           uint64_t seed, size_t perturbation, wane_error *err)
{
    wane_plan_run *run = &plan->runs[plan->run_count++];
    run->config = config;
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
        st = list_tasks(plan, &stage, order, p + run->shift, err);
        if (config->given) {
            stage.given = config->stages[p - 1];
            if (st == WANE_OK) st = wane_inputs_check_given(plan->inputs, stage.given, err);
        } else stage.steps = wane_plan_steps(config, train_rows(plan, &stage));
        if (st == WANE_OK) st = find_form(plan, &stage, err);
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
                /* Given checkpoints were trained once, and perturbed numbers stand for rounding: in
                 * the first order, with the first seed. */
                if ((config->given || again) && (o || s)) continue;
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
    wane_plan_stage base = {0};
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
