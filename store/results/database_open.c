/* SPDX-License-Identifier: Apache-2.0
 * Opens a database: what may stand at the path, SQLite told to trust nothing in the file, its
 * version told and brought forward, and what a killed process left mended.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/base/clock.h"
#include "store/base/memory.h"
#include "store/files/file.h"
#include "store/results/database.h"

enum { PATIENCE_MS = 60000, LARGEST_VALUE = 256 << 20, LATE_STEPS = 1000 };

void wane_results_patience(wane_results *db, int milliseconds)
{
    (void)sqlite3_busy_timeout(db->sql, milliseconds);
}

/* A handle that reads gives up at the deadline; one that writes is never cut short. */
static int late(void *nothing)
{
    (void)nothing;
    return wane_deadline_left() > 0 ? 0 : 1;
}

static wane_status connect_file(wane_results *db, wane_error *err)
{
    /* Every name is a file: SQLite gives a meaning of its own to ":memory:", and, where it was
     * built so, to "file:NAME?mode=ro". */
    wane_text name = {0};
    wane_text_printf(&name, "%s%s", *db->path == '/' ? "" : "./", db->path);
    wane_status st = wane_text_check(&name, "open", db->path, err);
    if (st != WANE_OK) return st;
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    if (db->mode == WANE_RESULTS_READ) flags |= SQLITE_OPEN_READONLY;
    else flags |= SQLITE_OPEN_READWRITE;
    if (db->mode == WANE_RESULTS_CREATE) flags |= SQLITE_OPEN_CREATE;
    int code = sqlite3_open_v2(name.data, &db->sql, flags, NULL);
    wane_text_free(&name);
    if (!db->sql) return wane_fail_memory(err, "open", db->path);
    if (code != SQLITE_OK) return wane_results_fail(db, "open", err);
    double left_ms = 1000 * wane_deadline_left();
    wane_results_patience(db, left_ms < PATIENCE_MS ? (int)left_ms : PATIENCE_MS);
    if (db->mode == WANE_RESULTS_READ) sqlite3_progress_handler(db->sql, LATE_STEPS, late, NULL);
    /* The file may be anybody's: nothing in it may run code or reach beyond it. */
    (void)sqlite3_db_config(db->sql, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(db->sql, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    (void)sqlite3_db_config(db->sql, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    (void)sqlite3_db_config(db->sql, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    (void)sqlite3_limit(db->sql, SQLITE_LIMIT_LENGTH, LARGEST_VALUE);
    (void)sqlite3_limit(db->sql, SQLITE_LIMIT_ATTACHED, 0);
    if (sqlite3_set_authorizer(db->sql, wane_results_authorize, db) != SQLITE_OK ||
        wane_results_add_held(db, err) != WANE_OK ||
        sqlite3_exec(db->sql,
                     "PRAGMA foreign_keys=ON; PRAGMA cell_size_check=ON; PRAGMA mmap_size=0;"
                     "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-65536; PRAGMA synchronous=FULL",
                     NULL, NULL, NULL) != SQLITE_OK)
        return wane_results_fail(db, "open", err);
    /* These two tables come into being at their first use, which the guard would take for a CREATE.
     */
    (void)sqlite3_exec(db->sql, "SELECT 1 FROM json_each('[]'), json_tree('[]')", NULL, NULL, NULL);
    return WANE_OK;
}

static void disconnect(wane_results *db)
{
    for (size_t i = 0; i < db->kept_count; i++) (void)sqlite3_finalize(db->kept[i].statement);
    db->kept_count = 0;
    (void)sqlite3_close_v2(db->sql);
    db->sql = NULL;
}

/* user_version of a file that is wane's; 0 for an empty one. */
static wane_status identify(wane_results *db, int64_t *version, wane_error *err)
{
    int64_t application = 0, objects = 0;
    wane_status st = wane_results_get(db, version, 1, err, "PRAGMA user_version", "");
    if (st == WANE_OK) st = wane_results_get(db, &application, 1, err, "PRAGMA application_id", "");
    if (st == WANE_OK)
        st = wane_results_get(db, &objects, 1, err, "SELECT count(*) FROM sqlite_schema", "");
    if (st != WANE_OK) return st;
    if (application != WANE_RESULTS_APPLICATION && (objects || application || *version))
        return wane_fail(err, WANE_EFORMAT, "open: %s: a SQLite database, but none of wane's",
                         db->path);
    if (application == 0 && db->mode != WANE_RESULTS_CREATE)
        return wane_fail(err, WANE_EFORMAT, "open: %s: an empty file, no database", db->path);
    if (*version > WANE_RESULTS_VERSION)
        return wane_fail(
            err, WANE_EVERSION,
            "open: %s: written by a newer wane (version %lld of the database, this one "
            "knows %d): use that one",
            db->path, (long long)*version, WANE_RESULTS_VERSION);
    if (application && *version < 1)
        return wane_fail(err, WANE_EFORMAT, "open: %s: the file is damaged: version %lld", db->path,
                         (long long)*version);
    return WANE_OK;
}

static wane_status bring_forward(wane_results *db, wane_error *err)
{
    size_t count = 0;
    const wane_migration *steps = wane_results_migrations(&count);
    return wane_results_migrate(db, db->mode == WANE_RESULTS_CREATE, steps, count,
                                WANE_RESULTS_VERSION, err);
}

static wane_status set_journal(wane_results *db, wane_error *err)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db->sql, "PRAGMA journal_mode=TRUNCATE", -1, &statement, NULL) ==
            SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW) {
        const char *mode = (const char *)sqlite3_column_text(statement, 0);
        bool good = mode && strcmp(mode, "truncate") == 0;
        (void)sqlite3_finalize(statement);
        if (good) return WANE_OK;
        return wane_fail(err, WANE_EIO, "open: %s: its journal cannot be set", db->path);
    }
    wane_status st = wane_results_fail(db, "open", err);
    (void)sqlite3_finalize(statement);
    return st;
}

static wane_status look(const char *path, wane_results_mode mode, wane_error *err)
{
    struct stat facts;
    if (!*path) return wane_fail(err, WANE_EINVAL, "open: the database has no name");
    if (stat(path, &facts) != 0) {
        if (errno != ENOENT || mode != WANE_RESULTS_CREATE)
            return wane_fail_errno(err, "open", path);
    } else if (!S_ISREG(facts.st_mode)) {
        return wane_fail(err, WANE_EINVAL, "open: %s: %s, no database", path,
                         S_ISDIR(facts.st_mode) ? "a folder" : "a special file");
    }
    return wane_results_check_place(path, err);
}

static bool needs_mending(const wane_results *db, wane_status st, int64_t version)
{
    if (st == WANE_OK) return version < WANE_RESULTS_VERSION;
    return db->sql && sqlite3_extended_errcode(db->sql) == SQLITE_READONLY_ROLLBACK;
}

/* A transaction that a killed process left, or an older version: a handle that only reads cannot
 * mend either, so one that writes does it. Where the transaction was the one that makes the
 * database, nothing is left of it, and it is made anew. */
static wane_status mend(wane_results *db, wane_error *err)
{
    wane_results *writer = NULL;
    disconnect(db);
    wane_status st = wane_results_open(&writer, db->path, WANE_RESULTS_CREATE, err);
    wane_results_close(writer);
    return st == WANE_OK ? connect_file(db, err) : st;
}

wane_status wane_results_open(wane_results **out, const char *path, wane_results_mode mode,
                              wane_error *err)
{
    int64_t version = 0;
    wane_status st = look(path, mode, err);
    if (st != WANE_OK) return st;
    wane_results *db = wane_alloc(1, sizeof *db);
    if (db) db->path = wane_strdup(path);
    if (!db || !db->path) {
        st = wane_fail_memory(err, "open", path);
        goto done;
    }
    db->mode = mode;
    st = connect_file(db, err);
    if (st == WANE_OK) st = identify(db, &version, err);
    if (mode == WANE_RESULTS_READ && needs_mending(db, st, version)) {
        WANE_TRY(mend(db, err));
        st = identify(db, &version, err);
    }
    if (st != WANE_OK) goto done;
    if (mode != WANE_RESULTS_READ) {
        WANE_TRY(set_journal(db, err));
        if (version < WANE_RESULTS_VERSION) WANE_TRY(bring_forward(db, err));
    }
    *out = db;
    return WANE_OK;
done:
    wane_results_close(db);
    return st;
}

wane_status wane_results_writable(const char *path, wane_error *err)
{
    struct stat facts;
    wane_results *db = NULL;
    wane_status st = look(path, WANE_RESULTS_CREATE, err);
    if (st != WANE_OK) return st;
    if (stat(path, &facts) != 0) /* SQLite makes what a link leads to */
        return lstat(path, &facts) == 0 ? WANE_OK : wane_file_writable(path, err);
    if (facts.st_size > 0) st = wane_results_open(&db, path, WANE_RESULTS_READ, err);
    wane_results_close(db);
    if (st == WANE_OK && eaccess(path, W_OK) != 0) st = wane_fail_errno(err, "open", path);
    return st;
}

void wane_results_close(wane_results *db)
{
    if (!db) return;
    wane_results_rollback(db);
    disconnect(db);
    wane_free(db->path);
    wane_free(db);
}

const char *wane_results_path(const wane_results *db)
{
    return db->path;
}
