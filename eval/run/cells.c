/* SPDX-License-Identifier: Apache-2.0
 * The cells of a stage: scores of tasks, likelihoods of corpora, the spectrum against the base.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/spectra/spectrum.h"
#include "eval/measure/measure.h"
#include "eval/run/work.h"
#include "store/base/clock.h"
#include "store/base/memory.h"
#include "store/files/file.h"
#include "store/results/query.h"

/* ------------------------------------------------------------------------------- which cells */

/* Whether task t is measured after `position` of the run. */
static bool measured(const wane_plan *plan, const wane_plan_run *run, size_t position, size_t t)
{
    const wane_experiment *x = plan->inputs->experiment;
    if (!x->evaluate_seen || x->tasks[t].watched || position == 0) return true;
    for (size_t p = 1; p <= position; p++)
        if (plan->stages[run->stages[p]].task == t) return true;
    return false;
}

static wane_status spectrum_settings(char out[WANE_SHA256_HEX], const wane_experiment *x,
                                     wane_error *err)
{
    char text[96];
    int length = snprintf(text, sizeof text, "spectrum top %zu u %d v %d against base",
                          x->intruders_top, x->intruders_u, x->intruders_v);
    return wane_sha256_bytes(out, text, (size_t)length, err);
}

/* Calls `visit` for each cell that belongs to the stage at `position`. `settings` lives as long as
 * the call. */
typedef wane_status visit_cell(void *context, const wane_cell *cell, size_t subject,
                               wane_error *err);

static wane_status visit_cells(const wane_plan *plan, const wane_plan_run *run, size_t position,
                               visit_cell *visit, void *context, wane_error *err)
{
    const wane_inputs *in = plan->inputs;
    const wane_experiment *x = in->experiment;
    wane_status st = WANE_OK;
    wane_cell cell = {.stage = plan->stages[run->stages[position]].id, .step = WANE_STEP_SEALED};
    for (size_t c = 0; c < x->corpus_count && st == WANE_OK; c++) {
        cell.measure = WANE_CELL_LIKELIHOOD;
        cell.subject = in->corpora[c].key;
        cell.settings_sha256 = in->corpora[c].settings;
        cell.data_sha256 = in->corpora[c].corpus.sha256;
        st = visit(context, &cell, c, err);
    }
    for (size_t t = 0; t < x->task_count && st == WANE_OK; t++) {
        if (!measured(plan, run, position, t)) continue;
        cell.measure = WANE_CELL_SCORE;
        cell.subject = in->tasks[t].key;
        cell.settings_sha256 = in->tasks[t].settings;
        cell.data_sha256 = in->tasks[t].task.sha256[WANE_SPLIT_TEST];
        st = visit(context, &cell, t, err);
    }
    if (position == 0 || st != WANE_OK) return st;
    char settings[WANE_SHA256_HEX];
    if ((st = spectrum_settings(settings, x, err)) != WANE_OK) return st;
    cell.measure = WANE_CELL_SPECTRUM;
    cell.subject = "base";
    cell.settings_sha256 = settings;
    cell.data_sha256 = "";
    return visit(context, &cell, 0, err);
}

typedef struct counting {
    wane_results *db;
    size_t cells, missing;
} counting;

static wane_status count_cell(void *context, const wane_cell *cell, size_t subject, wane_error *err)
{
    (void)subject;
    counting *c = context;
    bool there = false;
    wane_status st = c->db && cell->stage ? wane_cell_exists(c->db, &there, cell, err) : WANE_OK;
    c->cells++;
    c->missing += !there;
    return st;
}

wane_status wane_cells_missing(const wane_plan *plan, wane_results *db, const wane_plan_run *run,
                               size_t position, size_t *cells, size_t *missing, wane_error *err)
{
    counting c = {.db = db};
    wane_status st = visit_cells(plan, run, position, count_cell, &c, err);
    *cells = c.cells;
    *missing = c.missing;
    return st;
}

/* -------------------------------------------------------------------------------- likelihood */

/* Stage 0's window scores of one corpus, for the paired error of the change. */
typedef struct wane_base_windows {
    double *nll;
    size_t count;
} wane_base_windows;

void wane_base_windows_free(wane_work *work)
{
    if (!work->base_windows) return;
    for (size_t c = 0; c < work->experiment->corpus_count; c++)
        wane_free(work->base_windows[c].nll);
    wane_free(work->base_windows);
    work->base_windows = NULL;
}

