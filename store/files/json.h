/* SPDX-License-Identifier: Apache-2.0
 * JSON values read from bytes (by jansson; json.c is the only file that includes it).
 *
 * A string may hold \u0000 (it carries its length), a key may not. Look-up by index takes constant
 * time, by key logarithmic time. Duplicate keys, invalid UTF-8, lone surrogates and nesting over
 * 2048 are errors with line and column. A UTF-8 byte order mark at the start is skipped.
 *
 * Numbers that no machine type holds are kept as they are written (wane_json_written): integers
 * beyond int64, reals beyond double, and NaN, Infinity and -Infinity, which Python writes and
 * RFC 8259 does not know. So a file is read whatever stands under keys that nobody asks for, and
 * whoever asks for a number is told that there is none.
 */
#ifndef STORE_FILES_JSON_H
#define STORE_FILES_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/status.h"
#include "store/base/text.h"

typedef struct wane_json wane_json; /* one value; parts of a value are borrowed from its root */

typedef enum wane_json_kind {
    WANE_JSON_NULL,
    WANE_JSON_BOOL,
    WANE_JSON_INTEGER,
    WANE_JSON_REAL,
    WANE_JSON_LARGE,      /* a number beyond int64 or double */
    WANE_JSON_NOT_FINITE, /* NaN, Infinity, -Infinity */
    WANE_JSON_STRING,
    WANE_JSON_ARRAY,
    WANE_JSON_OBJECT
} wane_json_kind;

/* `name` is what messages call the input ("config.json"). *out is owned by the caller, free with
 * wane_json_free (NULL allowed). */
WANE_MUST_CHECK wane_status wane_json_parse(wane_json **out, const char *bytes, size_t count,
                                            const char *name, wane_error *err);
/* The whole file at `path`. */
void wane_json_free(wane_json *root);

/* Getters; each accepts NULL (kind NULL, size 0, ...) so that chains need one check at the end. */
wane_json_kind wane_json_kind_of(const wane_json *value);
size_t wane_json_size(const wane_json *value); /* elements of an array, members of an object */
const wane_json *wane_json_at(const wane_json *array, size_t index);      /* or NULL */
const wane_json *wane_json_get(const wane_json *object, const char *key); /* or NULL */
/* Member `index` of an object in the order of the file; *key is NUL-terminated. */
const wane_json *wane_json_member(const wane_json *object, size_t index, const char **key);
const char *wane_json_string(const wane_json *value, size_t *bytes); /* NULL if no string */
/* A finite number; of an integer beyond int64 the nearest double. False for everything else, so for
 * NaN, Infinity and 1e400 too. */
bool wane_json_number(double *out, const wane_json *value);
bool wane_json_integer(int64_t *out, const wane_json *value); /* within int64; also 2.0 */
/* What stands in the file for a LARGE or NOT_FINITE value ("18446744073709551615", "NaN"); NULL for
 * any other. */
const char *wane_json_written(const wane_json *value);
bool wane_json_bool(const wane_json *value, bool fallback); /* fallback if no bool */
/* Whether Python's `if` takes it for true: not null, false, 0, "", [] or {}, and there at all. */
bool wane_json_truth(const wane_json *value);

/* Appends `text` as a JSON string with quotes ("null" for NULL); a number as JSON ("null" when not
 * finite; a number reads back to the same bits). */
void wane_json_write_string(wane_text *out, const char *text);
void wane_json_write_number(wane_text *out, double value);

#endif
