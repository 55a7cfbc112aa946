/* SPDX-License-Identifier: Apache-2.0
 * What a stage is: a kind of stages is an entry of a table, and nothing outside an entry asks which
 * kind a stage is of.
 *
 * The kinds are in stage_kinds.c, one file each: base (the model all starts from), sft (one task,
 * from the stage before), joint (several tasks together, from the base), given (a checkpoint
 * trained elsewhere, read). A new kind is a file, a line there and its name in the schema's list of
 * stage kinds.
 *
 * A stage that no later one of its run starts from, and that others need all the same (a reward
 * model), is a side branch: `plan` may set the parent of its stage to any stage planned before, and
 * `key` adds the keys of all stages that it needs beside its parent.
 */
#ifndef EVAL_STAGES_STAGE_KIND_H
#define EVAL_STAGES_STAGE_KIND_H

#include "eval/stages/work.h"
#include "store/base/hash.h"

struct wane_stage_kind {
    const char *name; /* stage.kind in the database; of a kind that is not trained run.kind too */
    /* Optimiser steps lead to it: it has settings, a cost, looks on its way, and artifacts under
     * its seal that its weights are read back from. What is not finite in it has diverged. Else it
     * was brought: it is read whenever its weights are wanted, nothing of it is kept or let go, and
     * what is not finite in it fails the gate "finite" of its runs. */
    bool trained;
    bool once; /* its runs are those of the first order and seed alone */
    /* Why there are no angles between what it changed and what the stage before did, whatever
     * stands before it; NULL: there may be. */
    const char *no_angles;

    /* Whether stages of that method are of this kind. The first entry that says so has them. NULL:
     * of none. */
    bool (*asked)(const wane_run_config *config);

    /* Fills kind, tasks, task_count, source, steps and lowrank (whether the stage itself is an
     * adapter) of stage `position` >= 1 of the run; all else of it is there. May hand it to another
     * kind's. */
    wane_status (*plan)(wane_plan_stage *stage, const wane_plan *plan, const wane_plan_run *run,
                        size_t position, wane_error *err);

    /* Adds to the key, behind the parent's (the base: behind the version of numbers), all that
     * decides the stage's weights. May fill stage->content. */
    wane_status (*key)(wane_sha256 *hash, wane_plan_stage *stage, const wane_plan *plan,
                       wane_error *err);

    /* Makes the stage from chain->model (the weights of position - 1) and seals it; afterwards the
     * chain stands at `position`. *diverged: it was sealed as such, and the chain is of no further
     * use. run_index: of the run in the plan. */
    wane_status (*come)(wane_work *work, const wane_plan_run *run, size_t run_index,
                        size_t position, wane_chain *chain, bool *diverged, wane_error *err);

    /* Moves the chain from position - 1 to the sealed stage. NULL: the base, where a chain begins.
     */
    wane_status (*load)(wane_work *work, const wane_plan_run *run, size_t position,
                        wane_chain *chain, wane_error *err);

    /* The head that the stage at `position` left for one of its tasks, labels x width (protocol
     * head: linear); NULL where it has none. The chain stands at `position` or behind it. Owned by
     * the caller, free with wane_free. NULL: the base. */
    wane_status (*head)(float **out, wane_work *work, const wane_plan_run *run, size_t position,
                        size_t task, const wane_chain *chain, wane_error *err);
};

extern const wane_stage_kind wane_stage_base, wane_stage_sft, wane_stage_joint, wane_stage_given;

/* The kind of the stages of a method. */
const wane_stage_kind *wane_stage_kind_of(const wane_run_config *config);

/* stage_sft.c, for kinds that are trained: what of the plan follows from the stage's tasks and
 * method. */
void wane_stage_plan_training(wane_plan_stage *stage, const wane_plan *plan);

/* training_key.c, for kinds that are trained: everything of a config that decides weights, order
 * and seed apart; the training rows of the stage's tasks, in their order; the config with the seed.
 */
void wane_config_hash(wane_sha256 *hash, const wane_inputs *inputs, const wane_run_config *c);
void wane_stage_rows_hash(wane_sha256 *hash, const wane_plan_stage *stage, const wane_plan *plan);
void wane_training_hash(wane_sha256 *hash, const wane_plan_stage *stage, const wane_plan *plan);

#endif
