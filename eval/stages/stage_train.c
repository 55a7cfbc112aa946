/* SPDX-License-Identifier: Apache-2.0
 * Training one stage: batches, steps, step checkpoints, gates around the training, the seal.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/compute/environment.h"
#include "eval/stages/batches.h"
#include "eval/stages/gate.h"
#include "eval/stages/mixture.h"
#include "eval/stages/stages.h"
#include "store/base/clock.h"
#include "store/base/memory.h"
#include "store/files/file.h"

/* One stage in training. */
typedef struct training {
    wane_work *work;
    const wane_plan_run *run;
    const wane_plan_stage *stage;
    size_t run_index, position;
    wane_trainer *trainer;
    const wane_watcher *watcher;
    wane_tensors *before;  /* what the strategy left at the stage before; NULL: nothing */
    wane_tracker *tracker; /* the watcher's; NULL: nothing is measured while training */
    wane_batches batches;
    char *checkpoint;    /* path */
    wane_step_row *rows; /* of steps not stored yet */
    size_t row_count;
    size_t tokens;      /* of work whose cost is not stored yet */
    double wall, cpu;   /* clocks, since when it is not */
    double next_store;  /* clock: rows and cost of steps are stored then, between checkpoints too */
    double saved;       /* clock */
    size_t diverged_at; /* SIZE_MAX: it did not */
    bool mixed; /* what it is trained from, or its first steps, were made by other kernels */
} training;

/* What was spent since it was last added, in the open transaction. */
static wane_status add_usage(training *t, wane_error *err)
{
    double wall = 0, cpu = 0, now = wane_clock_wall(), now_cpu = wane_clock_cpu();
    wane_status st = t->tracker ? t->watcher->usage(t->tracker, &wall, &cpu, err) : WANE_OK;
    wane_usage_row usage = wane_work_usage("train", now - t->wall - wall, now_cpu - t->cpu - cpu);
    usage.tokens = (int64_t)t->tokens;
    if (st == WANE_OK) st = wane_results_add_usage(t->work->db, t->stage->id, &usage, err);
    if (st != WANE_OK) return st;
    t->wall = now;
    t->cpu = now_cpu;
    t->tokens = 0;
    return WANE_OK;
}

/* Rows of steps together with their cost, so that what was spent adds up whenever a process dies.
 */
static wane_status store_steps(training *t, wane_error *err)
{
    enum { SECONDS = 1, SHARE = 50 }; /* of the time at most one part in SHARE goes into storing */
    double before = wane_clock_wall();
    wane_results *db = t->work->db;
    wane_status st = wane_results_begin(db, err);
    if (st != WANE_OK) return st;
    st = wane_results_put_steps(db, t->stage->id, t->rows, t->row_count, err);
    if (st == WANE_OK) st = add_usage(t, err);
    if (st == WANE_OK) st = wane_results_commit(db, err);
    if (st != WANE_OK) wane_results_rollback(db);
    else t->row_count = 0;
    double now = wane_clock_wall();
    t->next_store = now + fmax(SECONDS, SHARE * (now - before));
    return st;
}

/* Steps first, then the file: rows of steps that the file does not know are written again. */
static wane_status save_checkpoint(training *t, wane_error *err)
{
    wane_status st = store_steps(t, err);
    if (st == WANE_OK && t->tracker) st = t->watcher->save(t->tracker, err);
    if (st == WANE_OK) st = wane_trainer_save(t->trainer, t->checkpoint, t->stage->key, err);
    t->saved = wane_clock_wall();
    return st;
}

static wane_status take_step(training *t, size_t step, wane_error *err)
{
    wane_step result = {0};
    double before = wane_clock_wall();
    wane_status st =
        wane_trainer_step(t->trainer, wane_batches_step(&t->batches, step), &result, err);
    if (st != WANE_OK) return st;
    t->rows[t->row_count++] = (wane_step_row){.step = (int64_t)step,
                                              .loss = result.loss,
                                              .learning_rate = result.learning_rate,
                                              .grad_norm = result.grad_norm,
                                              .tokens = (int64_t)result.tokens,
                                              .seconds = wane_clock_wall() - before};
    t->tokens += result.tokens;
    if (!result.finite) t->diverged_at = step;
    else t->work->outcome->steps_trained++;
    const wane_run_progress *p = &t->work->options->progress;
    if (p->step)
        p->step(p->context, t->work->plan, t->run_index, t->position, step + 1, t->stage->steps,
                &result);
    return WANE_OK;
}

