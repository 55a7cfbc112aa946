/* SPDX-License-Identifier: Apache-2.0
 * Locks a run and each stage of it in turn, loads or trains the stage, fills its cells, and records
 * what went wrong with this run alone.
 */
#include "eval/run/path.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "eval/cells/track.h"
#include "eval/run/gates.h"
#include "eval/run/seal.h"
#include "eval/stages/stage_kind.h"
#include "store/base/memory.h"

/* Who waits can be stopped meanwhile, so it asks again and again instead of sleeping in the
 * kernel. */
wane_status wane_work_lock(wane_lock **out, wane_work *work, const char *name, bool wait,
                           wane_error *err)
{
    const struct timespec nap = {0, 20 * 1000 * 1000};
    char *path = wane_work_path(work, "locks", name);
    if (!path) return wane_fail_memory(err, "lock", name);
    wane_status st = wane_lock_take(out, path, false, err);
    while (wait && st == WANE_EBUSY) {
        (void)nanosleep(&nap, NULL);
        st = wane_work_continue(work, err);
        if (st == WANE_OK) st = wane_lock_take(out, path, false, err);
    }
    wane_free(path);
    return st;
}

/* `cells`: how many were filled here before the stage was begun. */
static void tell_outcome(const wane_work *work, size_t run, size_t position, const char *phase,
                         size_t cells, const char *outcome)
{
    const wane_run_progress *p = &work->options->progress;
    if (p->stage)
        p->stage(p->context, work->plan, run, position, phase, work->outcome->cells_filled - cells,
                 outcome);
}

void wane_work_tell(const wane_work *work, size_t run, size_t position, const char *phase,
                    size_t cells)
{
    tell_outcome(work, run, position, phase, cells, NULL);
}

typedef struct path_state {
    size_t last;    /* the last position where something is to be done; 0 = none after the base */
    bool sealed;    /* the run itself */
    bool untrained; /* a stage is still to be trained */
    bool diverged;
} path_state;

static bool sealed(wane_run_status status)
{
    return status == WANE_RUN_DONE || status == WANE_RUN_DIVERGED || status == WANE_RUN_GATE_FAILED;
}

static wane_status look_at(path_state *out, wane_work *work, const wane_plan_run *run,
                           wane_error *err)
{
    wane_run_state state = {0};
    *out = (path_state){0};
    wane_status st = wane_results_run_state(work->db, &state, run->id, err);
    out->sealed = sealed(state.status);
    for (size_t p = 1; p <= run->length && st == WANE_OK; p++) {
        wane_stage_state stage = {0};
        wane_cells_count count = {0};
        st = wane_results_stage_state(work->db, &stage, work->plan->stages[run->stages[p]].id, err);
        if (st != WANE_OK) break;
        if (stage.status == WANE_STAGE_DIVERGED || stage.status == WANE_STAGE_SKIPPED) {
            out->diverged = true;
            if (stage.status == WANE_STAGE_DIVERGED) continue;
            break;
        }
        if (out->diverged && !wane_plan_from_base(run)) {
            out->last = p; /* a stage behind a divergence is still to be marked */
            break;
        }
        st = wane_cells_missing(&count, work, run, p, err);
        if (stage.status != WANE_STAGE_DONE) out->untrained = true;
        if (stage.status != WANE_STAGE_DONE || count.missing) out->last = p;
    }
    return st;
}

static wane_status skip_stage(wane_work *work, const wane_plan_run *run, size_t position,
                              wane_error *err)
{
    wane_stage_seal seal = {.status = WANE_STAGE_SKIPPED, .diverged_at = WANE_NULL};
    return wane_results_seal_stage(work->db, work->plan->stages[run->stages[position]].id, &seal,
                                   err);
}

/* A sealed dense stage holds whole tensors: it need not be read when a later one is read too. */
static bool may_be_passed(wane_work *work, const wane_plan_run *run, size_t position, size_t last)
{
    const wane_plan_stage *stage = &work->plan->stages[run->stages[position]];
    wane_cells_count count = {0};
    wane_stage_state next = {0};
    wane_error ignored;
    bool apart = wane_plan_from_base(run);
    if (!apart && (!stage->kind->trained || stage->config->settings.method->adapter)) return false;
    if (!apart && position >= last) return false;
    if (wane_cells_missing(&count, work, run, position, &ignored) != 0) return false;
    if (apart) return count.missing == 0;
    if (wane_results_stage_state(work->db, &next, work->plan->stages[run->stages[position + 1]].id,
                                 &ignored) != 0)
        return false;
    return count.missing == 0 && next.status == WANE_STAGE_DONE;
}

