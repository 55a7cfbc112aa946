/* SPDX-License-Identifier: Apache-2.0
 * A stage that is trained on several tasks' rows together, from the base: a bound of what training
 * on one after the other could reach.
 */
#include <string.h>

#include "eval/stages/stage_kind.h"
#include "eval/stages/stages.h"
#include "store/base/memory.h"

static bool asked(const wane_run_config *config)
{
    return config->bound == WANE_BOUND_JOINT;
}

/* All tasks of the order up to the stage's, by the content of their training rows: orders that have
 * come to the same tasks share the stage. The first one alone is like any other. */
static wane_status plan_stage(wane_plan_stage *stage, const wane_plan *plan,
                              const wane_plan_run *run, size_t position, wane_error *err)
{
    size_t count = position + run->shift;
    if (count == 1) return wane_stage_sft.plan(stage, plan, run, position, err);
    size_t *tasks = wane_arena_alloc(plan->memory, count, sizeof *tasks);
    if (!tasks) return wane_fail_memory(err, "plan", "joint training");
    for (size_t i = 0; i < count; i++) {
        size_t at = i, task = run->order->tasks[i];
        const char *key = wane_plan_rows(plan, stage, task);
        for (; at > 0 && strcmp(wane_plan_rows(plan, stage, tasks[at - 1]), key) > 0; at--)
            tasks[at] = tasks[at - 1];
        tasks[at] = task;
    }
    stage->kind = &wane_stage_joint;
    stage->tasks = tasks;
    stage->task_count = count;
    wane_stage_plan_training(stage, plan);
    return WANE_OK;
}

static wane_status key(wane_sha256 *hash, wane_plan_stage *stage, const wane_plan *plan,
                       wane_error *err)
{
    (void)err;
    wane_stage_rows_hash(hash, stage, plan);
    wane_sha256_number(hash, "joint", (double)stage->task_count);
    wane_training_hash(hash, stage, plan);
    return WANE_OK;
}

const wane_stage_kind wane_stage_joint = {.name = "joint",
                                          .trained = true,
                                          .no_angles = "every stage starts from the base",
                                          .asked = asked,
                                          .plan = plan_stage,
                                          .key = key,
                                          .come = wane_stage_train,
                                          .load = wane_stage_load_trained,
                                          .head = wane_stage_load_head};
