/* SPDX-License-Identifier: Apache-2.0
 * SQL that can only read: the guard and the cursor.
 */
#include <math.h>
#include <string.h>

#include "store/base/clock.h"
#include "store/base/memory.h"
#include "store/results/database.h"

struct wane_query {
    wane_results *db;
    sqlite3_stmt *statement;
    size_t columns, rows, most; /* rows so far; most 0: as many as there are */
    bool done, cut;
};

int wane_results_authorize(void *context, int action, const char *first, const char *second,
                           const char *database, const char *trigger)
{
    (void)first;
    (void)database;
    (void)trigger;
    const wane_results *db = context;
    if (!db->guarded) return SQLITE_OK;
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_RECURSIVE: return SQLITE_OK;
    case SQLITE_FUNCTION:
        return second && (sqlite3_stricmp(second, "load_extension") == 0 ||
                          sqlite3_stricmp(second, "fts3_tokenizer") == 0)
                   ? SQLITE_DENY
                   : SQLITE_OK;
    default: return SQLITE_DENY;
    }
}

static wane_status bad_sql(wane_results *db, wane_error *err)
{
    int code = sqlite3_errcode(db->sql) & 0xff;
    if (code == SQLITE_AUTH)
        return wane_fail(err, WANE_EINVAL,
                         "query: %s: only SELECT is allowed here, nothing that writes, attaches, "
                         "loads or sets",
                         db->path);
    if (code == SQLITE_ERROR || code == SQLITE_TOOBIG)
        return wane_fail(err, WANE_EINVAL, "query: %s: %s", db->path, sqlite3_errmsg(db->sql));
    return wane_results_fail(db, "query", err);
}

static int bind_value(sqlite3_stmt *statement, int position, const wane_value *value)
{
    switch (value->type) {
    case WANE_VALUE_INTEGER: return sqlite3_bind_int64(statement, position, value->integer);
    case WANE_VALUE_REAL: return sqlite3_bind_double(statement, position, value->real);
    case WANE_VALUE_TEXT: return wane_results_bind_text(statement, position, value->text);
    case WANE_VALUE_NULL: break;
    }
    return sqlite3_bind_null(statement, position);
}

static wane_status bind_bindings(wane_query *query, const wane_binding *bindings, size_t count,
                                 wane_error *err)
{
    int places = sqlite3_bind_parameter_count(query->statement);
    for (size_t i = 0; i < count; i++) {
        int place = (int)i + 1;
        if (bindings[i].name)
            for (place = 1; place <= places; place++) {
                const char *name = sqlite3_bind_parameter_name(query->statement, place);
                if (name && strcmp(name + 1, bindings[i].name) == 0) break;
            }
        if (place > places)
            return wane_fail(err, WANE_EINVAL, "query: %s: it has no parameter '%s'",
                             query->db->path, bindings[i].name ? bindings[i].name : "?");
        if (bind_value(query->statement, place, &bindings[i].value) != SQLITE_OK)
            return wane_fail_memory(err, "query", query->db->path);
    }
    return WANE_OK;
}

static wane_status prepare(wane_query *query, const char *sql, wane_error *err)
{
    wane_results *db = query->db;
    sqlite3_stmt *second = NULL;
    const char *tail = NULL;
    db->guarded = true;
    int code = sqlite3_prepare_v2(db->sql, sql, -1, &query->statement, &tail);
    while (code == SQLITE_OK && !second && *tail) /* comments and blanks make no statement */
        code = sqlite3_prepare_v2(db->sql, tail, -1, &second, &tail);
    db->guarded = false;
    bool more = second != NULL;
    (void)sqlite3_finalize(second);
    if (more || (code != SQLITE_OK && query->statement))
        return wane_fail(err, WANE_EINVAL, "query: %s: one statement at a time", db->path);
    if (code != SQLITE_OK) return bad_sql(db, err);
    if (!query->statement) return wane_fail(err, WANE_EINVAL, "query: %s: no statement", db->path);
    if (!sqlite3_stmt_readonly(query->statement) || sqlite3_column_count(query->statement) == 0)
        return wane_fail(err, WANE_EINVAL, "query: %s: only SELECT is allowed here", db->path);
    query->columns = (size_t)sqlite3_column_count(query->statement);
    return WANE_OK;
}

wane_status wane_query_open(wane_query **out, wane_results *db, const char *sql,
                            const wane_binding *parameters, size_t count, wane_error *err)
{
    wane_query *query = wane_alloc(1, sizeof *query);
    if (!query) return wane_fail_memory(err, "query", db->path);
    query->db = db;
    wane_status st = WANE_OK;
    WANE_TRY(prepare(query, sql, err));
    WANE_TRY(bind_bindings(query, parameters, count, err));
    *out = query;
    return WANE_OK;
done:
    wane_query_free(query);
    return st;
}

void wane_query_free(wane_query *query)
{
    if (!query) return;
    (void)sqlite3_finalize(query->statement);
    wane_free(query);
}

wane_status wane_query_next(wane_query *query, wane_error *err)
{
    if (query->done) return WANE_DONE;
    if (query->db->mode == WANE_RESULTS_READ) {
        wane_status st = wane_deadline_check("query", query->db->path, err);
        if (st != WANE_OK) return st;
    }
    int code = sqlite3_step(query->statement);
    query->cut = code == SQLITE_ROW && query->most && query->rows == query->most;
    if (code == SQLITE_ROW && !query->cut) {
        query->rows++;
        return WANE_OK;
    }
    query->done = true;
    if (query->cut) return WANE_DONE;
    if (code == SQLITE_DONE) return WANE_DONE;
    return bad_sql(query->db, err);
}

void wane_query_limit(wane_query *query, size_t rows)
{
    query->most = rows;
}

bool wane_query_cut(const wane_query *query)
{
    return query->cut;
}

size_t wane_query_columns(const wane_query *query)
{
    return query->columns;
}

const char *wane_query_name(const wane_query *query, size_t column)
{
    const char *name = sqlite3_column_name(query->statement, (int)column);
    return name ? name : "";
}

wane_value_type wane_query_type(const wane_query *query, size_t column)
{
    switch (sqlite3_column_type(query->statement, (int)column)) {
    case SQLITE_INTEGER: return WANE_VALUE_INTEGER;
    case SQLITE_FLOAT: return WANE_VALUE_REAL;
    case SQLITE_NULL: return WANE_VALUE_NULL;
    default: return WANE_VALUE_TEXT;
    }
}

int64_t wane_query_int(const wane_query *query, size_t column)
{
    if (wane_query_type(query, column) == WANE_VALUE_NULL) return WANE_NULL;
    return sqlite3_column_int64(query->statement, (int)column);
}

double wane_query_double(const wane_query *query, size_t column)
{
    if (wane_query_type(query, column) == WANE_VALUE_NULL) return (double)NAN;
    return sqlite3_column_double(query->statement, (int)column);
}

const char *wane_query_text(const wane_query *query, size_t column)
{
    return (const char *)sqlite3_column_text(query->statement, (int)column);
}

const char *wane_results_sqlite(void)
{
    return sqlite3_libversion();
}
