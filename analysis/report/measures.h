/* SPDX-License-Identifier: Apache-2.0
 * A measure that a user named, as SQL over every run and stage.
 */
#ifndef ANALYSIS_REPORT_MEASURES_H
#define ANALYSIS_REPORT_MEASURES_H

#include "analysis/report/counting.h"
#include "store/base/text.h"
#include "store/results/results.h"

/* Runs that means are over: done, and neither under `limit:` nor bounds of others unless all of
 * them are. A condition on the alias l of run_list, with the parameter :experiment. */
#define WANE_USABLE_RUNS                                                                           \
    "l.superseded = 0 AND l.status = 'done' "                                                      \
    "AND (:experiment IS NULL OR l.experiment = :experiment) AND (l.limited = 0 OR NOT EXISTS "    \
    "(SELECT 1 FROM run_list o WHERE o.superseded = 0 AND o.limited = 0 "                          \
    "AND (:experiment IS NULL OR o.experiment = :experiment))) "                                   \
    "AND (l.bound IS NULL OR NOT EXISTS (SELECT 1 FROM run_list o WHERE o.superseded = 0 "         \
    "AND o.bound IS NULL AND (:experiment IS NULL OR o.experiment = :experiment))) "

/* `metric` is a name of the table metric or a column of stage_summary; "accuracy" with a task;
 * nll, pretraining_forgetting, kl_to_base or soft_ce with a corpus; a metric of counting.h with
 * `counting` (checked by the caller). What is not given is NULL; task and corpus exclude each
 * other. */
typedef struct wane_measure {
    const char *metric, *task, *corpus;
    const wane_counting *counting;
} wane_measure;

/* Appends a SELECT with the columns experiment, run, position, value. WANE_ENOTFOUND with the
 * nearest name, WANE_EINVAL for what does not go together. */
WANE_MUST_CHECK wane_status wane_measure_sql(wane_text *sql, wane_results *db,
                                             const wane_measure *measure, wane_error *err);

/* Appends `text` as an SQL string. */
void wane_sql_text(wane_text *sql, const char *text);

#endif
