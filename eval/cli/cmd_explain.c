/* SPDX-License-Identifier: Apache-2.0
 * The command `wane explain`: looks a name up among terms, queries, charts, tables and columns and
 * prints what each says of it.
 */
#include <stdio.h>
#include <string.h>

#include "analysis/report/glossary.h"
#include "analysis/report/page.h"
#include "analysis/report/report.h"
#include "analysis/report/schema_parts.h"
#include "eval/cli/commands.h"
#include "eval/experiment/settings_page.h"
#include "store/base/text.h"
#include "store/files/json.h"
#include "store/results/query.h"

/* What there is to say about a name; NULL where nothing. */
typedef struct field {
    const char *name, *text;
} field;

static void print_fields(wane_text *out, const field *fields, size_t count, bool json)
{
    bool first = true;
    for (size_t i = 0; i < count; i++) {
        if (!fields[i].text) continue;
        if (json) {
            wane_text_string(out, first ? "{" : ",\n ");
            wane_json_write_string(out, fields[i].name);
            wane_text_string(out, ": ");
            wane_json_write_string(out, fields[i].text);
        } else if (first) wane_text_string(out, fields[i].text);
        else if (i == 1) wane_text_printf(out, " (%s)", fields[i].text);
        else if (i == 2) {
            wane_text_string(out, ": ");
            wane_page_wrapped(out, fields[i].text,
                              strlen(fields[0].text) + strlen(fields[1].text) + 5, 2);
        } else {
            wane_text_printf(out, "  %-8s ", fields[i].name);
            wane_page_wrapped(out, fields[i].text, 11, 11);
        }
        first = false;
    }
    if (json) wane_text_string(out, "}\n");
}

static void print_term(wane_text *out, const wane_meaning *t, bool json)
{
    const field fields[] = {
        {"name", t->name},    {"kind", wane_meaning_kind_name(t->kind)},
        {"what", t->brief},   {"formula", t->formula},
        {"unit", t->unit},    {"sign", t->sign},
        {"null", t->missing}, {"source", t->source},
        {"note", t->also},
    };
    print_fields(out, fields, sizeof fields / sizeof *fields, json);
}

static void print_query(wane_text *out, const wane_named_query *q, bool json)
{
    if (json) {
        const field fields[] = {
            {"name", q->name}, {"kind", "query"}, {"what", q->description}, {"sql", q->sql}};
        print_fields(out, fields, 4, true);
        return;
    }
    wane_text_printf(out, "%s (query): %s\n", q->name, q->description);
    for (size_t i = 0; i < q->parameter_count; i++) {
        const wane_named_parameter *p = &q->parameters[i];
        wane_text_printf(out, "  --param %s=%s  %s\n", p->name, p->value ? p->value : "",
                         p->description);
    }
    wane_text_string(out, "  ");
    wane_page_wrapped(out, q->sql, 2, 2);
}

/* A chart of wane curves. */
static bool print_chart(wane_text *out, const char *name, bool json)
{
    const wane_report *report = wane_report_of(name);
    if (strcmp(report->name, name) != 0) return false;
    wane_text options = {0}, example = {0};
    wane_report_say_options(&options, report);
    wane_text_printf(&example, "wane curves DB %s", report->example);
    const field fields[] = {{"name", report->name},
                            {"kind", "chart"},
                            {"what", report->brief},
                            {"options", options.data},
                            {"example", example.data}};
    print_fields(out, fields, sizeof fields / sizeof *fields, json);
    if (options.failed || example.failed) out->failed = true;
    wane_text_free(&options);
    wane_text_free(&example);
    return true;
}

/* A column that only the schema tells of, in every table that has it. */
static bool print_columns(wane_text *out, const char *name, bool json)
{
    wane_schema_part parts[WANE_SCHEMA_PARTS];
    size_t count = wane_schema_parts(parts), found = 0;
    wane_text what = {0};
    for (size_t i = 0; i < count; i++) {
        size_t bytes = 0;
        const char *text = wane_schema_column(&parts[i], name, &bytes);
        if (!text) continue;
        wane_text_printf(&what, "%s%s: %.*s", found++ ? "; " : "", parts[i].name, (int)bytes, text);
    }
    const field fields[] = {{"name", name}, {"kind", "column"}, {"what", what.data}};
    if (found) print_fields(out, fields, 3, json);
    if (what.failed) out->failed = true;
    wane_text_free(&what);
    return found > 0;
}

static bool print_table(wane_text *out, const char *name, bool json)
{
    wane_schema_part parts[WANE_SCHEMA_PARTS];
    size_t count = wane_schema_parts(parts);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(parts[i].name, name) != 0) continue;
        if (json) {
            const field fields[] = {{"name", name},
                                    {"kind", parts[i].view ? "view" : "table"},
                                    {"what", "wane schema NAME prints it"}};
            print_fields(out, fields, 3, true);
            return true;
        }
        wane_text_append(out, parts[i].comment, parts[i].comment_bytes);
        wane_text_append(out, parts[i].sql, parts[i].sql_bytes);
        return true;
    }
    return false;
}

/* "acc_sd": the spread of acc; "nll_change_stderr": its standard error; "acc_n": over how many runs
 * its mean is. */
