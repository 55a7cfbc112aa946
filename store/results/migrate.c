/* SPDX-License-Identifier: Apache-2.0
 * From nothing or from an older version to the schema of this wane.
 */
#include <stdio.h>

#include "store/results/database.h"

static const char schema[] = {
#include "schema.inc"
};

static const char views[] = {
#include "views.inc"
};

const char *wane_results_schema(void)
{
    return schema;
}

const char *wane_results_views(void)
{
    return views;
}

static const char from_1[] = {
#include "from_1.inc"
};

static const char from_2[] = {
#include "from_2.inc"
};

static const char from_3[] = {
#include "from_3.inc"
};

static const char from_5[] = {
#include "from_5.inc"
};

static const char from_6[] = {
#include "from_6.inc"
};

/* A step changes tables alone: views are made anew after the last one. */
const wane_migration *wane_results_migrations(size_t *count)
{
    /* Version 5 has one view more. */
    static const wane_migration steps[] = {{1, from_1}, {2, from_2}, {3, from_3},
                                           {4, ""},     {5, from_5}, {6, from_6}};
    *count = sizeof steps / sizeof *steps;
    return steps;
}

static wane_status execute(wane_results *db, const char *sql, wane_error *err)
{
    if (sqlite3_exec(db->sql, sql, NULL, NULL, NULL) == SQLITE_OK) return WANE_OK;
    return wane_results_fail(db, "update", err);
}

static wane_status set_version(wane_results *db, int version, wane_error *err)
{
    char text[96];
    (void)snprintf(text, sizeof text, "PRAGMA application_id=%d; PRAGMA user_version=%d",
                   WANE_RESULTS_APPLICATION, version);
    return execute(db, text, err);
}

static wane_status drop_views(wane_results *db, wane_error *err)
{
    static const char list[] = "SELECT name FROM main.sqlite_schema WHERE type = 'view' LIMIT 1";
    for (;;) {
        sqlite3_stmt *statement = NULL;
        char *drop = NULL;
        int code = sqlite3_prepare_v2(db->sql, list, -1, &statement, NULL);
        if (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW)
            drop = sqlite3_mprintf("DROP VIEW main.\"%w\"", sqlite3_column_text(statement, 0));
        (void)sqlite3_finalize(statement);
        if (code == SQLITE_DONE) return WANE_OK;
        if (!drop) return wane_results_fail(db, "update", err);
        wane_status st = execute(db, drop, err);
        sqlite3_free(drop);
        if (st != WANE_OK) return st;
    }
}

static wane_status step_up(wane_results *db, const wane_migration *steps, size_t count, int from,
                           int target, wane_error *err)
{
    wane_status st = drop_views(db, err);
    for (int version = from; st == WANE_OK && version < target; version++) {
        const wane_migration *step = NULL;
        for (size_t i = 0; i < count; i++)
            if (steps[i].from == version) step = &steps[i];
        if (!step)
            return wane_fail(err, WANE_EVERSION,
                             "update: %s: version %d is older than this wane can bring forward",
                             db->path, version);
        st = execute(db, step->sql, err);
    }
    if (st == WANE_OK) st = execute(db, views, err);
    if (st == WANE_OK) st = set_version(db, target, err);
    return st;
}

wane_status wane_results_migrate(wane_results *db, bool create, const wane_migration *steps,
                                 size_t count, int target, wane_error *err)
{
    /* Foreign keys must be off while tables are rebuilt; inside a transaction the pragma does
     * nothing. */
    wane_status st = execute(db, "PRAGMA foreign_keys=OFF", err);
    if (st != WANE_OK) return st;
    int64_t version = 0, broken = 0;
    WANE_TRY(wane_results_begin(db, err));
    /* Asked again under the lock: another process may have done it meanwhile. */
    WANE_TRY(wane_results_get(db, &version, 1, err, "PRAGMA user_version", ""));
    if (version == 0 && create) {
        WANE_TRY(execute(db, schema, err));
        WANE_TRY(set_version(db, target, err));
    } else if (version < target) {
        WANE_TRY(step_up(db, steps, count, (int)version, target, err));
        st = wane_results_get(db, &broken, 1, err, "SELECT count(*) FROM pragma_foreign_key_check",
                              "");
        if (st == WANE_OK && broken)
            st = wane_fail(err, WANE_EINTERNAL,
                           "update: %s: references were broken; left as it was", db->path);
        if (st != WANE_OK) goto done;
    }
    WANE_TRY(wane_results_commit(db, err));
done:
    if (st != WANE_OK) wane_results_rollback(db);
    if (sqlite3_exec(db->sql, "PRAGMA foreign_keys=ON", NULL, NULL, NULL) != SQLITE_OK &&
        st == WANE_OK)
        st = wane_results_fail(db, "update", err);
    return st;
}
