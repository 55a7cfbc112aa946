/* SPDX-License-Identifier: Apache-2.0
 * Checkpoints trained elsewhere: a Hugging Face model, a PEFT adapter, or a file or folder of tuned
 * tensors; each of these folders may be an archive.
 */
#ifndef EVAL_RUN_GIVEN_H
#define EVAL_RUN_GIVEN_H

#include "eval/model/model.h"
#include "store/base/log.h"
#include "store/base/threads.h"
#include "store/files/update.h"

/* SHA-256 over names and bytes of the files that make the checkpoint at `path`. */
WANE_MUST_CHECK wane_status wane_given_sha256(char out[WANE_SHA256_HEX], const char *path,
                                              wane_error *err);

/* Turns `model` (the weights the checkpoint starts from) into the checkpoint: an adapter is merged,
 * tensors are replaced. *update receives the low-rank terms of an adapter (free with
 * wane_update_free), or is left {0} for a dense checkpoint. Configurations must agree. */
WANE_MUST_CHECK wane_status wane_given_apply(wane_update *update, wane_model *model,
                                             const char *path, wane_pool *pool, const wane_log *log,
                                             wane_error *err);

#endif
