/* SPDX-License-Identifier: Apache-2.0
 * The table of subcommands in the order in which the help lists them.
 */
#include "eval/cli/commands.h"

const wane_command *const wane_commands[] = {
    &wane_command_demo,      &wane_command_init,     &wane_command_run,
    &wane_command_validate,  &wane_command_ls,       &wane_command_show,
    &wane_command_query,     &wane_command_curves,   &wane_command_correlate,
    &wane_command_compare,   &wane_command_audit,    &wane_command_diff,
    &wane_command_intruders, &wane_command_scale,    &wane_command_perplexity,
    &wane_command_eval,      &wane_command_pretrain, &wane_command_schema,
    &wane_command_verify,    &wane_command_explain,  &wane_command_env,
};

const size_t wane_command_count = sizeof wane_commands / sizeof *wane_commands;
