/* SPDX-License-Identifier: Apache-2.0
 * The weights of sealed stages: read back from their updates, and let go of when not kept.
 */
#include <string.h>

#include "analysis/spectra/spectrum.h"
#include "eval/stages/stage_kind.h"
#include "eval/stages/stages.h"
#include "store/base/memory.h"
#include "store/files/artifacts.h"
#include "store/files/file.h"
#include "store/results/query.h"

void wane_chain_to_base(wane_chain *chain, const wane_inputs *inputs)
{
    if (inputs->base->config.tied) wane_model_tie(chain->model);
    memcpy(chain->model->weights, inputs->base->weights,
           inputs->base->parameters.floats * sizeof(float));
    chain->model->config = inputs->base->config;
}

/* WANE_ENOTFOUND when the weights of the sealed stage were let go. */
static wane_status check_kept(wane_work *work, const wane_plan_run *run, size_t position,
                              wane_error *err)
{
    const wane_plan_stage *stage = &work->plan->stages[run->stages[position]];
    wane_status st = wane_results_find_artifact(
        work->db, NULL, NULL, stage->id, wane_method_artifact(stage->config->settings.method), err);
    if (st != WANE_ENOTFOUND) return st;
    return wane_fail(err, st,
                     "%s: the weights of stage %zu were not kept: new cells of it need 'keep: all' "
                     "from the start (another database)",
                     run->name, position);
}

static wane_status there(bool *out, wane_work *work, const wane_plan_stage *stage, const char *kind,
                         wane_error *err)
{
    char *path = NULL;
    wane_status st = wane_artifact_find(&path, NULL, work, stage, kind, err);
    *out = false;
    if (st == WANE_ENOTFOUND) return WANE_OK;
    if (st == WANE_OK) *out = wane_file_exists(path) || wane_folder_exists(path);
    wane_free(path);
    return st;
}

wane_status wane_head_kept(bool *out, wane_work *work, const wane_plan_stage *stage,
                           wane_error *err)
{
    *out = true;
    return stage->kind->trained ? there(out, work, stage, "head", err) : WANE_OK;
}

wane_status wane_stage_reachable(wane_reach *out, wane_work *work, const wane_plan_run *run,
                                 size_t position, wane_error *err)
{
    const wane_plan_stage *last = &work->plan->stages[run->stages[position]];
    *out = WANE_REACH_HERE;
    if (position == 0) return WANE_OK;
    /* A stage that tuned whole tensors holds all its run has tuned. */
    bool alone = wane_plan_from_base(run) ||
                 (last->kind->trained && !last->config->settings.method->adapter);
    for (size_t p = alone ? position : 1; *out != WANE_REACH_GONE && p <= position; p++) {
        const wane_plan_stage *stage = &work->plan->stages[run->stages[p]];
        bool kept = true;
        wane_status st = WANE_OK;
        if (stage->kind->trained)
            st = there(&kept, work, stage, wane_method_artifact(stage->config->settings.method),
                       err);
        if (st == WANE_OK && kept) st = wane_environment_check(work, stage->id, err);
        if (!kept) *out = WANE_REACH_GONE;
        else if (st == WANE_EVERSION) {
            *out = WANE_REACH_OTHER_KERNELS;
            st = WANE_OK;
        }
        if (st != WANE_OK) return st;
    }
    return WANE_OK;
}

wane_status wane_stage_load(wane_work *work, const wane_plan_run *run, size_t position,
                            wane_chain *chain, wane_error *err)
{
    const wane_plan_stage *stage = &work->plan->stages[run->stages[position]];
    return stage->kind->load(work, run, position, chain, err);
}

wane_status wane_stage_load_trained(wane_work *work, const wane_plan_run *run, size_t position,
                                    wane_chain *chain, wane_error *err)
{
    const wane_plan_stage *stage = &work->plan->stages[run->stages[position]];
    wane_status st = WANE_OK;
    wane_update update = {0};
    const wane_method *method = stage->config->settings.method;
    WANE_TRY(check_kept(work, run, position, err));
    WANE_TRY(wane_artifact_update(&update, work, stage, wane_method_artifact(method), err));
    wane_policy policy = work->experiment->policy;
    if (wane_plan_from_base(run) || (method->adapter && policy != WANE_POLICY_MERGE))
        wane_chain_to_base(chain, work->inputs);
    bool stack = method->adapter && policy == WANE_POLICY_STACK && stage->position > 1;
    if (!stack) WANE_TRY(wane_model_apply(chain->model, &update, work->pool, err));
    if (method->adapter) {
        wane_update_free(&chain->updates[position - 1]);
        chain->updates[position - 1] = update;
        update = (wane_update){0};
    }
    if (stack) {
        WANE_TRY(wane_update_stack(&update, chain->updates, position, err));
        WANE_TRY(wane_model_apply(chain->model, &update, work->pool, err));
    }
    chain->position = position;
done:
    wane_update_free(&update);
    return st;
}

