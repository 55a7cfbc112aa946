/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "eval/cli/commands.h"
#include "eval/cli/experiment_call.h"

static int run(wane_call *call)
{
    int code = 0;
    wane_error err;
    wane_opened o;
    if (!wane_call_parse(call, NULL, 0, 1, WANE_OPTION_LIST_MOST, &code)) return code;
    wane_status st = wane_opened_load(&o, call->operand[0], call->operand + 1, call->operands - 1,
                                      NULL, 0, false, &err);
    if (st != WANE_OK) return wane_cli_fail(&err);
    wane_text text = {0};
    wane_experiment_print(&text, o.experiment);
    st = wane_text_check(&text, "validate", o.experiment->name, &err);
    if (st == WANE_OK) (void)fputs(text.data, stdout);
    wane_text_free(&text);
    wane_opened_close(&o);
    return st == WANE_OK ? WANE_EXIT_DONE : wane_cli_fail(&err);
}

const wane_command wane_command_validate = {
    "validate", "validate EXPERIMENT.yaml [key=value ...]",
    "Check files, labels and lengths before any training; print every setting.", run};
