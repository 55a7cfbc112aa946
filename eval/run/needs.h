/* SPDX-License-Identifier: Apache-2.0
 * What of a plan is there and what is missing, before anything is done.
 */
#ifndef EVAL_RUN_NEEDS_H
#define EVAL_RUN_NEEDS_H

#include "eval/cells/cells.h"

/* Counts over the whole plan; `db` may be NULL (nothing is there). `mixed` as in the options. */
WANE_MUST_CHECK wane_status wane_run_needs(wane_run_need *out, wane_plan *plan, wane_results *db,
                                           bool mixed, wane_error *err);

/* The folder of artifacts of a database, enclosed until wane_artifacts_leave (NULL allowed), which
 * frees its name: it may be anybody's. */
WANE_MUST_CHECK wane_status wane_artifacts_enter(char **out, const char *database, wane_error *err);
void wane_artifacts_leave(char *artifacts);

#endif
