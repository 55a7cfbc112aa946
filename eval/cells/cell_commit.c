/* SPDX-License-Identifier: Apache-2.0
 * A cell committed, with what it has cost.
 */
#include "eval/cells/cell.h"
#include "store/base/clock.h"

wane_status wane_work_commit(wane_work *work, const wane_cell *cell, const wane_cell_rows *rows,
                             wane_error *err)
{
    static const char *const phases[] = {
        [WANE_CELL_SCORE] = "score",       [WANE_CELL_LIKELIHOOD] = "likelihood",
        [WANE_CELL_SPECTRUM] = "spectrum", [WANE_CELL_INTERVENTION] = "intervention",
        [WANE_CELL_CHANGE] = "change",     [WANE_CELL_OVERLAP] = "overlap",
        [WANE_CELL_NULL] = "null",         [WANE_CELL_ONSET] = "onset",
        [WANE_CELL_NORM] = "norm"};
    wane_usage_row usage = wane_work_usage(phases[cell->measure],
                                           wane_clock_wall() - work->cell_wall - work->apart_wall,
                                           wane_clock_cpu() - work->cell_cpu - work->apart_cpu);
    wane_cell marked = *cell;
    marked.mixed = work->mixed;
    /* Looks into a training have their cost counted with it. */
    if (cell->step != WANE_STEP_SEALED) return wane_cell_commit(work->db, &marked, rows, err);
    wane_status st = wane_results_begin(work->db, err);
    if (st != WANE_OK) return st;
    st = wane_cell_commit(work->db, &marked, rows, err);
    if (st == WANE_OK) st = wane_results_add_usage(work->db, cell->stage, &usage, err);
    if (st == WANE_OK) st = wane_results_commit(work->db, err);
    if (st != WANE_OK) wane_results_rollback(work->db);
    return st;
}
