/* SPDX-License-Identifier: Apache-2.0
 * What the parts of reading an experiment share.
 */
#include "eval/experiment/experiment_parts.h"

#include "store/files/file.h"

const wane_experiment wane_experiment_usual = {.intruders_top = 32,
                                               .intruders_u = true,
                                               .intruders_v = true,
                                               .keep = WANE_KEEP_ADAPTERS,
                                               .checkpoint_minutes = 5};

wane_status wane_experiment_path(const char **out, const wane_experiment *x, const char *path,
                                 wane_error *err)
{
    if (!path[0]) return wane_fail(err, WANE_EINVAL, "read: %s: a path is empty", x->file);
    char *joined = wane_path_join(x->root, path);
    const char *kept = joined ? wane_arena_strdup(x->memory, joined) : NULL;
    wane_free(joined);
    if (!kept) return wane_fail_memory(err, "read", x->file);
    *out = kept;
    return WANE_OK;
}
