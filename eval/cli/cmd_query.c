/* SPDX-License-Identifier: Apache-2.0
 * The command `wane query`: a named query or SQL that can only read, with parameters given as
 * NAME=VALUE.
 */
#include <string.h>

#include "analysis/report/lists.h"
#include "eval/cli/commands.h"
#include "eval/cli/reading_options.h"

enum { QUERY_PARAMETERS = 16 };

typedef struct assignments {
    wane_assignment item[QUERY_PARAMETERS];
    char *copy[QUERY_PARAMETERS];
    size_t count;
} assignments;

static void assignments_free(assignments *a)
{
    for (size_t i = 0; i < a->count; i++) wane_free(a->copy[i]);
}

static wane_status split(assignments *out, const wane_option_list *list, wane_error *err)
{
    for (size_t i = 0; i < list->count; i++) {
        const char *equals = strchr(list->item[i], '=');
        if (!equals || equals == list->item[i])
            return wane_fail(err, WANE_EINVAL, "query: --param %s: not NAME=VALUE", list->item[i]);
        if (out->count == QUERY_PARAMETERS)
            return wane_fail(err, WANE_EINVAL, "query: --param: more than %d", QUERY_PARAMETERS);
        char *name = wane_strdup(list->item[i]);
        if (!name) return wane_fail_memory(err, "query", "--param");
        name[equals - list->item[i]] = '\0';
        out->copy[out->count] = name;
        out->item[out->count++] = (wane_assignment){name, equals + 1};
    }
    return WANE_OK;
}

/* SQL of the user: a parameter that reads as a number is one. */
static wane_status open_sql(wane_query **out, const wane_reading *r, const char *sql,
                            const assignments *a, wane_error *err)
{
    wane_binding bindings[QUERY_PARAMETERS];
    for (size_t i = 0; i < a->count; i++) {
        wane_value *value = &bindings[i].value;
        *value = (wane_value){.type = WANE_VALUE_TEXT, .text = a->item[i].value};
        bindings[i].name = a->item[i].name;
        if (wane_parse_int64(&value->integer, value->text)) value->type = WANE_VALUE_INTEGER;
        else if (wane_parse_double(&value->real, value->text)) value->type = WANE_VALUE_REAL;
    }
    return wane_query_open(out, r->db, sql, bindings, a->count, err);
}

static wane_status answer(const wane_reading *r, const char *sql, const char *name,
                          const assignments *a, wane_error *err)
{
    wane_query *query = NULL;
    wane_status st = sql    ? open_sql(&query, r, sql, a, err)
                     : name ? wane_named_query_open(&query, r->db, name, a->item, a->count, err)
                            : wane_list_queries(&query, r->db, err);
    return st == WANE_OK ? wane_reading_print(r, query, "no row", err) : st;
}

static int run(wane_call *call)
{
    wane_reading r = {0};
    const char *name = NULL;
    wane_option_list parameters = {0};
    const wane_option options[] = {
        {"name", 'n', WANE_OPTION_TEXT, &name, "NAME", "a query of that name (wane query DB)"},
        {"param", 'p', WANE_OPTION_REPEAT, &parameters, "NAME=VALUE",
         "its parameter, or :NAME of the SQL; may be given again"},
        WANE_READING_FORMAT(r),
        WANE_READING_WHERE(r),
    };
    int code = 0;
    wane_error err;
    assignments a = {0};
    if (!wane_call_parse(call, options, sizeof options / sizeof *options, 1, 2, &code)) return code;
    const char *sql = call->operands > 1 ? call->operand[1] : NULL;
    if (sql && name) return wane_cli_usage(call, "either SQL or --name");
    if (parameters.count && !sql && !name)
        return wane_cli_usage(call, "--param goes with SQL or --name");
    wane_status st = split(&a, &parameters, &err);
    if (st == WANE_OK) st = wane_reading_open(&r, call->operand[0], &err);
    if (st == WANE_OK) st = answer(&r, sql, name, &a, &err);
    assignments_free(&a);
    return wane_reading_end(&r, st, &err);
}

const wane_command wane_command_query = {
    "query", "query DB [\"SELECT ...\" | --name NAME] [--param NAME=VALUE ...]",
    "Ask the database: SQL that can only read, or a query with a name; alone: list those.", run};
