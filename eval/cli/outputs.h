/* SPDX-License-Identifier: Apache-2.0
 * What a command writes never replaces what it reads, nor a database, and what cannot be written is
 * said before the work, not after it. The options' table says which values are written to and which
 * are read (WANE_OPTION_OUTPUT, _FOLDER, _DATABASE, _INPUT, _INPUTS); operands are read.
 */
#ifndef EVAL_CLI_OUTPUTS_H
#define EVAL_CLI_OUTPUTS_H

#include "eval/cli/command.h"

/* Asked before anything else is done. WANE_EEXIST when the value of an output option is there and
 * - is a file that an operand or an input option names, or that lies in a folder one of them names,
 *   by device and inode, so through links and hard links too;
 * - is a database, its journal, or among the artifacts of one;
 * - is a folder that is such an input, or that holds a database.
 * The error of whoever would write, when it would fail at once: no such folder, no permission, not
 * a regular file, no database of wane's. Nothing is made. */
WANE_MUST_CHECK wane_status wane_outputs_check(const wane_call *call, const wane_option *options,
                                               size_t count, wane_error *err);

#endif
