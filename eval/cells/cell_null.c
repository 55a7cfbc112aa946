/* SPDX-License-Identifier: Apache-2.0
 * What stands beside a count of intruders: draws of the two nulls (measure `null`), the smallest
 * part of the change that has an intruder (`onset`), and the norm of everything that changed, not
 * of the linear weights alone (`norm`).
 */
#include "analysis/spectra/null.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/cells/cell_matrices.h"
#include "store/base/memory.h"
#include "store/base/text.h"

/* ------------------------------------------------------------------------------ which there are */

/* The last stage is that of any run, whichever asks: runs that share it ask for the same cells. */
static bool has_null(const wane_plan *plan, size_t stage)
{
    switch (plan->inputs->experiment->intruders_nulls) {
    case WANE_NULLS_NONE: return false;
    case WANE_NULLS_ALL: return true;
    case WANE_NULLS_AUTO: break;
    }
    return plan->stages[stage].lowrank || wane_plan_ends(plan, stage);
}

static wane_status visit_null(const wane_cell *like, wane_null kind, wane_visit_cell *visit,
                              void *context, wane_error *err)
{
    char text[96], settings[WANE_SHA256_HEX];
    wane_cell cell = *like;
    int length = snprintf(text, sizeof text, "null 1 %s draws %d k %d epsilon %g",
                          wane_null_names[kind], WANE_NULL_DRAWS, WANE_NULL_TOP, WANE_NULL_EPSILON);
    wane_status st = wane_sha256_bytes(settings, text, (size_t)length, err);
    cell.measure = WANE_CELL_NULL;
    cell.subject = wane_null_names[kind];
    cell.settings_sha256 = settings;
    return st == WANE_OK ? visit(context, &cell, kind, err) : st;
}

static wane_status visit_measured(const wane_cell *like, wane_cell_measure measure,
                                  const char *definition, wane_visit_cell *visit, void *context,
                                  wane_error *err)
{
    char settings[WANE_SHA256_HEX];
    wane_cell cell = *like;
    wane_status st = wane_sha256_bytes(settings, definition, strlen(definition), err);
    cell.measure = measure;
    cell.subject = "";
    cell.settings_sha256 = settings;
    return st == WANE_OK ? visit(context, &cell, 0, err) : st;
}

wane_status wane_visit_nulls(const wane_cell *like, const wane_plan *plan, const wane_plan_run *run,
                             size_t position, wane_visit_cell *visit, void *context,
                             wane_error *err)
{
    size_t stage = run->stages[position];
    wane_cell cell = *like;
    cell.data_sha256 = "";
    /* A run again is made for its counts alone. */
    if (run->config->bound == WANE_BOUND_PERTURBED) return WANE_OK;
    wane_status st = visit_measured(&cell, WANE_CELL_NORM, "norm 1", visit, context, err);
    if (st == WANE_OK && plan->stages[stage].lowrank)
        st = visit_measured(&cell, WANE_CELL_ONSET, "onset 1 k 10 epsilon 0.5 up to 1.25", visit,
                            context, err);
    for (int kind = 0; has_null(plan, stage) && kind < WANE_NULLS && st == WANE_OK; kind++)
        st = visit_null(&cell, (wane_null)kind, visit, context, err);
    return st;
}

/* --------------------------------------------------------------------------------------- nulls */

/* The first eight bytes of the stage's key: the same draws whichever run, process or machine asks.
 */
static uint64_t seed_of(const wane_plan_stage *stage)
{
    char head[17];
    memcpy(head, stage->key, 16);
    head[16] = '\0';
    return strtoull(head, NULL, 16);
}

/* What the draws are drawn from, the way wane_spectrum_at looks at the weight. */
static wane_status change_of(wane_null_change *out, wane_work *work, const wane_chain *chain,
                             size_t position, size_t parameter, wane_error *err)
{
    const wane_parameter *p = &work->inputs->base->parameters.parameter[parameter];
    wane_spectrum_options options = {.top = WANE_NULL_TOP, .u = true, .v = true};
    wane_terms terms = {0};
    bool lowrank = false;
    wane_status st = WANE_OK;
    WANE_TRY(wane_terms_of(&terms, &lowrank, work, chain, position, parameter, 0, err));
    WANE_TRY(wane_spectra_base(work, parameter, err));
    if (lowrank && terms.rank < (p->rows < p->cols ? p->rows : p->cols)) {
        st = wane_null_change_lowrank(out, work->svd[parameter], terms.term, terms.count, &options,
                                      work->pool, err);
        goto done;
    }
    wane_rounding rounding = wane_chain_rounding(work, chain, parameter);
    options.rounding = rounding.tuned;
    options.base_rounding = rounding.base;
    st =
        wane_null_change_full(out, work->svd[parameter], wane_model_matrix(chain->model, parameter),
                              &options, work->pool, err);
done:
    wane_free(terms.term);
    return st;
}

/* Of all linear weights, one at a time: a stop that was asked for is heard in between. */
static wane_status draw(wane_null_tally sum[2][WANE_NULL_DRAWS], wane_work *work, wane_null kind,
                        uint64_t seed, const wane_chain *chain, size_t position, wane_error *err)
{
    const wane_parameters *table = &work->inputs->base->parameters;
    wane_status st = WANE_OK;
    wane_null_tally(*own)[WANE_NULL_DRAWS] = wane_alloc(2, sizeof *own);
    if (!own) return wane_fail_memory(err, "null", wane_null_names[kind]);
    for (size_t i = 0; i < table->count && st == WANE_OK; i++) {
        wane_null_change change = {0};
        if (!table->parameter[i].linear) continue;
        st = wane_work_continue(work, err);
        if (st == WANE_OK) st = change_of(&change, work, chain, position, i, err);
        memset(own, 0, 2 * sizeof *own);
        if (st == WANE_OK) st = wane_null_draw_matrix(own, kind, &change, i, seed, work->pool, err);
        if (st == WANE_OK) wane_null_add(sum, (const wane_null_tally(*)[WANE_NULL_DRAWS])own);
        wane_null_change_free(&change);
    }
    wane_free(own);
    return st;
}

