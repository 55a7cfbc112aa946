/* SPDX-License-Identifier: Apache-2.0
 * Reads the header of a GGUF file, metadata and tensors, every length held against the bytes that
 * are left.
 */
#include "store/files/gguf.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/memory.h"
#include "store/files/file.h"
#include "store/files/gguf_internal.h"
#include "store/files/gguf_value.h"

/* The format is little-endian, and so is what is read here in place. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "GGUF needs a little-endian host");

enum { LONGEST_KEY = 65535, LONGEST_NAME = 255, DEEPEST = 4, DEFAULT_ALIGNMENT = 32 };

typedef struct pair {
    const char *key;
    wane_gguf_value value;
} pair;

struct wane_gguf {
    wane_arena *arena;
    wane_map map; /* of a file that it opened itself */
    const char *path;
    pair *pairs; /* by key */
    size_t pair_count;
    wane_gguf_tensor *tensors;
    size_t tensor_count;
};

/* ----------------------------------------------------------------------------------- the cursor */

typedef struct reader {
    const unsigned char *bytes;
    size_t count, at; /* at hand; the next one */
    wane_gguf *out;
    const char *in; /* the key or tensor that is being read, for messages */
    bool ended;     /* before what was to be read */
    wane_error *err;
} reader;

static wane_status refuse(const reader *r, const char *cause)
{
    return wane_fail(r->err, WANE_EFORMAT, "read: %s: %s: %s (at byte %zu)", r->out->path, r->in,
                     cause, r->at);
}

static wane_status ends(reader *r)
{
    r->ended = true;
    return refuse(r, "the file ends in it (truncated?)");
}

static wane_status take(reader *r, void *out, size_t count)
{
    if (count > r->count - r->at) return ends(r);
    memcpy(out, r->bytes + r->at, count);
    r->at += count;
    return WANE_OK;
}

/* A length or count as a size_t of what takes at least `least` bytes each. */
static wane_status take_count(reader *r, size_t *out, size_t least)
{
    uint64_t count = 0;
    wane_status st = take(r, &count, sizeof count);
    if (st != WANE_OK) return st;
    if (count > (r->count - r->at) / least) {
        r->ended = true;
        r->at -= sizeof count;
        return wane_fail(r->err, WANE_EFORMAT,
                         "read: %s: %s: a count of %" PRIu64 " is more than the file has room for "
                         "(at byte %zu; truncated?)",
                         r->out->path, r->in, count, r->at);
    }
    *out = (size_t)count;
    return WANE_OK;
}

/* A key or a tensor's name: visible ASCII, so that messages and tables can hold it. */
static wane_status take_name(reader *r, const char **out, size_t longest)
{
    size_t length = 0, start = r->at;
    wane_status st = take_count(r, &length, 1);
    if (st != WANE_OK) return st;
    bool good = length > 0 && length <= longest;
    for (size_t i = 0; good && i < length; i++)
        good = r->bytes[r->at + i] > ' ' && r->bytes[r->at + i] <= '~';
    if (!good) {
        r->at = start;
        return refuse(r, "the name is empty, too long or has bytes that are no visible ASCII");
    }
    *out = wane_arena_strndup(r->out->arena, (const char *)r->bytes + r->at, length);
    if (!*out) return wane_fail_memory(r->err, "read", r->out->path);
    r->at += length;
    return WANE_OK;
}

/* ----------------------------------------------------------------------------------------- pairs
 */

static wane_status read_value(reader *r, wane_gguf_value *out, uint32_t type, int depth);

/* Strings of an array: where each begins. */
static wane_status read_strings(reader *r, wane_gguf_value *out)
{
    out->at = wane_arena_alloc(r->out->arena, out->count, sizeof *out->at);
    if (!out->at) return wane_fail_memory(r->err, "read", r->out->path);
    for (size_t i = 0; i < out->count; i++) {
        size_t length = 0;
        wane_status st = take_count(r, &length, 1);
        if (st != WANE_OK) return st;
        out->at[i] = r->bytes + r->at - sizeof(uint64_t);
        r->at += length;
    }
    return WANE_OK;
}

static wane_status check_bools(reader *r, const unsigned char *flags, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (flags[i] > 1) {
            r->at = (size_t)(flags - r->bytes) + i;
            return refuse(r, "a flag that is neither 0 nor 1");
        }
    return WANE_OK;
}

