/* SPDX-License-Identifier: Apache-2.0
 * What the files that read inputs share. For this room alone.
 */
#ifndef EVAL_EXPERIMENT_INPUTS_PARTS_H
#define EVAL_EXPERIMENT_INPUTS_PARTS_H

#include "eval/experiment/inputs.h"

/* Where the tokenizer knows tokens that the model does not, rows to train on that hold one are told
 * of before anything is trained. */
WANE_MUST_CHECK wane_status wane_inputs_check_rows(const wane_inputs *in, const wane_task *rows,
                                                   wane_error *err);

/* Under sample_seed: the training rows of each seed. The task itself must be read. */
WANE_MUST_CHECK wane_status wane_inputs_read_samples(wane_inputs *in, size_t task, wane_error *err);
void wane_inputs_free_samples(wane_inputs *in, size_t task);

#endif
