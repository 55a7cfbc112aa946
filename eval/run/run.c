/* SPDX-License-Identifier: Apache-2.0
 * The orchestrator: walks every run's path, trains what is not sealed, fills what is missing.
 */
#include "eval/run/run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "analysis/spectra/spectrum.h"
#include "eval/run/interventions.h"
#include "eval/run/jobs.h"
#include "eval/run/track.h"
#include "eval/run/warnings.h"
#include "eval/run/work.h"
#include "store/base/clock.h"
#include "store/base/memory.h"
#include "store/files/enclosed.h"
#include "store/files/file.h"

wane_status wane_work_continue(const wane_work *work, wane_error *err)
{
    const wane_run_options *o = work->options;
    if (o->stop && *o->stop)
        return wane_fail(err, WANE_ECANCELLED,
                         "run: %s: stopped on request; run the same line "
                         "again to go on",
                         work->experiment->name);
    if (work->deadline > 0 && wane_clock_wall() >= work->deadline)
        return wane_fail(err, WANE_ECANCELLED,
                         "run: %s: the time of 'stop: wall' is over; run the same line again to go "
                         "on",
                         work->experiment->name);
    return WANE_OK;
}

char *wane_work_path(const wane_work *work, const char *kind, const char *name)
{
    char *folder = wane_path_join(work->artifacts, kind);
    char *path = folder ? wane_path_join(folder, name) : NULL;
    wane_free(folder);
    return path;
}

/* The lock of that name beside the database. Who waits for it can be stopped meanwhile, so it asks
 * again and again instead of sleeping in the kernel. */
static wane_status take_lock(wane_lock **out, wane_work *work, const char *name, bool wait,
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

static void tell(const wane_work *work, size_t run, size_t position, const char *phase,
                 size_t cells)
{
    tell_outcome(work, run, position, phase, cells, NULL);
}

/* ------------------------------------------------------------------------------- what is there */

/* The folder of artifacts, enclosed until artifacts_leave: it may be anybody's. */
static wane_status artifacts_of(char **out, const char *database, wane_error *err)
{
    wane_text path = {0};
    wane_text_printf(&path, "%s.artifacts", database);
    wane_status st = wane_text_check(&path, "run", database, err);
    if (st == WANE_OK) st = wane_enclose(path.data, err);
    if (st == WANE_OK) *out = path.data;
    else wane_text_free(&path);
    return st;
}

static void artifacts_leave(char *artifacts)
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
    if (db) WANE_TRY(artifacts_of(&work.artifacts, wane_results_path(db), err));
    if (db) WANE_TRY(wane_artifacts_check(db, err));
    WANE_TRY(count_needs(&need, &work, seen, err));
    *out = need;
done:
    artifacts_leave(work.artifacts);
    wane_free(seen);
    return st;
}

/* ------------------------------------------------------------------------------------ one run */

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
    if (!apart && (stage->given || stage->config->settings.kind == WANE_METHOD_LORA)) return false;
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

/* In which settings the model at hand is not computed as the base is. That an adapter has parted
 * head and embedding is none of its own: it has no configuration. */
static wane_status put_differences(wane_work *work, const wane_plan_stage *stage,
                                   const wane_chain *chain, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_config_difference list[WANE_CONFIG_SETTINGS];
    const wane_config *base = &work->inputs->base->config;
    wane_config own = chain->model->config;
    own.tied = base->tied;
    size_t count = wane_config_differences(list, base, &own);
    for (size_t i = 0; i < count && st == WANE_OK; i++) {
        wane_log_line(work->options->log, WANE_LOG_INFO,
                      "%s: %s is %s, the base's %s: computed under its own", stage->given,
                      list[i].setting, list[i].value, list[i].base);
        st = wane_results_put_difference(work->db, stage->id, list[i].setting, list[i].base,
                                         list[i].value, err);
    }
    return st;
}

/* A checkpoint trained elsewhere has nothing to train: its stage is sealed as it is read. */
static wane_status seal_given(wane_work *work, const wane_plan_stage *stage, wane_error *err)
{
    wane_environment environment;
    wane_environment_read(&environment, wane_pool_threads(work->pool), work->options->jobs);
    wane_stage_seal seal = {
        .status = WANE_STAGE_DONE, .diverged_at = WANE_NULL, .environment = &environment.row};
    return wane_results_seal_stage(work->db, stage->id, &seal, err);
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
    } else if (stage->given) {
        st = wane_stage_load(work, run, position, chain, err);
        if (st == WANE_OK) st = put_differences(work, stage, chain, err);
        if (st == WANE_OK) st = seal_given(work, stage, err);
    } else {
        tell(work, r, position, "train", cells);
        st = wane_stage_train(work, run, r, position, chain, diverged, err);
    }
    if (st == WANE_OK && *diverged) tell(work, r, position, "diverged", cells);
    if (st != WANE_OK || *diverged) return st;
    tell(work, r, position, "measure", cells);
    st = wane_cells_fill(work, run, position, chain, err);
    if (st == WANE_OK && stage->given)
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
    wane_status st = take_lock(&lock, work, name, true, err);
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
    return take_lock(out, work, lock_of(name, run), wait, err);
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

