/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/run/given.h"

#include <string.h>

#include "eval/train/train.h"
#include "store/base/memory.h"
#include "store/files/file.h"

static bool part_of_checkpoint(const char *name)
{
    size_t length = strlen(name);
    static const char ending[] = ".safetensors";
    if (strcmp(name, "adapter_config.json") == 0 || strcmp(name, "config.json") == 0) return true;
    return length > sizeof ending - 1 && strcmp(name + length - (sizeof ending - 1), ending) == 0;
}

static wane_status hash_file(wane_sha256 *hash, const char *name, const char *path, wane_error *err)
{
    char digest[WANE_SHA256_HEX];
    wane_status st = wane_file_sha256(digest, path, err);
    if (st != WANE_OK) return st;
    wane_sha256_text(hash, name);
    wane_sha256_text(hash, digest);
    return WANE_OK;
}

wane_status wane_given_sha256(char out[WANE_SHA256_HEX], const char *path, wane_error *err)
{
    if (!wane_folder_exists(path)) return wane_file_sha256(out, path, err);
    wane_status st = WANE_OK;
    wane_sha256 *hash = NULL;
    char **names = NULL, *file = NULL;
    size_t count = 0, used = 0;
    WANE_TRY(wane_sha256_begin(&hash, err));
    WANE_TRY(wane_folder_list(&names, &count, path, err));
    for (size_t i = 0; i < count; i++) {
        if (!part_of_checkpoint(names[i])) continue;
        file = wane_path_join(path, names[i]);
        WANE_TRY(file ? WANE_OK : wane_fail_memory(err, "read", path));
        WANE_TRY(hash_file(hash, names[i], file, err));
        wane_free(file);
        file = NULL;
        used++;
    }
    if (used == 0) {
        st = wane_fail(err, WANE_ENOTFOUND,
                       "read: %s: neither a model, an adapter nor safetensors in it", path);
        goto done;
    }
    st = wane_sha256_end(out, hash, err);
    hash = NULL;
done:
    wane_sha256_free(hash);
    wane_names_free(names, count);
    wane_free(file);
    return st;
}

static wane_status replace_by_model(wane_model *model, const char *path, wane_error *err)
{
    wane_model *loaded = NULL;
    wane_status st = wane_model_load(&loaded, path, err);
    if (st != WANE_OK) return st;
    const wane_config *a = &model->config, *b = &loaded->config;
    if (loaded->parameters.floats != model->parameters.floats || a->width != b->width ||
        a->layers != b->layers || a->heads != b->heads || a->kv_heads != b->kv_heads ||
        a->hidden != b->hidden || a->vocabulary != b->vocabulary || a->tied != b->tied)
        st = wane_fail(err, WANE_EINVAL, "read: %s: its shape is not that of the base model", path);
    else memcpy(model->weights, loaded->weights, model->parameters.floats * sizeof(float));
    wane_model_free(loaded);
    return st;
}

static void warn(void *context, const char *line)
{
    wane_log_line(context, WANE_LOG_WARNING, "%s", line);
}

wane_status wane_given_apply(wane_update *update, wane_model *model, const char *path,
                             wane_pool *pool, const wane_log *log, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_update loaded = {0};
    char *config = wane_path_join(path, "config.json");
    char *adapter = wane_path_join(path, "adapter_config.json");
    WANE_TRY(config && adapter ? WANE_OK : wane_fail_memory(err, "read", path));
    if (wane_file_exists(config) && !wane_file_exists(adapter)) {
        st = replace_by_model(model, path, err);
        goto done;
    }
    WANE_TRY(wane_update_load(&loaded, path, warn, (void *)log, err));
    WANE_TRY(wane_model_apply(model, &loaded, pool, err));
    if (loaded.lowrank) {
        *update = loaded;
        loaded = (wane_update){0};
    }
done:
    wane_update_free(&loaded);
    wane_free(config);
    wane_free(adapter);
    return st;
}
