/* SPDX-License-Identifier: Apache-2.0
 * Opens checkpoints of any format: one file, a folder's or an archive's, or the shards of an index,
 * which must say what the files say.
 */
#include "store/files/tensors.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/text.h"
#include "store/files/file.h"
#include "store/files/gguf.h"
#include "store/files/tensors_internal.h"

typedef wane_tensor_entry entry;

/* ----------------------------------------------------------------------------------------- shards
 */

static wane_status grow_shards(wane_tensors *tensors, wane_error *err)
{
    return WANE_GROW(tensors->shards, tensors->shard_room, tensors->shard_count + 1)
               ? WANE_OK
               : wane_fail_memory(err, "read", tensors->path);
}

static wane_status read_shard(wane_tensors *tensors, size_t index, wane_error *err)
{
    const wane_shard *file = &tensors->shards[index];
    wane_status st =
        wane_file_refuse_lfs_pointer(file->head, file->head_bytes, file->bytes, file->path, err);
    if (st != WANE_OK) return st;
    bool zip = file->head_bytes >= 4 && memcmp(file->head, "PK\x03\x04", 4) == 0;
    /* A safetensors file that began like this would have a header of over 2 GiB. */
    bool legacy = file->head_bytes >= 4 && memcmp(file->head, "\x80\x02\x8a\x0a", 4) == 0;
    bool gguf =
        wane_gguf_begins(file->head, file->head_bytes) || wane_ends_with(file->name, ".gguf");
    if (!zip && !legacy && !gguf) return wane_safetensors_add(tensors, index, err);
    st = wane_shard_hold(tensors, index, err);
    if (st != WANE_OK) return st;
    if (gguf) return wane_gguf_add(tensors, index, err);
    return zip ? wane_torch_zip_add(tensors, index, err)
               : wane_torch_legacy_add(tensors, index, err);
}

/* A file on disk. */
static wane_status open_file(wane_tensors *tensors, const char *path, const char *name,
                             wane_error *err)
{
    wane_shard one = {.path = wane_arena_strdup(tensors->arena, path),
                      .name = wane_arena_strdup(tensors->arena, name)};
    if (!one.path || !one.name) return wane_fail_memory(err, "read", path);
    char *copy = NULL;
    wane_status st = grow_shards(tensors, err);
    if (st == WANE_OK && tensors->copied)
        st = wane_file_read(&copy, &one.map.bytes, path, SIZE_MAX / 2, err);
    else if (st == WANE_OK) st = wane_map_open(&one.map, path, err);
    if (st != WANE_OK) return st;
    one.bytes = one.head_bytes = one.map.bytes;
    if (copy) one.map = (wane_map){0};
    one.block = (unsigned char *)copy;
    one.data = one.head = copy ? one.block : one.map.data;
    tensors->shards[tensors->shard_count++] = one;
    return read_shard(tensors, tensors->shard_count - 1, err);
}

/* The file `name` of a package. */
static wane_status open_member(wane_tensors *tensors, const wane_package *package, const char *name,
                               wane_error *err)
{
    wane_status st = WANE_OK;
    char *path = wane_package_file(package, name);
    if (!path) return wane_fail_memory(err, "read", tensors->path);
    if (!wane_package_archived(package)) {
        st = open_file(tensors, path, name, err);
        wane_free(path);
        return st;
    }
    wane_shard one = {.path = wane_arena_strdup(tensors->arena, path),
                      .name = wane_arena_strdup(tensors->arena, name)};
    wane_free(path);
    if (!one.path || !one.name) return wane_fail_memory(err, "read", tensors->path);
    if (!wane_package_head(package, name, &one.head, &one.head_bytes, &one.bytes))
        return wane_fail(err, WANE_ENOTFOUND, "read: %s: not in the archive", one.path);
    if (one.bytes == 0) return wane_fail(err, WANE_EFORMAT, "read: %s: empty", one.path);
    if ((st = grow_shards(tensors, err)) != WANE_OK) return st;
    tensors->package = package;
    tensors->shards[tensors->shard_count++] = one;
    return read_shard(tensors, tensors->shard_count - 1, err);
}

/* ------------------------------------------------------------------------------------------ index
 */

