/* SPDX-License-Identifier: Apache-2.0
 * Reading the results database: SQL that can only read, named queries, restriction to some runs,
 * and results as text.
 */
#ifndef STORE_RESULTS_QUERY_H
#define STORE_RESULTS_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/status.h"
#include "store/base/text.h"
#include "store/results/results.h"

/* ------------------------------------------------------------------------------------ cursors */

/* A running query. Valid until freed, and no longer than its database. */
typedef struct wane_query wane_query;

/* A value for ":name" (name without the colon). NULL name: the n-th parameter in order. */
typedef struct wane_binding {
    const char *name;
    wane_value value; /* its text is copied */
} wane_binding;

/* Starts one SELECT (or WITH ... SELECT, or VALUES). Anything that writes, attaches, loads, sets a
 * pragma, or is a second statement gives WANE_EINVAL before anything runs. Parameters that are not
 * given are NULL; one that the query does not have is WANE_EINVAL. WANE_EINVAL also for bad SQL,
 * with SQLite's words. Owned by the caller, free with wane_query_free. */
WANE_MUST_CHECK wane_status wane_query_open(wane_query **out, wane_results *db, const char *sql,
                                            const wane_binding *parameters, size_t count,
                                            wane_error *err);
void wane_query_free(wane_query *query); /* NULL allowed */

/* The next row: WANE_OK, or WANE_DONE behind the last. WANE_ELIMIT at the deadline of the process
 * (store/base/clock.h), if the database is open for reading. */
WANE_MUST_CHECK wane_status wane_query_next(wane_query *query, wane_error *err);

/* No more than so many rows (0: all); afterwards, whether there were more. */
void wane_query_limit(wane_query *query, size_t rows);
bool wane_query_cut(const wane_query *query);

size_t wane_query_columns(const wane_query *query);
const char *wane_query_name(const wane_query *query, size_t column); /* borrowed until freed */

/* The current row. NULL reads as WANE_NULL, NaN, NULL; numbers convert as SQLite does. Texts are
 * borrowed until the next row. */
wane_value_type wane_query_type(const wane_query *query, size_t column);
int64_t wane_query_int(const wane_query *query, size_t column);
double wane_query_double(const wane_query *query, size_t column);
const char *wane_query_text(const wane_query *query, size_t column);

/* ------------------------------------------------------------------------------ named queries */

typedef struct wane_named_parameter {
    const char *name;
    const char *description;
    const char *value; /* the default as text, NULL = NULL */
    bool number;       /* whether texts given for it must be numbers */
} wane_named_parameter;

typedef struct wane_named_query {
    const char *name;
    const char *description; /* one line */
    const char *sql;
    const wane_named_parameter *parameters; /* count of them */
    size_t parameter_count;
} wane_named_query;

/* All of them, by name; constants. */
const wane_named_query *wane_named_queries(size_t *count);

/* NULL when there is none; then *nearest (may be NULL) is the likeliest meant, or NULL. */
const wane_named_query *wane_named_query_find(const char *name, const char **nearest);

typedef struct wane_assignment {
    const char *name, *value; /* as typed: --param k=20 */
} wane_assignment;

/* Starts a named query: defaults, then the assignments. WANE_ENOTFOUND (query, with suggestion),
 * WANE_EINVAL (parameter, or no number where one must be). */
WANE_MUST_CHECK wane_status wane_named_query_open(wane_query **out, wane_results *db,
                                                  const char *name,
                                                  const wane_assignment *assignments, size_t count,
                                                  wane_error *err);

/* --------------------------------------------------------------------------------- restriction
 * `where` is an SQL expression over the columns of the view run_list (experiment, run, key, method,
 * kind, rank, alpha, learning_rate, order_name, seed, stages, status, limited); `experiment` a
 * name. Either may be NULL. From then on the handle shows only those runs: the table `run` and all
 * views behave as if the others were not there, so means and counts are over these; tables that
 * refer to runs by id (metric, gate, ...) still hold all. It must be a handle opened for reading.
 * The database file is not touched. WANE_EINVAL for an expression that is no single read-only
 * expression, WANE_ENOTFOUND for an unknown experiment. A second call replaces the first; NULL,
 * NULL shows all again. *runs (may be NULL): how many are left. */
WANE_MUST_CHECK wane_status wane_results_restrict(wane_results *db, int64_t *runs,
                                                  const char *where, const char *experiment,
                                                  wane_error *err);

/* The one rule of intruders in SQL, over rows d of the table direction: below epsilon a direction
 * is an intruder; NULL for one that does not exist. Cells of an earlier wane know max_cosine alone.
 */
#define WANE_SQL_COSINE "coalesce(d.cluster_overlap, d.max_cosine)"
/* Whether d is of a matrix that changed; x is the spectrum_total of its stage, step and reference.
 */
