/* SPDX-License-Identifier: Apache-2.0
 * Time and memory of this process, for `usage` rows and progress; never part of a result.
 */
#ifndef STORE_BASE_CLOCK_H
#define STORE_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

double wane_clock_wall(void); /* seconds on a clock that never goes back */
double wane_clock_cpu(void);  /* seconds of processor time of all threads */

/* The largest resident size in bytes since the start or the last reset (VmHWM); 0 if unknown. */
uint64_t wane_memory_peak(void);
void wane_memory_peak_reset(void); /* through /proc/self/clear_refs; no effect where refused */

/* Now in UTC as "2026-11-25T03:50:09Z". */
void wane_clock_utc(char out[24]);

#endif