static wane_status commit_draws(wane_work *work, const wane_cell *cell,
                                wane_null_tally tally[2][WANE_NULL_DRAWS], wane_error *err)
{
    enum { ROWS = 2 * WANE_NULL_DRAWS };
    wane_status st = WANE_OK;
    wane_text *below = wane_alloc(ROWS, sizeof *below);
    wane_null_draw_row *row = wane_alloc(ROWS, sizeof *row);
    WANE_TRY(below && row ? WANE_OK : wane_fail_memory(err, "null", cell->subject));
    for (size_t i = 0; i < ROWS; i++) {
        const wane_null_tally *t = &tally[0][0] + i;
        for (size_t e = 0; e < WANE_NULL_BINS; e++)
            wane_text_printf(&below[i], "%s%zu", e ? "," : "[", t->below[e]);
        wane_text_string(&below[i], "]");
        WANE_TRY(wane_text_check(&below[i], "null", cell->subject, err));
        row[i] = (wane_null_draw_row){.side = i < WANE_NULL_DRAWS ? 'u' : 'v',
                                      .draw = (int64_t)(i % WANE_NULL_DRAWS) + 1,
                                      .intruders = (int64_t)t->intruders,
                                      .unresolved = (int64_t)t->unresolved,
                                      .existing = (int64_t)t->existing,
                                      .below = below[i].data};
    }
    WANE_TRY(wane_work_commit(work, cell,
                              &(wane_cell_rows){.null_draws = row, .null_draw_count = ROWS}, err));
done:
    for (size_t i = 0; below && i < ROWS; i++) wane_text_free(&below[i]);
    wane_free(below);
    wane_free(row);
    return st;
}

static bool weights_finite(const wane_model *model, const wane_parameters *table)
{
    for (size_t i = 0; i < table->count; i++)
        if (table->parameter[i].linear && !wane_weight_finite(model, i)) return false;
    return true;
}

wane_status wane_cell_fill_null(wane_work *work, const wane_cell *cell, size_t kind,
                                const wane_plan_run *run, size_t position, const wane_chain *chain,
                                wane_error *err)
{
    const wane_parameters *table = &work->inputs->base->parameters;
    const wane_plan_stage *stage = &work->plan->stages[run->stages[position]];
    wane_status st = WANE_OK;
    wane_null_tally(*tally)[WANE_NULL_DRAWS] = wane_alloc(2, sizeof *tally);
    WANE_TRY(tally ? WANE_OK : wane_fail_memory(err, "null", run->name));
    if (!weights_finite(chain->model, table)) {
        wane_cell stated = *cell;
        stated.reason = WANE_NOT_FINITE;
        st = wane_work_commit(work, &stated, &(wane_cell_rows){0}, err);
        goto done;
    }
    WANE_TRY(draw(tally, work, (wane_null)kind, seed_of(stage), chain, position, err));
    WANE_TRY(commit_draws(work, cell, tally, err));
done:
    wane_free(tally);
    return st;
}

/* --------------------------------------------------------------------------------------- onset */

static wane_status onset_of(wane_measured_row *row, wane_work *work, const wane_chain *chain,
                            size_t position, size_t parameter, wane_error *err)
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
    WANE_TRY(wane_spectra_base(work, parameter, err));
    if (!lowrank) row->reason = "dense_update"; /* an adapter may hold a tensor whole */
    else if (terms.count == 0) row->reason = "unchanged";
    else
        WANE_TRY(wane_null_onset(&row->value, work->svd[parameter], terms.term, terms.count,
                                 &options, work->pool, err));
    if (isnan(row->value) && !row->reason) row->reason = "none_up_to_1.25";
done:
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

wane_status wane_cell_fill_onset(wane_work *work, const wane_cell *cell, size_t position,
                                 const wane_chain *chain, wane_error *err)
{
    const wane_parameters *table = &work->inputs->base->parameters;
    wane_status st = WANE_OK;
    size_t count = 0;
    wane_measured_row *rows = wane_alloc(table->count + 1, sizeof *rows);
    WANE_TRY(rows ? WANE_OK : wane_fail_memory(err, "onset", "rows"));
    for (size_t i = 0; i < table->count; i++) {
        if (!table->parameter[i].linear) continue;
        WANE_TRY(wane_work_continue(work, err));
        WANE_TRY(onset_of(&rows[count++], work, chain, position, i, err));
    }
    rows[count] = smallest_onset(rows, count);
    WANE_TRY(wane_work_commit(
        work, cell, &(wane_cell_rows){.measured = rows, .measured_count = count + 1}, err));
done:
    wane_free(rows);
    return st;
}

/* ---------------------------------------------------------------------------------------- norm */

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

wane_status wane_cell_fill_norm(wane_work *work, const wane_cell *cell, const wane_chain *chain,
                                wane_error *err)
{
    wane_measured_row row = {.matrix = "", .name = "delta_frobenius_all"};
    row.value = whole_norm(chain->model, work->inputs->base);
    if (!isfinite(row.value)) {
        row.value = NAN;
        row.reason = WANE_NOT_FINITE;
    }
    return wane_work_commit(work, cell, &(wane_cell_rows){.measured = &row, .measured_count = 1},
                            err);
}
