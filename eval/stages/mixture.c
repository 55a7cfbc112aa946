/* SPDX-License-Identifier: Apache-2.0
 * The rows of a stage's epochs: its own tasks', and earlier ones mixed in.
 */
#include "eval/stages/mixture.h"

#include <math.h>

#include "eval/stages/batches.h"
#include "store/base/memory.h"

const wane_strategy *wane_stage_strategy(const wane_plan_stage *stage)
{
    const wane_strategy *strategy = stage->config->strategy;
    return strategy->needs_past && stage->position == 1 ? &wane_strategy_none : strategy;
}

static size_t rows_of(const wane_plan_stage *stage, const wane_plan *plan, uint64_t seed)
{
    size_t rows = 0;
    for (size_t t = 0; t < stage->task_count; t++)
        rows += wane_inputs_rows(plan->inputs, stage->tasks[t], seed)->rows[WANE_SPLIT_TRAIN];
    return rows;
}

wane_mixture wane_stage_mixture(const wane_plan_stage *stage, const wane_plan *plan)
{
    const wane_strategy *strategy = wane_stage_strategy(stage);
    wane_mixture m = {.own = rows_of(stage, plan, stage->seed)};
    for (size_t s = stage->parent; s; s = plan->stages[s].parent)
        m.past += rows_of(&plan->stages[s], plan, stage->seed);
    if (m.past && strategy->mixed)
        m.mixed = strategy->mixed(stage->config->strategy_settings, m.own, m.past);
    return m;
}

size_t wane_stage_steps(const wane_plan_stage *stage, const wane_plan *plan)
{
    const wane_training *t = &stage->config->training;
    wane_mixture m = wane_stage_mixture(stage, plan);
    size_t rows = m.own + m.mixed;
    size_t per_epoch = (rows + t->batch_size - 1) / t->batch_size;
    return (size_t)ceil(t->epochs * (double)per_epoch);
}

/* Appends the prompts of the stage's tasks, as `of` trains on them. */
static wane_status add_rows(wane_prompts *parts, size_t *count, const wane_plan_stage *stage,
                            const wane_plan_stage *of, const wane_plan *plan, wane_error *err)
{
    wane_status st = WANE_OK;
    for (size_t t = 0; t < stage->task_count && st == WANE_OK; t++) {
        const wane_task *rows = wane_inputs_rows(plan->inputs, stage->tasks[t], of->seed);
        st = wane_inputs_train(&parts[*count], plan->inputs, rows,
                               of->config->training.max_seq_length, err);
        *count += st == WANE_OK;
    }
    return st;
}

wane_status wane_stage_rows(wane_prompts *out, const wane_plan_stage *stage, const wane_plan *plan,
                            wane_error *err)
{
    size_t most = stage->task_count, count = 0;
    size_t before = wane_stage_mixture(stage, plan).mixed ? stage->parent : 0;
    for (size_t s = before; s; s = plan->stages[s].parent) most += plan->stages[s].task_count;
    wane_prompts *parts = wane_alloc(most, sizeof *parts);
    if (!parts) return wane_fail_memory(err, "train", "rows");
    wane_status st = add_rows(parts, &count, stage, stage, plan, err);
    for (size_t s = before; s && st == WANE_OK; s = plan->stages[s].parent)
        st = add_rows(parts, &count, &plan->stages[s], stage, plan, err);
    if (st == WANE_OK && count > 1) st = wane_prompts_join(out, parts, count, err);
    else if (st == WANE_OK) {
        *out = parts[0];
        parts[0] = (wane_prompts){0};
    }
    for (size_t i = 0; i < count; i++) wane_prompts_free(&parts[i]);
    wane_free(parts);
    return st;
}
