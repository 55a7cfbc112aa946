/* SPDX-License-Identifier: Apache-2.0
 * jansson parses; its tree is then laid out once in arrays of our own, so that elements and members
 * are reached by index in constant time and a key by binary search, and jansson's tree is freed.
 */
#include "store/files/json.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/memory.h"
#include "store/files/file.h"

/* A key's place in its object, in order of hash, then of bytes: whatever keys a file was made of,
 * a look-up takes logarithmic time. */
typedef struct key_place {
    uint64_t hash;
    size_t member;
} key_place;

typedef struct members {
    const char **keys;
    wane_json *values;
    key_place *places; /* NULL for a small object, which is searched from end to end */
} members;

struct wane_json {
    wane_json_kind kind;
    size_t size; /* bytes of a string, elements of an array, members of an object */
    union {
        bool truth;
        int64_t integer;
        double real;
        const char *string;
        wane_json *elements;
        members *members;
    } as;
};

enum { SMALL_OBJECT = 8 };

typedef struct document {
    wane_json root; /* first, so that the root is the document */
    wane_arena *arena;
} document;

static uint64_t hash_key(const char *key)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (; *key; key++) hash = (hash ^ (unsigned char)*key) * UINT64_C(0x100000001b3);
    return hash;
}

static int by_hash_and_key(const void *a, const void *b, void *context)
{
    const key_place *first = a, *second = b;
    if (first->hash != second->hash) return first->hash < second->hash ? -1 : 1;
    const char *const *keys = context;
    return strcmp(keys[first->member], keys[second->member]);
}

static bool convert(wane_json *out, json_t *from, wane_arena *arena);

static bool convert_object(wane_json *out, json_t *from, wane_arena *arena)
{
    size_t count = json_object_size(from), i = 0;
    members *all = wane_arena_alloc(arena, 1, sizeof *all);
    if (!all) return false;
    all->keys = wane_arena_alloc(arena, count, sizeof *all->keys);
    all->values = wane_arena_alloc(arena, count, sizeof *all->values);
    if (!all->keys || !all->values) return false;
    for (void *at = json_object_iter(from); at; at = json_object_iter_next(from, at), i++) {
        all->keys[i] = wane_arena_strdup(arena, json_object_iter_key(at));
        if (!all->keys[i] || !convert(&all->values[i], json_object_iter_value(at), arena))
            return false;
    }
    if (count > SMALL_OBJECT) {
        all->places = wane_arena_alloc(arena, count, sizeof *all->places);
        if (!all->places) return false;
        for (i = 0; i < count; i++) all->places[i] = (key_place){hash_key(all->keys[i]), i};
        qsort_r(all->places, count, sizeof *all->places, by_hash_and_key, (void *)all->keys);
    }
    out->size = count;
    out->as.members = all;
    return true;
}

static bool convert_array(wane_json *out, json_t *from, wane_arena *arena)
{
    size_t count = json_array_size(from);
    out->as.elements = wane_arena_alloc(arena, count, sizeof *out->as.elements);
    if (!out->as.elements) return false;
    out->size = count;
    for (size_t i = 0; i < count; i++)
        if (!convert(&out->as.elements[i], json_array_get(from, i), arena)) return false;
    return true;
}

/* Recursion is bounded by jansson's limit on nesting, 2048. */
static bool convert(wane_json *out, json_t *from, wane_arena *arena)
{
    switch (json_typeof(from)) {
    case JSON_NULL: out->kind = WANE_JSON_NULL; return true;
    case JSON_TRUE:
    case JSON_FALSE:
        out->kind = WANE_JSON_BOOL;
        out->as.truth = json_is_true(from);
        return true;
    case JSON_INTEGER:
        out->kind = WANE_JSON_INTEGER;
        out->as.integer = json_integer_value(from);
        return true;
    case JSON_REAL:
        out->kind = WANE_JSON_REAL;
        out->as.real = json_real_value(from);
        return true;
    case JSON_STRING:
        out->kind = WANE_JSON_STRING;
        out->size = json_string_length(from);
        out->as.string = wane_arena_strndup(arena, json_string_value(from), out->size);
        return out->as.string != NULL;
    case JSON_ARRAY: out->kind = WANE_JSON_ARRAY; return convert_array(out, from, arena);
    case JSON_OBJECT: out->kind = WANE_JSON_OBJECT; return convert_object(out, from, arena);
    }
    return false;
}

