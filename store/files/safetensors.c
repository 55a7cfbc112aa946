/* SPDX-License-Identifier: Apache-2.0 */
#include "store/files/safetensors.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/memory.h"
#include "store/base/text.h"
#include "store/files/file.h"
#include "store/files/json.h"

/* The format is little-endian, and so is what is mapped and written here. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "safetensors need a little-endian host");

static const size_t most_header_bytes = 100000000; /* the limit of the reference library */

typedef struct shard {
    wane_map map;
    const char *path, *name; /* name: its last part */
} shard;

typedef struct entry {
    wane_tensor tensor; /* first: a public pointer leads back to its entry */
    const char *dtype;  /* as the file spells it */
    size_t shard, begin, end;
    const unsigned char *bytes;
} entry;

typedef struct metadata_pair {
    const char *key, *value;
} metadata_pair;

struct wane_tensors {
    wane_arena *arena; /* names and paths */
    const char *path;
    shard *shards;
    entry *entries; /* by name once open */
    metadata_pair *metadata;
    size_t shard_count, count, pairs;
};

/* Bits of an element; sub-byte types fill whole bytes. */
static const struct {
    const char *name;
    unsigned bits;
    wane_dtype dtype;
} dtypes[] = {
    {"F32", 32, WANE_F32},      {"F16", 16, WANE_F16},          {"BF16", 16, WANE_BF16},
    {"F64", 64, WANE_F64},      {"BOOL", 8, WANE_OTHER},        {"U8", 8, WANE_OTHER},
    {"I8", 8, WANE_OTHER},      {"U16", 16, WANE_OTHER},        {"I16", 16, WANE_OTHER},
    {"U32", 32, WANE_OTHER},    {"I32", 32, WANE_OTHER},        {"U64", 64, WANE_OTHER},
    {"I64", 64, WANE_OTHER},    {"F8_E4M3", 8, WANE_OTHER},     {"F8_E5M2", 8, WANE_OTHER},
    {"F8_E8M0", 8, WANE_OTHER}, {"F8_E4M3FNUZ", 8, WANE_OTHER}, {"F8_E5M2FNUZ", 8, WANE_OTHER},
    {"F6_E2M3", 6, WANE_OTHER}, {"F6_E3M2", 6, WANE_OTHER},     {"F4", 4, WANE_OTHER},
    {"C64", 64, WANE_OTHER}};

const char *wane_dtype_name(wane_dtype dtype)
{
    return dtype == WANE_OTHER ? "other" : dtypes[dtype].name;
}

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
static wane_status parse_entry(entry *out, const wane_json *value, size_t data_bytes,
                               const char *path, wane_error *err)
{
    const char *name = out->tensor.name, *dtype = NULL;
    if (wane_json_kind_of(value) != WANE_JSON_OBJECT)
        return wane_fail(err, WANE_EFORMAT, "read: %s: %s: no tensor description", path, name);
    dtype = wane_json_string(wane_json_get(value, "dtype"), NULL);
    if (!dtype) return wane_fail(err, WANE_EFORMAT, "read: %s: %s: dtype is missing", path, name);
    unsigned bits = 0;
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if (strcmp(dtype, dtypes[i].name) == 0) {
            out->dtype = dtypes[i].name;
            out->tensor.dtype = dtypes[i].dtype;
            bits = dtypes[i].bits;
        }
    if (bits == 0)
        return wane_fail(err, WANE_EFORMAT, "read: %s: %s: unknown dtype \"%s\"", path, name,
                         dtype);
    wane_status st = parse_shape(&out->tensor, wane_json_get(value, "shape"), path, err);
    if (st != WANE_OK) return st;
    const wane_json *offsets = wane_json_get(value, "data_offsets");
    if (wane_json_kind_of(offsets) != WANE_JSON_ARRAY || wane_json_size(offsets) != 2 ||
        !offset_of(&out->begin, wane_json_at(offsets, 0)) ||
        !offset_of(&out->end, wane_json_at(offsets, 1)) || out->begin > out->end)
        return wane_fail(err, WANE_EFORMAT, "read: %s: %s: data_offsets are no range", path, name);
    if (out->end > data_bytes)
        return wane_fail(err, WANE_EFORMAT,
                         "read: %s: %s: ends at byte %zu of the data, the file holds %zu "
                         "(truncated?)",
                         path, name, out->end, data_bytes);
    size_t wanted = 0;
    if (!wane_size_mul(&wanted, out->tensor.elements, bits) || wanted % 8 != 0 ||
        wanted / 8 != out->end - out->begin)
        return wane_fail(err, WANE_EFORMAT,
                         "read: %s: %s: %zu elements of %s do not fill the %zu bytes of its "
                         "data_offsets",
                         path, name, out->tensor.elements, dtype, out->end - out->begin);
    return WANE_OK;
}

