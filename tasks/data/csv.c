/* SPDX-License-Identifier: Apache-2.0
 * Reads one record at a time byte by byte, keeping line and column for the message.
 */
#include "tasks/data/csv.h"

#include "store/base/memory.h"

void wane_csv_free(wane_csv *csv)
{
    if (!csv) return;
    wane_text_free(&csv->cells);
    wane_free(csv->starts);
    csv->starts = NULL;
    csv->fields = csv->capacity = 0;
}

static wane_status field_begin(wane_csv *csv, wane_error *err)
{
    if (!WANE_GROW(csv->starts, csv->capacity, csv->fields + 1))
        return wane_fail_memory(err, "read", csv->name);
    csv->starts[csv->fields++] = csv->cells.length;
    return WANE_OK;
}

static bool at_line_end(const wane_csv *csv)
{
    return csv->at >= csv->count || csv->bytes[csv->at] == '\n' || csv->bytes[csv->at] == '\r';
}

static void skip_line_end(wane_csv *csv)
{
    if (csv->at >= csv->count) return;
    bool pair =
        csv->bytes[csv->at] == '\r' && csv->at + 1 < csv->count && csv->bytes[csv->at + 1] == '\n';
    csv->at += pair ? 2 : 1;
    csv->line++;
}

/* Lines without a field: empty ones and those of blanks. */
static void skip_blank_lines(wane_csv *csv)
{
    const char separator = csv->tabs ? '\t' : ',';
    while (csv->at < csv->count) {
        size_t start = csv->at;
        while (csv->at < csv->count && csv->bytes[csv->at] != separator &&
               (csv->bytes[csv->at] == ' ' || csv->bytes[csv->at] == '\t'))
            csv->at++;
        if (!at_line_end(csv)) {
            csv->at = start;
            return;
        }
        skip_line_end(csv);
    }
}

static wane_status csv_fail(const wane_csv *csv, wane_error *err, long line, size_t line_start,
                            size_t at, const char *cause)
{
    return wane_fail_at(err, WANE_EFORMAT, line, (long)(at - line_start) + 1, "read: %s: %s",
                        csv->name, cause);
}

/* `line_start` is the offset of the line the reader stands on. */
static wane_status quoted_field(wane_csv *csv, char separator, size_t *line_start, wane_error *err)
{
    long opened_line = csv->line;
    size_t opened = csv->at, opened_start = *line_start;
    csv->at++;
    for (;;) {
        size_t from = csv->at;
        while (csv->at < csv->count && csv->bytes[csv->at] != '"') {
            if (!at_line_end(csv)) {
                csv->at++;
                continue;
            }
            skip_line_end(csv);
            *line_start = csv->at;
        }
        wane_text_append(&csv->cells, csv->bytes + from, csv->at - from);
        if (csv->at == csv->count)
            return csv_fail(csv, err, opened_line, opened_start, opened,
                            "a quote opens here and is never closed (a field that begins with a "
                            "quote is quoted: in it, a quote is written twice)");
        csv->at++;
        if (csv->at == csv->count || csv->bytes[csv->at] != '"') break;
        wane_text_append(&csv->cells, "\"", 1);
        csv->at++;
    }
    if (!at_line_end(csv) && csv->bytes[csv->at] != separator)
        return csv_fail(csv, err, csv->line, *line_start, csv->at,
                        "text behind the closing quote of a field (a field that begins with a "
                        "quote is quoted: in it, a quote is written twice)");
    return WANE_OK;
}

/* A quote that does not begin the field is a character like others. */
static void plain_field(wane_csv *csv, char separator)
{
    size_t from = csv->at;
    while (!at_line_end(csv) && csv->bytes[csv->at] != separator) csv->at++;
    wane_text_append(&csv->cells, csv->bytes + from, csv->at - from);
}

wane_status wane_csv_next(wane_csv *csv, wane_error *err)
{
    wane_status st = WANE_OK;
    const char separator = csv->tabs ? '\t' : ',';
    wane_text_clear(&csv->cells);
    csv->fields = 0;
    skip_blank_lines(csv);
    if (csv->at >= csv->count) return WANE_DONE;
    csv->record_line = csv->line;
    size_t line_start = csv->at;
    for (;;) {
        WANE_TRY(field_begin(csv, err));
        bool quoted = csv->at < csv->count && csv->bytes[csv->at] == '"';
        if (quoted) WANE_TRY(quoted_field(csv, separator, &line_start, err));
        else plain_field(csv, separator);
        wane_text_append(&csv->cells, "", 1);
        if (csv->at >= csv->count || csv->bytes[csv->at] != separator) break;
        csv->at++;
    }
    skip_line_end(csv);
    WANE_TRY(wane_text_check(&csv->cells, "read", csv->name, err));
done:
    return st;
}

const char *wane_csv_field(const wane_csv *csv, size_t index)
{
    return csv->cells.data + csv->starts[index];
}
