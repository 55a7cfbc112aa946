/* SPDX-License-Identifier: Apache-2.0 */
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
    if (csv->fields == csv->capacity) {
        size_t capacity = csv->capacity ? csv->capacity * 2 : 16;
        size_t *grown = wane_realloc(csv->starts, capacity, sizeof *grown);
        if (!grown) return wane_fail_memory(err, "read", csv->name);
        csv->starts = grown;
        csv->capacity = capacity;
    }
    csv->starts[csv->fields++] = csv->cells.length;
    return WANE_OK;
}

static bool at_line_end(const wane_csv *csv)
{
    if (csv->at >= csv->count || csv->bytes[csv->at] == '\n') return true;
    return csv->bytes[csv->at] == '\r' &&
           (csv->at + 1 == csv->count || csv->bytes[csv->at + 1] == '\n');
}

static void skip_line_end(wane_csv *csv)
{
    if (csv->at < csv->count && csv->bytes[csv->at] == '\r') csv->at++;
    if (csv->at < csv->count && csv->bytes[csv->at] == '\n') {
        csv->at++;
        csv->line++;
    }
}

static wane_status csv_fail(const wane_csv *csv, wane_error *err, long line, size_t line_start,
                            size_t at, const char *cause)
{
    return wane_fail_at(err, WANE_EFORMAT, line, (long)(at - line_start) + 1, "read: %s: %s",
                        csv->name, cause);
}

/* `line_start` is the offset of the line the reader stands on. */
static wane_status quoted_field(wane_csv *csv, size_t *line_start, wane_error *err)
{
    long opened_line = csv->line;
    size_t opened = csv->at, opened_start = *line_start;
    csv->at++;
    for (;;) {
        size_t from = csv->at;
        while (csv->at < csv->count && csv->bytes[csv->at] != '"') {
            if (csv->bytes[csv->at] == '\n') {
                csv->line++;
                *line_start = csv->at + 1;
            }
            csv->at++;
        }
        wane_text_append(&csv->cells, csv->bytes + from, csv->at - from);
        if (csv->at == csv->count)
            return csv_fail(csv, err, opened_line, opened_start, opened,
                            "a quote opens here and is never closed");
        csv->at++;
        if (csv->at == csv->count || csv->bytes[csv->at] != '"') break;
        wane_text_append(&csv->cells, "\"", 1);
        csv->at++;
    }
    if (csv->at < csv->count && csv->bytes[csv->at] != ',' && !at_line_end(csv))
        return csv_fail(csv, err, csv->line, *line_start, csv->at,
                        "text behind the closing quote of a field (a quote inside a quoted field "
                        "is written twice)");
    return WANE_OK;
}

static wane_status plain_field(wane_csv *csv, char separator, size_t line_start, wane_error *err)
{
    size_t from = csv->at;
    while (csv->bytes[csv->at] != separator && !at_line_end(csv)) {
        if (!csv->tabs && csv->bytes[csv->at] == '"')
            return csv_fail(csv, err, csv->line, line_start, csv->at,
                            "a quote inside an unquoted field (quote the whole field and write the "
                            "quote twice)");
        csv->at++;
        if (csv->at == csv->count) break;
    }
    wane_text_append(&csv->cells, csv->bytes + from, csv->at - from);
    return WANE_OK;
}

wane_status wane_csv_next(wane_csv *csv, wane_error *err)
{
    wane_status st = WANE_OK;
    const char separator = csv->tabs ? '\t' : ',';
    wane_text_clear(&csv->cells);
    csv->fields = 0;
    while (csv->at < csv->count && at_line_end(csv)) skip_line_end(csv);
    if (csv->at >= csv->count) return WANE_DONE;
    csv->record_line = csv->line;
    size_t line_start = csv->at;
    for (;;) {
        WANE_TRY(field_begin(csv, err));
        bool quoted = !csv->tabs && csv->at < csv->count && csv->bytes[csv->at] == '"';
        if (quoted) WANE_TRY(quoted_field(csv, &line_start, err));
        else if (csv->at < csv->count) WANE_TRY(plain_field(csv, separator, line_start, err));
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
