/* SPDX-License-Identifier: Apache-2.0
 * Checkpoints trained elsewhere: a Hugging Face model, a PEFT adapter, or a file or folder of tuned
 * tensors; each of these folders may be an archive.
 */
#ifndef EVAL_PAIR_GIVEN_H
#define EVAL_PAIR_GIVEN_H

#include "eval/model/model.h"
#include "store/base/log.h"
#include "store/base/threads.h"
#include "store/files/update.h"

/* SHA-256 over names and bytes of the files that make the checkpoint at `path`. */
WANE_MUST_CHECK wane_status wane_given_sha256(char out[WANE_SHA256_HEX], const char *path,
                                              wane_error *err);

/* WANE_EINVAL, naming a size, tie or bias that differs, unless both have the same parameters. What
 * else differs changes what is computed from them. `path` is what messages call the given model. */
WANE_MUST_CHECK wane_status wane_given_fits(const wane_config *base, const wane_config *given,
                                            const char *path, wane_error *err);

/* The open package of a model, which has a configuration (and perhaps a tokenizer) of its own; NULL
 * for adapters and tensors, which have none. Owned by the caller, free with wane_package_close. */
WANE_MUST_CHECK wane_status wane_given_open_model(wane_package **out, const char *path,
                                                  wane_error *err);
/* Its configuration. */
WANE_MUST_CHECK wane_status wane_given_config(wane_config *out, const wane_package *package,
                                              wane_error *err);

/* Whether the checkpoint is an adapter, by the names of its files. */
WANE_MUST_CHECK wane_status wane_given_is_adapter(bool *out, const char *path, wane_error *err);

/* WANE_EFORMAT unless what is at `path` now still has the digest `sha256`. Asked after the reading:
 * the files of an adapter (`read`, from wane_given_apply; {0} otherwise) are taken by the digests
 * of the bytes they were read from. */
WANE_MUST_CHECK wane_status wane_given_unchanged(const char *sha256, const char *path,
                                                 const wane_update *read, wane_error *err);

/* Of a folder that holds a model and an adapter, the one rule of all commands, as a line of `log`:
 * named as a base it is its model, named as what was tuned its adapter. Nothing of others. */
void wane_given_tell_both(const wane_package *package, bool base, const wane_log *log);
/* Of a model whose files hold more than the text model that was read, that, as a line of `log`.
 * Nothing of others. */
void wane_given_tell_others(const wane_model *model, const char *path, const wane_log *log);

/* Turns `model` (the weights the checkpoint starts from) into the checkpoint: an adapter is merged
 * and tensors are replaced under the configuration that is there; a model brings its own
 * configuration, which must fit. *update receives the low-rank terms of an adapter (free with
 * wane_update_free), or is left {0} for a dense checkpoint. */
WANE_MUST_CHECK wane_status wane_given_apply(wane_update *update, wane_model *model,
                                             const char *path, wane_pool *pool, const wane_log *log,
                                             wane_error *err);

/* Opens `count` checkpoints one after the other, each on the one before (`from_base`: on the base),
 * as a run of them will: what it would refuse is refused here. */
WANE_MUST_CHECK wane_status wane_given_check(const wane_model *base, const char *const *paths,
                                             size_t count, bool from_base, const wane_log *log,
                                             wane_error *err);

#endif
