/* SPDX-License-Identifier: Apache-2.0
 * Lists the named queries, the charts, and every metric and column of stage_summary with its range,
 * each with the terms' own words.
 */
#include "analysis/report/lists.h"

#include <string.h>

#include "analysis/report/glossary.h"
#include "analysis/report/named_metric.h"
#include "analysis/report/report.h"

wane_status wane_list_queries(wane_query **out, wane_results *db, wane_error *err)
{
    size_t count = 0;
    const wane_named_query *all = wane_named_queries(&count);
    wane_sheet sheet = {0};
    wane_text text = {0};
    wane_status st = WANE_OK;
    wane_sheet_column(&sheet, "name");
    wane_sheet_column(&sheet, "description");
    wane_sheet_column(&sheet, "parameters");
    for (size_t i = 0; i < count; i++) {
        wane_text_clear(&text);
        for (size_t k = 0; k < all[i].parameter_count; k++)
            wane_text_printf(&text, "%s%s%s%s", k ? " " : "", all[i].parameters[k].name,
                             all[i].parameters[k].value ? "=" : "",
                             all[i].parameters[k].value ? all[i].parameters[k].value : "");
        WANE_TRY(wane_text_check(&text, "list", "queries", err));
        wane_sheet_text(&sheet, all[i].name);
        wane_sheet_text(&sheet, all[i].description);
        wane_sheet_text(&sheet, text.length ? text.data : NULL);
    }
    WANE_TRY(wane_sheet_open(out, &sheet, db, err));
done:
    wane_sheet_free(&sheet);
    wane_text_free(&text);
    return st;
}

/* Columns of stage_summary that name a run or a stage and measure nothing. */
static bool names_a_run(const char *column)
{
    static const char *const names[] = {
        "experiment", "run",     "method", "kind",         "rank",    "learning_rate",
        "order_name", "seed",    "status", "limited",      "run_key", "stages",
        "position",   "trained", "stage",  "stage_status", "matrices"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(column, names[i]) == 0) return true;
    return false;
}

static void add_metric(wane_sheet *sheet, const char *name, const wane_query *values, size_t column)
{
    const wane_meaning *term = wane_meaning_find(name, NULL);
    wane_sheet_text(sheet, name);
    wane_sheet_whole(sheet, wane_query_int(values, column));
    wane_sheet_whole(sheet, wane_query_int(values, column + 1));
    wane_sheet_number(sheet, wane_query_double(values, column + 2));
    wane_sheet_number(sheet, wane_query_double(values, column + 3));
    wane_sheet_text(sheet, term ? term->brief : NULL);
}

static void add_range(wane_text *sql, const char *column)
{
    wane_text_printf(sql, "count(%s), count(*) - count(%s), min(%s), max(%s)", column, column,
                     column, column);
}

/* One row of ranges over all columns of stage_summary, four to a column. */
static wane_status add_columns(wane_sheet *sheet, wane_results *db, wane_error *err)
{
    wane_query *columns = NULL, *values = NULL;
    wane_text sql = {0};
    wane_status st = WANE_OK;
    size_t place = 0;
    WANE_TRY(wane_query_open(&columns, db, "SELECT * FROM stage_summary LIMIT 0", NULL, 0, err));
    wane_text_string(&sql, "SELECT ");
    for (size_t i = 0; i < wane_query_columns(columns); i++) {
        if (names_a_run(wane_query_name(columns, i))) continue;
        if (place++) wane_text_string(&sql, ", ");
        add_range(&sql, wane_query_name(columns, i));
    }
    wane_text_string(&sql, " FROM stage_summary WHERE position >= 1");
    WANE_TRY(wane_text_check(&sql, "list", "metrics", err));
    WANE_TRY(wane_query_open(&values, db, sql.data, NULL, 0, err));
    WANE_TRY(wane_query_next(values, err));
    place = 0;
    for (size_t i = 0; i < wane_query_columns(columns); i++) {
        const char *name = wane_query_name(columns, i);
        if (names_a_run(name)) continue;
        if (wane_query_int(values, place) > 0) add_metric(sheet, name, values, place);
        place += 4;
    }
done:
    wane_query_free(columns);
    wane_query_free(values);
    wane_text_free(&sql);
    return st;
}

/* Numbers of measures that are no columns of stage_summary. */
static wane_status add_measured(wane_sheet *sheet, wane_results *db, wane_error *err)
{
    static const char sql[] =
        "SELECT name, count(value), count(*) - count(value), min(value), max(value) "
        "FROM measured_values WHERE matrix = '' AND position >= 1 GROUP BY name ORDER BY name";
    wane_query *columns = NULL, *values = NULL;
    wane_status st =
        wane_query_open(&columns, db, "SELECT * FROM stage_summary LIMIT 0", NULL, 0, err);
    if (st == WANE_OK) st = wane_query_open(&values, db, sql, NULL, 0, err);
    while (st == WANE_OK && (st = wane_query_next(values, err)) == WANE_OK) {
        bool column = false;
        for (size_t i = 0; i < wane_query_columns(columns); i++)
            column = column || strcmp(wane_query_name(columns, i), wane_query_text(values, 0)) == 0;
        if (!column) add_metric(sheet, wane_query_text(values, 0), values, 1);
    }
    wane_query_free(columns);
    wane_query_free(values);
    return st == WANE_DONE ? WANE_OK : st;
}