static wane_status look(training *t, size_t done, wane_error *err)
{
    return t->tracker ? t->watcher->look(t->tracker, done, t->stage->steps, err) : WANE_OK;
}

static wane_status take_steps(training *t, wane_error *err)
{
    double minutes = t->work->experiment->checkpoint_minutes;
    wane_status st = WANE_OK;
    t->saved = wane_clock_wall();
    for (size_t s = wane_trainer_done(t->trainer); s < t->stage->steps; s++) {
        if ((st = wane_work_continue(t->work, err)) != WANE_OK) {
            wane_error ignored;
            if (save_checkpoint(t, &ignored) != WANE_OK)
                wane_log_line(t->work->options->log, WANE_LOG_WARNING, "%s", ignored.message);
            return st;
        }
        if ((st = look(t, s, err)) != WANE_OK) return st;
        if ((st = take_step(t, s, err)) != WANE_OK) return st;
        if (t->diverged_at != SIZE_MAX) break;
        double now = wane_clock_wall();
        if (minutes > 0 && now - t->saved >= 60 * minutes) st = save_checkpoint(t, err);
        else if (now >= t->next_store) st = store_steps(t, err);
        if (st != WANE_OK) return st;
    }
    if (t->diverged_at != SIZE_MAX) return WANE_OK;
    return look(t, t->stage->steps, err);
}

static wane_status train_steps(training *t, wane_error *err)
{
    wane_error ignored;
    wane_status st = take_steps(t, err);
    if (st == WANE_OK) return store_steps(t, err);
    /* What ends the training has still cost what it has. */
    if (t->row_count > 0) (void)!store_steps(t, &ignored);
    return st;
}

/* A checkpoint of the same stage is gone on from; a damaged one is said and left behind. */
static void resume(training *t)
{
    wane_error err;
    if (!wane_file_exists(t->checkpoint)) return;
    if (wane_trainer_load(t->trainer, t->checkpoint, t->stage->key, &err) == WANE_OK)
        wane_log_line(t->work->options->log, WANE_LOG_INFO, "%s: stage %zu goes on from step %zu",
                      t->run->name, t->position, wane_trainer_done(t->trainer));
    else
        wane_log_line(t->work->options->log, WANE_LOG_WARNING,
                      "%s: stage %zu starts again from step 0: %s", t->run->name, t->position,
                      err.message);
}

/* Its row points into it: it is filled in place, never copied. */
static void read_environment(wane_environment *out, const training *t)
{
    wane_environment_read(out, wane_pool_threads(t->work->pool), t->work->options->jobs);
    out->row.mixed = t->mixed;
}

/* Whether other kernels have a part in it, which is refused unless --mixed was said; and on what it
 * is trained from here on, so that a resume elsewhere knows. */
static wane_status note_environment(training *t, wane_error *err)
{
    wane_status st = WANE_OK;
    const wane_plan_stage *stages = t->work->plan->stages, *from = t->stage;
    if (wane_trainer_done(t->trainer) == 0) from = &stages[from->parent];
    else st = wane_environment_check(t->work, from->id, err);
    for (; st == WANE_OK && !t->mixed; from = &stages[from->parent]) {
        st = wane_environment_mixed(&t->mixed, t->work, from->id, err);
        if (from == stages) break; /* the base */
    }
    if (st != WANE_OK) return st;
    t->work->mixed = t->mixed;
    wane_environment here;
    read_environment(&here, t);
    return wane_results_put_environment(t->work->db, t->stage->id, &here.row, err);
}

/* Brings the chain to the weights that are trained from, and makes what of earlier adapters is
 * trained on (*continued) or computed with (*frozen); NULL where there is nothing of the kind. */
