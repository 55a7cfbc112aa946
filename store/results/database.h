/* SPDX-License-Identifier: Apache-2.0
 * The database from inside: the handle, statements run from a format, errors of SQLite as one line.
 * For this room alone.
 */
#ifndef STORE_RESULTS_DATABASE_H
#define STORE_RESULTS_DATABASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "store/results/hashes.h"
#include "store/results/query.h"
#include "store/results/results.h"

enum {
    WANE_RESULTS_APPLICATION = 0x77616e65, /* application_id of the file: "wane" */
    WANE_RESULTS_STATEMENTS = 160          /* prepared statements kept per handle */
};

struct wane_results {
    sqlite3 *sql;
    char *path;
    wane_results_mode mode;
    bool guarded; /* the authorizer lets only reads through */
    struct {
        const char *text; /* compared by address: statements are constants */
        sqlite3_stmt *statement;
    } kept[WANE_RESULTS_STATEMENTS];
    size_t kept_count;
};

/* Gives SQL the function held(name): 1 while a process holds the lock of that name (see
 * wane_results_lock_path), 0 when none does, NULL when it cannot be told. */
wane_status wane_results_add_held(wane_results *db, wane_error *err);

/* The last error of SQLite on this handle as "operation: path: cause". Never WANE_OK. */
wane_status wane_results_fail(wane_results *db, const char *operation, wane_error *err);

/* What the guard lets through; SQLite calls it for every part of a statement it prepares. */
int wane_results_authorize(void *db, int action, const char *first, const char *second,
                           const char *database, const char *trigger);

/* How long a lock is waited for; 60,000 after opening. */
void wane_results_patience(wane_results *db, int milliseconds);

/* Runs one statement to its end. `format` has a letter per parameter: i int64_t (WANE_NULL = NULL),
 * r int64_t id (0 = NULL), b int (truth), d double (NaN = NULL), t text (NULL = NULL). `sql` is a
 * constant: the statement is prepared once per handle. */
wane_status wane_results_run(wane_results *db, wane_error *err, const char *sql, const char *format,
                             ...);

/* The same, and the first row's integers go to the `count` places of `out`, NULL as WANE_NULL.
 * WANE_DONE when there is no row; `out` is untouched then. */
wane_status wane_results_get(wane_results *db, int64_t *out, int count, wane_error *err,
                             const char *sql, const char *format, ...);

/* *out = the statement, bound and not yet run; the caller steps it, resets it and clears its
 * bindings. It belongs to the handle. */
wane_status wane_results_start(wane_results *db, sqlite3_stmt **out, wane_error *err,
                               const char *sql, const char *format, ...);

/* Opens a transaction unless one is open; *own says whether. wane_results_leave commits an own one
 * when st is WANE_OK and rolls it back otherwise; it returns the status to go on with. */
wane_status wane_results_enter(wane_results *db, bool *own, wane_error *err);
wane_status wane_results_leave(wane_results *db, bool own, wane_status st, wane_error *err);

/* Binds text; bytes that are no UTF-8 become U+FFFD. Returns SQLite's code. */
int wane_results_bind_text(sqlite3_stmt *statement, int position, const char *text);

/* A table under a hash: its name, the SELECT of the rows that belong together, and the DELETE that
 * takes them away. Of the tables of cells: ?1 stage, ?2 step, ?3 subject (of interventions ?3
 * choice, ?4 arm, ?5 lambda; of single numbers ?4 measure); of parts: ?1 the id. Column lists are
 * written out, so that a later column changes no hash. The last `later` columns came after rows had
 * been hashed. What those were given when they were brought forward (NULL in the last one, in the
 * others the number of column `like`) is not hashed, anything else is. */
typedef struct wane_hashed_table {
    const char *name, *sql, *remove;
    int later, like;
} wane_hashed_table;
const wane_hashed_table *wane_hashed_tables(size_t *cells, const wane_hashed_table **parts);

/* Takes away the rows of a cell in all tables of its measure; the cell itself stays. Errors as of
 * wane_cell_hash. */
wane_status wane_cell_remove_rows(wane_results *db, int64_t stage, int64_t step,
                                  const char *measure, const char *subject, wane_error *err);

/* Inside a transaction: writes the seal of a part; writes it again if there is one (what an earlier
 * wane wrote stays unsealed); takes it away. */
wane_status wane_part_seal(wane_results *db, wane_part part, int64_t id, wane_error *err);
wane_status wane_part_reseal(wane_results *db, wane_part part, int64_t id, wane_error *err);
wane_status wane_part_unseal(wane_results *db, wane_part part, int64_t id, wane_error *err);

/* The row of spectrum_total from the spectra of (?1 stage, ?2 step, ?3 against). */
extern const char wane_spectrum_total_sql[];

/* One step of the way from an older version to the next. */
typedef struct wane_migration {
    int from; /* user_version it starts at; it leads to from + 1 */
    const char *sql;
} wane_migration;

/* Brings the file to version `target` by the steps given, in one transaction, and makes the views
 * anew; or makes the schema when the file is empty and `create` is set. Nothing is changed on
 * failure. */
wane_status wane_results_migrate(wane_results *db, bool create, const wane_migration *steps,
                                 size_t count, int target, wane_error *err);

/* The steps of this wane. */
const wane_migration *wane_results_migrations(size_t *count);

/* The views alone, as a constant. */
const char *wane_results_views(void);

/* Whether the file `path` lies on, or would be made on, a network file system; WANE_EINVAL with the
 * remedy then. */
wane_status wane_results_check_place(const char *path, wane_error *err);

/* The name of a network file system by its statfs number and its name in mountinfo ("" unknown), or
 * NULL for one that is local. */
const char *wane_network_file_system(unsigned long magic, const char *type);

#endif
