/* SPDX-License-Identifier: Apache-2.0
 * The statement of a report: text of a file NAME.sql, with what its reader asked for filled in.
 *
 * NAME.sql is embedded by the build: static const char sql[] = {
 * #include "NAME.inc"
 * };
 */
#ifndef ANALYSIS_REPORT_STATEMENT_H
#define ANALYSIS_REPORT_STATEMENT_H

#include <stddef.h>
#include <stdint.h>

#include "store/base/text.h"
#include "store/results/query.h"

/* Runs that means are over: done, and neither under `limit:` nor bounds of others unless all of
 * them are. A condition on the alias l of run_list, with the parameter :experiment. */
#define WANE_USABLE_RUNS                                                                           \
    "l.superseded = 0 AND l.status = 'done' "                                                      \
    "AND (:experiment IS NULL OR l.experiment = :experiment) AND (l.limited = 0 OR NOT EXISTS "    \
    "(SELECT 1 FROM run_list o WHERE o.superseded = 0 AND o.limited = 0 "                          \
    "AND (:experiment IS NULL OR o.experiment = :experiment))) "                                   \
    "AND (l.bound IS NULL OR NOT EXISTS (SELECT 1 FROM run_list o WHERE o.superseded = 0 "         \
    "AND o.bound IS NULL AND (:experiment IS NULL OR o.experiment = :experiment))) "

/* What stands for {name} in a statement. */
typedef struct wane_sql_part {
    const char *name, *text;
} wane_sql_part;

/* Appends the statement with each {name} replaced. Every statement may say {usable_runs} (above),
 * {cosine} and {changed} (WANE_SQL_COSINE and WANE_SQL_CHANGED of query.h); `parts`, up to one
 * without a name, or NULL, are its own. A name that is none of these stays, and SQLite refuses it.
 */
void wane_statement_fill(wane_text *sql, const char *statement, const wane_sql_part *parts);

/* The same, opened: with :experiment (NULL: of all), which the statement must have, and `bindings`,
 * up to one without a name, or NULL. Free with wane_query_free. */
WANE_MUST_CHECK wane_status wane_statement_open(wane_query **out, wane_results *db,
                                                const char *statement, const char *experiment,
                                                const wane_sql_part *parts,
                                                const wane_binding *bindings, wane_error *err);

/* Values of parameters; NULL is NULL. The text is borrowed. */
wane_value wane_value_text(const char *text);
wane_value wane_value_whole(int64_t value);
wane_value wane_value_real(double value);

#endif
