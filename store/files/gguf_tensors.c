/* SPDX-License-Identifier: Apache-2.0
 * The tensors of GGUF files as those of a checkpoint, the files of a set held against one another,
 * and the metadata of a package.
 */
#include <inttypes.h>
#include <string.h>

#include "store/base/memory.h"
#include "store/files/tensors_internal.h"

wane_status wane_gguf_add(wane_tensors *tensors, size_t index, wane_error *err)
{
    wane_shard *file = &tensors->shards[index];
    size_t count = 0;
    wane_status st =
        wane_gguf_parse(&file->gguf, file->data, file->bytes, file->bytes, file->path, err);
    if (st != WANE_OK) return st;
    const wane_gguf_tensor *list = wane_gguf_tensors(file->gguf, &count);
    for (size_t i = 0; i < count && st == WANE_OK; i++) {
        const wane_gguf_tensor *t = &list[i];
        wane_tensor_entry entry = {.tensor = {.name = t->name,
                                              .dtype = t->type->dtype,
                                              .dimensions = t->dimensions,
                                              .elements = t->elements},
                                   .type = t->type->name,
                                   .shard = index,
                                   .offset = t->offset,
                                   .bytes = t->bytes,
                                   .blocks = t->type};
        memcpy(entry.tensor.shape, t->shape, sizeof t->shape);
        st = wane_tensors_add(tensors, &entry, err);
    }
    return st;
}

/* A key of split.*; `absent` where it is not there, -1 where it is no whole number. */
static int64_t split(const wane_gguf *gguf, const char *key, int64_t absent)
{
    int64_t number = -1;
    const wane_gguf_value *value = wane_gguf_find(gguf, key);
    if (!value) return absent;
    (void)wane_gguf_integer(&number, value);
    return number;
}

wane_status wane_gguf_check_set(const wane_tensors *tensors, wane_error *err)
{
    int64_t files = (int64_t)tensors->shard_count, total = (int64_t)tensors->count;
    for (size_t i = 0; i < tensors->shard_count; i++) {
        const wane_shard *file = &tensors->shards[i];
        if (!file->gguf) return WANE_OK;
        int64_t count = split(file->gguf, "split.count", 1),
                number = split(file->gguf, "split.no", 0);
        if (count == 0) count = 1; /* as some writers say that it is whole */
        if (count != files && files == 1)
            return wane_fail(err, WANE_EFORMAT,
                             "read: %s: split.count: one of %" PRId64 " files, but not named as "
                             "one of them (NAME-00001-of-%05" PRId64 ".gguf)",
                             file->path, count, count);
        if (count != files)
            return wane_fail(err, WANE_EFORMAT,
                             "read: %s: split.count: %" PRId64 ", and its name says %" PRId64,
                             file->path, count, files);
        if (number != (int64_t)i)
            return wane_fail(err, WANE_EFORMAT,
                             "read: %s: split.no: %" PRId64 ", and its name says %zu", file->path,
                             number, i);
    }
    int64_t wanted = split(tensors->shards[0].gguf, "split.tensors.count", total);
    if (files > 1 && wanted != total)
        return wane_fail(err, WANE_EFORMAT,
                         "read: %s: split.tensors.count: %" PRId64 ", and its files have %" PRId64,
                         tensors->path, wanted, total);
    return WANE_OK;
}

const wane_gguf *wane_tensors_gguf(const wane_tensors *tensors)
{
    return tensors->shard_count ? tensors->shards[0].gguf : NULL;
}

wane_status wane_gguf_open_package(wane_gguf **out, const wane_package *package, wane_error *err)
{
    wane_package_model model;
    const unsigned char *head = NULL;
    size_t head_bytes = 0, bytes = 0;
    *out = NULL;
    if (!wane_package_in_gguf(package)) return WANE_OK;
    wane_status st = wane_package_find_model(&model, package, err);
    if (st != WANE_OK) return st;
    char *path = wane_package_file(package, model.name);
    if (!path) return wane_fail_memory(err, "read", wane_package_path(package));
    if (wane_package_head(package, model.name, &head, &head_bytes, &bytes))
        st = wane_gguf_parse(out, head, head_bytes, bytes, path, err);
    else st = wane_gguf_open(out, path, err);
    wane_free(path);
    return st;
}
