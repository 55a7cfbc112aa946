/* SPDX-License-Identifier: Apache-2.0
 * Pretraining the built-in model on the built-in language, from its seed.
 */
#ifndef EVAL_EXPERIMENT_PRETRAIN_H
#define EVAL_EXPERIMENT_PRETRAIN_H

#include "eval/experiment/experiment.h"
#include "store/base/log.h"
#include "store/base/threads.h"

/* Trains a model of these settings and writes it with its tokenizer into `folder` (a Hugging Face
 * folder, made when there is something to write; the config appears last, and each file whole). A
 * failure leaves nothing that was not there. */
WANE_MUST_CHECK wane_status wane_pretrain(const wane_pretraining *settings, const char *folder,
                                          wane_pool *pool, const wane_log *log, wane_error *err);

/* *folder = parent/builtin-<hash of the settings>, pretrained there unless it is there already.
 * Two processes at once: one waits for the other. Owned by the caller, free with wane_free. */
WANE_MUST_CHECK wane_status wane_pretrain_builtin(char **folder, const wane_pretraining *settings,
                                                  const char *parent, wane_pool *pool,
                                                  const wane_log *log, wane_error *err);

#endif
