/* SPDX-License-Identifier: Apache-2.0
 * A measure that a user named, as SQL over every run and stage.
 */
#ifndef ANALYSIS_REPORT_NAMED_METRIC_H
#define ANALYSIS_REPORT_NAMED_METRIC_H

#include "analysis/report/counting.h"
#include "store/base/text.h"
#include "store/results/results.h"

/* `metric` is a name of the table metric, a column of stage_summary, or a name of measured_values
 * (of whole stages); "accuracy" with a task; nll, pretraining_forgetting, kl_to_base or soft_ce
 * with a corpus; with a task or corpus too what is measured on it by itself; a metric of counting.h
 * with `counting` (checked by the caller). What is not given is NULL; task and corpus exclude each
 * other. */
typedef struct wane_named_metric {
    const char *metric, *task, *corpus;
    const wane_counting *counting;
} wane_named_metric;

/* Appends a SELECT with the columns experiment, run, position, value. WANE_ENOTFOUND with the
 * nearest name, WANE_EINVAL for what does not go together. */
WANE_MUST_CHECK wane_status wane_named_metric_sql(wane_text *sql, wane_results *db,
                                                  const wane_named_metric *measure,
                                                  wane_error *err);

/* WANE_ENOTFOUND for a name that is no metric of the database, with the nearest that is, or the
 * nearest of `others`. */
WANE_MUST_CHECK wane_status wane_named_metric_check(wane_results *db, const char *name,
                                                    const char *const *others, size_t count,
                                                    wane_error *err);

/* The metrics that take a task, and those that take a corpus; up to NULL. */
extern const char *const wane_metrics_of_task[];
extern const char *const wane_metrics_of_corpus[];

/* *out: whether `name` is a number of whole stages in measured_values; then wane_measured_sql
 * appends a SELECT with the same columns as above: of several subjects their mean, unless one of
 * them is missing; or of one `subject` (NULL: of all). */
WANE_MUST_CHECK wane_status wane_measured_there(bool *out, wane_results *db, const char *name,
                                                const char *subject, wane_error *err);
void wane_measured_sql(wane_text *sql, const char *name, const char *subject);

/* Appends `text` as an SQL string. */
void wane_sql_text(wane_text *sql, const char *text);

#endif
