/* SPDX-License-Identifier: Apache-2.0
 * Writes the line over itself on a terminal's stderr and nothing at all elsewhere.
 */
#include "analysis/report/live.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "analysis/report/page.h"

/* Whether a live line is on the terminal now; of the process, as the terminal is. */
static bool live_line;

void wane_live_clear(void)
{
    if (live_line) (void)fputs("\r\033[K", stderr);
    live_line = false;
}

void wane_live_show(const char *format, ...)
{
    if (isatty(STDERR_FILENO) != 1) return;
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    (void)fputs("\r\033[K", stderr);
    wane_put(stderr, line, strlen(line));
    live_line = true;
}
