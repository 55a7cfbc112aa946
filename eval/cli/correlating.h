/* SPDX-License-Identifier: Apache-2.0
 * The correlation of two columns over the trained stages of a database's finished runs.
 */
#ifndef EVAL_CLI_CORRELATING_H
#define EVAL_CLI_CORRELATING_H

#include <stddef.h>

#include "analysis/statistics/correlation.h"
#include "store/base/text.h"
#include "store/results/query.h"
#include "store/results/results.h"

/* Columns of the view correlation_points. Runs that are not done take no part, nor do those under
 * `limit:` unless all are. */
typedef struct wane_correlating {
    const char *experiment; /* NULL: all the handle shows */
    const char *x, *y;
    const char *given; /* NULL: none; a column with texts is a category, else a quantity */
    wane_blocks blocks;
    /* Set by wane_correlating_run. */
    wane_correlation result;
    size_t missing; /* points left out: x or y missing */
} wane_correlating;

/* "config", "run" or "none"; WANE_EINVAL otherwise. */
WANE_MUST_CHECK wane_status wane_correlating_blocks(wane_blocks *out, const char *name,
                                                    wane_error *err);
/* WANE_ENOTFOUND for an unknown column, WANE_EINVAL for an x or y that holds texts. */
WANE_MUST_CHECK wane_status wane_correlating_run(wane_correlating *job, wane_results *db,
                                                 wane_error *err);
WANE_MUST_CHECK wane_status wane_correlating_table(wane_text *out, const wane_correlating *job,
                                                   wane_results *db, wane_error *err);
/* One row per coefficient, with what it was asked of. */
WANE_MUST_CHECK wane_status wane_correlating_rows(wane_query **out, const wane_correlating *job,
                                                  wane_results *db, wane_error *err);
void wane_correlating_json(wane_text *out, const wane_correlating *job);

/* Runs with blocks of configs and no covariate, and appends the table. */
WANE_MUST_CHECK wane_status wane_correlate_print(wane_text *out, wane_results *db,
                                                 const char *experiment, const char *x,
                                                 const char *y, wane_error *err);

#endif
