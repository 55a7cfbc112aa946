/* SPDX-License-Identifier: Apache-2.0
 * Some runs only: temporary views of the same names over a temporary view `run`.
 *
 * A name without a schema means the temporary object first, so that queries see the restricted
 * table and views, whatever they do with them; the views of the file itself stay as they are.
 */
#include <string.h>

#include "store/base/memory.h"
#include "store/results/database.h"

/* Whether the text is one expression as far as brackets, quotes and comments go: it must not close
 * the bracket it is put in, nor end the statement. */
static bool one_expression(const char *s)
{
    int depth = 0;
    for (; *s; s++) {
        if (*s == '\'' || *s == '"' || *s == '`' || *s == '[') {
            const char *end = strchr(s + 1, *s == '[' ? ']' : *s);
            if (!end) return false;
            s = end;
        } else if (*s == '-' && s[1] == '-') {
            s += strcspn(s, "\n");
            if (!*s) break;
        } else if (*s == '/' && s[1] == '*') {
            const char *end = strstr(s + 2, "*/");
            if (!end) return false;
            s = end + 1;
        } else if (*s == '(') {
            depth++;
        } else if (*s == ')') {
            if (--depth < 0) return false;
        } else if (*s == ';') {
            return false;
        }
    }
    return depth == 0;
}

static wane_status execute(wane_results *db, const char *sql, wane_error *err)
{
    if (sqlite3_exec(db->sql, sql, NULL, NULL, NULL) == SQLITE_OK) return WANE_OK;
    return wane_results_fail(db, "read", err);
}

static wane_status drop_restriction(wane_results *db, wane_error *err)
{
    for (;;) {
        sqlite3_stmt *statement = NULL;
        char *drop = NULL;
        int code = sqlite3_prepare_v2(db->sql,
                                      "SELECT type, name FROM temp.sqlite_schema "
                                      "WHERE type IN ('view', 'table') LIMIT 1",
                                      -1, &statement, NULL);
        if (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW)
            drop = sqlite3_mprintf("DROP %s temp.\"%w\"", sqlite3_column_text(statement, 0),
                                   sqlite3_column_text(statement, 1));
        (void)sqlite3_finalize(statement);
        if (code == SQLITE_DONE) return WANE_OK;
        if (!drop) return wane_results_fail(db, "read", err);
        wane_status st = execute(db, drop, err);
        sqlite3_free(drop);
        if (st != WANE_OK) return st;
    }
}

/* Puts SQLite's words on a bad expression into those of who typed it. */
static wane_status explain(wane_results *db, const char *where, wane_error *err)
{
    static const char unknown[] = "no such column: ";
    static const char *const columns[] = {
        "experiment", "run",        "key",        "method", "kind",          "rank",
        "alpha",      "status",     "order_name", "seed",   "learning_rate", "stages",
        "trainable",  "superseded", "limited",    "error",  "bound"};
    const char *words = sqlite3_errmsg(db->sql);
    if (strncmp(words, unknown, strlen(unknown)) == 0) {
        const char *near =
            wane_nearest(words + strlen(unknown), columns, sizeof columns / sizeof *columns);
        return wane_fail(err, WANE_EINVAL, "read: --where \"%s\": %s%s%s%s", where, words,
                         near ? "; did you mean " : " (a text stands in single quotes)",
                         near ? near : "", near ? "?" : "");
    }
    if (strncmp(words, "near \")\"", 8) == 0 || strcmp(words, "incomplete input") == 0)
        words = "the expression is not complete";
    return wane_fail(err, WANE_EINVAL, "read: --where \"%s\": %s", where, words);
}

