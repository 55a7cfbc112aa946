/* SPDX-License-Identifier: Apache-2.0
 * The handle once it is open: transactions, statements kept prepared, errors; opening it:
 * database_open.c.
 */
#include "store/results/database.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "store/base/clock.h"
#include "store/files/file.h"
#include "store/files/kind.h"

/* ------------------------------------------------------------------------------------ errors */

static wane_status fail_io(wane_results *db, const char *operation, int code, wane_error *err)
{
    int cause = sqlite3_system_errno(db->sql);
    if (cause == EBADF) cause = 0; /* of a file that could not be opened, by its closing */
    char text[128] = "";
    const char *reason = cause ? strerror_r(cause, text, sizeof text) : sqlite3_errmsg(db->sql);
    if (cause == ENOSPC || cause == EDQUOT || code == SQLITE_FULL)
        return wane_fail(err, WANE_EIO,
                         "%s: %s: the disk is full; what was committed before is intact", operation,
                         db->path);
    if (code == SQLITE_READONLY || code == SQLITE_PERM)
        return wane_fail(err, WANE_EIO, "%s: %s: no permission to write it and files beside it",
                         operation, db->path);
    return wane_fail(err, WANE_EIO, "%s: %s: %s", operation, db->path, reason);
}

/* The device's own words where it could not read the file or the journal beside it: SQLite calls
 * such a file damaged. 0: it has none. */
static int failed_read(sqlite3 *sql)
{
    for (int op = SQLITE_FCNTL_FILE_POINTER;; op = SQLITE_FCNTL_JOURNAL_POINTER) {
        sqlite3_file *file = NULL;
        int cause = 0;
        if (sqlite3_file_control(sql, "main", op, &file) == SQLITE_OK && file && file->pMethods &&
            file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &cause) == SQLITE_OK &&
            (cause == EIO || cause == ENXIO || cause == ERANGE))
            return cause;
        if (op == SQLITE_FCNTL_JOURNAL_POINTER) return 0;
    }
}

static wane_status fail_damaged(wane_results *db, const char *operation, wane_error *err)
{
    int cause = failed_read(db->sql);
    char text[128];
    if (cause)
        return wane_fail(err, WANE_EIO, "%s: %s: could not be read: %s", operation, db->path,
                         strerror_r(cause, text, sizeof text));
    return wane_fail(err, WANE_EFORMAT,
                     "%s: %s: the file is damaged; take a copy that is whole, or save what can "
                     "be read with `sqlite3 FILE .recover`",
                     operation, db->path);
}

/* Says what the file is instead, as far as its first bytes tell. */
static wane_status fail_no_database(const wane_results *db, const char *operation, wane_error *err)
{
    char head[64];
    size_t bytes = 0;
    wane_status st = wane_file_head(head, &bytes, sizeof head, db->path, err);
    if (st != WANE_OK) return st;
    const char *is = wane_kind_name(wane_kind_of_bytes(head, bytes));
    return wane_fail(err, WANE_EFORMAT, "%s: %s: %s%snot a database", operation, db->path,
                     is ? is : "", is ? ", " : "");
}

wane_status wane_results_fail(wane_results *db, const char *operation, wane_error *err)
{
    const char *words = sqlite3_errmsg(db->sql);
    int code = sqlite3_errcode(db->sql) & 0xff;
    switch (code) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return wane_fail(err, WANE_EBUSY,
                         "%s: %s: held by another process; try again when it is done", operation,
                         db->path);
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN: return fail_io(db, operation, code, err);
    case SQLITE_NOTADB: return fail_no_database(db, operation, err);
    case SQLITE_CORRUPT: return fail_damaged(db, operation, err);
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
    case SQLITE_RANGE: return wane_fail(err, WANE_EINVAL, "%s: %s: %s", operation, db->path, words);
    case SQLITE_NOMEM: return wane_fail_memory(err, operation, db->path);
    case SQLITE_INTERRUPT:
        if (wane_deadline_check(operation, db->path, err) != WANE_OK) return WANE_ELIMIT;
        return wane_fail(err, WANE_ECANCELLED, "%s: %s: stopped", operation, db->path);
    case SQLITE_ERROR:
        return wane_fail(err, WANE_EFORMAT, "%s: %s: its tables are not as wane makes them: %s",
                         operation, db->path, words);
    default:
        return wane_fail(err, WANE_EINTERNAL, "%s: %s: %s (%d)", operation, db->path, words, code);
    }
}

