/* SPDX-License-Identifier: Apache-2.0
 * Reading safetensors: one file's header, checked whole.
 */
#include "store/files/safetensors.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/files/json.h"
#include "store/files/tensors_internal.h"

/* The format is little-endian, and so is what is mapped and written here. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "safetensors need a little-endian host");

static const size_t most_header_bytes = 100000000; /* the limit of the reference library */

static bool offset_of(size_t *out, const wane_json *value)
{
    int64_t number = 0;
    if (wane_json_kind_of(value) != WANE_JSON_INTEGER || !wane_json_integer(&number, value) ||
        number < 0)
        return false;
    *out = (size_t)number;
    return true;
}

static wane_status parse_shape(wane_tensor *out, const wane_json *shape, const char *path,
                               wane_error *err)
{
    size_t dimensions = wane_json_size(shape), elements = 1;
    if (wane_json_kind_of(shape) != WANE_JSON_ARRAY)
        return wane_fail(err, WANE_EFORMAT, "read: %s: %s: shape is no list", path, out->name);
    if (dimensions > WANE_TENSOR_DIMENSIONS)
        return wane_fail(err, WANE_EFORMAT, "read: %s: %s: %zu dimensions, at most %d are read",
                         path, out->name, dimensions, WANE_TENSOR_DIMENSIONS);
    for (size_t i = 0; i < dimensions; i++) {
        if (!offset_of(&out->shape[i], wane_json_at(shape, i)))
            return wane_fail(err, WANE_EFORMAT, "read: %s: %s: shape[%zu] is no size", path,
                             out->name, i);
        if (!wane_size_mul(&elements, elements, out->shape[i]))
            return wane_fail(err, WANE_EFORMAT, "read: %s: %s: the shape overflows", path,
                             out->name);
    }
    out->dimensions = dimensions;
    out->elements = elements;
    return WANE_OK;
}

/* One tensor of the header: `data_bytes` is what the file holds after it. */
static wane_status parse_entry(wane_tensor_entry *out, const wane_json *value, size_t data_bytes,
                               const char *path, wane_error *err)
{
    const char *name = out->tensor.name, *dtype = NULL;
    size_t begin = 0, end = 0;
    if (wane_json_kind_of(value) != WANE_JSON_OBJECT)
        return wane_fail(err, WANE_EFORMAT, "read: %s: %s: no tensor description", path, name);
    dtype = wane_json_string(wane_json_get(value, "dtype"), NULL);
    if (!dtype) return wane_fail(err, WANE_EFORMAT, "read: %s: %s: dtype is missing", path, name);
    unsigned bits = wane_dtype_bits(&out->type, &out->tensor.dtype, dtype);
    if (bits == 0)
        return wane_fail(err, WANE_EFORMAT, "read: %s: %s: unknown dtype \"%s\"", path, name,
                         dtype);
    wane_status st = parse_shape(&out->tensor, wane_json_get(value, "shape"), path, err);
    if (st != WANE_OK) return st;
    const wane_json *offsets = wane_json_get(value, "data_offsets");
    if (wane_json_kind_of(offsets) != WANE_JSON_ARRAY || wane_json_size(offsets) != 2 ||
        !offset_of(&begin, wane_json_at(offsets, 0)) ||
        !offset_of(&end, wane_json_at(offsets, 1)) || begin > end)
        return wane_fail(err, WANE_EFORMAT, "read: %s: %s: data_offsets are no range", path, name);
    if (end > data_bytes)
        return wane_fail(err, WANE_EFORMAT,
                         "read: %s: %s: ends at byte %zu of the data, the file holds %zu "
                         "(truncated?)",
                         path, name, end, data_bytes);
    size_t wanted = 0;
    if (!wane_size_mul(&wanted, out->tensor.elements, bits) || wanted % 8 != 0 ||
        wanted / 8 != end - begin)
        return wane_fail(err, WANE_EFORMAT,
                         "read: %s: %s: %zu elements of %s do not fill the %zu bytes of its "
                         "data_offsets",
                         path, name, out->tensor.elements, dtype, end - begin);
    out->offset = begin;
    out->bytes = end - begin;
    return WANE_OK;
}

static wane_status add_metadata(wane_tensors *tensors, const wane_json *object, const char *path,
                                wane_error *err)
{
    if (wane_json_kind_of(object) == WANE_JSON_NULL) return WANE_OK; /* as some writers say none */
    if (wane_json_kind_of(object) != WANE_JSON_OBJECT)
        return wane_fail(err, WANE_EFORMAT, "read: %s: __metadata__ is no object", path);
    size_t count = wane_json_size(object), need = 0;
    if (!wane_size_add(&need, tensors->pairs, count) ||
        !WANE_GROW(tensors->metadata, tensors->pair_room, need))
        return wane_fail_memory(err, "read", path);
    for (size_t i = 0; i < count; i++) {
        const char *key = NULL;
        const char *value = wane_json_string(wane_json_member(object, i, &key), NULL);
        if (!value)
            return wane_fail(err, WANE_EFORMAT, "read: %s: __metadata__: %s is no text", path, key);
        wane_metadata_pair pair = {wane_arena_strdup(tensors->arena, key),
                                   wane_arena_strdup(tensors->arena, value)};
        if (!pair.key || !pair.value) return wane_fail_memory(err, "read", path);
        tensors->metadata[tensors->pairs++] = pair;
    }
    return WANE_OK;
}

