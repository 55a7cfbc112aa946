/* SPDX-License-Identifier: Apache-2.0
 * Rows made by a command, given back as a query, so that they are printed as all others are.
 */
#ifndef ANALYSIS_REPORT_SHEET_H
#define ANALYSIS_REPORT_SHEET_H

#include <stddef.h>
#include <stdint.h>

#include "store/base/memory.h"
#include "store/results/query.h"

/* Start with {0}. Name the columns first, then give the cells row by row; texts are copied. */
typedef struct wane_sheet {
    wane_arena *arena;
    const char **column;
    size_t columns, column_room;
    wane_value *cell;
    size_t cells, room;
    bool failed;
} wane_sheet;

void wane_sheet_column(wane_sheet *sheet, const char *name);
void wane_sheet_text(wane_sheet *sheet, const char *text); /* NULL = NULL */
void wane_sheet_number(wane_sheet *sheet, double value);   /* NaN = NULL */
void wane_sheet_whole(wane_sheet *sheet, int64_t value);   /* WANE_NULL = NULL */
size_t wane_sheet_count(const wane_sheet *sheet);          /* whole rows */
void wane_sheet_free(wane_sheet *sheet);

/* A query over the rows; they may be freed after this. */
WANE_MUST_CHECK wane_status wane_sheet_open(wane_query **out, const wane_sheet *sheet,
                                            wane_results *db, wane_error *err);

#endif
