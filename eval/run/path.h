/* SPDX-License-Identifier: Apache-2.0
 * One run: the path through the tree, walked from its base to its seal. For this room alone.
 */
#ifndef EVAL_RUN_PATH_H
#define EVAL_RUN_PATH_H

#include "eval/cells/cells.h"

/* Whether anything of the run is still to be trained, measured or sealed. */
WANE_MUST_CHECK wane_status wane_run_left(bool *out, wane_work *work, const wane_plan_run *run,
                                          wane_error *err);
/* Whether a process is at work on it: its lock is asked about, not taken. */
bool wane_run_held(wane_work *work, const wane_plan_run *run);
/* Takes its lock; without `wait` WANE_EBUSY when another process has it, with it WANE_ECANCELLED
 * once a stop was asked for. */
WANE_MUST_CHECK wane_status wane_run_take(wane_lock **out, wane_work *work,
                                          const wane_plan_run *run, bool wait, wane_error *err);
/* Works on the run under its lock, or passes it by (*held) when another process is at it and it is
 * not to be waited for. A worker says meanwhile which run it has in hand, and then that it ended
 * it: its parent knows by this whose death has hit which run. */
WANE_MUST_CHECK wane_status wane_run_locked(wane_work *work, size_t r, bool wait, bool *held,
                                            wane_error *err);
/* The lock of that name beside the database; errors as of wane_run_take. */
WANE_MUST_CHECK wane_status wane_work_lock(wane_lock **out, wane_work *work, const char *name,
                                           bool wait, wane_error *err);
/* progress.stage. `cells`: how many were filled here before the stage was begun. */
void wane_work_tell(const wane_work *work, size_t run, size_t position, const char *phase,
                    size_t cells);

#endif
