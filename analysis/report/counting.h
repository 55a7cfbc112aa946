/* SPDX-License-Identifier: Apache-2.0
 * Intruders counted from stored directions, for any k, epsilon, side and reference.
 */
#ifndef ANALYSIS_REPORT_COUNTING_H
#define ANALYSIS_REPORT_COUNTING_H

#include <stdbool.h>
#include <stddef.h>

#include "store/base/text.h"
#include "store/results/query.h"
#include "store/results/results.h"

typedef struct wane_counting {
    size_t k;            /* of each matrix, the first directions that count */
    double epsilon;      /* an intruder's max_cosine is below this */
    const char *side;    /* "u" or "v" */
    const char *against; /* "base" or "previous" */
} wane_counting;

/* k 10, epsilon .5, side u, against base: the paper's, and what views show. */
wane_counting wane_counting_usual(void);
/* The same, but for what is asked otherwise: k > 0, epsilon not NaN, texts not NULL. */
wane_counting wane_counting_asked(size_t k, double epsilon, const char *side, const char *against);

/* The names of metrics that depend on it: intruders, intruders_unresolved, intruders_existing,
 * intruder_energy. Directions that do not exist and matrices that have not changed are in none of
 * them. */
bool wane_counting_metric(const char *metric);

/* How deep the directions of all finished runs go: any k up to *top can be counted; *all says that
 * every direction is stored, so that a larger k counts the same. WANE_ENUMERIC when a side or a
 * reference was not measured. */
WANE_MUST_CHECK wane_status wane_counting_top(size_t *top, bool *all, wane_results *db,
                                              const wane_counting *counting, const char *experiment,
                                              wane_error *err);

/* WANE_EINVAL for what cannot be: a side, a reference, k = 0 or above what is stored, epsilon not
 * in (0, 1]. */
WANE_MUST_CHECK wane_status wane_counting_check(wane_results *db, const wane_counting *counting,
                                                const char *experiment, wane_error *err);

/* Draws of the rotated null are counted at k = 10 and epsilon = .05, .1, ..., 1 against the base:
 * why it has none beside this counting (a constant), or NULL. */
const char *wane_counting_no_null(const wane_counting *counting);
/* Rows of usable runs: experiment, the column `by` of run_list, run, position, place, and
 * mean, 2.5% and 97.5% of the draws (of 99, midway between the second and third, the 97th and
 * 98th). stage: of that one, 0 = the last of each run, -1 = all. every: at all epsilons, whose
 * number from 0 is the place, instead of that of `counting`. Free with wane_query_free. */
WANE_MUST_CHECK wane_status wane_counting_null(wane_query **out, wane_results *db,
                                               const wane_counting *counting,
                                               const char *experiment, const char *by, int stage,
                                               bool every, wane_error *err);

/* Appends a SELECT of experiment, run, position, value for one of its metrics. */
void wane_counting_sql(wane_text *sql, const wane_counting *counting, const char *metric);

#endif
