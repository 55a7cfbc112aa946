/* SPDX-License-Identifier: Apache-2.0
 * Messages of the library: handed to whoever listens, never printed by the library itself.
 */
#ifndef STORE_BASE_LOG_H
#define STORE_BASE_LOG_H

#include "store/base/status.h"

typedef enum wane_level { WANE_LOG_INFO, WANE_LOG_WARNING, WANE_LOG_ERROR } wane_level;

/* A listener. `write` gets one finished line without its newline, in which
 * nothing is left that a terminal would obey (wane_visible_line); it may be called from any thread
 * and must not fail. A NULL wane_log, or one with a NULL write, swallows everything. */
typedef struct wane_log {
    void (*write)(void *context, wane_level level, const char *line);
    void *context;
} wane_log;

void wane_log_line(const wane_log *log, wane_level level, const char *format, ...)
    WANE_PRINTF(3, 4);

#endif
