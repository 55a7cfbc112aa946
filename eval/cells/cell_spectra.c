/* SPDX-License-Identifier: Apache-2.0
 * A spectrum cell: every linear weight matrix of one stage against the base.
 */
#include "eval/cells/cell_matrices.h"

#include <math.h>

/* Whether a direction among the top k of the interventions is one that max_cosine alone, the
 * earlier definition, may have called an intruder. */
static bool judged_anew(const wane_spectra_rows *rows, const wane_interventions *asked)
{
    for (size_t i = 0; i < rows->directions; i++) {
        const wane_direction_row *d = &rows->direction[i];
        bool among =
            d->position <= (int64_t)asked->k && (d->side == 'v') == (asked->side == WANE_SIDE_V);
        bool turned = d->max_cosine < asked->epsilon && d->cluster_overlap >= asked->epsilon;
        if (among && (turned || isnan(d->max_cosine))) return true;
    }
    return false;
}

wane_status wane_cell_fill_spectra(wane_work *work, const wane_cell *cell, const wane_plan_run *run,
                                   size_t position, const wane_chain *chain, wane_error *err)
{
    wane_status st = WANE_OK;
    const wane_experiment *x = work->experiment;
    const wane_parameters *table = &work->inputs->base->parameters;
    wane_spectrum_options options = {
        .top = x->intruders_top, .u = x->intruders_u, .v = x->intruders_v};
    wane_spectra_rows rows = {0};
    (void)run;
    WANE_TRY(wane_spectra_rows_new(&rows, table, x->intruders_top, err));
    for (size_t i = 0; i < table->count; i++) {
        if (!table->parameter[i].linear) continue;
        wane_spectrum s = {0};
        if (!wane_weight_finite(chain->model, i)) {
            (void)wane_spectra_rows_put_missing(&rows, work->plan->matrix_ids[i]);
            continue;
        }
        WANE_TRY(wane_spectrum_at(&s, work, chain, position, i, &options, err));
        wane_spectra_rows_add(&rows, &s, work->svd[i], work->plan->matrix_ids[i]);
        wane_spectrum_free(&s);
    }
    /* Interventions measured before on other intruders are measured again, behind this cell. */
    if (x->interventions.lambda_count > 0 && judged_anew(&rows, &x->interventions))
        WANE_TRY(wane_cells_drop_interventions(work->db, cell->stage, err));
    WANE_TRY(wane_spectra_rows_commit(work, cell, &rows, err));
done:
    wane_spectra_rows_free(&rows);
    return st;
}
