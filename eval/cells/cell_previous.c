/* SPDX-License-Identifier: Apache-2.0
 * A spectrum cell against the stage before: needs all singular vectors of that stage's weights,
 * which are kept beside those of the base while the run is in work.
 */

#include "eval/cells/cell_matrices.h"
#include "store/base/clock.h"
#include "store/base/memory.h"
#include "store/files/file.h"

static char *folder_of(const wane_work *work, const wane_plan_run *run, size_t position)
{
    return wane_work_path(work, "svd_previous", work->plan->stages[run->stages[position]].key);
}

/* One reference at a time: whole spectra of a whole model are large. */
typedef struct references {
    wane_work *work;
    size_t position;   /* of the stage they are of; 0: the base, whose spectra are held anyway */
    wane_model *model; /* owned; NULL for the base */
    char *folder;      /* owned */
    wane_base_svd *svd;
    double wall, cpu; /* spent on them */
} references;

static wane_status open_references(references *r, const wane_plan_run *run, wane_error *err)
{
    wane_status st = WANE_OK;
    if (r->position == 0) return WANE_OK;
    WANE_TRY(wane_stage_model(&r->model, r->work, run, r->position, err));
    r->folder = folder_of(r->work, run, r->position);
    WANE_TRY(r->folder ? WANE_OK : wane_fail_memory(err, "spectrum", run->name));
    WANE_TRY(wane_folder_make(r->folder, err));
done:
    return st;
}

static void close_references(references *r)
{
    wane_base_svd_free(r->svd);
    wane_model_free(r->model);
    wane_free(r->folder);
}

static wane_status next_reference(const wane_base_svd **out, references *r, size_t parameter,
                                  wane_error *err)
{
    double wall = wane_clock_wall(), cpu = wane_clock_cpu();
    wane_status st = WANE_OK;
    wane_base_svd_free(r->svd);
    r->svd = NULL;
    if (r->position == 0) st = wane_spectra_base(r->work, parameter, err);
    else st = wane_base_svd_cached(&r->svd, wane_model_matrix(r->model, parameter), r->folder, err);
    *out = r->position == 0 ? r->work->svd[parameter] : r->svd;
    r->wall += wane_clock_wall() - wall;
    r->cpu += wane_clock_cpu() - cpu;
    return st;
}

static wane_status one_spectrum(wane_spectrum *out, const wane_base_svd *reference, wane_work *work,
                                const wane_chain *chain, size_t position, size_t parameter,
                                const wane_spectrum_options *options, wane_error *err)
{
    const wane_parameter *p = &work->inputs->base->parameters.parameter[parameter];
    size_t smaller = p->rows < p->cols ? p->rows : p->cols;
    wane_terms terms = {0};
    bool lowrank = false;
    wane_status st =
        wane_terms_of_increment(&terms, &lowrank, work, chain, position, parameter, err);
    if (st == WANE_OK && lowrank && terms.rank < smaller)
        st = wane_spectrum_lowrank(out, reference, terms.term, terms.count, options, work->pool,
                                   err);
    else if (st == WANE_OK) {
        wane_spectrum_options own = *options;
        own.rounding = wane_chain_rounding(work, chain, parameter).tuned;
        st = wane_spectrum_full(out, reference, wane_model_matrix(chain->model, parameter), &own,
                                work->pool, err);
    }
    wane_free(terms.term);
    return st;
}

static wane_status add_usage(references *r, const wane_cell *cell, wane_error *err)
{
    wane_usage_row usage = wane_work_usage("svd_previous", r->wall, r->cpu);
    r->work->apart_wall += r->wall;
    r->work->apart_cpu += r->cpu;
    return r->position ? wane_results_add_usage(r->work->db, cell->stage, &usage, err) : WANE_OK;
}

static wane_status fill(const wane_measuring *at, const wane_cell *cell, size_t number,
                        wane_error *err)
{
    wane_status st = WANE_OK;
    wane_work *work = at->work;
    const wane_chain *chain = at->chain;
    const size_t position = at->position;
    const wane_experiment *x = work->experiment;
    const wane_parameters *table = &work->inputs->base->parameters;
    wane_spectrum_options options = {
        .top = x->intruders_top, .u = x->intruders_u, .v = x->intruders_v};
    wane_spectra_rows rows = {0};
    references r = {.work = work, .position = position - 1};
    (void)number;
    WANE_TRY(open_references(&r, at->run, err));
    WANE_TRY(wane_spectra_rows_new(&rows, table, x->intruders_top, err));
    for (size_t i = 0; i < table->count; i++) {
        if (!table->parameter[i].linear) continue;
        wane_spectrum s = {0};
        const wane_base_svd *reference = NULL;
        WANE_TRY(wane_work_continue(work, err));
        if (!wane_weight_finite(chain->model, i) || (r.model && !wane_weight_finite(r.model, i))) {
            (void)wane_spectra_rows_put_missing(&rows, work->plan->matrix_ids[i]);
            continue;
        }
        WANE_TRY(next_reference(&reference, &r, i, err));
        WANE_TRY(one_spectrum(&s, reference, work, chain, position, i, &options, err));
        wane_spectra_rows_add(&rows, &s, reference, work->plan->matrix_ids[i]);
        wane_spectrum_free(&s);
    }
    WANE_TRY(add_usage(&r, cell, err));
    WANE_TRY(wane_spectra_rows_commit(work, cell, &rows, err));
done:
    wane_spectra_rows_free(&rows);
    close_references(&r);
    return st;
}

static wane_status visit(const wane_visiting *at, wane_error *err)
{
    char settings[WANE_SHA256_HEX];
    if (!at->plan->inputs->experiment->against_previous || at->run->config->bound) return WANE_OK;
    wane_status st = wane_spectrum_settings(settings, WANE_SPECTRUM_DEFINITION,
                                            at->plan->inputs->experiment, "previous", err);
    return st == WANE_OK ? wane_visit(at, "previous", settings, "", 0, err) : st;
}

static wane_status earlier(char settings[WANE_SHA256_HEX], const wane_experiment *x,
                           wane_error *err)
{
    return wane_spectrum_settings(settings, WANE_SPECTRUM_EARLIER, x, "previous", err);
}

const wane_measure wane_previous_measure = {.name = WANE_CELL_SPECTRUM,
                                            .subject = "previous",
                                            .before = WANE_BEFORE_NEEDED,
                                            .visit = visit,
                                            .fill = fill,
                                            .earlier = earlier,
                                            .cost = wane_spectrum_cost};
