/* SPDX-License-Identifier: Apache-2.0
 * Goes over the stages of all runs, each once, and counts what the database lacks; the enclosed
 * folder of artifacts is entered and left here.
 */
#include "eval/run/needs.h"

#include "store/base/memory.h"
#include "store/base/text.h"
#include "store/files/enclosed.h"

wane_status wane_artifacts_enter(char **out, const char *database, wane_error *err)
{
    wane_text path = {0};
    wane_text_printf(&path, "%s.artifacts", database);
    wane_status st = wane_text_check(&path, "run", database, err);
    if (st == WANE_OK) st = wane_enclose(path.data, err);
    if (st == WANE_OK) *out = path.data;
    else wane_text_free(&path);
    return st;
}

void wane_artifacts_leave(char *artifacts)
{
    wane_enclose_end(artifacts);
    wane_free(artifacts);
}

/* Over the stages, each once, with a work that can look at them. */
static wane_status count_needs(wane_run_need *need, wane_work *work, bool *seen, wane_error *err)
{
    const wane_plan *plan = work->plan;
    wane_status st = WANE_OK;
    for (size_t r = 0; r < plan->run_count; r++)
        for (size_t p = 0; p <= plan->runs[r].length; p++) {
            const wane_plan_stage *stage = &plan->stages[plan->runs[r].stages[p]];
            wane_cells_count count = {0};
            wane_stage_state state = {0};
            if (seen[plan->runs[r].stages[p]]) continue;
            seen[plan->runs[r].stages[p]] = true;
            WANE_TRY(wane_cells_missing(&count, work, &plan->runs[r], p, err));
            if (work->db && stage->id)
                WANE_TRY(wane_results_stage_state(work->db, &state, stage->id, err));
            bool ended = state.status == WANE_STAGE_DIVERGED || state.status == WANE_STAGE_SKIPPED;
            bool done = state.status == WANE_STAGE_DONE || ended;
            need->cells += count.cells;
            need->cells_earlier += count.earlier;
            need->cells_gone += count.gone;
            need->cells_beside += count.beside;
            if (!ended) need->cells_missing += count.missing;
            if (!done) need->stages_missing += p > 0;
            if (!done) need->steps_missing += stage->steps;
        }
done:
    return st;
}

wane_status wane_run_needs(wane_run_need *out, wane_plan *plan, wane_results *db, bool mixed,
                           wane_error *err)
{
    wane_run_need need = {.runs = plan->run_count, .stages = plan->stage_count};
    const wane_run_options options = {.mixed = mixed};
    wane_work work = {.plan = plan,
                      .inputs = plan->inputs,
                      .experiment = plan->inputs->experiment,
                      .options = &options,
                      .db = db};
    wane_status st = WANE_OK;
    bool *seen = wane_alloc(plan->stage_count, sizeof *seen);
    if (!seen) return wane_fail_memory(err, "plan", plan->inputs->experiment->name);
    if (db) WANE_TRY(wane_artifacts_enter(&work.artifacts, wane_results_path(db), err));
    if (db) WANE_TRY(wane_artifacts_check(db, err));
    WANE_TRY(count_needs(&need, &work, seen, err));
    *out = need;
done:
    wane_artifacts_leave(work.artifacts);
    wane_free(seen);
    return st;
}
