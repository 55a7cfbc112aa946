/* SPDX-License-Identifier: Apache-2.0
 * Whether a database is whole as SQLite sees it, and shaped as this wane makes it.
 */
#include <string.h>

#include "store/base/text.h"
#include "store/results/database.h"

wane_status wane_results_begin_reading(wane_results *db, wane_error *err)
{
    return wane_results_run(db, err, "BEGIN", "");
}

/* ------------------------------------------------------------------------ integrity, references */

wane_status wane_results_integrity(wane_results *db, wane_found_function found, void *context,
                                   wane_error *err)
{
    sqlite3_stmt *statement = NULL;
    wane_status st = WANE_OK;
    int code = sqlite3_prepare_v2(db->sql, "PRAGMA integrity_check(50)", -1, &statement, NULL);
    while (code == SQLITE_OK || code == SQLITE_ROW) {
        code = sqlite3_step(statement);
        const char *words =
            code == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
        if (words && strcmp(words, "ok") != 0) found(context, "file", words);
    }
    if (code != SQLITE_DONE) st = wane_results_fail(db, "check", err);
    (void)sqlite3_finalize(statement);
    if (st != WANE_OK) return st;
    statement = NULL;
    code = sqlite3_prepare_v2(db->sql,
                              "SELECT \"table\", parent, count(*) FROM pragma_foreign_key_check "
                              "GROUP BY 1, 2",
                              -1, &statement, NULL);
    while (code == SQLITE_OK || code == SQLITE_ROW) {
        wane_text what = {0};
        if ((code = sqlite3_step(statement)) != SQLITE_ROW) break;
        wane_text_printf(&what, "rows that refer to a %s that is not there: %lld",
                         (const char *)sqlite3_column_text(statement, 1),
                         (long long)sqlite3_column_int64(statement, 2));
        if (what.data) found(context, (const char *)sqlite3_column_text(statement, 0), what.data);
        wane_text_free(&what);
    }
    if (code != SQLITE_DONE) st = wane_results_fail(db, "check", err);
    (void)sqlite3_finalize(statement);
    return st;
}

/* ------------------------------------------------------------------------------------- shape */

/* One line per table, view, index and trigger: a table by its columns, for a file brought forward
 * has other words in its schema than a fresh one. */
static const char shape[] =
    "SELECT type, name, CASE type WHEN 'table' THEN (SELECT group_concat(c.name || ' ' || c.type "
    "|| ' ' || c.\"notnull\" || ' ' || coalesce(c.dflt_value, '') || ' ' || c.pk) FROM "
    "pragma_table_info(s.name) c) ELSE sql END FROM main.sqlite_schema s "
    "WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE 'temp.%' ORDER BY name";

static int compare(sqlite3_stmt *a, bool more_a, sqlite3_stmt *b, bool more_b)
{
    if (!more_a || !more_b) return more_a ? -1 : 1;
    return strcmp((const char *)sqlite3_column_text(a, 1), (const char *)sqlite3_column_text(b, 1));
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static void tell(wane_found_function found, void *context, sqlite3_stmt *row, const char *what)
{
    found(context, (const char *)sqlite3_column_text(row, 1), what);
}

/* Walks both lists by name. Returns SQLite's code. */
static int merge(sqlite3_stmt *wanted, sqlite3_stmt *seen, wane_found_function found, void *context)
{
    int a = sqlite3_step(wanted), b = sqlite3_step(seen);
    while ((a == SQLITE_ROW || a == SQLITE_DONE) && (b == SQLITE_ROW || b == SQLITE_DONE)) {
        if (a == SQLITE_DONE && b == SQLITE_DONE) return SQLITE_DONE;
        int order = compare(wanted, a == SQLITE_ROW, seen, b == SQLITE_ROW);
        if (order < 0) tell(found, context, wanted, "is not there, and belongs to the schema");
        else if (order > 0) tell(found, context, seen, "does not belong to the schema");
        else if (!same_text((const char *)sqlite3_column_text(wanted, 0),
                            (const char *)sqlite3_column_text(seen, 0)) ||
                 !same_text((const char *)sqlite3_column_text(wanted, 2),
                            (const char *)sqlite3_column_text(seen, 2)))
            tell(found, context, seen, "is not as the schema has it");
        if (order <= 0) a = sqlite3_step(wanted);
        if (order >= 0) b = sqlite3_step(seen);
    }
    return a == SQLITE_ROW || a == SQLITE_DONE ? b : SQLITE_NOMEM;
}

wane_status wane_results_shape(wane_results *db, wane_found_function found, void *context,
                               wane_error *err)
{
    sqlite3 *fresh = NULL;
    sqlite3_stmt *wanted = NULL, *seen = NULL;
    wane_status st = WANE_OK;
    if (sqlite3_open(":memory:", &fresh) != SQLITE_OK ||
        sqlite3_exec(fresh, wane_results_schema(), NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(fresh, shape, -1, &wanted, NULL) != SQLITE_OK)
        st = wane_fail_memory(err, "check", db->path);
    else if (sqlite3_prepare_v2(db->sql, shape, -1, &seen, NULL) != SQLITE_OK ||
             merge(wanted, seen, found, context) != SQLITE_DONE)
        st = wane_results_fail(db, "check", err);
    (void)sqlite3_finalize(wanted);
    (void)sqlite3_finalize(seen);
    (void)sqlite3_close(fresh);
    return st;
}
