/* SPDX-License-Identifier: Apache-2.0
 * A GGUF file as a model: its metadata as config.json, its tensors under the architecture's names.
 * For this room alone.
 */
#ifndef EVAL_MODEL_GGUF_MODEL_H
#define EVAL_MODEL_GGUF_MODEL_H

#include "eval/model/architecture.h"
#include "store/base/text.h"
#include "store/files/tensors.h"

/* The architecture that general.architecture names; NULL when it is none of the list. */
const wane_architecture *wane_gguf_architecture(const wane_gguf *gguf);

/* A key of the architecture ("llama." before it), or NULL. */
const wane_gguf_value *wane_gguf_of_model(const wane_gguf *gguf, const char *key);

/* The config.json that says what the metadata and the tensors' shapes say: what they do not say is
 * left out, and has the default of the architecture. */
WANE_MUST_CHECK wane_status wane_gguf_config(wane_text *out, const wane_architecture *architecture,
                                             const wane_tensors *tensors, wane_error *err);

/* Gives tensors the names and forms that other files of the architecture have them in. */
WANE_MUST_CHECK wane_status wane_gguf_form_tensors(wane_tensors *tensors,
                                                   const wane_architecture *architecture,
                                                   wane_error *err);

/* The tensor at a place (of layer 0, where it is one of layers), by GGUF's own name; NULL. */
const wane_tensor *wane_gguf_tensor_at(const wane_tensors *tensors, wane_place place, bool bias);

#endif
