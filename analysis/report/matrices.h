/* SPDX-License-Identifier: Apache-2.0
 * Accuracy matrices of methods: means over the seeds of one method and order.
 */
#ifndef ANALYSIS_REPORT_MATRICES_H
#define ANALYSIS_REPORT_MATRICES_H

#include "store/base/memory.h"
#include "store/base/text.h"
#include "store/results/query.h"
#include "store/results/results.h"

/* One method in one order: stages x tasks, NaN where no run has a score. */
typedef struct wane_method_matrix {
    const char *experiment, *method, *order;
    size_t runs, stages, tasks;
    const char **trained; /* per stage: the task trained, "(base)" at 0 */
    const char **task;    /* in the order of training, watched ones last */
    double *mean, *sd;
    size_t *n;        /* scores each is over */
    double *majority; /* per task: share of its most frequent label; NaN unknown */
} wane_method_matrix;

typedef struct wane_matrices {
    wane_arena *arena; /* of everything */
    wane_method_matrix *item;
    size_t count;
} wane_matrices;

/* Of the runs means are over; WANE_ENUMERIC when there is none. Owned by the caller, free with
 * wane_matrices_free (NULL allowed). */
WANE_MUST_CHECK wane_status wane_matrices_read(wane_matrices **out, wane_results *db,
                                               const char *experiment, wane_error *err);
void wane_matrices_free(wane_matrices *matrices);

/* A heat map each, one above the other. */
WANE_MUST_CHECK wane_status wane_matrices_draw(wane_text *out, const wane_matrices *matrices,
                                               wane_error *err);
/* One row per method, order, stage and task. */
WANE_MUST_CHECK wane_status wane_matrices_rows(wane_query **out, const wane_matrices *matrices,
                                               wane_results *db, wane_error *err);
/* For people: one row per method, order and stage, a column per task, "mean +- sd", and
 * "(3 of 4)" where runs lack the score. */
WANE_MUST_CHECK wane_status wane_matrices_means(wane_query **out, const wane_matrices *matrices,
                                                wane_results *db, wane_error *err);

#endif
