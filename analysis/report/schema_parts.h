/* SPDX-License-Identifier: Apache-2.0
 * The commented schema cut into its tables and views.
 */
#ifndef ANALYSIS_REPORT_SCHEMA_PARTS_H
#define ANALYSIS_REPORT_SCHEMA_PARTS_H

#include <stdbool.h>
#include <stddef.h>

enum { WANE_SCHEMA_PARTS = 64 };

/* Pieces of wane_results_schema(): constants, not NUL-terminated. */
typedef struct wane_schema_part {
    char name[64];
    bool view;
    const char *comment; /* the lines above it, of comment_bytes bytes; may be empty */
    size_t comment_bytes;
    const char *sql; /* the statement with its semicolon, then its indexes */
    size_t sql_bytes;
} wane_schema_part;

/* All of them in order; returns how many. */
size_t wane_schema_parts(wane_schema_part parts[WANE_SCHEMA_PARTS]);

/* The comment on a column of a table, or NULL; *bytes long. */
const char *wane_schema_column(const wane_schema_part *part, const char *column, size_t *bytes);

#endif
