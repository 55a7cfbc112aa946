/* SPDX-License-Identifier: Apache-2.0
 * Lists of what a database holds.
 */
#ifndef ANALYSIS_REPORT_LISTS_H
#define ANALYSIS_REPORT_LISTS_H

#include "analysis/report/reading.h"
#include "analysis/report/sheet.h"

/* One row per named query, with its parameters and their defaults. */
WANE_MUST_CHECK wane_status wane_list_queries(wane_query **out, wane_results *db, wane_error *err);

/* One row per metric that has a value or a reason: those of the table metric, the columns of
 * stage_summary and the numbers of measured_values, with how many there are and from where to where
 * they go. */
WANE_MUST_CHECK wane_status wane_list_metrics(wane_query **out, wane_results *db, wane_error *err);

/* A row per chart: its name, the options it takes, what it draws and an example. */
WANE_MUST_CHECK wane_status wane_list_charts(wane_query **out, wane_results *db, wane_error *err);

/* A row per name that a chart goes by: those of charts, then of metrics that have a value. */
WANE_MUST_CHECK wane_status wane_list_chart_names(wane_query **out, wane_results *db,
                                                  wane_error *err);

/* Whether runs of more than one experiment are shown. */
WANE_MUST_CHECK wane_status wane_list_several(bool *out, const wane_reading *reading,
                                              wane_error *err);

#endif
