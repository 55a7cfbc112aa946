/* SPDX-License-Identifier: Apache-2.0
 * Writes the commands that have something to show in this database, with every word as a shell
 * takes it.
 */
#include "eval/cli/next.h"

#include <stdbool.h>
#include <string.h>

#include "analysis/report/reading.h"
#include "analysis/report/report.h"
#include "analysis/report/show.h"

/* A word as a shell takes it: in single quotes where it needs them. */
static void add_word(wane_text *out, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "./_-+=:,@%";
    if (*word && strspn(word, plain) == strlen(word)) {
        wane_text_string(out, word);
        return;
    }
    wane_text_string(out, "'");
    for (; *word; word++)
        if (*word == '\'') wane_text_string(out, "'\\''");
        else wane_text_append(out, word, 1);
    wane_text_string(out, "'");
}

/* A path that no command takes for an option. */
static void add_path(wane_text *out, const char *path, const char *end)
{
    wane_text whole = {0};
    wane_text_printf(&whole, "%s%s%s", *path == '-' ? "./" : "", path, end);
    if (whole.failed) out->failed = true;
    else add_word(out, whole.data);
    wane_text_free(&whole);
}

static void add_line(wane_text *out, const char *command, const char *database)
{
    wane_text_printf(out, "%s wane %s ", out->length ? "\n     " : "next:", command);
    add_path(out, database, "");
}

/* The first chart that has something to show. */
static void add_chart(wane_text *out, wane_results *db, const char *database,
                      const char *experiment)
{
    static const char *const charts[] = {NULL, "accuracy_matrix"};
    for (size_t i = 0; i < sizeof charts / sizeof *charts; i++) {
        wane_error ignored;
        wane_text chart = {0};
        const wane_report_request request = wane_report_ask(charts[i]);
        bool drawn = wane_report_svg(&chart, db, &request, &ignored) == WANE_OK;
        wane_text_free(&chart);
        if (!drawn) continue;
        add_line(out, "curves", database);
        if (charts[i]) wane_text_printf(out, " -m %s", charts[i]);
        wane_text_string(out, " -o ");
        add_path(out, experiment, ".svg");
        return;
    }
}

static bool shows(wane_results *db, const char *name, int64_t wanted)
{
    wane_error ignored;
    wane_text page = {0};
    int64_t id = 0;
    bool shown = *name != '-' && wane_results_find_run(db, &id, name, NULL, &ignored) == WANE_OK &&
                 id == wanted && wane_show_page(&page, db, id, &ignored) == WANE_OK;
    wane_text_free(&page);
    return shown;
}

/* A run that has something to explain, else the first: by its name, or where that names two or
 * looks like an option, by its key. */
static wane_status add_run(wane_text *out, wane_results *db, const char *database,
                           const char *experiment, wane_error *err)
{
    static const char sql[] =
        "SELECT r.id, r.name, substr(r.key, 1, 12), r.key FROM run r "
        "JOIN experiment e ON e.id = r.experiment WHERE e.key = ?1 AND r.superseded = 0 "
        "ORDER BY r.status IN ('failed', 'gate_failed') DESC, r.id LIMIT 1";
    const wane_binding name = {NULL, {.type = WANE_VALUE_TEXT, .text = experiment}};
    wane_query *query = NULL;
    wane_status st = wane_query_open(&query, db, sql, &name, 1, err);
    if (st == WANE_OK) st = wane_query_next(query, err);
    for (size_t column = 1; st == WANE_OK && column < 4; column++) {
        const char *text = wane_query_text(query, column);
        if (!text || !shows(db, text, wane_query_int(query, 0))) continue;
        add_line(out, "show", database);
        wane_text_string(out, " ");
        add_word(out, text);
        break;
    }
    wane_query_free(query);
    return st == WANE_DONE ? WANE_OK : st;
}

wane_status wane_next_lines(wane_text *out, const char *database, const char *experiment,
                            wane_error *err)
{
    wane_reading r = {0};
    wane_text lines = {0};
    wane_status st = wane_reading_open(&r, database, err);
    if (st == WANE_OK) add_chart(&lines, r.db, database, experiment);
    if (st == WANE_OK) st = add_run(&lines, r.db, database, experiment, err);
    if (st == WANE_OK && lines.failed) st = wane_fail_memory(err, "run", "next");
    if (st == WANE_OK && lines.length) wane_text_printf(out, "%s\n", lines.data);
    wane_reading_close(&r);
    wane_text_free(&lines);
    return st;
}
