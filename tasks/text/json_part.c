/* SPDX-License-Identifier: Apache-2.0
 * Type, known keys and typed members of one part, and a Sequence in a Sequence laid out as one list
 * of steps.
 */
#include "tasks/text/json_part.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tasks/text/unicode.h"

wane_status wane_json_part_fail(const wane_json_part *part, wane_error *err, const char *format,
                                ...)
{
    char cause[WANE_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(cause, sizeof cause, format, arguments);
    va_end(arguments);
    return wane_fail(err, WANE_EFORMAT, "%s: %s: %s: %s",
                     part->operation ? part->operation : "tokenizer", part->file, part->name,
                     cause);
}

static bool absent(const wane_json *value)
{
    return wane_json_kind_of(value) == WANE_JSON_NULL;
}

wane_status wane_json_part_type(const char **out, const wane_json *object,
                                const wane_json_part *part, wane_error *err)
{
    if (wane_json_kind_of(object) != WANE_JSON_OBJECT)
        return wane_json_part_fail(part, err, "not an object");
    const char *type = wane_json_string(wane_json_get(object, "type"), NULL);
    if (!type) return wane_json_part_fail(part, err, "no \"type\"");
    *out = type;
    return WANE_OK;
}

wane_status wane_json_part_keys(const wane_json *object, const char *const *names,
                                const wane_json_part *part, wane_error *err)
{
    for (size_t i = 0; i < wane_json_size(object); i++) {
        const char *key = NULL;
        (void)wane_json_member(object, i, &key);
        size_t n = 0;
        while (names[n] && strcmp(names[n], key) != 0) n++;
        if (!names[n] && strcmp(key, "type") != 0)
            return wane_json_part_fail(part, err, "unknown member \"%.64s\"", key);
    }
    return WANE_OK;
}

wane_status wane_json_part_bool(bool *out, const wane_json *object, const char *key, bool fallback,
                                const wane_json_part *part, wane_error *err)
{
    const wane_json *value = wane_json_get(object, key);
    if (!absent(value) && wane_json_kind_of(value) != WANE_JSON_BOOL)
        return wane_json_part_fail(part, err, "\"%s\" is neither true nor false", key);
    *out = wane_json_bool(value, fallback);
    return WANE_OK;
}

wane_status wane_json_part_count(int64_t *out, const wane_json *object, const char *key,
                                 int64_t limit, const wane_json_part *part, wane_error *err)
{
    int64_t value = -1;
    if (!wane_json_integer(&value, wane_json_get(object, key)) || value < 0 || value > limit)
        return wane_json_part_fail(part, err, "\"%s\" is no integer from 0 to %lld", key,
                                   (long long)limit);
    *out = value;
    return WANE_OK;
}

wane_status wane_json_part_string(const char **out, size_t *bytes, const wane_json *object,
                                  const char *key, bool optional, const wane_json_part *part,
                                  wane_error *err)
{
    const wane_json *value = wane_json_get(object, key);
    size_t length = 0;
    const char *text = wane_json_string(value, &length);
    if (!text && !(optional && absent(value)))
        return wane_json_part_fail(part, err, "\"%s\" is no string", key);
    const char *copy = text ? wane_arena_strndup(part->arena, text, length) : NULL;
    if (text && !copy) return wane_fail_memory(err, "tokenizer", part->file);
    *out = copy;
    *bytes = length;
    return WANE_OK;
}

wane_status wane_json_part_character(const char **out, size_t *bytes, const wane_json *object,
                                     const char *key, const wane_json_part *part, wane_error *err)
{
    const char *text = NULL;
    size_t length = 0;
    wane_status st = wane_json_part_string(&text, &length, object, key, false, part, err);
    if (st != WANE_OK) return st;
    if (!length || wane_utf8_size((unsigned char)text[0]) != length)
        return wane_json_part_fail(part, err, "\"%s\" is not one character", key);
    *out = text;
    *bytes = length;
    return WANE_OK;
}

typedef struct flat {
    const wane_json **items;
    size_t count, capacity;
} flat;

static wane_status flatten(flat *list, const wane_json *component, const char *key, int depth,
                           const wane_json_part *part, wane_error *err)
{
    wane_status st = WANE_OK;
    const char *type = NULL;
    WANE_TRY(wane_json_part_type(&type, component, part, err));
    if (!strcmp(type, "Sequence")) {
        const char *const keys[] = {key, NULL};
        const wane_json *members = wane_json_get(component, key);
        WANE_TRY(wane_json_part_keys(component, keys, part, err));
        if (wane_json_kind_of(members) != WANE_JSON_ARRAY)
            return wane_json_part_fail(part, err, "Sequence without an array \"%s\"", key);
        if (depth >= 32)
            return wane_json_part_fail(part, err, "Sequences nested more than 32 deep");
        for (size_t i = 0; i < wane_json_size(members); i++)
            WANE_TRY(flatten(list, wane_json_at(members, i), key, depth + 1, part, err));
        return WANE_OK;
    }
    if (!WANE_GROW(list->items, list->capacity, list->count + 1))
        return wane_fail_memory(err, "tokenizer", part->file);
    list->items[list->count++] = component;
done:
    return st;
}

wane_status wane_json_part_flatten(const wane_json ***out, size_t *count,
                                   const wane_json *component, const char *key,
                                   const wane_json_part *part, wane_error *err)
{
    flat list = {0};
    wane_status st = absent(component) ? WANE_OK : flatten(&list, component, key, 0, part, err);
    if (st != WANE_OK) {
        wane_free(list.items);
        return st;
    }
    *out = list.items;
    *count = list.count;
    return WANE_OK;
}

wane_status wane_json_part_steps(void **steps, size_t *count, size_t size,
                                 wane_json_part_read *read, const wane_json *component,
                                 const char *key, const wane_json_part *part, wane_error *err)
{
    const wane_json **items = NULL;
    size_t items_count = 0;
    *count = 0;
    *steps = NULL;
    wane_status st = wane_json_part_flatten(&items, &items_count, component, key, part, err);
    if (st != WANE_OK) return st;
    char *made = wane_alloc(items_count, size);
    if (!made) st = wane_fail_memory(err, "tokenizer", part->file);
    /* A step that fails is counted: it may hold a pattern already. */
    for (size_t i = 0; st == WANE_OK && i < items_count; i++) {
        *count = i + 1;
        st = read(made + i * size, items[i], part, err);
    }
    *steps = made;
    wane_free(items);
    return st;
}
