/* SPDX-License-Identifier: Apache-2.0
 * Stages of two methods, or of two kinds of methods, matched one to one: what differs between two
 * stages that have learned the task equally well, or whose weights have moved equally far.
 */
#ifndef ANALYSIS_REPORT_STAGE_MATCHING_H
#define ANALYSIS_REPORT_STAGE_MATCHING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/report/comparing.h"
#include "analysis/statistics/paired.h"
#include "store/base/memory.h"
#include "store/base/text.h"
#include "store/results/results.h"

typedef enum wane_match_on {
    WANE_MATCH_LEARNED, /* R[i][i], the accuracy of the task just trained; caliper 2 points */
    WANE_MATCH_NORM     /* ln delta_frobenius_all; caliper .1 */
} wane_match_on;

/* "learned" or "norm"; WANE_EINVAL otherwise. */
WANE_MUST_CHECK wane_status wane_match_parse(wane_match_on *out, const char *name, wane_error *err);
const char *wane_match_column(wane_match_on on); /* of stage_summary */
double wane_match_caliper(wane_match_on on);

/* One trained stage of a side. */
typedef struct wane_match_stage {
    const char *experiment, *run, *config, *order, *trained;
    int64_t seed, position;
    double on; /* what is matched; NaN: it has none */
    size_t partner;
    double *value; /* per measure */
} wane_match_stage;

typedef struct wane_match_side {
    wane_compare_side runs;
    wane_match_stage *stage; /* by experiment, order, seed, position, config */
    size_t stages, missing;  /* missing: without what is matched; they are not matched */
    size_t inside;           /* of the others: within the range of the other side */
    size_t configs;          /* with a matched stage */
    double low, high;        /* range of what is matched; NaN without any */
} wane_match_side;

/* A measure over the pairs that have it on both sides. loss: means over the pairs; the interval and
 * p are BCa and bootstrap over configs of the side with fewer, each with all its pairs; `reason` of
 * a missing interval: few_configs (below 6), degenerate_resamples. */
typedef struct wane_match_measure {
    const char *name;
    size_t pairs, configs;
    wane_paired_loss loss; /* means NaN without a pair */
    const char *reason;
} wane_match_measure;

/* A pair: places in side[0].stage and side[1].stage. */
typedef struct wane_match_pair {
    size_t stage[2];
    double distance;
} wane_match_pair;

typedef struct wane_matching {
    const wane_compare_question *question;
    wane_match_on on;
    wane_match_side side[2];
    wane_match_pair *pair;
    size_t pairs;
    bool overlap; /* the ranges do; without, nothing is matched and nothing claimed */
    wane_match_measure *measure;
    size_t measures;
    wane_arena *arena; /* holds all of it */
} wane_matching;

/* Stages of the same experiment, order, seed and position are matched by wane_match (optimal,
 * within the caliper). question->by: method, kind, rank or learning_rate; WANE_EINVAL for others.
 * stage: of this position alone; 0: of all. WANE_ENOTFOUND for a side that names no run or a
 * measure that is not there, WANE_ENUMERIC when a side has no stage with what is matched (a
 * database of before it was measured). Owned by the caller, freed with wane_matching_free. */
WANE_MUST_CHECK wane_status wane_matching_run(wane_matching *out, wane_results *db,
                                              const wane_compare_question *question,
                                              wane_match_on on, wane_error *err);
void wane_matching_free(wane_matching *matching);

/* A page for people; `pairs` lists the pairs however many they are. */
void wane_matching_page(wane_text *out, const wane_matching *matching, bool pairs);
void wane_matching_json(wane_text *out, const wane_matching *matching);

#endif
