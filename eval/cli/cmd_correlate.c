/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "eval/cli/commands.h"
#include "eval/cli/correlating.h"
#include "eval/cli/reading.h"

static void say_left_out(const wane_reading *r, const wane_correlating *job)
{
    wane_reading_left_out(r);
    if (job->missing)
        (void)fprintf(stderr, "wane: left out: %zu point%s without %s or %s\n", job->missing,
                      job->missing == 1 ? "" : "s", job->x, job->y);
}

/* JSON is one object; the other formats are rows, one per coefficient. */
static wane_status print(const wane_reading *r, const wane_correlating *job, wane_error *err)
{
    wane_text text = {0};
    wane_query *query = NULL;
    wane_status st = WANE_OK;
    if (r->format == WANE_RENDER_JSON) wane_correlating_json(&text, job);
    else if (r->format == WANE_RENDER_TABLE)
        WANE_TRY(wane_correlating_table(&text, job, r->db, err));
    else {
        WANE_TRY(wane_correlating_rows(&query, job, r->db, err));
        WANE_TRY(wane_reading_append(&text, query, r->format, NULL, err));
    }
    WANE_TRY(wane_text_check(&text, "correlate", "output", err));
    (void)fputs(text.data, stdout);
done:
    wane_text_free(&text);
    return st;
}

static int run(wane_call *call)
{
    wane_reading r = {0};
    wane_correlating job = {.x = "intruders", .y = "pretraining_forgetting"};
    const char *blocks = "config";
    const wane_option options[] = {
        {"x", 'x', WANE_OPTION_TEXT, &job.x, "COLUMN", "of correlation_points (intruders)"},
        {"y", 'y', WANE_OPTION_TEXT, &job.y, "COLUMN",
         "of correlation_points (pretraining_forgetting)"},
        {"given", 'g', WANE_OPTION_TEXT, &job.given, "COLUMN",
         "also the partial Spearman given this, a number or a category (delta_frobenius, method)"},
        {"blocks", 'b', WANE_OPTION_TEXT, &blocks, "UNIT",
         "what is exchanged and resampled: config, run or none"},
        WANE_READING_FORMAT(r),
        WANE_READING_WHERE(r),
    };
    int code = 0;
    wane_error err;
    if (!wane_call_parse(call, options, sizeof options / sizeof *options, 1, 1, &code)) return code;
    if (job.given && strcmp(job.given, "none") == 0) job.given = NULL;
    wane_status st = wane_correlating_blocks(&job.blocks, blocks, &err);
    if (st == WANE_OK) st = wane_reading_open(&r, call->operand[0], &err);
    job.experiment = r.experiment;
    if (st == WANE_OK) st = wane_correlating_run(&job, r.db, &err);
    if (st == WANE_OK || st == WANE_ENUMERIC) say_left_out(&r, &job);
    if (st == WANE_OK) st = print(&r, &job, &err);
    wane_reading_close(&r);
    return st == WANE_OK ? WANE_EXIT_DONE : wane_cli_fail(&err);
}

const wane_command wane_command_correlate = {
    "correlate",
    "correlate DB [--x COLUMN] [--y COLUMN] [--given COLUMN] [--blocks config|run|none]",
    "How two measures go together over stages, with intervals and permutation tests.", run};
