/* SPDX-License-Identifier: Apache-2.0
 * What a run is asked for, what it tells on the way, and what came of it.
 */
#ifndef EVAL_STAGES_RUN_OPTIONS_H
#define EVAL_STAGES_RUN_OPTIONS_H

#include "eval/stages/tree.h"
#include <signal.h>

/* What is there and what is missing, before anything is done. */
typedef struct wane_run_need {
    size_t runs, stages, stages_missing, steps_missing;
    size_t cells, cells_missing;
    size_t cells_earlier; /* cells of an earlier definition that stay: they cannot be measured
                             again from what is on disk, on this machine */
    size_t cells_beside;  /* cells that come with every stage unasked, likewise */
    size_t cells_gone;    /* cells of sealed stages that cannot be filled: what they would be
                             measured on is not on disk */
} wane_run_need;

typedef struct wane_run_outcome {
    size_t stages_trained, steps_trained, cells_filled;
    size_t runs_done, runs_diverged, runs_failed, gates_failed;
    size_t cells_gone; /* asked for, and not to be filled: of no worker's, of the whole plan */
    /* Of the whole plan, of no worker's: trained stages of which it is known whether they are
     * collapsed, those that are, those beyond a uniform guess. */
    size_t stages_known, stages_collapsed, stages_beyond;
} wane_run_outcome;

/* What a worker tells its parent, in memory that outlives it: it alone writes here. */
typedef struct wane_run_report {
    wane_run_outcome done; /* of all workers that had this place */
    size_t run;            /* 1 + the run in hand; 0: none. What a dead worker says here it had */
    wane_status status;    /* with `returned`: what wane_run gave it */
    bool returned;
} wane_run_report;

typedef struct wane_run_shared {
    wane_run_report *report; /* the worker's own; NULL in a process without a parent */
    unsigned char *ended; /* per run of the plan: 1 = a process of this call has ended it, well or
                             not, and none of them begins it again */
} wane_run_shared;

/* What happens, as it happens. Any callback may be NULL; all are called by the thread that called
 * wane_run. */
typedef struct wane_run_progress {
    void *context;
    void (*run)(void *context, const wane_plan *plan, size_t run);
    void (*step)(void *context, const wane_plan *plan, size_t run, size_t position, size_t step,
                 size_t steps, const wane_step *result);
    /* phase: "train" (not where nothing is to be trained), "measure", then "done" or "diverged";
     * cells: filled since the stage was begun; outcome: with "done", that the stage is collapsed,
     * in words, else NULL. */
    void (*stage)(void *context, const wane_plan *plan, size_t run, size_t position,
                  const char *phase, size_t cells, const char *outcome);
    /* By a parent, now and then: what its workers have done so far of what was missing. */
    void (*workers)(void *context, int workers, const wane_run_outcome *done,
                    const wane_run_need *need);
} wane_run_progress;

typedef struct wane_run_options {
    const char *database; /* path; artifacts beside it in PATH.artifacts */
    int threads;          /* 0 = all processors, shared between jobs */
    int jobs;             /* worker processes; 1 = none but this one */
    int worker;           /* 0, or the number of this worker: then runs others hold are passed by */
    wane_run_shared shared; /* a worker's (wane_jobs_report) */
    bool mixed;           /* go on under another BLAS core or numerics than stages were made with */
    char *const *command; /* of jobs > 1: the program's arguments that start a worker, ended by
                             NULL; "--worker N --report FD" is put behind the first two */
    const wane_log *log;
    wane_run_progress progress;
    const volatile sig_atomic_t *stop; /* becomes non-zero to stop after the current step */
} wane_run_options;

#endif