static wane_status read_array(reader *r, wane_gguf_value *out, int depth)
{
    uint32_t type = 0;
    wane_status st = take(r, &type, sizeof type);
    if (st != WANE_OK) return st;
    unsigned width = wane_gguf_width(type);
    if (width == 0) return refuse(r, "an unknown type of elements");
    st = take_count(r, &out->count, width);
    if (st != WANE_OK) return st;
    out->element = type;
    if (type == WANE_GGUF_TYPE_STRING) return read_strings(r, out);
    if (type == WANE_GGUF_TYPE_ARRAY) {
        if (depth == DEEPEST) return refuse(r, "arrays in arrays, too deep");
        for (size_t i = 0; i < out->count; i++) {
            wane_gguf_value inner = {0};
            if ((st = read_array(r, &inner, depth + 1)) != WANE_OK) return st;
        }
        return WANE_OK;
    }
    out->bytes = r->bytes + r->at;
    r->at += out->count * width;
    return type == WANE_GGUF_TYPE_BOOL ? check_bools(r, out->bytes, out->count) : WANE_OK;
}

static wane_status read_value(reader *r, wane_gguf_value *out, uint32_t type, int depth)
{
    unsigned width = wane_gguf_width(type);
    out->type = type;
    if (width == 0) return refuse(r, "an unknown type of value");
    if (type == WANE_GGUF_TYPE_ARRAY) return read_array(r, out, depth);
    if (type == WANE_GGUF_TYPE_STRING) {
        wane_status st = take_count(r, &out->count, 1);
        if (st != WANE_OK) return st;
        out->bytes = r->bytes + r->at;
        r->at += out->count;
        return WANE_OK;
    }
    if (width > r->count - r->at) return ends(r);
    out->bytes = r->bytes + r->at;
    out->count = 1;
    r->at += width;
    return type == WANE_GGUF_TYPE_BOOL ? check_bools(r, out->bytes, 1) : WANE_OK;
}

static int by_key(const void *left, const void *right)
{
    return strcmp(((const pair *)left)->key, ((const pair *)right)->key);
}

static wane_status read_pairs(reader *r, size_t count)
{
    wane_gguf *g = r->out;
    g->pairs = wane_arena_alloc(g->arena, count, sizeof *g->pairs);
    if (!g->pairs) return wane_fail_memory(r->err, "read", g->path);
    for (size_t i = 0; i < count; i++) {
        pair *p = &g->pairs[i];
        uint32_t type = 0;
        r->in = "a key of the metadata";
        wane_status st = take_name(r, &p->key, LONGEST_KEY);
        if (st != WANE_OK) return st;
        r->in = p->key;
        if ((st = take(r, &type, sizeof type)) != WANE_OK) return st;
        if ((st = read_value(r, &p->value, type, 0)) != WANE_OK) return st;
        g->pair_count++;
    }
    if (count) qsort(g->pairs, count, sizeof *g->pairs, by_key);
    for (size_t i = 1; i < count; i++)
        if (by_key(&g->pairs[i - 1], &g->pairs[i]) == 0)
            return wane_fail(r->err, WANE_EFORMAT, "read: %s: %s: is there twice", g->path,
                             g->pairs[i].key);
    return WANE_OK;
}

/* --------------------------------------------------------------------------------------- tensors
 */

static wane_status read_shape(reader *r, wane_gguf_tensor *t)
{
    uint32_t dimensions = 0;
    wane_status st = take(r, &dimensions, sizeof dimensions);
    if (st != WANE_OK) return st;
    if (dimensions == 0 || dimensions > WANE_GGUF_DIMENSIONS)
        return refuse(r, "has not 1 to 4 dimensions");
    t->dimensions = dimensions;
    t->elements = 1;
    for (size_t i = 0; i < dimensions; i++) {
        uint64_t size = 0;
        if ((st = take(r, &size, sizeof size)) != WANE_OK) return st;
        t->shape[dimensions - 1 - i] = (size_t)size;
        if (size > INT64_MAX || !wane_size_mul(&t->elements, t->elements, (size_t)size))
            return refuse(r, "the shape overflows");
    }
    return WANE_OK;
}

