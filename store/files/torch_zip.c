/* SPDX-License-Identifier: Apache-2.0
 * The zip files of torch.save: NAME/data.pkl, a pickle, and NAME/data/KEY, the storages, stored
 * without compression. Only this much of the zip format is read, from its directory at the end; the
 * two must agree, and nothing is believed that does not lie within the file.
 */
#include <stdlib.h>
#include <string.h>

#include "store/files/pickle.h"
#include "store/files/tensors_internal.h"
#include "store/files/torch_state.h"

enum {
    LOCAL_BYTES = 30,
    CENTRAL_BYTES = 46,
    END_BYTES = 22,
    END64_BYTES = 56,
    LOCATOR_BYTES = 20,
    MOST_MEMBERS = 1 << 20,
    MOST_PICKLE_BYTES = 256 << 20
};

typedef struct zip_member {
    const char *name; /* not NUL-terminated */
    size_t name_bytes, method, local, bytes;
} zip_member;

typedef struct zip {
    const unsigned char *data;
    size_t bytes;
    const char *path;
    zip_member *members; /* by name */
    size_t count;
    const char *root; /* what all names begin with: "archive/"; not NUL-terminated */
    size_t root_bytes;
    wane_error *err;
} zip;

static uint64_t number(const unsigned char *bytes, size_t width)
{
    uint64_t n = 0;
    for (size_t i = 0; i < width; i++) n |= (uint64_t)bytes[i] << (8 * i);
    return n;
}

static wane_status refuse(const zip *z, const char *cause)
{
    return wane_fail(z->err, WANE_EFORMAT, "read: %s: %s", z->path, cause);
}

static wane_status damaged(const zip *z)
{
    return refuse(z, "the zip directory is damaged (truncated?)");
}

/* -------------------------------------------------------------------------------------- directory
 */

/* Where the end record is: it may have a comment of up to 64 KiB behind it. */
static bool find_end(const zip *z, size_t *out)
{
    size_t least = z->bytes > END_BYTES + 65535 ? z->bytes - END_BYTES - 65535 : 0;
    for (size_t at = z->bytes < END_BYTES ? 0 : z->bytes - END_BYTES + 1; at > least; at--) {
        const unsigned char *p = z->data + at - 1;
        if (memcmp(p, "PK\x05\x06", 4) == 0 &&
            number(p + 20, 2) <= z->bytes - (at - 1) - END_BYTES) {
            *out = at - 1;
            return true;
        }
    }
    return false;
}

/* Place and size of the directory, and how many members it has. */
static bool find_directory(const zip *z, uint64_t *start, uint64_t *size, uint64_t *count)
{
    size_t end = 0;
    if (!find_end(z, &end)) return false;
    const unsigned char *p = z->data + end;
    *count = number(p + 10, 2);
    *size = number(p + 12, 4);
    *start = number(p + 16, 4);
    if (end >= LOCATOR_BYTES && memcmp(p - LOCATOR_BYTES, "PK\x06\x07", 4) == 0) {
        uint64_t place = number(p - LOCATOR_BYTES + 8, 8);
        if (place > z->bytes || z->bytes - place < END64_BYTES) return false;
        p = z->data + place;
        if (memcmp(p, "PK\x06\x06", 4) != 0) return false;
        *count = number(p + 32, 8);
        *size = number(p + 40, 8);
        *start = number(p + 48, 8);
    }
    return *start <= z->bytes && *size <= z->bytes - *start && *count <= *size / CENTRAL_BYTES;
}

/* The sizes and the place that did not fit into 32 bits, from the extra field of a directory entry.
 */
