/* SPDX-License-Identifier: Apache-2.0
 * The correlation of two columns over the trained stages of a database's finished runs, or over the
 * looks into their training: of the whole stage, or of each layer, module or matrix apart; and what
 * it could and could not see.
 */
#ifndef ANALYSIS_REPORT_CORRELATING_H
#define ANALYSIS_REPORT_CORRELATING_H

#include <stdbool.h>
#include <stddef.h>

#include "analysis/statistics/correlation.h"
#include "analysis/statistics/detection.h"
#include "store/base/memory.h"
#include "store/base/text.h"
#include "store/results/query.h"
#include "store/results/results.h"

enum { WANE_COEFFICIENT_COUNT = 4, WANE_GIVEN_MOST = 16, WANE_CORRELATING_TABLES = 6 };

/* What the points are. */
typedef enum wane_points { WANE_POINTS_STAGES, WANE_POINTS_LOOKS } wane_points;

/* |Spearman| of x and a covariate over configs above which the two are not separable. */
#define WANE_SEPARABLE .8

/* One correlation. `holm`: the p of its coefficients after Holm's correction over all groups. */
typedef struct wane_correlating_group {
    const char *name; /* of the layer, module or matrix; NULL for the whole stage */
    size_t matrices;
    size_t missing; /* points left out: x or y missing */
    wane_correlation result;
    /* Of the points that take part (result.points). */
    size_t zeros_x, zeros_y, configs;
    bool count_x; /* every x is a whole number, none below 0 */
    double holm[WANE_COEFFICIENT_COUNT];
    /* Spearman over configs of the means of x and of each covariate; NaN: fewer than 3 configs, a
     * side is constant, the covariate is a category or is missing somewhere. */
    double separation[WANE_GIVEN_MOST];
} wane_correlating_group;

/* The correlation of y with one x, over all configs or without those that have a collapsed stage.
 */
typedef struct wane_correlating_table {
    const char *x;
    bool without_collapsed;
    wane_correlating_group *group; /* job->groups */
} wane_correlating_table;

/* Columns of the view correlation_points, or names of measured_values; at looks those that are
 * measured there, of the same names. Runs that are not done take no part, nor do those under
 * `limit:` unless all are. With `per`, columns that are sums over matrices (intruders, norms,
 * ranks) are those of the group's matrices against the base; the others are of the whole stage.
 *
 * The first table is what was asked for. Beside it stand
 *   - where x is a count of intruders, more than half of its values are 0 and covariates are given:
 *     the same with intruder_energy and with max_cosine for x, since residuals of ranks lose any
 *     count of that kind to a continuous covariate (not with `per`);
 *   - where some config has a collapsed stage: each table again without those configs. */
typedef struct wane_correlating {
    const char *experiment; /* NULL: all the handle shows */
    const char *x, *y;
    const char *const *given; /* columns with texts are categories, the others quantities */
    size_t given_count;
    const char *per; /* NULL, "layer", "module" or "matrix" */
    wane_blocks blocks;
    wane_points points;
    /* Set by wane_correlating_run; freed by wane_correlating_free. */
    wane_correlating_table table[WANE_CORRELATING_TABLES];
    size_t tables;
    size_t groups, group_room; /* of every table */
    bool category[WANE_GIVEN_MOST];
    const char **collapsed; /* names of configs with a collapsed stage */
    size_t collapsed_count, collapsed_room;
    size_t read;         /* points of the first group that were read */
    size_t flag_unknown; /* of them: not known whether the stage has collapsed */
    wane_arena *arena;
} wane_correlating;

/* "config", "run" or "none"; "stages" or "looks"; WANE_EINVAL otherwise. */
WANE_MUST_CHECK wane_status wane_correlating_blocks(wane_blocks *out, const char *name,
                                                    wane_error *err);
WANE_MUST_CHECK wane_status wane_correlating_points(wane_points *out, const char *name,
                                                    wane_error *err);
/* WANE_ENOTFOUND for an unknown column, WANE_EINVAL for an x or y that holds texts, a column that
 * is not measured at looks, an unknown `per` or more than WANE_GIVEN_MOST covariates, WANE_ENUMERIC
 * without a point. */
WANE_MUST_CHECK wane_status wane_correlating_run(wane_correlating *job, wane_results *db,
                                                 wane_error *err);
void wane_correlating_free(wane_correlating *job);

/* How many independent columns of covariates a coefficient is given. */
size_t wane_correlating_covariates(const wane_correlation *r, size_t coefficient);
/* Whether x is a count of which more than half are 0, and covariates are given: residuals of ranks
 * lose any such count. */
bool wane_correlating_mostly_zero(const wane_correlating *job);
/* The smallest visible value of a coefficient; NaN and the reason "few_configs", or that of the
 * coefficient, where it is not defined. `reason` may be NULL. */
double wane_correlating_visible(const wane_correlating_group *group, size_t coefficient,
                                const char **reason);
/* By the corrected p where there are groups. */
wane_detection wane_correlating_detected(const wane_correlating *job,
                                         const wane_correlating_group *group, size_t coefficient);
/* What the permutation takes for granted, in words; a constant. */
const char *wane_correlating_null(wane_blocks blocks);
const char *wane_correlating_block_name(wane_blocks blocks);
const char *wane_correlating_points_name(wane_points points);

/* Whether a column is one of each matrix, so that `per` makes it the group's. */
bool wane_correlating_of_matrices(const char *column);

/* correlating_sql.c: the statement that gives one row per point and group, in the order of the
 * groups, with the columns of wane_correlating_column; the parameter is :experiment. `x` are the
 * columns of all tables. WANE_EINVAL for an unknown `per` or a column not measured at looks,
 * WANE_ENOTFOUND for one that is not there at all. */
enum wane_correlating_column {
    WANE_POINT_NAME,
    WANE_POINT_MATRICES,
    WANE_POINT_Y,
    WANE_POINT_CONFIG,
    WANE_POINT_ORDER,
    WANE_POINT_SEED,
    WANE_POINT_STAGE,
    WANE_POINT_CONFIG_NAME,
    WANE_POINT_COLLAPSED, /* whether the config has a collapsed stage; 0 or 1 */
    WANE_POINT_FLAG,      /* whether this stage has collapsed; NULL: not known */
    WANE_POINT_X          /* x_count of these, then value and category of each covariate */
};
WANE_MUST_CHECK wane_status wane_correlating_sql(wane_text *sql, const wane_correlating *job,
                                                 const char *const *x, size_t x_count,
                                                 wane_results *db, wane_error *err);

/* For people: coefficients one below the other, or one line per group. */
WANE_MUST_CHECK wane_status wane_correlating_table_print(wane_text *out,
                                                         const wane_correlating *job,
                                                         wane_results *db, wane_error *err);
/* One row per table, group and coefficient, with what it was asked of. */
WANE_MUST_CHECK wane_status wane_correlating_rows(wane_query **out, const wane_correlating *job,
                                                  wane_results *db, wane_error *err);
void wane_correlating_json(wane_text *out, const wane_correlating *job);

/* Runs with blocks of configs and no covariate, and appends the table. */
WANE_MUST_CHECK wane_status wane_correlate_print(wane_text *out, wane_results *db,
                                                 const char *experiment, const char *x,
                                                 const char *y, wane_error *err);

#endif
