/* SPDX-License-Identifier: Apache-2.0
 * Models and adapters by their names on the Hugging Face hub, from the cache that its library keeps
 * on this machine. Nothing is ever fetched.
 *
 * A name is ORG/NAME or ORG/NAME@REVISION (main where there is none): a branch or a tag as the
 * cache has it under refs/ (slashes and all), a commit of 40 hex digits, or the first four or more
 * of one that is there. What is on the disk under that very path comes before the cache, as in
 * transformers. NAME alone is one of the hub's oldest models (gpt2), where the cache has it.
 *
 * The layout is that of huggingface_hub 1 and 2: CACHE/models--ORG--NAME/refs/REVISION holds a
 * commit, snapshots/COMMIT/ the files: plain, or links to blobs of the repository or of the whole
 * cache. What else is there (blobs that are not complete, .no_exist, locks) is never looked at.
 * Links are followed wherever they lead: the library makes them, from no byte of a repository, and
 * people keep blobs on other disks. What is read must be a regular file all the same (file.h), and
 * a link to a folder is no file of a package (package.h).
 */
#ifndef STORE_FILES_HUB_H
#define STORE_FILES_HUB_H

#include <stdbool.h>
#include <stddef.h>

#include "store/base/status.h"

/* Where the cache is: HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, $HF_HOME/hub,
 * $XDG_CACHE_HOME/huggingface/hub, ~/.cache/huggingface/hub; one that is set and empty counts as
 * not set, a ~ at the beginning is the home. WANE_ENOTFOUND where not even HOME is set. Owned by
 * the caller, free with wane_free, as all texts here. */
WANE_MUST_CHECK wane_status wane_hub_cache(char **out, wane_error *err);

/* Whether `path` would be read from the cache: it is written as a name, and nothing is on the disk
 * under it. */
bool wane_hub_is(const char *path);

/* *out = ORG/NAME@COMMIT of the revision that `name` names, which goes on naming the same files
 * when a branch moves; where it is no name, or something is on the disk at `path` (NULL: at `name`
 * itself), a copy of `path`.
 * WANE_ENOTFOUND, with the folder of the cache, the revisions in it and the command that fetches
 * what is missing; WANE_EINVAL for the beginning of several commits; WANE_EFORMAT for a reference
 * that holds no commit. */
WANE_MUST_CHECK wane_status wane_hub_pin(char **out, const char *name, const char *path,
                                         wane_error *err);

/* The folder of the snapshot of a name in the sense of wane_hub_is; else NULL. Errors as above. */
WANE_MUST_CHECK wane_status wane_hub_folder(char **out, const char *path, wane_error *err);

/* The command that fetches what a name names, into `out`, which it returns. */
char *wane_hub_fetch(char *out, size_t size, const char *name);

/* What people call a model: the last part of a path; of ORG/NAME@COMMIT "NAME@" and seven digits.
 * Into `out`, which it returns. */
char *wane_hub_title(char *out, size_t size, const char *path);

#endif
