/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/cli/commands.h"

const wane_command *const wane_commands[] = {
    &wane_command_run,
    &wane_command_validate,
};

const size_t wane_command_count = sizeof wane_commands / sizeof *wane_commands;
