/* SPDX-License-Identifier: Apache-2.0
 * The command `wane show`: finds the run by name or key and prints its page.
 */
#include <stdio.h>

#include "analysis/report/page.h"
#include "analysis/report/show.h"
#include "eval/cli/commands.h"
#include "eval/cli/reading_options.h"

static int run(wane_call *call)
{
    wane_reading r = {0};
    const wane_option options[] = {
        WANE_READING_JSON(r),
        WANE_READING_WHERE(r),
    };
    int code = 0;
    wane_error err;
    wane_text text = {0};
    int64_t id = 0;
    if (!wane_call_parse(call, options, sizeof options / sizeof *options, 2, 2, &code)) return code;
    wane_status st = wane_reading_open(&r, call->operand[0], &err);
    if (st == WANE_OK) st = wane_results_find_run(r.db, &id, call->operand[1], r.experiment, &err);
    if (st == WANE_OK)
        st = r.json ? wane_show_json(&text, r.db, id, &err) : wane_show_page(&text, r.db, id, &err);
    if (st == WANE_OK) wane_put(stdout, text.data, text.length);
    wane_text_free(&text);
    return wane_reading_end(&r, st, &err);
}

const wane_command wane_command_show = {
    "show", "show DB RUN",
    "One page on a run, by its name (method/order/sN) or a unique prefix of its key.", run};
