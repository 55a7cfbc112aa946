/* SPDX-License-Identifier: Apache-2.0
 * Who is at work on a database: the locks beside it, asked about and never taken.
 */
#include <stdlib.h>
#include <string.h>

#include "store/base/memory.h"
#include "store/files/file.h"
#include "store/results/database.h"

wane_status wane_results_lock_path(char **out, const char *database, const char *name,
                                   wane_error *err)
{
    wane_text path = {0};
    wane_text_printf(&path, "%s.artifacts/locks/%s", database, name);
    wane_status st = wane_text_check(&path, "lock", database, err);
    if (st == WANE_OK) *out = path.data;
    else wane_text_free(&path);
    return st;
}

static wane_status held_beside(bool *out, const char *database, const char *name)
{
    char *path = NULL;
    wane_error ignored;
    wane_status st = wane_results_lock_path(&path, database, name, &ignored);
    if (st == WANE_OK) st = wane_lock_held(out, path, &ignored);
    wane_free(path);
    return st;
}

/* The folder of artifacts bears the name that the database was run under: this one, or the one that
 * it is a link to. */
static void held(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    const wane_results *db = sqlite3_user_data(context);
    const char *name = (const char *)sqlite3_value_text(values[0]);
    bool here = false, there = false;
    /* The name may come from a file that is anybody's. */
    if (!name || strchr(name, '/') || held_beside(&here, db->path, name) != WANE_OK) return;
    char *real = here ? NULL : realpath(db->path, NULL);
    if (real && strcmp(real, db->path) != 0 && held_beside(&there, real, name) != WANE_OK)
        sqlite3_result_null(context);
    else sqlite3_result_int(context, here || there);
    free(real); /* realpath's own */
}

wane_status wane_results_add_held(wane_results *db, wane_error *err)
{
    if (sqlite3_create_function_v2(db->sql, "held", 1, SQLITE_UTF8 | SQLITE_DIRECTONLY, db, held,
                                   NULL, NULL, NULL) != SQLITE_OK)
        return wane_results_fail(db, "read", err);
    return WANE_OK;
}
