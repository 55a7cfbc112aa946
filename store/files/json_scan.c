/* SPDX-License-Identifier: Apache-2.0
 * Runs over a JSON text once, token by token outside of strings, judges each number by the grammar
 * of RFC 8259 and puts a stand-in where jansson would refuse one.
 */
#include "store/files/json_scan.h"

#include <string.h>

#include "store/base/memory.h"
#include "store/base/text.h"

typedef enum shape { NO_NUMBER, INTEGER, REAL } shape;

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Whether a byte can be part of a number or of a word. Runs of these are taken whole, so that
 * neither 1NaN nor NaN_ is taken for what it is not. */
static bool joins(char c)
{
    return digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '+' || c == '-' ||
           c == '.' || c == '_';
}

static size_t digits_at(const char *run, size_t at, size_t bytes)
{
    while (at < bytes && digit(run[at])) at++;
    return at;
}

/* The grammar of RFC 8259, section 6. */
static shape shape_of(const char *run, size_t bytes)
{
    size_t at = run[0] == '-', start = at;
    bool real = false;
    at = digits_at(run, at, bytes);
    if (at == start || (run[start] == '0' && at > start + 1)) return NO_NUMBER;
    if (at < bytes && run[at] == '.') {
        start = at + 1;
        at = digits_at(run, start, bytes);
        if (at == start) return NO_NUMBER;
        real = true;
    }
    if (at < bytes && (run[at] == 'e' || run[at] == 'E')) {
        at++;
        if (at < bytes && (run[at] == '+' || run[at] == '-')) at++;
        start = at;
        at = digits_at(run, start, bytes);
        if (at == start) return NO_NUMBER;
        real = true;
    }
    return at < bytes ? NO_NUMBER : real ? REAL : INTEGER;
}

static bool beyond_int64(const char *run, size_t bytes)
{
    bool negative = run[0] == '-';
    const char *largest = negative ? "9223372036854775808" : "9223372036854775807";
    size_t digits = bytes - negative;
    return digits > 19 || (digits == 19 && memcmp(run + negative, largest, 19) > 0);
}

/* A real without exponent and of under 300 digits needs no look. */
static wane_status beyond_double(bool *out, const char *run, size_t bytes, const char *name,
                                 wane_error *err)
{
    *out = false;
    if (bytes < 300 && !memchr(run, 'e', bytes) && !memchr(run, 'E', bytes)) return WANE_OK;
    wane_text text = {0};
    double value = 0;
    wane_text_append(&text, run, bytes);
    wane_status st = wane_text_check(&text, "read", name, err);
    if (st == WANE_OK) *out = !wane_parse_double(&value, text.data);
    wane_text_free(&text);
    return st;
}

static bool is(const char *run, size_t bytes, const char *word)
{
    return strlen(word) == bytes && memcmp(run, word, bytes) == 0;
}

static wane_status mark(wane_json_scan *scan, const wane_json_mark *one, const char *name,
                        wane_error *err)
{
    if (!WANE_GROW(scan->marks, scan->room, scan->count + 1))
        return wane_fail_memory(err, "read", name);
    scan->marks[scan->count++] = *one;
    return WANE_OK;
}

/* Looks at the run of `bytes` at `at`; *numbers counts those of the text. */
static wane_status look(wane_json_scan *scan, const char *text, size_t at, size_t bytes,
                        size_t *numbers, const char *name, wane_error *err)
{
    const char *run = text + at;
    shape kind = shape_of(run, bytes);
    bool words = is(run, bytes, "NaN") || is(run, bytes, "Infinity") || is(run, bytes, "-Infinity");
    bool beyond = kind == INTEGER && beyond_int64(run, bytes);
    wane_status st = WANE_OK;
    if (kind == REAL) st = beyond_double(&beyond, run, bytes, name, err);
    wane_json_mark one = {.number = *numbers, .at = at, .bytes = bytes, .finite = !words};
    if (st == WANE_OK && (beyond || words)) st = mark(scan, &one, name, err);
    if (kind != NO_NUMBER || words) (*numbers)++;
    return st;
}

/* Behind the string that starts at `at`. */
static size_t skip_string(const char *bytes, size_t at, size_t count)
{
    for (at++; at < count && bytes[at] != '"'; at++)
        if (bytes[at] == '\\') at++;
    return at < count ? at + 1 : count;
}

static wane_status replace(wane_json_scan *scan, const char *bytes, size_t count, const char *name,
                           wane_error *err)
{
    scan->copy = wane_alloc(count, 1);
    if (!scan->copy) return wane_fail_memory(err, "read", name);
    memcpy(scan->copy, bytes, count);
    for (size_t i = 0; i < scan->count; i++) { /* the shortest is NaN: 0.0 */
        memset(scan->copy + scan->marks[i].at, '0', scan->marks[i].bytes);
        scan->copy[scan->marks[i].at + 1] = '.';
    }
    return WANE_OK;
}

wane_status wane_json_scan_text(wane_json_scan *out, const char *bytes, size_t count,
                                const char *name, wane_error *err)
{
    size_t numbers = 0;
    wane_status st = WANE_OK;
    for (size_t at = 0; st == WANE_OK && at < count;) {
        size_t start = at;
        if (bytes[at] == '"') {
            at = skip_string(bytes, at, count);
            continue;
        }
        while (at < count && joins(bytes[at])) at++;
        if (at == start) at++;
        else st = look(out, bytes, start, at - start, &numbers, name, err);
    }
    if (st == WANE_OK && out->count) st = replace(out, bytes, count, name, err);
    return st;
}

void wane_json_scan_free(wane_json_scan *scan)
{
    wane_free(scan->copy);
    wane_free(scan->marks);
    *scan = (wane_json_scan){0};
}
