/* SPDX-License-Identifier: Apache-2.0
 * What the entries of measures share. For this room alone.
 */
#ifndef EVAL_CELLS_CELL_H
#define EVAL_CELLS_CELL_H

#include "eval/cells/cell_measures.h"

#define WANE_MEASURE_ENTRY(name) extern const wane_measure wane_##name##_measure;
WANE_MEASURE_LIST(WANE_MEASURE_ENTRY)

/* cell_visit.c. For `visit`: one cell of the stage. settings_sha256 and data_sha256 ("": no data)
 * are hashes of all settings and data that decide its numbers; `number` is given back to `fill`. */
WANE_MUST_CHECK wane_status wane_visit(const wane_visiting *at, const char *subject,
                                       const char *settings_sha256, const char *data_sha256,
                                       size_t number, wane_error *err);
/* The same where all that decides its numbers is a short text, as "norm 1": it is hashed, and the
 * number in it goes up with every change of what the cell means. */
WANE_MUST_CHECK wane_status wane_visit_defined(const wane_visiting *at, const char *subject,
                                               const char *definition, const char *data_sha256,
                                               size_t number, wane_error *err);
/* As wane_visit, of a cell that stands on cosines: `bounds` (wane_spectra_bounds) goes into its
 * settings where some are bounded, and one by exact cosines serves as well. */
WANE_MUST_CHECK wane_status wane_visit_cosines(const wane_visiting *at, const char *subject,
                                               const char *settings_sha256, const char *bounds,
                                               const char *data_sha256, size_t number,
                                               wane_error *err);
bool wane_always(const wane_experiment *x); /* for `unasked`: true */

/* cell_commit.c. Commits a cell, marked when kernels are mixed; one of a sealed stage together with
 * what it has cost. All cells of a run go in by this. */
WANE_MUST_CHECK wane_status wane_work_commit(wane_work *work, const wane_cell *cell,
                                             const wane_cell_rows *rows, wane_error *err);
/* A cell of single numbers; one that is not finite and has no reason gets WANE_NOT_FINITE. */
WANE_MUST_CHECK wane_status wane_commit_measured(wane_work *work, const wane_cell *cell,
                                                 wane_measured_row *rows, size_t count,
                                                 wane_error *err);
/* A cell without rows, and why (a constant). */
WANE_MUST_CHECK wane_status wane_commit_reason(wane_work *work, const wane_cell *cell,
                                               const char *reason, wane_error *err);

/* cell_heads.c: scores under `head: linear` and `head: reprobe`; *reason (a constant) says why
 * there is none. */
WANE_MUST_CHECK wane_status wane_score_by_head(wane_accuracy *out, const char **reason,
                                               const wane_measuring *at, size_t task,
                                               wane_error *err);
/* Of the score of a task: WANE_REACH_GONE where the head that scores it is not kept. */
WANE_MUST_CHECK wane_status wane_head_reach(wane_reach *reach, const wane_measuring *at,
                                            size_t task, wane_error *err);
void wane_probe_rows_free(wane_work *work); /* training rows that probes are fitted to */

/* Operations of one model on a corpus, and on the measured rows of a task. */
double wane_flops_of_corpus(const wane_inputs *inputs, size_t corpus);
double wane_flops_of_task(const wane_inputs *inputs, size_t task);

#endif
