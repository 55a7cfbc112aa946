/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "eval/cli/commands.h"
#include "eval/cli/curves.h"
#include "eval/cli/matrices.h"
#include "eval/cli/reading.h"

static bool ends_with(const char *path, const char *end)
{
    size_t length = strlen(path), tail = strlen(end);
    return length > tail && strcmp(path + length - tail, end) == 0;
}

/* Writes a chart, or prints the query (freed in any case). */
static wane_status write(const wane_reading *r, wane_query *query, const wane_text *chart,
                         const char *path, wane_error *err)
{
    wane_text text = {0};
    wane_status st = WANE_OK;
    if (chart) return wane_reading_write(path, chart, err);
    if (!path) return wane_reading_print(r, query, "no points", err);
    WANE_TRY(wane_reading_append(&text, query, WANE_RENDER_CSV, NULL, err));
    WANE_TRY(wane_reading_write(path, &text, err));
done:
    wane_text_free(&text);
    return st;
}

static wane_status show_curves(const wane_reading *r, const wane_curves_request *request,
                               const char *path, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_curves *curves = NULL;
    wane_query *query = NULL;
    wane_text chart = {0}, caption = {0};
    bool draw = path && ends_with(path, ".svg");
    WANE_TRY(wane_curves_read(&curves, r->db, request, err));
    if (draw) WANE_TRY(wane_curves_draw(&chart, curves, err));
    else if (path || !wane_reading_for_people(r))
        WANE_TRY(wane_curves_rows(&query, curves, r->db, err));
    else WANE_TRY(wane_curves_means(&query, curves, r->db, err));
    if (!path && r->format == WANE_RENDER_TABLE) {
        wane_curves_caption(&caption, curves);
        WANE_TRY(wane_text_check(&caption, "curves", "caption", err));
        (void)printf("%s\n", caption.data);
    }
    st = write(r, query, draw ? &chart : NULL, path, err);
    query = NULL;
done:
    wane_query_free(query);
    wane_text_free(&caption);
    wane_curves_free(curves);
    wane_text_free(&chart);
    return st;
}

static wane_status show_matrices(const wane_reading *r, const char *path, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_matrices *matrices = NULL;
    wane_query *query = NULL;
    wane_text chart = {0};
    bool draw = path && ends_with(path, ".svg");
    WANE_TRY(wane_matrices_read(&matrices, r->db, r->experiment, err));
    if (draw) WANE_TRY(wane_matrices_draw(&chart, matrices, err));
    else if (path || !wane_reading_for_people(r))
        WANE_TRY(wane_matrices_rows(&query, matrices, r->db, err));
    else WANE_TRY(wane_matrices_means(&query, matrices, r->db, err));
    if (!path && r->format == WANE_RENDER_TABLE)
        (void)puts("accuracy of every task after each stage, mean +- sd over seeds\n");
    st = write(r, query, draw ? &chart : NULL, path, err);
done:
    wane_matrices_free(matrices);
    wane_text_free(&chart);
    return st;
}

/* Settles what was not given; false after a usage error. */
static bool settle(const wane_call *call, wane_curves_request *r, const char *band,
                   const char *path, const wane_reading *reading)
{
    bool matrix = r->metric && strcmp(r->metric, "accuracy_matrix") == 0;
    if (!r->metric) r->metric = r->task ? "accuracy" : "pretraining_forgetting";
    if (r->x && strcmp(r->x, "stage") == 0) r->x = NULL;
    r->interval = band && strcmp(band, "ci") == 0;
    if (band && !r->interval && strcmp(band, "sd") != 0)
        (void)wane_cli_usage(call, "--band %s: neither sd nor ci", band);
    else if (path && !ends_with(path, ".svg") && !ends_with(path, ".csv"))
        (void)wane_cli_usage(call, "--output %s: neither .svg nor .csv", path);
    else if (path && (reading->json || reading->format_name))
        (void)wane_cli_usage(call, "either --output or a format");
    else if (matrix && (r->x || r->by || r->task || r->corpus || band))
        (void)wane_cli_usage(call, "accuracy_matrix goes without --x, --by, --task, --corpus and "
                                   "--band");
    else if (r->x && band) (void)wane_cli_usage(call, "--band goes with lines, --x draws points");
    else {
        if (!r->by) r->by = "method";
        if (strcmp(r->by, "order") == 0) r->by = "order_name";
        return true;
    }
    return false;
}

static int run(wane_call *call)
{
    wane_reading r = {0};
    wane_curves_request request = {0};
    const char *path = NULL, *band = NULL;
    const wane_option options[] = {
        {"metric", 'm', WANE_OPTION_TEXT, &request.metric, "METRIC",
         "what is drawn (pretraining_forgetting); wane ls DB metrics lists them"},
        {"y", 'y', WANE_OPTION_TEXT, &request.metric, "METRIC", "the same as --metric"},
        {"x", 'x', WANE_OPTION_TEXT, &request.x, "METRIC",
         "points against this metric instead of lines over stages"},
        {"by", 'b', WANE_OPTION_TEXT, &request.by, "COLUMN",
         "a line for each of its values: method, kind, rank, order, seed, run (method)"},
        {"corpus", 0, WANE_OPTION_TEXT, &request.corpus, "NAME",
         "pretraining_forgetting, nll, kl_to_base, soft_ce of this corpus"},
        {"task", 0, WANE_OPTION_TEXT, &request.task, "NAME", "accuracy of this task"},
        {"band", 0, WANE_OPTION_TEXT, &band, "sd|ci",
         "around the mean: 1 standard deviation, or a 95% t interval (sd)"},
        {"output", 'o', WANE_OPTION_TEXT, &path, "FILE", "a chart (.svg) or its numbers (.csv)"},
        WANE_READING_FORMAT(r),
        WANE_READING_WHERE(r),
    };
    int code = 0;
    wane_error err;
    if (!wane_call_parse(call, options, sizeof options / sizeof *options, 1, 1, &code)) return code;
    if (!settle(call, &request, band, path, &r)) return WANE_EXIT_USAGE;
    wane_status st = wane_reading_open(&r, call->operand[0], &err);
    request.experiment = r.experiment;
    if (st == WANE_OK)
        st = strcmp(request.metric, "accuracy_matrix") == 0 ? show_matrices(&r, path, &err)
                                                            : show_curves(&r, &request, path, &err);
    if (st == WANE_OK || st == WANE_ENUMERIC) wane_reading_left_out(&r);
    wane_reading_close(&r);
    return st == WANE_OK ? WANE_EXIT_DONE : wane_cli_fail(&err);
}

const wane_command wane_command_curves = {
    "curves",
    "curves DB [--metric METRIC|accuracy_matrix] [--x METRIC] [--by COLUMN] [-o FILE.svg|FILE.csv]",
    "A metric over stages (forgetting curves), or against another; accuracy_matrix: heat maps.",
    run};
