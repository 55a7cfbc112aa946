/* SPDX-License-Identifier: Apache-2.0
 * Puts the sections of one run together: settings, gates, accuracy matrix, metrics, stages; or the
 * same rows as JSON.
 */
#include "analysis/report/show.h"

#include <inttypes.h>
#include <string.h>

#include "analysis/report/glossary.h"
#include "analysis/report/reading.h"
#include "analysis/report/sheet.h"
#include "analysis/report/show_sql.h"

static wane_status open_for(wane_query **out, wane_results *db, const char *sql, int64_t run,
                            wane_error *err)
{
    wane_binding id = {NULL, {.type = WANE_VALUE_INTEGER, .integer = run}};
    return wane_query_open(out, db, sql, &id, 1, err);
}

/* A titled table; nothing at all when it has no row. */
static wane_status add_table(wane_text *out, wane_query *query, const char *title, wane_error *err)
{
    wane_text table = {0};
    bool rows = false;
    wane_status st = wane_reading_append(&table, query, WANE_RENDER_TABLE, &rows, err);
    if (st == WANE_OK && rows) wane_text_printf(out, "\n%s\n%s", title, table.data);
    wane_text_free(&table);
    return st;
}

static wane_status add_section(wane_text *out, wane_results *db, const char *title, const char *sql,
                               int64_t run, wane_error *err)
{
    wane_query *query = NULL;
    wane_status st = open_for(&query, db, sql, run, err);
    return st == WANE_OK ? add_table(out, query, title, err) : st;
}

/* One line per column of the only row that is not NULL: its name, its text. */
static wane_status add_head(wane_text *out, wane_results *db, int64_t run, wane_error *err)
{
    wane_query *query = NULL;
    wane_status st = open_for(&query, db, wane_show_head, run, err);
    if (st == WANE_OK) st = wane_query_next(query, err);
    for (size_t i = 0; st == WANE_OK && i < wane_query_columns(query); i++) {
        const char *text = wane_query_text(query, i);
        if (text) wane_text_printf(out, "%-11s %s\n", wane_query_name(query, i), text);
    }
    wane_query_free(query);
    return st == WANE_DONE ? WANE_OK : st;
}

/* "settings    batch_size 16, clip 1, ..." */
static wane_status add_settings(wane_text *out, wane_results *db, int64_t run, wane_error *err)
{
    enum { WIDTH = 100, MARGIN = 12 };
    wane_query *query = NULL;
    size_t used = 0;
    char number[32];
    wane_status st = open_for(&query, db, wane_show_settings, run, err);
    while (st == WANE_OK && (st = wane_query_next(query, err)) == WANE_OK) {
        const char *key = wane_query_text(query, 0), *value = wane_query_text(query, 1);
        if (wane_query_type(query, 1) == WANE_VALUE_REAL)
            value = wane_format_short(number, wane_query_double(query, 1));
        size_t length = strlen(key ? key : "") + strlen(value ? value : "-") + 3;
        if (used + length > WIDTH && used) {
            wane_text_printf(out, ",\n%*s", MARGIN, "");
            used = MARGIN;
        } else if (used) wane_text_string(out, ", ");
        else wane_text_printf(out, "%-11s ", "settings");
        if (!used) used = MARGIN;
        wane_text_printf(out, "%s %s", key, value ? value : "-");
        used += length;
    }
    if (used) wane_text_string(out, "\n");
    wane_query_free(query);
    return st == WANE_DONE ? WANE_OK : st;
}

