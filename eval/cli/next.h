/* SPDX-License-Identifier: Apache-2.0
 * What to type after a run.
 */
#ifndef EVAL_CLI_NEXT_H
#define EVAL_CLI_NEXT_H

#include "store/base/status.h"
#include "store/base/text.h"

/* Appends "next: wane curves ...", "      wane show ...": lines for a shell, each of them tried on
 * the database at that path before it is said, so that it answers there (exit code 0) as long as
 * nobody changes it. Appends nothing when none does. */
WANE_MUST_CHECK wane_status wane_next_lines(wane_text *out, const char *database,
                                            const char *experiment, wane_error *err);

#endif
