/* SPDX-License-Identifier: Apache-2.0
 * Rows with named columns out of one file's bytes: JSONL, JSON, CSV, TSV.
 *
 * JSON: a list of objects, {"data": [objects]}, or {"column": [values], ...} with columns of equal
 * length; a file called .json whose first line is a whole value with more behind it is JSONL.
 * JSONL: one object a line, empty lines skipped. CSV and TSV: the first record names the
 * columns (csv.h). A byte order mark at the start is skipped. Broken UTF-8 and NUL characters are
 * errors with their line.
 */
#ifndef TASKS_DATA_SOURCE_H
#define TASKS_DATA_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "store/base/status.h"
#include "store/base/text.h"

typedef enum wane_format {
    WANE_FORMAT_JSONL,
    WANE_FORMAT_JSON,
    WANE_FORMAT_CSV,
    WANE_FORMAT_TSV
} wane_format;

/* By the ending of a file's name (.jsonl and .ndjson, .json, .csv, .tsv, in capitals too); false
 * for any other. */
bool wane_format_of(wane_format *out, const char *name);

typedef struct wane_source wane_source;

/* `bytes` and `name` (what messages call the file) are borrowed until free. `bare`: rows may also
 * be plain strings (a list of texts); such a row has the one column "". Owned by the caller, free
 * with wane_source_free (NULL allowed). */
WANE_MUST_CHECK wane_status wane_source_open(wane_source **out, const char *bytes, size_t count,
                                             const char *name, wane_format format, bool bare,
                                             wane_error *err);
void wane_source_free(wane_source *source);

/* The next row; WANE_DONE after the last. */
WANE_MUST_CHECK wane_status wane_source_next(wane_source *source, wane_error *err);

/* Of the row read last: its number from 0, its columns in the order of the file. Borrowed until
 * the next row. */
size_t wane_source_row(const wane_source *source);
size_t wane_source_columns(const wane_source *source);
const char *wane_source_column(const wane_source *source, size_t index);
bool wane_source_has(const wane_source *source, const char *column);

/* Whether the row read last is a bare text. */
bool wane_source_is_bare(const wane_source *source);

/* "no column C (columns: a, b)ADVICE", with the nearest name and the place; WANE_EFORMAT. */
wane_status wane_source_fail_missing(const wane_source *source, const char *column, wane_error *err,
                                     const char *advice);

/* Appends the row's value of `column` to `out`: a string as it is, a number or a truth value as the
 * text JSON writes for it (2.0 becomes "2"), one beyond int64 or double as it is written. A missing
 * column, null, NaN, Infinity, a list or an object is WANE_EFORMAT with the place. */
WANE_MUST_CHECK wane_status wane_source_value(const wane_source *source, const char *column,
                                              wane_text *out, wane_error *err);

/* "read: NAME: cause" with the line of the row read last (its number where lines mean
 * nothing); returns `code`. */
wane_status wane_source_fail(const wane_source *source, wane_error *err, wane_status code,
                             const char *format, ...) WANE_PRINTF(4, 5);

/* Well-formed UTF-8 without NUL, or WANE_EFORMAT with file, line and column. */
WANE_MUST_CHECK wane_status wane_source_check_text(const char *bytes, size_t count,
                                                   const char *name, wane_error *err);

/* "a, b, c" of at most eight names and how many more; for messages. `out` is cleared first. */
void wane_list_names(wane_text *out, const char *const *names, size_t count);

#endif
