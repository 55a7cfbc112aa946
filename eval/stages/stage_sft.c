/* SPDX-License-Identifier: Apache-2.0
 * A stage that is trained on one task's rows, from the stage before or from the base.
 */
#include "eval/stages/mixture.h"
#include "eval/stages/stage_kind.h"
#include "eval/stages/stages.h"

/* Whatever trains and is no other kind's. */
static bool asked(const wane_run_config *config)
{
    (void)config;
    return true;
}

void wane_stage_plan_training(wane_plan_stage *stage, const wane_plan *plan)
{
    stage->lowrank = stage->config->settings.method->lowrank;
    stage->steps = wane_stage_steps(stage, plan);
}

static wane_status plan_stage(wane_plan_stage *stage, const wane_plan *plan,
                              const wane_plan_run *run, size_t position, wane_error *err)
{
    (void)err;
    stage->kind = &wane_stage_sft;
    stage->tasks = &run->order->tasks[position + run->shift - 1];
    stage->task_count = 1;
    wane_stage_plan_training(stage, plan);
    return WANE_OK;
}

static wane_status key(wane_sha256 *hash, wane_plan_stage *stage, const wane_plan *plan,
                       wane_error *err)
{
    (void)err;
    wane_stage_rows_hash(hash, stage, plan);
    wane_training_hash(hash, stage, plan);
    return WANE_OK;
}

const wane_stage_kind wane_stage_sft = {.name = "sft",
                                        .trained = true,
                                        .asked = asked,
                                        .plan = plan_stage,
                                        .key = key,
                                        .come = wane_stage_train,
                                        .load = wane_stage_load_trained,
                                        .head = wane_stage_load_head};
