/* SPDX-License-Identifier: Apache-2.0
 * A spectrum cell: every linear weight matrix of one stage against the base.
 */
#include <math.h>
#include <string.h>

#include "analysis/spectra/spectrum.h"
#include "eval/run/work.h"
#include "store/base/memory.h"
#include "store/files/file.h"

static wane_status base_svd(wane_work *work, size_t parameter, wane_error *err)
{
    char *folder = wane_path_join(work->artifacts, "svd");
    if (!folder) return wane_fail_memory(err, "spectrum", work->artifacts);
    wane_status st = wane_base_svd_cached(
        &work->svd[parameter], wane_model_matrix(work->inputs->base, parameter), folder, err);
    wane_free(folder);
    return st;
}

/* The low-rank terms that make the stage from the base, or none when a stage on the path changed
 * the weights densely. */
static bool terms_of(wane_lowrank_term *terms, size_t *count, size_t *rank, const wane_work *work,
                     const wane_plan_run *run, size_t position, const wane_chain *chain,
                     const char *name)
{
    size_t first = work->experiment->continue_adapter ? position : 1;
    *count = *rank = 0;
    (void)run;
    for (size_t p = first; p <= position; p++) {
        const wane_update *update = &chain->updates[p - 1];
        if (!update->lowrank) return false;
        for (size_t i = 0; i < update->count; i++)
            if (strcmp(update->tensors[i].name, name) == 0) {
                terms[(*count)++] = update->tensors[i].term;
                *rank += update->tensors[i].term.rank;
            }
    }
    return true;
}

/* Rows of one matrix. */
static void fill_spectrum(wane_spectrum_row *row, wane_direction_row *directions, size_t *count,
                          const wane_spectrum *s, const wane_base_svd *svd, const wane_parameter *p,
                          int64_t matrix)
{
    enum { TOP = 10 };
    const double epsilon = 0.5;
    double top = 0;
    *row = (wane_spectrum_row){.matrix = matrix,
                               .base_count = (int64_t)wane_base_svd_count(svd),
                               .base_frobenius = s->base_frobenius,
                               .base_spectral = s->base_spectral,
                               .delta_frobenius = s->delta_frobenius,
                               .delta_spectral = s->delta_spectral,
                               .relative_update = s->relative_update,
                               .effective_rank = s->effective_rank,
                               .stable_rank = s->stable_rank,
                               .top_share = s->top_share,
                               .rho_10 = s->rho,
                               .rounding_floor = NAN};
    for (int side = 0; side < 2; side++) {
        const wane_direction *d = s->side[side];
        wane_spectrum_side_row *out = &row->side[side];
        *out = (wane_spectrum_side_row){.intruders = WANE_NULL, .random = NAN, .energy = NAN};
        if (!d) continue;
        size_t n = side == 0 ? p->rows : p->cols, k = s->count < TOP ? s->count : TOP;
        out->intruders = (int64_t)wane_intruder_count(d, s->count, TOP, epsilon);
        out->random = wane_intruder_random(n, wane_base_svd_count(svd), k, epsilon);
        top = 0;
        double energy = 0;
        for (size_t j = 0; j < k; j++) {
            top += d[j].sigma * d[j].sigma;
            if (d[j].max_cosine < epsilon) energy += d[j].sigma * d[j].sigma;
        }
        out->energy = energy;
        for (size_t j = 0; j < s->count; j++)
            directions[(*count)++] = (wane_direction_row){.matrix = matrix,
                                                          .side = side == 0 ? 'u' : 'v',
                                                          .position = (int64_t)j + 1,
                                                          .sigma = d[j].sigma,
                                                          .max_cosine = d[j].max_cosine,
                                                          .span = d[j].span,
                                                          .subspace_overlap = d[j].subspace_overlap,
                                                          .argmax = (int64_t)d[j].argmax};
    }
    row->top_energy = top;
    if (s->delta_frobenius == 0) row->reason = "unchanged";
}

static wane_status one_spectrum(wane_work *work, const wane_plan_run *run, size_t position,
                                const wane_chain *chain, size_t parameter, wane_spectrum *out,
                                wane_error *err)
{
    const wane_parameter *p = &work->inputs->base->parameters.parameter[parameter];
    wane_spectrum_options options = {.top = work->experiment->intruders_top,
                                     .u = work->experiment->intruders_u,
                                     .v = work->experiment->intruders_v};
    size_t terms_most = 0, count = 0, rank = 0;
    for (size_t i = 0; i < position; i++) terms_most += chain->updates[i].count;
    wane_lowrank_term *terms = wane_alloc(terms_most, sizeof *terms);
    if (!terms) return wane_fail_memory(err, "spectrum", p->name);
    wane_status st = WANE_OK;
    size_t smaller = p->rows < p->cols ? p->rows : p->cols;
    bool lowrank = terms_of(terms, &count, &rank, work, run, position, chain, p->name);
    if (!work->svd[parameter]) st = base_svd(work, parameter, err);
    if (st == WANE_OK && lowrank && rank < smaller)
        st = wane_spectrum_lowrank(out, work->svd[parameter], terms, count, &options, work->pool,
                                   err);
    else if (st == WANE_OK)
        st = wane_spectrum_full(out, work->svd[parameter],
                                wane_model_matrix(chain->model, parameter), &options, work->pool,
                                err);
    wane_free(terms);
    return st;
}

wane_status wane_cell_fill_spectra(wane_work *work, const wane_cell *cell, const wane_plan_run *run,
                                   size_t position, const wane_chain *chain, wane_error *err)
{
    wane_status st = WANE_OK;
    const wane_parameters *table = &work->inputs->base->parameters;
    size_t matrices = 0, most = 0, done = 0, directions = 0;
    for (size_t i = 0; i < table->count; i++) {
        const wane_parameter *p = &table->parameter[i];
        if (!p->linear) continue;
        size_t all = p->rows < p->cols ? p->rows : p->cols, top = work->experiment->intruders_top;
        matrices++;
        most += 2 * (top && top < all ? top : all);
    }
    wane_spectrum_row *rows = wane_alloc(matrices, sizeof *rows);
    wane_direction_row *list = wane_alloc(most, sizeof *list);
    WANE_TRY(rows && list ? WANE_OK : wane_fail_memory(err, "spectrum", run->name));
    for (size_t i = 0; i < table->count; i++) {
        if (!table->parameter[i].linear) continue;
        wane_spectrum s = {0};
        WANE_TRY(one_spectrum(work, run, position, chain, i, &s, err));
        fill_spectrum(&rows[done++], list, &directions, &s, work->svd[i], &table->parameter[i],
                      work->plan->matrix_ids[i]);
        wane_spectrum_free(&s);
    }
    wane_cell_rows all = {
        .spectra = rows, .spectrum_count = done, .directions = list, .direction_count = directions};
    WANE_TRY(wane_cell_commit(work->db, cell, &all, err));
done:
    wane_free(rows);
    wane_free(list);
    return st;
}