/* Failed gates as a table, passed ones by name. */
static wane_status add_gates(wane_text *out, wane_results *db, int64_t run, wane_error *err)
{
    wane_query *query = NULL;
    wane_text passed = {0}, title = {0};
    int64_t failed = 0, good = 0;
    wane_status st = open_for(&query, db, wane_show_gate_names, run, err);
    while (st == WANE_OK && (st = wane_query_next(query, err)) == WANE_OK) {
        int64_t all = wane_query_int(query, 1), bad = wane_query_int(query, 2);
        failed += bad;
        good += all - bad;
        if (all > bad)
            wane_text_printf(&passed, "%s%s", passed.length ? ", " : "", wane_query_text(query, 0));
        if (all - bad > 1) wane_text_printf(&passed, " (%" PRId64 ")", all - bad);
    }
    wane_query_free(query);
    if (st != WANE_DONE) goto done;
    st = WANE_OK;
    if (failed) {
        wane_text_printf(&title,
                         "gates: %" PRId64 " of %" PRId64 " FAILED, do not believe this run",
                         failed, failed + good);
        WANE_TRY(wane_text_check(&title, "show", "gates", err));
        WANE_TRY(add_section(out, db, title.data, wane_show_failed_gates, run, err));
    }
    if (good) {
        wane_text_printf(out, "%sgates passed: ", failed ? "" : "\n");
        wane_text_string(out, passed.data);
        wane_text_string(out, "\n");
    }
    if (passed.failed) st = wane_fail_memory(err, "show", "gates");
done:
    wane_text_free(&passed);
    wane_text_free(&title);
    return st;
}

/* Rows come by position, then by task in the order of training. */
static wane_status add_matrix(wane_text *out, wane_results *db, int64_t run, wane_error *err)
{
    wane_sheet sheet = {0};
    wane_query *query = NULL, *table = NULL;
    wane_status st = open_for(&query, db, wane_show_tasks, run, err);
    wane_sheet_column(&sheet, "stage");
    wane_sheet_column(&sheet, "trained on");
    while (st == WANE_OK && (st = wane_query_next(query, err)) == WANE_OK)
        wane_sheet_column(&sheet, wane_query_text(query, 0));
    wane_query_free(query);
    query = NULL;
    if (st != WANE_DONE) goto done;
    WANE_TRY(open_for(&query, db, wane_show_matrix, run, err));
    int64_t position = -2; /* -1: what guessing the most frequent label gives */
    while ((st = wane_query_next(query, err)) == WANE_OK) {
        if (wane_query_int(query, 0) != position) {
            position = wane_query_int(query, 0);
            wane_sheet_whole(&sheet, position < 0 ? WANE_NULL : position);
            wane_sheet_text(&sheet, wane_query_text(query, 1));
        }
        wane_sheet_text(&sheet, wane_query_text(query, 2));
    }
    if (st != WANE_DONE) goto done;
    WANE_TRY(wane_sheet_open(&table, &sheet, db, err));
    st = add_table(out, table,
                   "accuracy after each stage (standard error); (majority): always the most "
                   "frequent label; * just trained, learned; x just trained, not learned (not "
                   "above majority by 2 errors)",
                   err);
done:
    wane_query_free(query);
    wane_sheet_free(&sheet);
    return st;
}

static wane_status add_metrics(wane_text *out, wane_results *db, int64_t run, wane_error *err)
{
    wane_sheet sheet = {0};
    wane_text what = {0};
    wane_query *query = NULL, *table = NULL;
    wane_status st = WANE_OK;
    wane_sheet_column(&sheet, "metric");
    wane_sheet_column(&sheet, "value");
    wane_sheet_column(&sheet, "what");
    WANE_TRY(open_for(&query, db, wane_show_metrics, run, err));
    while ((st = wane_query_next(query, err)) == WANE_OK) {
        const wane_meaning *term = wane_meaning_find(wane_query_text(query, 0), NULL);
        const char *reason = wane_query_text(query, 3);
        wane_sheet_text(&sheet, wane_query_text(query, 1));
        wane_sheet_number(&sheet, wane_query_double(query, 2));
        wane_text_clear(&what);
        if (!reason && term)
            wane_text_printf(&what, "%s%s", wane_query_text(query, 4), term->brief);
        wane_sheet_text(&sheet, reason ? reason : what.length ? what.data : NULL);
    }
    if (what.failed) WANE_TRY(wane_fail_memory(err, "show", "metrics"));
    if (st != WANE_DONE) goto done;
    WANE_TRY(wane_sheet_open(&table, &sheet, db, err));
    st = add_table(out, table, "metrics after the last stage", err);
done:
    wane_text_free(&what);
    wane_query_free(query);
    wane_sheet_free(&sheet);
    return st;
}