static wane_status add_metadata(wane_tensors *tensors, const wane_json *object, const char *path,
                                wane_error *err)
{
    if (wane_json_kind_of(object) != WANE_JSON_OBJECT)
        return wane_fail(err, WANE_EFORMAT, "read: %s: __metadata__ is no object", path);
    size_t count = wane_json_size(object), need = 0;
    if (!wane_size_add(&need, tensors->pairs, count)) return wane_fail_memory(err, "read", path);
    metadata_pair *grown = wane_realloc(tensors->metadata, need, sizeof *grown);
    if (!grown) return wane_fail_memory(err, "read", path);
    tensors->metadata = grown;
    for (size_t i = 0; i < count; i++) {
        const char *key = NULL;
        const char *value = wane_json_string(wane_json_member(object, i, &key), NULL);
        if (!value)
            return wane_fail(err, WANE_EFORMAT, "read: %s: __metadata__: %s is no text", path, key);
        metadata_pair pair = {wane_arena_strdup(tensors->arena, key),
                              wane_arena_strdup(tensors->arena, value)};
        if (!pair.key || !pair.value) return wane_fail_memory(err, "read", path);
        grown[tensors->pairs++] = pair;
    }
    return WANE_OK;
}

static int by_place(const void *left, const void *right)
{
    const entry *a = left, *b = right;
    if (a->begin != b->begin) return a->begin < b->begin ? -1 : 1;
    if (a->end != b->end) return a->end < b->end ? -1 : 1;
    return strcmp(a->tensor.name, b->tensor.name);
}

static int by_name(const void *left, const void *right)
{
    const entry *a = left, *b = right;
    return strcmp(a->tensor.name, b->tensor.name);
}

/* The tensors of one file, in order of place, must fill its data area exactly. */
static wane_status check_tiling(entry *entries, size_t count, size_t data_bytes, const char *path,
                                wane_error *err)
{
    size_t end = 0;
    if (count) qsort(entries, count, sizeof *entries, by_place);
    for (size_t i = 0; i < count; i++) {
        if (entries[i].begin != end)
            return wane_fail(err, WANE_EFORMAT, "read: %s: %s: %s before byte %zu of the data",
                             path, entries[i].tensor.name,
                             entries[i].begin < end ? "overlaps another tensor" : "a gap",
                             entries[i].begin < end ? end : entries[i].begin);
        end = entries[i].end;
    }
    if (end != data_bytes)
        return wane_fail(err, WANE_EFORMAT,
                         "read: %s: the tensors end at byte %zu of the data, the file holds %zu",
                         path, end, data_bytes);
    return WANE_OK;
}

static wane_status grow_entries(wane_tensors *tensors, size_t extra, wane_error *err)
{
    size_t need = 0;
    entry *grown = NULL;
    if (wane_size_add(&need, tensors->count, extra))
        grown = wane_realloc(tensors->entries, need, sizeof *grown);
    if (!grown) return wane_fail_memory(err, "read", tensors->path);
    tensors->entries = grown;
    return WANE_OK;
}

/* Adds the tensors of shard `index`, whose header is `root` and whose data starts at `data`. */
static wane_status add_tensors(wane_tensors *tensors, size_t index, const wane_json *root,
                               const unsigned char *data, wane_error *err)
{
    const shard *file = &tensors->shards[index];
    size_t data_bytes = file->map.bytes - (size_t)(data - file->map.data);
    size_t members = wane_json_size(root), first = tensors->count;
    wane_status st = grow_entries(tensors, members, err);
    for (size_t i = 0; st == WANE_OK && i < members; i++) {
        const char *name = NULL;
        const wane_json *value = wane_json_member(root, i, &name);
        if (strcmp(name, "__metadata__") == 0) {
            st = add_metadata(tensors, value, file->path, err);
            continue;
        }
        entry one = {.shard = index};
        one.tensor.name = wane_arena_strdup(tensors->arena, name);
        if (!one.tensor.name) return wane_fail_memory(err, "read", file->path);
        st = parse_entry(&one, value, data_bytes, file->path, err);
        if (st == WANE_OK) tensors->entries[tensors->count++] = one;
    }
    if (st != WANE_OK) return st;
    for (size_t i = first; i < tensors->count; i++)
        tensors->entries[i].bytes = data + tensors->entries[i].begin;
    return check_tiling(tensors->entries + first, tensors->count - first, data_bytes, file->path,
                        err);
}

