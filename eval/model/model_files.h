/* SPDX-License-Identifier: Apache-2.0
 * A model's configuration and tensors wherever its files keep them: config.json and tensors by its
 * names, or GGUF, which has both in forms of its own.
 */
#ifndef EVAL_MODEL_MODEL_FILES_H
#define EVAL_MODEL_MODEL_FILES_H

#include "eval/model/model.h"
#include "store/files/package.h"
#include "store/files/tensors.h"

/* Whether a package holds a model and says what it is: config.json, or GGUF. */
bool wane_model_is_there(const wane_package *package);

/* The text of config.json, NUL-terminated; of GGUF the config.json that says what its metadata say.
 * *name is what messages call it. WANE_EFORMAT for an architecture of GGUF that is not computed.
 * Both are owned by the caller, free with wane_free. */
WANE_MUST_CHECK wane_status wane_model_config_text(char **text, size_t *bytes, char **name,
                                                   const wane_package *package, wane_error *err);

/* The tensors of a package. Those of GGUF, where its architecture is computed, by the names and in
 * the form of the model's other files, but that no matrix is turned (wane_model_files_turn). */
WANE_MUST_CHECK wane_status wane_model_tensors(wane_tensors **out, const wane_package *package,
                                               wane_error *err);
/* Whether matrices that the architecture's files have as inputs x outputs are so in these. */
bool wane_model_files_turn(const wane_tensors *tensors);

/* What config.json calls the architecture of a GGUF file; the file's own name of one that is not
 * computed, cut to the room. */
void wane_gguf_model_type(char *out, size_t size, const wane_gguf *gguf);

#endif
