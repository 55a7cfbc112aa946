/* SPDX-License-Identifier: Apache-2.0
 * The plan of an experiment: its tree of stages made, with their keys, and put into the database.
 */
#ifndef EVAL_PLAN_PLAN_H
#define EVAL_PLAN_PLAN_H

#include "eval/stages/tree.h"

/* Free with wane_plan_free (NULL allowed). */
WANE_MUST_CHECK wane_status wane_plan_make(wane_plan **out, const wane_inputs *inputs,
                                           wane_error *err);
void wane_plan_free(wane_plan *plan);

/* Puts every row of the plan in one transaction and fills the ids. What is there stays. WANE_EEXIST
 * when the database holds a run of the same name under other settings, or whose stages so far were
 * others. */
WANE_MUST_CHECK wane_status wane_plan_store(wane_plan *plan, wane_results *db, wane_error *err);

/* Fills the ids of what is already there (0 elsewhere) and writes nothing; the same errors. */
WANE_MUST_CHECK wane_status wane_plan_find(wane_plan *plan, wane_results *db, wane_error *err);

#endif