/* What the column `null` does not say by itself. */
static wane_status add_nulls(wane_text *out, wane_results *db, int64_t run, wane_error *err)
{
    wane_query *query = NULL;
    wane_status st = open_for(&query, db, wane_show_nulls, run, err);
    if (st == WANE_OK) st = wane_query_next(query, err);
    if (st == WANE_OK) {
        int64_t counted = wane_query_int(query, 1), with = wane_query_int(query, 2);
        const char *empty = wane_query_text(query, 4);
        if (empty)
            wane_text_printf(out,
                             "uninformative after stage %s: random changes of this size have no "
                             "intruder either, and a count of 0 says nothing\n",
                             empty);
        if (counted > with)
            wane_text_printf(out,
                             "no null beside %" PRId64 " of %" PRId64 " counts (wane explain "
                             "intruders_null)\n",
                             counted - with, counted);
    }
    wane_query_free(query);
    return st == WANE_DONE ? WANE_OK : st;
}

wane_status wane_show_page(wane_text *out, wane_results *db, int64_t run, wane_error *err)
{
    wane_status st = WANE_OK;
    WANE_TRY(add_head(out, db, run, err));
    WANE_TRY(add_settings(out, db, run, err));
    WANE_TRY(add_gates(out, db, run, err));
    WANE_TRY(add_section(out, db, "warnings, when they were given", wane_show_warnings, run, err));
    WANE_TRY(add_matrix(out, db, run, err));
    WANE_TRY(
        add_section(out, db,
                    "bounds, accuracy; single: the task alone, joint: with the tasks before it, "
                    "joint all: with all of them, each from the base",
                    wane_show_bounds, run, err));
    WANE_TRY(add_metrics(out, db, run, err));
    WANE_TRY(add_section(out, db,
                         "corpora, nats per token; stderr: of the change, paired by document; "
                         "unigram: what knowing word counts alone gives",
                         wane_show_corpora, run, err));
    WANE_TRY(add_section(out, db,
                         "stages; intruders: k = 10, epsilon = 0.5, side u, against the base; "
                         ".45-.55: at these epsilons; null: random changes of the same size "
                         "(rotated), mean [95%]",
                         wane_show_stages, run, err));
    WANE_TRY(add_nulls(out, db, run, err));
    WANE_TRY(add_section(out, db,
                         "noise of the count: the run again from initial numbers changed by 1e-7; "
                         "intruders after the last stage, as above",
                         wane_show_count_noise, run, err));
    WANE_TRY(add_section(out, db, "time and memory", wane_show_usage, run, err));
    WANE_TRY(add_section(out, db, "kept files, in the folder of artifacts beside the database",
                         wane_show_artifacts, run, err));
    st = wane_text_check(out, "show", "page", err);
done:
    return st;
}

/* ------------------------------------------------------------------------------------- JSON */

/* The rows as objects: one of them, or a list. */
static wane_status add_objects(wane_text *out, wane_results *db, const char *sql, int64_t run,
                               bool list, wane_error *err)
{
    wane_text lines = {0};
    wane_query *query = NULL;
    wane_status st = WANE_OK;
    WANE_TRY(open_for(&query, db, sql, run, err));
    WANE_TRY(wane_reading_append(&lines, query, WANE_RENDER_JSONL, NULL, err));
    if (list) wane_text_string(out, "[");
    for (size_t i = 0; i + 1 < lines.length; i++) {
        if (lines.data[i] == '\n') wane_text_string(out, ",\n  ");
        else wane_text_append(out, &lines.data[i], 1);
    }
    if (list) wane_text_string(out, "]");
done:
    wane_text_free(&lines);
    return st;
}

wane_status wane_show_json(wane_text *out, wane_results *db, int64_t run, wane_error *err)
{
    wane_status st = WANE_OK;
    for (size_t i = 0; i < WANE_SHOW_OBJECTS; i++) {
        wane_text_printf(out, "%s\"%s\": ", i ? ",\n " : "{", wane_show_objects[i].name);
        WANE_TRY(
            add_objects(out, db, wane_show_objects[i].sql, run, wane_show_objects[i].list, err));
    }
    wane_text_string(out, "}\n");
    st = wane_text_check(out, "show", "page", err);
done:
    return st;
}