static wane_status load_base_windows(wane_work *work, size_t corpus, wane_error *err)
{
    static const char sql[] = "SELECT nll FROM window WHERE stage = ?1 AND step = -1 AND "
                              "corpus = ?2 ORDER BY document, position";
    wane_base_windows *base = &work->base_windows[corpus];
    size_t windows = work->inputs->corpora[corpus].windows.windows;
    if (base->nll) return WANE_OK;
    wane_binding ids[2] = {
        {NULL, {.type = WANE_VALUE_INTEGER, .integer = work->plan->stages[0].id}},
        {NULL, {.type = WANE_VALUE_INTEGER, .integer = work->plan->corpus_ids[corpus]}}};
    wane_query *query = NULL;
    double *nll = wane_alloc(windows, sizeof *nll);
    if (!nll) return wane_fail_memory(err, "measure", "windows");
    wane_status st = wane_query_open(&query, work->db, sql, ids, 2, err);
    size_t count = 0;
    while (st == WANE_OK && (st = wane_query_next(query, err)) == WANE_OK)
        if (count < windows) nll[count++] = wane_query_double(query, 0);
    wane_query_free(query);
    if (st == WANE_DONE && count != windows)
        st = wane_fail(err, WANE_EINTERNAL, "measure: %s: %zu windows of stage 0, %zu wanted",
                       work->inputs->corpora[corpus].key, count, windows);
    if (st == WANE_DONE) {
        *base = (wane_base_windows){nll, count};
        return WANE_OK;
    }
    wane_free(nll);
    return st;
}

/* Standard error of the paired change against stage 0, and stage 0's nll per token. */
static wane_status paired_change(wane_work *work, size_t corpus, const wane_likelihood *measured_,
                                 double *stderr_, double *base_nll, wane_error *err)
{
    const wane_windows *w = &work->inputs->corpora[corpus].windows;
    wane_status st = load_base_windows(work, corpus, err);
    if (st != WANE_OK) return st;
    const wane_base_windows *base = &work->base_windows[corpus];
    double nll = 0, count = 0;
    for (size_t i = 0; i < w->windows; i++) {
        nll += base->nll[i];
        count += (double)measured_->window[i].tokens;
    }
    *base_nll = nll / count;
    return wane_likelihood_paired(stderr_, measured_, base->nll, w, err);
}

static wane_window_row *window_rows(const wane_likelihood *l, const wane_windows *w, bool base)
{
    wane_window_row *rows = wane_alloc(l->windows, sizeof *rows);
    size_t number = 0;
    for (size_t i = 0; rows && i < l->windows; i++) {
        number = i && w->document[i] == w->document[i - 1] ? number + 1 : 0;
        rows[i] = (wane_window_row){.document = (int64_t)w->document[i],
                                    .position = (int64_t)number,
                                    .nll = l->window[i].nll,
                                    .kl = base ? l->window[i].kl : NAN,
                                    .soft_ce = base ? l->window[i].soft_ce : NAN,
                                    .tokens = (int64_t)l->window[i].tokens};
    }
    return rows;
}

static wane_status fill_corpus(wane_work *work, const wane_cell *cell, size_t c, size_t position,
                               const wane_chain *chain, wane_error *err)
{
    wane_status st = WANE_OK;
    const wane_input_corpus *corpus = &work->inputs->corpora[c];
    const wane_model *base = position ? work->inputs->base : NULL;
    wane_likelihood l = {0};
    wane_likelihood_row row;
    wane_window_row *windows = NULL;
    WANE_TRY(
        wane_measure_likelihood(&l, chain->model, NULL, base, &corpus->windows, work->pool, err));
    wane_likelihood_columns(&row, &l, &corpus->windows, &corpus->rule);
    double base_nll = l.nll;
    if (position) WANE_TRY(paired_change(work, c, &l, &row.change_stderr, &base_nll, err));
    row.out_of_reach = base_nll >= log((double)work->inputs->base->config.vocabulary);
    windows = window_rows(&l, &corpus->windows, base != NULL);
    WANE_TRY(windows ? WANE_OK : wane_fail_memory(err, "measure", corpus->key));
    wane_cell_rows rows = {.likelihood = &row, .windows = windows, .window_count = l.windows};
    WANE_TRY(wane_cell_commit(work->db, cell, &rows, err));
done:
    wane_free(windows);
    wane_likelihood_free(&l);
    return st;
}

