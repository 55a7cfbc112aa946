/* SPDX-License-Identifier: Apache-2.0
 * What methods with LoRA's factors share: functions of an entry (method.h) as `lora` has them, for
 * any term: settings->method->term. For this room alone.
 */
#ifndef EVAL_TRAIN_METHOD_LORA_H
#define EVAL_TRAIN_METHOD_LORA_H

#include "eval/train/trainer.h"

/* rank, alpha, dropout, rslora, target_modules: entries of a table; and its defaults. */
#define WANE_LORA_SETTINGS                                                                         \
    {.name = "rank",                                                                               \
     .aliases = "r lora_r lora_rank",                                                              \
     .type = WANE_SETTING_COUNT,                                                                   \
     WANE_MEMBER(wane_method_settings, rank),                                                      \
     .low = 1,                                                                                     \
     .high = 1 << 16,                                                                              \
     .key = 1,                                                                                     \
     .listed = "r",                                                                                \
     .help = "the rank of the factors B A that are added to each weight"},                         \
        {.name = "alpha",                                                                          \
         .aliases = "lora_alpha",                                                                  \
         .type = WANE_SETTING_NUMBER,                                                              \
         WANE_MEMBER(wane_method_settings, alpha),                                                 \
         .low = 1e-300,                                                                            \
         .high = 1e9,                                                                              \
         .key = 2,                                                                                 \
         .written = "2r",                                                                          \
         .form = "a positive number, or a multiple of the rank such as 2r",                        \
         .help = "the scale of B A is alpha / rank; with rslora alpha / sqrt(rank)",               \
         .read = wane_lora_read_alpha},                                                            \
        {.name = "dropout",                                                                        \
         .aliases = "lora_dropout",                                                                \
         .type = WANE_SETTING_NUMBER,                                                              \
         WANE_MEMBER(wane_method_settings, dropout),                                               \
         .low = 0,                                                                                 \
         .high = 0.99,                                                                             \
         .key = 3,                                                                                 \
         .stored = true,                                                                           \
         .unit = "probability",                                                                    \
         .help = "inputs of A that are left out in training; the others are scaled up",            \
         .explain = "masks come from the run's seed"},                                             \
        {.name = "rslora",                                                                         \
         .aliases = "use_rslora",                                                                  \
         .type = WANE_SETTING_FLAG,                                                                \
         WANE_MEMBER(wane_method_settings, rslora),                                                \
         .key = 4,                                                                                 \
         .help = "the scale is alpha / sqrt(rank) (rank-stabilised LoRA)"},                        \
        WANE_TARGET_MODULES
WANE_MUST_CHECK wane_status wane_lora_read_alpha(void *into, const wane_setting *setting,
                                                 const wane_yaml *node,
                                                 const wane_setting_reader *reader,
                                                 wane_error *err);
extern const wane_method_settings wane_lora_usual;

const char *wane_lora_bad(const wane_method_settings *settings);
/* Of the factors alone: a method with a vector adds parameter->rows. */
size_t wane_lora_numbers(const wane_method_settings *settings, const wane_parameter *parameter);
/* Afterwards trainer->adapter is there; the vectors of a fresh one are 0 and are the caller's to
 * fill from trainer->model (`continued` NULL). */
WANE_MUST_CHECK wane_status wane_lora_begin(wane_trainer *trainer,
                                            const wane_method_settings *settings,
                                            wane_adapter *continued, wane_error *err);
/* A, B and, where the term has one, the vector of each factor. */
WANE_MUST_CHECK wane_status wane_lora_list(wane_trainer *trainer, wane_trained *list, size_t *count,
                                           wane_error *err);
/* The term, and the vector beside it. */
void wane_lora_learned(wane_update_tensor *tensor, const wane_trainer *trainer,
                       const wane_model *model, size_t parameter);

#endif
