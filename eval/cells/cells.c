/* SPDX-License-Identifier: Apache-2.0
 * The cells of a stage: which there are, which are missing, and their filling one by one.
 */
#include "eval/cells/cells.h"

#include <string.h>

#include "eval/cells/cell.h"
#include "store/base/clock.h"
#include "store/base/text.h"

#define ADDRESS(name) &wane_##name##_measure,
const wane_measure *const wane_measures[WANE_MEASURES] = {WANE_MEASURE_LIST(ADDRESS)};

const wane_measure *wane_measure_of(const char *name, const char *subject)
{
    for (size_t m = 0; m < WANE_MEASURES; m++) {
        const wane_measure *entry = wane_measures[m];
        if (strcmp(entry->name, name) != 0) continue;
        if (!entry->subject || strcmp(entry->subject, subject) == 0) return entry;
    }
    return NULL;
}

static bool is_asked(const wane_experiment *x, const char *name)
{
    for (size_t i = 0; i < x->asked_count; i++)
        if (strcmp(x->asked[i].name, name) == 0) return true;
    return false;
}

wane_status wane_measures_check(const wane_experiment *x, wane_error *err)
{
    const char *names[WANE_MEASURES];
    size_t count = 0;
    for (size_t m = 0; m < WANE_MEASURES; m++)
        if (wane_measures[m]->asked) names[count++] = wane_measures[m]->name;
    for (size_t i = 0; i < x->asked_count; i++) {
        const wane_asked_measure *a = &x->asked[i];
        size_t n = 0;
        while (n < count && strcmp(names[n], a->name) != 0) n++;
        if (n < count) continue;
        const char *near = wane_nearest(a->name, names, count);
        return wane_fail_at(err, WANE_EINVAL, a->line, a->column,
                            "%s: measures: '%.60s' is no measure to be asked for%s%s%s", x->file,
                            a->name, near ? "; did you mean " : "", near ? near : "",
                            near ? "?" : "");
    }
    return WANE_OK;
}

/* ------------------------------------------------------------------------------ which there are */

wane_status wane_measure_visit(const wane_measure *measure, const wane_plan *plan,
                               const wane_plan_run *run, size_t position, wane_visit_cell *visit,
                               void *context, wane_error *err)
{
    const wane_visiting at = {plan, run, position, measure, visit, context};
    if (position == 0 && !measure->of_base) return WANE_OK;
    if (measure->asked && !is_asked(plan->inputs->experiment, measure->name)) return WANE_OK;
    if (run->config->bound == WANE_BOUND_PERTURBED && !measure->of_perturbed) return WANE_OK;
    return measure->visit(&at, err);
}

/* ------------------------------------------------------------------------------- how they stand */

typedef struct filling {
    wane_measuring at;
    const wane_measure *measure; /* of the cell in hand */
    wane_cells_count *count;     /* of those that are there and missing, or NULL */
    wane_reach reach[2];         /* of the weights at the position, and of those before it */
    bool reach_known, sealed;
} filling;

static wane_status each_cell(filling *f, wane_visit_cell *visit, wane_error *err)
{
    wane_status st = WANE_OK;
    for (size_t m = 0; m < WANE_MEASURES && st == WANE_OK; m++) {
        f->measure = wane_measures[m];
        st = wane_measure_visit(f->measure, f->at.work->plan, f->at.run, f->at.position, visit, f,
                                err);
    }
    return st;
}

/* What is on disk of the stage, found out once, when a cell is not there. */
static wane_status find_reach(filling *f, wane_error *err)
{
    wane_stage_state state = {0};
    wane_work *work = f->at.work;
    int64_t stage = work->plan->stages[f->at.run->stages[f->at.position]].id;
    if (f->reach_known) return WANE_OK;
    wane_status st = wane_results_stage_state(work->db, &state, stage, err);
    f->sealed = state.status == WANE_STAGE_DONE && f->at.position > 0;
    for (size_t i = 0; i < 2 && st == WANE_OK && f->sealed; i++)
        st = wane_stage_reachable(&f->reach[i], work, f->at.run, f->at.position - i, err);
    f->reach_known = st == WANE_OK;
    return st;
}

/* Whether a cell of the earlier definition is there. */
static wane_status measured_earlier(bool *out, const filling *f, const wane_cell *cell,
                                    wane_error *err)
{
    wane_cell earlier = *cell;
    char settings[WANE_SHA256_HEX];
    *out = false;
    if (!f->measure->earlier) return WANE_OK;
    earlier.settings_sha256 = settings;
    wane_status st = f->measure->earlier(settings, f->at.work->experiment, err);
    return st == WANE_OK ? wane_cell_exists(f->at.work->db, out, &earlier, err) : st;
}

