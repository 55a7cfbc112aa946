/* SPDX-License-Identifier: Apache-2.0
 * The command `wane correlate`: two columns, covariates and blocks, and the old names of columns.
 */
#include <stdio.h>
#include <string.h>

#include "analysis/report/correlating.h"
#include "analysis/report/page.h"
#include "eval/cli/commands.h"
#include "eval/cli/reading_options.h"

static void say_left_out(const wane_reading *r, const wane_correlating *job)
{
    wane_reading_left_out(r);
    size_t missing = 0;
    for (size_t i = 0; job->tables > 0 && i < job->groups; i++)
        missing += job->table[0].group[i].missing;
    if (missing)
        wane_tell("wane: left out: %zu point%s without %s or %s\n", missing,
                  missing == 1 ? "" : "s", job->x, job->y);
}

/* JSON is one object; the other formats are rows, one per coefficient. */
static wane_status print(const wane_reading *r, const wane_correlating *job, wane_error *err)
{
    wane_text text = {0};
    wane_query *query = NULL;
    wane_status st = WANE_OK;
    if (r->format == WANE_RENDER_JSON) wane_correlating_json(&text, job);
    else if (r->format == WANE_RENDER_TABLE)
        WANE_TRY(wane_correlating_table_print(&text, job, r->db, err));
    else {
        WANE_TRY(wane_correlating_rows(&query, job, r->db, err));
        WANE_TRY(wane_reading_append(&text, query, r->format, NULL, err));
    }
    WANE_TRY(wane_text_check(&text, "correlate", "output", err));
    wane_put(stdout, text.data, text.length);
done:
    wane_text_free(&text);
    return st;
}

/* Names of other tables for what correlation_points calls otherwise. */
static const char *column_of(const char *name)
{
    if (strcmp(name, "method") == 0) return "config";
    return strcmp(name, "order") == 0 ? "order_name" : name;
}

static int run(wane_call *call)
{
    wane_reading r = {0};
    wane_correlating job = {.x = "intruders"};
    wane_option_list given = {0};
    const char *blocks = "config", *points = "stages";
    const wane_option options[] = {
        {"x", 'x', WANE_OPTION_TEXT, &job.x, "COLUMN", "of correlation_points (intruders)"},
        {"y", 'y', WANE_OPTION_TEXT, &job.y, "COLUMN",
         "of correlation_points (pretraining_forgetting; at looks nll)"},
        {"given", 'g', WANE_OPTION_LIST, &given, "COLUMN,...",
         "also the partial Spearman given these, numbers or categories (delta_frobenius, method)"},
        {"per", 0, WANE_OPTION_TEXT, &job.per, "PART",
         "of each layer, module or matrix apart, with Holm's correction"},
        {"blocks", 'b', WANE_OPTION_TEXT, &blocks, "UNIT",
         "what is exchanged and resampled: config, run or none"},
        {"points", 0, WANE_OPTION_TEXT, &points, "WHAT",
         "stages, or looks into a tracked training (stages)"},
        WANE_READING_FORMAT(r),
        WANE_READING_WHERE(r),
    };
    int code = 0;
    wane_error err;
    if (!wane_call_parse(call, options, sizeof options / sizeof *options, 1, 1, &code)) return code;
    if (given.count == 1 && strcmp(given.item[0], "none") == 0) given.count = 0;
    for (size_t i = 0; i < given.count; i++) given.item[i] = column_of(given.item[i]);
    job.given = given.item;
    job.given_count = given.count;
    wane_status st = wane_correlating_blocks(&job.blocks, blocks, &err);
    if (st == WANE_OK) st = wane_correlating_points(&job.points, points, &err);
    if (!job.y) job.y = job.points == WANE_POINTS_LOOKS ? "nll" : "pretraining_forgetting";
    if (st == WANE_OK) st = wane_reading_open(&r, call->operand[0], &err);
    job.experiment = r.experiment;
    if (st == WANE_OK) st = wane_correlating_run(&job, r.db, &err);
    if (st == WANE_OK || st == WANE_ENUMERIC) say_left_out(&r, &job);
    if (st == WANE_OK) st = print(&r, &job, &err);
    wane_correlating_free(&job);
    return wane_reading_end(&r, st, &err);
}

const wane_command wane_command_correlate = {
    "correlate",
    "correlate DB [--x COLUMN] [--y COLUMN] [--given COLUMN,...] [--per layer|module|matrix] "
    "[--points looks]",
    "How two measures go together over stages, with intervals and permutation tests.", run};
