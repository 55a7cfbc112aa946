/* SPDX-License-Identifier: Apache-2.0
 * A cell committed, with what it has cost.
 */
#include <math.h>

#include "eval/cells/cell.h"
#include "store/base/clock.h"

wane_status wane_work_commit(wane_work *work, const wane_cell *cell, const wane_cell_rows *rows,
                             wane_error *err)
{
    wane_usage_row usage =
        wane_work_usage(cell->measure, wane_clock_wall() - work->cell_wall - work->apart_wall,
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

wane_status wane_commit_measured(wane_work *work, const wane_cell *cell, wane_measured_row *rows,
                                 size_t count, wane_error *err)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(rows[i].value)) {
            rows[i].value = NAN;
            if (!rows[i].reason) rows[i].reason = WANE_NOT_FINITE;
        }
    return wane_work_commit(work, cell,
                            &(wane_cell_rows){.measured = rows, .measured_count = count}, err);
}

wane_status wane_commit_reason(wane_work *work, const wane_cell *cell, const char *reason,
                               wane_error *err)
{
    wane_cell stated = *cell;
    stated.reason = reason;
    return wane_work_commit(work, &stated, &(wane_cell_rows){0}, err);
}
