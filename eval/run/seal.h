/* SPDX-License-Identifier: Apache-2.0
 * The end of a run: its metrics, its status, its seal; and what came of its stages. For this room
 * alone.
 */
#ifndef EVAL_RUN_SEAL_H
#define EVAL_RUN_SEAL_H

#include "eval/cells/cells.h"

/* Metrics of a run whose cells are all there, its status, its seal. */
WANE_MUST_CHECK wane_status wane_run_finish(wane_work *work, const wane_plan_run *run,
                                            bool diverged, wane_error *err);
/* What its rows give now, as its seal would say it. *rows: wane_free; their texts are borrowed from
 * the experiment. */
WANE_MUST_CHECK wane_status wane_run_metrics(wane_metric_row **rows, size_t *count, wane_work *work,
                                             const wane_plan_run *run, wane_error *err);
/* Metrics of sealed runs that wait for bounds measured since, or that an earlier wane did not know.
 */
WANE_MUST_CHECK wane_status wane_metrics_finish(wane_work *work, wane_error *err);

/* *out = in words that the stage is collapsed, NULL when it is not or that is unknown; a
 * constant. And the counts of the whole plan into work->outcome. */
WANE_MUST_CHECK wane_status wane_outcome_of_stage(const char **out, wane_work *work,
                                                  const wane_plan_run *run, size_t position,
                                                  wane_error *err);
WANE_MUST_CHECK wane_status wane_outcome_count(wane_work *work, wane_error *err);

#endif
