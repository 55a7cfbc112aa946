/* SPDX-License-Identifier: Apache-2.0
 * The plan of an experiment: the tree of stages and the runs, paths through it.
 *
 * A stage's key hashes its parent's key and all that decides its weights: training data as tokens
 * see it, method, training settings, seed, adapter policy, the version of numbers. Names, paths,
 * test data, corpora, threads and jobs are in no key. Equal keys are one stage.
 */
#ifndef EVAL_STAGES_TREE_H
#define EVAL_STAGES_TREE_H

#include "eval/experiment/inputs.h"
#include "store/results/results.h"

typedef struct wane_stage_kind wane_stage_kind; /* stage_kind.h */

typedef struct wane_plan_stage {
    const wane_stage_kind *kind;
    char key[WANE_SHA256_HEX];
    size_t parent;                 /* index; of the base itself 0 */
    size_t position;               /* trained stages from the base to here; 0 = the base */
    const size_t *tasks;           /* what it is trained on, indices in the experiment; several in
                                      an order that depends on their data alone */
    size_t task_count;             /* 1 but for joint training; 0 for the base */
    const wane_run_config *config; /* NULL for the base */
    const char *source;            /* where its weights are read; NULL where they are trained */
    bool lowrank;                  /* adapters alone lead from the base to here */
    char content[WANE_SHA256_HEX]; /* the digest of what is read from `source`, part of the key */
    uint64_t seed;
    size_t perturbation; /* which of the runs from perturbed numbers it is of, from 1; 0: of none */
    size_t steps;        /* optimiser steps; 0 where nothing is trained */
    int64_t id;          /* in the database, after wane_plan_store */
} wane_plan_stage;

typedef struct wane_plan_run {
    char key[WANE_SHA256_HEX];
    char name[256]; /* "config/order/sSEED"; "config/order/sSEED.N" from perturbed numbers */
    const wane_run_config *config;
    const wane_stage_kind *kind; /* of its stages; the first may be of another */
    const wane_order *order;
    uint64_t seed;
    size_t perturbation; /* N; else 0 */
    size_t length;       /* trained stages */
    size_t shift;        /* stage p stands at position p + shift in the database (0 for the base) */
    size_t *stages;      /* length + 1 indices, the base first */
    int64_t id;
} wane_plan_run;

typedef struct wane_plan {
    const wane_inputs *inputs;
    size_t stage_count, run_count;
    wane_plan_stage *stages; /* parents before children; stages[0] is the base */
    wane_plan_run *runs;     /* by config, order, seed in the order of the file */
    int64_t experiment, *task_ids, *corpus_ids, *matrix_ids; /* after wane_plan_store; matrix_ids
                                                                 by parameter, 0 = not analysed */
    void *table;                                             /* finds stages by key */
    wane_arena *memory;                                      /* lists of tasks */
} wane_plan;

/* The task that stage `position` >= 1 of the run adds: of a joint stage, the last of its order. */
size_t wane_plan_task(const wane_plan_run *run, size_t position);

/* Whether stage `position` of the run (0: the base) is trained on that task, or on one with the
 * same training rows. */
bool wane_plan_trains(const wane_plan *plan, const wane_plan_run *run, size_t position,
                      size_t task);

/* What identifies the rows of the task that the stage trains on, or would. Borrowed. */
const char *wane_plan_rows(const wane_plan *plan, const wane_plan_stage *stage, size_t task);

/* Which of the tasks the stage is trained on that is, by its training rows; their count: none. */
size_t wane_plan_group(const wane_plan *plan, const wane_plan_stage *stage, size_t task);

/* Whether any planned run ends in the stage. Each stage of single tasks ends a path of its own, and
 * none counts for that. */
bool wane_plan_ends(const wane_plan *plan, size_t stage);

/* Whether the stages of the run all start from the base, and not one from the other. */
bool wane_plan_from_base(const wane_plan_run *run);

/* The run that bounds `run`: same method, order and seed. NULL when none is planned. */
const wane_plan_run *wane_plan_bound(const wane_plan *plan, const wane_plan_run *run,
                                     wane_bound bound);

/* Whether task t is measured after `position` of the run. */
bool wane_task_measured(const wane_plan *plan, const wane_plan_run *run, size_t position, size_t t);

#endif
