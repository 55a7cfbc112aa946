/* SPDX-License-Identifier: Apache-2.0
 * What interventions do, as a frontier: forgetting against accuracy, a line per arm over lambda,
 * means over finished runs.
 */
#ifndef EVAL_CLI_FRONTIER_H
#define EVAL_CLI_FRONTIER_H

#include <stdbool.h>

#include "store/base/memory.h"
#include "store/base/text.h"
#include "store/results/query.h"

typedef struct wane_frontier_request {
    const char *experiment; /* NULL: all the handle shows */
    const char *x;          /* "forgetting_change_pct" or "nll_change" */
    const char *y;          /* "latest_accuracy_change" or "seen_accuracy_change" */
    const char *by;         /* a column of run_list: a chart for each of its values; NULL: one */
    const char *choice;     /* "top" or "all" */
    size_t stage;           /* 0: the last stage of each run */
} wane_frontier_request;

/* Whether `metric` is drawn as a frontier: "frontier", or a y above. */
bool wane_frontier_metric(const char *metric);

/* One row per group, arm and lambda: means and standard deviations over runs, how many runs and
 * configs, and the mean of nll_minus_intruders. WANE_ENOTFOUND for no column `by`. */
WANE_MUST_CHECK wane_status wane_frontier_rows(wane_query **out, wane_results *db,
                                               const wane_frontier_request *request,
                                               wane_error *err);

/* One chart per group, one above the other. WANE_ENUMERIC when there is nothing to draw. */
WANE_MUST_CHECK wane_status wane_frontier_draw(wane_text *out, wane_results *db,
                                               const wane_frontier_request *request,
                                               wane_error *err);

/* Appends what the rows are, one line. */
void wane_frontier_caption(wane_text *out, const wane_frontier_request *request);

#endif
