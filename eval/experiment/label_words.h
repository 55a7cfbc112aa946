/* SPDX-License-Identifier: Apache-2.0
 * Whether a label's length in tokens decides what the base answers: the sum of its tokens'
 * log-likelihoods falls with every token, their mean does not.
 */
#ifndef EVAL_EXPERIMENT_LABEL_WORDS_H
#define EVAL_EXPERIMENT_LABEL_WORDS_H

#include "eval/model/model.h"
#include "store/base/threads.h"
#include "tasks/data/task.h"

/* Whether some label has more tokens than another. */
bool wane_label_words_differ(const wane_prompts *prompts);

typedef struct wane_label_words {
    size_t fewest, most; /* tokens of a label */
    size_t rows;         /* looked at: those with an answer under both */
    size_t disagree;     /* of them: the best label by sum is not the best by mean */
} wane_label_words;

/* Scores the first rows of the prompts under `model` both ways: at most 256, and at least 16 (where
 * there are so many), as many between as cost no more than about 5e10 multiplications and additions
 * a way. */
WANE_MUST_CHECK wane_status wane_label_words_compare(wane_label_words *out, const wane_model *model,
                                                     const wane_task *task,
                                                     const wane_prompts *prompts, wane_pool *pool,
                                                     wane_error *err);

#endif