static wane_status read_header(wane_tensors *tensors, size_t index, wane_error *err)
{
    static const char pointer[] = "version https://git-lfs";
    const shard *file = &tensors->shards[index];
    const unsigned char *bytes = file->map.data;
    uint64_t claimed = 0;
    if (file->map.bytes >= sizeof pointer - 1 && memcmp(bytes, pointer, sizeof pointer - 1) == 0)
        return wane_fail(err, WANE_EFORMAT,
                         "read: %s: a Git LFS pointer, not the weights (run git lfs pull)",
                         file->path);
    if (file->map.bytes < sizeof claimed)
        return wane_fail(err, WANE_EFORMAT, "read: %s: %zu bytes, too short for a safetensors file",
                         file->path, file->map.bytes);
    memcpy(&claimed, bytes, sizeof claimed);
    if (claimed > file->map.bytes - sizeof claimed)
        return wane_fail(err, WANE_EFORMAT,
                         "read: %s: a header of %" PRIu64 " bytes is claimed, the file has %zu "
                         "(truncated, or no safetensors file)",
                         file->path, claimed, file->map.bytes);
    if (claimed > most_header_bytes)
        return wane_fail(err, WANE_EFORMAT, "read: %s: a header of %" PRIu64 " bytes, at most %zu",
                         file->path, claimed, most_header_bytes);
    wane_json *root = NULL;
    wane_status st = wane_json_parse(&root, (const char *)bytes + sizeof claimed, (size_t)claimed,
                                     file->path, err);
    if (st != WANE_OK) return st;
    if (wane_json_kind_of(root) == WANE_JSON_OBJECT)
        st = add_tensors(tensors, index, root, bytes + sizeof claimed + claimed, err);
    else st = wane_fail(err, WANE_EFORMAT, "read: %s: the header is no object", file->path);
    wane_json_free(root);
    return st;
}

static wane_status open_shard(wane_tensors *tensors, const char *path, const char *name,
                              wane_error *err)
{
    shard one = {.path = wane_arena_strdup(tensors->arena, path),
                 .name = wane_arena_strdup(tensors->arena, name)};
    if (!one.path || !one.name) return wane_fail_memory(err, "read", path);
    wane_status st = wane_map_open(&one.map, path, err);
    if (st != WANE_OK) return st;
    tensors->shards[tensors->shard_count++] = one;
    return read_header(tensors, tensors->shard_count - 1, err);
}

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

