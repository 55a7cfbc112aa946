/* SPDX-License-Identifier: Apache-2.0
 * Tells model, adapter and tensors apart, hashes their files as they were read, checks that they
 * fit the base, and puts them on a model.
 */
#include "eval/pair/given.h"

#include <string.h>

#include "eval/model/model_files.h"
#include "eval/train/train.h"
#include "store/base/memory.h"
#include "store/files/file.h"
#include "store/files/hub.h"

static bool part_of_checkpoint(const char *name)
{
    return strcmp(name, "adapter_config.json") == 0 || strcmp(name, "config.json") == 0 ||
           wane_package_tensor_name(name);
}

/* The digest of a file that was read as part of the adapter `read`: of those very bytes. NULL for
 * files that were not. */
static const char *as_read(const wane_update *read, const char *name, bool pickled)
{
    if (!read || !read->lowrank) return NULL;
    if (strcmp(name, "adapter_config.json") == 0) return read->config_sha256;
    bool weights = strcmp(name, pickled ? "adapter_model.bin" : "adapter_model.safetensors") == 0;
    return weights ? read->weights_sha256 : NULL;
}

static wane_status hash_file(wane_sha256 *hash, const char *name, const char *path,
                             const char *known, wane_error *err)
{
    char digest[WANE_SHA256_HEX];
    wane_status st = known ? WANE_OK : wane_file_sha256(digest, path, err);
    if (st != WANE_OK) return st;
    wane_sha256_text(hash, name);
    wane_sha256_text(hash, known ? known : digest);
    return WANE_OK;
}

static bool listed(char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0) return true;
    return false;
}

/* Of a set of GGUF files, by any of them: *set, and the digest over all. */
static wane_status hash_set(char out[WANE_SHA256_HEX], bool *set, const char *path, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_sha256 *hash = NULL;
    wane_package *package = NULL;
    char *file = NULL;
    size_t number = 0, count = 0;
    *set = !wane_folder_exists(path) && wane_gguf_shard(wane_path_base(path), &number, &count);
    if (!*set) return WANE_OK;
    WANE_TRY(wane_package_open(&package, path, err));
    WANE_TRY(wane_sha256_begin(&hash, err));
    for (size_t i = 0; i < wane_package_count(package); i++) {
        const char *name = wane_package_name(package, i);
        file = wane_package_file(package, name);
        WANE_TRY(file ? WANE_OK : wane_fail_memory(err, "read", path));
        WANE_TRY(hash_file(hash, name, file, NULL, err));
        wane_free(file);
        file = NULL;
    }
    st = wane_sha256_end(out, hash, err);
    hash = NULL;
done:
    wane_sha256_free(hash);
    wane_package_close(package);
    wane_free(file);
    return st;
}

