/* SPDX-License-Identifier: Apache-2.0
 * Parses a template into literals and fields, and says at which character a brace is wrong.
 */
#include "tasks/data/template.h"

#include <string.h>

#include "store/base/text.h"

static wane_status template_fail(wane_error *err, const char *text, const char *at,
                                 const char *cause)
{
    return wane_fail(err, WANE_EINVAL, "read template: \"%.80s\": %s (character %zu)", text, cause,
                     (size_t)(at - text) + 1);
}

/* Literal text up to the next field or the end; *at moves to the field's brace or the NUL. */
static wane_status literal(wane_text *out, const char *text, const char **at, wane_error *err)
{
    const char *c = *at;
    for (; *c; c++) {
        if (*c == '{' && c[1] != '{') break;
        if (*c == '}' && c[1] != '}')
            return template_fail(err, text, c, "a lone \"}\" (write \"}}\" for a brace)");
        if (*c == '{' || *c == '}') c++;
        wane_text_append(out, c, 1);
    }
    *at = c;
    return wane_text_check(out, "read template", text, err);
}

static wane_status field(const char **name, const char *text, const char **at, wane_arena *arena,
                         wane_error *err)
{
    const char *open = *at;
    size_t length = strcspn(open + 1, "{}");
    if (open[1 + length] != '}')
        return template_fail(err, text, open,
                             "\"{\" opens a field that is not closed (write \"{{\" for a brace)");
    if (length == 0) return template_fail(err, text, open, "\"{}\" names no field");
    *name = wane_arena_strndup(arena, open + 1, length);
    *at = open + length + 2;
    return *name ? WANE_OK : wane_fail_memory(err, "read template", text);
}

wane_status wane_template_parse(wane_template *out, const char *text, wane_arena *arena,
                                wane_error *err)
{
    wane_status st = WANE_OK;
    wane_text buffer = {0};
    /* Every part but the last literal needs a brace. */
    size_t braces = 0;
    for (const char *c = text; *c; c++) braces += *c == '{';
    wane_template_part *parts = wane_arena_alloc(arena, 2 * braces + 1, sizeof *parts);
    wane_template made = {.parts = parts, .tail = ""};
    size_t fields = 0;
    if (!parts) return wane_fail_memory(err, "read template", text);
    for (const char *at = text; *at;) {
        wane_text_clear(&buffer);
        WANE_TRY(literal(&buffer, text, &at, err));
        if (buffer.length) {
            const char *copy = wane_arena_strndup(arena, buffer.data, buffer.length);
            if (!copy) WANE_TRY(wane_fail_memory(err, "read template", text));
            parts[made.count++].literal = copy;
            made.tail = copy;
        }
        if (!*at) break;
        WANE_TRY(field(&parts[made.count].field, text, &at, arena, err));
        made.count++;
        made.tail = "";
        fields++;
    }
    if (fields == 0)
        WANE_TRY(template_fail(err, text, text, "no {field}: every prompt would be the same"));
    *out = made;
done:
    wane_text_free(&buffer);
    return st;
}
