/* SPDX-License-Identifier: Apache-2.0
 * What a stage is trained on, step by step: rows of its prompts in a new order each epoch. For this
 * room alone.
 */
#ifndef EVAL_STAGES_BATCHES_H
#define EVAL_STAGES_BATCHES_H

#include <stdbool.h>

#include "eval/model/pass.h"
#include "tasks/data/task.h"

typedef struct wane_batches {
    const wane_prompts *prompts; /* borrowed */
    bool classes;                /* targets are label indices at the prompts' last tokens; else the
                                    label's tokens follow the prompt, and all of them are predicted */
    size_t batch_size, per_epoch, *order, epoch;
    uint64_t seed, stage;
    int32_t *ids, *targets;
    size_t *starts, *positions;
    wane_batch batch;
} wane_batches;

/* `seed` and `stage` decide the orders. Free with wane_batches_free ({0} allowed). */
WANE_MUST_CHECK wane_status wane_batches_new(wane_batches *out, const wane_prompts *prompts,
                                             bool classes, size_t batch_size, uint64_t seed,
                                             uint64_t stage, wane_error *err);
void wane_batches_free(wane_batches *batches);

/* The batch of step `step` from 0; borrowed until the next call. */
const wane_batch *wane_batches_step(wane_batches *batches, size_t step);

/* The rows of several tasks one after the other (joint training). Labels are numbered on through
 * the tasks: those of parts[t] begin at the sum of the label counts before it. Free with
 * wane_prompts_free. */
WANE_MUST_CHECK wane_status wane_prompts_join(wane_prompts *out, const wane_prompts *parts,
                                              size_t count, wane_error *err);

#endif
