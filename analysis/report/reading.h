/* SPDX-License-Identifier: Apache-2.0
 * What the read commands share: a database opened under --where and --experiment, and rows printed
 * in the format asked for.
 */
#ifndef ANALYSIS_REPORT_READING_H
#define ANALYSIS_REPORT_READING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/report/page.h"
#include "store/base/text.h"
#include "store/results/query.h"
#include "store/results/results.h"

/* Start with {0}; the first four are set by options. */
typedef struct wane_reading {
    const char *where, *experiment, *format_name;
    const char *timeout, *max_rows; /* as given, NULL: 60 seconds, all rows */
    bool json;                      /* --json: --format json */
    bool csv_plain;                 /* --csv-plain */
    bool csv_file;                  /* set by a command whose -o is a csv */
    wane_render_format format;
    wane_results *db;
    int64_t runs; /* how many --where and --experiment leave */
} wane_reading;

/* Sets the limits of time and rows, reads the format and opens `path` for reading, restricted.
 * Close with wane_reading_close. */
WANE_MUST_CHECK wane_status wane_reading_open(wane_reading *reading, const char *path,
                                              wane_error *err);
void wane_reading_close(wane_reading *reading);
/* Says on stderr what --max-rows has cut. */
void wane_reading_tell_cut(const wane_reading *reading);

/* Whether a table is made for people, so that long keys may be cut. */
bool wane_reading_for_people(const wane_reading *reading);

/* Prints the rows of `query` (freed in any case). Without a row, "wane: FILE: NOTHING" goes to
 * stderr, and which restriction was in force. */
WANE_MUST_CHECK wane_status wane_reading_print(const wane_reading *reading, wane_query *query,
                                               const char *nothing, wane_error *err);

/* Appends a rendered query (freed in any case); *rows (may be NULL) says whether it had any. */
WANE_MUST_CHECK wane_status wane_reading_append(wane_text *out, wane_query *query,
                                                wane_render_format format, bool *rows,
                                                wane_error *err);

/* The first column of the first row of a query, WANE_NULL without one. */
WANE_MUST_CHECK wane_status wane_reading_count(const wane_reading *reading, int64_t *out,
                                               const char *sql, wane_error *err);

/* Says on stderr how many runs are not in means and points, and why; nothing when all are. */
void wane_reading_left_out(const wane_reading *reading);

/* The file `path`, whole or not at all. */
WANE_MUST_CHECK wane_status wane_reading_write(const char *path, const wane_text *text,
                                               wane_error *err);

#endif