wane_status wane_run_left(bool *out, wane_work *work, const wane_plan_run *run, wane_error *err)
{
    path_state state = {0};
    wane_status st = look_at(&state, work, run, err);
    *out = !state.sealed || state.last > 0;
    return st;
}

static wane_status stage_at(wane_work *work, size_t r, size_t position, size_t last,
                            wane_chain *chain, bool *diverged, wane_error *err)
{
    const wane_plan_run *run = &work->plan->runs[r];
    const wane_plan_stage *stage = &work->plan->stages[run->stages[position]];
    wane_stage_state state = {0};
    const size_t cells = work->outcome->cells_filled;
    wane_status st = wane_results_stage_state(work->db, &state, stage->id, err);
    if (st != WANE_OK) return st;
    if (state.status == WANE_STAGE_DIVERGED) {
        *diverged = true;
        return WANE_OK;
    }
    if (state.status == WANE_STAGE_DONE) {
        if ((st = wane_environment_check(work, stage->id, err)) != WANE_OK) return st;
        if (may_be_passed(work, run, position, last)) return WANE_OK;
        st = wane_stage_load(work, run, position, chain, err);
    } else {
        if (stage->kind->trained) wane_work_tell(work, r, position, "train", cells);
        st = stage->kind->come(work, run, r, position, chain, diverged, err);
    }
    if (st == WANE_OK && *diverged) wane_work_tell(work, r, position, "diverged", cells);
    if (st != WANE_OK || *diverged) return st;
    wane_work_tell(work, r, position, "measure", cells);
    st = wane_cells_fill(work, run, position, chain, err);
    if (st == WANE_OK && !stage->kind->trained)
        st = wane_gate_given_finite(work, run, position, chain->model, err);
    const char *outcome = NULL;
    if (st == WANE_OK) st = wane_outcome_of_stage(&outcome, work, run, position, err);
    if (st == WANE_OK) tell_outcome(work, r, position, "done", cells, outcome);
    return st;
}

/* One stage under its lock: a run that shares the stage waits for it here. */
static wane_status locked_stage(wane_work *work, size_t r, size_t position, size_t last,
                                wane_chain *chain, bool *diverged, wane_error *err)
{
    const wane_plan_run *run = &work->plan->runs[r];
    char name[WANE_SHA256_HEX + 16];
    wane_lock *lock = NULL;
    (void)snprintf(name, sizeof name, "%s.lock", work->plan->stages[run->stages[position]].key);
    wane_status st = wane_work_lock(&lock, work, name, true, err);
    if (st == WANE_OK) st = stage_at(work, r, position, last, chain, diverged, err);
    wane_lock_release(lock);
    return st;
}

static wane_status walk(wane_work *work, size_t r, const path_state *state, bool *diverged,
                        wane_error *err)
{
    const wane_plan_run *run = &work->plan->runs[r];
    wane_status st = WANE_OK;
    wane_chain chain = {.length = run->length, .from_base = wane_plan_from_base(run)};
    chain.updates = wane_alloc(run->length, sizeof *chain.updates);
    WANE_TRY(chain.updates ? WANE_OK : wane_fail_memory(err, "run", run->name));
    WANE_TRY(wane_model_copy(&chain.model, work->inputs->base, err));
    for (size_t p = 1; p <= state->last; p++) {
        WANE_TRY(wane_work_continue(work, err));
        bool now = false;
        if (*diverged && !chain.from_base) WANE_TRY(skip_stage(work, run, p, err));
        else WANE_TRY(locked_stage(work, r, p, state->last, &chain, &now, err));
        *diverged = *diverged || now;
    }
    for (size_t p = state->last + 1; *diverged && !chain.from_base && p <= run->length; p++)
        WANE_TRY(skip_stage(work, run, p, err));
done:
    for (size_t i = 0; chain.updates && i < chain.length; i++) wane_update_free(&chain.updates[i]);
    wane_free(chain.updates);
    wane_model_free(chain.model);
    return st;
}

