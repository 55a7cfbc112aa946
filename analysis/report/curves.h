/* SPDX-License-Identifier: Apache-2.0
 * A measure over the stages of finished runs, against another measure, or intruders against epsilon
 * or k: chart, csv, table.
 */
#ifndef ANALYSIS_REPORT_CURVES_H
#define ANALYSIS_REPORT_CURVES_H

#include <stdbool.h>

#include "analysis/report/counting.h"
#include "store/base/memory.h"
#include "store/base/text.h"
#include "store/results/query.h"
#include "store/results/results.h"

/* What is drawn to the right. */
typedef enum wane_curves_kind {
    WANE_CURVES_STAGES,  /* a line per group over stages */
    WANE_CURVES_SCATTER, /* another metric: a point per run and stage */
    WANE_CURVES_EPSILON, /* a line per group over epsilon */
    WANE_CURVES_K        /* over k */
} wane_curves_kind;

/* AUTO: logarithmic where all values are above 0 and the largest towers over the rest. */
typedef enum wane_curves_scale {
    WANE_CURVES_AUTO,
    WANE_CURVES_LINEAR,
    WANE_CURVES_LOG
} wane_curves_scale;

typedef struct wane_curves_request {
    const char *experiment; /* NULL: all the handle shows */
    const char *metric;     /* a metric of named_metric.h; what is drawn upwards */
    const char *by;         /* a column of run_list: a line, or a kind of mark, for each value */
    const char *x;          /* NULL: the stage; "epsilon", "k", or another metric */
    const char *corpus;     /* of metric, or NULL */
    const char *task;       /* likewise */
    bool interval;          /* bands are 95% t intervals of the mean instead of +- 1 sd */
    bool counted;           /* counting was asked for: intruders are counted anew */
    wane_counting counting; /* over k: its k is where the axis ends, 0 = what is stored */
    size_t stage;           /* over epsilon or k: after this stage; 0 = the last */
    wane_curves_scale x_scale, y_scale;
} wane_curves_request;

wane_curves_kind wane_curves_kind_of(const wane_curves_request *request);

/* Beside a count of intruders: mean, 2.5% and 97.5% of the rotated null (counting.h), of a mean of
 * runs the means of theirs; NaN where one of the runs has none, and beside everything else. */
typedef struct wane_curves_null {
    double mean, low, high;
} wane_curves_null;

/* A run after a stage, or the mean of `n` runs. Over epsilon or k, `stage` is the number of the
 * place on the axis. */
typedef struct wane_curves_point {
    size_t group, stage, n;
    const char *run; /* NULL for a mean */
    double x, y, sd, low, high;
    wane_curves_null null;
    double collapsed; /* how many of these stages are; NaN where of none of them it is known */
} wane_curves_point;

/* Points sorted by group and stage. Only runs that are done take part; those under `limit:` only
 * when all are. */
typedef struct wane_curves {
    wane_curves_request request;
    wane_curves_kind kind;
    wane_arena *arena;  /* of all texts */
    const char **group; /* names, in the order of the plan */
    size_t groups, group_room;
    /* Of places 0..stages-1: "2", or "2 sst2" where the runs agree; values of epsilon or k. */
    const char **stage_name;
    size_t stages;
    bool counts;         /* intruders are drawn, upwards or to the right */
    size_t nulls;        /* how many points have a null; 0 where nothing is counted */
    const char *no_null; /* why none has, of counts */
    /* Beside accuracies over stages, else NULL: what guessing the most frequent label gives, place
     * by place (groups x stages, NaN where there is none). */
    double *guess;
    size_t top; /* over epsilon or k: how many directions of each matrix are stored */
    wane_curves_point *point;
    size_t points, room;
} wane_curves;

/* WANE_ENOTFOUND for an unknown metric, column, task or corpus, WANE_EINVAL for what does not go
 * together or is not stored, WANE_ENUMERIC when nothing has a value. Owned by the caller, free with
 * wane_curves_free (NULL allowed). */
WANE_MUST_CHECK wane_status wane_curves_read(wane_curves **out, wane_results *db,
                                             const wane_curves_request *request, wane_error *err);
void wane_curves_free(wane_curves *curves);

WANE_MUST_CHECK wane_status wane_curves_draw(wane_text *out, const wane_curves *curves,
                                             wane_error *err);
/* The numbers drawn, one row each; `db` only makes the query. */
WANE_MUST_CHECK wane_status wane_curves_rows(wane_query **out, const wane_curves *curves,
                                             wane_results *db, wane_error *err);
/* For people: one row per group and one column per place, the mean +- sd or its interval; a scatter
 * as wane_curves_rows. */
WANE_MUST_CHECK wane_status wane_curves_means(wane_query **out, const wane_curves *curves,
                                              wane_results *db, wane_error *err);

/* Appends how intruders were counted, when they are: "; k = 10, epsilon = 0.5, side u, ...". */
void wane_curves_say_counting(wane_text *out, const wane_curves *curves);
/* Appends what stands beside the counts, when there are any: "; dotted: rotated null, ...". */
void wane_curves_say_null(wane_text *out, const wane_curves *curves, bool drawn);

/* What means are over: "runs (orders and seeds)". */
const char *wane_curves_over(const wane_curves *curves);

/* Appends what the table of means shows. */
void wane_curves_caption(wane_text *out, const wane_curves *curves);

/* For curves*.c, in curves_points.c: the number of a group, made when it is new; a point behind the
 * others; points by group, stage and run; the mean of each group and place in place of its runs. */
WANE_MUST_CHECK wane_status wane_curves_group(wane_curves *curves, size_t *out,
                                              const char *experiment, const char *value,
                                              wane_error *err);
WANE_MUST_CHECK wane_status wane_curves_add(wane_curves *curves, wane_curves_point point,
                                            wane_error *err);
void wane_curves_sort(wane_curves *curves);
WANE_MUST_CHECK wane_status wane_curves_average(wane_curves *curves, wane_error *err);
/* Fills in the null of every point, which are sorted by group, stage and run; curves_null.c. */
WANE_MUST_CHECK wane_status wane_curves_add_null(wane_curves *curves, wane_results *db,
                                                 bool several, wane_error *err);
/* Fills `guess` where the metric is an accuracy (curves_guess.c). */
WANE_MUST_CHECK wane_status wane_curves_guess(wane_curves *curves, wane_results *db, bool several,
                                              wane_error *err);
/* The first group of each line that differs from the others; room for all groups. How many. */
size_t wane_curves_guesses(size_t *group, const wane_curves *curves);
/* "majority label", of one of several lines with the groups that it is for. */
void wane_curves_guess_label(wane_text *out, const wane_curves *curves, size_t group, bool several);
/* Fills everything but the request and the arena (curves_counts.c). */
WANE_MUST_CHECK wane_status wane_curves_count(wane_curves *curves, wane_results *db, bool several,
                                              wane_error *err);

#endif
