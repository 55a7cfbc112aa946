/* SPDX-License-Identifier: Apache-2.0
 * The method `lora`: low-rank factors beside the linear weights of the layers, as peft's LoRA has
 * them (Hu et al. 2021; Kalajdzievski 2023 for rslora's scale).
 */
#include <math.h>
#include <string.h>

#include "eval/train/trainer.h"

static const char *bad(const wane_method_settings *s)
{
    if (!(s->dropout >= 0 && s->dropout < 1)) return "dropout";
    if (!isfinite(s->alpha)) return "alpha";
    return s->rank == 0 ? "rank" : NULL;
}

static void hash_settings(wane_sha256 *hash, const wane_method_settings *s)
{
    wane_sha256_number(hash, "rank", (double)s->rank);
    wane_sha256_number(hash, "alpha", s->alpha);
    wane_sha256_number(hash, "dropout", s->dropout);
    wane_sha256_number(hash, "rslora", s->rslora);
}

static size_t entries(const wane_method_settings *settings, const wane_parameter *parameter)
{
    return settings->rank * (parameter->rows + parameter->cols);
}

static double scale_of(const wane_method_settings *settings)
{
    return wane_lora_scale(settings->alpha, settings->rank, settings->rslora);
}

/* A continued adapter must be what the method would have made. */
static wane_status check_continued(const wane_adapter *adapter, const wane_trainer *trainer,
                                   const wane_method_settings *settings, wane_error *err)
{
    for (size_t i = 0; i < trainer->model->parameters.count; i++) {
        const char *name = trainer->model->parameters.parameter[i].name;
        long index = adapter->of_parameter[i];
        if ((index >= 0) != trainer->train[i])
            return wane_fail(err, WANE_EINVAL, "train: continue: %s: %s", name,
                             index >= 0 ? "adapted before, but not by this method"
                                        : "adapted by this method, but not before");
        if (index < 0) continue;
        const wane_factor *factor = &adapter->factor[index];
        if (factor->rank != settings->rank || factor->scale != (float)scale_of(settings))
            return wane_fail(
                err, WANE_EINVAL,
                "train: continue: %s: rank %zu and scale %g, the method has %zu and %g", name,
                factor->rank, (double)factor->scale, settings->rank, scale_of(settings));
    }
    return WANE_OK;
}

static wane_status begin(wane_trainer *trainer, const wane_method_settings *s,
                         wane_adapter *continued, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_adapter *adapter = continued;
    trainer->facts = (wane_adapter_facts){.alpha = s->alpha,
                                          .dropout = s->dropout,
                                          .rslora = s->rslora,
                                          .rank = s->rank,
                                          .base_model = ""};
    if (continued) WANE_TRY(check_continued(continued, trainer, s, err));
    else
        WANE_TRY(wane_adapter_new(&adapter, &trainer->model->parameters, trainer->train, s->rank,
                                  scale_of(s), s->dropout, trainer->seed, trainer->stage, err));
    WANE_TRY(wane_trainer_make_gradients(trainer, adapter->floats, err));
    trainer->adapter = adapter;
    adapter = NULL;
done:
    if (adapter != continued) wane_adapter_free(adapter);
    return st;
}

static wane_status list_factors(wane_trainer *trainer, wane_trained *list, size_t *count,
                                wane_error *err)
{
    for (size_t f = 0; f < trainer->adapter->count; f++) {
        const wane_factor *factor = &trainer->adapter->factor[f];
        const char *weight = trainer->model->parameters.parameter[factor->parameter].name;
        for (int half = 0; half < 2; half++) {
            char *name = wane_arena_alloc(trainer->names, strlen(weight) + sizeof ".lora_A", 1);
            if (!name) return wane_fail_memory(err, "train", "names");
            (void)strcpy(name, weight);
            (void)strcat(name, half ? ".lora_B" : ".lora_A");
            size_t offset = half ? factor->b_offset : factor->a_offset;
            list[(*count)++] =
                (wane_trained){.name = name,
                               .value = half ? factor->b : factor->a,
                               .gradient = trainer->gradients + offset,
                               .count = factor->rank * (half ? factor->rows : factor->cols),
                               .decays = true};
        }
    }
    return WANE_OK;
}

static void learned(wane_update_tensor *tensor, const wane_trainer *trainer,
                    const wane_model *model, size_t parameter)
{
    (void)model;
    const wane_adapter *adapter = trainer->adapter;
    const wane_factor *factor = &adapter->factor[adapter->of_parameter[parameter]];
    tensor->term = (wane_lowrank_term){
        .b = factor->b, .a = factor->a, .rank = factor->rank, .scale = factor->scale};
}

static const char *const keys[] = {"rank", "alpha", "dropout", "rslora", "target_modules", NULL};

const wane_method wane_method_lora = {
    .name = "lora",
    .help = "low-rank factors beside the linear weight matrices of the layers are trained",
    .number = 2,
    .keys = keys,
    .learning_rate = 2e-4,
    .adapter = true,
    .lowrank = true,
    .passes = 2, /* the gradients of inputs; those of factors cost little */
    .bad = bad,
    .hash = hash_settings,
    .targets = wane_targets_linear,
    .numbers = entries,
    .begin = begin,
    .list = list_factors,
    .learned = learned,
};
