/* SPDX-License-Identifier: Apache-2.0
 * The measure `null`: intruders of random changes, drawn beside the count of a stage.
 */
#include "analysis/spectra/null.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/cells/cell_matrices.h"
#include "eval/stages/stage_kind.h"
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

/* A null of every stage that its adapters make, of others after the last one of a run, or as
 * `intruders: {nulls: ...}` says. */
static wane_status visit(const wane_visiting *at, wane_error *err)
{
    char bounds[WANE_SHA256_HEX];
    if (!has_null(at->plan, at->run->stages[at->position])) return WANE_OK;
    /* Against a base that is not whole other random changes may be drawn. */
    wane_status st = wane_spectra_bounds(bounds, at->plan->inputs, WANE_ALL_MATRICES, err);
    for (int kind = 0; kind < WANE_NULLS && st == WANE_OK; kind++) {
        char text[96], settings[WANE_SHA256_HEX];
        int length =
            snprintf(text, sizeof text, "null 1 %s draws %d k %d epsilon %g", wane_null_names[kind],
                     WANE_NULL_DRAWS, WANE_NULL_TOP, WANE_NULL_EPSILON);
        st = wane_sha256_bytes(settings, text, (size_t)length, err);
        if (st == WANE_OK)
            st = wane_visit_cosines(at, wane_null_names[kind], settings, bounds, "", (size_t)kind,
                                    err);
    }
    return st;
}

static bool unasked(const wane_experiment *x)
{
    return x->intruders_nulls == WANE_NULLS_AUTO;
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
    WANE_TRY(wane_spectra_base(work, parameter, work->pool, err));
    WANE_TRY(wane_base_svd_find_values(work->svd[parameter], work->pool, err));
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
        wane_base_svd_let_go(work->svd[i]);
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

static wane_status fill(const wane_measuring *at, const wane_cell *cell, size_t kind,
                        wane_error *err)
{
    const wane_parameters *table = &at->work->inputs->base->parameters;
    const wane_plan_stage *stage = &at->work->plan->stages[at->run->stages[at->position]];
    wane_status st = WANE_OK;
    if (!weights_finite(at->chain->model, table))
        return wane_commit_reason(at->work, cell, WANE_NOT_FINITE, err);
    wane_null_tally(*tally)[WANE_NULL_DRAWS] = wane_alloc(2, sizeof *tally);
    if (!tally) return wane_fail_memory(err, "null", at->run->name);
    WANE_TRY(draw(tally, at->work, (wane_null)kind, seed_of(stage), at->chain, at->position, err));
    WANE_TRY(commit_draws(at->work, cell, tally, err));
done:
    wane_free(tally);
    return st;
}

/* ---------------------------------------------------------------------------------------- cost */

/* What 99 draws of one matrix cost. A whole spectrum takes about 8 m n min(m, n), in double; where
 * few directions of a low-rank change are sought in a large one, products with its factors do. */
static double draws_flops(const wane_parameter *p, double rank)
{
    enum { LARGE = 400, PRODUCTS = 400 };
    double m = (double)p->rows, n = (double)p->cols, smaller = m < n ? m : n;
    double whole = 2 * 8 * m * n * smaller;
    double factors = 2 * 2 * (m + n) * rank * (rank + PRODUCTS);
    bool few = rank > 0 && 8 * rank <= smaller && smaller >= LARGE;
    return WANE_NULL_DRAWS * (few ? factors : whole);
}

static void cost(wane_cost *sum, const wane_visiting *at, size_t kind)
{
    enum { DRAW_BYTES = 110 };
    const wane_inputs *in = at->plan->inputs;
    const wane_plan_stage *stage = &at->plan->stages[at->run->stages[at->position]];
    bool summed = in->experiment->policy != WANE_POLICY_CONTINUE;
    bool known = stage->lowrank && stage->kind->trained;
    double rank = known ? (double)stage->config->settings.rank : 0;
    (void)kind;
    rank *= summed ? (double)stage->position : 1;
    for (size_t i = 0; i < in->base->parameters.count; i++)
        if (in->base->parameters.parameter[i].linear)
            sum->flops += draws_flops(&in->base->parameters.parameter[i], rank);
    sum->cells++;
    sum->bytes += 2.0 * WANE_NULL_DRAWS * DRAW_BYTES;
}

const wane_measure wane_null_measure = {.name = WANE_CELL_NULL,
                                        .unasked = unasked,
                                        .visit = visit,
                                        .fill = fill,
                                        .cost = cost,
                                        .apart = "nulls",
                                        .apart_unit = "cells of 99 random changes each",
                                        .apart_note = ""};
