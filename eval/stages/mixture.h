/* SPDX-License-Identifier: Apache-2.0
 * The rows of a stage's epochs: those of its own tasks, and what its strategy mixes in from the
 * tasks that its path has been through.
 */
#ifndef EVAL_STAGES_MIXTURE_H
#define EVAL_STAGES_MIXTURE_H

#include "eval/stages/tree.h"

typedef struct wane_mixture {
    size_t own;   /* training rows of the stage's tasks */
    size_t past;  /* of all tasks before, from the base on */
    size_t mixed; /* of these, how many each epoch has besides the own */
} wane_mixture;

wane_mixture wane_stage_mixture(const wane_plan_stage *stage, const wane_plan *plan);

/* The strategy that the stage trains under: its method's, or none where that needs a past and there
 * is none. */
const wane_strategy *wane_stage_strategy(const wane_plan_stage *stage);

/* Optimiser steps: each epoch has a last batch of what is left, and parts of epochs are rounded up.
 */
size_t wane_stage_steps(const wane_plan_stage *stage, const wane_plan *plan);

/* The prompts: the own rows; behind them, where any are mixed in, all of the tasks before, the
 * nearest stage first. All are cut to the stage's own max_seq_length. Free with wane_prompts_free.
 */
WANE_MUST_CHECK wane_status wane_stage_rows(wane_prompts *out, const wane_plan_stage *stage,
                                            const wane_plan *plan, wane_error *err);

#endif