/* Whether the digits of an integer are more than int64 holds. */
static bool beyond_int64(const char *digits, size_t count, bool negative)
{
    const char *largest = negative ? "9223372036854775808" : "9223372036854775807";
    return count > 19 || (count == 19 && memcmp(digits, largest, 19) > 0);
}

/* Copies JSON text with "e0" behind every integer beyond int64, so that jansson reads a real. Stops
 * at `stop` bytes of the copy; *on_line counts the bytes added on the line it stops in. */
static void widen(wane_text *out, const char *bytes, size_t count, size_t stop, size_t *on_line)
{
    bool quoted = false;
    *on_line = 0;
    for (size_t i = 0; i < count && out->length < stop && !out->failed;) {
        size_t start = i, sign = bytes[i] == '-';
        char c = bytes[i];
        if (quoted || !(sign || (c >= '0' && c <= '9'))) {
            if (c == '"') quoted = !quoted;
            if (c == '\n') *on_line = 0;
            i += quoted && c == '\\' && i + 1 < count ? 2 : 1;
            wane_text_append(out, bytes + start, i - start);
            continue;
        }
        bool integer = true;
        for (i++; i < count && bytes[i] && strchr("0123456789+-.eE", bytes[i]); i++)
            integer = integer && bytes[i] >= '0' && bytes[i] <= '9';
        wane_text_append(out, bytes + start, i - start);
        if (integer && beyond_int64(bytes + start + sign, i - start - sign, sign)) {
            wane_text_string(out, "e0");
            *on_line += 2;
        }
    }
}

static wane_status parse_failure(const json_error_t *fault, size_t shift, const char *name,
                                 wane_error *err)
{
    if (json_error_code(fault) == json_error_out_of_memory)
        return wane_fail_memory(err, "read", name);
    long column = (long)fault->column - (long)shift;
    return wane_fail_at(err, WANE_EFORMAT, fault->line > 0 ? fault->line : 1,
                        column > 0 ? column : 1, "read: %s: %s", name, fault->text);
}

static wane_status parse_tree(json_t **out, const char *bytes, size_t count, const char *name,
                              wane_error *err)
{
    const size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL;
    json_error_t fault;
    *out = json_loadb(bytes, count, flags, &fault);
    if (*out) return WANE_OK;
    if (json_error_code(&fault) != json_error_numeric_overflow)
        return parse_failure(&fault, 0, name, err);
    wane_text wide = {0};
    size_t shift = 0;
    widen(&wide, bytes, count, SIZE_MAX, &shift);
    wane_status st = wane_text_check(&wide, "read", name, err);
    if (st == WANE_OK) {
        *out = json_loadb(wide.data, wide.length, flags, &fault);
        if (!*out) {
            wane_text_clear(&wide);
            widen(&wide, bytes, count, fault.position > 0 ? (size_t)fault.position : 0, &shift);
            st = parse_failure(&fault, shift, name, err);
        }
    }
    wane_text_free(&wide);
    return st;
}

wane_status wane_json_parse(wane_json **out, const char *bytes, size_t count, const char *name,
                            wane_error *err)
{
    if (count >= 3 && !memcmp(bytes, "\xef\xbb\xbf", 3)) {
        bytes += 3;
        count -= 3;
    }
    json_t *tree = NULL;
    wane_status st = parse_tree(&tree, bytes, count, name, err);
    if (st != WANE_OK) return st;
    wane_arena *arena = wane_arena_new();
    document *whole = arena ? wane_arena_alloc(arena, 1, sizeof *whole) : NULL;
    bool good = whole && convert(&whole->root, tree, arena);
    json_decref(tree);
    if (!good) {
        wane_arena_free(arena);
        return wane_fail_memory(err, "read", name);
    }
    whole->arena = arena;
    *out = &whole->root;
    return WANE_OK;
}

wane_status wane_json_load(wane_json **out, const char *path, wane_error *err)
{
    char *bytes = NULL;
    size_t count = 0;
    wane_status st = wane_file_read(&bytes, &count, path, 0, err);
    if (st == WANE_OK) st = wane_json_parse(out, bytes, count, path, err);
    wane_free(bytes);
    return st;
}

