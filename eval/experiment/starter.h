/* SPDX-License-Identifier: Apache-2.0
 * A first experiment file, to be written on by hand.
 */
#ifndef EVAL_EXPERIMENT_STARTER_H
#define EVAL_EXPERIMENT_STARTER_H

#include <stddef.h>

#include "store/base/status.h"
#include "store/base/text.h"

typedef struct wane_starter {
    const char *name;         /* of the experiment */
    const char *model;        /* as it is to be written; NULL: the built-in one */
    size_t task_count;        /* 0: built-in tasks */
    const char *const *tasks; /* paths of tables or folders, as they are to be written */
    const char *text, *label; /* columns of each of them, or NULL: by the known names */
} wane_starter;

/* Appends an experiment file that is ready to run: what must be there is filled in, of each task
 * what its table shows (template, columns, label values with words for them), and every other
 * setting stands in a comment with its default. Relative paths are opened from the working folder.
 * Fails as wane_task_open does. */
WANE_MUST_CHECK wane_status wane_experiment_starter(wane_text *out, const wane_starter *starter,
                                                    wane_error *err);

#endif
