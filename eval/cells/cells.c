/* SPDX-License-Identifier: Apache-2.0
 * The cells of a stage: which there are, which are missing, and their filling one by one.
 */
#include <stdio.h>
#include <string.h>

#include "eval/cells/cell_arms.h"
#include "eval/cells/cell_matrices.h"
#include "store/base/clock.h"
#include "store/base/memory.h"

static wane_status spectrum_settings(char out[WANE_SHA256_HEX], const char *definition,
                                     const wane_experiment *x, const char *against, wane_error *err)
{
    char text[96];
    int length = snprintf(text, sizeof text, "%s top %zu u %d v %d against %s", definition,
                          x->intruders_top, x->intruders_u, x->intruders_v, against);
    return wane_sha256_bytes(out, text, (size_t)length, err);
}

wane_status wane_cells_visit(const wane_plan *plan, const wane_plan_run *run, size_t position,
                             wane_visit_cell *visit, void *context, wane_error *err)
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
        if (!wane_task_measured(plan, run, position, t)) continue;
        cell.measure = WANE_CELL_SCORE;
        cell.subject = in->tasks[t].key;
        cell.settings_sha256 = in->tasks[t].settings;
        cell.data_sha256 = in->tasks[t].task.sha256[WANE_SPLIT_TEST];
        st = visit(context, &cell, t, err);
    }
    if (position == 0 || st != WANE_OK) return st;
    bool perturbed = run->config->bound == WANE_BOUND_PERTURBED; /* what its counts need alone */
    if (!perturbed) st = wane_visit_change(&cell, plan, run, position, visit, context, err);
    if (!perturbed && st == WANE_OK)
        st = wane_visit_overlaps(&cell, plan, run, position, visit, context, err);
    if (st != WANE_OK) return st;
    char settings[WANE_SHA256_HEX];
    cell.measure = WANE_CELL_SPECTRUM;
    cell.settings_sha256 = settings;
    cell.data_sha256 = "";
    bool with_previous = x->against_previous && !run->config->bound;
    for (int previous = 0; previous <= with_previous && st == WANE_OK; previous++) {
        cell.subject = previous ? "previous" : "base";
        st = spectrum_settings(settings, WANE_SPECTRUM_DEFINITION, x, cell.subject, err);
        if (st == WANE_OK) st = visit(context, &cell, 0, err);
    }
    if (st == WANE_OK) st = wane_visit_nulls(&cell, plan, run, position, visit, context, err);
    return st == WANE_OK ? wane_interventions_visit(plan, run, position, visit, context, err) : st;
}

typedef struct filling {
    wane_work *work;
    const wane_plan_run *run;
    size_t position;
    const wane_chain *chain;
    wane_cells_count *count; /* of those that are there and missing, or NULL */
    wane_reach reach[2];     /* of the weights at `position`, and of those before it */
    bool reach_known, sealed;
} filling;

/* What is on disk of the stage, found out once, when a cell is not there. */
static wane_status find_reach(filling *f, wane_error *err)
{
    wane_stage_state state = {0};
    int64_t stage = f->work->plan->stages[f->run->stages[f->position]].id;
    if (f->reach_known) return WANE_OK;
    wane_status st = wane_results_stage_state(f->work->db, &state, stage, err);
    f->sealed = state.status == WANE_STAGE_DONE && f->position > 0;
    for (size_t i = 0; i < 2 && st == WANE_OK && f->sealed; i++)
        st = wane_stage_reachable(&f->reach[i], f->work, f->run, f->position - i, err);
    f->reach_known = st == WANE_OK;
    return st;
}

/* Whether a spectrum of the earlier definition is there. */
static wane_status measured_earlier(bool *out, const filling *f, const wane_cell *cell,
                                    wane_error *err)
{
    wane_cell earlier = *cell;
    char settings[WANE_SHA256_HEX];
    *out = false;
    if (cell->measure != WANE_CELL_SPECTRUM) return WANE_OK;
    earlier.settings_sha256 = settings;
    wane_status st =
        spectrum_settings(settings, WANE_SPECTRUM_EARLIER, f->work->experiment, cell->subject, err);
    return st == WANE_OK ? wane_cell_exists(f->work->db, out, &earlier, err) : st;
}

/* The head that scores a cell may be gone though the weights are there. */
static wane_status find_head(wane_reach *reach, const filling *f, const wane_cell *cell,
                             size_t subject, wane_error *err)
{
    bool kept = true;
    wane_status st = WANE_OK;
    if (cell->measure != WANE_CELL_SCORE || f->work->experiment->head != WANE_HEAD_LINEAR)
        return WANE_OK;
    size_t at = wane_head_position(f->work, f->run, f->position, subject);
    if (at) st = wane_head_kept(&kept, f->work, &f->work->plan->stages[f->run->stages[at]], err);
    if (!kept) *reach = WANE_REACH_GONE;
    return st;
}

typedef enum standing { THERE, MISSING, EARLIER, GONE, BESIDE } standing;

/* What comes with every stage unasked. */
static bool is_beside(const wane_cell *cell, const wane_experiment *x)
{
    if (cell->measure == WANE_CELL_NULL) return x->intruders_nulls == WANE_NULLS_AUTO;
    return cell->measure == WANE_CELL_ONSET || cell->measure == WANE_CELL_NORM;
}

