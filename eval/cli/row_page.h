/* SPDX-License-Identifier: Apache-2.0
 * Lines of a page on one row of a task as the model sees it.
 */
#ifndef EVAL_CLI_ROW_PAGE_H
#define EVAL_CLI_ROW_PAGE_H

#include "eval/experiment/inputs.h"
#include "store/base/text.h"

/* The prompt with the place where it is cut, its tokens, its label with tokens and ids, the other
 * labels; long texts and many tokens are left out in the middle and counted. Nothing for a task
 * without rows. */
void wane_print_shown_row(wane_text *page, const wane_inputs *inputs, size_t task);

#endif
