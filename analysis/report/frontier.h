/* SPDX-License-Identifier: Apache-2.0
 * What interventions do, as a frontier: forgetting against accuracy, a line per arm over lambda, on
 * the finished runs and matrices where all arms shown are: at each lambda, runs in which every arm
 * shown has a value on the matrices that the arm `intruders` changed. Runs are averaged first, then
 * configs.
 */
#ifndef ANALYSIS_REPORT_FRONTIER_H
#define ANALYSIS_REPORT_FRONTIER_H

#include <stdbool.h>

#include "store/base/memory.h"
#include "store/base/text.h"
#include "store/results/query.h"

typedef struct wane_frontier_request {
    const char *experiment;  /* NULL: all the handle shows */
    const char *x;           /* "forgetting_change_pct" or "nll_change" */
    const char *y;           /* "latest_accuracy_change" or "seen_accuracy_change" */
    const char *by;          /* a column of run_list: a chart for each of its values; NULL: one */
    const char *choice;      /* "top" or "all" */
    size_t stage;            /* 0: the last stage of each run */
    const char *const *arms; /* those shown; NULL: all that were measured */
    size_t arm_count;
} wane_frontier_request;

/* Whether `metric` is drawn as a frontier: "frontier", or a y above. */
bool wane_frontier_metric(const char *metric);

/* WANE_ENOTFOUND for a name that is no arm. */
WANE_MUST_CHECK wane_status wane_frontier_check(const wane_frontier_request *request,
                                                wane_error *err);

/* One row per group, arm and lambda: matched runs and configs, runs with intruders that are not
 * matched, means over configs of x, of y and of nll_minus_intruders, their standard errors over
 * configs (NULL below WANE_FRONTIER_CONFIGS) and the binomial error of y (mean of the runs', which
 * answer the same examples). WANE_ENOTFOUND for no column `by`. */
enum { WANE_FRONTIER_CONFIGS = 6 };
WANE_MUST_CHECK wane_status wane_frontier_rows(wane_query **out, wane_results *db,
                                               const wane_frontier_request *request,
                                               wane_error *err);

/* One chart per group, one above the other, with error bars: upwards the binomial error of y,
 * sideways the standard error of x over configs. WANE_ENUMERIC when there is nothing to draw. */
WANE_MUST_CHECK wane_status wane_frontier_draw(wane_text *out, wane_results *db,
                                               const wane_frontier_request *request,
                                               wane_error *err);

/* Appends what the rows are, one line. */
void wane_frontier_caption(wane_text *out, const wane_frontier_request *request);

#endif
