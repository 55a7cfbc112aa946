/* SPDX-License-Identifier: Apache-2.0
 * What the parts of reading an experiment share.
 */
#include "eval/experiment/experiment_parts.h"

#include <string.h>

#include "store/files/file.h"
#include "store/files/hub.h"

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

/* What is read where the file says `*path`, already under the root. */
static wane_status pin(const char **path, const wane_experiment *x, wane_error *err)
{
    size_t root = strlen(x->root);
    const char *written = *path;
    char *found = NULL;
    if (root && strncmp(written, x->root, root) == 0) {
        written += root;
        if (written[0] == '/') written++;
    }
    wane_status st = wane_hub_pin(&found, written, *path, err);
    if (st != WANE_OK) return st;
    const char *kept = wane_arena_strdup(x->memory, found);
    wane_free(found);
    if (!kept) return wane_fail_memory(err, "read", x->file);
    *path = kept;
    return WANE_OK;
}

static wane_status pin_stages(wane_run_config *config, const wane_experiment *x, wane_error *err)
{
    wane_status st = WANE_OK;
    const char **stages = wane_arena_alloc(x->memory, config->stage_count, sizeof *stages);
    if (!stages) return wane_fail_memory(err, "read", x->file);
    for (size_t i = 0; i < config->stage_count && st == WANE_OK; i++) {
        stages[i] = config->stages[i];
        st = pin(&stages[i], x, err);
    }
    config->stages = stages;
    return st;
}

wane_status wane_experiment_pin(wane_experiment *x, wane_error *err)
{
    wane_status st = x->model ? pin(&x->model, x, err) : WANE_OK;
    for (size_t c = 0; c < x->config_count && st == WANE_OK; c++)
        if (x->configs[c].stage_count) st = pin_stages(&x->configs[c], x, err);
    return st;
}
