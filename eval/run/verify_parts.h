/* SPDX-License-Identifier: Apache-2.0
 * What the parts of verifying share. For this room alone.
 */
#ifndef EVAL_RUN_VERIFY_PARTS_H
#define EVAL_RUN_VERIFY_PARTS_H

#include "eval/run/verify.h"
#include "store/results/query.h"

/* As a wane_results_integrity and _shape want it; context: the wane_verifying. */
void wane_verify_found(void *context, const char *where, const char *what);
/* Counts and tells one finding; longer ones are cut at 600 bytes. */
void wane_verify_report(wane_verifying *v, const char *where, const char *format, ...)
    WANE_PRINTF(3, 4);

/* Damage is a finding, and the next check goes on (WANE_OK); other errors stay. */
WANE_MUST_CHECK wane_status wane_verify_damage(wane_verifying *v, const char *where, wane_status st,
                                               const wane_error *err);

/* Calls `function` for every row of the SELECT. */
typedef wane_status (*wane_verify_row)(wane_verifying *v, wane_query *row, wane_error *err);
WANE_MUST_CHECK wane_status wane_verify_each(wane_verifying *v, const char *where, const char *sql,
                                             wane_verify_row function, wane_error *err);

/* verify_metrics.c: the metrics of every run that ended, again from its rows. */
WANE_MUST_CHECK wane_status wane_verify_metrics(wane_verifying *v, wane_error *err);

#endif
