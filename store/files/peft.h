/* SPDX-License-Identifier: Apache-2.0
 * PEFT's LoRA adapter folders (adapter_config.json, adapter_model.safetensors) as updates. Reached
 * through update.h. The rules are those of peft 0.21 (tuners/lora/config.py, tuners_utils.py,
 * utils/save_and_load.py).
 */
#ifndef STORE_FILES_PEFT_H
#define STORE_FILES_PEFT_H

#include "store/base/memory.h"
#include "store/base/status.h"
#include "store/base/text.h"
#include "store/files/json.h"
#include "store/files/update.h"

/* Reads the package; what wane_update_load_package says of adapters. */
WANE_MUST_CHECK wane_status wane_peft_load(wane_update *out, const wane_package *package,
                                           bool loose,
                                           void (*warning)(void *context, const char *line),
                                           void *context, wane_error *err);
/* Writes the folder; what wane_update_save says of adapters. */
WANE_MUST_CHECK wane_status wane_peft_save(const wane_update *update, const char *folder,
                                           wane_error *err);

/* ---------------------------------------------------------------------- adapter_config.json */

/* Understood: the facts, and what it says of each module. Owned by the caller, free with
 * wane_peft_config_free. */
typedef struct wane_peft_config wane_peft_config;
typedef struct wane_peft_targets wane_peft_targets;
WANE_MUST_CHECK wane_status wane_peft_config_read(wane_peft_config **out, const wane_json *root,
                                                  const char *path,
                                                  void (*warning)(void *context, const char *line),
                                                  void *context, wane_error *err);
void wane_peft_config_free(wane_peft_config *config); /* NULL allowed */
const wane_adapter_facts *wane_peft_config_facts(const wane_peft_config *config);

/* The table of forms, by place from 0; NULL behind the last. The first has factors alone. */
const wane_adapter_form *wane_peft_form_at(size_t place);

/* One module, by its name in the model ("model.layers.0.self_attn.q_proj"). */
typedef struct wane_peft_module {
    bool targeted; /* peft puts factors on it: target_modules, exclude_modules, modules_to_save,
                      layers_to_transform and layers_pattern say so */
    size_t rank;   /* after rank_pattern; in their order the first key that matches decides */
    float scale;   /* alpha / r, or alpha / sqrt(r), alpha after alpha_pattern */
} wane_peft_module;
WANE_MUST_CHECK wane_status wane_peft_config_module(wane_peft_module *out,
                                                    const wane_peft_config *config,
                                                    const char *module, wane_error *err);
/* Whether the module, or one that it lies in, is saved whole (modules_to_save). */
bool wane_peft_config_saves(const wane_peft_config *config, const char *module);
/* Hands the targets over to the caller; the configuration has none then. NULL when target_modules
 * is not set. */
wane_peft_targets *wane_peft_config_take_targets(wane_peft_config *config);
/* Whether biases were trained along (bias: all, lora_only, ...). */
bool wane_peft_config_biases(const wane_peft_config *config);

/* target_modules and what restricts it; part of a configuration. */
WANE_MUST_CHECK wane_status wane_peft_targets_read(wane_peft_targets **out, const wane_json *root,
                                                   const char *path, wane_error *err);
void wane_peft_targets_free(wane_peft_targets *targets); /* NULL allowed */
WANE_MUST_CHECK wane_status wane_peft_targets_hold(bool *out, const wane_peft_targets *targets,
                                                   const char *module, wane_error *err);
bool wane_peft_targets_save(const wane_peft_targets *targets, const char *module);
bool wane_peft_targets_set(const wane_peft_targets *targets); /* whether target_modules is there */

/* ------------------------------------------------------------------------- names of tensors */

/* What every name begins with, and (behind it) the head of transformers' sequence classifiers,
 * which no causal model has. */
#define WANE_PEFT_PREFIX "base_model.model."
#define WANE_PEFT_HEAD "score.weight"

/* How the file's tensors are named: base_model.model.MODULE and then
 *   .lora_A[.ADAPTER].weight, .lora_B[.ADAPTER].weight           factors
 *   .lora_embedding_A[.ADAPTER], .lora_embedding_B[.ADAPTER]     factors of an embedding
 *   VECTOR[.ADAPTER]                                             of a form: its vector
 *   .modules_to_save[.ADAPTER].LEAF                              saved whole
 *   .base_layer.LEAF, .original_module.LEAF                      the base's own, a copy
 *   .LEAF                                                        saved whole, or a copy
 * with LEAF weight or bias. Files keep no adapter's name; state dicts do. */
typedef enum wane_peft_part {
    WANE_PEFT_A,
    WANE_PEFT_B,
    WANE_PEFT_EMBEDDING_A,
    WANE_PEFT_EMBEDDING_B,
    WANE_PEFT_VECTOR,
    WANE_PEFT_SAVED,
    WANE_PEFT_BASE,
    WANE_PEFT_PLAIN,
    WANE_PEFT_UNKNOWN
} wane_peft_part;

typedef struct wane_peft_name {
    wane_peft_part part;
    const char *module, *adapter, *leaf; /* in the name; leaf: to its end, NULL of factors */
    size_t module_length, adapter_length;
    size_t letter;                 /* of factors: where in the name its A or B stands */
    const wane_adapter_form *form; /* of a vector: whose it is */
} wane_peft_name;

wane_peft_name wane_peft_name_read(const char *name);

/* rows x cols values as cols x rows in the arena, which owns them: peft keeps the factors of an
 * embedding so. `operation` and `path` are for the message where memory is out. */
WANE_MUST_CHECK wane_status wane_peft_transpose(const float **out, const float *in, size_t rows,
                                                size_t cols, wane_arena *arena,
                                                const char *operation, const char *path,
                                                wane_error *err);

#endif
