/* SPDX-License-Identifier: Apache-2.0
 * What a user should hear of an experiment before its numbers: settings and data that are allowed
 * and seldom meant. `validate` and `run` say them, `run` stores them as events.
 */
#ifndef EVAL_PLAN_WARNINGS_H
#define EVAL_PLAN_WARNINGS_H

#include "eval/plan/plan.h"

/* One line each, without the experiment's name. */
typedef struct wane_warnings {
    char **text;
    size_t count, capacity;
} wane_warnings;

/* All warnings of the plan, its inputs and its experiment: by the checks that warnings.c lists.
 * Free with wane_warnings_free ({0} allowed). */
WANE_MUST_CHECK wane_status wane_warnings_find(wane_warnings *out, const wane_plan *plan,
                                               wane_error *err);
void wane_warnings_free(wane_warnings *warnings);

/* Stores each as an event of level 'warning' that begins with the experiment's name. One that the
 * database holds already is left alone: the same line goes on after a stop. */
WANE_MUST_CHECK wane_status wane_warnings_store(const wane_warnings *warnings, wane_results *db,
                                                const char *experiment, wane_error *err);

#endif
