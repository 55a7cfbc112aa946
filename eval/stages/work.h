/* SPDX-License-Identifier: Apache-2.0
 * What the parts of a run share: one process at work on a plan.
 */
#ifndef EVAL_STAGES_WORK_H
#define EVAL_STAGES_WORK_H

#include "eval/measure/measure.h"
#include "eval/stages/run_options.h"
#include "eval/train/train.h"
#include "store/files/file.h"
#include "store/files/update.h"

typedef struct wane_random_score {
    double accuracy, bound;
} wane_random_score;

/* Stage 0's window scores of one corpus, for the paired error of the change. */
typedef struct wane_base_windows {
    double *nll;
    size_t count;
} wane_base_windows;

typedef struct wane_work {
    wane_plan *plan;
    const wane_inputs *inputs;
    const wane_experiment *experiment;
    const wane_run_options *options;
    wane_run_outcome *outcome;
    wane_results *db;
    wane_pool *pool;
    char *artifacts;                  /* folder; owned */
    struct wane_base_svd **svd;       /* per parameter, read or computed when first needed; owned */
    wane_base_windows *base_windows;  /* per corpus; owned */
    wane_random_score *random_scores; /* per task, once measured; owned */
    struct wane_intervening *intervening; /* the stage whose interventions are measured; owned */
    const struct wane_watcher *watcher;   /* what looks at a stage while it trains; NULL: nothing */
    wane_prompts *probe_rows;             /* per task: training rows a probe is fitted to; owned */
    double deadline;                      /* on wane_clock_wall; 0 = none */
    bool mixed;                           /* cells are filled by other kernels than some weights */
    double cell_wall, cell_cpu;           /* clocks, when the cell at work was begun */
    double apart_wall, apart_cpu;         /* spent inside the cell at work, on a phase of its own */
} wane_work;

/* The weights of one path through the tree, as far as they are materialised. */
typedef struct wane_chain {
    wane_model *model; /* weights of the stage at `position` */
    size_t position;
    wane_update *updates; /* [p - 1]: what stage p changed; {0} when not loaded */
    size_t length;        /* of updates */
    bool from_base;       /* every stage starts from the base, none from the one before it */
    bool read_whole;      /* the weights stand as a checkpoint trained elsewhere holds them, rounded
                             to whatever it is stored in */
} wane_chain;

/* WANE_ECANCELLED once a stop was asked for or the deadline has passed. */
WANE_MUST_CHECK wane_status wane_work_continue(const wane_work *work, wane_error *err);

/* "artifacts/name". Owned by the caller, free with wane_free; NULL when memory is out. */
char *wane_work_path(const wane_work *work, const char *kind, const char *name);

/* What a phase has cost, with the peak so far; it counts no tokens unless the caller says so. */
wane_usage_row wane_work_usage(const char *phase, double wall, double cpu);

#endif
