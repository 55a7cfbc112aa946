/* SPDX-License-Identifier: Apache-2.0
 * One line on the terminal that says what is being done, and is wiped when it is done.
 */
#ifndef ANALYSIS_REPORT_LIVE_H
#define ANALYSIS_REPORT_LIVE_H

#include "store/base/status.h"

/* On a terminal the live line shows this; elsewhere nothing. */
void wane_live_show(const char *format, ...) WANE_PRINTF(1, 2);
/* Wipes the live line, so that a message can be written. */
void wane_live_clear(void);

#endif