static int by_text(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static bool plain_name(const char *name)
{
    return name[0] && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* The distinct shard names of the index, sorted; they stay borrowed from `map`. */
static wane_status shard_names(const char ***out, size_t *count, const wane_json *map,
                               const char *path, wane_error *err)
{
    size_t members = wane_json_size(map), kept = 0;
    if (wane_json_kind_of(map) != WANE_JSON_OBJECT || members == 0)
        return wane_fail(err, WANE_EFORMAT, "read: %s: no weight_map", path);
    const char **names = wane_alloc(members, sizeof *names);
    if (!names) return wane_fail_memory(err, "read", path);
    for (size_t i = 0; i < members; i++) {
        const char *key = NULL;
        names[i] = wane_json_string(wane_json_member(map, i, &key), NULL);
        if (!names[i] || !plain_name(names[i])) {
            wane_free(names);
            return wane_fail(err, WANE_EFORMAT, "read: %s: %s: its shard is no file name", path,
                             key);
        }
    }
    qsort(names, members, sizeof *names, by_text);
    for (size_t i = 0; i < members; i++)
        if (kept == 0 || strcmp(names[kept - 1], names[i]) != 0) names[kept++] = names[i];
    *out = names;
    *count = kept;
    return WANE_OK;
}

/* The index and the shards' headers must tell the same. */
static wane_status check_index(const wane_tensors *tensors, const wane_json *map, const char *path,
                               wane_error *err)
{
    for (size_t i = 0; i < wane_json_size(map); i++) {
        const char *key = NULL;
        const char *name = wane_json_string(wane_json_member(map, i, &key), NULL);
        const entry *found = (const entry *)wane_tensors_find(tensors, key);
        if (!found || strcmp(tensors->shards[found->shard].name, name) != 0)
            return wane_fail(err, WANE_EFORMAT, "read: %s: %s: not in %s, where the index puts it",
                             path, key, name);
    }
    for (size_t i = 0; i < tensors->count; i++)
        if (!wane_json_get(map, tensors->entries[i].tensor.name))
            return wane_fail(err, WANE_EFORMAT, "read: %s: %s: in %s, but not in the index", path,
                             tensors->entries[i].tensor.name,
                             tensors->shards[tensors->entries[i].shard].name);
    return WANE_OK;
}

/* All of them must be there. */
static wane_status find_shards(const wane_package *package, const char *const *names, size_t count,
                               const char *path, wane_error *err)
{
    enum { LISTED = 4 };
    wane_text missing = {0};
    size_t gone = 0;
    for (size_t i = 0; i < count; i++) {
        if (wane_package_has(package, names[i]) || ++gone > LISTED) continue;
        wane_text_printf(&missing, "%s%s", gone > 1 ? ", " : "", names[i]);
    }
    if (gone > LISTED) wane_text_printf(&missing, " and %zu more", gone - LISTED);
    wane_status st = wane_text_check(&missing, "read", path, err);
    if (st == WANE_OK && gone)
        st = wane_fail(err, WANE_ENOTFOUND, "read: %s: %zu of its %zu shards %s missing: %s%s",
                       path, gone, count, gone == 1 ? "is" : "are", missing.data,
                       wane_package_remedy(package));
    wane_text_free(&missing);
    return st;
}

static wane_status open_index(wane_tensors *tensors, const wane_package *package, const char *name,
                              wane_error *err)
{
    wane_json *root = NULL;
    const char **names = NULL;
    size_t count = 0;
    wane_status st = WANE_OK;
    char *path = wane_package_file(package, name);
    if (!path) WANE_TRY(wane_fail_memory(err, "read", tensors->path));
    WANE_TRY(wane_package_json(&root, package, name, err));
    const wane_json *map = wane_json_get(root, "weight_map");
    WANE_TRY(shard_names(&names, &count, map, path, err));
    WANE_TRY(find_shards(package, (const char *const *)names, count, path, err));
    for (size_t i = 0; i < count; i++) WANE_TRY(open_member(tensors, package, names[i], err));
    WANE_TRY(wane_tensors_sort(tensors, err));
    WANE_TRY(check_index(tensors, map, path, err));
done:
    wane_free(names);
    wane_free(path);
    wane_json_free(root);
    return st;
}

/* ---------------------------------------------------------------------------------------- opening
 */

/* All files of a set, which must be one. */
static wane_status open_set(wane_tensors *tensors, const wane_package *package,
                            const wane_package_model *model, wane_error *err)
{
    char *name = wane_strdup(model->name);
    wane_status st = name ? WANE_OK : wane_fail_memory(err, "read", tensors->path);
    for (size_t i = 0; i < model->shards && st == WANE_OK; i++) {
        if (model->shards > 1) wane_gguf_shard_set(name, i + 1);
        st = open_member(tensors, package, name, err);
    }
    wane_free(name);
    return st == WANE_OK ? wane_gguf_check_set(tensors, err) : st;
}

static wane_status open_package(wane_tensors *tensors, const wane_package *package, wane_error *err)
{
    wane_package_model model;
    wane_status st = wane_package_find_model(&model, package, err);
    if (st != WANE_OK) return st;
    if (model.form == WANE_PACKAGE_INDEX) return open_index(tensors, package, model.name, err);
    st = open_set(tensors, package, &model, err);
    return st == WANE_OK ? wane_tensors_sort(tensors, err) : st;
}

static wane_status begin(wane_tensors **out, const char *path, wane_error *err)
{
    wane_tensors *tensors = wane_alloc(1, sizeof *tensors);
    if (!tensors) return wane_fail_memory(err, "read", path);
    tensors->arena = wane_arena_new();
    tensors->path = tensors->arena ? wane_arena_strdup(tensors->arena, path) : NULL;
    if (!tensors->path) {
        wane_tensors_close(tensors);
        return wane_fail_memory(err, "read", path);
    }
    *out = tensors;
    return WANE_OK;
}

wane_status wane_tensors_open_package(wane_tensors **out, const wane_package *package,
                                      wane_error *err)
{
    wane_tensors *tensors = NULL;
    wane_status st = begin(&tensors, wane_package_path(package), err);
    if (st == WANE_OK) st = open_package(tensors, package, err);
    if (st == WANE_OK) *out = tensors;
    else wane_tensors_close(tensors);
    return st;
}

wane_status wane_tensors_open_copy(wane_tensors **out, char sha256[WANE_SHA256_HEX],
                                   const wane_package *package, const char *name, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_tensors *tensors = NULL;
    WANE_TRY(begin(&tensors, package ? wane_package_path(package) : name, err));
    tensors->copied = true;
    if (package) WANE_TRY(open_member(tensors, package, name, err));
    else WANE_TRY(open_file(tensors, name, wane_path_base(name), err));
    WANE_TRY(wane_tensors_sort(tensors, err));
    WANE_TRY(wane_tensors_hold(tensors, err));
    WANE_TRY(wane_sha256_bytes(sha256, tensors->shards[0].data, tensors->shards[0].bytes, err));
    *out = tensors;
    tensors = NULL;
done:
    wane_tensors_close(tensors);
    return st;
}

wane_status wane_tensors_open(wane_tensors **out, const char *path, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_tensors *tensors = NULL;
    wane_package *package = NULL;
    if (wane_package_is(path)) {
        WANE_TRY(wane_package_open(&package, path, err));
        WANE_TRY(wane_tensors_open_package(&tensors, package, err));
        tensors->own = package;
        package = NULL;
    } else {
        WANE_TRY(begin(&tensors, path, err));
        WANE_TRY(open_file(tensors, path, wane_path_base(path), err));
        WANE_TRY(wane_tensors_sort(tensors, err));
    }
    *out = tensors;
    tensors = NULL;
done:
    wane_tensors_close(tensors);
    wane_package_close(package);
    return st;
}

void wane_tensors_close(wane_tensors *tensors)
{
    if (!tensors) return;
    for (size_t i = 0; i < tensors->shard_count; i++) {
        wane_gguf_close(tensors->shards[i].gguf);
        wane_map_close(&tensors->shards[i].map);
        wane_free(tensors->shards[i].block);
    }
    wane_free(tensors->shards);
    wane_free(tensors->entries);
    wane_free(tensors->metadata);
    wane_arena_free(tensors->arena);
    wane_package_close(tensors->own);
    wane_free(tensors);
}
