/* SPDX-License-Identifier: Apache-2.0
 * A measure over the stages of finished runs, or against another measure: chart, csv, table.
 */
#ifndef EVAL_CLI_CURVES_H
#define EVAL_CLI_CURVES_H

#include <stdbool.h>

#include "store/base/memory.h"
#include "store/base/text.h"
#include "store/results/query.h"
#include "store/results/results.h"

typedef struct wane_curves_request {
    const char *experiment; /* NULL: all the handle shows */
    const char *metric;     /* a metric of measures.h; what is drawn upwards */
    const char *by;         /* a column of run_list: a line, or a kind of mark, for each value */
    const char *x;          /* NULL: the stage; else another metric, a point per run and stage */
    const char *corpus;     /* of metric, or NULL */
    const char *task;       /* likewise */
    bool interval;          /* bands are 95% t intervals of the mean instead of +- 1 sd */
} wane_curves_request;

/* A run after a stage, or the mean of `n` runs. */
typedef struct wane_curves_point {
    size_t group, stage, n;
    const char *run; /* NULL for a mean */
    double x, y, sd, low, high;
} wane_curves_point;

/* Points sorted by group and stage. Only runs that are done take part; those under `limit:` only
 * when all are. */
typedef struct wane_curves {
    wane_curves_request request;
    wane_arena *arena;  /* of all texts */
    const char **group; /* names, in the order of the plan */
    size_t groups;
    const char **stage_name; /* of stages 0..stages-1: "2", or "2 sst2" where all runs agree */
    size_t stages;
    wane_curves_point *point;
    size_t points;
} wane_curves;

/* WANE_ENOTFOUND for an unknown metric, column, task or corpus, WANE_ENUMERIC when nothing has a
 * value.
 * Owned by the caller, free with wane_curves_free (NULL allowed). */
WANE_MUST_CHECK wane_status wane_curves_read(wane_curves **out, wane_results *db,
                                             const wane_curves_request *request, wane_error *err);
void wane_curves_free(wane_curves *curves);

WANE_MUST_CHECK wane_status wane_curves_draw(wane_text *out, const wane_curves *curves,
                                             wane_error *err);
/* The numbers drawn, one row each; `db` only makes the query. */
WANE_MUST_CHECK wane_status wane_curves_rows(wane_query **out, const wane_curves *curves,
                                             wane_results *db, wane_error *err);
/* For people: one row per group and one column per stage, the mean +- half of its band; with x the
 * same as wane_curves_rows. */
WANE_MUST_CHECK wane_status wane_curves_means(wane_query **out, const wane_curves *curves,
                                              wane_results *db, wane_error *err);

/* Appends what the table of means shows, one line. */
void wane_curves_caption(wane_text *out, const wane_curves *curves);

/* Draws by method into the file `path`; experiment and x may be NULL. */
WANE_MUST_CHECK wane_status wane_curves_svg(wane_results *db, const char *experiment,
                                            const char *metric, const char *x, const char *path,
                                            wane_error *err);

#endif