static bool read_extra(const unsigned char *extra, size_t bytes, uint64_t *size, uint64_t *stored,
                       uint64_t *local)
{
    uint64_t *const fields[] = {size, stored, local};
    while (bytes >= 4) {
        size_t id = (size_t)number(extra, 2), length = (size_t)number(extra + 2, 2), at = 4;
        if (length > bytes - 4) return false;
        for (size_t i = 0; id == 1 && i < 3; i++) {
            if (*fields[i] != UINT32_MAX) continue;
            if (at + 8 > length + 4) return false;
            *fields[i] = number(extra + at, 8);
            at += 8;
        }
        extra += length + 4;
        bytes -= length + 4;
    }
    return true;
}

static int compare_names(const char *a, size_t a_bytes, const char *b, size_t b_bytes)
{
    size_t least = a_bytes < b_bytes ? a_bytes : b_bytes;
    int order = least ? memcmp(a, b, least) : 0;
    return order ? order : (a_bytes > b_bytes) - (a_bytes < b_bytes);
}

static int by_name(const void *left, const void *right)
{
    const zip_member *a = left, *b = right;
    return compare_names(a->name, a->name_bytes, b->name, b->name_bytes);
}

/* One directory entry at p, of which `left` bytes are there; *used = its length. */
static bool read_entry(zip_member *out, size_t *used, const zip *z, const unsigned char *p,
                       size_t left)
{
    if (left < CENTRAL_BYTES || memcmp(p, "PK\x01\x02", 4) != 0) return false;
    size_t name = (size_t)number(p + 28, 2), extra = (size_t)number(p + 30, 2);
    size_t comment = (size_t)number(p + 32, 2);
    uint64_t stored = number(p + 20, 4), size = number(p + 24, 4), local = number(p + 42, 4);
    if (left - CENTRAL_BYTES < name + extra + comment) return false;
    if (!read_extra(p + CENTRAL_BYTES + name, extra, &size, &stored, &local)) return false;
    if (local > z->bytes || size > z->bytes) {
        if (number(p + 10, 2) == 0) return false;
        size = 0; /* compressed: refused when it is asked for */
    }
    *out = (zip_member){.name = (const char *)p + CENTRAL_BYTES,
                        .name_bytes = name,
                        .method = (size_t)number(p + 10, 2),
                        .local = (size_t)local,
                        .bytes = (size_t)size};
    if (out->method == 0 && stored != size) return false;
    *used = CENTRAL_BYTES + name + extra + comment;
    return true;
}

static wane_status read_directory(zip *z)
{
    uint64_t start = 0, size = 0, count = 0;
    if (!find_directory(z, &start, &size, &count)) return damaged(z);
    if (count == 0 || count > MOST_MEMBERS)
        return refuse(z, "no torch file: too few or many members");
    z->members = wane_alloc((size_t)count, sizeof *z->members);
    if (!z->members) return wane_fail_memory(z->err, "read", z->path);
    const unsigned char *p = z->data + start;
    size_t left = (size_t)size, used = 0;
    for (z->count = 0; z->count < count; z->count++, p += used, left -= used)
        if (!read_entry(&z->members[z->count], &used, z, p, left)) return damaged(z);
    qsort(z->members, z->count, sizeof *z->members, by_name);
    for (size_t i = 1; i < z->count; i++)
        if (by_name(&z->members[i - 1], &z->members[i]) == 0)
            return refuse(z, "a member is in the zip twice");
    return WANE_OK;
}

/* The member root + name, or NULL. */
static const zip_member *find(const zip *z, const char *name)
{
    char whole[512];
    size_t length = strlen(name);
    if (z->root_bytes + length > sizeof whole) return NULL;
    memcpy(whole, z->root, z->root_bytes);
    memcpy(whole + z->root_bytes, name, length);
    zip_member key = {.name = whole, .name_bytes = z->root_bytes + length};
    return bsearch(&key, z->members, z->count, sizeof key, by_name);
}