static wane_status sort_by_name(wane_tensors *tensors, wane_error *err)
{
    if (tensors->count) qsort(tensors->entries, tensors->count, sizeof(entry), by_name);
    for (size_t i = 1; i < tensors->count; i++) {
        const entry *a = &tensors->entries[i - 1], *b = a + 1;
        if (by_name(a, b) == 0)
            return wane_fail(err, WANE_EFORMAT, "read: %s: %s: in %s and in %s", tensors->path,
                             a->tensor.name, tensors->shards[a->shard].name,
                             tensors->shards[b->shard].name);
    }
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

static wane_status open_index(wane_tensors *tensors, const char *folder, const char *path,
                              wane_error *err)
{
    wane_json *root = NULL;
    const char **names = NULL;
    size_t count = 0;
    wane_status st = WANE_OK;
    WANE_TRY(wane_json_load(&root, path, err));
    const wane_json *map = wane_json_get(root, "weight_map");
    WANE_TRY(shard_names(&names, &count, map, path, err));
    tensors->shards = wane_alloc(count, sizeof *tensors->shards);
    if (!tensors->shards) WANE_TRY(wane_fail_memory(err, "read", path));
    for (size_t i = 0; i < count; i++) {
        char *file = wane_path_join(folder, names[i]);
        st = file ? open_shard(tensors, file, names[i], err) : wane_fail_memory(err, "read", path);
        wane_free(file);
        if (st != WANE_OK) goto done;
    }
    WANE_TRY(sort_by_name(tensors, err));
    WANE_TRY(check_index(tensors, map, path, err));
done:
    wane_free(names);
    wane_json_free(root);
    return st;
}

static wane_status open_single(wane_tensors *tensors, const char *path, wane_error *err)
{
    const char *slash = strrchr(path, '/');
    tensors->shards = wane_alloc(1, sizeof *tensors->shards);
    if (!tensors->shards) return wane_fail_memory(err, "read", path);
    wane_status st = open_shard(tensors, path, slash ? slash + 1 : path, err);
    return st == WANE_OK ? sort_by_name(tensors, err) : st;
}

static wane_status open_folder(wane_tensors *tensors, const char *folder, wane_error *err)
{
    wane_status st = WANE_OK;
    char *single = wane_path_join(folder, "model.safetensors");
    char *index = wane_path_join(folder, "model.safetensors.index.json");
    if (!single || !index) WANE_TRY(wane_fail_memory(err, "read", folder));
    if (wane_file_exists(single)) WANE_TRY(open_single(tensors, single, err));
    else if (wane_file_exists(index)) WANE_TRY(open_index(tensors, folder, index, err));
    else
        WANE_TRY(wane_fail(err, WANE_ENOTFOUND,
                           "read: %s: neither model.safetensors nor model.safetensors.index.json "
                           "is there",
                           folder));
done:
    wane_free(single);
    wane_free(index);
    return st;
}

wane_status wane_tensors_open(wane_tensors **out, const char *path, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_tensors *tensors = wane_alloc(1, sizeof *tensors);
    if (!tensors) return wane_fail_memory(err, "read", path);
    tensors->arena = wane_arena_new();
    tensors->path = tensors->arena ? wane_arena_strdup(tensors->arena, path) : NULL;
    if (!tensors->path) WANE_TRY(wane_fail_memory(err, "read", path));
    if (wane_folder_exists(path)) WANE_TRY(open_folder(tensors, path, err));
    else WANE_TRY(open_single(tensors, path, err));
    *out = tensors;
    return WANE_OK;
done:
    wane_tensors_close(tensors);
    return st;
}

void wane_tensors_close(wane_tensors *tensors)
{
    if (!tensors) return;
    for (size_t i = 0; i < tensors->shard_count; i++) wane_map_close(&tensors->shards[i].map);
    wane_free(tensors->shards);
    wane_free(tensors->entries);
    wane_free(tensors->metadata);
    wane_arena_free(tensors->arena);
    wane_free(tensors);
}

size_t wane_tensors_count(const wane_tensors *tensors)
{
    return tensors->count;
}

const wane_tensor *wane_tensors_at(const wane_tensors *tensors, size_t index)
{
    return &tensors->entries[index].tensor;
}

const wane_tensor *wane_tensors_find(const wane_tensors *tensors, const char *name)
{
    entry wanted = {.tensor.name = name};
    const entry *found =
        tensors->count ? bsearch(&wanted, tensors->entries, tensors->count, sizeof wanted, by_name)
                       : NULL;
    return found ? &found->tensor : NULL;
}

const char *wane_tensors_metadata(const wane_tensors *tensors, const char *key)
{
    for (size_t i = 0; i < tensors->pairs; i++)
        if (strcmp(tensors->metadata[i].key, key) == 0) return tensors->metadata[i].value;
    return NULL;
}

static float from_bits(uint32_t bits)
{
    float value = 0;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The exponent is rebased by one exact product, which also makes subnormal halves normal. */
static float widen_half(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, rest = (uint32_t)(half & 0x7fff) << 13;
    uint32_t bits = 0;
    float magnitude = from_bits(rest) * 0x1p112f;
    memcpy(&bits, &magnitude, sizeof bits);
    return from_bits(sign | ((half & 0x7c00) == 0x7c00 ? rest | 0x7f800000 : bits));
}

wane_status wane_tensors_read(const wane_tensors *tensors, const wane_tensor *tensor, float *out,
                              wane_error *err)
{
    const entry *e = (const entry *)tensor;
    const unsigned char *bytes = e->bytes;
    uint16_t half = 0;
    double wide = 0;
    switch (tensor->dtype) {
    case WANE_F32:
        if (tensor->elements) memcpy(out, bytes, tensor->elements * sizeof *out);
        return WANE_OK;
    case WANE_F16:
        for (size_t i = 0; i < tensor->elements; i++) {
            memcpy(&half, bytes + 2 * i, sizeof half);
            out[i] = widen_half(half);
        }
        return WANE_OK;
    case WANE_BF16:
        for (size_t i = 0; i < tensor->elements; i++) {
            memcpy(&half, bytes + 2 * i, sizeof half);
            out[i] = from_bits((uint32_t)half << 16);
        }
        return WANE_OK;
    case WANE_F64:
        for (size_t i = 0; i < tensor->elements; i++) {
            memcpy(&wide, bytes + 8 * i, sizeof wide);
            out[i] = (float)wide;
        }
        return WANE_OK;
    case WANE_OTHER: break;
    }
    return wane_fail(err, WANE_EFORMAT, "read: %s: %s: dtype %s; F32, F16, BF16 and F64 are read",
                     tensors->shards[e->shard].path, tensor->name, e->dtype);
}

const float *wane_tensors_floats(const wane_tensors *tensors, const wane_tensor *tensor)
{
    (void)tensors;
    const unsigned char *bytes = ((const entry *)tensor)->bytes;
    bool usable = tensor->dtype == WANE_F32 && (uintptr_t)bytes % _Alignof(float) == 0;
    return usable ? (const float *)(const void *)bytes : NULL;
}
