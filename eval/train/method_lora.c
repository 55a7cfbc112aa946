/* SPDX-License-Identifier: Apache-2.0
 * The method `lora`: low-rank factors beside the linear weights of the layers, as peft's LoRA has
 * them (Hu et al. 2021; Kalajdzievski 2023 for rslora's scale).
 */
#include "eval/train/method_lora.h"

#include <math.h>
#include <string.h>

#include "eval/model/term.h"
#include "store/files/yaml_value.h"

const char *wane_lora_bad(const wane_method_settings *s)
{
    if (!(s->dropout >= 0 && s->dropout < 1)) return "dropout";
    if (!isfinite(s->alpha)) return "alpha";
    return s->rank == 0 ? "rank" : NULL;
}

size_t wane_lora_numbers(const wane_method_settings *settings, const wane_parameter *parameter)
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
        if (adapter->term != settings->method->term)
            return wane_fail(err, WANE_EINVAL, "train: continue: %s: adapted by another method",
                             name);
        const wane_factor *factor = &adapter->factor[index];
        if (factor->rank != settings->rank || factor->scale != (float)scale_of(settings))
            return wane_fail(
                err, WANE_EINVAL,
                "train: continue: %s: rank %zu and scale %g, the method has %zu and %g", name,
                factor->rank, (double)factor->scale, settings->rank, scale_of(settings));
    }
    return WANE_OK;
}

wane_status wane_lora_begin(wane_trainer *trainer, const wane_method_settings *s,
                            wane_adapter *continued, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_adapter *adapter = continued;
    trainer->facts =
        (wane_adapter_facts){.form = wane_adapter_form_named(s->method->settings->name),
                             .alpha = s->alpha,
                             .dropout = s->dropout,
                             .rslora = s->rslora,
                             .rank = s->rank,
                             .base_model = ""};
    for (size_t i = 0; i < trainer->model->parameters.count; i++)
        if (trainer->train[i] && trainer->model->parameters.parameter[i].turned)
            trainer->facts.fan_in_fan_out = true;
    if (continued) WANE_TRY(check_continued(continued, trainer, s, err));
    else
        WANE_TRY(wane_adapter_new(&adapter, s->method->term, &trainer->model->parameters,
                                  trainer->train, s->rank, scale_of(s), s->dropout, trainer->seed,
                                  trainer->stage, err));
    WANE_TRY(wane_trainer_make_gradients(trainer, adapter->floats, err));
    trainer->adapter = adapter;
    adapter = NULL;
done:
    if (adapter != continued) wane_adapter_free(adapter);
    return st;
}

/* One trained part of the factors on a weight: `name` follows the weight's. */
static wane_status add(wane_trainer *trainer, wane_trained *list, size_t *count,
                       const wane_factor *factor, const char *name, float *value, size_t offset,
                       size_t numbers, wane_error *err)
{
    const char *weight = trainer->model->parameters.parameter[factor->parameter].name;
    char *whole = wane_arena_alloc(trainer->names, strlen(weight) + strlen(name) + 1, 1);
    if (!whole) return wane_fail_memory(err, "train", "names");
    (void)strcpy(whole, weight);
    (void)strcat(whole, name);
    list[(*count)++] = (wane_trained){.name = whole,
                                      .value = value,
                                      .gradient = trainer->gradients + offset,
                                      .count = numbers,
                                      .decays = true};
    return WANE_OK;
}

wane_status wane_lora_list(wane_trainer *trainer, wane_trained *list, size_t *count,
                           wane_error *err)
{
    wane_status st = WANE_OK;
    for (size_t i = 0; i < trainer->adapter->count; i++) {
        const wane_factor *f = &trainer->adapter->factor[i];
        WANE_TRY(
            add(trainer, list, count, f, ".lora_A", f->a, f->a_offset, f->rank * f->cols, err));
        WANE_TRY(
            add(trainer, list, count, f, ".lora_B", f->b, f->b_offset, f->rank * f->rows, err));
        if (f->vector)
            WANE_TRY(
                add(trainer, list, count, f, ".vector", f->vector, f->vector_offset, f->rows, err));
    }
done:
    return st;
}

void wane_lora_learned(wane_update_tensor *tensor, const wane_trainer *trainer,
                       const wane_model *model, size_t parameter)
{
    (void)model;
    const wane_adapter *adapter = trainer->adapter;
    const wane_factor *factor = &adapter->factor[adapter->of_parameter[parameter]];
    tensor->term = (wane_lowrank_term){
        .b = factor->b, .a = factor->a, .rank = factor->rank, .scale = factor->scale};
    tensor->vector = factor->vector;
}

static wane_status merge(wane_pool *pool, const wane_update_tensor *tensor, float *weight,
                         wane_error *err)
{
    (void)err;
    wane_update_apply(pool, tensor, weight);
    return WANE_OK;
}

/* "2r" (a multiple of the rank) or a number; twice the rank when nothing is said. */
wane_status wane_lora_read_alpha(void *into, const wane_setting *setting, const wane_yaml *node,
                                 const wane_setting_reader *reader, wane_error *err)
{
    wane_method_settings *m = into;
    (void)reader;
    if (!node) {
        m->alpha = 2 * (double)m->rank;
        return WANE_OK;
    }
    wane_status st = wane_node_is(node, WANE_YAML_SCALAR, err);
    if (st != WANE_OK) return st;
    char number[32] = "";
    size_t length = strlen(node->text);
    bool times_rank = length >= 2 && node->text[length - 1] == 'r';
    if (length >= sizeof number) return wane_yaml_fail(node, err, "no number");
    memcpy(number, node->text, length - (times_rank ? 1 : 0));
    double value = 0;
    if (!wane_parse_double(&value, number) || value <= 0 ||
        value > (times_rank ? 1e4 : setting->high))
        return wane_yaml_fail(node, err, "'%s' is neither a positive number nor one like 2r",
                              node->text);
    m->alpha = times_rank ? value * (double)m->rank : value;
    return WANE_OK;
}

static const wane_setting entries[] = {WANE_LORA_SETTINGS};

const wane_method_settings wane_lora_usual = {.rank = 8, .alpha = 16};

static const wane_settings lora = {
    .name = "lora",
    .help = "low-rank factors beside the frozen weights are trained (LoRA)",
    .entries = entries,
    .count = sizeof entries / sizeof *entries,
    .defaults = &wane_lora_usual,
};

const wane_method wane_method_lora = {
    .settings = &lora,
    .number = 2,
    .learning_rate = 2e-4,
    .adapter = true,
    .passes = 2, /* the gradients of inputs; those of factors cost little */
    .term = &wane_low_rank,
    .lowrank = true,
    .stacks = true,
    .bad = wane_lora_bad,
    .targets = wane_targets_linear,
    .numbers = wane_lora_numbers,
    .begin = wane_lora_begin,
    .list = wane_lora_list,
    .learned = wane_lora_learned,
    .merge = merge,
};