/* Where the bytes of a member start; its local header tells the length of what is before them. */
static wane_status place_of(size_t *out, const zip *z, const zip_member *m)
{
    if (m->method != 0) return refuse(z, "a compressed member; torch stores them plain");
    if (z->bytes - m->local < LOCAL_BYTES) return damaged(z);
    const unsigned char *p = z->data + m->local;
    if (memcmp(p, "PK\x03\x04", 4) != 0) return damaged(z);
    if (number(p + 6, 2) & 1) return refuse(z, "encrypted");
    size_t before = LOCAL_BYTES + (size_t)number(p + 26, 2) + (size_t)number(p + 28, 2);
    size_t left = z->bytes - m->local;
    if (before > left || m->bytes > left - before) return damaged(z);
    *out = m->local + before;
    return WANE_OK;
}

static wane_status find_root(zip *z)
{
    static const char ending[] = "/data.pkl";
    for (size_t i = 0; i < z->count; i++) {
        const zip_member *m = &z->members[i];
        size_t tail = sizeof ending - 1;
        if (m->name_bytes <= tail || memcmp(m->name + m->name_bytes - tail, ending, tail) != 0 ||
            memchr(m->name, '/', m->name_bytes - tail))
            continue;
        if (z->root) return refuse(z, "more than one data.pkl");
        z->root = m->name;
        z->root_bytes = m->name_bytes - tail + 1;
    }
    if (!z->root) return refuse(z, "a zip file without data.pkl, not one of torch.save");
    if (find(z, "constants.pkl"))
        return refuse(z, "a TorchScript program; only state dicts are read (torch.save of one)");
    return WANE_OK;
}

static wane_status check_order(const zip *z)
{
    const zip_member *m = find(z, "byteorder");
    size_t place = 0;
    if (!m) return WANE_OK; /* older than torch 2.1, which wrote what its machine had */
    wane_status st = place_of(&place, z, m);
    if (st != WANE_OK) return st;
    bool little = m->bytes >= 6 && memcmp(z->data + place, "little", 6) == 0;
    return little ? WANE_OK : refuse(z, "its byte order is not little-endian");
}

/* --------------------------------------------------------------------------------------- storages
 */

/* Where the storage `key` is and how many bytes it has. */
static wane_status find_storage(void *context, size_t *place, size_t *bytes, const char *key)
{
    const zip *z = context;
    char name[300];
    if (strlen(key) + sizeof "data/" > sizeof name) return refuse(z, "a storage with a long name");
    memcpy(name, "data/", 5);
    memcpy(name + 5, key, strlen(key) + 1);
    const zip_member *m = find(z, name);
    if (!m)
        return wane_fail(z->err, WANE_EFORMAT,
                         "read: %s: a storage of its pickle is not in the zip", z->path);
    *bytes = m->bytes;
    return place_of(place, z, m);
}

wane_status wane_torch_zip_add(wane_tensors *tensors, size_t index, wane_error *err)
{
    const wane_shard *file = &tensors->shards[index];
    wane_status st = WANE_OK;
    zip z = {.data = file->data, .bytes = file->bytes, .path = file->path, .err = err};
    wane_arena *arena = wane_arena_new();
    wane_pickle run = {0};
    size_t place = 0;
    if (!arena) return wane_fail_memory(err, "read", file->path);
    WANE_TRY(read_directory(&z));
    WANE_TRY(find_root(&z));
    WANE_TRY(check_order(&z));
    const zip_member *pickle = find(&z, "data.pkl");
    if (!pickle) WANE_TRY(refuse(&z, "its data.pkl lies under a very long name"));
    WANE_TRY(place_of(&place, &z, pickle));
    if (pickle->bytes > MOST_PICKLE_BYTES) WANE_TRY(refuse(&z, "a data.pkl of over 256 MiB"));
    WANE_TRY(wane_pickle_run(&run, arena, z.data + place, pickle->bytes, z.path, err));
    WANE_TRY(wane_torch_state_add(tensors, index, run.value, find_storage, &z, err));
done:
    wane_free(z.members);
    wane_arena_free(arena);
    return st;
}
