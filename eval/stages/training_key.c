/* SPDX-License-Identifier: Apache-2.0
 * What a training is keyed by: its rows, its settings, its seed.
 */
#include "eval/stages/mixture.h"
#include "eval/stages/stage_kind.h"

void wane_config_hash(wane_sha256 *hash, const wane_inputs *inputs, const wane_run_config *c)
{
    const wane_method_settings *m = &c->settings;
    const wane_model *base = inputs->base;
    size_t tokens = wane_micro_tokens(&c->training, &base->parameters, &base->config);
    const wane_settings_of training[] = {{&wane_training_settings, &c->training},
                                         {&wane_rate_settings, &c->training}};
    wane_sha256_number(hash, "kind", m->method->number);
    wane_settings_hash(hash, &(wane_settings_of){m->method->settings, m}, 1);
    if (m->method->adapter) wane_sha256_text(hash, wane_policy_names[inputs->experiment->policy]);
    /* What is trained under reprobe is what is trained under linear. */
    if (m->linear_head) wane_sha256_text(hash, "linear head");
    wane_sha256_number(hash, "modules", (double)m->module_count);
    for (size_t i = 0; i < m->module_count; i++) wane_sha256_text(hash, m->modules[i]);
    wane_settings_hash(hash, training, 2);
    if (tokens != c->training.micro_tokens)
        wane_sha256_number(hash, "micro_tokens of the model", (double)tokens);
    const wane_backend *backend = wane_backend_or_first(c->training.backend);
    if (backend->in_key) wane_sha256_text(hash, backend->name);
}

void wane_stage_rows_hash(wane_sha256 *hash, const wane_plan_stage *stage, const wane_plan *plan)
{
    for (size_t t = 0; t < stage->task_count; t++)
        wane_sha256_text(hash, wane_plan_rows(plan, stage, stage->tasks[t]));
}

void wane_training_hash(wane_sha256 *hash, const wane_plan_stage *stage, const wane_plan *plan)
{
    wane_config_hash(hash, plan->inputs, stage->config);
    wane_sha256_number(hash, "seed", (double)stage->seed);
    const wane_strategy *strategy = wane_stage_strategy(stage);
    wane_strategy_hash(hash, strategy, stage->config->strategy_settings);
    if (stage->perturbation) wane_sha256_number(hash, "perturbed", (double)stage->perturbation);
}
