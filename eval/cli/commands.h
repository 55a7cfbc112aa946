/* SPDX-License-Identifier: Apache-2.0
 * One entry per subcommand; each lives in its own file, cmd_NAME.c.
 */
#ifndef EVAL_CLI_COMMANDS_H
#define EVAL_CLI_COMMANDS_H

#include "eval/cli/command.h"

extern const wane_command wane_command_run;
extern const wane_command wane_command_env;
extern const wane_command wane_command_explain;
extern const wane_command wane_command_init;
extern const wane_command wane_command_ls;
extern const wane_command wane_command_query;
extern const wane_command wane_command_schema;
extern const wane_command wane_command_show;
extern const wane_command wane_command_validate;
extern const wane_command wane_command_verify;
extern const wane_command wane_command_curves;
extern const wane_command wane_command_correlate;
extern const wane_command wane_command_compare;
extern const wane_command wane_command_audit;
extern const wane_command wane_command_diff;
extern const wane_command wane_command_intruders;
extern const wane_command wane_command_perplexity;
extern const wane_command wane_command_eval;
extern const wane_command wane_command_pretrain;
extern const wane_command wane_command_demo;
extern const wane_command wane_command_scale;

#endif
