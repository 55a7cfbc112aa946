/* SPDX-License-Identifier: Apache-2.0
 * The methods `full` and `full-matrices`: weights trained in place.
 */
#include "eval/train/trainer.h"

/* Every parameter; but the vocabulary's head, where one over classes is trained in its place. */
static wane_status all_targets(bool *train, const wane_method_settings *settings,
                               const wane_parameters *parameters, wane_error *err)
{
    (void)err;
    for (size_t i = 0; i < parameters->count; i++)
        train[i] = !(settings->linear_head && parameters->parameter[i].role == WANE_ROLE_HEAD);
    return WANE_OK;
}

static const char *nothing_bad(const wane_method_settings *settings)
{
    (void)settings;
    return NULL;
}

static size_t entries(const wane_method_settings *settings, const wane_parameter *parameter)
{
    (void)settings;
    return parameter->rows * parameter->cols;
}

static wane_status begin(wane_trainer *trainer, const wane_method_settings *settings,
                         wane_adapter *continued, wane_error *err)
{
    (void)settings;
    if (continued)
        return wane_fail(err, WANE_EINVAL, "train: continue: a full method has no adapter");
    return wane_trainer_make_gradients(trainer, trainer->model->parameters.floats, err);
}

static wane_status list_weights(wane_trainer *trainer, wane_trained *list, size_t *count,
                                wane_error *err)
{
    const wane_parameters *parameters = &trainer->model->parameters;
    (void)err;
    for (size_t i = 0; i < parameters->count; i++) {
        const wane_parameter *p = &parameters->parameter[i];
        if (!trainer->train[i]) continue;
        list[(*count)++] = (wane_trained){.name = p->name,
                                          .value = trainer->model->weights + p->offset,
                                          .gradient = trainer->gradients + p->offset,
                                          .count = p->rows * p->cols,
                                          .decays = p->decays};
    }
    return WANE_OK;
}

static void learned(wane_update_tensor *tensor, const wane_trainer *trainer,
                    const wane_model *model, size_t parameter)
{
    (void)trainer;
    tensor->data = model->weights + model->parameters.parameter[parameter].offset;
}

static const wane_settings full = {
    .name = "full",
    .help = "every parameter is tuned",
};

const wane_method wane_method_full = {
    .settings = &full,
    .number = 0,
    .learning_rate = 1e-5,
    .passes = 3, /* the gradients of inputs, and those of weights */
    .bad = nothing_bad,
    .targets = all_targets,
    .numbers = entries,
    .begin = begin,
    .list = list_weights,
    .learned = learned,
};

static const wane_setting entries_of_matrices[] = {WANE_TARGET_MODULES};

static const wane_settings matrices = {
    .name = "full-matrices",
    .help = "the linear weight matrices of the layers are tuned whole: LoRA's targets",
    .entries = entries_of_matrices,
    .count = 1,
};

const wane_method wane_method_full_matrices = {
    .settings = &matrices,
    .number = 1,
    .learning_rate = 1e-5,
    .passes = 3,
    .bad = nothing_bad,
    .targets = wane_targets_linear,
    .numbers = entries,
    .begin = begin,
    .list = list_weights,
    .learned = learned,
};
