/* SPDX-License-Identifier: Apache-2.0
 * A spectrum cell against the stage before: needs all singular vectors of that stage's weights,
 * which are kept beside those of the base while the run is in work, or its leading triplets, which
 * are not kept.
 */

#include "eval/cells/cell_matrices.h"
#include "store/base/clock.h"
#include "store/base/memory.h"
#include "store/files/file.h"

static char *folder_of(const wane_work *work, const wane_plan_run *run, size_t position)
{
    return wane_work_path(work, "svd_previous", work->plan->stages[run->stages[position]].key);
}

/* What is measured against. */
typedef struct references {
    const wane_measuring *at;
    size_t position;     /* of the stage they are of; 0: the base, whose spectra are held anyway */
    wane_model *model;   /* owned; NULL for the base */
    char *folder;        /* of whole ones; owned */
    wane_base_svd **svd; /* per parameter, whole ones, maps of their files; owned */
    double wall, cpu;    /* spent on those */
    wane_spectrum_options options;
} references;

static bool is_bounded(const references *r, size_t parameter)
{
    const wane_work *work = r->at->work;
    return wane_spectra_bounded(work->experiment,
                                &work->inputs->base->parameters.parameter[parameter]);
}

/* One that is whole stays on disk while the run is in work. What is not finite has none. */
static wane_status whole_reference(void *context, size_t parameter, wane_pool *pool,
                                   wane_error *err)
{
    references *r = context;
    (void)pool;
    if (is_bounded(r, parameter) || !wane_weight_finite(r->model, parameter)) return WANE_OK;
    return wane_base_svd_cached(&r->svd[parameter], wane_model_matrix(r->model, parameter),
                                r->folder, err);
}

static wane_status whole_references(references *r, wane_error *err)
{
    wane_work *work = r->at->work;
    const wane_parameters *table = &work->inputs->base->parameters;
    double wall = wane_clock_wall(), cpu = wane_clock_cpu();
    bool any = false;
    wane_status st = WANE_OK;
    for (size_t i = 0; i < table->count; i++)
        any = any || (table->parameter[i].linear && !is_bounded(r, i));
    if (!any) return WANE_OK;
    WANE_TRY(wane_folder_make(r->folder, err));
    WANE_TRY(wane_each_weight(work, whole_reference, r, err));
    r->wall = wane_clock_wall() - wall;
    r->cpu = wane_clock_cpu() - cpu;
done:
    return st;
}

static wane_status open_references(references *r, wane_error *err)
{
    wane_work *work = r->at->work;
    wane_status st = WANE_OK;
    if (r->position == 0) return wane_spectra_bases(work, err);
    WANE_TRY(wane_stage_model(&r->model, work, r->at->run, r->position, err));
    r->folder = folder_of(work, r->at->run, r->position);
    r->svd = wane_alloc(work->inputs->base->parameters.count, sizeof(wane_base_svd *));
    if (!r->folder || !r->svd) WANE_TRY(wane_fail_memory(err, "spectrum", r->at->run->name));
    WANE_TRY(whole_references(r, err));
done:
    return st;
}

static void close_references(references *r)
{
    for (size_t i = 0; r->svd && i < r->at->work->inputs->base->parameters.count; i++)
        wane_base_svd_free(r->svd[i]);
    wane_free(r->svd);
    wane_model_free(r->model);
    wane_free(r->folder);
}

