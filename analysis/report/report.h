/* SPDX-License-Identifier: Apache-2.0
 * A report: a chart of what a results database says, with its numbers; an entry of a table, in a
 * file of its own. Nothing outside an entry asks which report it is.
 *
 * `wane curves DB -m NAME` asks for one. Help, lists, suggestions and the options that are refused
 * follow from the entries. A name that is none of theirs is a metric: the first entry draws it.
 * analysis/README.md says how to add one.
 */
#ifndef ANALYSIS_REPORT_REPORT_H
#define ANALYSIS_REPORT_REPORT_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/memory.h"
#include "store/base/text.h"
#include "store/results/query.h"
#include "store/results/results.h"

/* ------------------------------------------------------------------------------------- options */

/* What some reports take and others do not: a bit each, and a row of wane_report_options. */
typedef enum wane_report_takes {
    WANE_TAKES_X = 1 << 0,
    WANE_TAKES_BY = 1 << 1,
    WANE_TAKES_CORPUS = 1 << 2,
    WANE_TAKES_TASK = 1 << 3,
    WANE_TAKES_K = 1 << 4,
    WANE_TAKES_EPSILON = 1 << 5,
    WANE_TAKES_SIDE = 1 << 6,
    WANE_TAKES_AGAINST = 1 << 7,
    WANE_TAKES_STAGE = 1 << 8,
    WANE_TAKES_CHOICE = 1 << 9,
    WANE_TAKES_ARMS = 1 << 10,
    WANE_TAKES_MATRIX = 1 << 11,
    WANE_TAKES_BAND = 1 << 12,
    WANE_TAKES_X_SCALE = 1 << 13,
    WANE_TAKES_Y_SCALE = 1 << 14
} wane_report_takes;

/* Names of a list, borrowed. */
typedef struct wane_report_names {
    const char *const *item;
    size_t count;
} wane_report_names;

/* What is asked of a report, as it was given; texts are borrowed. What was not given is NULL, NaN
 * or 0: begin with wane_report_ask. */
typedef struct wane_report_request {
    const char *name;       /* of a report, or a metric; NULL: the usual metric */
    const char *experiment; /* NULL: all the handle shows */
    const char *x, *by, *corpus, *task, *side, *against, *stage, *choice, *matrix, *band, *x_scale,
        *y_scale;
    size_t k;
    double epsilon;
    wane_report_names arms;
} wane_report_request;

static inline wane_report_request wane_report_ask(const char *name)
{
    return (wane_report_request){.name = name, .epsilon = (double)NAN};
}

typedef enum wane_report_kind {
    WANE_REPORT_TEXT,     /* const char * */
    WANE_REPORT_STAGE,    /* const char *: a number from 1 on, or "last" */
    WANE_REPORT_COUNT,    /* size_t, from 1 on */
    WANE_REPORT_FRACTION, /* double in (0, 1] */
    WANE_REPORT_NAMES     /* wane_report_names */
} wane_report_kind;

typedef struct wane_report_option {
    wane_report_takes bit;
    const char *name; /* on the command line, without dashes */
    char letter;      /* or 0 */
    wane_report_kind kind;
    size_t offset;              /* of its value in wane_report_request */
    const char *argument;       /* what the help calls its value */
    const char *help;           /* with its default in brackets */
    const char *const *choices; /* of a text: all that it may be, up to NULL; or NULL */
} wane_report_option;

enum { WANE_REPORT_OPTIONS = 15 };
extern const wane_report_option wane_report_options[WANE_REPORT_OPTIONS];

/* ------------------------------------------------------------------------------------- reports */

/* One call of a report. */
typedef struct wane_reporting {
    const struct wane_report *report;
    wane_results *db;
    wane_report_request asked; /* checked: each option given is one that the report takes */
    wane_arena *arena;         /* of what is kept until the end */
    void *state;               /* the report's own, made by `open` */
} wane_reporting;

/* What follows "wane curves DB", and what it shows. */
typedef struct wane_report_example {
    const char *call, *shows;
} wane_report_example;

