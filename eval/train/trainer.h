/* SPDX-License-Identifier: Apache-2.0
 * What a trainer is made of. For this room alone.
 */
#ifndef EVAL_TRAIN_TRAINER_H
#define EVAL_TRAIN_TRAINER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "eval/train/optimizer.h"
#include "eval/train/strategy.h"
#include "eval/train/train.h"
#include "store/base/memory.h"

struct wane_trainer {
    wane_model *model; /* borrowed, as is pool */
    wane_pool *pool;
    const wane_method *method;
    wane_adapter_facts facts; /* of the adapter */
    wane_training training;
    uint64_t seed, stage;
    bool *train;           /* per parameter: its weight is trained or adapted */
    wane_adapter *adapter; /* of a method that trains one */
    wane_adapter *frozen;  /* what adapter->frozen points to */
    wane_class_head head;  /* outputs 0: none */
    size_t *head_starts;
    float *head_weight, *head_gradient;
    void *gradient_memory;
    float *gradients; /* a block like the table's, or like the adapter's */
    wane_arena *names;
    wane_optimizer *optimizer;
    wane_pass *pass; /* large enough for `limits` */
    wane_pass_limits limits;
    size_t done, numbers;
    const wane_strategy *strategy; /* NULL: none was given */
    wane_strategy_training told;
    float *start; /* values that told.start points to */
};

/* Says that trained values have changed: what was packed of them no longer holds. */
void wane_trainer_values_changed(wane_trainer *trainer);

/* class_head.c: plans the head of settings->head_groups and draws its first values. */
WANE_MUST_CHECK wane_status wane_trainer_make_head(wane_trainer *trainer,
                                                   const wane_method_settings *settings,
                                                   wane_error *err);

/* strategy_step.c: adds the strategy's derivative to the gradients and returns its penalty; ends
 * it.
 */
double wane_trainer_penalise(wane_trainer *trainer);
void wane_trainer_end_strategy(wane_trainer *trainer);

/* What entries are made of. */

/* targets.c: the linear weights of the layers that settings->modules names; all of them when it
 * names none. */
WANE_MUST_CHECK wane_status wane_targets_linear(bool *train, const wane_method_settings *settings,
                                                const wane_parameters *parameters, wane_error *err);
/* targets.c: trainer->gradients = `floats` zeros. Parts nobody writes never take memory, so a block
 * like the table's costs what is trained. */
WANE_MUST_CHECK wane_status wane_trainer_make_gradients(wane_trainer *trainer, size_t floats,
                                                        wane_error *err);

/* The entry `target_modules` of methods that can be limited to some weights. */
#define WANE_TARGET_MODULES                                                                        \
    {                                                                                              \
        .name = "target_modules", .aliases = "lora_target", .type = WANE_SETTING_OWN,              \
        .form = "all-linear, or a list of module names", .key = WANE_KEY_CONTENT,                  \
        .written = "all-linear", .help = "which linear weight matrices are tuned",                 \
        .explain = "by the last part of the name (q_proj) or the whole; all-linear: every one of " \
                   "the layers, neither embedding nor head",                                       \
        .read = wane_target_modules_read, .print = wane_target_modules_print                       \
    }
WANE_MUST_CHECK wane_status wane_target_modules_read(void *into, const wane_setting *setting,
                                                     const wane_yaml *node,
                                                     const wane_setting_reader *reader,
                                                     wane_error *err);
void wane_target_modules_print(wane_text *out, const wane_setting *setting, const void *of);

#endif
