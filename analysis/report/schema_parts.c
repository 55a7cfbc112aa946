/* SPDX-License-Identifier: Apache-2.0
 * Cuts schema.sql and views.sql at their statements and finds the comment of a column beside or
 * above it.
 */
#include "analysis/report/schema_parts.h"

#include <stdio.h>
#include <string.h>

#include "store/results/results.h"

static bool starts(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static const char *next_line(const char *line)
{
    const char *end = strchr(line, '\n');
    return end ? end + 1 : line + strlen(line);
}

/* Behind the statement that begins at `line`: a line that ends in ';'. */
static const char *statement_end(const char *line)
{
    for (;;) {
        const char *next = next_line(line), *last = next;
        while (last > line && (last[-1] == '\n' || last[-1] == ' ')) last--;
        if (next == line || (last > line && last[-1] == ';')) return next;
        line = next;
    }
}

static void set_name(wane_schema_part *part, const char *name)
{
    size_t length = strcspn(name, " (\n");
    if (*name == '"') {
        name++;
        length = strcspn(name, "\"");
    }
    (void)snprintf(part->name, sizeof part->name, "%.*s", (int)length, name);
}

size_t wane_schema_parts(wane_schema_part parts[WANE_SCHEMA_PARTS])
{
    static const char table[] = "CREATE TABLE ", view[] = "CREATE VIEW ";
    size_t count = 0;
    const char *comment = NULL; /* where the lines of comment directly above begin */
    const char *line = wane_results_schema();
    while (*line && count < WANE_SCHEMA_PARTS) {
        bool is_view = starts(line, view);
        if (starts(line, "-- ---") || *line == '\n') comment = NULL;
        else if (starts(line, "--")) comment = comment ? comment : line;
        if (!is_view && !starts(line, table)) {
            bool statement = starts(line, "CREATE ");
            const char *end = statement ? statement_end(line) : next_line(line);
            if (statement && count)
                parts[count - 1].sql_bytes = (size_t)(end - parts[count - 1].sql);
            line = end;
            continue;
        }
        wane_schema_part *part = &parts[count++];
        const char *end = statement_end(line);
        *part = (wane_schema_part){.view = is_view,
                                   .comment = comment ? comment : line,
                                   .comment_bytes = comment ? (size_t)(line - comment) : 0,
                                   .sql = line,
                                   .sql_bytes = (size_t)(end - line)};
        set_name(part, line + (is_view ? sizeof view : sizeof table) - 1);
        comment = NULL;
        line = end;
    }
    return count;
}

/* A column's comment stands behind it, or above it as "-- name: ...". */
const char *wane_schema_column(const wane_schema_part *part, const char *column, size_t *bytes)
{
    size_t length = strlen(column);
    const char *end = part->sql + part->sql_bytes;
    for (const char *line = next_line(part->sql); line < end; line = next_line(line)) {
        const char *word = line + strspn(line, " "), *stop = strchr(line, '\n');
        if (word == line || !stop) continue;
        if (starts(word, "-- ") && strncmp(word + 3, column, length) == 0 &&
            word[3 + length] == ':') {
            const char *text = word + 4 + length;
            text += strspn(text, " ");
            *bytes = (size_t)(stop - text);
            return text;
        }
        word += *word == '"';
        if (strncmp(word, column, length) != 0 || !strchr(" \"", word[length])) continue;
        const char *dashes = strstr(word, "-- ");
        if (!dashes || dashes >= stop) continue;
        *bytes = (size_t)(stop - dashes - 3);
        return dashes + 3;
    }
    return NULL;
}
