/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "eval/cli/commands.h"
#include "eval/cli/correlating.h"
#include "eval/cli/reading.h"

static void say_left_out(const wane_correlating *job)
{
    if (job->not_done)
        (void)fprintf(stderr, "wane: correlate: %zu point%s left out: run not done\n",
                      job->not_done, job->not_done == 1 ? "" : "s");
    if (job->missing)
        (void)fprintf(stderr, "wane: correlate: %zu point%s left out: no %s or no %s\n",
                      job->missing, job->missing == 1 ? "" : "s", job->x, job->y);
}

static int run(wane_call *call)
{
    wane_reading r = {0};
    wane_correlating job = {.x = "intruders", .y = "pretraining_forgetting"};
    const char *blocks = "config";
    const wane_option options[] = {
        {"x", 'x', WANE_OPTION_TEXT, &job.x, "COLUMN", "of correlation_points; intruders"},
        {"y", 'y', WANE_OPTION_TEXT, &job.y, "COLUMN", "the same; pretraining_forgetting"},
        {"given", 'g', WANE_OPTION_TEXT, &job.given, "COLUMN",
         "also the partial Spearman coefficient given this"},
        {"blocks", 'b', WANE_OPTION_TEXT, &blocks, "UNIT",
         "what is exchanged and resampled: config, run or none"},
        WANE_READING_JSON(r),
        WANE_READING_WHERE(r),
    };
    int code = 0;
    wane_error err;
    wane_text text = {0};
    if (!wane_call_parse(call, options, sizeof options / sizeof *options, 1, 1, &code)) return code;
    wane_status st = wane_correlating_blocks(&job.blocks, blocks, &err);
    if (st == WANE_OK) st = wane_reading_open(&r, call->operand[0], &err);
    if (st == WANE_OK) st = wane_correlating_run(&job, r.db, &err);
    if (st == WANE_OK) {
        say_left_out(&job);
        if (r.json) wane_correlating_json(&text, &job);
        else st = wane_correlating_table(&text, &job, r.db, &err);
    }
    if (st == WANE_OK) st = wane_text_check(&text, "correlate", "output", &err);
    if (st == WANE_OK) (void)fputs(text.data, stdout);
    wane_reading_close(&r);
    wane_text_free(&text);
    return st == WANE_OK ? WANE_EXIT_DONE : wane_cli_fail(&err);
}

const wane_command wane_command_correlate = {
    "correlate", "correlate DB [--x COLUMN] [--y COLUMN] [--given COLUMN]",
    "How two measures go together over stages, with intervals and permutation tests.", run};