/* -------------------------------------------------------------------------------- statements */

static const char *operation_of(const wane_results *db)
{
    return db->mode == WANE_RESULTS_READ ? "read" : "write";
}

static wane_status keep(wane_results *db, sqlite3_stmt **out, const char *sql, wane_error *err)
{
    for (size_t i = 0; i < db->kept_count; i++)
        if (db->kept[i].text == sql) {
            *out = db->kept[i].statement;
            return WANE_OK;
        }
    if (db->kept_count == WANE_RESULTS_STATEMENTS)
        return wane_fail(err, WANE_EINTERNAL, "write: %s: too many statements", db->path);
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v3(db->sql, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) !=
        SQLITE_OK)
        return wane_results_fail(db, operation_of(db), err);
    db->kept[db->kept_count].text = sql;
    db->kept[db->kept_count++].statement = *out = statement;
    return WANE_OK;
}

int wane_results_bind_text(sqlite3_stmt *statement, int position, const char *text)
{
    if (!text) return sqlite3_bind_null(statement, position);
    size_t left = strlen(text), bad = 0;
    if (left > INT32_MAX) return SQLITE_TOOBIG;
    if (wane_utf8_valid(text, left, &bad))
        return sqlite3_bind_text(statement, position, text, (int)left, SQLITE_TRANSIENT);
    wane_text clean = {0};
    for (; !wane_utf8_valid(text, left, &bad); text += bad + 1, left -= bad + 1) {
        wane_text_append(&clean, text, bad);
        wane_text_string(&clean, "\xef\xbf\xbd");
    }
    wane_text_append(&clean, text, left);
    int code = SQLITE_NOMEM;
    if (!clean.failed && clean.length <= INT32_MAX)
        code =
            sqlite3_bind_text(statement, position, clean.data, (int)clean.length, SQLITE_TRANSIENT);
    wane_text_free(&clean);
    return code;
}

static int bind_all(sqlite3_stmt *statement, const char *format, va_list values)
{
    int code = SQLITE_OK;
    for (int i = 1; *format && code == SQLITE_OK; format++, i++) {
        int64_t whole = 0;
        double real = 0;
        switch (*format) {
        case 'i':
        case 'r':
            whole = va_arg(values, int64_t);
            code = whole == (*format == 'i' ? WANE_NULL : 0)
                       ? sqlite3_bind_null(statement, i)
                       : sqlite3_bind_int64(statement, i, whole);
            break;
        case 'b': code = sqlite3_bind_int(statement, i, va_arg(values, int) != 0); break;
        case 'd':
            real = va_arg(values, double);
            code = isfinite(real) ? sqlite3_bind_double(statement, i, real)
                                  : sqlite3_bind_null(statement, i);
            break;
        case 't': code = wane_results_bind_text(statement, i, va_arg(values, const char *)); break;
        default: code = SQLITE_MISUSE;
        }
    }
    return code;
}

wane_status wane_results_start(wane_results *db, sqlite3_stmt **out, wane_error *err,
                               const char *sql, const char *format, ...)
{
    va_list values;
    wane_status st = keep(db, out, sql, err);
    if (st != WANE_OK) return st;
    va_start(values, format);
    int code = bind_all(*out, format, values);
    va_end(values);
    if (code == SQLITE_OK) return WANE_OK;
    (void)sqlite3_clear_bindings(*out);
    return code == SQLITE_NOMEM ? wane_fail_memory(err, operation_of(db), db->path)
                                : wane_results_fail(db, operation_of(db), err);
}