/* The ids of the runs wanted; *ids is freed by the caller. */
static wane_status select_runs(wane_results *db, int64_t **ids, size_t *count, const char *where,
                               const char *experiment, wane_error *err)
{
    wane_text sql = {0};
    wane_query *query = NULL;
    const wane_binding name[] = {
        {"experiment",
         {.type = experiment ? WANE_VALUE_TEXT : WANE_VALUE_NULL, .text = experiment}}};
    size_t room = 0;
    wane_status st = WANE_OK;
    wane_text_string(&sql, "SELECT q.id FROM (SELECT b.id AS id, l.* FROM main.run b JOIN "
                           "main.run_list l ON l.key = b.key) q "
                           "WHERE q.superseded = 0 "
                           "AND (:experiment IS NULL OR q.experiment = :experiment) AND (\n");
    wane_text_string(&sql, where ? where : "1");
    wane_text_string(&sql, "\n)");
    WANE_TRY(wane_text_check(&sql, "read", db->path, err));
    st = wane_query_open(&query, db, sql.data, name, 1, err);
    if (st == WANE_EINVAL && where && sqlite3_errcode(db->sql) == SQLITE_ERROR)
        st = explain(db, where, err);
    if (st != WANE_OK) goto done;
    while ((st = wane_query_next(query, err)) == WANE_OK) {
        if (!WANE_GROW(*ids, room, *count + 1)) WANE_TRY(wane_fail_memory(err, "read", db->path));
        (*ids)[(*count)++] = wane_query_int(query, 0);
    }
    if (st == WANE_DONE) st = WANE_OK;
done:
    wane_query_free(query);
    wane_text_free(&sql);
    return st;
}

/* The file's views as temporary ones. */
static wane_status shadow(wane_results *db, const int64_t *ids, size_t count, wane_error *err)
{
    static const char old[] = "CREATE VIEW ", temporary[] = "CREATE TEMP VIEW ";
    wane_text sql = {0};
    sqlite3_stmt *insert = NULL;
    wane_status st = execute(db,
                             "CREATE TEMP TABLE restricted_run (id INTEGER PRIMARY KEY);"
                             "CREATE TEMP VIEW run AS SELECT * FROM main.run "
                             "WHERE id IN (SELECT id FROM temp.restricted_run);",
                             err);
    if (st != WANE_OK) goto done;
    if (sqlite3_prepare_v2(db->sql, "INSERT INTO temp.restricted_run VALUES (?)", -1, &insert,
                           NULL) != SQLITE_OK)
        st = wane_results_fail(db, "read", err);
    for (size_t i = 0; st == WANE_OK && i < count; i++) {
        (void)sqlite3_bind_int64(insert, 1, ids[i]);
        if (sqlite3_step(insert) != SQLITE_DONE) st = wane_results_fail(db, "read", err);
        (void)sqlite3_reset(insert);
    }
    if (st != WANE_OK) goto done;
    const char *rest = wane_results_views(), *next = NULL;
    for (; (next = strstr(rest, old)); rest = next + strlen(old)) {
        wane_text_append(&sql, rest, (size_t)(next - rest));
        wane_text_string(&sql, temporary);
    }
    wane_text_string(&sql, rest);
    WANE_TRY(wane_text_check(&sql, "read", db->path, err));
    WANE_TRY(execute(db, sql.data, err));
done:
    (void)sqlite3_finalize(insert);
    wane_text_free(&sql);
    return st;
}

static wane_status known_experiment(wane_results *db, const char *experiment, wane_error *err)
{
    int64_t id = 0;
    return wane_results_find(db, &id, WANE_TABLE_EXPERIMENT, experiment, err);
}

wane_status wane_results_restrict(wane_results *db, int64_t *runs, const char *where,
                                  const char *experiment, wane_error *err)
{
    int64_t *ids = NULL, all = 0;
    size_t count = 0;
    bool began = false;
    wane_status st = WANE_OK;
    if (db->mode != WANE_RESULTS_READ)
        return wane_fail(err, WANE_EINVAL, "read: %s: not opened for reading", db->path);
    if (where && !one_expression(where))
        return wane_fail(err, WANE_EINVAL, "read: --where \"%s\": not one expression", where);
    if (experiment) WANE_TRY(known_experiment(db, experiment, err));
    WANE_TRY(select_runs(db, &ids, &count, where, experiment, err));
    /* Not a write: the temporary database of this handle is in memory. */
    WANE_TRY(execute(db, "BEGIN", err));
    began = true;
    WANE_TRY(drop_restriction(db, err));
    if (where || experiment) WANE_TRY(shadow(db, ids, count, err));
    else
        WANE_TRY(wane_results_get(db, &all, 1, err, "SELECT count(*) FROM run WHERE superseded = 0",
                                  ""));
    WANE_TRY(execute(db, "COMMIT", err));
    if (runs) *runs = where || experiment ? (int64_t)count : all;
done:
    if (st != WANE_OK && began) wane_results_rollback(db);
    wane_free(ids);
    return st;
}
