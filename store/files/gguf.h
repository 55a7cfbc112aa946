/* SPDX-License-Identifier: Apache-2.0
 * GGUF files: their metadata, typed, by key; and what they say of their tensors, whose values are
 * read as those of any file (tensors.h).
 *
 * Versions 2 and 3, little-endian (ggml's docs/gguf.md). A file is checked whole when it is opened,
 * before anything is allocated by what it claims: every length against the bytes that are left,
 * types, flags that are neither 0 nor 1, keys and names that are there twice, shapes that overflow,
 * rows that are no whole number of blocks, tensors beside the data, between its alignments or over
 * one another. A message names the key or tensor and the byte.
 *
 * A model may lie in several files, NAME-00001-of-00003.gguf and so on; the metadata are those of
 * the first.
 */
#ifndef STORE_FILES_GGUF_H
#define STORE_FILES_GGUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/status.h"
#include "store/files/package.h"

typedef struct wane_gguf wane_gguf;

/* The file at `path`, one of a set or not. Owned by the caller, free with wane_gguf_close (NULL
 * allowed). */
WANE_MUST_CHECK wane_status wane_gguf_open(wane_gguf **out, const char *path, wane_error *err);
/* That of the model in a package: *out is NULL when its model is not in GGUF. Borrows the package
 * until close. */
WANE_MUST_CHECK wane_status wane_gguf_open_package(wane_gguf **out, const wane_package *package,
                                                   wane_error *err);
void wane_gguf_close(wane_gguf *gguf);

/* What messages call the file; borrowed until close. */
const char *wane_gguf_path(const wane_gguf *gguf);

/* ---------------------------------------------------------------------------------------- values
 */

typedef enum wane_gguf_kind {
    WANE_GGUF_BOOL,
    WANE_GGUF_INTEGER, /* of any width, signed or not */
    WANE_GGUF_REAL,    /* of 32 or 64 bits */
    WANE_GGUF_STRING,
    WANE_GGUF_ARRAY
} wane_gguf_kind;

typedef struct wane_gguf_value wane_gguf_value; /* borrowed until close */

size_t wane_gguf_count(const wane_gguf *gguf);
/* Pair i in the order of keys; *key is NUL-terminated and has no byte but ASCII's visible ones. */
const wane_gguf_value *wane_gguf_at(const wane_gguf *gguf, size_t index, const char **key);
/* NULL where there is none of that key. */
const wane_gguf_value *wane_gguf_find(const wane_gguf *gguf, const char *key);

wane_gguf_kind wane_gguf_kind_of(const wane_gguf_value *value);

/* Getters. Each accepts NULL and other kinds than its own, and then says false, NULL or 0, so that
 * one check at the end is enough. */
bool wane_gguf_bool(bool *out, const wane_gguf_value *value);
/* A whole number within int64; a flag is none. */
bool wane_gguf_integer(int64_t *out, const wane_gguf_value *value);
/* A real number, as the file has it (NaN too), or a whole one. */
bool wane_gguf_number(double *out, const wane_gguf_value *value);
/* Any bytes, NUL and what is no UTF-8 among them; not NUL-terminated, *bytes long. */
const char *wane_gguf_string(const wane_gguf_value *value, size_t *bytes);
/* Whether it is a string of just that text. */
bool wane_gguf_is(const wane_gguf_value *value, const char *text);

/* Arrays: elements, and their kind (of an array of arrays WANE_GGUF_ARRAY; those are checked and
 * counted, and have no getter). An empty array has a kind too. */
size_t wane_gguf_size(const wane_gguf_value *array);
bool wane_gguf_element_kind(wane_gguf_kind *out, const wane_gguf_value *array);
/* Element `index` in constant time; false or NULL beyond the last, and for other kinds. */
bool wane_gguf_integer_at(int64_t *out, const wane_gguf_value *array, size_t index);
bool wane_gguf_number_at(double *out, const wane_gguf_value *array, size_t index);
bool wane_gguf_bool_at(bool *out, const wane_gguf_value *array, size_t index);
const char *wane_gguf_string_at(const wane_gguf_value *array, size_t index, size_t *bytes);

#endif
