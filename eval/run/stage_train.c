/* SPDX-License-Identifier: Apache-2.0
 * Training one stage: batches, steps, step checkpoints, gates around the training, the seal.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/run/work.h"
#include "store/base/clock.h"
#include "store/base/memory.h"
#include "store/base/random.h"
#include "store/files/file.h"

/* The batches of one stage: rows of the prompts in a new order each epoch, label tokens behind
 * each. Every token of a label is predicted; the last one is never an input. */
typedef struct batches {
    const wane_prompts *prompts;
    size_t batch_size, per_epoch, *order, epoch;
    uint64_t seed, stage;
    int32_t *ids, *targets;
    size_t *starts, *positions;
    wane_batch batch;
} batches;

static void batches_free(batches *b)
{
    wane_free(b->order);
    wane_free(b->ids);
    wane_free(b->targets);
    wane_free(b->starts);
    wane_free(b->positions);
}

static wane_status batches_new(batches *b, const wane_prompts *prompts, size_t batch_size,
                               uint64_t seed, uint64_t stage, wane_error *err)
{
    size_t longest = 0;
    for (size_t r = 0; r < prompts->rows; r++) {
        size_t length = prompts->starts[r + 1] - prompts->starts[r];
        if (length > longest) longest = length;
    }
    size_t rows = batch_size < prompts->rows ? batch_size : prompts->rows;
    size_t tokens = rows * (longest + prompts->longest_label);
    *b = (batches){.prompts = prompts,
                   .batch_size = batch_size,
                   .epoch = SIZE_MAX,
                   .seed = seed,
                   .stage = stage};
    b->per_epoch = (prompts->rows + batch_size - 1) / batch_size;
    b->order = wane_alloc(prompts->rows, sizeof *b->order);
    b->ids = wane_alloc(tokens, sizeof *b->ids);
    b->targets = wane_alloc(rows * prompts->longest_label, sizeof *b->targets);
    b->positions = wane_alloc(rows * prompts->longest_label, sizeof *b->positions);
    b->starts = wane_alloc(rows + 1, sizeof *b->starts);
    if (b->order && b->ids && b->targets && b->positions && b->starts) return WANE_OK;
    batches_free(b);
    *b = (batches){0};
    return wane_fail_memory(err, "train", "batches");
}

static void add_row(batches *b, size_t row)
{
    const wane_prompts *p = b->prompts;
    wane_batch *out = &b->batch;
    size_t length = p->starts[row + 1] - p->starts[row];
    size_t label = (size_t)p->labels[row], first = p->label_starts[label];
    size_t count = p->label_starts[label + 1] - first;
    memcpy(b->ids + out->tokens, p->ids + p->starts[row], length * sizeof *b->ids);
    memcpy(b->ids + out->tokens + length, p->label_ids + first, (count - 1) * sizeof *b->ids);
    for (size_t i = 0; i < count; i++) {
        b->positions[out->targets] = out->tokens + length - 1 + i;
        b->targets[out->targets++] = p->label_ids[first + i];
    }
    out->tokens += length + count - 1;
    b->starts[++out->sequences] = out->tokens;
}

static const wane_batch *batch_of_step(batches *b, size_t step)
{
    size_t epoch = step / b->per_epoch, first = step % b->per_epoch * b->batch_size;
    if (epoch != b->epoch) {
        wane_random where = {b->seed, WANE_RANDOM_SHUFFLE, b->stage, epoch, 0};
        wane_random_permutation(b->order, b->prompts->rows, &where);
        b->epoch = epoch;
    }
    b->batch = (wane_batch){
        .ids = b->ids, .starts = b->starts, .position = b->positions, .target = b->targets};
    b->starts[0] = 0;
    for (size_t i = first; i < b->prompts->rows && i < first + b->batch_size; i++)
        add_row(b, b->order[i]);
    return &b->batch;
}

/* One stage in training. */
typedef struct training {
    wane_work *work;
    const wane_plan_run *run;
    const wane_plan_stage *stage;
    size_t run_index, position;
    wane_trainer *trainer;
    batches batches;
    char *checkpoint;    /* path */
    wane_step_row *rows; /* of steps not stored yet */
    size_t row_count;
    size_t tokens;
    double started, cpu, saved; /* clocks */
    size_t diverged_at;         /* SIZE_MAX: it did not */
} training;

static wane_status store_steps(training *t, wane_error *err)
{
    wane_status st = wane_results_put_steps(t->work->db, t->stage->id, t->rows, t->row_count, err);
    if (st == WANE_OK) t->row_count = 0;
    return st;
}

