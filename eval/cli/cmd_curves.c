/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "eval/cli/commands.h"
#include "eval/cli/curves.h"
#include "eval/cli/reading.h"

static bool ends_with(const char *path, const char *end)
{
    size_t length = strlen(path), tail = strlen(end);
    return length > tail && strcmp(path + length - tail, end) == 0;
}

static wane_status write(const wane_curves *curves, wane_results *db, const char *path,
                         wane_error *err)
{
    wane_text text = {0};
    wane_query *query = NULL;
    wane_status st = WANE_OK;
    if (!path) {
        WANE_TRY(wane_curves_means(&query, curves, db, err));
        WANE_TRY(wane_reading_append(&text, query, WANE_RENDER_TABLE, NULL, err));
        (void)fputs(text.data, stdout);
        goto done;
    }
    if (ends_with(path, ".svg")) {
        WANE_TRY(wane_curves_draw(&text, curves, err));
    } else {
        WANE_TRY(wane_curves_rows(&query, curves, db, err));
        WANE_TRY(wane_reading_append(&text, query, WANE_RENDER_CSV, NULL, err));
    }
    WANE_TRY(wane_reading_write(path, &text, err));
done:
    wane_text_free(&text);
    return st;
}

static int run(wane_call *call)
{
    wane_reading r = {0};
    wane_curves_request request = {.metric = "pretraining_forgetting", .by = "method"};
    const char *path = NULL;
    const wane_option options[] = {
        {"metric", 'm', WANE_OPTION_TEXT, &request.metric, "COLUMN",
         "of stage_summary; pretraining_forgetting"},
        {"by", 'b', WANE_OPTION_TEXT, &request.by, "COLUMN",
         "a line for each of its values; method"},
        {"x", 'x', WANE_OPTION_TEXT, &request.x, "COLUMN",
         "points against this measure instead of lines over stages"},
        {"output", 'o', WANE_OPTION_TEXT, &path, "FILE",
         "a chart (.svg) or its numbers (.csv); without it, a table of means"},
        WANE_READING_WHERE(r),
    };
    int code = 0;
    wane_error err;
    wane_curves *curves = NULL;
    if (!wane_call_parse(call, options, sizeof options / sizeof *options, 1, 1, &code)) return code;
    if (path && !ends_with(path, ".svg") && !ends_with(path, ".csv"))
        return wane_cli_usage(call, "--output %s: neither .svg nor .csv", path);
    wane_status st = wane_reading_open(&r, call->operand[0], &err);
    request.experiment = r.experiment;
    if (st == WANE_OK) st = wane_curves_read(&curves, r.db, &request, &err);
    if (st == WANE_OK) st = write(curves, r.db, path, &err);
    wane_curves_free(curves);
    wane_reading_close(&r);
    return st == WANE_OK ? WANE_EXIT_DONE : wane_cli_fail(&err);
}

const wane_command wane_command_curves = {
    "curves", "curves DB [--metric COLUMN] [--x COLUMN] [-o FILE.svg|FILE.csv]",
    "A measure over stages, or against another: chart, numbers, or a table of means.", run};