#define WANE_SQL_CHANGED                                                                           \
    "(x.changed = x.matrices OR EXISTS (SELECT 1 FROM spectrum y WHERE y.stage = d.stage "         \
    "AND y.step = d.step AND y.against = d.against AND y.matrix = d.matrix AND y.changed = 1)) "

/* The status of a run or stage in SQL, of a column and of the key: the database says 'running' and
 * 'training' of what was begun and not ended; whether a process is still at it, its lock says. */
#define WANE_SQL_STATUS_(status, begun, lock)                                                      \
    "CASE WHEN " status " = '" begun "' AND held(" lock                                            \
    " || '.lock') = 0 THEN 'stopped' ELSE " status " END"
#define WANE_SQL_RUN_STATUS(status, key) WANE_SQL_STATUS_(status, "running", "'run-' || " key)
#define WANE_SQL_STAGE_STATUS(status, key) WANE_SQL_STATUS_(status, "training", key)

/* What the draws of the rotated null have at :k, :epsilon, :side and :against, at the stage of p:
 * the mean, and the 2.5% and 97.5% of the 99 (midway between the second and third, the 97th and
 * 98th). Draws are counted at k = 10 and epsilon = .05, .1, ... 1 against the base; NULL elsewhere.
 */
#define WANE_SQL_NULL_(order)                                                                      \
    "(SELECT avg(o.x) FROM (SELECT json_extract(n.below, format('$[%d]', round(20 * :epsilon) - "  \
    "1)) AS x FROM null_draw n WHERE n.stage = p.stage AND n.step = -1 AND n.kind = 'rotated' "    \
    "AND n.side = :side AND :k = 10 AND :against = 'base' "                                        \
    "AND abs(20 * :epsilon - round(20 * :epsilon)) < 1e-9 " order ") o)"
#define WANE_SQL_NULL_MEAN WANE_SQL_NULL_("")
#define WANE_SQL_NULL_LOW WANE_SQL_NULL_("ORDER BY x LIMIT 2 OFFSET 1")
#define WANE_SQL_NULL_HIGH WANE_SQL_NULL_("ORDER BY x LIMIT 2 OFFSET 96")
/* "0.3 [0, 2]": the rotated null of a row of stage_summary or run_summary as text. */
#define WANE_SQL_NULL_TEXT(row)                                                                    \
    "CASE WHEN " row "intruders_null IS NOT NULL THEN format('%.1f [%g, %g]', " row                \
    "intruders_null, " row "intruders_null_low, " row "intruders_null_high) END"

/* The version of SQLite in use ("3.40.1"); a constant. */
const char *wane_results_sqlite(void);

/* ------------------------------------------------------------------------------------- as text */

typedef enum wane_render_format {
    WANE_RENDER_TABLE, /* aligned columns, about four significant digits, "-" for NULL; WANE_ELIMIT
                        * beyond 256 MB, as with markdown and latex */
    WANE_RENDER_CSV,   /* RFC 4180's quoting, a header line, NULL empty, lines end in LF;
                        * texts that a spreadsheet would compute begin with ' */
    WANE_RENDER_JSON,  /* {"columns":[...],"rows":[[...],...]} */
    WANE_RENDER_JSONL, /* one object per line */
    WANE_RENDER_MARKDOWN, /* a pipe table, digits as in a table */
    WANE_RENDER_LATEX,    /* a tabular with booktabs rules */
    WANE_RENDER_CSV_PLAIN /* as csv, texts as they are: what follows is no name of a format */
} wane_render_format;

/* "table", "csv", "json", "jsonl", "markdown", "latex"; WANE_EINVAL with the nearest otherwise. */
WANE_MUST_CHECK wane_status wane_render_format_parse(wane_render_format *out, const char *name,
                                                     wane_error *err);

/* Appends the rest of the query to `text`, from the row behind the current one. csv, json and jsonl
 * give doubles in their shortest form that reads back to the same bits; an infinite one (of SQL, or
 * of a file of version 1) is no number in any format and stands as NULL does. */
WANE_MUST_CHECK wane_status wane_query_render(wane_query *query, wane_render_format format,
                                              wane_text *text, wane_error *err);

/* The same, handed to `write` piece by piece, so that csv, json and jsonl of any size need little
 * memory. What `write` returns other than WANE_OK ends the rendering and is returned; pieces that
 * it was given before stay written. */
typedef wane_status (*wane_write_function)(void *context, const char *bytes, size_t count,
                                           wane_error *err);
WANE_MUST_CHECK wane_status wane_query_write(wane_query *query, wane_render_format format,
                                             wane_write_function write, void *context,
                                             wane_error *err);

/* About four significant digits, as in tables: 0.03125, 1234, 1.2e-05. Returns out. */
char *wane_format_short(char out[32], double value);

#endif
