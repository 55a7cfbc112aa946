/* SPDX-License-Identifier: Apache-2.0
 * The values of tensors that lie in an archive: one pass brings many to their places, or whole
 * files to memory.
 */
#include <stdlib.h>
#include <string.h>

#include "store/files/tensors_internal.h"

/* A tensor under way. Raw values go to the end of where they will be, and are widened in place once
 * they are all there; those of 8 bytes are rounded as they come. */
typedef struct arrival {
    const wane_tensor_entry *entry;
    float *out;
    size_t got;            /* bytes */
    unsigned char part[8]; /* of an element of 8 bytes cut by two pieces */
} arrival;

typedef struct stream {
    arrival *list; /* by shard and place */
    size_t count;
    size_t *next; /* per file asked for: the first of its tensors that is not complete */
} stream;

static int by_place(const void *left, const void *right)
{
    const wane_tensor_entry *a = ((const arrival *)left)->entry,
                            *b = ((const arrival *)right)->entry;
    if (a->shard != b->shard) return a->shard < b->shard ? -1 : 1;
    return a->offset < b->offset ? -1 : a->offset > b->offset;
}

static void take_wide(arrival *a, const unsigned char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t place = a->got % sizeof a->part;
        a->part[place] = bytes[i];
        if (place == sizeof a->part - 1)
            wane_dtype_widen(WANE_F64, a->part, 1, a->out + a->got / sizeof a->part);
        a->got++;
    }
}

static void take_bytes(arrival *a, const unsigned char *bytes, size_t count)
{
    const wane_tensor *t = &a->entry->tensor;
    if (t->dtype == WANE_F64) {
        take_wide(a, bytes, count);
        return;
    }
    unsigned char *raw = (unsigned char *)a->out + (t->elements * sizeof(float) - a->entry->bytes);
    memcpy(raw + a->got, bytes, count);
    a->got += count;
    if (a->got == a->entry->bytes) wane_dtype_widen(t->dtype, raw, t->elements, a->out);
}

static wane_status take_piece(void *context, size_t file, size_t offset, const unsigned char *bytes,
                              size_t count, wane_error *err)
{
    (void)err;
    stream *s = context;
    size_t end = offset + count, shard = s->list[s->next[file]].entry->shard;
    for (size_t i = s->next[file]; i < s->count; i++) {
        arrival *a = &s->list[i];
        if (a->entry->shard != shard || a->entry->offset >= end) break;
        size_t from = a->entry->offset + a->got, left = a->entry->bytes - a->got;
        if (left && from >= offset && from < end)
            take_bytes(a, bytes + (from - offset), left < end - from ? left : end - from);
    }
    while (s->next[file] + 1 < s->count && s->list[s->next[file] + 1].entry->shard == shard &&
           s->list[s->next[file]].got == s->list[s->next[file]].entry->bytes)
        s->next[file]++;
    return WANE_OK;
}

wane_status wane_tensors_stream(const wane_tensors *tensors, const wane_tensor_target *targets,
                                size_t count, wane_error *err)
{
    wane_status st = WANE_OK;
    stream s = {.list = wane_alloc(count, sizeof *s.list),
                .next = wane_alloc(count, sizeof *s.next)};
    const char **names = wane_alloc(count, sizeof *names);
    size_t files = 0;
    if (!s.list || !s.next || !names) WANE_TRY(wane_fail_memory(err, "read", tensors->path));
    for (size_t i = 0; i < count; i++) {
        const wane_tensor_entry *e = (const wane_tensor_entry *)targets[i].tensor;
        if (tensors->shards[e->shard].data || e->tensor.elements == 0) continue;
        s.list[s.count++] = (arrival){.entry = e, .out = targets[i].out};
    }
    if (s.count) qsort(s.list, s.count, sizeof *s.list, by_place);
    for (size_t i = 0; i < s.count; i++)
        if (i == 0 || s.list[i].entry->shard != s.list[i - 1].entry->shard) {
            s.next[files] = i;
            names[files++] = tensors->shards[s.list[i].entry->shard].name;
        }
    WANE_TRY(wane_package_stream(tensors->package, names, files, take_piece, &s, err));
done:
    wane_free(s.list);
    wane_free(s.next);
    wane_free(names);
    return st;
}

static wane_status copy_piece(void *context, size_t file, size_t offset, const unsigned char *bytes,
                              size_t count, wane_error *err)
{
    (void)err;
    unsigned char **blocks = context;
    memcpy(blocks[file] + offset, bytes, count);
    return WANE_OK;
}

/* Brings shards[0..count) to memory in one pass. */
static wane_status hold(wane_tensors *tensors, const size_t *shards, size_t count, wane_error *err)
{
    wane_status st = WANE_OK;
    unsigned char **blocks = wane_alloc(count, sizeof *blocks);
    const char **names = wane_alloc(count, sizeof *names);
    if (!blocks || !names) WANE_TRY(wane_fail_memory(err, "read", tensors->path));
    for (size_t i = 0; i < count; i++) {
        const wane_shard *file = &tensors->shards[shards[i]];
        names[i] = file->name;
        blocks[i] = wane_alloc_aligned(file->bytes, 1);
        if (!blocks[i]) WANE_TRY(wane_fail_memory(err, "read", file->path));
    }
    WANE_TRY(wane_package_stream(tensors->package, names, count, copy_piece, blocks, err));
    for (size_t i = 0; i < count; i++) {
        wane_shard *file = &tensors->shards[shards[i]];
        file->data = file->head = file->block = blocks[i];
        file->head_bytes = file->bytes;
        blocks[i] = NULL;
    }
done:
    for (size_t i = 0; blocks && i < count; i++) wane_free(blocks[i]);
    wane_free(blocks);
    wane_free(names);
    return st;
}

wane_status wane_shard_hold(wane_tensors *tensors, size_t index, wane_error *err)
{
    return tensors->shards[index].data ? WANE_OK : hold(tensors, &index, 1, err);
}

wane_status wane_tensors_hold(wane_tensors *tensors, wane_error *err)
{
    size_t count = 0;
    size_t *shards = wane_alloc(tensors->shard_count, sizeof *shards);
    if (!shards) return wane_fail_memory(err, "read", tensors->path);
    for (size_t i = 0; i < tensors->shard_count; i++)
        if (!tensors->shards[i].data) shards[count++] = i;
    wane_status st = count ? hold(tensors, shards, count, err) : WANE_OK;
    wane_free(shards);
    return st;
}