/* Steps first, then the file: rows of steps that the file does not know are written again. */
static wane_status save_checkpoint(training *t, wane_error *err)
{
    wane_status st = store_steps(t, err);
    if (st == WANE_OK) st = wane_trainer_save(t->trainer, t->checkpoint, t->stage->key, err);
    t->saved = wane_clock_wall();
    return st;
}

static wane_status take_step(training *t, size_t step, wane_error *err)
{
    wane_step result = {0};
    double before = wane_clock_wall();
    wane_status st = wane_trainer_step(t->trainer, batch_of_step(&t->batches, step), &result, err);
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

static wane_status train_steps(training *t, wane_error *err)
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
        if ((st = take_step(t, s, err)) != WANE_OK) return st;
        if (t->diverged_at != SIZE_MAX) break;
        if (minutes > 0 && wane_clock_wall() - t->saved >= 60 * minutes)
            if ((st = save_checkpoint(t, err)) != WANE_OK) return st;
    }
    return store_steps(t, err);
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

/* The adapter to go on with under `continue`: that of the stage before, if it has one. */
static wane_status continued_adapter(wane_adapter **out, training *t, wane_chain *chain,
                                     wane_error *err)
{
    const wane_run_config *c = t->stage->config;
    if (!t->work->experiment->continue_adapter || c->settings.kind != WANE_METHOD_LORA)
        return WANE_OK;
    wane_chain_to_base(chain, t->work->inputs);
    if (t->position == 1) return WANE_OK;
    wane_status st = wane_adapter_from_update(out, &t->work->inputs->base->parameters,
                                              &chain->updates[t->position - 2], err);
    if (st == WANE_OK) (*out)->dropout = c->settings.dropout;
    return st;
}

static wane_status begin(training *t, wane_chain *chain, const wane_prompts *prompts,
                         wane_error *err)
{
    wane_status st = WANE_OK;
    wane_adapter *continued = NULL;
    wane_probe before = {0}, with = {0};
    wane_training settings = t->stage->config->training;
    settings.total_steps = t->stage->steps;
    WANE_TRY(batches_new(&t->batches, prompts, t->stage->config->batch_size, t->run->seed,
                         t->position, err));
    WANE_TRY(continued_adapter(&continued, t, chain, err));
    bool fresh = !continued;
    WANE_TRY(wane_trainer_new(&t->trainer, chain->model, &t->stage->config->settings, &settings,
                              continued, t->run->seed, t->position, t->work->pool, err));
    continued = NULL;
    const wane_adapter *adapter = wane_trainer_adapter(t->trainer);
    if (adapter && fresh) {
        WANE_TRY(wane_probe_take(&before, t->work, chain->model, NULL, err));
        WANE_TRY(wane_probe_take(&with, t->work, chain->model, adapter, err));
        WANE_TRY(wane_gate_adapter_init(t->work, t->run, t->position, &before, &with, err));
    }
    t->rows = wane_alloc(t->stage->steps, sizeof *t->rows);
    WANE_TRY(t->rows ? WANE_OK : wane_fail_memory(err, "train", "steps"));
    resume(t);
    t->started = wane_clock_wall();
    t->cpu = wane_clock_cpu();
done:
    wane_adapter_free(continued);
    wane_free(before.logits);
    wane_free(with.logits);
    return st;
}

/* Writes the update beside the database. *row names it; its texts are owned by `path`, `sha`. */
static wane_status save_update(training *t, const wane_update *update, wane_artifact_row *row,
                               char **path, char sha[WANE_SHA256_HEX], wane_error *err)
{
    wane_status st = WANE_OK;
    char *whole = NULL, *weights = NULL, name[128];
    bool lowrank = update->lowrank;
    (void)snprintf(name, sizeof name, "%s%s", t->stage->key, lowrank ? "" : ".safetensors");
    whole = wane_work_path(t->work, "updates", name);
    weights = whole ? wane_path_join(whole, "adapter_model.safetensors") : NULL;
    *path = wane_path_join("updates", name);
    WANE_TRY(weights && *path ? WANE_OK : wane_fail_memory(err, "train", "artifact"));
    WANE_TRY(wane_update_save(update, whole, err));
    WANE_TRY(wane_file_sha256(sha, lowrank ? weights : whole, err));
    size_t bytes = 0;
    for (size_t i = 0; i < update->count; i++) {
        const wane_update_tensor *u = &update->tensors[i];
        bytes += sizeof(float) * (u->data ? u->rows * u->cols : u->term.rank * (u->rows + u->cols));
    }
    *row = (wane_artifact_row){lowrank ? "adapter" : "tensors", *path, sha, (int64_t)bytes};
done:
    wane_free(whole);
    wane_free(weights);
    return st;
}