/* How it stands with a cell. What was sealed stays so where its weights cannot be read back: there
 * a spectrum of the earlier definition is kept, and a cell that was never measured cannot be. */
static wane_status look_at_cell(standing *out, filling *f, const wane_cell *cell, size_t subject,
                                wane_error *err)
{
    bool exists = false, earlier = false;
    *out = MISSING;
    if (!f->work->db || !cell->stage) return WANE_OK;
    wane_status st = wane_cell_exists(f->work->db, &exists, cell, err);
    if (st == WANE_OK && exists) *out = THERE;
    if (st != WANE_OK || exists || (st = find_reach(f, err)) != WANE_OK || !f->sealed) return st;
    bool previous = cell->measure == WANE_CELL_SPECTRUM && strcmp(cell->subject, "previous") == 0;
    wane_reach reach = f->reach[0];
    if (previous && f->reach[1] > reach) reach = f->reach[1];
    if (reach == WANE_REACH_HERE) st = find_head(&reach, f, cell, subject, err);
    if (st != WANE_OK || reach == WANE_REACH_HERE) return st;
    if (is_beside(cell, f->work->experiment)) {
        *out = BESIDE;
        return WANE_OK;
    }
    st = measured_earlier(&earlier, f, cell, err);
    /* Of other kernels they are there, and the run says what --mixed would do. */
    *out = earlier ? EARLIER : reach == WANE_REACH_GONE ? GONE : MISSING;
    return st;
}

static wane_status count_cell(void *context, const wane_cell *cell, size_t subject, wane_error *err)
{
    filling *f = context;
    standing at;
    wane_status st = look_at_cell(&at, f, cell, subject, err);
    f->count->cells++;
    f->count->missing += at == MISSING;
    f->count->earlier += at == EARLIER;
    f->count->gone += at == GONE;
    f->count->beside += at == BESIDE;
    return st;
}

wane_status wane_cells_missing(wane_cells_count *out, wane_work *work, const wane_plan_run *run,
                               size_t position, wane_error *err)
{
    *out = (wane_cells_count){0};
    filling f = {.work = work, .run = run, .position = position, .count = out};
    return wane_cells_visit(work->plan, run, position, count_cell, &f, err);
}

static wane_status fill_one(filling *f, const wane_cell *cell, size_t subject, wane_error *err)
{
    wane_work *work = f->work;
    switch (cell->measure) {
    case WANE_CELL_LIKELIHOOD:
        return wane_cell_fill_corpus(work, cell, subject, f->run, f->position, f->chain, err);
    case WANE_CELL_SCORE:
        return wane_cell_fill_task(work, cell, subject, f->run, f->position, f->chain, err);
    case WANE_CELL_INTERVENTION:
        return wane_cell_fill_intervention(work, cell, subject, f->run, f->position, f->chain, err);
    case WANE_CELL_CHANGE:
        return wane_cell_fill_change(work, cell, subject, f->run, f->position, f->chain, err);
    case WANE_CELL_OVERLAP:
        return wane_cell_fill_overlap(work, cell, subject, f->run, f->position, f->chain, err);
    case WANE_CELL_NULL:
        return wane_cell_fill_null(work, cell, subject, f->run, f->position, f->chain, err);
    case WANE_CELL_ONSET: return wane_cell_fill_onset(work, cell, f->position, f->chain, err);
    case WANE_CELL_NORM: return wane_cell_fill_norm(work, cell, f->chain, err);
    default: break;
    }
    if (strcmp(cell->subject, "previous") == 0)
        return wane_cell_fill_previous(work, cell, f->run, f->position, f->chain, err);
    return wane_cell_fill_spectra(work, cell, f->run, f->position, f->chain, err);
}

static wane_status fill_cell(void *context, const wane_cell *cell, size_t subject, wane_error *err)
{
    filling *f = context;
    wane_work *work = f->work;
    standing at;
    wane_status st = look_at_cell(&at, f, cell, subject, err);
    if (st != WANE_OK || at != MISSING) return st;
    if ((st = wane_work_continue(work, err)) != WANE_OK) return st;
    work->cell_wall = wane_clock_wall();
    work->cell_cpu = wane_clock_cpu();
    work->apart_wall = work->apart_cpu = 0;
    st = fill_one(f, cell, subject, err);
    if (st == WANE_OK) work->outcome->cells_filled++;
    return st;
}

wane_status wane_cells_fill(wane_work *work, const wane_plan_run *run, size_t position,
                            const wane_chain *chain, wane_error *err)
{
    filling f = {.work = work, .run = run, .position = position, .chain = chain};
    /* A cell compares its stage with the base, so the kernels of both have a part in it. */
    const size_t parts[2] = {0, run->stages[position]};
    work->mixed = false;
    for (int i = 0; i < 2 && !work->mixed; i++) {
        int64_t stage = work->plan->stages[parts[i]].id;
        wane_status st = wane_environment_mixed(&work->mixed, work, stage, err);
        if (st != WANE_OK) return st;
    }
    if (!work->base_windows) {
        work->base_windows = wane_alloc(work->experiment->corpus_count, sizeof *work->base_windows);
        if (!work->base_windows) return wane_fail_memory(err, "measure", run->name);
    }
    return wane_cells_visit(work->plan, run, position, fill_cell, &f, err);
}
