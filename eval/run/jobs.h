/* SPDX-License-Identifier: Apache-2.0
 * Worker processes: wane started again, each taking runs that no other holds.
 */
#ifndef EVAL_RUN_JOBS_H
#define EVAL_RUN_JOBS_H

#include "eval/run/work.h"

/* Starts options->jobs workers, waits for all, passes a stop on to them, counts what they did (also
 * those that died) and the runs' ends. A worker that dies leaves its run marked failed; the others
 * go on. WANE_ECANCELLED when stopped. */
WANE_MUST_CHECK wane_status wane_jobs_run(wane_work *work, wane_error *err);

#endif
