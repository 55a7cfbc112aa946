/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/cli/commands.h"

const wane_command *const wane_commands[] = {
    &wane_command_demo, &wane_command_run,       &wane_command_validate,
    &wane_command_diff, &wane_command_intruders, &wane_command_perplexity,
    &wane_command_eval, &wane_command_pretrain,
};

const size_t wane_command_count = sizeof wane_commands / sizeof *wane_commands;
