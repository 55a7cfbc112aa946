/* SPDX-License-Identifier: Apache-2.0
 * What a plan will need, before anything is trained.
 */
#ifndef EVAL_PLAN_ESTIMATE_H
#define EVAL_PLAN_ESTIMATE_H

#include "eval/plan/plan.h"

typedef struct wane_estimate {
    double memory_bytes;  /* weights, optimiser and passes of the largest method, one process */
    double address_bytes; /* that, the program and its database, and what each thread maps */
    double disk_bytes;    /* updates that `keep` keeps, and the database */
    double train_flops, measure_flops; /* of the whole plan, each stage once */
    double intervention_flops; /* if every stage looked at had intruders; not in `seconds` */
    size_t interventions;      /* measurements of that kind, at most */
    double null_flops;         /* of the draws beside counts; not in `seconds` */
    size_t nulls;              /* cells of that kind */
    double flops_per_second;   /* sgemm measured here, with this pool */
    double seconds;            /* flops at SHARE of that rate */
} wane_estimate;

/* The share of the sgemm rate that a run is taken to reach; small models reach less than large. */
#define WANE_ESTIMATE_SHARE 0.6

/* Measures sgemm for about a quarter of a second. */
WANE_MUST_CHECK wane_status wane_plan_estimate(wane_estimate *out, const wane_plan *plan,
                                               wane_pool *pool, wane_error *err);

#endif
