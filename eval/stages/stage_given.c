/* SPDX-License-Identifier: Apache-2.0
 * A stage that is a checkpoint trained elsewhere: read, never trained.
 */
#include <string.h>

#include "eval/pair/given.h"
#include "eval/stages/stage_kind.h"
#include "eval/stages/stages.h"
#include "store/base/memory.h"

static bool asked(const wane_run_config *config)
{
    return config->given;
}

static wane_status plan_stage(wane_plan_stage *stage, const wane_plan *plan,
                              const wane_plan_run *run, size_t position, wane_error *err)
{
    stage->kind = &wane_stage_given;
    stage->tasks = &run->order->tasks[position + run->shift - 1];
    stage->task_count = 1;
    stage->source = stage->config->stages[position - 1];
    wane_status st = wane_inputs_check_given(plan->inputs, stage->source, err);
    return st == WANE_OK ? wane_given_is_adapter(&stage->lowrank, stage->source, err) : st;
}

/* A model that is computed otherwise than the base is another stage than the same files were while
 * all were computed under the base's configuration. */
static wane_status hash_configuration(wane_sha256 *hash, const wane_inputs *in, const char *path,
                                      wane_error *err)
{
    wane_package *package = NULL;
    wane_config config;
    wane_status st = wane_given_open_model(&package, path, err);
    if (st != WANE_OK || !package) return st;
    st = wane_given_config(&config, package, err);
    if (st == WANE_OK && !wane_config_computes_alike(&in->base->config, &config))
        wane_sha256_text(hash, "own configuration");
    wane_package_close(package);
    return st;
}

static wane_status key(wane_sha256 *hash, wane_plan_stage *stage, const wane_plan *plan,
                       wane_error *err)
{
    const wane_inputs *in = plan->inputs;
    wane_status st = wane_given_sha256(stage->content, stage->source, err);
    if (st == WANE_OK) st = hash_configuration(hash, in, stage->source, err);
    if (st != WANE_OK) return st;
    wane_sha256_text(hash, "given");
    wane_sha256_text(hash, stage->content);
    /* An adapter adds to the stage before, or to the base. */
    wane_sha256_text(hash, in->experiment->policy == WANE_POLICY_CONTINUE ? "continue" : "merge");
    return WANE_OK;
}

static wane_status load(wane_work *work, const wane_plan_run *run, size_t position,
                        wane_chain *chain, wane_error *err)
{
    const wane_plan_stage *stage = &work->plan->stages[run->stages[position]];
    wane_update *update = &chain->updates[stage->position - 1];
    wane_update_free(update);
    *update = (wane_update){0};
    if (work->experiment->policy == WANE_POLICY_CONTINUE) wane_chain_to_base(chain, work->inputs);
    wane_status st =
        wane_given_apply(update, chain->model, stage->source, work->pool, work->options->log, err);
    /* The stage's key is of the bytes it was planned with. */
    if (st == WANE_OK) st = wane_given_unchanged(stage->content, stage->source, update, err);
    chain->read_whole = !update->lowrank;
    if (st == WANE_OK) chain->position = position;
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
                      "%s: %s is %s, the base's %s: computed under its own", stage->source,
                      list[i].setting, list[i].value, list[i].base);
        st = wane_results_put_difference(work->db, stage->id, list[i].setting, list[i].base,
                                         list[i].value, err);
    }
    return st;
}

static wane_status come(wane_work *work, const wane_plan_run *run, size_t run_index,
                        size_t position, wane_chain *chain, bool *diverged, wane_error *err)
{
    (void)run_index;
    (void)diverged;
    const wane_plan_stage *stage = &work->plan->stages[run->stages[position]];
    wane_status st = load(work, run, position, chain, err);
    if (st == WANE_OK) st = put_differences(work, stage, chain, err);
    return st == WANE_OK ? wane_stage_seal_untrained(work, stage, err) : st;
}

/* An adapter may have brought its head. */
static wane_status head(float **out, wane_work *work, const wane_plan_run *run, size_t position,
                        size_t task, const wane_chain *chain, wane_error *err)
{
    (void)run;
    const wane_update *update = &chain->updates[position - 1];
    size_t labels = work->inputs->tasks[task].task.label_count;
    *out = NULL;
    if (!update->head || update->head_rows != labels ||
        update->head_cols != chain->model->config.width)
        return WANE_OK;
    *out = wane_alloc(labels * update->head_cols, sizeof **out);
    if (!*out) return wane_fail_memory(err, "read", "head");
    memcpy(*out, update->head, labels * update->head_cols * sizeof **out);
    return WANE_OK;
}

const wane_stage_kind wane_stage_given = {.name = "given",
                                          .once = true,
                                          .asked = asked,
                                          .plan = plan_stage,
                                          .key = key,
                                          .come = come,
                                          .load = load,
                                          .head = head};
