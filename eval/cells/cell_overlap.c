/* SPDX-License-Identifier: Apache-2.0
 * An overlap cell: |U_0^T U| of one matrix, the first 32 directions of the base against those of
 * the stage (Figs 9 and 18 of arXiv 2410.21228).
 */
#include <stdio.h>

#include "eval/cells/cell_matrices.h"
#include "store/base/matrix_name.h"
#include "store/base/memory.h"

enum { SIZE = 32 };

static void overlap_sides(bool sides[2], const wane_experiment *x, const char *name, bool last)
{
    sides[WANE_SIDE_U] = sides[WANE_SIDE_V] = false;
    for (size_t i = 0; i < x->shown_count; i++) {
        const wane_shown_matrices *s = &x->shown[i];
        if (!(s->all_stages || last) || !wane_matrix_named(s->pattern, name)) continue;
        sides[WANE_SIDE_U] = sides[WANE_SIDE_U] || s->u;
        sides[WANE_SIDE_V] = sides[WANE_SIDE_V] || s->v;
    }
}

static size_t add_side(wane_overlap_row *rows, const double *value, size_t size, char side,
                       int64_t matrix)
{
    for (size_t i = 0; i < size; i++)
        for (size_t j = 0; j < size; j++)
            rows[i * size + j] = (wane_overlap_row){.matrix = matrix,
                                                    .side = side,
                                                    .i = (int64_t)i + 1,
                                                    .j = (int64_t)j + 1,
                                                    .value = value[i * size + j]};
    return size * size;
}

/* A base with `size` triplets: the stage's own where those are whole, else one made for this. */
static wane_status base_of(const wane_base_svd **out, wane_base_svd **own, wane_work *work,
                           size_t parameter, size_t size, wane_error *err)
{
    const wane_parameter *p = &work->inputs->base->parameters.parameter[parameter];
    wane_status st = WANE_OK;
    if (wane_spectra_bounded(work->experiment, p)) {
        st = wane_base_svd_leading(own, wane_model_matrix(work->inputs->base, parameter), size,
                                   work->pool, err);
        *out = *own;
    } else {
        st = wane_spectra_base(work, parameter, work->pool, err);
        *out = work->svd[parameter];
    }
    return st;
}

static wane_status fill(const wane_measuring *at, const wane_cell *cell, size_t parameter,
                        wane_error *err)
{
    wane_status st = WANE_OK;
    wane_work *work = at->work;
    const wane_parameter *p = &work->inputs->base->parameters.parameter[parameter];
    size_t smaller = p->rows < p->cols ? p->rows : p->cols;
    size_t size = smaller < SIZE ? smaller : SIZE, count = 0;
    wane_spectrum_options options = {
        .top = size, .u = true, .v = true, .vectors = true, .scan = true};
    wane_spectrum spectrum = {0};
    wane_base_svd *own = NULL;
    const wane_base_svd *base = NULL;
    bool sides[2];
    double value[SIZE * SIZE];
    overlap_sides(sides, work->experiment, p->name,
                  wane_plan_ends(work->plan, at->run->stages[at->position]));
    wane_overlap_row *rows = wane_alloc(2 * size * size, sizeof *rows);
    WANE_TRY(rows ? WANE_OK : wane_fail_memory(err, "overlap", p->name));
    if (!wane_weight_finite(at->chain->model, parameter)) {
        st = wane_commit_reason(work, cell, WANE_NOT_FINITE, err);
        goto done;
    }
    WANE_TRY(base_of(&base, &own, work, parameter, size, err));
    WANE_TRY(wane_spectrum_at(&spectrum, base, work, at->chain, at->position, parameter, &options,
                              work->pool, err));
    for (int side = 0; side < 2; side++) {
        if (!sides[side]) continue;
        WANE_TRY(wane_spectrum_overlap(value, size, base, &spectrum, (wane_side)side, err));
        count += add_side(rows + count, value, size, side == WANE_SIDE_U ? 'u' : 'v',
                          work->plan->matrix_ids[parameter]);
    }
    WANE_TRY(wane_work_commit(work, cell,
                              &(wane_cell_rows){.overlaps = rows, .overlap_count = count}, err));
done:
    wane_base_svd_let_go(base);
    wane_base_svd_free(own);
    wane_spectrum_free(&spectrum);
    wane_free(rows);
    return st;
}

static wane_status visit(const wane_visiting *at, wane_error *err)
{
    const wane_inputs *in = at->plan->inputs;
    const wane_parameters *table = &in->base->parameters;
    /* Of any run, whichever asks: runs that share the stage ask for the same cells. */
    bool last = wane_plan_ends(at->plan, at->run->stages[at->position]);
    wane_status st = WANE_OK;
    for (size_t i = 0; i < table->count && st == WANE_OK; i++) {
        bool sides[2] = {false, false};
        char text[64], settings[WANE_SHA256_HEX], bounds[WANE_SHA256_HEX];
        if (table->parameter[i].linear)
            overlap_sides(sides, in->experiment, table->parameter[i].name, last);
        if (!sides[0] && !sides[1]) continue;
        int length = snprintf(text, sizeof text, "overlap %d u %d v %d", SIZE, sides[0], sides[1]);
        st = wane_sha256_bytes(settings, text, (size_t)length, err);
        if (st == WANE_OK) st = wane_spectra_bounds(bounds, in, i, err);
        if (st == WANE_OK)
            st = wane_visit_cosines(at, table->parameter[i].name, settings, bounds, "", i, err);
    }
    return st;
}

const wane_measure wane_overlap_measure = {.name = WANE_CELL_OVERLAP, .visit = visit, .fill = fill};
