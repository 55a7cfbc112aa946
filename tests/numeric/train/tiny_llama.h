/* SPDX-License-Identifier: Apache-2.0
 * The small Llama that torch's and peft's numbers are of.
 */
#ifndef TESTS_NUMERIC_TRAIN_TINY_LLAMA_H
#define TESTS_NUMERIC_TRAIN_TINY_LLAMA_H

#include "eval/model/adapter.h"
#include "eval/model/model.h"

/* Free with wane_model_free. */
wane_model *tiny_llama(void);

/* Logits of the references' six tokens: 6 x vocabulary. */
void tiny_llama_logits(float *out, const wane_model *model, const wane_adapter *adapter);

#endif
