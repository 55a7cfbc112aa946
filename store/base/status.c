/* SPDX-License-Identifier: Apache-2.0
 * Writes an error's line into the caller's struct, printable and of one line whatever the input
 * was, also when its arguments point into that struct.
 */
#include "store/base/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "store/base/text.h"

static void fill(wane_error *err, wane_status code, long line, long column, const char *format,
                 va_list arguments)
{
    if (!err) return;
    /* The arguments may point into err->message (a cause wrapped in more context). */
    char text[WANE_MESSAGE_BYTES];
    int used = vsnprintf(text, sizeof text, format, arguments);
    if (used < 0) used = 0;
    if (line > 0 && (size_t)used < sizeof text)
        (void)snprintf(text + used, sizeof text - (size_t)used, " (line %ld, column %ld)", line,
                       column);
    err->code = code;
    err->line = line;
    err->column = column;
    /* One line, whatever the input. */
    (void)wane_visible_line(err->message, sizeof err->message, text);
}

wane_status wane_fail(wane_error *err, wane_status code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fill(err, code, 0, 0, format, arguments);
    va_end(arguments);
    return code;
}

wane_status wane_fail_at(wane_error *err, wane_status code, long line, long column,
                         const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fill(err, code, line, column, format, arguments);
    va_end(arguments);
    return code;
}

wane_status wane_fail_memory(wane_error *err, const char *operation, const char *object)
{
    return wane_fail(err, WANE_ENOMEM, "%s: %s: out of memory", operation, object);
}

wane_status wane_fail_errno(wane_error *err, const char *operation, const char *object)
{
    int cause = errno;
    wane_status code = WANE_EIO;
    if (cause == ENOENT || cause == ENOTDIR) code = WANE_ENOTFOUND;
    if (cause == EISDIR || cause == ELOOP || cause == ENAMETOOLONG) code = WANE_EINVAL;
    if (cause == EEXIST) code = WANE_EEXIST;
    if (cause == ENOMEM) code = WANE_ENOMEM;
    if (cause == EAGAIN || cause == EBUSY) code = WANE_EBUSY;
    char text[128];
    const char *reason = strerror_r(cause, text, sizeof text);
    return wane_fail(err, code, "%s: %s: %s", operation, object, reason);
}

const char *wane_status_name(wane_status status)
{
    switch (status) {
    case WANE_OK: return "ok";
    case WANE_DONE: return "done";
    case WANE_EINVAL: return "bad setting";
    case WANE_ENOMEM: return "out of memory";
    case WANE_EIO: return "input/output error";
    case WANE_EFORMAT: return "bad format";
    case WANE_ENOTFOUND: return "not found";
    case WANE_EEXIST: return "already there";
    case WANE_EVERSION: return "wrong version";
    case WANE_EBUSY: return "busy";
    case WANE_ENUMERIC: return "no numeric answer";
    case WANE_ECANCELLED: return "stopped";
    case WANE_EINTERNAL: return "internal error";
    case WANE_ELIMIT: return "limit reached";
    }
    return "unknown status";
}
