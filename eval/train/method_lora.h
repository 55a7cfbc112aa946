/* SPDX-License-Identifier: Apache-2.0
 * What methods with LoRA's factors share: functions of an entry (method.h) as `lora` has them, for
 * any term: settings->method->term. For this room alone.
 */
#ifndef EVAL_TRAIN_METHOD_LORA_H
#define EVAL_TRAIN_METHOD_LORA_H

#include "eval/train/trainer.h"

/* rank, alpha, dropout, rslora, target_modules, and their defaults: for a table under another
 * name. */
enum { WANE_LORA_ENTRIES = 5 };
extern const wane_setting wane_lora_entries[WANE_LORA_ENTRIES];
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