/* Works on the run under its lock, or passes it by (*held) when another process is at it and it is
 * not to be waited for. A worker says meanwhile which run it has in hand, and then that it ended
 * it: its parent knows by this whose death has hit which run. */
static wane_status locked_run(wane_work *work, size_t r, bool wait, bool *held, wane_error *err)
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

/* ----------------------------------------------------------------------------------- all runs */

static wane_status base_stage(wane_work *work, wane_error *err)
{
    wane_status st = WANE_OK;
    const wane_plan_run *run = &work->plan->runs[0];
    wane_stage_state state = {0};
    wane_chain chain = {.model = work->inputs->base};
    wane_lock *lock = NULL;
    WANE_TRY(take_lock(&lock, work, "base.lock", true, err));
    WANE_TRY(wane_results_stage_state(work->db, &state, work->plan->stages[0].id, err));
    if (state.status == WANE_STAGE_DONE)
        WANE_TRY(wane_environment_check(work, work->plan->stages[0].id, err));
    wane_cells_count count = {0};
    const size_t before = work->outcome->cells_filled;
    WANE_TRY(wane_cells_missing(&count, work, run, 0, err));
    if (count.missing) tell(work, 0, 0, "measure", before);
    if (state.status != WANE_STAGE_DONE) WANE_TRY(seal_given(work, &work->plan->stages[0], err));
    WANE_TRY(wane_cells_fill(work, run, 0, &chain, err));
    if (count.missing) tell(work, 0, 0, "done", before);
done:
    wane_lock_release(lock);
    return st;
}

/* What other processes have in hand is passed by at first, then waited for, and taken over where
 * they left it; of a worker's rest its parent takes care. */
static wane_status all_runs(wane_work *work, wane_error *err)
{
    wane_status st = WANE_OK;
    const unsigned char *ended = work->options->shared.ended;
    bool *held = wane_alloc(work->plan->run_count, sizeof *held);
    if (!held) return wane_fail_memory(err, "run", work->experiment->name);
    for (int pass = 0; pass < 2 && st == WANE_OK; pass++)
        for (size_t r = 0; r < work->plan->run_count && st == WANE_OK; r++) {
            if (pass == 1 && (!held[r] || work->options->worker)) continue;
            if (ended && ended[r]) continue;
            st = locked_run(work, r, pass == 1, &held[r], err);
        }
    wane_free(held);
    return st;
}

static wane_status open_work(wane_work *work, wane_error *err)
{
    static const char *const folders[] = {"",    "locks",        "updates",
                                          "svd", "svd_previous", "checkpoints"};
    wane_status st = WANE_OK;
    WANE_TRY(artifacts_of(&work->artifacts, work->options->database, err));
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        char *path = folders[i][0] ? wane_path_join(work->artifacts, folders[i])
                                   : wane_strdup(work->artifacts);
        st = path ? wane_folder_make(path, err) : wane_fail_memory(err, "run", work->artifacts);
        wane_free(path);
        if (st != WANE_OK) goto done;
    }
    work->svd = wane_alloc(work->inputs->base->parameters.count, sizeof(wane_base_svd *));
    WANE_TRY(work->svd ? WANE_OK : wane_fail_memory(err, "run", "spectra"));
    WANE_TRY(wane_pool_new(&work->pool, work->options->threads, err));
    WANE_TRY(wane_results_open(&work->db, work->options->database, WANE_RESULTS_CREATE, err));
    WANE_TRY(wane_artifacts_check(work->db, err));
    WANE_TRY(wane_plan_store(work->plan, work->db, err));
    if (work->experiment->stop_wall_seconds > 0)
        work->deadline = wane_clock_wall() + work->experiment->stop_wall_seconds;
done:
    return st;
}

/* Why cells of the run's stage are not there, with the run and the stage, once. */
static wane_status record_gone(wane_work *work, const wane_plan_run *run, size_t position,
                               size_t cells, wane_error *err)
{
    wane_text line = {0};
    const wane_plan_stage *stage = &work->plan->stages[run->stages[position]];
    wane_text_printf(&line,
                     "%s: %zu cell%s of stage %zu cannot be filled: weights_gone: the weights or "
                     "heads they would be measured on are not on disk",
                     run->name, cells, cells == 1 ? "" : "s", position);
    wane_status st = wane_text_check(&line, "run", run->name, err);
    if (st == WANE_OK) st = wane_results_add_warning(work->db, run->id, stage->id, line.data, err);
    wane_text_free(&line);
    return st;
}