static int by_place(const void *left, const void *right)
{
    const wane_tensor_entry *a = left, *b = right;
    if (a->offset != b->offset) return a->offset < b->offset ? -1 : 1;
    if (a->bytes != b->bytes) return a->bytes < b->bytes ? -1 : 1;
    return strcmp(a->tensor.name, b->tensor.name);
}

/* The tensors of one file, in order of place, must fill its data area exactly. */
static wane_status check_tiling(wane_tensor_entry *entries, size_t count, size_t data_bytes,
                                const char *path, wane_error *err)
{
    size_t end = 0;
    if (count) qsort(entries, count, sizeof *entries, by_place);
    for (size_t i = 0; i < count; i++) {
        if (entries[i].offset != end)
            return wane_fail(err, WANE_EFORMAT, "read: %s: %s: %s before byte %zu of the data",
                             path, entries[i].tensor.name,
                             entries[i].offset < end ? "overlaps another tensor" : "a gap",
                             entries[i].offset < end ? end : entries[i].offset);
        end = entries[i].offset + entries[i].bytes;
    }
    if (end != data_bytes)
        return wane_fail(err, WANE_EFORMAT,
                         "read: %s: the tensors end at byte %zu of the data, the file holds %zu",
                         path, end, data_bytes);
    return WANE_OK;
}

/* Adds the tensors of shard `index`, whose header is `root` and whose data starts at `data`. */
static wane_status add_tensors(wane_tensors *tensors, size_t index, const wane_json *root,
                               size_t data, wane_error *err)
{
    const wane_shard *file = &tensors->shards[index];
    size_t data_bytes = file->bytes - data, first = tensors->count;
    for (size_t i = 0; i < wane_json_size(root); i++) {
        const char *name = NULL;
        const wane_json *value = wane_json_member(root, i, &name);
        wane_status st = WANE_OK;
        if (strcmp(name, "__metadata__") == 0) {
            if ((st = add_metadata(tensors, value, file->path, err)) != WANE_OK) return st;
            continue;
        }
        wane_tensor_entry one = {.shard = index};
        one.tensor.name = wane_arena_strdup(tensors->arena, name);
        if (!one.tensor.name) return wane_fail_memory(err, "read", file->path);
        if ((st = parse_entry(&one, value, data_bytes, file->path, err)) != WANE_OK) return st;
        if ((st = wane_tensors_add(tensors, &one, err)) != WANE_OK) return st;
    }
    wane_tensor_entry *added = tensors->entries ? tensors->entries + first : NULL;
    wane_status st = check_tiling(added, tensors->count - first, data_bytes, file->path, err);
    for (size_t i = first; st == WANE_OK && i < tensors->count; i++)
        tensors->entries[i].offset += data;
    return st;
}

wane_status wane_safetensors_add(wane_tensors *tensors, size_t index, wane_error *err)
{
    const wane_shard *file = &tensors->shards[index];
    const unsigned char *bytes = file->head;
    uint64_t claimed = 0;
    if (file->bytes < sizeof claimed)
        return wane_fail(err, WANE_EFORMAT, "read: %s: %zu bytes, too short for a file of tensors",
                         file->path, file->bytes);
    memcpy(&claimed, bytes, sizeof claimed);
    if (claimed > file->bytes - sizeof claimed)
        return wane_fail(err, WANE_EFORMAT,
                         "read: %s: a header of %" PRIu64 " bytes is claimed, the file has %zu "
                         "(truncated, or neither safetensors nor a torch zip)",
                         file->path, claimed, file->bytes);
    if (claimed > most_header_bytes)
        return wane_fail(err, WANE_EFORMAT, "read: %s: a header of %" PRIu64 " bytes, at most %zu",
                         file->path, claimed, most_header_bytes);
    wane_json *root = NULL;
    wane_status st = wane_json_parse(&root, (const char *)bytes + sizeof claimed, (size_t)claimed,
                                     file->path, err);
    if (st != WANE_OK) return st;
    if (wane_json_kind_of(root) == WANE_JSON_OBJECT)
        st = add_tensors(tensors, index, root, sizeof claimed + (size_t)claimed, err);
    else st = wane_fail(err, WANE_EFORMAT, "read: %s: the header is no object", file->path);
    wane_json_free(root);
    return st;
}
