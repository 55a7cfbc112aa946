/* SPDX-License-Identifier: Apache-2.0
 * Columns of a view that a user named.
 */
#ifndef ANALYSIS_REPORT_COLUMNS_H
#define ANALYSIS_REPORT_COLUMNS_H

#include <stddef.h>

#include "store/results/results.h"

/* Whether `view` has each of the columns (NULL entries are skipped), so that they can be quoted
 * into SQL; WANE_ENOTFOUND "operation: COLUMN: no such column ..." with the nearest. */
WANE_MUST_CHECK wane_status wane_columns_check(wane_results *db, const char *operation,
                                               const char *view, const char *const *columns,
                                               size_t count, wane_error *err);

#endif
