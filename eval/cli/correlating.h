/* SPDX-License-Identifier: Apache-2.0
 * The correlation of two columns over the trained stages of a database's finished runs: of the
 * whole stage, or of each layer, module or matrix apart.
 */
#ifndef EVAL_CLI_CORRELATING_H
#define EVAL_CLI_CORRELATING_H

#include <stdbool.h>
#include <stddef.h>

#include "analysis/statistics/correlation.h"
#include "store/base/memory.h"
#include "store/base/text.h"
#include "store/results/query.h"
#include "store/results/results.h"

enum { WANE_COEFFICIENT_COUNT = 4, WANE_GIVEN_MOST = 16 };

/* One correlation; `holm` are the p of its coefficients after Holm's correction over all groups. */
typedef struct wane_correlating_group {
    const char *name; /* of the layer, module or matrix; NULL for the whole stage */
    size_t matrices;
    size_t missing; /* points left out: x or y missing */
    wane_correlation result;
    double holm[WANE_COEFFICIENT_COUNT];
} wane_correlating_group;

/* Columns of the view correlation_points. Runs that are not done take no part, nor do those under
 * `limit:` unless all are. With `per`, columns that are sums over matrices (intruders, norms,
 * ranks) are those of the group's matrices against the base; the others are of the whole stage. */
typedef struct wane_correlating {
    const char *experiment; /* NULL: all the handle shows */
    const char *x, *y;
    const char *const *given; /* columns with texts are categories, the others quantities */
    size_t given_count;
    const char *per; /* NULL, "layer", "module" or "matrix" */
    wane_blocks blocks;
    /* Set by wane_correlating_run; freed by wane_correlating_free. */
    wane_correlating_group *group;
    size_t groups;
    wane_arena *arena;
} wane_correlating;

/* "config", "run" or "none"; WANE_EINVAL otherwise. */
WANE_MUST_CHECK wane_status wane_correlating_blocks(wane_blocks *out, const char *name,
                                                    wane_error *err);
/* WANE_ENOTFOUND for an unknown column, WANE_EINVAL for an x or y that holds texts, an unknown
 * `per` or more than WANE_GIVEN_MOST covariates, WANE_ENUMERIC without a point. */
WANE_MUST_CHECK wane_status wane_correlating_run(wane_correlating *job, wane_results *db,
                                                 wane_error *err);
void wane_correlating_free(wane_correlating *job);

/* Whether a column is one of each matrix, so that `per` makes it the group's. */
bool wane_correlating_of_matrices(const char *column);

/* For people: coefficients one below the other, or one line per group. */
WANE_MUST_CHECK wane_status wane_correlating_table(wane_text *out, const wane_correlating *job,
                                                   wane_results *db, wane_error *err);
/* One row per group and coefficient, with what it was asked of. */
WANE_MUST_CHECK wane_status wane_correlating_rows(wane_query **out, const wane_correlating *job,
                                                  wane_results *db, wane_error *err);
void wane_correlating_json(wane_text *out, const wane_correlating *job);

/* Runs with blocks of configs and no covariate, and appends the table. */
WANE_MUST_CHECK wane_status wane_correlate_print(wane_text *out, wane_results *db,
                                                 const char *experiment, const char *x,
                                                 const char *y, wane_error *err);

#endif