/* A stage that tuned whole tensors holds all its run has tuned: those before need not be read. */
static size_t first_to_read(const wane_work *work, const wane_plan_run *run, size_t position)
{
    const wane_plan_stage *stage = &work->plan->stages[run->stages[position]];
    return !stage->kind->trained || stage->config->settings.method->adapter ? 1 : position;
}

wane_status wane_stage_model(wane_model **out, wane_work *work, const wane_plan_run *run,
                             size_t position, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_chain chain = {.length = position};
    WANE_TRY(wane_model_copy(&chain.model, work->inputs->base, err));
    chain.updates = wane_alloc(position ? position : 1, sizeof *chain.updates);
    WANE_TRY(chain.updates ? WANE_OK : wane_fail_memory(err, "read", run->name));
    for (size_t p = position ? first_to_read(work, run, position) : 1; p <= position; p++)
        WANE_TRY(wane_stage_load(work, run, p, &chain, err));
    *out = chain.model;
    chain.model = NULL;
done:
    for (size_t p = 0; chain.updates && p < position; p++) wane_update_free(&chain.updates[p]);
    wane_free(chain.updates);
    wane_model_free(chain.model);
    return st;
}

/* Whether any planned run that is not finished passes through the stage; one that failed is tried
 * again by the same command. */
static wane_status still_needed(bool *out, wane_work *work, size_t stage, const wane_plan_run *but,
                                wane_error *err)
{
    *out = false;
    for (size_t r = 0; r < work->plan->run_count; r++) {
        const wane_plan_run *run = &work->plan->runs[r];
        wane_run_state state = {0};
        bool passes = false;
        for (size_t p = 1; p <= run->length; p++) passes |= run->stages[p] == stage;
        if (!passes || run == but) continue;
        wane_status st = wane_results_run_state(work->db, &state, run->id, err);
        if (st != WANE_OK) return st;
        *out = *out || state.status == WANE_RUN_PLANNED || state.status == WANE_RUN_RUNNING ||
               state.status == WANE_RUN_FAILED;
    }
    return WANE_OK;
}

static wane_status let_go(wane_work *work, const wane_plan_stage *stage, const char *kind,
                          wane_error *err)
{
    char *path = NULL;
    wane_status st = wane_artifact_find(&path, NULL, work, stage, kind, err);
    if (st == WANE_ENOTFOUND) return WANE_OK;
    if (st == WANE_OK) st = wane_results_drop_artifact(work->db, stage->id, kind, err);
    if (st == WANE_OK) st = wane_artifact_remove(path, err);
    wane_free(path);
    return st;
}

/* Unlinks the singular vectors kept of the stage at `position`. */
static wane_status let_go_svd(wane_work *work, const wane_plan_run *run, size_t position,
                              wane_error *err)
{
    char *folder =
        wane_work_path(work, "svd_previous", work->plan->stages[run->stages[position]].key);
    if (!folder) return wane_fail_memory(err, "keep", run->name);
    wane_status st = wane_folder_remove(folder, wane_base_svd_named, err);
    wane_free(folder);
    return st;
}

wane_status wane_stage_let_go(wane_work *work, const wane_plan_run *run, wane_error *err)
{
    wane_keep keep = work->experiment->keep;
    if (keep == WANE_KEEP_ALL || !run->kind->trained) return WANE_OK;
    const wane_method *method = run->config->settings.method;
    for (size_t p = 1; p <= run->length; p++) {
        bool last = wane_plan_ends(work->plan, run->stages[p]), needed = false;
        if (work->experiment->against_previous) {
            wane_status gone = still_needed(&needed, work, run->stages[p], run, err);
            if (gone == WANE_OK && !needed) gone = let_go_svd(work, run, p, err);
            if (gone != WANE_OK) return gone;
        }
        if (keep == WANE_KEEP_ADAPTERS && (method->adapter || last)) continue;
        if (keep == WANE_KEEP_LAST && last) continue;
        wane_status st = still_needed(&needed, work, run->stages[p], run, err);
        const wane_plan_stage *stage = &work->plan->stages[run->stages[p]];
        /* Heads are small and stay, but where nothing does. */
        if (st == WANE_OK && !needed) st = let_go(work, stage, wane_method_artifact(method), err);
        if (st == WANE_OK && !needed && method->adapter) st = let_go(work, stage, "stack", err);
        if (st == WANE_OK && !needed) st = let_go(work, stage, "strategy", err);
        if (st == WANE_OK && !needed && keep == WANE_KEEP_NONE)
            st = let_go(work, stage, "head", err);
        if (st != WANE_OK) return st;
    }
    return WANE_OK;
}