static wane_status starting_point(wane_adapter **continued, wane_adapter **frozen, training *t,
                                  wane_chain *chain, wane_error *err)
{
    const wane_run_config *c = t->stage->config;
    const wane_parameters *table = &t->work->inputs->base->parameters;
    wane_policy policy = t->work->experiment->policy;
    wane_update all = {0};
    wane_status st = WANE_OK;
    bool adapter = c->settings.method->adapter;
    if (wane_plan_from_base(t->run) || (adapter && policy != WANE_POLICY_MERGE))
        wane_chain_to_base(chain, t->work->inputs);
    if (!adapter || policy == WANE_POLICY_MERGE || t->stage->position == 1) return WANE_OK;
    if (policy == WANE_POLICY_CONTINUE) {
        WANE_TRY(wane_adapter_from_update(continued, table, &chain->updates[t->position - 2], err));
        (*continued)->dropout = c->settings.dropout;
    } else {
        WANE_TRY(wane_update_stack(&all, chain->updates, t->position - 1, err));
        WANE_TRY(wane_adapter_from_update(frozen, table, &all, err));
        (*frozen)->dropout = 0;
    }
done:
    wane_update_free(&all);
    return st;
}

/* How many classes each task of the stage has. */
static wane_status count_classes(size_t **out, const training *t, wane_error *err)
{
    size_t *classes = wane_alloc(t->stage->task_count, sizeof *classes);
    if (!classes) return wane_fail_memory(err, "train", "head");
    for (size_t i = 0; i < t->stage->task_count; i++)
        classes[i] = t->work->inputs->tasks[t->stage->tasks[i]].task.label_count;
    *out = classes;
    return WANE_OK;
}

/* From here on the trainer's values are those the stage starts from. */
static wane_status use_strategy(training *t, wane_error *err)
{
    const wane_strategy *strategy = wane_stage_strategy(t->stage);
    const wane_plan_stage *before = &t->work->plan->stages[t->stage->parent];
    wane_status st = WANE_OK;
    if (strategy->after && before->position && wane_stage_strategy(before) == strategy)
        st = wane_artifact_tensors(&t->before, t->work, before, "strategy", err);
    if (st == WANE_ENOTFOUND)
        return wane_fail(
            err, st,
            "%s: what '%s' left at stage %zu was not kept: stage %zu needs 'keep: all' "
            "from the start (another database)",
            t->run->name, strategy->settings->name, t->position - 1, t->position);
    if (st != WANE_OK) return st;
    return wane_trainer_use(t->trainer, strategy, t->stage->config->strategy_settings,
                            t->work->inputs->base, t->before, err);
}

static wane_status begin(training *t, wane_chain *chain, const wane_prompts *prompts,
                         wane_error *err)
{
    wane_status st = WANE_OK;
    wane_adapter *continued = NULL, *frozen = NULL;
    size_t *classes = NULL;
    wane_probe before = {0}, with = {0};
    const wane_run_config *c = t->stage->config;
    wane_method_settings method = c->settings;
    wane_training settings = c->training;
    settings.total_steps = t->stage->steps;
    wane_mixture mixture = wane_stage_mixture(t->stage, t->work->plan);
    WANE_TRY(wane_batches_new(&t->batches, prompts, mixture.own, mixture.mixed, method.linear_head,
                              c->training.batch_size, t->run->seed, t->stage->position, err));
    WANE_TRY(starting_point(&continued, &frozen, t, chain, err));
    if (method.linear_head) {
        WANE_TRY(count_classes(&classes, t, err));
        method.head_groups = t->stage->task_count;
        method.head_classes = classes;
    }
    bool fresh = !continued;
    WANE_TRY(wane_trainer_new(&t->trainer, chain->model, &method, &settings, continued,
                              t->run->seed, t->stage->position, t->work->pool, err));
    continued = NULL;
    const wane_adapter *adapter = wane_trainer_adapter(t->trainer), *below = frozen;
    /* Not what an earlier stage has left: its own perturbation is in that. */
    if (t->stage->perturbation && fresh && (adapter || t->stage->position == 1))
        WANE_TRY(wane_trainer_perturb(t->trainer, WANE_PERTURBATION, t->stage->perturbation, err));
    if (frozen) WANE_TRY(wane_trainer_freeze(t->trainer, frozen, err));
    frozen = NULL;
    if (adapter && fresh) {
        WANE_TRY(wane_probe_take(&before, t->work, chain->model, below, err));
        WANE_TRY(wane_probe_take(&with, t->work, chain->model, adapter, err));
        WANE_TRY(wane_gate_adapter_init(t->work, t->run, t->position, &before, &with, err));
    }
    WANE_TRY(use_strategy(t, err));
    t->rows = wane_alloc(t->stage->steps, sizeof *t->rows);
    WANE_TRY(t->rows ? WANE_OK : wane_fail_memory(err, "train", "steps"));
    if (t->watcher)
        WANE_TRY(
            t->watcher->begin(&t->tracker, t->work, t->run, t->position, chain, t->trainer, err));
    resume(t);
    WANE_TRY(note_environment(t, err));
    if (t->tracker) WANE_TRY(t->watcher->resume(t->tracker, wane_trainer_done(t->trainer), err));
    t->wall = wane_clock_wall();
    t->cpu = wane_clock_cpu();
    t->next_store = t->wall + 1;
done:
    wane_adapter_free(continued);
    wane_adapter_free(frozen);
    wane_free(classes);
    wane_free(before.logits);
    wane_free(with.logits);
    return st;
}