static bool print_derived(wane_text *out, const char *name, bool json)
{
    static const struct {
        const char *ending, *what, *missing;
        bool has_unit; /* the unit of what it is of */
    } endings[] = {
        {"_sd", "standard deviation of %s over the runs of a mean (n - 1)", "for one run", true},
        {"_stderr", "standard error of %s", "where that is", true},
        {"_n", "how many runs a mean of %s is over: those that have the value", NULL, false}};
    char base[64];
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t tail = strlen(endings[i].ending);
        if (length <= tail || length >= sizeof base ||
            strcmp(name + length - tail, endings[i].ending) != 0)
            continue;
        (void)snprintf(base, sizeof base, "%.*s", (int)(length - tail), name);
        const wane_meaning *term = wane_meaning_find(base, NULL);
        if (!term) continue;
        wane_text what = {0};
        const char *gap = strstr(endings[i].what, "%s");
        wane_text_printf(&what, "%.*s%s%s", (int)(gap - endings[i].what), endings[i].what,
                         term->name, gap + 2);
        const field fields[] = {{"name", name},
                                {"kind", "column"},
                                {"what", what.data},
                                {"unit", endings[i].has_unit ? term->unit : "count"},
                                {"null", endings[i].missing}};
        print_fields(out, fields, 5, json);
        if (what.failed) out->failed = true;
        wane_text_free(&what);
        return true;
    }
    return false;
}

static const char *nearest_of_all(const char *name, const char *near_term)
{
    const char *near_query = NULL;
    if (near_term) return near_term;
    (void)wane_named_query_find(name, &near_query);
    if (!near_query) near_query = wane_report_nearest(name);
    return near_query ? near_query : wane_settings_nearest(name);
}

/* The settings of an experiment file that are called so, behind what was said (`said`). */
static bool print_settings(wane_text *out, const char *name, bool said, bool json)
{
    wane_text settings = {0};
    bool found = wane_settings_explain(&settings, name, json);
    if (found && json && said) {
        out->length -= 2; /* "}" and a newline */
        wane_text_printf(out, ",\n \"settings\":\n %s}\n", settings.data);
    } else if (found && json) {
        wane_text_string(out, "{\"name\": ");
        wane_json_write_string(out, name);
        wane_text_printf(out, ",\n \"kind\": \"setting\",\n \"settings\":\n %s}\n", settings.data);
    } else if (found) wane_text_printf(out, "%s%s", said ? "\n" : "", settings.data);
    if (settings.failed) out->failed = true;
    wane_text_free(&settings);
    return found;
}

static wane_status explain(wane_text *out, const char *name, bool json, wane_error *err)
{
    const char *near = NULL;
    const wane_meaning *term = wane_meaning_find(name, &near);
    const wane_named_query *query = wane_named_query_find(name, NULL);
    if (term) print_term(out, term, json);
    if (query && (!term || !json)) print_query(out, query, json);
    bool said = term || query;
    if (!said || !json) said = print_chart(out, name, json) || said;
    said = said || print_derived(out, name, json) || print_table(out, name, json) ||
           print_columns(out, name, json);
    if (!print_settings(out, name, said, json) && !said) {
        near = nearest_of_all(name, near);
        return wane_fail(err, WANE_ENOTFOUND, "explain: %s: not known%s%s", name,
                         near ? "; did you mean " : " (wane explain lists what is)",
                         near ? near : "");
    }
    return WANE_OK;
}

/* One line each, sorted by kind: metrics and measures first. */
static void print_list(wane_text *out, bool json)
{
    size_t count = 0;
    const wane_meaning *all = wane_meanings(&count);
    for (size_t i = 0; json && i < count; i++) {
        wane_text_string(out, i ? ",\n " : "[");
        wane_text_printf(out, "{\"name\": \"%s\", \"kind\": \"%s\", \"what\": ", all[i].name,
                         wane_meaning_kind_name(all[i].kind));
        wane_json_write_string(out, all[i].brief);
        wane_text_string(out, i + 1 < count ? "}" : "}]\n");
    }
    for (size_t k = 0; !json && k < WANE_MEANING_KINDS; k++) {
        wane_text_printf(out, "%s%s\n", k ? "\n" : "",
                         wane_meaning_kind_title((wane_meaning_kind)k));
        for (size_t i = 0; i < count; i++)
            if (all[i].kind == (wane_meaning_kind)k)
                wane_text_printf(out, "  %-31s %s\n", all[i].name, all[i].brief);
    }
}

static int run(wane_call *call)
{
    bool json = false;
    const wane_option options[] = {{"json", 0, WANE_OPTION_FLAG, &json, NULL, "the same as JSON"}};
    int code = 0;
    wane_error err;
    wane_text text = {0};
    wane_status st = WANE_OK;
    if (!wane_call_parse(call, options, 1, 0, 1, &code)) return code;
    bool settings = call->operands && strcmp(call->operand[0], "settings") == 0;
    if (settings) wane_settings_reference(&text, json);
    else if (call->operands) st = explain(&text, call->operand[0], json, &err);
    else print_list(&text, json);
    if (st == WANE_OK) st = wane_text_check(&text, "explain", "text", &err);
    if (st == WANE_OK) wane_put(stdout, text.data, text.length);
    wane_text_free(&text);
    return st == WANE_OK ? WANE_EXIT_DONE : wane_cli_fail(&err);
}

const wane_command wane_command_explain = {
    "explain", "explain [NAME | settings]",
    "What a measure, metric, gate, column, named query or setting means; alone: all names.", run};