/* ------------------------------------------------------------------------------------ scores */

static wane_status fill_task(wane_work *work, const wane_cell *cell, size_t t, bool trained_here,
                             const wane_chain *chain, wane_error *err)
{
    wane_status st = WANE_OK;
    const wane_input_task *task = &work->inputs->tasks[t];
    wane_accuracy a = {0};
    wane_example_row *examples = NULL;
    WANE_TRY(wane_measure_accuracy(&a, chain->model, NULL, trained_here ? work->inputs->base : NULL,
                                   &task->task, WANE_SPLIT_TEST, &task->test,
                                   work->experiment->tasks[t].per_token, work->pool, err));
    examples = wane_alloc(a.examples, sizeof *examples);
    WANE_TRY(examples ? WANE_OK : wane_fail_memory(err, "measure", task->key));
    for (size_t i = 0; i < a.examples; i++)
        examples[i] = (wane_example_row){.split = "test",
                                         .row = (int64_t)a.example[i].row,
                                         .label = a.example[i].label,
                                         .predicted = a.example[i].predicted,
                                         .margin = a.example[i].margin,
                                         .loss = a.example[i].loss};
    int64_t n = (int64_t)a.examples;
    wane_score_row scores[5] = {{"test", "accuracy", a.accuracy, a.stderr_, n},
                                {"test", "loss", a.loss, NAN, n},
                                {"test", "majority", a.majority, NAN, n},
                                {"test", "kl_on_task_prompt", a.kl_on_task_prompt, NAN, n},
                                {"test", "kl_on_task_answer", a.kl_on_task_answer, NAN, n}};
    wane_cell_rows rows = {.scores = scores,
                           .score_count = trained_here ? 5 : 3,
                           .examples = examples,
                           .example_count = a.examples};
    WANE_TRY(wane_cell_commit(work->db, cell, &rows, err));
done:
    wane_free(examples);
    wane_accuracy_free(&a);
    return st;
}

/* ---------------------------------------------------------------------------------- spectrum */

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

static wane_status fill_spectra(wane_work *work, const wane_cell *cell, const wane_plan_run *run,
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

/* --------------------------------------------------------------------------------------- all */

typedef struct filling {
    wane_work *work;
    const wane_plan_run *run;
    size_t position;
    const wane_chain *chain;
} filling;

static wane_status fill_cell(void *context, const wane_cell *cell, size_t subject, wane_error *err)
{
    static const char *const phases[] = {"score", "likelihood", "spectrum"};
    filling *f = context;
    wane_work *work = f->work;
    bool there = false;
    double wall = wane_clock_wall(), cpu = wane_clock_cpu();
    wane_status st = wane_cell_exists(work->db, &there, cell, err);
    if (st != WANE_OK || there) return st;
    if ((st = wane_work_continue(work, err)) != WANE_OK) return st;
    size_t task = work->plan->stages[f->run->stages[f->position]].task;
    if (cell->measure == WANE_CELL_LIKELIHOOD)
        st = fill_corpus(work, cell, subject, f->position, f->chain, err);
    else if (cell->measure == WANE_CELL_SCORE)
        st = fill_task(work, cell, subject, f->position && task == subject, f->chain, err);
    else st = fill_spectra(work, cell, f->run, f->position, f->chain, err);
    if (st != WANE_OK) return st;
    work->outcome->cells_filled++;
    wane_usage_row usage = {.phase = phases[cell->measure],
                            .wall_s = wane_clock_wall() - wall,
                            .cpu_s = wane_clock_cpu() - cpu,
                            .peak_bytes = (int64_t)wane_memory_peak(),
                            .tokens = 0};
    return wane_results_add_usage(work->db, cell->stage, &usage, err);
}

wane_status wane_cells_fill(wane_work *work, const wane_plan_run *run, size_t position,
                            const wane_chain *chain, wane_error *err)
{
    filling f = {work, run, position, chain};
    if (!work->base_windows) {
        work->base_windows = wane_alloc(work->experiment->corpus_count, sizeof *work->base_windows);
        if (!work->base_windows) return wane_fail_memory(err, "measure", run->name);
    }
    return visit_cells(work->plan, run, position, fill_cell, &f, err);
}
