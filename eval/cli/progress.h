/* SPDX-License-Identifier: Apache-2.0
 * Progress of a run on stderr: on a terminal one live line, elsewhere plain lines at a fixed pace.
 */
#ifndef EVAL_CLI_PROGRESS_H
#define EVAL_CLI_PROGRESS_H

#include <stdio.h>

#include "eval/run/run.h"

typedef struct wane_progress {
    FILE *log;
    bool live;
    int worker;
    double last, stage_start; /* clocks */
    bool trained;             /* this stage, here */
    size_t tokens, first_step, step;
    double mean_loss;
} wane_progress;

void wane_progress_start(wane_progress *progress, FILE *log, int worker);
wane_run_progress wane_progress_callbacks(wane_progress *progress);

#endif
