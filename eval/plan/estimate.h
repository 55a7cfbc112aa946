/* SPDX-License-Identifier: Apache-2.0
 * What a plan will need, before anything is trained.
 */
#ifndef EVAL_PLAN_ESTIMATE_H
#define EVAL_PLAN_ESTIMATE_H

#include "eval/cells/cell_measures.h"
#include "eval/plan/plan.h"

typedef struct wane_estimate {
    double memory_bytes;  /* of one process at its peak: what this one holds now, inputs and base
                             weights among it, and `more` */
    double more_bytes;    /* what the largest of training and measuring adds to open inputs */
    size_t tokens;        /* of the largest micro-batch that is planned for */
    double address_bytes; /* memory, maps of SVDs of base and stage before, what each thread maps */
    double disk_bytes;    /* updates that `keep` keeps, SVDs of the base, and the database */
    double train_flops, measure_flops; /* of the whole plan, each stage once */
    wane_cost measure[WANE_MEASURES];  /* by the measures' list; of those that are told apart the
                                          operations are in neither sum */
    double flops_per_second;           /* sgemm measured here, with this pool */
    double seconds;                    /* flops at SHARE of that rate */
} wane_estimate;

/* The share of the sgemm rate that a run is taken to reach; small models reach less than large. */
#define WANE_ESTIMATE_SHARE 0.6

/* Measures sgemm for about a quarter of a second. */
WANE_MUST_CHECK wane_status wane_plan_estimate(wane_estimate *out, const wane_plan *plan,
                                               wane_pool *pool, wane_error *err);

#endif
