/* SPDX-License-Identifier: Apache-2.0
 * Sanity gates of a run: what must hold before a number is believed. For this room alone.
 */
#ifndef EVAL_RUN_GATES_H
#define EVAL_RUN_GATES_H

#include "eval/stages/gate.h"

/* Each gate is stored for the run as soon as it is known. *finite =
 * false: the base is not, and nothing can be held against it. */
WANE_MUST_CHECK wane_status wane_gates_of_run(bool *finite, wane_work *work,
                                              const wane_plan_run *run, wane_error *err);
/* finite.c: "finite": weights and logits of what was given (the base, a stage trained elsewhere)
 * are. A trained stage that is not is a result, and no gate. The cells of the stage must be there;
 * model: its weights, or NULL where they are not at hand. */
WANE_MUST_CHECK wane_status wane_gate_base_finite(bool *finite, wane_work *work,
                                                  const wane_plan_run *run, wane_error *err);
WANE_MUST_CHECK wane_status wane_gate_given_finite(wane_work *work, const wane_plan_run *run,
                                                   size_t position, const wane_model *model,
                                                   wane_error *err);
/* Says, once for all runs, that the base is not: every run fails its gate alike. */
WANE_MUST_CHECK wane_status wane_base_tell_not_finite(wane_work *work, wane_error *err);
/* Whether no likelihood and no accuracy of the sealed stage is missing as not finite. */
WANE_MUST_CHECK wane_status wane_stage_finite(bool *out, wane_work *work, int64_t stage,
                                              wane_error *err);
/* Gates around the training of a sealed stage, from a run that has them: this one may be new. */
WANE_MUST_CHECK wane_status wane_gates_of_stage(wane_work *work, const wane_plan_run *run,
                                                size_t position, wane_error *err);

#endif
