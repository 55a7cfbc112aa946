/* SPDX-License-Identifier: Apache-2.0
 * The directions of the last look on disk: a safetensors file with, per weight, its identities and
 * vectors, and in its metadata the step, the key, counts and a digest of all of it.
 */
#include <stdio.h>
#include <string.h>

#include "eval/cells/track.h"
#include "store/base/memory.h"
#include "store/base/text.h"
#include "store/files/safetensors.h"

static const char version[] = "1";

/* Identities are stored as two 24-bit halves, exact in fp32. */
enum { U, V, IDENTITY, PARTS, HALF = 1 << 24 };
static const char *const parts[PARTS] = {"u", "v", "identity"};

typedef struct listing {
    wane_arena *memory;
    wane_tensor_source *source;
    size_t count;
} listing;

static wane_status add(listing *l, const char *part, const char *name, const float *data,
                       size_t count, const char *path, wane_error *err)
{
    size_t bytes = strlen(part) + strlen(name) + 2;
    char *key = wane_arena_alloc(l->memory, bytes, 1);
    if (!key) return wane_fail_memory(err, "trace", path);
    (void)snprintf(key, bytes, "%s/%s", part, name);
    l->source[l->count++] =
        (wane_tensor_source){.name = key, .data = data, .dimensions = 1, .shape = {count}};
    return WANE_OK;
}

static size_t part_size(const wane_trace *t, int part)
{
    if (part == IDENTITY) return 2 * t->count + 2;
    return t->count * (part == U ? t->rows : t->cols);
}

static wane_status list_trace(listing *l, const wane_trace *t, const char *name, const char *path,
                              wane_error *err)
{
    wane_status st = WANE_OK;
    float *numbers = wane_arena_alloc(l->memory, part_size(t, IDENTITY), sizeof *numbers);
    if (!numbers) return wane_fail_memory(err, "trace", path);
    for (size_t j = 0; j <= t->count; j++) {
        int64_t value = j < t->count ? t->identity[j] : t->issued;
        numbers[2 * j] = (float)(value / HALF);
        numbers[2 * j + 1] = (float)(value % HALF);
    }
    for (int part = 0; part < PARTS && st == WANE_OK; part++) {
        const float *data = part == U ? t->u : part == V ? t->v : numbers;
        st = add(l, parts[part], name, data, part_size(t, part), path, err);
    }
    return st;
}

static wane_status digest_of(char out[WANE_SHA256_HEX], const listing *l, const char *key,
                             const char *step, wane_error *err)
{
    wane_sha256 *hash = NULL;
    wane_status st = wane_sha256_begin(&hash, err);
    if (st != WANE_OK) return st;
    wane_sha256_text(hash, version);
    wane_sha256_text(hash, key);
    wane_sha256_text(hash, step);
    for (size_t i = 0; i < l->count; i++) {
        wane_sha256_text(hash, l->source[i].name);
        wane_sha256_field(hash, l->source[i].data, l->source[i].shape[0] * sizeof(float));
    }
    return wane_sha256_end(out, hash, err);
}

static wane_status listing_new(listing *l, size_t parameters, const char *path, wane_error *err)
{
    l->memory = wane_arena_new();
    l->source =
        l->memory ? wane_arena_alloc(l->memory, PARTS * parameters, sizeof *l->source) : NULL;
    return l->source ? WANE_OK : wane_fail_memory(err, "trace", path);
}

wane_status wane_traces_save(const wane_trace *traces, const wane_parameters *table, size_t step,
                             const char *key, const char *path, wane_error *err)
{
    wane_status st = WANE_OK;
    listing l = {0};
    char number[24], digest[WANE_SHA256_HEX];
    WANE_TRY(listing_new(&l, table->count, path, err));
    for (size_t i = 0; i < table->count; i++)
        if (traces[i].count > 0)
            WANE_TRY(list_trace(&l, &traces[i], table->parameter[i].name, path, err));
    (void)snprintf(number, sizeof number, "%zu", step);
    WANE_TRY(digest_of(digest, &l, key, number, err));
    const char *const metadata[] = {"wane_trace", version, "key",    key,
                                    "step",       number,  "sha256", digest};
    WANE_TRY(wane_tensors_write(path, l.source, l.count, metadata, 4, err));
done:
    wane_arena_free(l.memory);
    return st;
}