/* Keeps a copy of the update in the chain: what the trainer lends dies with it. */
static wane_status keep_update(training *t, wane_chain *chain, const char *path, wane_error *err)
{
    char *whole = wane_path_join(t->work->artifacts, path);
    if (!whole) return wane_fail_memory(err, "train", "update");
    wane_update_free(&chain->updates[t->position - 1]);
    wane_status st = wane_update_load(&chain->updates[t->position - 1], whole, NULL, NULL, err);
    wane_free(whole);
    return st;
}

static wane_status seal(training *t, const wane_artifact_row *artifact, wane_error *err)
{
    wane_environment environment;
    wane_environment_read(&environment, wane_pool_threads(t->work->pool), t->work->options->jobs);
    environment.row.mixed = t->work->options->mixed;
    bool diverged = t->diverged_at != SIZE_MAX;
    wane_stage_seal row = {.status = diverged ? WANE_STAGE_DIVERGED : WANE_STAGE_DONE,
                           .steps = (int64_t)(diverged ? t->diverged_at : t->stage->steps),
                           .diverged_at = diverged ? (int64_t)t->diverged_at : WANE_NULL,
                           .artifacts = artifact,
                           .artifact_count = artifact ? 1 : 0,
                           .environment = &environment.row};
    wane_usage_row usage = {.phase = "train",
                            .wall_s = wane_clock_wall() - t->started,
                            .cpu_s = wane_clock_cpu() - t->cpu,
                            .peak_bytes = (int64_t)wane_memory_peak(),
                            .tokens = (int64_t)t->tokens};
    wane_status st = wane_results_begin(t->work->db, err);
    if (st == WANE_OK) st = wane_results_add_usage(t->work->db, t->stage->id, &usage, err);
    if (st == WANE_OK) st = wane_results_seal_stage(t->work->db, t->stage->id, &row, err);
    if (st == WANE_OK) st = wane_results_commit(t->work->db, err);
    if (st != WANE_OK) wane_results_rollback(t->work->db);
    else t->work->outcome->stages_trained++;
    return st;
}

/* Merges (an adapter), checks that merging changed nothing, saves, seals. */
static wane_status finish(training *t, wane_chain *chain, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_update update = {0};
    wane_probe unmerged = {0}, merged = {0};
    wane_artifact_row artifact = {0};
    char *path = NULL, sha[WANE_SHA256_HEX];
    const wane_adapter *adapter = wane_trainer_adapter(t->trainer);
    if (t->diverged_at != SIZE_MAX) {
        st = seal(t, NULL, err);
        goto done;
    }
    WANE_TRY(wane_trainer_update(&update, t->trainer, chain->model, err));
    WANE_TRY(save_update(t, &update, &artifact, &path, sha, err));
    if (adapter) {
        WANE_TRY(wane_probe_take(&unmerged, t->work, chain->model, adapter, err));
        WANE_TRY(wane_model_apply(chain->model, &update, t->work->pool, err));
        WANE_TRY(wane_probe_take(&merged, t->work, chain->model, NULL, err));
        WANE_TRY(wane_gate_merged(t->work, t->run, t->position, &unmerged, &merged, err));
    }
    if (adapter) WANE_TRY(keep_update(t, chain, path, err));
    WANE_TRY(seal(t, &artifact, err));
    chain->position = t->position;
done:
    wane_update_free(&update);
    wane_free(unmerged.logits);
    wane_free(merged.logits);
    wane_free(path);
    return st;
}

wane_status wane_stage_train(wane_work *work, const wane_plan_run *run, size_t run_index,
                             size_t position, wane_chain *chain, bool *diverged, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_prompts prompts = {0};
    training t = {.work = work,
                  .run = run,
                  .run_index = run_index,
                  .position = position,
                  .stage = &work->plan->stages[run->stages[position]],
                  .diverged_at = SIZE_MAX};
    char name[WANE_SHA256_HEX + 16];
    (void)snprintf(name, sizeof name, "%s.state", t.stage->key);
    t.checkpoint = wane_work_path(work, "checkpoints", name);
    WANE_TRY(t.checkpoint ? WANE_OK : wane_fail_memory(err, "train", run->name));
    WANE_TRY(wane_inputs_train(&prompts, work->inputs, t.stage->task,
                               t.stage->config->max_seq_length, err));
    WANE_TRY(wane_results_set_stage_status(work->db, t.stage->id, WANE_STAGE_TRAINING, err));
    WANE_TRY(begin(&t, chain, &prompts, err));
    WANE_TRY(train_steps(&t, err));
    WANE_TRY(finish(&t, chain, err));
    WANE_TRY(wane_remove(t.checkpoint, err));
    *diverged = t.diverged_at != SIZE_MAX;
done:
    wane_trainer_free(t.trainer);
    batches_free(&t.batches);
    wane_prompts_free(&prompts);
    wane_free(t.rows);
    wane_free(t.checkpoint);
    return st;
}
