/* SPDX-License-Identifier: Apache-2.0
 * Answers over the tree: which task and rows a stage trains, which stage a run's bound is, what is
 * measured where.
 */
#include "eval/stages/tree.h"

#include <string.h>

const char *wane_plan_rows(const wane_plan *plan, const wane_plan_stage *stage, size_t task)
{
    return wane_inputs_rows(plan->inputs, task, stage->seed)->sha256[WANE_SPLIT_TRAIN];
}

size_t wane_plan_task(const wane_plan_run *run, size_t position)
{
    return run->order->tasks[position + run->shift - 1];
}

size_t wane_plan_group(const wane_plan *plan, const wane_plan_stage *stage, size_t task)
{
    const char *rows = wane_plan_rows(plan, stage, task);
    size_t group = 0, count = stage->task_count;
    while (group < count && stage->tasks[group] != task) group++;
    if (group < count) return group;
    if (plan->inputs->experiment->tasks[task].watched) return count;
    /* Stages that train on the same rows are one, whichever task is at its position. */
    for (group = 0; group < count; group++)
        if (strcmp(wane_plan_rows(plan, stage, stage->tasks[group]), rows) == 0) break;
    return group;
}

bool wane_plan_trains(const wane_plan *plan, const wane_plan_run *run, size_t position, size_t task)
{
    const wane_plan_stage *stage = &plan->stages[run->stages[position]];
    return wane_plan_group(plan, stage, task) < stage->task_count;
}

bool wane_plan_ends(const wane_plan *plan, size_t stage)
{
    for (size_t r = 0; r < plan->run_count; r++) {
        const wane_plan_run *run = &plan->runs[r];
        bool continual = run->config->bound != WANE_BOUND_SINGLE;
        if (continual && run->stages[run->length] == stage) return true;
    }
    return false;
}

bool wane_plan_from_base(const wane_plan_run *run)
{
    return run->config->bound == WANE_BOUND_JOINT || run->config->bound == WANE_BOUND_SINGLE;
}

const wane_plan_run *wane_plan_bound(const wane_plan *plan, const wane_plan_run *run,
                                     wane_bound bound)
{
    for (size_t r = 0; r < plan->run_count; r++) {
        const wane_plan_run *other = &plan->runs[r];
        if (other->config->bound == bound && other->order == run->order &&
            other->seed == run->seed && strcmp(other->config->bounds, run->config->name) == 0)
            return other;
    }
    return NULL;
}

bool wane_task_measured(const wane_plan *plan, const wane_plan_run *run, size_t position, size_t t)
{
    const wane_experiment *x = plan->inputs->experiment;
    if (!x->evaluate_seen || x->tasks[t].watched || position == 0) return true;
    for (size_t p = 1; p <= position + run->shift; p++)
        if (run->order->tasks[p - 1] == t) return true;
    return false;
}