/* offset: within the data for now. */
static wane_status read_tensor(reader *r, wane_gguf_tensor *t)
{
    uint32_t type = 0;
    uint64_t offset = 0;
    size_t blocks = 0;
    wane_status st = WANE_OK;
    r->in = "a tensor's name";
    WANE_TRY(take_name(r, &t->name, LONGEST_NAME));
    r->in = t->name;
    WANE_TRY(read_shape(r, t));
    WANE_TRY(take(r, &type, sizeof type));
    t->type = wane_gguf_type_of(type);
    if (!t->type)
        return wane_fail(r->err, WANE_EFORMAT,
                         "read: %s: %s: type number %" PRIu32 " is unknown (at byte %zu)",
                         r->out->path, t->name, type, r->at - sizeof type);
    WANE_TRY(take(r, &offset, sizeof offset));
    if (t->shape[t->dimensions - 1] % t->type->values)
        return wane_fail(r->err, WANE_EFORMAT,
                         "read: %s: %s: rows of %zu numbers are no whole blocks of %s, which have "
                         "%u",
                         r->out->path, t->name, t->shape[t->dimensions - 1], t->type->name,
                         t->type->values);
    blocks = t->elements / t->type->values;
    if (offset > INT64_MAX || !wane_size_mul(&t->bytes, blocks, t->type->bytes))
        return refuse(r, "its place or size overflows");
    t->offset = (size_t)offset;
done:
    return st;
}

static wane_status alignment_of(const reader *r, size_t *out)
{
    const wane_gguf_value *value = wane_gguf_find(r->out, "general.alignment");
    int64_t alignment = DEFAULT_ALIGNMENT;
    if (value && (!wane_gguf_integer(&alignment, value) || alignment < 1 || alignment > 1 << 30 ||
                  (alignment & (alignment - 1))))
        return wane_fail(r->err, WANE_EFORMAT,
                         "read: %s: general.alignment: is no power of two up to 2^30",
                         r->out->path);
    *out = (size_t)alignment;
    return WANE_OK;
}

static int by_offset(const void *left, const void *right)
{
    const wane_gguf_tensor *a = *(const wane_gguf_tensor *const *)left,
                           *b = *(const wane_gguf_tensor *const *)right;
    if (a->offset != b->offset) return a->offset < b->offset ? -1 : 1;
    return a->bytes < b->bytes ? -1 : a->bytes > b->bytes;
}

/* Each within the data of the file, at a multiple of its alignment, and none over another. */
static wane_status place_tensors(const reader *r, size_t data, size_t alignment, size_t bytes)
{
    wane_gguf *g = r->out;
    const wane_gguf_tensor **order = wane_alloc(g->tensor_count, sizeof *order);
    if (!order) return wane_fail_memory(r->err, "read", g->path);
    wane_status st = WANE_OK;
    for (size_t i = 0; i < g->tensor_count && st == WANE_OK; i++) {
        wane_gguf_tensor *t = &g->tensors[i];
        order[i] = t;
        if (t->offset % alignment)
            st = wane_fail(r->err, WANE_EFORMAT,
                           "read: %s: %s: at byte %zu of the data, no multiple of the alignment "
                           "of %zu",
                           g->path, t->name, t->offset, alignment);
        else if (data > bytes || t->offset > bytes - data || t->bytes > bytes - data - t->offset)
            st = wane_fail(r->err, WANE_EFORMAT,
                           "read: %s: %s: %zu bytes at byte %zu of the data, which begins at byte "
                           "%zu of the file's %zu (truncated?)",
                           g->path, t->name, t->bytes, t->offset, data, bytes);
        t->offset += data;
    }
    if (st == WANE_OK && g->tensor_count) qsort(order, g->tensor_count, sizeof *order, by_offset);
    for (size_t i = 1; i < g->tensor_count && st == WANE_OK; i++)
        if (order[i - 1]->offset + order[i - 1]->bytes > order[i]->offset)
            st = wane_fail(r->err, WANE_EFORMAT, "read: %s: %s: overlaps %s (at byte %zu)", g->path,
                           order[i]->name, order[i - 1]->name, order[i]->offset);
    wane_free(order);
    return st;
}

static wane_status read_tensors(reader *r, size_t count, size_t bytes)
{
    wane_gguf *g = r->out;
    size_t alignment = 0;
    wane_status st = alignment_of(r, &alignment);
    if (st != WANE_OK) return st;
    g->tensors = wane_arena_alloc(g->arena, count, sizeof *g->tensors);
    if (!g->tensors) return wane_fail_memory(r->err, "read", g->path);
    for (size_t i = 0; i < count; i++) {
        if ((st = read_tensor(r, &g->tensors[i])) != WANE_OK) return st;
        g->tensor_count++;
    }
    size_t data = (r->at + alignment - 1) / alignment * alignment;
    return place_tensors(r, data, alignment, bytes);
}

/* -------------------------------------------------------------------------------------- the head
 */

