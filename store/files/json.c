/* SPDX-License-Identifier: Apache-2.0
 * jansson parses, with stand-ins for the numbers it cannot hold (json_scan.h); its tree is then
 * laid out once in arrays of our own, so that elements and members are reached by index in constant
 * time and a key by binary search, and jansson's tree is freed.
 */
#include "store/files/json.h"

#include <jansson.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/memory.h"
#include "store/files/json_scan.h"

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
    size_t size; /* bytes of a string or of what is written, elements, members of an object */
    union {
        bool truth;
        int64_t integer;
        double real;
        const char *string; /* also a number as it is written */
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

/* One parse. */
typedef struct conversion {
    wane_json_scan scan;
    const char *text;
    size_t numbers, marks; /* of the text, passed so far */
    wane_arena *arena;
    wane_json *root;
} conversion;

static bool convert(wane_json *out, json_t *from, conversion *c);

static bool convert_object(wane_json *out, json_t *from, conversion *c)
{
    size_t count = json_object_size(from), i = 0;
    wane_arena *arena = c->arena;
    members *all = wane_arena_alloc(arena, 1, sizeof *all);
    if (!all) return false;
    all->keys = wane_arena_alloc(arena, count, sizeof *all->keys);
    all->values = wane_arena_alloc(arena, count, sizeof *all->values);
    if (!all->keys || !all->values) return false;
    for (void *at = json_object_iter(from); at; at = json_object_iter_next(from, at), i++) {
        all->keys[i] = wane_arena_strdup(arena, json_object_iter_key(at));
        if (!all->keys[i] || !convert(&all->values[i], json_object_iter_value(at), c)) return false;
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

static bool convert_array(wane_json *out, json_t *from, conversion *c)
{
    size_t count = json_array_size(from);
    out->as.elements = wane_arena_alloc(c->arena, count, sizeof *out->as.elements);
    if (!out->as.elements) return false;
    out->size = count;
    for (size_t i = 0; i < count; i++)
        if (!convert(&out->as.elements[i], json_array_get(from, i), c)) return false;
    return true;
}

/* Arrays and objects keep the order of the text, so the numbers come in it too. */
static bool convert_number(wane_json *out, json_t *from, conversion *c)
{
    const wane_json_mark *next = c->marks < c->scan.count ? &c->scan.marks[c->marks] : NULL;
    if (next && next->number == c->numbers) {
        out->kind = next->finite ? WANE_JSON_LARGE : WANE_JSON_NOT_FINITE;
        out->size = next->bytes;
        out->as.string = wane_arena_strndup(c->arena, c->text + next->at, next->bytes);
        c->marks++;
    } else if (json_is_integer(from)) {
        out->kind = WANE_JSON_INTEGER;
        out->as.integer = json_integer_value(from);
    } else {
        out->kind = WANE_JSON_REAL;
        out->as.real = json_real_value(from);
    }
    c->numbers++;
    return wane_json_written(out) || out->kind == WANE_JSON_INTEGER || out->kind == WANE_JSON_REAL;
}

/* Recursion is bounded by jansson's limit on nesting, 2048. */
static bool convert(wane_json *out, json_t *from, conversion *c)
{
    switch (json_typeof(from)) {
    case JSON_NULL: out->kind = WANE_JSON_NULL; return true;
    case JSON_TRUE:
    case JSON_FALSE:
        out->kind = WANE_JSON_BOOL;
        out->as.truth = json_is_true(from);
        return true;
    case JSON_INTEGER:
    case JSON_REAL: return convert_number(out, from, c);
    case JSON_STRING:
        out->kind = WANE_JSON_STRING;
        out->size = json_string_length(from);
        out->as.string = wane_arena_strndup(c->arena, json_string_value(from), out->size);
        return out->as.string != NULL;
    case JSON_ARRAY: out->kind = WANE_JSON_ARRAY; return convert_array(out, from, c);
    case JSON_OBJECT: out->kind = WANE_JSON_OBJECT; return convert_object(out, from, c);
    }
    return false;
}

/* The parser's memory. jansson takes no notice of most allocations that fail: it calls the text
 * bad, leaves characters out, or stops the process with an assertion. So a failed one leaves the
 * parser at once, and what it held until then, kept in a list, is freed behind it. */
typedef struct parser_block {
    struct parser_block *before, *after;
} parser_block;

typedef struct parser_memory {
    parser_block first; /* of no use but to hold the ends of the list */
    jmp_buf out_of_memory;
} parser_memory;

static _Thread_local parser_memory *parsing;

static void *parser_alloc(size_t bytes)
{
    parser_memory *memory = parsing;
    size_t whole = 0;
    parser_block *block = wane_size_add(&whole, bytes, sizeof *block) /* aligned as malloc's are */
                              ? wane_realloc(NULL, 1, whole)
                              : NULL;
    if (!block) longjmp(memory->out_of_memory, 1);
    *block = (parser_block){.before = &memory->first, .after = memory->first.after};
    if (block->after) block->after->before = block;
    memory->first.after = block;
    return block + 1;
}

static void parser_free(void *held)
{
    if (!held) return;
    parser_block *block = (parser_block *)held - 1;
    block->before->after = block->after;
    if (block->after) block->after->before = block->before;
    wane_free(block);
}

static void parser_free_all(parser_memory *memory)
{
    while (memory->first.after) parser_free(memory->first.after + 1);
}

static void set_parser_memory(void)
{
    json_set_alloc_funcs(parser_alloc, parser_free);
}

/* The tree lies in `memory` (zeroed before). false: out of memory; a NULL tree: bad input, which
 * *fault tells. */
static bool load_tree(json_t **tree, parser_memory *memory, const char *text, size_t count,
                      json_error_t *fault)
{
    const size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL;
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, set_parser_memory);
    parsing = memory;
    if (setjmp(memory->out_of_memory)) return false;
    *tree = json_loadb(text, count, flags, fault);
    return true;
}

/* The parser's message, with what stands in the file where it names a stand-in. */
static wane_status parse_failure(const json_error_t *fault, const wane_json_scan *scan,
                                 const char *bytes, const char *name, wane_error *err)
{
    if (json_error_code(fault) == json_error_out_of_memory)
        return wane_fail_memory(err, "read", name);
    const char *near = strstr(fault->text, " near '");
    int told = (int)strlen(fault->text), written = 0;
    const char *token = "";
    for (size_t i = 0; near && fault->position > 0 && i < scan->count; i++) {
        if (scan->marks[i].at + scan->marks[i].bytes != (size_t)fault->position) continue;
        token = bytes + scan->marks[i].at;
        written = scan->marks[i].bytes < 40 ? (int)scan->marks[i].bytes : 40;
        told = (int)(near - fault->text) + (int)strlen(" near '");
    }
    return wane_fail_at(err, WANE_EFORMAT, fault->line > 0 ? fault->line : 1,
                        fault->column > 0 ? fault->column : 1, "read: %s: %.*s%.*s%s", name, told,
                        fault->text, written, token, written ? "'" : "");
}

static wane_status parse_tree(conversion *c, const char *bytes, size_t count, const char *name,
                              wane_error *err)
{
    parser_memory memory = {0};
    json_error_t fault;
    json_t *tree = NULL;
    document *whole = NULL;
    const char *text = c->scan.copy ? c->scan.copy : bytes;
    bool good = load_tree(&tree, &memory, text, count, &fault);
    if (good && !tree) {
        parser_free_all(&memory);
        return parse_failure(&fault, &c->scan, bytes, name, err);
    }
    if (good) c->arena = wane_arena_new();
    c->text = bytes;
    if (c->arena) whole = wane_arena_alloc(c->arena, 1, sizeof *whole);
    good = whole && convert(&whole->root, tree, c);
    parser_free_all(&memory);
    if (!good) {
        wane_arena_free(c->arena);
        return wane_fail_memory(err, "read", name);
    }
    whole->arena = c->arena;
    c->root = &whole->root;
    return WANE_OK;
}

wane_status wane_json_parse(wane_json **out, const char *bytes, size_t count, const char *name,
                            wane_error *err)
{
    conversion c = {0};
    if (count >= 3 && !memcmp(bytes, "\xef\xbb\xbf", 3)) {
        bytes += 3;
        count -= 3;
    }
    wane_status st = wane_json_scan_text(&c.scan, bytes, count, name, err);
    if (st == WANE_OK) st = parse_tree(&c, bytes, count, name, err);
    if (st == WANE_OK) *out = c.root;
    wane_json_scan_free(&c.scan);
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
    case WANE_JSON_LARGE: return wane_parse_double(out, value->as.string);
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

const char *wane_json_written(const wane_json *value)
{
    wane_json_kind kind = wane_json_kind_of(value);
    return kind == WANE_JSON_LARGE || kind == WANE_JSON_NOT_FINITE ? value->as.string : NULL;
}

bool wane_json_bool(const wane_json *value, bool fallback)
{
    return wane_json_kind_of(value) == WANE_JSON_BOOL ? value->as.truth : fallback;
}

bool wane_json_truth(const wane_json *value)
{
    double number = 0;
    size_t bytes = 0;
    switch (wane_json_kind_of(value)) {
    case WANE_JSON_NULL: return false;
    case WANE_JSON_BOOL: return wane_json_bool(value, true);
    case WANE_JSON_ARRAY:
    case WANE_JSON_OBJECT: return wane_json_size(value) > 0;
    case WANE_JSON_STRING: return wane_json_string(value, &bytes) && bytes > 0;
    default: return !wane_json_number(&number, value) || number != 0;
    }
}

void wane_json_write_string(wane_text *out, const char *text)
{
    if (!text) {
        wane_text_string(out, "null");
        return;
    }
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