/* Keeps a copy of the update in the chain: what the trainer lends dies with it. */
static wane_status keep_update(training *t, wane_chain *chain, const wane_saved *saved,
                               wane_error *err)
{
    char *whole = wane_path_join(t->work->artifacts, saved->path[0]), sha[WANE_SHA256_HEX];
    wane_update *update = &chain->updates[t->position - 1];
    if (!whole) return wane_fail_memory(err, "train", "update");
    wane_update_free(update);
    wane_status st = wane_update_load(update, whole, NULL, NULL, err);
    if (st == WANE_OK) st = wane_update_sha256(sha, update, err);
    if (st == WANE_OK && strcmp(sha, saved->sha[0]) != 0)
        st = wane_fail(err, WANE_EFORMAT, "train: %s: changed since it was written", whole);
    wane_free(whole);
    return st;
}

static wane_status seal(training *t, const wane_saved *saved, wane_error *err)
{
    wane_environment environment;
    read_environment(&environment, t);
    bool diverged = t->diverged_at != SIZE_MAX;
    wane_stage_seal row = {.status = diverged ? WANE_STAGE_DIVERGED : WANE_STAGE_DONE,
                           .steps = (int64_t)(diverged ? t->diverged_at : t->stage->steps),
                           .diverged_at = diverged ? (int64_t)t->diverged_at : WANE_NULL,
                           .artifacts = saved ? saved->row : NULL,
                           .artifact_count = saved ? saved->count : 0,
                           .environment = &environment.row};
    wane_status st = wane_results_begin(t->work->db, err);
    if (st == WANE_OK) st = add_usage(t, err);
    if (st == WANE_OK) st = wane_results_seal_stage(t->work->db, t->stage->id, &row, err);
    if (st == WANE_OK) st = wane_results_commit(t->work->db, err);
    if (st != WANE_OK) wane_results_rollback(t->work->db);
    else t->work->outcome->stages_trained++;
    return st;
}

/* The weights that the stage's update leads to: chain->model, which the training started from,
 * with the update; under `stack` with all adapters up to it in one product. */
static wane_status apply_update(training *t, wane_chain *chain, const wane_update *update,
                                wane_saved *saved, wane_error *err)
{
    wane_update all = {0};
    if (t->work->experiment->policy != WANE_POLICY_STACK || t->stage->position == 1)
        return wane_model_apply(chain->model, update, t->work->pool, err);
    wane_status st = wane_update_stack(&all, chain->updates, t->position, err);
    if (st == WANE_OK) st = wane_model_apply(chain->model, &all, t->work->pool, err);
    if (st == WANE_OK) st = wane_save_update(saved, t->work, t->stage, "stack", &all, err);
    wane_update_free(&all);
    return st;
}

/* Whether the last step has left numbers: no loss has seen its update. A stage whose weights, or
 * whose logits on the probe, are not finite has diverged at its end. */
static wane_status trained_finite(bool *out, training *t, const wane_chain *chain,
                                  const wane_adapter *adapter, wane_probe *probe, wane_error *err)
{
    const wane_class_head *head = wane_trainer_head(t->trainer);
    size_t head_numbers = head ? head->outputs * chain->model->config.width : 0;
    bool finite = !wane_model_not_finite(chain->model, NULL) &&
                  (!adapter || wane_all_finite(adapter->block, adapter->floats)) &&
                  (!head || wane_all_finite(head->weight, head_numbers));
    wane_status st = wane_probe_take(probe, t->work, chain->model, adapter, err);
    *out = finite && probe->finite;
    return st;
}