void wane_json_free(wane_json *root)
{
    if (root) wane_arena_free(((document *)(void *)root)->arena);
}

wane_json_kind wane_json_kind_of(const wane_json *value)
{
    return value ? value->kind : WANE_JSON_NULL;
}

size_t wane_json_size(const wane_json *value)
{
    wane_json_kind kind = wane_json_kind_of(value);
    return kind == WANE_JSON_ARRAY || kind == WANE_JSON_OBJECT ? value->size : 0;
}

const wane_json *wane_json_at(const wane_json *array, size_t index)
{
    if (wane_json_kind_of(array) != WANE_JSON_ARRAY || index >= array->size) return NULL;
    return &array->as.elements[index];
}

const wane_json *wane_json_get(const wane_json *object, const char *key)
{
    if (wane_json_kind_of(object) != WANE_JSON_OBJECT) return NULL;
    const members *all = object->as.members;
    if (!all->places) {
        for (size_t i = 0; i < object->size; i++)
            if (!strcmp(all->keys[i], key)) return &all->values[i];
        return NULL;
    }
    uint64_t hash = hash_key(key);
    size_t low = 0, high = object->size;
    while (low < high) {
        size_t middle = low + (high - low) / 2, member = all->places[middle].member;
        uint64_t other = all->places[middle].hash;
        int order = other != hash ? (other < hash ? -1 : 1) : strcmp(all->keys[member], key);
        if (order == 0) return &all->values[member];
        if (order < 0) low = middle + 1;
        else high = middle;
    }
    return NULL;
}

const wane_json *wane_json_member(const wane_json *object, size_t index, const char **key)
{
    if (wane_json_kind_of(object) != WANE_JSON_OBJECT || index >= object->size) return NULL;
    *key = object->as.members->keys[index];
    return &object->as.members->values[index];
}

const char *wane_json_string(const wane_json *value, size_t *bytes)
{
    if (wane_json_kind_of(value) != WANE_JSON_STRING) return NULL;
    if (bytes) *bytes = value->size;
    return value->as.string;
}

bool wane_json_number(double *out, const wane_json *value)
{
    switch (wane_json_kind_of(value)) {
    case WANE_JSON_INTEGER: *out = (double)value->as.integer; return true;
    case WANE_JSON_REAL: *out = value->as.real; return true;
    default: return false;
    }
}

bool wane_json_integer(int64_t *out, const wane_json *value)
{
    if (wane_json_kind_of(value) == WANE_JSON_INTEGER) {
        *out = value->as.integer;
        return true;
    }
    if (wane_json_kind_of(value) != WANE_JSON_REAL) return false;
    double real = value->as.real;
    if (real != floor(real) || real < -0x1p63 || real >= 0x1p63) return false;
    *out = (int64_t)real;
    return true;
}

bool wane_json_bool(const wane_json *value, bool fallback)
{
    return wane_json_kind_of(value) == WANE_JSON_BOOL ? value->as.truth : fallback;
}

void wane_json_write_string(wane_text *out, const char *text)
{
    wane_text_string(out, "\"");
    for (const char *start = text;;) {
        size_t plain = 0;
        while ((unsigned char)start[plain] >= 0x20 && start[plain] != '"' && start[plain] != '\\' &&
               start[plain] != 0x7f)
            plain++;
        wane_text_append(out, start, plain);
        unsigned char special = (unsigned char)start[plain];
        if (special == 0) break;
        if (special == '"' || special == '\\') wane_text_printf(out, "\\%c", special);
        else if (special == '\n') wane_text_string(out, "\\n");
        else if (special == '\t') wane_text_string(out, "\\t");
        else wane_text_printf(out, "\\u%04x", special);
        start += plain + 1;
    }
    wane_text_string(out, "\"");
}

void wane_json_write_number(wane_text *out, double value)
{
    char digits[32];
    if (!isfinite(value)) wane_text_string(out, "null");
    else if (value == 0 && signbit(value))
        wane_text_string(out, "-0.0"); /* "-0" would be read as an integer, without its sign */
    else wane_text_string(out, wane_format_double(digits, value));
}
