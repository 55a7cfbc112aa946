/* SPDX-License-Identifier: Apache-2.0
 * Fills the places {name} of a statement, and opens it with its parameters.
 */
#include "analysis/report/statement.h"

#include <string.h>

enum { PARAMETERS_MOST = 16 };

static const wane_sql_part of_all[] = {{"usable_runs", WANE_USABLE_RUNS},
                                       {"cosine", WANE_SQL_COSINE},
                                       {"changed", WANE_SQL_CHANGED},
                                       {NULL, NULL}};

/* The text for the name of so many bytes, or NULL. */
static const char *part_of(const wane_sql_part *parts, const char *name, size_t length)
{
    for (; parts && parts->name; parts++)
        if (strlen(parts->name) == length && memcmp(parts->name, name, length) == 0)
            return parts->text;
    return NULL;
}

void wane_statement_fill(wane_text *sql, const char *statement, const wane_sql_part *parts)
{
    const char *open, *close;
    while ((open = strchr(statement, '{')) != NULL && (close = strchr(open, '}')) != NULL) {
        size_t length = (size_t)(close - open - 1);
        const char *text = part_of(parts, open + 1, length);
        if (!text) text = part_of(of_all, open + 1, length);
        wane_text_append(sql, statement, (size_t)(open - statement));
        if (text) wane_text_string(sql, text);
        else wane_text_append(sql, open, length + 2);
        statement = close + 1;
    }
    wane_text_string(sql, statement);
}

wane_status wane_statement_open(wane_query **out, wane_results *db, const char *statement,
                                const char *experiment, const wane_sql_part *parts,
                                const wane_binding *bindings, wane_error *err)
{
    wane_binding all[PARAMETERS_MOST] = {{"experiment", wane_value_text(experiment)}};
    size_t count = 1;
    wane_text sql = {0};
    wane_status st = WANE_OK;
    for (; bindings && bindings->name && count < PARAMETERS_MOST; bindings++)
        all[count++] = *bindings;
    wane_statement_fill(&sql, statement, parts);
    WANE_TRY(wane_text_check(&sql, "curves", "query", err));
    WANE_TRY(wane_query_open(out, db, sql.data, all, count, err));
done:
    wane_text_free(&sql);
    return st;
}

wane_value wane_value_text(const char *text)
{
    return (wane_value){.type = text ? WANE_VALUE_TEXT : WANE_VALUE_NULL, .text = text};
}

wane_value wane_value_whole(int64_t value)
{
    return (wane_value){.type = WANE_VALUE_INTEGER, .integer = value};
}

wane_value wane_value_real(double value)
{
    return (wane_value){.type = WANE_VALUE_REAL, .real = value};
}