typedef struct wane_report {
    const char *name;
    const char *brief;   /* one line: what it draws */
    const char *example; /* what follows "wane curves DB" */
    uint32_t takes;      /* wane_report_takes */

    /* Reads what it needs, or only says what cannot be. WANE_ENUMERIC: there is nothing to show. */
    wane_status (*open)(wane_reporting *r, wane_error *err);
    /* The numbers drawn, for programs. */
    wane_status (*rows)(wane_query **out, const wane_reporting *r, wane_error *err);
    /* For people; NULL: the same rows. */
    wane_status (*means)(wane_query **out, const wane_reporting *r, wane_error *err);
    /* Appends an <svg> document (analysis/charts/chart.h). */
    wane_status (*draw)(wane_text *out, const wane_reporting *r, wane_error *err);
    /* Appends what the table shows, without a line break at its end. */
    void (*caption)(wane_text *out, const wane_reporting *r);
    /* Frees what of its state is not in the arena; after an `open` that failed too, when the state
     * may be NULL. NULL: nothing. */
    void (*close)(wane_reporting *r);
    const wane_report_example *more; /* examples, up to one without a call; or NULL */
} wane_report;

/* In the order of help and lists; the first draws metrics. A line a report: `wane_report_NAME` is
 * its entry. */
#define WANE_REPORT_LIST(ENTRY)                                                                    \
    ENTRY(metric)                                                                                  \
    ENTRY(accuracy_matrix)                                                                         \
    ENTRY(intruders_by_matrix)                                                                     \
    ENTRY(frontier)                                                                                \
    ENTRY(latest_accuracy_change)                                                                  \
    ENTRY(seen_accuracy_change)                                                                    \
    ENTRY(rise)                                                                                    \
    ENTRY(overlap)                                                                                 \
    ENTRY(tradeoff)

#define WANE_REPORT_COUNT(name) +1
enum { WANE_REPORTS = WANE_REPORT_LIST(WANE_REPORT_COUNT) };
extern const wane_report *const wane_reports[WANE_REPORTS];

/* The report of that name; of any other, and of NULL, the one of metrics. */
const wane_report *wane_report_of(const char *name);

/* The name of a chart nearest to `name`, which is none; NULL when none is near. */
const char *wane_report_nearest(const char *name);

/* What needs no database: WANE_EINVAL for an option that the report does not take, and for a value
 * that cannot be. */
WANE_MUST_CHECK wane_status wane_report_check(const wane_report_request *request, wane_error *err);

/* Checks and opens. WANE_ENOTFOUND for a name that is neither a report nor a metric of the
 * database, with the nearest that is. End it with wane_report_close, whatever this returns. */
WANE_MUST_CHECK wane_status wane_report_open(wane_reporting *out, wane_results *db,
                                             const wane_report_request *request, wane_error *err);
void wane_report_close(wane_reporting *r);

/* Opens, draws and closes. */
WANE_MUST_CHECK wane_status wane_report_svg(wane_text *out, wane_results *db,
                                            const wane_report_request *request, wane_error *err);

/* Appends "--x --by": the options that the report takes, or "none". */
void wane_report_say_options(wane_text *out, const wane_report *report);

/* What outlines mean in a chart: of stages, and of means over runs. */
#define WANE_REPORT_COLLAPSED                                                                      \
    "hollow: collapsed (less of the pretraining text known than its word counts tell)"
#define WANE_REPORT_SOME_COLLAPSED                                                                 \
    "hollow: in at least one of the runs the stage is collapsed (less of the pretraining text "    \
    "known than its word counts tell)"

/* For entries: the number of asked.stage, 0 for the last; and "stage 2" or "the last stage". */
size_t wane_report_stage(const wane_report_request *request);
void wane_report_say_stage(wane_text *out, size_t stage);
/* The number of `name` in the list, which grows by a new one; its room is enough. */
size_t wane_report_number(const char **list, size_t *count, const char *name);
/* The column asked.by, or "method". */
const char *wane_report_by(const wane_reporting *r);
/* Its value, in a column of the current row, as the name of a series: "lora-r4", "rank 16" of a
 * bare number, "none" of NULL. In the arena; NULL when memory ran out. */
const char *wane_report_label(const wane_reporting *r, const wane_query *q, size_t column);
/* Closes `text`, a copy of it in the arena; NULL when memory ran out. */
const char *wane_report_keep(const wane_reporting *r, wane_text *text);

#endif
