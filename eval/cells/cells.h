/* SPDX-License-Identifier: Apache-2.0
 * The cells of a stage: which there are, which are missing, and their filling one by one.
 */
#ifndef EVAL_CELLS_CELLS_H
#define EVAL_CELLS_CELLS_H

#include "eval/stages/stages.h"

/* Called for each cell that belongs to a stage; it lives as long as the call. `number` is an index
 * that the measure's filling knows. */
typedef wane_status wane_visit_cell(void *context, const wane_cell *cell, size_t number,
                                    wane_error *err);

typedef struct wane_cells_count {
    size_t cells, missing; /* all of them; those to be measured */
    size_t earlier; /* cells of an earlier definition that stay as they are, because they cannot be
                       measured again (wane_stage_reachable) */
    size_t gone;    /* cells of a sealed stage that are not there and cannot be filled, because the
                       weights they would be measured on are not on disk */
    size_t beside;  /* cells that come unasked, likewise, or of other kernels: their stages were
                       measured before there were such cells */
} wane_cells_count;
WANE_MUST_CHECK wane_status wane_cells_missing(wane_cells_count *out, wane_work *work,
                                               const wane_plan_run *run, size_t position,
                                               wane_error *err);
/* Measures what is missing on the chain's weights, each cell in its own transaction; what counts as
 * `earlier` or `gone` is passed by. */
WANE_MUST_CHECK wane_status wane_cells_fill(wane_work *work, const wane_plan_run *run,
                                            size_t position, const wane_chain *chain,
                                            wane_error *err);
/* What measures keep for a whole process. */
void wane_cells_free(wane_work *work);

#endif