/* Of the file or folder at `path`; of files that `read` was made of, as they were read. */
static wane_status hash_files(char out[WANE_SHA256_HEX], const char *path, const wane_update *read,
                              wane_error *err)
{
    bool set = false;
    wane_status st = hash_set(out, &set, path, err);
    if (st != WANE_OK || set) return st;
    if (!wane_folder_exists(path)) return wane_file_sha256(out, path, err);
    wane_sha256 *hash = NULL;
    char **names = NULL, *file = NULL;
    size_t count = 0, used = 0;
    WANE_TRY(wane_sha256_begin(&hash, err));
    WANE_TRY(wane_folder_list(&names, &count, path, err));
    bool pickled = !listed(names, count, "adapter_model.safetensors");
    for (size_t i = 0; i < count; i++) {
        if (!part_of_checkpoint(names[i])) continue;
        file = wane_path_join(path, names[i]);
        WANE_TRY(file ? WANE_OK : wane_fail_memory(err, "read", path));
        WANE_TRY(hash_file(hash, names[i], file, as_read(read, names[i], pickled), err));
        wane_free(file);
        file = NULL;
        used++;
    }
    if (used == 0) {
        st = wane_fail(err, WANE_ENOTFOUND,
                       "read: %s: neither a model, an adapter nor tensors in it", path);
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

/* The same where `path` may be a name on the hub. */
static wane_status hash_content(char out[WANE_SHA256_HEX], const char *path,
                                const wane_update *read, wane_error *err)
{
    char *folder = NULL;
    wane_status st = wane_hub_folder(&folder, path, err);
    if (st == WANE_OK) st = hash_files(out, folder ? folder : path, read, err);
    wane_free(folder);
    return st;
}

wane_status wane_given_sha256(char out[WANE_SHA256_HEX], const char *path, wane_error *err)
{
    return hash_content(out, path, NULL, err);
}

wane_status wane_given_unchanged(const char *sha256, const char *path, const wane_update *read,
                                 wane_error *err)
{
    char now[WANE_SHA256_HEX];
    wane_status st = hash_content(now, path, read, err);
    if (st != WANE_OK || strcmp(now, sha256) == 0) return st;
    return wane_fail(err, WANE_EFORMAT,
                     "read: %s: changed since the run was planned: run the same line again", path);
}

wane_status wane_given_fits(const wane_config *base, const wane_config *given, const char *path,
                            wane_error *err)
{
    wane_config_difference first;
    if (!wane_config_shape_differs(&first, base, given)) return WANE_OK;
    return wane_fail(err, WANE_EINVAL,
                     "read: %s: its shape is not that of the base model: %s %s, the base's %s",
                     path, first.setting, first.value, first.base);
}

/* A model, not an adapter or tensors without a configuration. */
static bool is_model(const wane_package *package)
{
    return wane_model_is_there(package) && !wane_package_has(package, "adapter_config.json");
}

wane_status wane_given_open_model(wane_package **out, const char *path, wane_error *err)
{
    *out = NULL;
    if (!wane_package_is(path)) return WANE_OK;
    wane_package *package = NULL;
    wane_status st = wane_package_open(&package, path, err);
    if (st != WANE_OK) return st;
    if (is_model(package)) *out = package;
    else wane_package_close(package);
    return WANE_OK;
}

wane_status wane_given_is_adapter(bool *out, const char *path, wane_error *err)
{
    wane_package *package = NULL;
    *out = false;
    if (!wane_package_is(path)) return WANE_OK;
    wane_status st = wane_package_open(&package, path, err);
    if (st == WANE_OK) *out = wane_package_has(package, "adapter_config.json");
    wane_package_close(package);
    return st;
}

wane_status wane_given_config(wane_config *out, const wane_package *package, wane_error *err)
{
    char *text = NULL, *name = NULL;
    size_t bytes = 0;
    wane_status st = wane_model_config_text(&text, &bytes, &name, package, err);
    if (st == WANE_OK) st = wane_config_parse(out, text, bytes, name, err);
    wane_free(text);
    wane_free(name);
    return st;
}

/* The model of the package in place of `model`: its weights, and the configuration they are
 * computed under. */
static wane_status replace_by_model(wane_model *model, const wane_package *package,
                                    const wane_log *log, wane_error *err)
{
    wane_model *loaded = NULL;
    wane_status st = wane_model_load_package(&loaded, package, err);
    if (st != WANE_OK) return st;
    wane_given_tell_others(loaded, wane_package_path(package), log);
    /* An adapter before may have parted head and embedding; this one stands for itself. */
    if (loaded->config.tied) wane_model_tie(model);
    st = wane_given_fits(&model->config, &loaded->config, wane_package_path(package), err);
    if (st == WANE_OK) {
        memcpy(model->weights, loaded->weights, model->parameters.floats * sizeof(float));
        model->config = loaded->config;
    }
    wane_model_free(loaded);
    return st;
}

void wane_given_tell_others(const wane_model *model, const char *path, const wane_log *log)
{
    if (model->others == 0) return;
    wane_log_line(log, WANE_LOG_WARNING,
                  "%s: %zu %s of other parts of the model (of what sees images) passed over: the "
                  "text model alone is read, trained and saved",
                  path, model->others, model->others == 1 ? "tensor is" : "tensors are");
}

void wane_given_tell_both(const wane_package *package, bool base, const wane_log *log)
{
    if (!wane_package_holds_both(package)) return;
    wane_log_line(log, WANE_LOG_WARNING,
                  base ? "%s: holds a model and an adapter: named as the base, it is the model "
                         "without the adapter"
                       : "%s: holds a model and an adapter: named as what was tuned, it is the "
                         "adapter (name the file of the model's tensors to read those)",
                  wane_package_path(package));
}

/* Modules the adapter's configuration names and its file has nothing for. Peft leaves those that
 * lack factors as they are, with a warning; of those to be saved whole it fails. */
static wane_status tell_lacking(const wane_update *update, const wane_model *model,
                                const char *path, const wane_log *log, wane_error *err)
{
    size_t count = 0, first = 0, whole = 0, first_whole = 0;
    for (size_t i = 0; i < model->parameters.count; i++) {
        const wane_parameter *p = &model->parameters.parameter[i];
        bool lacks = false;
        if (wane_update_lacks_whole(update, p->name) && whole++ == 0) first_whole = i;
        wane_status st = p->linear ? wane_update_lacks(&lacks, update, p->name, err) : WANE_OK;
        if (st != WANE_OK) return st;
        if (lacks && count++ == 0) first = i;
    }
    if (count)
        wane_log_line(log, WANE_LOG_WARNING,
                      "%s: no factors for %zu %s that target_modules names (the first is %s): left "
                      "as in the base",
                      path, count, count == 1 ? "weight" : "weights",
                      model->parameters.parameter[first].name);
    if (whole)
        wane_log_line(log, WANE_LOG_WARNING,
                      "%s: no values for %zu %s that modules_to_save names (the first is %s): left "
                      "as in the base",
                      path, whole, whole == 1 ? "tensor" : "tensors",
                      model->parameters.parameter[first_whole].name);
    return WANE_OK;
}

/* peft goes by the modules, not by what the file says of them. */
static void tell_turned(wane_update *update, const wane_model *model, const char *path,
                        const wane_log *log)
{
    bool turned = false;
    for (size_t i = 0; i < update->count; i++) {
        long index = wane_parameters_find(&model->parameters, update->tensors[i].name);
        turned = turned || (index >= 0 && !update->tensors[i].data &&
                            model->parameters.parameter[index].turned);
    }
    if (update->facts.fan_in_fan_out == turned) return;
    wane_log_line(log, WANE_LOG_WARNING,
                  turned ? "%s: fan_in_fan_out is not set, and the model's files have weights as "
                           "inputs x outputs: taken as true, as peft takes it"
                         : "%s: fan_in_fan_out is set, and the weights are outputs x inputs: taken "
                           "as false, as peft takes it",
                  path);
    update->facts.fan_in_fan_out = turned;
}

/* For names of files as the model has them. */
typedef struct naming {
    const wane_parameters *table;
    char name[WANE_TENSOR_NAME];
} naming;

static const char *own_name(void *context, const char *name)
{
    naming *n = context;
    return wane_parameters_own_name(n->name, n->table, name);
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
    wane_package *package = NULL;
    if (wane_package_is(path)) {
        WANE_TRY(wane_package_open(&package, path, err));
        if (is_model(package)) {
            st = replace_by_model(model, package, log, err);
            goto done;
        }
        wane_given_tell_both(package, false, log);
        WANE_TRY(wane_update_load_package(&loaded, package, false, warn, (void *)log, err));
    } else {
        WANE_TRY(wane_update_load(&loaded, path, warn, (void *)log, err));
    }
    naming n = {.table = &model->parameters};
    WANE_TRY(wane_update_rename(&loaded, own_name, &n, err));
    if (loaded.lowrank) WANE_TRY(tell_lacking(&loaded, model, path, log, err));
    if (loaded.lowrank) tell_turned(&loaded, model, path, log);
    WANE_TRY(wane_model_apply(model, &loaded, pool, err));
    if (loaded.lowrank) {
        *update = loaded;
        loaded = (wane_update){0};
    }
done:
    wane_update_free(&loaded);
    wane_package_close(package);
    return st;
}

wane_status wane_given_check(const wane_model *base, const char *const *paths, size_t count,
                             bool from_base, const wane_log *log, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_model *model = NULL;
    for (size_t i = 0; i < count && st == WANE_OK; i++) {
        wane_update update = {0};
        if (from_base) {
            wane_model_free(model);
            model = NULL;
        }
        if (!model) st = wane_model_copy(&model, base, err);
        if (st == WANE_OK) st = wane_given_apply(&update, model, paths[i], NULL, log, err);
        wane_update_free(&update);
    }
    wane_model_free(model);
    return st;
}
