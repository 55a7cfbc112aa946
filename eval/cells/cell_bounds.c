/* SPDX-License-Identifier: Apache-2.0
 * Which matrices have bounded cosines, what that puts into the settings of cells, and the spectra
 * of all matrices of a stage, bounded ones over threads.
 */
#include <stdio.h>
#include <string.h>

#include "eval/cells/cell_matrices.h"
#include "store/base/memory.h"

/* The most directions of a matrix that some cell asks for; 0: all. */
static size_t most_asked(const wane_experiment *x)
{
    size_t top = x->intruders_top;
    if (top == 0) return 0;
    if (x->track.every && x->track.spectra && x->track.top > top) top = x->track.top;
    if (x->interventions.lambda_count && x->interventions.k > top) top = x->interventions.k;
    return top;
}

bool wane_spectra_bounded(const wane_experiment *x, const wane_parameter *p)
{
    return wane_spectrum_is_bounded(x->intruders_exact, p->rows, p->cols, most_asked(x));
}

wane_status wane_spectra_leading(wane_base_svd **out, const wane_experiment *x, wane_matrix weight,
                                 wane_pool *pool, wane_error *err)
{
    return wane_base_svd_leading(out, weight, most_asked(x), pool, err);
}

size_t wane_stored_epsilons(double out[WANE_STORED_EPSILONS], const wane_experiment *x)
{
    bool usual = x->interventions.lambda_count == 0;
    memcpy(out, wane_usual_epsilons, sizeof wane_usual_epsilons);
    for (size_t i = 0; i < WANE_USUAL_EPSILONS; i++)
        usual = usual || out[i] == x->interventions.epsilon;
    out[WANE_USUAL_EPSILONS] = x->interventions.epsilon;
    return WANE_USUAL_EPSILONS + !usual;
}

wane_spectrum_options wane_stored_options(double epsilon[WANE_STORED_EPSILONS],
                                          const wane_experiment *x)
{
    return (wane_spectrum_options){.top = x->intruders_top,
                                   .u = x->intruders_u,
                                   .v = x->intruders_v,
                                   .epsilon = epsilon,
                                   .epsilons = wane_stored_epsilons(epsilon, x)};
}

wane_status wane_spectra_bounds(char out[WANE_SHA256_HEX], const wane_inputs *inputs,
                                size_t parameter, wane_error *err)
{
    const wane_experiment *x = inputs->experiment;
    const wane_parameters *table = &inputs->base->parameters;
    double epsilon[WANE_STORED_EPSILONS];
    size_t epsilons = wane_stored_epsilons(epsilon, x), bounded = 0;
    wane_sha256 *hash = NULL;
    wane_status st = wane_sha256_begin(&hash, err);
    if (st != WANE_OK) return st;
    for (size_t i = 0; i < table->count; i++) {
        const wane_parameter *p = &table->parameter[i];
        bool asked = parameter == WANE_ALL_MATRICES || parameter == i;
        if (!p->linear || !asked || !wane_spectra_bounded(x, p)) continue;
        wane_sha256_text(hash, p->name);
        bounded++;
    }
    wane_sha256_number(hash, "known", (double)most_asked(x));
    for (size_t e = 0; e < epsilons; e++) wane_sha256_number(hash, "epsilon", epsilon[e]);
    st = wane_sha256_end(out, hash, err);
    if (!bounded) *out = 0;
    return st;
}

wane_status wane_settings_bounded(char out[WANE_SHA256_HEX], const char *settings,
                                  const char *bounds, wane_error *err)
{
    char text[2 * WANE_SHA256_HEX + 16];
    int length = snprintf(text, sizeof text, "%s bounded %s", settings, bounds);
    return wane_sha256_bytes(out, text, (size_t)length, err);
}

/* ------------------------------------------------------------------------------ over threads */

/* Tiles of one call: `run` of each parameter listed. */
typedef struct share {
    const size_t *parameter;
    void *context;
    wane_each_weight_run *run;
    wane_status *status;
    wane_error *errors;
} share;

static void run_one(void *context, size_t tile, int thread)
{
    share *s = context;
    (void)thread;
    s->status[tile] = s->run(s->context, s->parameter[tile], NULL, &s->errors[tile]);
}