static wane_status work_on_run(wane_work *work, size_t r, wane_error *err)
{
    const wane_plan_run *run = &work->plan->runs[r];
    path_state state;
    wane_status st = look_at(&state, work, run, err);
    if (st == WANE_OK) st = wane_track_missed(work, run, err);
    if (st != WANE_OK) return st;
    bool diverged = state.diverged;
    if (state.sealed && state.last == 0) {
        wane_run_state sealed = {0};
        st = wane_results_run_state(work->db, &sealed, run->id, err);
        if (sealed.status == WANE_RUN_GATE_FAILED) work->outcome->gates_failed++;
        else if (sealed.status == WANE_RUN_DIVERGED) work->outcome->runs_diverged++;
        else work->outcome->runs_done++;
        /* A process killed behind the seal may have left what `keep` does not keep. */
        return st == WANE_OK ? wane_stage_let_go(work, run, err) : st;
    }
    const wane_run_progress *p = &work->options->progress;
    if (p->run) p->run(p->context, work->plan, r);
    /* A run that is asked for more cells alone stays what it is, whatever comes of them. */
    if (!state.sealed || state.untrained)
        st = wane_results_set_run_status(work->db, run->id, WANE_RUN_RUNNING, NULL, err);
    bool finite = true;
    if (st == WANE_OK) st = wane_gates_of_run(&finite, work, run, err);
    if (st == WANE_OK && finite) st = walk(work, r, &state, &diverged, err);
    if (st == WANE_OK) st = wane_run_finish(work, run, diverged, err);
    return st;
}

/* What concerns one run alone is recorded with it; what would hit the next run too ends all. */
static bool concerns_all(wane_status st)
{
    return st == WANE_ECANCELLED || st == WANE_EIO || st == WANE_ENOMEM || st == WANE_EBUSY ||
           st == WANE_EVERSION;
}

static wane_status record_failure(wane_work *work, const wane_plan_run *run, const wane_error *why,
                                  wane_error *err)
{
    bool named = strncmp(why->message, run->name, strlen(run->name)) == 0;
    wane_log_line(work->options->log, WANE_LOG_ERROR, "%s%s%s", named ? "" : run->name,
                  named ? "" : ": ", why->message);
    work->outcome->runs_failed++;
    wane_run_state state = {0};
    wane_status st = wane_results_run_state(work->db, &state, run->id, err);
    /* What was sealed before stays so. */
    if (st == WANE_OK && !sealed(state.status))
        st = wane_results_set_run_status(work->db, run->id, WANE_RUN_FAILED, why->message, err);
    if (st != WANE_OK) return st;
    return wane_results_add_event(work->db, run->id, 0, "error", why->message, err);
}

enum { RUN_LOCK = WANE_SHA256_HEX + 16 };

static const char *lock_of(char name[RUN_LOCK], const wane_plan_run *run)
{
    (void)snprintf(name, RUN_LOCK, "run-%s.lock", run->key);
    return name;
}

wane_status wane_run_take(wane_lock **out, wane_work *work, const wane_plan_run *run, bool wait,
                          wane_error *err)
{
    char name[RUN_LOCK];
    return wane_work_lock(out, work, lock_of(name, run), wait, err);
}

bool wane_run_held(wane_work *work, const wane_plan_run *run)
{
    char name[RUN_LOCK], *path = wane_work_path(work, "locks", lock_of(name, run));
    wane_error ignored;
    bool held = false;
    if (path && wane_lock_held(&held, path, &ignored) != WANE_OK) held = false;
    wane_free(path);
    return held;
}

wane_status wane_run_locked(wane_work *work, size_t r, bool wait, bool *held, wane_error *err)
{
    const wane_run_shared *shared = &work->options->shared;
    const wane_plan_run *run = &work->plan->runs[r];
    wane_lock *lock = NULL;
    wane_error why = {0};
    wane_status st = wane_run_take(&lock, work, run, wait, err);
    *held = st == WANE_EBUSY && !wait;
    if (st != WANE_OK) return *held ? WANE_OK : st;
    if (shared->report) shared->report->run = r + 1;
    st = work_on_run(work, r, &why);
    if (st != WANE_OK && concerns_all(st)) *err = why;
    else if (st != WANE_OK) st = record_failure(work, run, &why, err);
    if (st == WANE_OK && shared->ended) shared->ended[r] = 1;
    if (st == WANE_OK && shared->report) shared->report->run = 0;
    wane_lock_release(lock);
    return st;
}