static wane_status run_statement(wane_results *db, int64_t *out, int count, wane_error *err,
                                 const char *sql, const char *format, va_list values)
{
    sqlite3_stmt *statement = NULL;
    wane_status st = keep(db, &statement, sql, err);
    if (st != WANE_OK) return st;
    int code = bind_all(statement, format, values);
    if (code == SQLITE_OK) code = sqlite3_step(statement);
    bool row = code == SQLITE_ROW;
    if (row)
        for (int i = 0; i < count; i++)
            out[i] = sqlite3_column_type(statement, i) == SQLITE_NULL
                         ? WANE_NULL
                         : sqlite3_column_int64(statement, i);
    while (code == SQLITE_ROW) code = sqlite3_step(statement);
    if (code == SQLITE_NOMEM) st = wane_fail_memory(err, operation_of(db), db->path);
    else if (code == SQLITE_TOOBIG)
        st = wane_fail(err, WANE_EINVAL, "%s: %s: a text is too long", operation_of(db), db->path);
    else if (code != SQLITE_DONE) st = wane_results_fail(db, operation_of(db), err);
    else st = row || count == 0 ? WANE_OK : WANE_DONE;
    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement);
    return st;
}

wane_status wane_results_run(wane_results *db, wane_error *err, const char *sql, const char *format,
                             ...)
{
    va_list values;
    va_start(values, format);
    wane_status st = run_statement(db, NULL, 0, err, sql, format, values);
    va_end(values);
    return st;
}

wane_status wane_results_get(wane_results *db, int64_t *out, int count, wane_error *err,
                             const char *sql, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    wane_status st = run_statement(db, out, count, err, sql, format, values);
    va_end(values);
    return st;
}

/* ------------------------------------------------------------------------------ transactions */

wane_status wane_results_begin(wane_results *db, wane_error *err)
{
    if (db->mode == WANE_RESULTS_READ)
        return wane_fail(err, WANE_EINVAL, "write: %s: opened for reading", db->path);
    if (!sqlite3_get_autocommit(db->sql))
        return wane_fail(err, WANE_EINTERNAL, "write: %s: a transaction is open already", db->path);
    return wane_results_run(db, err, "BEGIN IMMEDIATE", "");
}

wane_status wane_results_commit(wane_results *db, wane_error *err)
{
    if (sqlite3_get_autocommit(db->sql))
        return wane_fail(err, WANE_EINTERNAL, "write: %s: no transaction is open", db->path);
    return wane_results_run(db, err, "COMMIT", "");
}

void wane_results_rollback(wane_results *db)
{
    /* After some errors (a full disk) SQLite has rolled back by itself. */
    if (db && db->sql && !sqlite3_get_autocommit(db->sql))
        (void)sqlite3_exec(db->sql, "ROLLBACK", NULL, NULL, NULL);
}

wane_status wane_results_enter(wane_results *db, bool *own, wane_error *err)
{
    *own = sqlite3_get_autocommit(db->sql) != 0;
    return *own ? wane_results_begin(db, err) : WANE_OK;
}

wane_status wane_results_leave(wane_results *db, bool own, wane_status st, wane_error *err)
{
    if (!own) return st;
    if (st == WANE_OK) st = wane_results_commit(db, err);
    if (st != WANE_OK) wane_results_rollback(db);
    return st;
}

wane_status wane_results_check(wane_results *db, wane_error *err)
{
    sqlite3_stmt *statement = NULL;
    wane_status st = WANE_OK;
    if (sqlite3_prepare_v2(db->sql, "PRAGMA integrity_check(1)", -1, &statement, NULL) != SQLITE_OK)
        return wane_results_fail(db, "check", err);
    int code = sqlite3_step(statement);
    const char *words = code == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    if (!words) st = wane_results_fail(db, "check", err);
    else if (strcmp(words, "ok") != 0)
        st = wane_fail(err, WANE_EFORMAT, "check: %s: the file is damaged: %s", db->path, words);
    (void)sqlite3_finalize(statement);
    if (st != WANE_OK) return st;
    int64_t broken = 0;
    st = wane_results_get(db, &broken, 1, err, "SELECT count(*) FROM pragma_foreign_key_check", "");
    if (st == WANE_OK && broken > 0)
        st = wane_fail(err, WANE_EFORMAT, "check: %s: %lld rows refer to rows that are not there",
                       db->path, (long long)broken);
    return st;
}
