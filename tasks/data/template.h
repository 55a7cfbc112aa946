/* SPDX-License-Identifier: Apache-2.0
 * Templates: literal text with {field}, and {{ and }} for braces. For this room alone.
 */
#ifndef TASKS_DATA_TEMPLATE_H
#define TASKS_DATA_TEMPLATE_H

#include <stddef.h>

#include "store/base/memory.h"
#include "store/base/status.h"

typedef struct wane_template_part {
    const char *literal; /* one of the two is NULL */
    const char *field;
} wane_template_part;

typedef struct wane_template {
    const wane_template_part *parts;
    size_t count;
    const char *tail; /* the literal text after the last field, maybe "" */
} wane_template;

/* WANE_EINVAL with the column for a lone brace, an empty field name, or no field at all. What *out
 * points to lives in `arena`. */
WANE_MUST_CHECK wane_status wane_template_parse(wane_template *out, const char *text,
                                                wane_arena *arena, wane_error *err);

#endif
