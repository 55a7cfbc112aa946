/* SPDX-License-Identifier: Apache-2.0
 * One message made one printable line and handed to the listener, if there is one.
 */
#include "store/base/log.h"

#include <stdarg.h>
#include <stdio.h>

#include "store/base/text.h"

void wane_log_line(const wane_log *log, wane_level level, const char *format, ...)
{
    if (!log || !log->write) return;
    char line[2 * WANE_MESSAGE_BYTES], shown[4 * WANE_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    log->write(log->context, level, wane_visible_line(shown, sizeof shown, line));
}
