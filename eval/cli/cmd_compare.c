/* SPDX-License-Identifier: Apache-2.0
 * The command `wane compare`: two sides given by name, pairs of runs or with --match of stages.
 */
#include "analysis/report/comparing.h"
#include "analysis/report/page.h"
#include "analysis/report/stage_matching.h"
#include "eval/cli/commands.h"
#include "eval/cli/reading_options.h"

/* Pairs of runs, or with --match pairs of stages. */
static wane_status show(const wane_reading *r, const wane_compare_question *question,
                        const char *match, bool pairs, wane_error *err)
{
    wane_text page = {0};
    wane_comparing comparing = {0};
    wane_matching matching = {0};
    wane_match_on on = WANE_MATCH_LEARNED;
    wane_status st = WANE_OK;
    if (match) {
        WANE_TRY(wane_match_parse(&on, match, err));
        WANE_TRY(wane_matching_run(&matching, r->db, question, on, err));
        if (r->json) wane_matching_json(&page, &matching);
        else wane_matching_page(&page, &matching, pairs);
    } else {
        WANE_TRY(wane_comparing_run(&comparing, r->db, question, err));
        if (r->json) wane_comparing_json(&page, &comparing);
        else wane_comparing_page(&page, &comparing, pairs);
    }
    st = wane_page_print(&page, err);
done:
    wane_comparing_free(&comparing);
    wane_matching_free(&matching);
    wane_text_free(&page);
    return st;
}

static int run(wane_call *call)
{
    wane_reading r = {0};
    wane_compare_question question = {.by = "method"};
    wane_option_list metrics = {0};
    const char *match = NULL;
    size_t stage = 0;
    bool pairs = false;
    const wane_option options[] = {
        {"by", 0, WANE_OPTION_TEXT, &question.by, "COLUMN",
         "what A and B are values of: method, kind, rank, learning_rate, order_name or seed; all "
         "else is shared (method)"},
        {"match", 0, WANE_OPTION_TEXT, &match, "learned|norm",
         "stages one to one, as accurate on the task just trained, or as far from the base"},
        {"metric", 'm', WANE_OPTION_LIST, &metrics, "NAME,...",
         "only these; accuracy and loss stand for those of the tasks (all usual ones)"},
        {"stage", 0, WANE_OPTION_COUNT, &stage, "N", "after this stage (the last; matched: all)"},
        {"pairs", 0, WANE_OPTION_FLAG, &pairs, NULL, "list every pair, also when they are many"},
        WANE_READING_JSON(r),
        WANE_READING_WHERE(r),
    };
    int code = 0;
    wane_error err;
    if (!wane_call_parse(call, options, sizeof options / sizeof *options, 3, 3, &code)) return code;
    if (stage > INT32_MAX) return wane_cli_usage(call, "--stage %zu: too large", stage);
    wane_status st = wane_reading_open(&r, call->operand[0], &err);
    question.side[0] = call->operand[1];
    question.side[1] = call->operand[2];
    question.experiment = r.experiment;
    question.stage = (int64_t)stage;
    question.metric = metrics.item;
    question.metrics = metrics.count;
    if (st == WANE_OK) st = show(&r, &question, match, pairs, &err);
    return wane_reading_end(&r, st, &err);
}

const wane_command wane_command_compare = {
    "compare",
    "compare DB A B [--by method] [--match learned|norm] [--metric NAME,...] [--stage N] "
    "[--json]",
    "Two methods or runs beside each other: paired over seeds and orders, examples, documents.",
    run};
