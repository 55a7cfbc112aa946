/* SPDX-License-Identifier: Apache-2.0
 * The linear head that a trainer may train along.
 */
#include "eval/train/trainer.h"
#include "store/base/random.h"

wane_status wane_trainer_make_head(wane_trainer *trainer, const wane_method_settings *settings,
                                   wane_error *err)
{
    const wane_config *config = &trainer->model->config;
    size_t outputs = 0, numbers = 0;
    trainer->head_starts = wane_alloc(settings->head_groups + 1, sizeof *trainer->head_starts);
    if (!trainer->head_starts) return wane_fail_memory(err, "train", "head");
    for (size_t g = 0; g < settings->head_groups; g++) {
        if (settings->head_classes[g] < 2)
            return wane_fail(err, WANE_EINVAL, "train: head: %zu classes",
                             settings->head_classes[g]);
        if (!wane_size_add(&outputs, outputs, settings->head_classes[g]) ||
            outputs > config->vocabulary)
            return wane_fail(err, WANE_EINVAL, "train: head: more classes than a vocabulary of %zu",
                             config->vocabulary);
        trainer->head_starts[g + 1] = outputs;
    }
    if (!wane_size_mul(&numbers, outputs, config->width))
        return wane_fail_memory(err, "train", "head");
    trainer->head_weight = wane_alloc_aligned(numbers, sizeof(float));
    trainer->head_gradient = wane_alloc_aligned(numbers, sizeof(float));
    if (!trainer->head_weight || !trainer->head_gradient)
        return wane_fail_memory(err, "train", "head");
    wane_random where = {
        .seed = trainer->seed, .purpose = WANE_RANDOM_HEAD, .stage = trainer->stage};
    wane_random_normal_fill(trainer->head_weight, numbers, config->initializer_range, &where);
    trainer->head = (wane_class_head){.outputs = outputs,
                                      .weight = trainer->head_weight,
                                      .groups = settings->head_groups,
                                      .starts = trainer->head_starts};
    return WANE_OK;
}

const wane_class_head *wane_trainer_head(const wane_trainer *trainer)
{
    return trainer->head.outputs ? &trainer->head : NULL;
}

wane_status wane_trainer_freeze(wane_trainer *trainer, wane_adapter *frozen, wane_error *err)
{
    if (!trainer->adapter || trainer->done > 0 || trainer->frozen || frozen->frozen)
        return wane_fail(err, WANE_EINVAL,
                         "train: stack: an adapter can be frozen below a fresh one alone");
    if (!trainer->method->stacks || frozen->term != trainer->adapter->term)
        return wane_fail(err, WANE_EINVAL, "train: stack: adapters of %s do not add up to one",
                         trainer->method->settings->name);
    trainer->frozen = frozen;
    trainer->adapter->frozen = frozen;
    return WANE_OK;
}
