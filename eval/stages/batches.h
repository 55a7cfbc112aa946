/* SPDX-License-Identifier: Apache-2.0
 * What a stage is trained on, step by step: its own rows in a new order each epoch, and others
 * mixed in. For this room alone.
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
    size_t own, mixed; /* rows of an epoch: the first `own` of the prompts, and `mixed` others */
    size_t *others, *pool; /* which these are; the order that they are drawn in */
    size_t round;          /* how often all of them have been drawn */
    uint64_t seed, stage;
    int32_t *ids, *targets;
    size_t *starts, *positions;
    wane_batch batch;
} wane_batches;

/* An epoch has the first own <= prompts->rows rows, each once, and `mixed` of the others (0 where
 * there are none), in a new order. The others are drawn in rounds that go on through the epochs,
 * one round being a random order of all of them: none comes back before every other has been there.
 * `seed` and `stage` decide the orders (SHUFFLE, step = epoch; REPLAY, step = round), and the batch
 * of a step depends on nothing but its number. Free with wane_batches_free ({0} allowed). */
WANE_MUST_CHECK wane_status wane_batches_new(wane_batches *out, const wane_prompts *prompts,
                                             size_t own, size_t mixed, bool classes,
                                             size_t batch_size, uint64_t seed, uint64_t stage,
                                             wane_error *err);
void wane_batches_free(wane_batches *batches);

/* The batch of step `step` from 0; borrowed until the next call. */
const wane_batch *wane_batches_step(wane_batches *batches, size_t step);

/* The rows of several tasks one after the other (joint training). Labels are numbered on through
 * the tasks: those of parts[t] begin at the sum of the label counts before it. Free with
 * wane_prompts_free. */
WANE_MUST_CHECK wane_status wane_prompts_join(wane_prompts *out, const wane_prompts *parts,
                                              size_t count, wane_error *err);

#endif
