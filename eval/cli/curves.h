/* SPDX-License-Identifier: Apache-2.0
 * A measure over the stages of finished runs, or against another measure: chart, csv, table.
 */
#ifndef EVAL_CLI_CURVES_H
#define EVAL_CLI_CURVES_H

#include "store/base/text.h"
#include "store/results/query.h"
#include "store/results/results.h"

/* Columns of the view stage_summary. With x NULL: per group (a value of `by`) and stage the mean
 * over runs, orders and seeds alike, with the standard deviation. With x: one point per run and
 * trained stage. */
typedef struct wane_curves_request {
    const char *experiment; /* NULL: all the handle shows */
    const char *metric, *by, *x;
} wane_curves_request;

typedef struct wane_curves wane_curves;

/* WANE_ENOTFOUND for an unknown column or when nothing has a value, WANE_EINVAL for a column of
 * texts. Owned by the caller, free with wane_curves_free (NULL allowed). */
WANE_MUST_CHECK wane_status wane_curves_read(wane_curves **out, wane_results *db,
                                             const wane_curves_request *request, wane_error *err);
void wane_curves_free(wane_curves *curves);

WANE_MUST_CHECK wane_status wane_curves_draw(wane_text *out, const wane_curves *curves,
                                             wane_error *err);
/* The numbers drawn, one row each; `db` only makes the query. */
WANE_MUST_CHECK wane_status wane_curves_rows(wane_query **out, const wane_curves *curves,
                                             wane_results *db, wane_error *err);
/* The means, one row per group and one column per stage; with x the same as wane_curves_rows. */
WANE_MUST_CHECK wane_status wane_curves_means(wane_query **out, const wane_curves *curves,
                                              wane_results *db, wane_error *err);

/* Draws by method into the file `path`; experiment and x may be NULL. */
WANE_MUST_CHECK wane_status wane_curves_svg(wane_results *db, const char *experiment,
                                            const char *metric, const char *x, const char *path,
                                            wane_error *err);

#endif
