/* SPDX-License-Identifier: Apache-2.0
 * Running an experiment: trains what is planned and not there, measures what is not measured.
 */
#ifndef EVAL_RUN_RUN_H
#define EVAL_RUN_RUN_H

#include "eval/plan/plan.h"
#include "eval/stages/run_options.h"

/* Does it. WANE_ECANCELLED when stopped (the same call goes on from there). A run that fails is
 * recorded in the database, counted, and does not stop the others. */
WANE_MUST_CHECK wane_status wane_run(wane_run_outcome *out, wane_plan *plan,
                                     const wane_run_options *options, wane_error *err);

#endif
