/* SPDX-License-Identifier: Apache-2.0
 * What the files of eval/model share about a model's making. For this room alone.
 */
#ifndef EVAL_MODEL_MODEL_INTERNAL_H
#define EVAL_MODEL_MODEL_INTERNAL_H

#include "eval/model/model.h"
#include "store/base/text.h"

/* A model of that configuration, all weights 0. Owned by the caller. */
WANE_MUST_CHECK wane_status wane_model_allocate(wane_model **out, const wane_config *config,
                                                wane_error *err);

/* wane_config_parse and wane_model_load_package of an architecture that is told (by tests: one in
 * no list); NULL: the file's model_type says. */
WANE_MUST_CHECK wane_status wane_config_parse_as(wane_config *out,
                                                 const wane_architecture *architecture,
                                                 const char *bytes, size_t count, const char *name,
                                                 wane_error *err);
WANE_MUST_CHECK wane_status wane_model_load_as(wane_model **out,
                                               const wane_architecture *architecture,
                                               const wane_package *package, wane_error *err);

/* config.json as transformers reads it. */
WANE_MUST_CHECK wane_status wane_config_write(wane_text *text, const wane_config *config,
                                              wane_error *err);

#endif