static wane_status check_metadata(size_t *step, const wane_tensors *tensors, const char *key,
                                  const char *path, wane_error *err)
{
    const char *kind = wane_tensors_metadata(tensors, "wane_trace");
    const char *found = wane_tensors_metadata(tensors, "key");
    const char *text = wane_tensors_metadata(tensors, "step");
    int64_t number = 0;
    if (!kind || !found || !text || !wane_tensors_metadata(tensors, "sha256") ||
        !wane_parse_int64(&number, text) || number < 0)
        return wane_fail(err, WANE_EFORMAT, "trace: %s: holds no directions of a look", path);
    if (strcmp(kind, version) != 0)
        return wane_fail(err, WANE_EVERSION, "trace: %s: version %.20s, this program reads %s",
                         path, kind, version);
    if (strcmp(found, key) != 0)
        return wane_fail(err, WANE_EINVAL, "trace: %s: is of another stage or of other settings",
                         path);
    *step = (size_t)number;
    return WANE_OK;
}

/* The tensor "part/name" as fp32, NULL when it is not there; *count its elements. */
static const float *part_of(const wane_tensors *tensors, const char *part, const char *name,
                            size_t *count)
{
    char key[128];
    (void)snprintf(key, sizeof key, "%s/%s", part, name);
    const wane_tensor *t = wane_tensors_find(tensors, key);
    const float *data = t && t->dimensions == 1 ? wane_tensors_floats(tensors, t) : NULL;
    *count = data ? (size_t)t->elements : 0;
    return data;
}

static bool whole(float value)
{
    return value >= 0 && value < HALF && value == (float)(int64_t)value;
}

/* One weight's look; every size is checked against the others before it is believed. */
static wane_status read_trace(wane_trace *out, listing *l, const wane_tensors *tensors,
                              const wane_parameter *p, const char *path, wane_error *err)
{
    size_t size[PARTS] = {0}, rank = p->rows < p->cols ? p->rows : p->cols;
    size_t numbers = 0;
    const float *data[PARTS];
    for (int part = 0; part < PARTS; part++)
        data[part] = part_of(tensors, parts[part], p->name, &size[part]);
    if (!data[IDENTITY]) return WANE_OK; /* this weight had no look */
    numbers = size[IDENTITY];
    wane_trace shape = {.count = numbers >= 4 && numbers % 2 == 0 ? numbers / 2 - 1 : 0,
                        .rows = p->rows,
                        .cols = p->cols};
    bool fits = shape.count > 0 && shape.count <= rank && data[U] && data[V];
    for (int part = 0; part < PARTS && fits; part++) fits = size[part] == part_size(&shape, part);
    for (size_t i = 0; i < numbers && fits; i++) fits = whole(data[IDENTITY][i]);
    if (!fits)
        return wane_fail(err, WANE_EFORMAT, "trace: %s: %s: of another shape", path, p->name);
    wane_status st = wane_trace_room(out, shape.count, p->rows, p->cols, err);
    if (st != WANE_OK) return st;
    memcpy(out->u, data[U], size[U] * sizeof(float));
    memcpy(out->v, data[V], size[V] * sizeof(float));
    for (size_t j = 0; j <= shape.count; j++) {
        int64_t value = (int64_t)data[IDENTITY][2 * j] * HALF + (int64_t)data[IDENTITY][2 * j + 1];
        if (j < shape.count) out->identity[j] = value;
        else out->issued = value;
    }
    return list_trace(l, out, p->name, path, err);
}

wane_status wane_traces_load(wane_trace *traces, const wane_parameters *table, size_t *step,
                             const char *key, const char *path, wane_error *err)
{
    wane_status st = WANE_OK;
    listing l = {0};
    wane_tensors *tensors = NULL;
    wane_trace *read = wane_alloc(table->count, sizeof *read);
    char digest[WANE_SHA256_HEX];
    size_t found = 0;
    WANE_TRY(read ? listing_new(&l, table->count, path, err)
                  : wane_fail_memory(err, "trace", path));
    WANE_TRY(wane_tensors_open(&tensors, path, err));
    WANE_TRY(check_metadata(&found, tensors, key, path, err));
    for (size_t i = 0; i < table->count; i++)
        WANE_TRY(read_trace(&read[i], &l, tensors, &table->parameter[i], path, err));
    WANE_TRY(digest_of(digest, &l, key, wane_tensors_metadata(tensors, "step"), err));
    if (l.count != wane_tensors_count(tensors) ||
        strcmp(digest, wane_tensors_metadata(tensors, "sha256")) != 0) {
        st = wane_fail(err, WANE_EFORMAT, "trace: %s: damaged (its digest does not fit)", path);
        goto done;
    }
    for (size_t i = 0; i < table->count; i++) {
        wane_trace_free(&traces[i]);
        traces[i] = read[i];
        read[i] = (wane_trace){0};
    }
    *step = found;
done:
    for (size_t i = 0; read && i < table->count; i++) wane_trace_free(&read[i]);
    wane_free(read);
    wane_tensors_close(tensors);
    wane_arena_free(l.memory);
    return st;
}
