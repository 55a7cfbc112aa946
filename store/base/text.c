/* SPDX-License-Identifier: Apache-2.0
 * The buffer that remembers a failed allocation until it is checked, numbers read and written
 * without loss, cells of CSV, and the edit distance behind "did you mean"; UTF-8 stands in
 * visible.c.
 */
#include "store/base/text.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/memory.h"

char *wane_text_room(wane_text *text, size_t count)
{
    size_t need = 0;
    if (text->failed) return NULL;
    text->failed = !wane_size_add(&need, text->length, count) || !wane_size_add(&need, need, 1) ||
                   !WANE_GROW(text->data, text->capacity, need);
    return text->failed ? NULL : text->data + text->length;
}

void wane_text_append(wane_text *text, const char *bytes, size_t count)
{
    if (!wane_text_room(text, count)) return;
    if (count) memcpy(text->data + text->length, bytes, count);
    text->length += count;
    text->data[text->length] = '\0';
}

void wane_text_string(wane_text *text, const char *string)
{
    wane_text_append(text, string, strlen(string));
}

void wane_text_printf(wane_text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0) text->failed = true;
    if (length < 0 || !wane_text_room(text, (size_t)length)) return;
    va_start(arguments, format);
    (void)vsnprintf(text->data + text->length, (size_t)length + 1, format, arguments);
    va_end(arguments);
    text->length += (size_t)length;
}

void wane_text_clear(wane_text *text)
{
    text->length = 0;
    if (text->data) text->data[0] = '\0';
}

void wane_text_free(wane_text *text)
{
    wane_free(text->data);
    *text = (wane_text){0};
}

wane_status wane_text_check(wane_text *text, const char *operation, const char *object,
                            wane_error *err)
{
    if (!text->failed) wane_text_append(text, "", 0);
    return text->failed ? wane_fail_memory(err, operation, object) : WANE_OK;
}

/* strtod follows LC_NUMERIC; wane sets LC_CTYPE only, so the point is always a dot. */
bool wane_parse_double(double *out, const char *string)
{
    if (!string[0] || strspn(string, "0123456789+-.eE") != strlen(string)) return false;
    char *end = NULL;
    errno = 0;
    double value = strtod(string, &end);
    if (*end || end == string || !isfinite(value)) return false;
    if (errno == ERANGE && fabs(value) > 1.0) return false;
    *out = value;
    return true;
}

bool wane_parse_int64(int64_t *out, const char *string)
{
    if (!string[0] || strspn(string, "0123456789+-") != strlen(string)) return false;
    char *end = NULL;
    errno = 0;
    long long value = strtoll(string, &end, 10);
    if (*end || end == string || errno == ERANGE) return false;
    *out = value;
    return true;
}

/* Appends a digit; false when the number has no room for it. */
static bool shift_in(uint64_t *value, unsigned digit)
{
    if (*value > (UINT64_MAX - digit) / 10) return false;
    *value = *value * 10 + digit;
    return true;
}

bool wane_parse_whole(uint64_t *out, const char *string)
{
    double real = 0;
    if (!wane_parse_double(&real, string)) return false;
    const char *digits = string + strspn(string, "+-");
    size_t length = strspn(digits, "0123456789."), last = length;
    const char *point = memchr(digits, '.', length);
    /* How many zeros stand behind the digits, were they written out. */
    long zeros = digits[length] ? strtol(digits + length + 1, NULL, 10) : 0;
    if (zeros < -(1L << 40)) zeros = -(1L << 40); /* beyond the digits of any text */
    while (last > 0 && (digits[last - 1] == '0' || digits[last - 1] == '.')) last--;
    uint64_t value = 0;
    for (size_t i = 0; i < last; i++)
        if (digits[i] != '.' && !shift_in(&value, (unsigned)(digits[i] - '0'))) return false;
    *out = value;
    if (value == 0) return true;
    size_t whole = point ? (size_t)(point - digits) : length;
    zeros += whole >= last ? (long)(whole - last) : 1 - (long)(last - whole);
    if (string[0] == '-' || zeros < 0) return false;
    for (; zeros > 0; zeros--)
        if (!shift_in(&value, 0)) return false;
    *out = value;
    return true;
}

char *wane_format_double(char out[32], double value)
{
    if (isnan(value)) return strcpy(out, "nan");
    if (isinf(value)) return strcpy(out, value > 0 ? "inf" : "-inf");
    for (int digits = 1; digits <= 17; digits++) {
        (void)snprintf(out, 32, "%.*g", digits, value);
        if (strtod(out, NULL) == value) break;
    }
    return out;
}

bool wane_ends_with(const char *string, const char *end)
{
    size_t length = strlen(string), tail = strlen(end);
    return length > tail && strcmp(string + length - tail, end) == 0;
}

void wane_text_visible(wane_text *text, const char *bytes, size_t count)
{
    char piece[WANE_VISIBLE_BYTES];
    for (;;) {
        size_t same = wane_visible_span(bytes, count);
        wane_text_append(text, bytes, same);
        if (same == count) return;
        size_t step = wane_visible_next(piece, bytes + same, count - same);
        wane_text_string(text, piece);
        bytes += same + step;
        count -= same + step;
    }
}

void wane_text_csv(wane_text *text, const char *value, bool plain)
{
    bool guard = !plain && *value && strchr("=+-@\t\r\n", *value);
    if (!value[strcspn(value, ",\"\r\n")] && *value != ' ' && *value) {
        wane_text_printf(text, "%s%s", guard ? "'" : "", value);
        return;
    }
    wane_text_string(text, guard ? "\"'" : "\"");
    for (const char *quote; (quote = strchr(value, '"')); value = quote + 1) {
        wane_text_append(text, value, (size_t)(quote - value));
        wane_text_string(text, "\"\"");
    }
    wane_text_string(text, value);
    wane_text_string(text, "\"");
}

enum { LONGEST_NAME = 63 };

static size_t edit_distance(const char *a, const char *b)
{
    size_t m = strlen(a), n = strlen(b), row[LONGEST_NAME + 1];
    if (m > LONGEST_NAME || n > LONGEST_NAME) return SIZE_MAX;
    for (size_t j = 0; j <= n; j++) row[j] = j;
    for (size_t i = 1; i <= m; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[n];
}

const char *wane_nearest(const char *word, const char *const *names, size_t count)
{
    const char *nearest = NULL;
    size_t limit = strlen(word) / 3 > 2 ? strlen(word) / 3 : 2;
    if (strlen(word) <= 2) limit = 1;
    for (size_t i = 0; i < count; i++) {
        size_t distance = edit_distance(word, names[i]);
        if (distance > limit) continue;
        limit = distance ? distance - 1 : 0;
        nearest = names[i];
        if (distance == 0) break;
    }
    return nearest;
}
