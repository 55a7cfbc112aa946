/* SPDX-License-Identifier: Apache-2.0
 * Records of CSV (RFC 4180) and TSV text, one after the other, as pandas and datasets read them.
 *
 * Fields stand between commas (CSV) or tabs (TSV). A field that begins with a quote is quoted: it
 * may hold separators and line ends, and its quotes are doubled; a quote further in is a character
 * like others. A quote that is never closed and text behind a closing quote are errors (pandas
 * drops the closing quote of the latter). Lines end in LF, CRLF or CR; lines between records that
 * are empty or of blanks alone are skipped.
 */
#ifndef TASKS_DATA_CSV_H
#define TASKS_DATA_CSV_H

#include <stdbool.h>
#include <stddef.h>

#include "store/base/status.h"
#include "store/base/text.h"

typedef struct wane_csv {
    const char *bytes; /* borrowed; valid UTF-8 without NUL */
    size_t count, at;
    const char *name; /* what messages call the input; borrowed */
    bool tabs;        /* TSV */
    long line;        /* of the next byte, from 1 */
    /* The record read last. */
    long record_line;
    wane_text cells; /* its fields, each ended by NUL */
    size_t *starts;  /* of each field in cells */
    size_t fields, capacity;
} wane_csv;

/* Start with {0}, then set bytes, count, name, tabs. Free with wane_csv_free. */
void wane_csv_free(wane_csv *csv);

/* Reads the next record; WANE_DONE after the last. */
WANE_MUST_CHECK wane_status wane_csv_next(wane_csv *csv, wane_error *err);

/* Field `index` of the record read last; borrowed until the next one is read. */
const char *wane_csv_field(const wane_csv *csv, size_t index);

#endif
