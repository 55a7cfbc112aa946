/* SPDX-License-Identifier: Apache-2.0
 * Worker processes: wane started again, each taking runs that no other holds.
 */
#ifndef EVAL_RUN_JOBS_H
#define EVAL_RUN_JOBS_H

#include "eval/stages/work.h"

/* Starts options->jobs workers, waits for all, passes a stop on to them, and starts more while runs
 * are free that none of this call has ended: those that another call's processes had in hand and
 * left are taken over, those they still hold are waited for. Counts what the workers did (also
 * those that died) and the runs' ends. A run that two workers died at is marked failed, unless
 * another process has it in hand; no other run is marked here. What a worker met that would hit
 * every run (a full disk) ends the call with its status, WANE_ECANCELLED a stop. */
WANE_MUST_CHECK wane_status wane_jobs_run(wane_work *work, wane_error *err);

/* Where worker `worker` of a plan of `runs` runs tells its parent what it does: the memory that
 * both share behind the descriptor `fd`; mapped until the process ends. WANE_EINVAL when there is
 * nothing of the kind behind it. */
WANE_MUST_CHECK wane_status wane_jobs_report(wane_run_shared *out, int fd, int worker, size_t runs,
                                             wane_error *err);

#endif