static wane_status record_all_gone(wane_work *work, wane_error *err)
{
    wane_status st = WANE_OK;
    for (size_t r = 0; r < work->plan->run_count; r++)
        for (size_t p = 1; p <= work->plan->runs[r].length; p++) {
            const wane_plan_run *run = &work->plan->runs[r];
            wane_cells_count count = {0};
            st = wane_cells_missing(&count, work, run, p, err);
            if (st == WANE_OK && count.gone) st = record_gone(work, run, p, count.gone, err);
            if (st != WANE_OK) return st;
        }
    return st;
}

/* What was measured by an earlier definition and cannot be measured again here, and what cannot be
 * measured at all. */
static wane_status tell_unreachable(wane_work *work, wane_error *err)
{
    const wane_log *log = work->options->log;
    wane_run_need need = {0};
    wane_status st = wane_run_needs(&need, work->plan, work->db, work->options->mixed, err);
    if (st == WANE_OK && need.cells_earlier)
        wane_log_line(
            log, WANE_LOG_WARNING,
            "%zu %s as an earlier wane measured %s: the weights are not on disk, or of other "
            "kernels (wane explain earlier_definition)",
            need.cells_earlier, need.cells_earlier == 1 ? "spectrum stays" : "spectra stay",
            need.cells_earlier == 1 ? "it" : "them");
    if (st == WANE_OK && need.cells_beside)
        wane_log_line(
            log, WANE_LOG_WARNING,
            "%zu cell%s of nulls, onsets and norms cannot be filled for stages that an "
            "earlier wane measured: the weights are not on disk, or of other kernels (wane "
            "explain weights_gone)",
            need.cells_beside, need.cells_beside == 1 ? "" : "s");
    if (st != WANE_OK || !need.cells_gone) return st;
    work->outcome->cells_gone = need.cells_gone;
    wane_log_line(log, WANE_LOG_WARNING,
                  "%s: %zu cell%s cannot be filled: weights_gone: the weights or heads they would "
                  "be measured on are not on disk; their runs stay as they are (wane query %s "
                  "--name events; wane explain weights_gone)",
                  work->experiment->name, need.cells_gone, need.cells_gone == 1 ? "" : "s",
                  work->options->database);
    return record_all_gone(work, err);
}

static wane_status store_warnings(const wane_work *work, wane_error *err)
{
    wane_warnings warnings = {0};
    wane_status st = wane_warnings_find(&warnings, work->plan, err);
    if (st == WANE_OK) st = wane_warnings_store(&warnings, work->db, work->experiment->name, err);
    wane_warnings_free(&warnings);
    return st;
}

static void close_work(wane_work *work)
{
    for (size_t i = 0; work->svd && i < work->inputs->base->parameters.count; i++)
        wane_base_svd_free(work->svd[i]);
    wane_free(work->svd);
    wane_base_windows_free(work);
    wane_probe_rows_free(work);
    wane_intervening_free(work);
    wane_free(work->random_scores);
    wane_results_close(work->db);
    wane_pool_free(work->pool);
    artifacts_leave(work->artifacts);
}

wane_status wane_run(wane_run_outcome *out, wane_plan *plan, const wane_run_options *options,
                     wane_error *err)
{
    wane_run_outcome own = {0};
    wane_run_report *report = options->shared.report;
    wane_work work = {.plan = plan,
                      .inputs = plan->inputs,
                      .experiment = plan->inputs->experiment,
                      .options = options,
                      .outcome = report ? &report->done : &own};
    wane_status st = open_work(&work, err);
    if (st == WANE_OK && !options->worker) st = store_warnings(&work, err);
    if (st == WANE_OK) st = base_stage(&work, err);
    if (st == WANE_OK && !options->worker) st = wane_base_tell_not_finite(&work, err);
    if (st == WANE_OK && options->jobs > 1 && !options->worker) st = wane_jobs_run(&work, err);
    else if (st == WANE_OK) st = all_runs(&work, err);
    if (st == WANE_OK && !options->worker) st = wane_metrics_finish(&work, err);
    if (st == WANE_OK && !options->worker) st = tell_unreachable(&work, err);
    if (st == WANE_OK && !options->worker) st = wane_outcome_count(&work, err);
    close_work(&work);
    *out = *work.outcome;
    if (report) report->status = st;
    if (report) report->returned = true;
    return st;
}