static wane_status against(wane_spectrum *out, size_t *base_count, const wane_base_svd *reference,
                           const references *r, size_t parameter, wane_pool *pool, wane_error *err)
{
    const wane_work *work = r->at->work;
    const wane_chain *chain = r->at->chain;
    const wane_parameter *p = &work->inputs->base->parameters.parameter[parameter];
    size_t smaller = p->rows < p->cols ? p->rows : p->cols;
    wane_terms terms = {0};
    bool lowrank = false;
    *base_count = wane_base_svd_count(reference);
    wane_status st =
        wane_terms_of_increment(&terms, &lowrank, work, chain, r->at->position, parameter, err);
    if (st == WANE_OK && lowrank && terms.rank < smaller)
        st = wane_spectrum_lowrank(out, reference, terms.term, terms.count, &r->options, pool, err);
    else if (st == WANE_OK) {
        wane_spectrum_options own = r->options;
        own.rounding = wane_chain_rounding(work, chain, parameter).tuned;
        st = wane_spectrum_full(out, reference, wane_model_matrix(chain->model, parameter), &own,
                                pool, err);
    }
    wane_free(terms.term);
    return st;
}

static wane_status spectrum(wane_spectrum *out, size_t *base_count, void *context, size_t parameter,
                            wane_pool *pool, wane_error *err)
{
    references *r = context;
    wane_work *work = r->at->work;
    wane_base_svd *own = NULL;
    wane_status st = WANE_OK;
    if (r->position == 0) {
        st = wane_spectra_base(work, parameter, pool, err);
        return st != WANE_OK
                   ? st
                   : against(out, base_count, work->svd[parameter], r, parameter, pool, err);
    }
    if (is_bounded(r, parameter))
        st = wane_spectra_leading(&own, work->experiment, wane_model_matrix(r->model, parameter),
                                  pool, err);
    const wane_base_svd *reference = own ? own : r->svd[parameter];
    if (st == WANE_OK) st = against(out, base_count, reference, r, parameter, pool, err);
    wane_base_svd_let_go(reference);
    wane_base_svd_free(own);
    return st;
}

static bool finite(const void *context, size_t parameter)
{
    const references *r = context;
    return wane_weight_finite(r->at->chain->model, parameter) &&
           (!r->model || wane_weight_finite(r->model, parameter));
}

static wane_status add_usage(references *r, const wane_cell *cell, wane_error *err)
{
    wane_work *work = r->at->work;
    wane_usage_row usage = wane_work_usage("svd_previous", r->wall, r->cpu);
    work->apart_wall += r->wall;
    work->apart_cpu += r->cpu;
    return r->wall > 0 ? wane_results_add_usage(work->db, cell->stage, &usage, err) : WANE_OK;
}

static wane_status fill(const wane_measuring *at, const wane_cell *cell, size_t number,
                        wane_error *err)
{
    wane_status st = WANE_OK;
    wane_work *work = at->work;
    const wane_experiment *x = work->experiment;
    double epsilon[WANE_STORED_EPSILONS];
    references r = {
        .at = at, .position = at->position - 1, .options = wane_stored_options(epsilon, x)};
    const wane_each_matrix each = {
        .work = work, .context = &r, .finite = finite, .spectrum = spectrum};
    wane_spectra_rows rows = {0};
    (void)number;
    WANE_TRY(open_references(&r, err));
    WANE_TRY(wane_spectra_rows_new(&rows, &work->inputs->base->parameters, x->intruders_top, err));
    WANE_TRY(wane_spectra_of_each(&rows, &each, err));
    WANE_TRY(add_usage(&r, cell, err));
    WANE_TRY(wane_spectra_rows_commit(work, cell, &rows, err));
done:
    wane_spectra_rows_free(&rows);
    close_references(&r);
    return st;
}

static wane_status visit(const wane_visiting *at, wane_error *err)
{
    char settings[WANE_SHA256_HEX], bounds[WANE_SHA256_HEX];
    const wane_inputs *in = at->plan->inputs;
    if (!in->experiment->against_previous || at->run->config->bound) return WANE_OK;
    wane_status st =
        wane_spectrum_settings(settings, WANE_SPECTRUM_DEFINITION, in->experiment, "previous", err);
    if (st == WANE_OK) st = wane_spectra_bounds(bounds, in, WANE_ALL_MATRICES, err);
    return st == WANE_OK ? wane_visit_cosines(at, "previous", settings, bounds, "", 0, err) : st;
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
