/* SPDX-License-Identifier: Apache-2.0
 * The measure `onset`: the smallest part of a low-rank change that has an intruder, of every linear
 * weight and of the stage.
 */
#include <math.h>
#include <string.h>

#include "analysis/spectra/null.h"
#include "eval/cells/cell_matrices.h"
#include "store/base/memory.h"

static wane_status onset_of(wane_measured_row *row, wane_work *work, const wane_chain *chain,
                            size_t position, size_t parameter, wane_pool *pool, wane_error *err)
{
    const wane_parameter *p = &work->inputs->base->parameters.parameter[parameter];
    const wane_spectrum_options options = {.top = WANE_NULL_TOP, .u = true};
    wane_terms terms = {0};
    bool lowrank = false;
    wane_status st = WANE_OK;
    *row = (wane_measured_row){.matrix = p->name, .name = "onset", .value = NAN};
    if (!wane_weight_finite(chain->model, parameter)) {
        row->reason = WANE_NOT_FINITE;
        return WANE_OK;
    }
    WANE_TRY(wane_terms_of(&terms, &lowrank, work, chain, position, parameter, 0, err));
    WANE_TRY(wane_spectra_base(work, parameter, pool, err));
    if (!lowrank) row->reason = "dense_update"; /* an adapter may hold a tensor whole */
    else if (terms.count == 0) row->reason = "unchanged";
    else
        WANE_TRY(wane_null_onset(&row->value, work->svd[parameter], terms.term, terms.count,
                                 &options, pool, err));
    if (isnan(row->value) && !row->reason) row->reason = "none_up_to_1.25";
done:
    wane_base_svd_let_go(work->svd[parameter]);
    wane_free(terms.term);
    return st;
}

/* The smallest over the matrices; unknown where one of them is. */
static wane_measured_row smallest_onset(const wane_measured_row *rows, size_t count)
{
    wane_measured_row all = {.matrix = "", .name = "onset", .value = NAN};
    const char *unknown = NULL;
    for (size_t i = 0; i < count; i++) {
        const char *why = rows[i].reason;
        if (!why) all.value = fmin(all.value, rows[i].value);
        else if (strcmp(why, WANE_NOT_FINITE) == 0) unknown = WANE_NOT_FINITE;
        else if (strcmp(why, "dense_update") == 0 && !unknown) unknown = why;
    }
    if (unknown) all.value = NAN;
    if (isnan(all.value)) all.reason = unknown ? unknown : "none_up_to_1.25";
    return all;
}

/* Of adapters alone: along a dense change it would cost a spectrum a point. */
static wane_status visit(const wane_visiting *at, wane_error *err)
{
    if (!at->plan->stages[at->run->stages[at->position]].lowrank) return WANE_OK;
    static const char definition[] = "onset 1 k 10 epsilon 0.5 up to 1.25";
    char settings[WANE_SHA256_HEX], bounds[WANE_SHA256_HEX];
    wane_status st = wane_sha256_bytes(settings, definition, sizeof definition - 1, err);
    if (st == WANE_OK) st = wane_spectra_bounds(bounds, at->plan->inputs, WANE_ALL_MATRICES, err);
    return st == WANE_OK ? wane_visit_cosines(at, "", settings, bounds, "", 0, err) : st;
}

typedef struct finding {
    const wane_measuring *at;
    wane_measured_row *rows; /* per parameter */
} finding;

static wane_status find_one(void *context, size_t parameter, wane_pool *pool, wane_error *err)
{
    const finding *f = context;
    return onset_of(&f->rows[parameter], f->at->work, f->at->chain, f->at->position, parameter,
                    pool, err);
}

static wane_status fill(const wane_measuring *at, const wane_cell *cell, size_t number,
                        wane_error *err)
{
    const wane_parameters *table = &at->work->inputs->base->parameters;
    wane_status st = WANE_OK;
    size_t count = 0;
    wane_measured_row *rows = wane_alloc(table->count + 1, sizeof *rows);
    finding f = {at, rows};
    (void)number;
    WANE_TRY(rows ? WANE_OK : wane_fail_memory(err, "onset", "rows"));
    WANE_TRY(wane_each_weight(at->work, find_one, &f, err));
    for (size_t i = 0; i < table->count; i++)
        if (table->parameter[i].linear) rows[count++] = rows[i];
    rows[count] = smallest_onset(rows, count);
    WANE_TRY(wane_commit_measured(at->work, cell, rows, count + 1, err));
done:
    wane_free(rows);
    return st;
}

const wane_measure wane_onset_measure = {
    .name = "onset", .unasked = wane_always, .visit = visit, .fill = fill};
