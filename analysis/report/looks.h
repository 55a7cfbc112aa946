/* SPDX-License-Identifier: Apache-2.0
 * Looking at one matrix: the rise of its directions while a stage trains, and its overlap with the
 * base.
 */
#ifndef ANALYSIS_REPORT_LOOKS_H
#define ANALYSIS_REPORT_LOOKS_H

#include <stdbool.h>

#include "store/base/memory.h"
#include "store/base/text.h"
#include "store/results/query.h"

typedef struct wane_looks_request {
    const char *experiment; /* NULL: all the handle shows */
    const char *metric;     /* "rise" or "overlap" */
    const char *matrix;     /* wane_matrix_named; NULL: the only one there is */
    const char *side;       /* "u" or "v" */
    double epsilon;         /* below it a direction is an intruder */
    size_t stage;           /* 0: the last stage of each run */
} wane_looks_request;

bool wane_looks_metric(const char *metric);

/* The full name of the one matrix meant, of those that have rows; lives in `arena`. WANE_ENOTFOUND
 * when none is, WANE_EINVAL when several are. */
WANE_MUST_CHECK wane_status wane_looks_matrix(const char **out, wane_results *db,
                                              const wane_looks_request *request, wane_arena *arena,
                                              wane_error *err);

/* rise: a row per run, step and direction; overlap: per run and pair of directions. `matrix` is a
 * full name. */
WANE_MUST_CHECK wane_status wane_looks_rows(wane_query **out, wane_results *db,
                                            const wane_looks_request *request, const char *matrix,
                                            wane_error *err);

/* rise: per run sigma and max_cosine over steps, of the directions that are intruders at some look,
 * and others, eight in all; overlap: a heat map per run. WANE_EINVAL for more than a dozen runs. */
WANE_MUST_CHECK wane_status wane_looks_draw(wane_text *out, wane_results *db,
                                            const wane_looks_request *request, const char *matrix,
                                            wane_error *err);

/* Appends what the rows are, one line. */
void wane_looks_caption(wane_text *out, const wane_looks_request *request, const char *matrix);

#endif
