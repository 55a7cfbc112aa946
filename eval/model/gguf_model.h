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

/* A file being said as config.json: `out` is an object that is not closed yet. */
typedef struct wane_gguf_source {
    const wane_architecture *architecture;
    const wane_tensors *tensors;
    const wane_gguf *gguf;
    wane_text *out;
    wane_error *err;
} wane_gguf_source;

/* Begins a member of the object; its value follows. */
void wane_gguf_member(const wane_gguf_source *source, const char *name);
/* The shortest decimal that gives the number again, once rounded to 32 bits as most of a file are.
 */
void wane_gguf_write_number(wane_text *out, double number);
/* WANE_EFORMAT "model configuration: FILE: key: cause". */
wane_status wane_gguf_refuse(const wane_gguf_source *source, const char *key, const char *cause);

/* The share of a head that is turned, and rotary scaling: keys rope.*, and tensors of divisors. */
WANE_MUST_CHECK wane_status wane_gguf_write_rope(const wane_gguf_source *source);

/* The architecture's key of that kind; NULL. */
const wane_config_key *wane_config_key_of_type(const wane_architecture *architecture,
                                               const wane_config_type *type);
/* The width of a head; 0 where the file does not say. */
size_t wane_gguf_head_width(const wane_gguf *gguf, const wane_architecture *architecture);
/* A size of the metadata, or the first of one for each layer; 0 where it is not there or none. */
size_t wane_gguf_size_of(const wane_gguf *gguf, const char *key);

/* Gives tensors the names and forms that other files of the architecture have them in. */
WANE_MUST_CHECK wane_status wane_gguf_form_tensors(wane_tensors *tensors,
                                                   const wane_architecture *architecture,
                                                   wane_error *err);

/* The tensor at a place (of layer 0, where it is one of layers), by GGUF's own name; NULL. */
const wane_tensor *wane_gguf_tensor_at(const wane_tensors *tensors, wane_place place, bool bias);

#endif
