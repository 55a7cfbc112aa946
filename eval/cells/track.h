/* SPDX-License-Identifier: Apache-2.0
 * Measuring while a stage trains: looks at step 0, every so many steps, and the last.
 *
 * A look changes no trained bit and is in no training key. Its cells are those of the stage at step
 * = steps done: likelihood of the first tokens of the pretraining corpus, scores of the tasks
 * trained so far on their first rows, spectra against the base with the identity of every
 * direction. A stage that is sealed cannot be looked into any more: its cells say so.
 */
#ifndef EVAL_CELLS_TRACK_H
#define EVAL_CELLS_TRACK_H

#include "analysis/spectra/trace.h"
#include "eval/cells/cells.h"

/* What looks while a stage trains, for work->watcher. Nothing, where the experiment tracks
 * nothing. The cost of each kind of look is a phase of its own ("track_spectra", ...). */
extern const wane_watcher wane_tracker_watcher;

/* Calls `visit` for the cells that the first look into the training of `stage` fills (those of
 * later looks differ in the step and, of tasks, in the subject). Of `work` the experiment and its
 * inputs are read; needs no database, and track.every > 0. */
WANE_MUST_CHECK wane_status wane_track_visit(const wane_work *work, const wane_plan_stage *stage,
                                             wane_visit_cell *visit, void *context,
                                             wane_error *err);

/* Says, in cells and in the log, what stages that were trained untracked cannot tell any more. */
WANE_MUST_CHECK wane_status wane_track_missed(wane_work *work, const wane_plan_run *run,
                                              wane_error *err);

/* track_metrics.c: min_acc and wc_acc after every stage (run->length values each); NaN where a look
 * that they need is not there or not finite (then not_finite[stage] is true), and min_acc after the
 * first stage. */
WANE_MUST_CHECK wane_status wane_track_worst(double *min_acc, double *wc_acc, bool *not_finite,
                                             wane_work *work, const wane_plan_run *run,
                                             wane_error *err);

/* track_trace.c: the traces of all parameters (by index; those without a look are left out) as one
 * atomic file, and back. `key` names the stage and the settings. On failure of a load nothing is
 * changed. */
WANE_MUST_CHECK wane_status wane_traces_save(const wane_trace *traces, const wane_parameters *table,
                                             size_t step, const char *key, const char *path,
                                             wane_error *err);
WANE_MUST_CHECK wane_status wane_traces_load(wane_trace *traces, const wane_parameters *table,
                                             size_t *step, const char *key, const char *path,
                                             wane_error *err);

#endif
