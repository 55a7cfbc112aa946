/* SPDX-License-Identifier: Apache-2.0
 * Pages for people: tables with aligned columns, lines of a name and a value, numbers of few
 * digits.
 */
#ifndef ANALYSIS_REPORT_PAGE_H
#define ANALYSIS_REPORT_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "store/base/log.h"
#include "store/base/status.h"
#include "store/base/text.h"

/* --max-rows: how many rows a table or list of this process shows at most; 0, as it starts, all. */
void wane_page_limit(size_t rows);
size_t wane_page_rows_most(void);
/* How many of `count` rows are shown; remembers when that is not all. */
size_t wane_page_shown(size_t count);
/* Whether anything was cut since the limit was set. */
bool wane_page_cut(void);

/* Appends `rows` as a table: cells separated by tabs, rows ended by newlines, the first row names
 * the columns. sides[i]: 'l' or 'r', how column i is aligned. Width counts characters of UTF-8. */
void wane_page_table(wane_text *out, const wane_text *rows, const char *sides);

/* "name<padding>value" with the value from a fixed column on. */
void wane_page_line(wane_text *out, const char *name, const char *format, ...) WANE_PRINTF(3, 4);

/* `text` broken at blanks into lines of at most 100 columns, the later ones indented so far; `used`
 * columns of the first are taken. A newline ends it. */
void wane_page_wrapped(wane_text *out, const char *text, size_t used, size_t indent);

/* The line on what rounding to `type` alone would make of ||dW||, and what follows from it;
 * nothing where no weight is kept in 16 bits (floor 0). */
void wane_page_floor(wane_text *out, double floor, const char *type, size_t within);

/* The line "nll": nats per token and their standard error (NaN: none), or "-" and the reason. */
void wane_page_nll(wane_text *out, double nll, double stderr_, const char *reason);

/* `value` with so many decimals; "-" when it is not finite. Returns out. */
char *wane_page_fixed(char out[32], double value, int decimals);

/* The line on directions that are unresolved: `text` says how many; nothing where `count` is 0. */
void wane_page_unresolved(wane_text *out, size_t count, const char *text);

/* `value` to `digits` significant digits, without an exponent where it reads well; "-" for NaN.
 * `out` must have room for 32 bytes; returns out. */
char *wane_page_number(char out[32], double value, int digits);

/* 1234567 as "1,234,567"; `out` must have room for 32 bytes; returns out. */
char *wane_page_count(char out[32], size_t value);
/* `word`, with an s behind it unless `count` is 1. */
const char *wane_page_plural(char out[32], size_t count, const char *word);

/* "key":"value" of a JSON object, and ,"key":number for a member that is not the first; null for
 * NaN. */
void wane_page_json_text(wane_text *out, const char *key, const char *value);
void wane_page_json_number(wane_text *out, const char *key, double value);

/* Everything that wane writes for people goes through these: what a terminal would obey is made
 * visible (store/base/text.h). wane_put writes to any stream; wane_put_data writes what programs
 * read to stdout, byte by byte unless that is a terminal; wane_tell writes a formatted message of
 * at most 8 KB to stderr. */
void wane_put(FILE *to, const char *bytes, size_t count);
void wane_put_data(const char *bytes, size_t count);
void wane_tell(const char *format, ...) WANE_PRINTF(1, 2);

/* Writes the page to stdout and frees it; WANE_ENOMEM if it could not be built.
 * wane_page_print_data: of csv. */
WANE_MUST_CHECK wane_status wane_page_print(wane_text *page, wane_error *err);
WANE_MUST_CHECK wane_status wane_page_print_data(wane_text *page, wane_error *err);

/* A wane_log's function: "wane: [warning: ]LINE" to stderr; a line that was said already is not
 * said again, as by two readers of one checkpoint. From one thread at a time. */
void wane_page_say(void *context, wane_level level, const char *line);

#endif
