/* SPDX-License-Identifier: Apache-2.0
 * Both sides of a tensor in fp32, panel by panel: for sums over checkpoints of any size.
 */
#ifndef EVAL_PAIR_PANELS_H
#define EVAL_PAIR_PANELS_H

#include "eval/pair/checkpoint.h"
#include "store/base/threads.h"

/* Numbers of a panel; the last of a tensor has fewer. */
enum { WANE_PANEL = 1 << 18 };
size_t wane_panels(const wane_compared *compared);

/* Numbers [first, first + count) of both sides; `tuned` NULL where the change is a low-rank term or
 * there is none. From any thread, in any order; it writes only what is the panel's own. */
typedef void (*wane_panel_function)(void *context, size_t panel, const float *base,
                                    const float *tuned, size_t count);

/* Every panel of tensor `index`, over the threads of the pool (NULL: in the caller). Memory is two
 * panels a thread; of a transposed or merged tensor all of it. What mapped files brought to memory
 * is given back. */
WANE_MUST_CHECK wane_status wane_comparison_panels(const wane_comparison *comparison, size_t index,
                                                   wane_pool *pool, wane_panel_function function,
                                                   void *context, wane_error *err);

#endif
