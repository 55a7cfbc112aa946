/* SPDX-License-Identifier: Apache-2.0
 * Reading the parts of a tokenizer.json: typed members, and errors that name file and part. For
 * this room alone.
 */
#ifndef TASKS_TEXT_JSON_PART_H
#define TASKS_TEXT_JSON_PART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/memory.h"
#include "store/base/status.h"
#include "store/files/json.h"

/* Where in which file we are; `arena` takes the strings that stay. */
typedef struct wane_json_part {
    const char *file, *name; /* "tokenizer.json", "pre_tokenizer" */
    wane_arena *arena;
    const char *operation; /* what errors begin with; NULL: "tokenizer" */
} wane_json_part;

/* "OPERATION: FILE: PART: <cause>", WANE_EFORMAT. */
wane_status wane_json_part_fail(const wane_json_part *part, wane_error *err, const char *format,
                                ...) WANE_PRINTF(3, 4);

/* The object's "type". */
WANE_MUST_CHECK wane_status wane_json_part_type(const char **out, const wane_json *object,
                                                const wane_json_part *part, wane_error *err);
/* Fails on a member whose name is not among the NULL-terminated `names` (or "type"). */
WANE_MUST_CHECK wane_status wane_json_part_keys(const wane_json *object, const char *const *names,
                                                const wane_json_part *part, wane_error *err);
/* A boolean member; absent or null: the fallback. */
WANE_MUST_CHECK wane_status wane_json_part_bool(bool *out, const wane_json *object, const char *key,
                                                bool fallback, const wane_json_part *part,
                                                wane_error *err);
/* An integer member from 0 to `limit` (inclusive); there must be one. */
WANE_MUST_CHECK wane_status wane_json_part_count(int64_t *out, const wane_json *object,
                                                 const char *key, int64_t limit,
                                                 const wane_json_part *part, wane_error *err);
/* A string member, copied to the arena; absent or null: NULL when `optional`, else an error. */
WANE_MUST_CHECK wane_status wane_json_part_string(const char **out, size_t *bytes,
                                                  const wane_json *object, const char *key,
                                                  bool optional, const wane_json_part *part,
                                                  wane_error *err);
/* A string member of exactly one code point. */
WANE_MUST_CHECK wane_status wane_json_part_character(const char **out, size_t *bytes,
                                                     const wane_json *object, const char *key,
                                                     const wane_json_part *part, wane_error *err);

/* The elements of a component that may be a Sequence of components (their list is the member
 * `key`), in order, Sequences within Sequences opened too; null gives none. *out is owned by the
 * caller, free with wane_free. */
WANE_MUST_CHECK wane_status wane_json_part_flatten(const wane_json ***out, size_t *count,
                                                   const wane_json *component, const char *key,
                                                   const wane_json_part *part, wane_error *err);

/* Reads each of those elements with `read` into an array of `size` bytes an element, zeroed first.
 * *steps (free with wane_free) and *count are set also on failure, to what may hold something. */
typedef wane_status wane_json_part_read(void *step, const wane_json *json,
                                        const wane_json_part *part, wane_error *err);
WANE_MUST_CHECK wane_status wane_json_part_steps(void **steps, size_t *count, size_t size,
                                                 wane_json_part_read *read,
                                                 const wane_json *component, const char *key,
                                                 const wane_json_part *part, wane_error *err);

#endif
