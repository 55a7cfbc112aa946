/* SPDX-License-Identifier: Apache-2.0
 * What stages leave in the folder of artifacts beside a database, and where: each under the content
 * address of its stage, and nowhere else, whatever a database says.
 */
#ifndef STORE_FILES_ARTIFACTS_H
#define STORE_FILES_ARTIFACTS_H

#include "store/base/status.h"

enum { WANE_ARTIFACT_PATH = 128 };

/* The place inside the folder of artifacts: "updates/KEY", followed by nothing for an "adapter" (a
 * folder), by ".stack" for a "stack" (a folder), by ".safetensors" for "tensors", by
 * ".head.safetensors" for a "head" and by ".strategy.safetensors" for a "strategy". key: the
 * stage's, 64 lowercase hexadecimal digits. WANE_EFORMAT for any other kind or key. */
WANE_MUST_CHECK wane_status wane_artifact_path(char out[WANE_ARTIFACT_PATH], const char *kind,
                                               const char *key, wane_error *err);

/* Whether `path`, out of a database, is the place of that kind and key; otherwise WANE_EFORMAT, and
 * the message names both. NULLs are others. */
WANE_MUST_CHECK wane_status wane_artifact_check(const char *path, const char *kind, const char *key,
                                                wane_error *err);

/* Removes an artifact; what is not there is fine. `path` is where it lies: the folder of artifacts
 * (enclosed, see enclosed.h), a slash, wane_artifact_path. Of an adapter's folder the files that
 * wane writes into one are removed, and the folder when nothing else is in it. */
WANE_MUST_CHECK wane_status wane_artifact_remove(const char *path, wane_error *err);

#endif
