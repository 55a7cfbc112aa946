/* SPDX-License-Identifier: Apache-2.0
 * What a run ends with: the accuracy matrices, one line per method, on stdout.
 */
#ifndef ANALYSIS_REPORT_RUN_SUMMARY_H
#define ANALYSIS_REPORT_RUN_SUMMARY_H

#include "store/base/text.h"
#include "store/results/results.h"

/* Appends the summary of `experiment`. Means are over runs that are done; +- is the standard
 * deviation over them (orders and seeds). */
WANE_MUST_CHECK wane_status wane_summary_print(wane_text *out, wane_results *db,
                                               const char *experiment, wane_error *err);

#endif
