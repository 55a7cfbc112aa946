/* SPDX-License-Identifier: Apache-2.0
 * Time and memory of this process, for `usage` rows and progress; never part of a result.
 */
#ifndef STORE_BASE_CLOCK_H
#define STORE_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "store/base/status.h"

double wane_clock_wall(void); /* seconds on a clock that never goes back */
double wane_clock_cpu(void);  /* seconds of processor time of all threads */

/* A time by which the process wants an answer, for commands that only read: SQL and long loops look
 * at it and give up. `seconds` from now, > 0; set it before any thread starts. Without one nothing
 * gives up. */
void wane_deadline_set(double seconds);
void wane_deadline_extend(double seconds); /* what was spent waiting for others */
/* Seconds left, 0 when it has passed; infinite without one. */
double wane_deadline_left(void);
/* WANE_ELIMIT "operation: object: stopped after N s; --timeout SECONDS gives it more" once it has
 * passed. */
WANE_MUST_CHECK wane_status wane_deadline_check(const char *operation, const char *object,
                                                wane_error *err);

/* The largest resident size in bytes since the start (VmHWM); 0 if unknown. */
uint64_t wane_memory_peak(void);
/* The resident size in bytes now (VmRSS); 0 if unknown. */
uint64_t wane_memory_now(void);

/* Now in UTC as "2026-11-25T03:50:09Z". */
void wane_clock_utc(char out[24]);

#endif