wane_status wane_list_metrics(wane_query **out, wane_results *db, wane_error *err)
{
    static const char others[] =
        "SELECT m.name, count(m.value), count(*) - count(m.value), min(m.value), max(m.value) "
        "FROM metric m JOIN run r ON r.id = m.run WHERE r.superseded = 0 "
        "AND m.name NOT IN ('acc', 'bwt', 'forgetting', 'held_out_change') "
        "GROUP BY m.name ORDER BY m.name";
    static const char *const columns[] = {"metric", "values",  "undefined",
                                          "lowest", "highest", "what"};
    wane_sheet sheet = {0};
    wane_query *query = NULL;
    wane_status st = WANE_OK;
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        wane_sheet_column(&sheet, columns[i]);
    WANE_TRY(add_columns(&sheet, db, err));
    WANE_TRY(add_measured(&sheet, db, err));
    WANE_TRY(wane_query_open(&query, db, others, NULL, 0, err));
    while ((st = wane_query_next(query, err)) == WANE_OK)
        add_metric(&sheet, wane_query_text(query, 0), query, 1);
    if (st != WANE_DONE) goto done;
    st = wane_sheet_open(out, &sheet, db, err);
done:
    wane_query_free(query);
    wane_sheet_free(&sheet);
    return st;
}

wane_status wane_list_charts(wane_query **out, wane_results *db, wane_error *err)
{
    static const char *const columns[] = {"chart", "options", "what", "example"};
    wane_sheet sheet = {0};
    wane_text text = {0};
    wane_status st = WANE_OK;
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        wane_sheet_column(&sheet, columns[i]);
    for (size_t i = 0; i < WANE_REPORTS; i++) {
        const wane_report *report = wane_reports[i];
        wane_text_clear(&text);
        wane_report_say_options(&text, report);
        WANE_TRY(wane_text_check(&text, "list", "charts", err));
        wane_sheet_text(&sheet, report->name);
        wane_sheet_text(&sheet, text.data);
        wane_sheet_text(&sheet, report->brief);
        wane_text_clear(&text);
        wane_text_printf(&text, "wane curves DB %s", report->example);
        WANE_TRY(wane_text_check(&text, "list", "charts", err));
        wane_sheet_text(&sheet, text.data);
    }
    st = wane_sheet_open(out, &sheet, db, err);
done:
    wane_sheet_free(&sheet);
    wane_text_free(&text);
    return st;
}

enum { NAME_COLUMNS = 3 };

static void add_name(wane_sheet *sheet, const char *name, const char *kind, const char *what)
{
    for (size_t i = 0; i < wane_sheet_count(sheet) && !sheet->failed; i++)
        if (strcmp(sheet->cell[i * NAME_COLUMNS].text, name) == 0) return; /* the same */
    wane_sheet_text(sheet, name);
    wane_sheet_text(sheet, kind);
    wane_sheet_text(sheet, what);
}

static void add_metrics_of(wane_sheet *sheet, const char *const *names, const char *kind)
{
    for (; *names; names++) {
        const wane_meaning *term = wane_meaning_find(*names, NULL);
        add_name(sheet, *names, kind, term ? term->brief : NULL);
    }
}

wane_status wane_list_chart_names(wane_query **out, wane_results *db, wane_error *err)
{
    wane_sheet sheet = {0};
    wane_query *metrics = NULL;
    wane_status st = WANE_OK;
    wane_sheet_column(&sheet, "name");
    wane_sheet_column(&sheet, "kind");
    wane_sheet_column(&sheet, "what");
    for (size_t i = 1; i < WANE_REPORTS; i++)
        add_name(&sheet, wane_reports[i]->name, "chart", wane_reports[i]->brief);
    WANE_TRY(wane_list_metrics(&metrics, db, err));
    while ((st = wane_query_next(metrics, err)) == WANE_OK)
        add_name(&sheet, wane_query_text(metrics, 0), "metric", wane_query_text(metrics, 5));
    if (st != WANE_DONE) goto done;
    add_metrics_of(&sheet, wane_metrics_of_task, "metric of --task NAME");
    add_metrics_of(&sheet, wane_metrics_of_corpus, "metric of --corpus NAME");
    st = wane_sheet_open(out, &sheet, db, err);
done:
    wane_query_free(metrics);
    wane_sheet_free(&sheet);
    return st;
}

wane_status wane_list_several(bool *out, const wane_reading *r, wane_error *err)
{
    int64_t count = 0;
    wane_status st = wane_reading_count(
        r, &count, "SELECT count(DISTINCT experiment) FROM run WHERE superseded = 0", err);
    if (st == WANE_OK) *out = count > 1;
    return st;
}
