/* SPDX-License-Identifier: Apache-2.0
 * Sanity gates as rows, and the two around a training (section 6 of the measures).
 */
#ifndef EVAL_STAGES_GATE_H
#define EVAL_STAGES_GATE_H

#include "eval/stages/work.h"

/* Stores a gate for every run that the stage is part of, whichever works on it; fills gate->subject
 * with the name of the task at the stage. */
WANE_MUST_CHECK wane_status wane_gate_put_for_stage(wane_work *work, const wane_plan_run *run,
                                                    size_t position, wane_gate_row *gate,
                                                    wane_error *err);
/* Whether a gate of the run is stored, and whether it has passed (true where it is not stored). */
WANE_MUST_CHECK wane_status wane_gate_there(bool *out, wane_work *work, const wane_plan_run *run,
                                            const char *name, const char *subject, wane_error *err);
WANE_MUST_CHECK wane_status wane_gate_passed(bool *out, wane_work *work, const wane_plan_run *run,
                                             const char *name, const char *subject,
                                             wane_error *err);

/* nll of the probe (the first windows of the first corpus, else the first training prompts) under a
 * model and adapter; the base of the two gates around training. */
typedef struct wane_probe {
    double nll;
    float *logits; /* of the last position of the first window; owned, free with wane_free */
    bool finite;   /* both */
} wane_probe;
WANE_MUST_CHECK wane_status wane_probe_take(wane_probe *out, wane_work *work,
                                            const wane_model *model, const wane_adapter *adapter,
                                            wane_error *err);
/* "adapter_init": a new adapter changes nothing, or as little as its method says; "merged": merging
 * changes nothing. */
WANE_MUST_CHECK wane_status wane_gate_adapter_init(wane_work *work, const wane_plan_run *run,
                                                   size_t position, const wane_probe *before,
                                                   const wane_probe *with, wane_error *err);
WANE_MUST_CHECK wane_status wane_gate_merged(wane_work *work, const wane_plan_run *run,
                                             size_t position, const wane_probe *unmerged,
                                             const wane_probe *merged, wane_error *err);

#endif
