/* SPDX-License-Identifier: Apache-2.0
 * Whether two tokenizers read a text alike: only then can numbers per token be compared.
 */
#ifndef TASKS_DATA_AGREE_H
#define TASKS_DATA_AGREE_H

#include "tasks/data/corpus.h"
#include "tasks/data/task.h"

/* What was read, by whose tokenizers; for messages. */
typedef struct wane_agreement {
    const char *text;         /* the corpus or task */
    const char *base, *tuned; /* the checkpoints the tokenizers belong to */
} wane_agreement;

/* WANE_EINVAL, naming what differs first (document or row, position, both ids), unless all ids are
 * the same. Documents, rows and positions count from 1 in messages. */
WANE_MUST_CHECK wane_status wane_windows_agree(const wane_windows *base, const wane_windows *tuned,
                                               const wane_agreement *of, wane_error *err);
/* Prompts and the ids of labels. */
WANE_MUST_CHECK wane_status wane_prompts_agree(const wane_prompts *base, const wane_prompts *tuned,
                                               const wane_agreement *of, wane_error *err);

#endif
