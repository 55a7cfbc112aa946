/* SPDX-License-Identifier: Apache-2.0
 * PEFT's LoRA adapter folders (adapter_config.json, adapter_model.safetensors) as updates. Reached
 * through update.h.
 */
#ifndef STORE_FILES_PEFT_H
#define STORE_FILES_PEFT_H

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

/* adapter_config.json, understood: the facts, and r and lora_alpha of one module after
 * rank_pattern and alpha_pattern. Owned by the caller, free with wane_peft_config_free. */
typedef struct wane_peft_config wane_peft_config;
WANE_MUST_CHECK wane_status wane_peft_config_read(wane_peft_config **out, const wane_json *root,
                                                  const char *path, bool loose,
                                                  void (*warning)(void *context, const char *line),
                                                  void *context, wane_error *err);
void wane_peft_config_free(wane_peft_config *config); /* NULL allowed */
const wane_adapter_facts *wane_peft_config_facts(const wane_peft_config *config);
size_t wane_peft_config_rank(const wane_peft_config *config, const char *module);
/* alpha / r, or alpha / sqrt(r), as PEFT computes it. */
float wane_peft_config_scale(const wane_peft_config *config, const char *module);

/* Appends the text of an adapter_config.json that describes `update`. */
WANE_MUST_CHECK wane_status wane_peft_config_write(wane_text *out, const wane_update *update,
                                                   const char *path, wane_error *err);

/* The part of a weight's name before ".weight"; WANE_EINVAL for other names. */
WANE_MUST_CHECK wane_status wane_peft_module_length(size_t *out, const char *weight,
                                                    const char *path, wane_error *err);

#endif
