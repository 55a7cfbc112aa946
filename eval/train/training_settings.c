/* SPDX-License-Identifier: Apache-2.0
 * The settings of a training, as an experiment file has them.
 */
#include "eval/train/train.h"
#include "store/files/yaml_value.h"

static const wane_training usual = {.epochs = 1,
                                    .batch_size = 16,
                                    .max_seq_length = 256,
                                    .learning_rate = 1e-5,
                                    .weight_decay = 0,
                                    .clip = 1.0,
                                    .beta1 = 0.9,
                                    .beta2 = 0.999,
                                    .epsilon = 1e-8,
                                    .schedule = WANE_SCHEDULE_LINEAR,
                                    .warmup_ratio = 0.06,
                                    .micro_tokens = 4096};

static const char *const schedules[] = {"constant", "linear", "cosine", NULL};

/* So many batches are one: rows of a step = batch_size * accumulation. */
static wane_status read_accumulation(void *into, const wane_setting *setting, const wane_yaml *node,
                                     const wane_setting_reader *reader, wane_error *err)
{
    wane_training *t = into;
    size_t times = 1;
    (void)reader;
    wane_status st =
        node ? wane_node_count(&times, node, (size_t)setting->low, (size_t)setting->high, err)
             : WANE_OK;
    if (st == WANE_OK) t->batch_size *= times;
    return st;
}

static const wane_setting settings[] = {
    {.name = "epochs",
     .aliases = "num_train_epochs num_epochs",
     .type = WANE_SETTING_NUMBER,
     WANE_MEMBER(wane_training, epochs),
     .low = 1e-6,
     .high = 1e6,
     .key = 1,
     .stored = true,
     .unit = "passes over the training rows",
     .help = "how often each stage goes over its training rows",
     .explain = "a fraction ends within a pass; steps = ceil(epochs * ceil(rows / batch_size))"},
    {.name = "batch_size",
     .aliases = "per_device_train_batch_size",
     .type = WANE_SETTING_COUNT,
     WANE_MEMBER(wane_training, batch_size),
     .low = 1,
     .high = 1 << 20,
     .key = 2,
     .stored = true,
     .unit = "rows",
     .help = "rows of an optimiser step",
     .explain = "memory is micro_tokens' affair: a large batch needs no more of it"},
    {.name = "accumulation",
     .aliases = "gradient_accumulation_steps",
     .type = WANE_SETTING_OWN,
     .form = "a whole number",
     .low = 1,
     .high = 1 << 20,
     .key = WANE_KEY_CONTENT,
     .written = "1",
     .unit = "batches",
     .help = "batches that are one optimiser step, for files that come from other tools",
     .explain = "multiplies batch_size, which is what is stored and what the key holds",
     .read = read_accumulation},
    {.name = "max_seq_length",
     .aliases = "max_length cutoff_len",
     .type = WANE_SETTING_COUNT,
     WANE_MEMBER(wane_training, max_seq_length),
     .low = 4,
     .high = 1 << 20,
     .key = 3,
     .stored = true,
     .unit = "tokens",
     .help = "the most tokens of a prompt with its label; longer texts are cut",
     .explain = "only the text is cut, never template or label; what is measured is cut to the "
                "longest of all methods; tasks.truncate says from which side"},
    {.name = "schedule",
     .aliases = "lr_scheduler_type",
     .type = WANE_SETTING_CHOICE,
     WANE_MEMBER(wane_training, schedule),
     .choices = schedules,
     .key = 11,
     .stored = true,
     .help = "how the learning rate goes on after its warm-up",
     .explain = "constant: stays; linear: to 0 at the last step; cosine: half a wave to 0; as "
                "transformers' get_scheduler; anew in each stage"},
    {.name = "warmup_ratio",
     .type = WANE_SETTING_NUMBER,
     WANE_MEMBER(wane_training, warmup_ratio),
     .low = 0,
     .high = 1,
     .key = 12,
     .stored = true,
     .unit = "share of a stage's steps",
     .help = "steps in which the learning rate rises from 0",
     .explain = "rounded up to whole steps, as transformers does"},
    {.name = "weight_decay",
     .type = WANE_SETTING_NUMBER,
     WANE_MEMBER(wane_training, weight_decay),
     .low = 0,
     .high = 1e3,
     .key = 6,
     .stored = true,
     .help = "AdamW's decoupled decay of what is trained",
     .explain = "a step multiplies by 1 - learning_rate * weight_decay; norms are spared"},
    {.name = "clip",
     .aliases = "max_grad_norm",
     .type = WANE_SETTING_NUMBER,
     WANE_MEMBER(wane_training, clip),
     .low = 0,
     .high = 1e9,
     .key = 7,
     .stored = true,
     .help = "the largest norm of all gradients together; larger ones are scaled down; 0: none is"},
    {.name = "beta1",
     .type = WANE_SETTING_NUMBER,
     WANE_MEMBER(wane_training, beta1),
     .low = 0,
     .high = 0.999999,
     .key = 8,
     .help = "AdamW: how much of the mean gradient a step keeps"},
    {.name = "beta2",
     .type = WANE_SETTING_NUMBER,
     WANE_MEMBER(wane_training, beta2),
     .low = 0,
     .high = 0.9999999,
     .key = 9,
     .help = "AdamW: how much of the mean squared gradient a step keeps"},
    {.name = "epsilon",
     .type = WANE_SETTING_NUMBER,
     WANE_MEMBER(wane_training, epsilon),
     .low = 1e-30,
     .high = 1,
     .key = 10,
     .help = "AdamW: what is added to the root of the mean squared gradient"},
    {.name = "micro_tokens",
     .type = WANE_SETTING_COUNT,
     WANE_MEMBER(wane_training, micro_tokens),
     .low = 1,
     .high = 1 << 24,
     .key = 4,
     .stored = true,
     .unit = "tokens",
     .help = "a step's rows are computed in parts of at most so many tokens",
     .explain = "decides the memory that activations take, and the last bits of the sums: so it is "
                "in the key; halved where a model keeps over 1 GiB of them, and more than its "
                "weights, for the way back; a row is never cut"},
};

const wane_settings wane_training_settings = {
    .name = "training",
    .help = "how stages are trained; each may stand in a method too, for that method alone",
    .entries = settings,
    .count = sizeof settings / sizeof *settings,
    .defaults = &usual,
};

static const wane_setting rate[] = {
    {.name = "learning_rate",
     .aliases = "lr",
     .type = WANE_SETTING_NUMBER,
     WANE_MEMBER(wane_training, learning_rate),
     .low = 0,
     .high = 1e3,
     .key = 5,
     .listed = "lr",
     .usual = "1e-5; of lora 2e-4",
     .help = "the learning rate at the end of the warm-up"},
};

const wane_settings wane_rate_settings = {
    .name = "every method that trains",
    .help = "the learning rate",
    .entries = rate,
    .count = 1,
    .defaults = &usual,
};
