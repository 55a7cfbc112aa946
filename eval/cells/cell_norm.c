/* SPDX-License-Identifier: Apache-2.0
 * The measure `norm`: the norm of everything that a stage and those before it have changed, not of
 * the linear weights alone.
 */
#include <math.h>

#include "eval/cells/cell.h"

/* ||W - W_0||_F over all parameters. A head that an adapter has parted from the embedding it was
 * tied to stands in the stage's table alone, behind the others: its base is the embedding. */
static double whole_norm(const wane_model *tuned, const wane_model *base)
{
    double sum = 0;
    const wane_parameters *own = &tuned->parameters, *theirs = &base->parameters;
    for (size_t i = 0; i < own->count; i++) {
        const wane_parameter *p = &own->parameter[i];
        const float *w = tuned->weights + p->offset;
        const float *before = base->weights + theirs->parameter[i < theirs->count ? i : 0].offset;
        double part = 0;
        for (size_t j = 0; j < p->rows * p->cols; j++) {
            double d = (double)w[j] - (double)before[j];
            part += d * d;
        }
        sum += part;
    }
    return sqrt(sum);
}

/* One cell a stage, of no data and under no settings. */
static wane_status visit(const wane_visiting *at, wane_error *err)
{
    return wane_visit_defined(at, "", "norm 1", "", 0, err);
}

static wane_status fill(const wane_measuring *at, const wane_cell *cell, size_t number,
                        wane_error *err)
{
    wane_measured_row row = {.matrix = "", .name = "delta_frobenius_all"};
    (void)number;
    row.value = whole_norm(at->chain->model, at->work->inputs->base);
    return wane_commit_measured(at->work, cell, &row, 1, err);
}

const wane_measure wane_norm_measure = {
    .name = "norm", .unasked = wane_always, .visit = visit, .fill = fill};
