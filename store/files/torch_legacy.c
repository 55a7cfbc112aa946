/* SPDX-License-Identifier: Apache-2.0
 * The files of torch.save before torch 1.6, as many published models still are: five pickles (a
 * magic number, the version 1001, facts of the machine, the object, the keys of its storages), then
 * each storage: its number of elements in 8 bytes, and its values.
 */
#include <stdlib.h>
#include <string.h>

#include "store/files/pickle.h"
#include "store/files/tensors_internal.h"
#include "store/files/torch_state.h"

typedef struct placed {
    const char *key;
    size_t width, place, bytes; /* width: of an element */
} placed;

typedef struct legacy {
    const unsigned char *data;
    size_t bytes, at;
    const char *path;
    placed *storages; /* by key */
    size_t count;
    wane_arena *arena;
    wane_error *err;
} legacy;

static wane_status refuse(const legacy *l, const char *cause)
{
    return wane_fail(l->err, WANE_EFORMAT, "read: %s: %s", l->path, cause);
}

static wane_status next(wane_pickle *out, legacy *l)
{
    wane_status st =
        wane_pickle_run(out, l->arena, l->data + l->at, l->bytes - l->at, l->path, l->err);
    if (st == WANE_OK) l->at += out->used;
    return st;
}

static wane_status read_head(legacy *l)
{
    static const unsigned char magic[] = {0x80, 2,    0x8a, 10,   0x6c, 0xfc, 0x9c, 0x46,
                                          0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.'};
    wane_pickle run = {0};
    if (l->bytes < sizeof magic || memcmp(l->data, magic, sizeof magic) != 0)
        return refuse(l, "a pickle, but not one of torch.save");
    l->at = sizeof magic;
    wane_status st = next(&run, l);
    if (st != WANE_OK) return st;
    if (run.value->kind != WANE_PICKLE_INTEGER || run.value->integer != 1001)
        return refuse(l, "an unknown version of torch's format before 1.6");
    if ((st = next(&run, l)) != WANE_OK) return st;
    const wane_pickle_value *facts = run.value;
    for (size_t i = 0; facts->kind == WANE_PICKLE_DICT && i + 1 < facts->count; i += 2)
        if (facts->items[i]->kind == WANE_PICKLE_TEXT &&
            strcmp(facts->items[i]->text, "little_endian") == 0 &&
            facts->items[i + 1]->kind == WANE_PICKLE_BOOL && facts->items[i + 1]->integer)
            return WANE_OK;
    return refuse(l, "its byte order is not little-endian");
}

static int by_key(const void *left, const void *right)
{
    return strcmp(((const placed *)left)->key, ((const placed *)right)->key);
}

static placed *find(const legacy *l, const char *key)
{
    placed wanted = {.key = key};
    return l->count ? bsearch(&wanted, l->storages, l->count, sizeof wanted, by_key) : NULL;
}

/* The storages the object names, once each. */
static wane_status list_storages(legacy *l, const wane_pickle *object)
{
    size_t count = 0, kept = 0;
    for (const wane_pickle_value *s = object->storages; s; s = s->next) count++;
    l->storages = wane_arena_alloc(l->arena, count, sizeof *l->storages);
    if (!l->storages) return wane_fail_memory(l->err, "read", l->path);
    for (const wane_pickle_value *s = object->storages; s; s = s->next) {
        const char *type = NULL;
        wane_dtype dtype;
        size_t width =
            wane_dtype_bits(&type, &dtype, wane_pickle_storage_type(s->items[1]->integer)) / 8;
        l->storages[l->count++] = (placed){.key = s->items[2]->text, .width = width};
    }
    if (count) qsort(l->storages, count, sizeof *l->storages, by_key);
    for (size_t i = 0; i < count; i++) {
        if (kept && strcmp(l->storages[kept - 1].key, l->storages[i].key) == 0) {
            if (l->storages[kept - 1].width != l->storages[i].width)
                return refuse(l, "one storage under two types");
            continue;
        }
        l->storages[kept++] = l->storages[i];
    }
    l->count = kept;
    return WANE_OK;
}

/* Where each storage is: they follow each other in the order of `keys`. */
static wane_status place_storages(legacy *l, const wane_pickle_value *keys)
{
    if (keys->kind != WANE_PICKLE_LIST || keys->count != l->count)
        return refuse(l, "its list of storages does not fit its object");
    for (size_t i = 0; i < keys->count; i++) {
        uint64_t elements = 0;
        size_t bytes = 0;
        placed *s = keys->items[i]->kind == WANE_PICKLE_TEXT ? find(l, keys->items[i]->text) : NULL;
        if (!s || s->place) return refuse(l, "its list of storages does not fit its object");
        if (l->bytes - l->at < sizeof elements)
            return refuse(l, "ends in its storages (truncated?)");
        memcpy(&elements, l->data + l->at, sizeof elements);
        l->at += sizeof elements;
        if (!wane_size_mul(&bytes, (size_t)elements, s->width) || bytes > l->bytes - l->at)
            return refuse(l, "ends in its storages (truncated?)");
        s->place = l->at;
        s->bytes = bytes;
        l->at += bytes;
    }
    return WANE_OK;
}

static wane_status find_storage(void *context, size_t *place, size_t *bytes, const char *key)
{
    const placed *s = find(context, key);
    *place = s->place; /* every storage of the object is in the list */
    *bytes = s->bytes;
    return WANE_OK;
}

wane_status wane_torch_legacy_add(wane_tensors *tensors, size_t index, wane_error *err)
{
    const wane_shard *file = &tensors->shards[index];
    wane_status st = WANE_OK;
    legacy l = {.data = file->data,
                .bytes = file->bytes,
                .path = file->path,
                .arena = wane_arena_new(),
                .err = err};
    wane_pickle object = {0}, keys = {0};
    if (!l.arena) return wane_fail_memory(err, "read", file->path);
    WANE_TRY(read_head(&l));
    WANE_TRY(next(&object, &l));
    WANE_TRY(next(&keys, &l));
    WANE_TRY(list_storages(&l, &object));
    WANE_TRY(place_storages(&l, keys.value));
    WANE_TRY(wane_torch_state_add(tensors, index, object.value, find_storage, &l, err));
done:
    wane_arena_free(l.arena);
    return st;
}
