/* SPDX-License-Identifier: Apache-2.0
 * The metrics of an accuracy matrix. R[i][j] = score of task j after stage i; stage 0 = the
 * pretrained model; tasks in training order.
 */
#ifndef ANALYSIS_STATISTICS_FORGETTING_H
#define ANALYSIS_STATISTICS_FORGETTING_H

#include <stddef.h>

/* One metric: value is NaN exactly when reason is not NULL. Both texts are constants. */
typedef struct wane_metric {
    const char *name;
    double value;
    const char *reason;
} wane_metric;

enum { WANE_FORGETTING_METRICS = 15 };

/* R after `stages` stages, and what its values are held against. A value that is missing is NaN. */
typedef struct wane_accuracy_matrix {
    const double *cells; /* (stages + 1) rows of `tasks` values */
    size_t stages, tasks;
    const double
        *joint; /* per k, the score of joint training on tasks 1..k on task k; NULL: none */
    const double *majority; /* per task j, the share of its most frequent label; NULL: none */
    const double *error;    /* per task j, the standard error of R[j][j]; NULL: none */
} wane_accuracy_matrix;

/* Metrics are those after the last stage k = stages <= tasks, stages >= 1: read k for T, tasks j <=
 * k only. A missing value makes NULL every metric that needs it (reason "missing_cell"). Order and
 * names: acc, aia, learning_acc, bwt, bwt_t, fwt, forgetting, forgetting_rwalk,
 * forgetting_first_last, forgetting_max_all, intransigence, majority, learned_tasks, bwt_learned,
 * forgetting_learned. Formulas and sources in forgetting.c beside each.
 *
 * A task is learned when R[j][j] > majority_j + 2 standard errors of R[j][j]: what guessing the
 * most frequent label reaches is no evidence of learning, and what was never learned cannot be
 * forgotten.
 *
 * Reasons: "missing_cell"; "first_stage" (k = 1, where nothing can be forgotten: all from bwt to
 * forgetting_max_all, bwt_learned, forgetting_learned); "not_learned" (these two where fewer than
 * two of tasks 1..k are learned); "no_joint_training" (intransigence without `joint`). Stages
 * outside 1..tasks give "bad_shape" everywhere. A caller whose tasks have a head each must
 * overwrite fwt: a score before the head exists means nothing. */
void wane_forgetting_metrics(wane_metric out[WANE_FORGETTING_METRICS],
                             const wane_accuracy_matrix *matrix);

#endif