/* In parts of a few matrices a thread, so that a stop is heard. The first that fails is told. */
static wane_status over_threads(const wane_work *work, const size_t *parameter, size_t count,
                                wane_each_weight_run *run, void *context, wane_error *err)
{
    enum { A_THREAD = 8 };
    wane_status st = WANE_OK;
    size_t part = A_THREAD * (size_t)wane_pool_threads(work->pool);
    share s = {.context = context,
               .run = run,
               .status = wane_alloc(part, sizeof *s.status),
               .errors = wane_alloc(part, sizeof *s.errors)};
    if (!s.status || !s.errors) st = wane_fail_memory(err, "spectrum", "matrices");
    for (size_t first = 0; first < count && st == WANE_OK; first += part) {
        size_t now = count - first < part ? count - first : part;
        s.parameter = parameter + first;
        st = wane_work_continue(work, err);
        if (st == WANE_OK) wane_pool_run(work->pool, now, run_one, &s);
        for (size_t i = 0; i < now && st == WANE_OK; i++)
            if ((st = s.status[i]) != WANE_OK && err) *err = s.errors[i];
    }
    wane_free(s.status);
    wane_free(s.errors);
    return st;
}

/* Whether a matrix takes little of one thread's time and memory: bounded, or with a small SVD.
 * Others get all threads, one after the other. */
static bool is_small(const wane_work *work, const wane_parameter *p)
{
    size_t least = p->rows < p->cols ? p->rows : p->cols;
    return least <= WANE_EXACT_SIDE || wane_spectra_bounded(work->experiment, p);
}

/* The linear weights that are small, or that are not. */
static size_t *list_matrices(size_t *count, const wane_work *work, bool small)
{
    const wane_parameters *table = &work->inputs->base->parameters;
    size_t *list = wane_alloc(table->count, sizeof *list);
    *count = 0;
    for (size_t i = 0; list && i < table->count; i++)
        if (table->parameter[i].linear && is_small(work, &table->parameter[i]) == small)
            list[(*count)++] = i;
    return list;
}

wane_status wane_each_weight(wane_work *work, wane_each_weight_run *run, void *context,
                             wane_error *err)
{
    wane_status st = WANE_OK;
    size_t count[2] = {0, 0};
    size_t *list[2] = {list_matrices(&count[0], work, false), list_matrices(&count[1], work, true)};
    if (!list[0] || !list[1]) WANE_TRY(wane_fail_memory(err, "spectrum", "matrices"));
    for (size_t i = 0; i < count[0]; i++) {
        WANE_TRY(wane_work_continue(work, err));
        WANE_TRY(run(context, list[0][i], work->pool, err));
    }
    WANE_TRY(over_threads(work, list[1], count[1], run, context, err));
done:
    wane_free(list[0]);
    wane_free(list[1]);
    return st;
}

/* ----------------------------------------------------------------------------------- spectra */

typedef struct found {
    const wane_each_matrix *each;
    wane_spectrum *spectrum; /* per parameter, freed one by one */
    size_t *base_count;
    bool *finite;
} found;

static wane_status one_spectrum(void *context, size_t parameter, wane_pool *pool, wane_error *err)
{
    found *f = context;
    const wane_each_matrix *e = f->each;
    f->finite[parameter] = e->finite(e->context, parameter);
    if (!f->finite[parameter]) return WANE_OK;
    wane_status st = e->spectrum(&f->spectrum[parameter], &f->base_count[parameter], e->context,
                                 parameter, pool, err);
    wane_base_svd_let_go(e->work->svd[parameter]);
    return st;
}

static void put_rows(wane_spectra_rows *rows, const found *f)
{
    const wane_work *work = f->each->work;
    const wane_parameters *table = &work->inputs->base->parameters;
    for (size_t i = 0; i < table->count; i++) {
        int64_t matrix = work->plan->matrix_ids[i];
        if (!table->parameter[i].linear) continue;
        if (!f->finite[i]) (void)wane_spectra_rows_put_missing(rows, matrix);
        else (void)wane_spectra_rows_put(rows, &f->spectrum[i], f->base_count[i], matrix);
    }
}

wane_status wane_spectra_of_each(wane_spectra_rows *rows, const wane_each_matrix *each,
                                 wane_error *err)
{
    wane_status st = WANE_OK;
    wane_work *work = each->work;
    size_t all = work->inputs->base->parameters.count;
    found f = {.each = each,
               .spectrum = wane_alloc(all, sizeof *f.spectrum),
               .base_count = wane_alloc(all, sizeof *f.base_count),
               .finite = wane_alloc(all, sizeof *f.finite)};
    if (!f.spectrum || !f.base_count || !f.finite)
        WANE_TRY(wane_fail_memory(err, "spectrum", "matrices"));
    WANE_TRY(wane_each_weight(work, one_spectrum, &f, err));
    put_rows(rows, &f);
done:
    for (size_t i = 0; f.spectrum && i < all; i++) wane_spectrum_free(&f.spectrum[i]);
    wane_free(f.spectrum);
    wane_free(f.base_count);
    wane_free(f.finite);
    return st;
}
