/* SPDX-License-Identifier: Apache-2.0
 * Asks the view itself for its columns, and fails with the nearest one.
 */
#include "analysis/report/columns.h"

#include <string.h>

#include "store/base/memory.h"
#include "store/base/text.h"
#include "store/results/query.h"

static wane_status check(const char *operation, const char *view, const char *const *names,
                         size_t count, const char *column, wane_error *err)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], column) == 0) return WANE_OK;
    const char *near = wane_nearest(column, names, count);
    if (near)
        return wane_fail(err, WANE_ENOTFOUND, "%s: %s: no such column of %s; did you mean %s?",
                         operation, column, view, near);
    return wane_fail(err, WANE_ENOTFOUND, "%s: %s: no such column of %s (wane schema lists them)",
                     operation, column, view);
}

wane_status wane_columns_check(wane_results *db, const char *operation, const char *view,
                               const char *const *columns, size_t count, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_text sql = {0};
    wane_query *query = NULL;
    const char **names = NULL;
    wane_text_printf(&sql, "SELECT * FROM %s LIMIT 0", view);
    WANE_TRY(wane_text_check(&sql, operation, view, err));
    WANE_TRY(wane_query_open(&query, db, sql.data, NULL, 0, err));
    size_t known = wane_query_columns(query);
    names = wane_alloc(known, sizeof *names);
    if (!names) {
        st = wane_fail_memory(err, operation, view);
        goto done;
    }
    for (size_t i = 0; i < known; i++) names[i] = wane_query_name(query, i);
    for (size_t i = 0; i < count; i++)
        if (columns[i]) WANE_TRY(check(operation, view, names, known, columns[i], err));
done:
    wane_free(names);
    wane_query_free(query);
    wane_text_free(&sql);
    return st;
}
