/* SPDX-License-Identifier: Apache-2.0
 * What each measure gives to the loop over cells. For this room alone.
 */
#ifndef EVAL_CELLS_CELL_H
#define EVAL_CELLS_CELL_H

#include "eval/cells/cells.h"

/* Commits a cell, marked when kernels are mixed; one of a sealed stage together with what it has
 * cost. All cells of a run go in by this. */
WANE_MUST_CHECK wane_status wane_work_commit(wane_work *work, const wane_cell *cell,
                                             const wane_cell_rows *rows, wane_error *err);
/* cell_corpus.c, cell_task.c, cell_spectra.c: measure one cell on the chain's weights and commit
 * it. trained_here: the stage trained on this task, so KL to the base is measured too. */
WANE_MUST_CHECK wane_status wane_cell_fill_corpus(wane_work *work, const wane_cell *cell,
                                                  size_t corpus, const wane_plan_run *run,
                                                  size_t position, const wane_chain *chain,
                                                  wane_error *err);
WANE_MUST_CHECK wane_status wane_cell_fill_task(wane_work *work, const wane_cell *cell, size_t task,
                                                const wane_plan_run *run, size_t position,
                                                const wane_chain *chain, wane_error *err);
/* cell_heads.c: the same under `head: linear` and `head: reprobe`; *reason (a constant) says why
 * there is no score. */
/* The position whose head scores the task at `position` under `head: linear`; 0: none does. */
size_t wane_head_position(const wane_work *work, const wane_plan_run *run, size_t position,
                          size_t task);
WANE_MUST_CHECK wane_status wane_score_by_head(wane_accuracy *out, const char **reason,
                                               wane_work *work, size_t task,
                                               const wane_plan_run *run, size_t position,
                                               const wane_chain *chain, wane_error *err);
WANE_MUST_CHECK wane_status wane_cell_fill_spectra(wane_work *work, const wane_cell *cell,
                                                   const wane_plan_run *run, size_t position,
                                                   const wane_chain *chain, wane_error *err);
/* cell_previous.c: the same against the stage before; the time of its singular vectors is a phase
 * of its own, "svd_previous". */
WANE_MUST_CHECK wane_status wane_cell_fill_previous(wane_work *work, const wane_cell *cell,
                                                    const wane_plan_run *run, size_t position,
                                                    const wane_chain *chain, wane_error *err);
/* cell_change.c: f_delta on the prompts of the trained task, angles between increments. */
WANE_MUST_CHECK wane_status wane_visit_change(const wane_cell *like, const wane_plan *plan,
                                              const wane_plan_run *run, size_t position,
                                              wane_visit_cell *visit, void *context,
                                              wane_error *err);
WANE_MUST_CHECK wane_status wane_cell_fill_change(wane_work *work, const wane_cell *cell,
                                                  size_t task, const wane_plan_run *run,
                                                  size_t position, const wane_chain *chain,
                                                  wane_error *err);
/* cell_overlap.c: |U_0^T U| of the matrices that `matrices:` names. */
WANE_MUST_CHECK wane_status wane_visit_overlaps(const wane_cell *like, const wane_plan *plan,
                                                const wane_plan_run *run, size_t position,
                                                wane_visit_cell *visit, void *context,
                                                wane_error *err);
WANE_MUST_CHECK wane_status wane_cell_fill_overlap(wane_work *work, const wane_cell *cell,
                                                   size_t parameter, const wane_plan_run *run,
                                                   size_t position, const wane_chain *chain,
                                                   wane_error *err);
/* cell_null.c: what stands beside a count of intruders. A null of every stage that its adapters
 * make, of others after the last one of a run (or as `intruders: {nulls: ...}` says); onset of
 * those alone; the norm of every change. subject: of a null its kind. */
WANE_MUST_CHECK wane_status wane_visit_nulls(const wane_cell *like, const wane_plan *plan,
                                             const wane_plan_run *run, size_t position,
                                             wane_visit_cell *visit, void *context,
                                             wane_error *err);
WANE_MUST_CHECK wane_status wane_cell_fill_null(wane_work *work, const wane_cell *cell, size_t kind,
                                                const wane_plan_run *run, size_t position,
                                                const wane_chain *chain, wane_error *err);
WANE_MUST_CHECK wane_status wane_cell_fill_onset(wane_work *work, const wane_cell *cell,
                                                 size_t position, const wane_chain *chain,
                                                 wane_error *err);
WANE_MUST_CHECK wane_status wane_cell_fill_norm(wane_work *work, const wane_cell *cell,
                                                const wane_chain *chain, wane_error *err);

#endif
