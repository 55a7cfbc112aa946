/* SPDX-License-Identifier: Apache-2.0
 * A spectrum cell: every linear weight matrix of one stage against the base.
 */
#include "eval/cells/cell_matrices.h"

#include <stdio.h>

wane_status wane_spectrum_settings(char out[WANE_SHA256_HEX], const char *definition,
                                   const wane_experiment *x, const char *against, wane_error *err)
{
    char text[96];
    int length = snprintf(text, sizeof text, "%s top %zu u %d v %d against %s", definition,
                          x->intruders_top, x->intruders_u, x->intruders_v, against);
    return wane_sha256_bytes(out, text, (size_t)length, err);
}

void wane_spectrum_cost(wane_cost *sum, const wane_visiting *at, size_t number)
{
    enum { DIRECTION_BYTES = 80 };
    const wane_inputs *in = at->plan->inputs;
    (void)number;
    for (size_t i = 0; i < in->base->parameters.count; i++) {
        const wane_parameter *p = &in->base->parameters.parameter[i];
        size_t all = p->rows < p->cols ? p->rows : p->cols, top = in->experiment->intruders_top;
        if (p->linear) sum->bytes += 2.0 * DIRECTION_BYTES * (double)(top && top < all ? top : all);
    }
    sum->cells++;
}

static wane_status visit(const wane_visiting *at, wane_error *err)
{
    char settings[WANE_SHA256_HEX], bounds[WANE_SHA256_HEX];
    const wane_inputs *in = at->plan->inputs;
    wane_status st =
        wane_spectrum_settings(settings, WANE_SPECTRUM_DEFINITION, in->experiment, "base", err);
    if (st == WANE_OK) st = wane_spectra_bounds(bounds, in, WANE_ALL_MATRICES, err);
    return st == WANE_OK ? wane_visit_cosines(at, "base", settings, bounds, "", 0, err) : st;
}

static wane_status earlier(char settings[WANE_SHA256_HEX], const wane_experiment *x,
                           wane_error *err)
{
    return wane_spectrum_settings(settings, WANE_SPECTRUM_EARLIER, x, "base", err);
}

typedef struct looking {
    const wane_measuring *at;
    wane_spectrum_options options;
} looking;

static bool finite(const void *context, size_t parameter)
{
    const looking *l = context;
    return wane_weight_finite(l->at->chain->model, parameter);
}

static wane_status spectrum(wane_spectrum *out, size_t *base_count, void *context, size_t parameter,
                            wane_pool *pool, wane_error *err)
{
    const looking *l = context;
    wane_work *work = l->at->work;
    wane_status st = wane_spectra_base(work, parameter, pool, err); /* of an exact one */
    if (st != WANE_OK) return st;
    *base_count = wane_base_svd_count(work->svd[parameter]);
    return wane_spectrum_at(out, work->svd[parameter], work, l->at->chain, l->at->position,
                            parameter, &l->options, pool, err);
}

static wane_status fill(const wane_measuring *at, const wane_cell *cell, size_t number,
                        wane_error *err)
{
    wane_status st = WANE_OK;
    wane_work *work = at->work;
    const wane_experiment *x = work->experiment;
    const wane_parameters *table = &work->inputs->base->parameters;
    double epsilon[WANE_STORED_EPSILONS];
    looking l = {.at = at, .options = wane_stored_options(epsilon, x)};
    const wane_each_matrix each = {
        .work = work, .context = &l, .finite = finite, .spectrum = spectrum};
    wane_spectra_rows rows = {0};
    (void)number;
    WANE_TRY(wane_spectra_rows_new(&rows, table, x->intruders_top, err));
    WANE_TRY(wane_spectra_bases(work, err));
    WANE_TRY(wane_spectra_of_each(&rows, &each, err));
    WANE_TRY(at->forget(work, cell->stage, &rows, err));
    WANE_TRY(wane_spectra_rows_commit(work, cell, &rows, err));
done:
    wane_spectra_rows_free(&rows);
    return st;
}

const wane_measure wane_spectrum_measure = {.name = WANE_CELL_SPECTRUM,
                                            .subject = "base",
                                            .of_perturbed = true,
                                            .visit = visit,
                                            .fill = fill,
                                            .earlier = earlier,
                                            .cost = wane_spectrum_cost};
