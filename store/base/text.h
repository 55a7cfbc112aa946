/* SPDX-License-Identifier: Apache-2.0
 * Text: a growing buffer, strict number parsing, UTF-8 validation, nearest-name suggestions.
 */
#ifndef STORE_BASE_TEXT_H
#define STORE_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/status.h"

/* Bytes that grow. Start with {0}; `data` is NUL-terminated whenever it is not NULL, `length` does
 * not count the NUL. Free with wane_text_free. A failed append sets `failed` and later appends do
 * nothing, so a long build is checked once, by wane_text_check. */
typedef struct wane_text {
    char *data;
    size_t length, capacity;
    bool failed;
} wane_text;

void wane_text_append(wane_text *text, const char *bytes, size_t count);
void wane_text_string(wane_text *text, const char *string);
void wane_text_printf(wane_text *text, const char *format, ...) WANE_PRINTF(2, 3);
/* Room for `count` more bytes and a NUL behind text->length; NULL (and text->failed) when memory is
 * out. The caller writes there and then adds to text->length; data is NUL-terminated again only
 * after the next append. */
char *wane_text_room(wane_text *text, size_t count);
void wane_text_clear(wane_text *text); /* length 0, memory kept */
void wane_text_free(wane_text *text);

/* WANE_ENOMEM "operation: object: out of memory" if any append failed; else OK, and data is not
 * NULL (an empty buffer becomes ""). */
WANE_MUST_CHECK wane_status wane_text_check(wane_text *text, const char *operation,
                                            const char *object, wane_error *err);

/* The whole of `string` as a finite number, a dot as decimal point whatever the locale; false when
 * it is anything else (empty, trailing characters, hex, nan, inf, out of range). */
bool wane_parse_double(double *out, const char *string);
bool wane_parse_int64(int64_t *out, const char *string);
/* The whole of `string`, which wane_parse_double takes, as the whole number that it says, digit by
 * digit: 10000, 1e4, 2.50e1. False for a negative number, one with a fraction (however small), and
 * one of 2^64 or more. */
bool wane_parse_whole(uint64_t *out, const char *string);

/* Shortest decimal of `value` that reads back to the same bits ("nan", "inf", "-inf" otherwise).
 * `out` must have room for 32 bytes; returns out. */
char *wane_format_double(char out[32], double value);

/* Whether `string` is longer than `end` and ends in it. */
bool wane_ends_with(const char *string, const char *end);

/* Whether the bytes are well-formed UTF-8 (no overlong forms, no surrogates, <= U+10FFFF); on
 * false, *bad (may be NULL) is the offset of the first byte that is not. */
bool wane_utf8_valid(const char *bytes, size_t count, size_t *bad);

/* Cells of a terminal that UTF-8 takes: 2 for East Asian wide characters and emoji, 0 for marks
 * that combine, else 1; a byte that is no UTF-8 counts as one. Unicode 15, by blocks. */
size_t wane_utf8_width(const char *bytes, size_t count);

/* What a terminal or an XML reader would obey, or what would turn a line of text around, made
 * visible: \xNN for C0 controls and for bytes that are no UTF-8, \uNNNN for DEL, C1 controls, line
 * separators, overrides of direction (U+2028-202E, U+2066-2069) and U+FFFE, U+FFFF, which are the
 * escapes of JSON too, so that JSON made visible says the same. Line breaks and tabs lay a page out
 * and stay; in a line they become spaces, so that no input makes a line of its own. */
enum { WANE_VISIBLE_BYTES = 8 };

/* The next character of `bytes`, as it is to be shown, into `piece` (NUL-terminated); returns how
 * many bytes it took of `left`, which is not 0. */
size_t wane_visible_next(char piece[WANE_VISIBLE_BYTES], const char *bytes, size_t left);
/* How many bytes from the start on need no change. */
size_t wane_visible_span(const char *bytes, size_t count);
void wane_text_visible(wane_text *text, const char *bytes, size_t count);
/* `line` as one line into `out`, which has `room` > 0 bytes: cut between two characters. The two do
 * not overlap; returns out. */
char *wane_visible_line(char *out, size_t room, const char *line);

/* A text as a cell of CSV, quoted where RFC 4180 wants it. Spreadsheets compute what begins with
 * = + - @ and skip a tab or line break before it; such a text gets a ' in front, which they take as
 * the sign of a text, unless `plain`. */
void wane_text_csv(wane_text *text, const char *value, bool plain);

/* The name of `names` nearest to `word` by edit distance, or NULL when none is near enough to be a
 * misspelling (distance <= 2, or <= a third of the word). Borrowed from `names`. */
const char *wane_nearest(const char *word, const char *const *names, size_t count);

#endif
