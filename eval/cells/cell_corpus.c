/* SPDX-License-Identifier: Apache-2.0
 * A likelihood cell: one corpus under one stage, with the paired error of its change since stage 0.
 */
#include <math.h>

#include "eval/cells/cell.h"
#include "eval/measure/measure.h"
#include "store/base/memory.h"
#include "store/results/query.h"

static void free_base_windows(wane_work *work)
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
    if (!work->base_windows)
        work->base_windows = wane_alloc(work->experiment->corpus_count, sizeof *work->base_windows);
    if (!work->base_windows) return wane_fail_memory(err, "measure", "windows");
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

static wane_status fill(const wane_measuring *at, const wane_cell *cell, size_t c, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_work *work = at->work;
    const size_t position = at->position;
    const wane_input_corpus *corpus = &work->inputs->corpora[c];
    const wane_model *base = position ? work->inputs->base : NULL;
    wane_likelihood l = {0};
    wane_likelihood_row row;
    wane_window_row *windows = NULL;
    WANE_TRY(wane_measure_likelihood(&l, at->chain->model, NULL, base, &corpus->windows, work->pool,
                                     err));
    wane_likelihood_columns(&row, &l, &corpus->windows, &corpus->rule);
    if (l.reason)
        wane_log_line(
            work->options->log, WANE_LOG_WARNING,
            "%s: stage %zu: corpus %s, document %zu: logits are not finite: no likelihood",
            at->run->name, position, work->experiment->corpora[c].spec.name, l.document);
    double base_nll = l.nll;
    if (position) WANE_TRY(paired_change(work, c, &l, &row.change_stderr, &base_nll, err));
    row.out_of_reach = base_nll >= log((double)work->inputs->base->config.vocabulary);
    windows = window_rows(&l, &corpus->windows, base != NULL);
    WANE_TRY(windows ? WANE_OK : wane_fail_memory(err, "measure", corpus->key));
    wane_cell_rows rows = {.likelihood = &row, .windows = windows, .window_count = l.windows};
    WANE_TRY(wane_work_commit(work, cell, &rows, err));
done:
    wane_free(windows);
    wane_likelihood_free(&l);
    return st;
}

static wane_status visit(const wane_visiting *at, wane_error *err)
{
    const wane_inputs *in = at->plan->inputs;
    wane_status st = WANE_OK;
    for (size_t c = 0; c < in->experiment->corpus_count && st == WANE_OK; c++)
        st = wane_visit(at, in->corpora[c].key, in->corpora[c].settings,
                        in->corpora[c].corpus.sha256, c, err);
    return st;
}

/* The base runs beside a tuned stage. */
static void cost(wane_cost *sum, const wane_visiting *at, size_t c)
{
    enum { WINDOW_BYTES = 40 };
    const wane_inputs *in = at->plan->inputs;
    sum->cells++;
    sum->flops += (at->position ? 2 : 1) * wane_flops_of_corpus(in, c);
    sum->bytes += WINDOW_BYTES * (double)in->corpora[c].windows.windows;
}

const wane_measure wane_likelihood_measure = {.name = WANE_CELL_LIKELIHOOD,
                                              .of_base = true,
                                              .of_perturbed = true,
                                              .visit = visit,
                                              .fill = fill,
                                              .free = free_base_windows,
                                              .cost = cost};
