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

enum { WANE_FORGETTING_METRICS = 11 };

/* `matrix` holds (stages + 1) rows of `tasks` values, stages >= 1; a missing cell is NaN and makes
 * NULL every metric that needs it (reason "missing_cell"). Metrics are those after the last stage
 * k = stages <= tasks: read k for T, tasks j <= k only. `joint` (may be NULL): per k, the score of
 * joint training on tasks 1..k on task k, for `intransigence`. Order and names: acc, aia,
 * learning_acc, bwt, bwt_t, fwt, forgetting, forgetting_rwalk, forgetting_first_last,
 * forgetting_max_all, intransigence. Formulas and sources in forgetting.c beside each.
 *
 * Reasons: "missing_cell"; "first_stage" (k = 1, where nothing can be forgotten: all from bwt to
 * forgetting_max_all); "no_joint_training" (intransigence without `joint`). Stages outside
 * 1..tasks give "bad_shape" everywhere. A caller whose tasks have a head each must overwrite fwt:
 * a score before the head exists means nothing. */
void wane_forgetting_metrics(wane_metric out[WANE_FORGETTING_METRICS], const double *matrix,
                             size_t stages, size_t tasks, const double *joint);

#endif
