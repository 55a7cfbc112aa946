/* SPDX-License-Identifier: Apache-2.0
 * What verify has found, said.
 */
#include <stdarg.h>
#include <stdio.h>

#include "eval/run/verify_parts.h"

void wane_verify_found(void *context, const char *where, const char *what)
{
    wane_verifying *v = context;
    v->count.found++;
    v->found(v->context, where, what);
}

void wane_verify_report(wane_verifying *v, const char *where, const char *format, ...)
{
    char what[600];
    va_list values;
    va_start(values, format);
    (void)vsnprintf(what, sizeof what, format, values);
    va_end(values);
    wane_verify_found(v, where, what);
}

wane_status wane_verify_damage(wane_verifying *v, const char *where, wane_status st,
                               const wane_error *err)
{
    if (st == WANE_OK || st == WANE_ENOMEM || st == WANE_ECANCELLED || st == WANE_EBUSY) return st;
    wane_verify_report(v, where, "%s", err->message);
    return WANE_OK;
}

wane_status wane_verify_each(wane_verifying *v, const char *where, const char *sql,
                             wane_verify_row function, wane_error *err)
{
    wane_query *query = NULL;
    wane_status st = wane_query_open(&query, v->db, sql, NULL, 0, err);
    while (st == WANE_OK && (st = wane_query_next(query, err)) == WANE_OK)
        st = function(v, query, err);
    wane_query_free(query);
    return st == WANE_DONE ? WANE_OK : wane_verify_damage(v, where, st, err);
}