typedef enum standing { THERE, MISSING, EARLIER, GONE, BESIDE } standing;

/* How it stands with a cell. What was sealed stays so where its weights cannot be read back: there
 * one of the earlier definition is kept, and a cell that was never measured cannot be. */
static wane_status look_at_cell(standing *out, filling *f, const wane_cell *cell, size_t number,
                                wane_error *err)
{
    const wane_measure *m = f->measure;
    wane_work *work = f->at.work;
    bool exists = false, earlier = false;
    *out = MISSING;
    if (!work->db || !cell->stage) return WANE_OK;
    wane_status st = wane_cell_exists(work->db, &exists, cell, err);
    if (st == WANE_OK && !exists && cell->settings_as_good) {
        wane_cell as_good = *cell;
        as_good.settings_sha256 = cell->settings_as_good;
        st = wane_cell_exists(work->db, &exists, &as_good, err);
    }
    if (st == WANE_OK && exists) *out = THERE;
    if (st != WANE_OK || exists || (st = find_reach(f, err)) != WANE_OK || !f->sealed) return st;
    wane_reach reach = f->reach[0];
    if (m->before == WANE_BEFORE_NEEDED && f->reach[1] > reach) reach = f->reach[1];
    if (reach == WANE_REACH_HERE && m->reach) st = m->reach(&reach, &f->at, number, err);
    if (st != WANE_OK || reach == WANE_REACH_HERE) return st;
    if (m->unasked && m->unasked(work->experiment)) {
        *out = BESIDE;
        return WANE_OK;
    }
    st = measured_earlier(&earlier, f, cell, err);
    /* Of other kernels they are there, and the run says what --mixed would do. */
    *out = earlier ? EARLIER : reach == WANE_REACH_GONE ? GONE : MISSING;
    return st;
}

static wane_status count_cell(void *context, const wane_cell *cell, size_t number, wane_error *err)
{
    filling *f = context;
    standing at;
    wane_status st = look_at_cell(&at, f, cell, number, err);
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
    filling f = {.at = {.work = work, .run = run, .position = position}, .count = out};
    return each_cell(&f, count_cell, err);
}

/* -------------------------------------------------------------------------------------- filling */

/* For a fill that has measured spectra anew. */
static wane_status forget(wane_work *work, int64_t stage, const struct wane_spectra_rows *spectra,
                          wane_error *err)
{
    wane_status st = WANE_OK;
    for (size_t m = 0; m < WANE_MEASURES && st == WANE_OK; m++)
        if (wane_measures[m]->forget) st = wane_measures[m]->forget(work, stage, spectra, err);
    return st;
}

static wane_status fill_cell(void *context, const wane_cell *cell, size_t number, wane_error *err)
{
    filling *f = context;
    wane_work *work = f->at.work;
    standing at;
    wane_status st = look_at_cell(&at, f, cell, number, err);
    if (st != WANE_OK || at != MISSING) return st;
    if ((st = wane_work_continue(work, err)) != WANE_OK) return st;
    work->cell_wall = wane_clock_wall();
    work->cell_cpu = wane_clock_cpu();
    work->apart_wall = work->apart_cpu = 0;
    st = f->measure->fill(&f->at, cell, number, err);
    if (st == WANE_OK) work->outcome->cells_filled++;
    return st;
}

wane_status wane_cells_fill(wane_work *work, const wane_plan_run *run, size_t position,
                            const wane_chain *chain, wane_error *err)
{
    filling f = {.at = {work, run, position, chain, forget}};
    /* A cell compares its stage with the base, so the kernels of both have a part in it. */
    const size_t parts[2] = {0, run->stages[position]};
    work->mixed = false;
    for (int i = 0; i < 2 && !work->mixed; i++) {
        int64_t stage = work->plan->stages[parts[i]].id;
        wane_status st = wane_environment_mixed(&work->mixed, work, stage, err);
        if (st != WANE_OK) return st;
    }
    return each_cell(&f, fill_cell, err);
}

void wane_cells_free(wane_work *work)
{
    for (size_t m = 0; m < WANE_MEASURES; m++)
        if (wane_measures[m]->free) wane_measures[m]->free(work);
}
