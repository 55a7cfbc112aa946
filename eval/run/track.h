/* SPDX-License-Identifier: Apache-2.0
 * Measuring while a stage trains: looks at step 0, every so many steps, and the last. Used inside
 * eval/run alone.
 *
 * A look changes no trained bit and is in no training key. Its cells are those of the stage at step
 * = steps done: likelihood of the first tokens of the pretraining corpus, scores of the tasks
 * trained so far on their first rows, spectra against the base with the identity of every
 * direction. A stage that is sealed cannot be looked into any more: its cells say so.
 */
#ifndef EVAL_RUN_TRACK_H
#define EVAL_RUN_TRACK_H

#include "analysis/spectra/trace.h"
#include "eval/run/work.h"

typedef struct wane_tracker wane_tracker;

/* Of the stage at `position` that `trainer` trains on chain->model; all borrowed. *out = NULL when
 * the experiment tracks nothing. Free with wane_tracker_free (NULL allowed, as in all functions
 * below). */
WANE_MUST_CHECK wane_status wane_tracker_new(wane_tracker **out, wane_work *work,
                                             const wane_plan_run *run, size_t position,
                                             const wane_chain *chain, const wane_trainer *trainer,
                                             wane_error *err);
void wane_tracker_free(wane_tracker *tracker);

/* Goes on behind a checkpoint of `done` steps: takes up the directions of the look before. */
WANE_MUST_CHECK wane_status wane_tracker_resume(wane_tracker *tracker, size_t done,
                                                wane_error *err);
/* Looks, when a look is due after `done` of `steps` steps. */
WANE_MUST_CHECK wane_status wane_tracker_look(wane_tracker *tracker, size_t done, size_t steps,
                                              wane_error *err);
/* Keeps what wane_tracker_resume needs; to be called before the checkpoint of the trainer is
 * written. */
WANE_MUST_CHECK wane_status wane_tracker_save(wane_tracker *tracker, wane_error *err);
/* Stores what looks have cost, each kind a phase of its own ("track_spectra", ...); *wall and *cpu
 * the sum. */
WANE_MUST_CHECK wane_status wane_tracker_usage(wane_tracker *tracker, double *wall, double *cpu,
                                               wane_error *err);
/* The stage is over: nothing is to be resumed. */
WANE_MUST_CHECK wane_status wane_tracker_end(wane_tracker *tracker, wane_error *err);

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