/* Saves what was learned, merges an adapter, checks that merging changed nothing, seals. */
static wane_status finish(training *t, wane_chain *chain, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_update update = {0};
    wane_probe unmerged = {0}, merged = {0};
    wane_saved saved = {0};
    const wane_tensor_source *kept = NULL;
    size_t kept_count = 0;
    const wane_adapter *adapter = wane_trainer_adapter(t->trainer);
    const wane_class_head *head = wane_trainer_head(t->trainer);
    bool finite = false;
    if (t->diverged_at == SIZE_MAX) {
        WANE_TRY(trained_finite(&finite, t, chain, adapter, &unmerged, err));
        if (!finite) t->diverged_at = t->stage->steps;
    }
    if (!finite) {
        st = seal(t, NULL, err);
        goto done;
    }
    WANE_TRY(wane_trainer_update(&update, t->trainer, chain->model, err));
    if (adapter && head && head->groups == 1) {
        update.head = head->weight;
        update.head_rows = head->outputs;
        update.head_cols = chain->model->config.width;
    }
    WANE_TRY(wane_save_update(&saved, t->work, t->stage,
                              wane_method_artifact(t->stage->config->settings.method), &update,
                              err));
    if (head) WANE_TRY(wane_save_head(&saved, t->work, t->stage, head, err));
    WANE_TRY(wane_trainer_after(&kept, &kept_count, t->trainer, err));
    if (kept_count) WANE_TRY(wane_save_strategy(&saved, t->work, t->stage, kept, kept_count, err));
    if (adapter) {
        WANE_TRY(keep_update(t, chain, &saved, err));
        WANE_TRY(apply_update(t, chain, &update, &saved, err));
        WANE_TRY(wane_probe_take(&merged, t->work, chain->model, NULL, err));
        WANE_TRY(wane_gate_merged(t->work, t->run, t->position, &unmerged, &merged, err));
    }
    WANE_TRY(seal(t, &saved, err));
    chain->position = t->position;
done:
    wane_update_free(&update);
    wane_saved_free(&saved);
    wane_free(unmerged.logits);
    wane_free(merged.logits);
    return st;
}

wane_status wane_stage_train(wane_work *work, const wane_plan_run *run, size_t run_index,
                             size_t position, wane_chain *chain, bool *diverged, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_prompts prompts = {0};
    training t = {.work = work,
                  .watcher = work->watcher,
                  .run = run,
                  .run_index = run_index,
                  .position = position,
                  .stage = &work->plan->stages[run->stages[position]],
                  .diverged_at = SIZE_MAX};
    char name[WANE_SHA256_HEX + 16];
    (void)snprintf(name, sizeof name, "%s.state", t.stage->key);
    t.checkpoint = wane_work_path(work, "checkpoints", name);
    WANE_TRY(t.checkpoint ? WANE_OK : wane_fail_memory(err, "train", run->name));
    WANE_TRY(wane_stage_rows(&prompts, t.stage, work->plan, err));
    WANE_TRY(wane_results_set_stage_status(work->db, t.stage->id, WANE_STAGE_TRAINING, err));
    WANE_TRY(begin(&t, chain, &prompts, err));
    WANE_TRY(train_steps(&t, err));
    WANE_TRY(finish(&t, chain, err));
    WANE_TRY(wane_remove(t.checkpoint, err));
    if (t.tracker) WANE_TRY(t.watcher->end(t.tracker, err));
    *diverged = t.diverged_at != SIZE_MAX;
done:
    if (t.tracker) t.watcher->free(t.tracker);
    wane_trainer_free(t.trainer);
    wane_tensors_close(t.before);
    wane_batches_free(&t.batches);
    wane_prompts_free(&prompts);
    wane_free(t.rows);
    wane_free(t.checkpoint);
    return st;
}

wane_status wane_stage_clear(wane_work *work, const wane_plan_run *run, size_t position,
                             wane_error *err)
{
    static const char *const kinds[] = {"state", "trace"};
    wane_status st = WANE_OK;
    for (int k = 0; k < 2 && st == WANE_OK; k++) {
        char name[WANE_SHA256_HEX + 16];
        (void)snprintf(name, sizeof name, "%s.%s", work->plan->stages[run->stages[position]].key,
                       kinds[k]);
        char *path = wane_work_path(work, "checkpoints", name);
        st = path ? wane_remove(path, err) : wane_fail_memory(err, "train", run->name);
        wane_free(path);
    }
    return st;
}