static wane_status read_version(reader *r)
{
    uint32_t version = 0;
    r->in = "the version";
    r->at = 4;
    wane_status st = take(r, &version, sizeof version);
    if (st != WANE_OK) return st;
    if (version == 2 || version == 3) return WANE_OK;
    if (version > 0 && (version & 0xffffff) == 0)
        return wane_fail(r->err, WANE_EFORMAT,
                         "read: %s: a GGUF file in big-endian byte order; little-endian is read",
                         r->out->path);
    return wane_fail(r->err, WANE_EFORMAT,
                     "read: %s: version %" PRIu32 " of GGUF; versions 2 and 3 are read",
                     r->out->path, version);
}

/* *ended (may be NULL): more bytes are wanted than are at hand. */
static wane_status parse(wane_gguf **out, const unsigned char *head, size_t head_bytes,
                         size_t bytes, const char *path, bool *ended, wane_error *err)
{
    /* What the shortest pair and the shortest tensor take. */
    enum { LEAST_PAIR = 8 + 1 + 4 + 1, LEAST_TENSOR = 8 + 1 + 4 + 8 + 4 + 8 };
    wane_status st = WANE_OK;
    size_t tensors = 0, pairs = 0;
    wane_gguf *g = wane_alloc(1, sizeof *g);
    reader r = {.bytes = head, .count = head_bytes, .out = g, .in = "the header", .err = err};
    if (!g) return wane_fail_memory(err, "read", path);
    g->arena = wane_arena_new();
    g->path = g->arena ? wane_arena_strdup(g->arena, path) : NULL;
    if (!g->path) WANE_TRY(wane_fail_memory(err, "read", path));
    if (!wane_gguf_begins(head, head_bytes))
        WANE_TRY(wane_fail(err, WANE_EFORMAT, "read: %s: does not begin as a GGUF file", path));
    WANE_TRY(read_version(&r));
    r.in = "the number of tensors";
    WANE_TRY(take_count(&r, &tensors, LEAST_TENSOR));
    r.in = "the number of metadata";
    WANE_TRY(take_count(&r, &pairs, LEAST_PAIR));
    WANE_TRY(read_pairs(&r, pairs));
    WANE_TRY(read_tensors(&r, tensors, bytes));
    *out = g;
    g = NULL;
done:
    if (ended) *ended = r.ended;
    wane_gguf_close(g);
    return st;
}

wane_status wane_gguf_parse(wane_gguf **out, const unsigned char *head, size_t head_bytes,
                            size_t bytes, const char *path, wane_error *err)
{
    return parse(out, head, head_bytes, bytes, path, NULL, err);
}

bool wane_gguf_head_is_whole(const unsigned char *head, size_t head_bytes)
{
    wane_gguf *g = NULL;
    bool ended = false;
    wane_status st = parse(&g, head, head_bytes, SIZE_MAX / 2, "", &ended, NULL);
    wane_gguf_close(g);
    return st == WANE_OK || (!ended && st != WANE_ENOMEM);
}

wane_status wane_gguf_open(wane_gguf **out, const char *path, wane_error *err)
{
    wane_map map = {0};
    wane_gguf *made = NULL;
    wane_status st = wane_map_open(&map, path, err);
    if (st == WANE_OK) st = wane_file_refuse_lfs_pointer(map.data, map.bytes, map.bytes, path, err);
    if (st == WANE_OK) st = wane_gguf_parse(&made, map.data, map.bytes, map.bytes, path, err);
    if (st != WANE_OK) {
        wane_map_close(&map);
        return st;
    }
    made->map = map;
    *out = made;
    return WANE_OK;
}

void wane_gguf_close(wane_gguf *gguf)
{
    if (!gguf) return;
    wane_map_close(&gguf->map);
    wane_arena_free(gguf->arena);
    wane_free(gguf);
}

const char *wane_gguf_path(const wane_gguf *gguf)
{
    return gguf->path;
}

const wane_gguf_tensor *wane_gguf_tensors(const wane_gguf *gguf, size_t *count)
{
    *count = gguf->tensor_count;
    return gguf->tensors;
}

size_t wane_gguf_count(const wane_gguf *gguf)
{
    return gguf->pair_count;
}

const wane_gguf_value *wane_gguf_at(const wane_gguf *gguf, size_t index, const char **key)
{
    *key = gguf->pairs[index].key;
    return &gguf->pairs[index].value;
}

const wane_gguf_value *wane_gguf_find(const wane_gguf *gguf, const char *key)
{
    const pair wanted = {.key = key};
    const pair *found = gguf->pair_count
                            ? bsearch(&wanted, gguf->pairs, gguf->pair_count, sizeof wanted, by_key)
                            : NULL;
    return found ? &found->value : NULL;
}
