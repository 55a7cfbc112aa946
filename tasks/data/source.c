/* SPDX-License-Identifier: Apache-2.0
 * Turns each format into one cursor over rows and columns: whole JSON is parsed once, JSON lines
 * and records one at a time.
 */
#include "tasks/data/source.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "store/base/memory.h"
#include "store/files/json.h"
#include "store/files/kind.h"
#include "tasks/data/csv.h"

struct wane_source {
    const char *bytes, *name;
    size_t count, at;
    wane_format format;
    bool bare;
    size_t next; /* number of the next row */
    long line, next_line;
    wane_json *root; /* JSON: the file; JSONL: the row */
    const wane_json *list, *row;
    bool by_column; /* JSON {"column": [...]} */
    size_t rows;    /* of JSON */
    wane_csv csv;
    const char **header; /* of CSV and TSV */
    char *header_text;
    size_t headers;
};

bool wane_format_of(wane_format *out, const char *name)
{
    static const struct {
        const char *ending;
        wane_format format;
    } known[] = {{".jsonl", WANE_FORMAT_JSONL},
                 {".ndjson", WANE_FORMAT_JSONL},
                 {".json", WANE_FORMAT_JSON},
                 {".csv", WANE_FORMAT_CSV},
                 {".tsv", WANE_FORMAT_TSV}};
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t ending = strlen(known[i].ending);
        if (length <= ending || strcasecmp(name + length - ending, known[i].ending) != 0) continue;
        *out = known[i].format;
        return true;
    }
    return false;
}

/* What else is met where text is wanted, and the way out. */
static const char *const remedies[WANE_KINDS] = {
    [WANE_KIND_PARQUET] = "write its rows as JSON lines or CSV",
    [WANE_KIND_ARROW] = "write its rows as JSON lines or CSV",
    [WANE_KIND_ZIP] = "give its name the ending .zip; of an office document, save the text",
    [WANE_KIND_GZIP] = "give its name the ending .gz",
    [WANE_KIND_ZSTANDARD] = "give its name the ending .zst",
    [WANE_KIND_BZIP2] = "give its name the ending .bz2",
    [WANE_KIND_XZ] = "give its name the ending .xz",
    [WANE_KIND_PDF] = "save the text",
    [WANE_KIND_UTF16] = "convert the file to UTF-8"};

wane_status wane_source_check_text(const char *bytes, size_t count, const char *name,
                                   wane_error *err)
{
    size_t bad = 0;
    const char *cause = "broken UTF-8 (convert the file to UTF-8)";
    if (wane_utf8_valid(bytes, count, &bad)) {
        const char *nul = count ? memchr(bytes, 0, count) : NULL;
        if (!nul) return WANE_OK;
        bad = (size_t)(nul - bytes);
        cause = "a NUL character";
    }
    wane_kind kind = wane_kind_of_bytes(bytes, count);
    if (remedies[kind])
        return wane_fail(err, WANE_EFORMAT, "read: %s: %s, not %s (%s)", name, wane_kind_name(kind),
                         kind == WANE_KIND_UTF16 ? "UTF-8" : "text", remedies[kind]);
    long line = 1;
    size_t start = 0;
    for (size_t i = 0; i < bad; i++) {
        bool ends = bytes[i] == '\n' || (bytes[i] == '\r' && bytes[i + 1] != '\n');
        if (!ends) continue;
        line++;
        start = i + 1;
    }
    return wane_fail_at(err, WANE_EFORMAT, line, (long)(bad - start) + 1, "read: %s: %s", name,
                        cause);
}

void wane_list_names(wane_text *out, const char *const *names, size_t count)
{
    const size_t most = 8;
    wane_text_clear(out);
    for (size_t i = 0; i < count && i < most; i++)
        wane_text_printf(out, "%s%.60s", i ? ", " : "", names[i]);
    if (count > most) wane_text_printf(out, " and %zu more", count - most);
}

wane_status wane_source_fail(const wane_source *source, wane_error *err, wane_status code,
                             const char *format, ...)
{
    char cause[WANE_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(cause, sizeof cause, format, arguments);
    va_end(arguments);
    if (source->line > 0)
        return wane_fail_at(err, code, source->line, 1, "read: %s: %s", source->name, cause);
    return wane_fail(err, code, "read: %s: row %zu: %s", source->name, wane_source_row(source) + 1,
                     cause);
}

/* {"data": [...]} or {"column": [...], ...}. */
static wane_status find_rows(wane_source *source, wane_error *err)
{
    const wane_json *root = source->root;
    const wane_json *data = wane_json_get(root, "data");
    if (wane_json_kind_of(root) == WANE_JSON_ARRAY) data = root;
    wane_json_kind first = wane_json_kind_of(wane_json_at(data, 0));
    bool rows = data == root || wane_json_size(data) == 0 || first == WANE_JSON_OBJECT;
    if (wane_json_kind_of(data) == WANE_JSON_ARRAY && rows) {
        source->list = data;
        source->rows = wane_json_size(data);
        return WANE_OK;
    }
    if (wane_json_kind_of(root) != WANE_JSON_OBJECT)
        return wane_fail(err, WANE_EFORMAT,
                         "read: %s: a list of objects, {\"data\": [...]} or {\"column\": [...]} is "
                         "wanted",
                         source->name);
    const char *first_key = NULL;
    for (size_t i = 0; i < wane_json_size(root); i++) {
        const char *key = NULL;
        const wane_json *column = wane_json_member(root, i, &key);
        if (wane_json_kind_of(column) != WANE_JSON_ARRAY)
            return wane_fail(err, WANE_EFORMAT,
                             "read: %s: \"%.60s\" is no list (a list of objects, {\"data\": [...]} "
                             "or {\"column\": [...]} is wanted)",
                             source->name, key);
        if (i == 0) {
            source->rows = wane_json_size(column);
            first_key = key;
        } else if (wane_json_size(column) != source->rows) {
            return wane_fail(err, WANE_EFORMAT,
                             "read: %s: column \"%.60s\" has %zu values, \"%.60s\" has %zu",
                             source->name, first_key, source->rows, key, wane_json_size(column));
        }
    }
    source->by_column = true;
    source->list = root;
    return WANE_OK;
}

static wane_status read_header(wane_source *source, wane_error *err)
{
    wane_status st = WANE_OK;
    source->csv = (wane_csv){.bytes = source->bytes,
                             .count = source->count,
                             .name = source->name,
                             .tabs = source->format == WANE_FORMAT_TSV,
                             .line = 1};
    st = wane_csv_next(&source->csv, err);
    if (st == WANE_DONE) return WANE_OK; /* an empty file: no rows */
    if (st != WANE_OK) return st;
    size_t bytes = source->csv.cells.length;
    source->header_text = wane_alloc(bytes + 1, 1);
    source->header = wane_alloc(source->csv.fields, sizeof *source->header);
    if (!source->header_text || !source->header) return wane_fail_memory(err, "read", source->name);
    memcpy(source->header_text, source->csv.cells.data, bytes);
    for (size_t i = 0; i < source->csv.fields; i++) {
        source->header[i] = source->header_text + source->csv.starts[i];
        for (size_t j = 0; j < i; j++)
            if (strcmp(source->header[i], source->header[j]) == 0)
                return wane_fail_at(err, WANE_EFORMAT, source->csv.record_line, 1,
                                    "read: %s: column \"%.60s\" is named twice", source->name,
                                    source->header[i]);
    }
    source->headers = source->csv.fields;
    return WANE_OK;
}

static bool blank(const char *bytes, size_t count)
{
    size_t i = 0;
    while (i < count && strchr(" \t\r\n", bytes[i])) i++;
    return i == count;
}

/* Whether what is called JSON is JSON lines: its first line that is not blank is a whole value, and
 * something follows it, which no JSON text allows. */
static wane_status holds_lines(bool *out, const wane_source *source, wane_error *err)
{
    const char *line = source->bytes, *end = source->bytes + source->count;
    size_t length = 0;
    for (; line < end; line += length + 1) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        length = (size_t)((stop ? stop : end) - line);
        if (!blank(line, length)) break;
    }
    *out = false;
    if (line >= end || blank(line + length, (size_t)(end - line) - length)) return WANE_OK;
    wane_json *value = NULL;
    wane_error cause;
    wane_status st = wane_json_parse(&value, line, length, source->name, &cause);
    *out = st == WANE_OK;
    wane_json_free(value);
    return st == WANE_ENOMEM ? wane_fail_memory(err, "read", source->name) : WANE_OK;
}

static wane_status read_json(wane_source *source, wane_error *err)
{
    bool lines = false;
    wane_status st = holds_lines(&lines, source, err);
    if (st != WANE_OK) return st;
    if (lines) {
        source->format = WANE_FORMAT_JSONL;
        return WANE_OK;
    }
    st = wane_json_parse(&source->root, source->bytes, source->count, source->name, err);
    return st == WANE_OK ? find_rows(source, err) : st;
}

wane_status wane_source_open(wane_source **out, const char *bytes, size_t count, const char *name,
                             wane_format format, bool bare, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_source *source = wane_alloc(1, sizeof *source);
    if (!source) return wane_fail_memory(err, "read", name);
    *source = (wane_source){.bytes = bytes,
                            .name = name,
                            .count = count,
                            .format = format,
                            .bare = bare,
                            .next_line = 1};
    WANE_TRY(wane_source_check_text(bytes, count, name, err));
    if (count >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) {
        source->bytes += 3;
        source->count -= 3;
    }
    if (format == WANE_FORMAT_JSON) {
        WANE_TRY(read_json(source, err));
    } else if (format != WANE_FORMAT_JSONL) {
        WANE_TRY(read_header(source, err));
    }
    *out = source;
    source = NULL;
done:
    wane_source_free(source);
    return st;
}

void wane_source_free(wane_source *source)
{
    if (!source) return;
    wane_json_free(source->root);
    wane_csv_free(&source->csv);
    wane_free(source->header);
    wane_free(source->header_text);
    wane_free(source);
}

/* An error of the JSON reader on one line of JSONL counts lines from that line; move it. */
static wane_status move_error(const wane_source *source, wane_status code, wane_error *err)
{
    if (!err) return code;
    if (err->line > 0) {
        char *place = strstr(err->message, " (line ");
        for (char *later = place; later; later = strstr(later + 1, " (line ")) place = later;
        if (place) *place = '\0';
        return wane_fail_at(err, code, source->line, err->column, "%s", err->message);
    }
    return wane_fail_at(err, code, source->line, 1, "%s", err->message);
}

static wane_status next_line(wane_source *source, wane_error *err)
{
    for (;;) {
        if (source->at >= source->count) return WANE_DONE;
        const char *line = source->bytes + source->at;
        const char *end = memchr(line, '\n', source->count - source->at);
        size_t length = end ? (size_t)(end - line) : source->count - source->at;
        source->at += length + 1;
        source->line = source->next_line++;
        size_t blank = 0;
        while (blank < length && strchr(" \t\r", line[blank])) blank++;
        if (blank == length) continue;
        wane_json *row = NULL;
        wane_status st = wane_json_parse(&row, line, length, source->name, err);
        if (st != WANE_OK) return move_error(source, st, err);
        wane_json_free(source->root);
        source->root = row;
        source->row = row;
        return WANE_OK;
    }
}

static wane_status next_record(wane_source *source, wane_error *err)
{
    wane_status st = wane_csv_next(&source->csv, err);
    if (st != WANE_OK) return st;
    source->line = source->csv.record_line;
    if (source->csv.fields != source->headers)
        return wane_source_fail(source, err, WANE_EFORMAT,
                                "%zu field%s where the header has %zu column%s", source->csv.fields,
                                source->csv.fields == 1 ? "" : "s", source->headers,
                                source->headers == 1 ? "" : "s");
    return WANE_OK;
}

static bool is_json(const wane_source *source)
{
    return source->format == WANE_FORMAT_JSON || source->format == WANE_FORMAT_JSONL;
}

wane_status wane_source_next(wane_source *source, wane_error *err)
{
    wane_status st = WANE_OK;
    switch (source->format) {
    case WANE_FORMAT_JSONL: st = next_line(source, err); break;
    case WANE_FORMAT_JSON:
        if (source->next >= source->rows) return WANE_DONE;
        source->row = source->by_column ? source->list : wane_json_at(source->list, source->next);
        break;
    case WANE_FORMAT_CSV:
    case WANE_FORMAT_TSV: st = next_record(source, err); break;
    }
    if (st != WANE_OK) return st;
    source->next++;
    if (!is_json(source)) return WANE_OK;
    wane_json_kind kind = wane_json_kind_of(source->row);
    if (kind == WANE_JSON_OBJECT || (source->bare && kind == WANE_JSON_STRING)) return WANE_OK;
    return wane_source_fail(source, err, WANE_EFORMAT, "an object%s is wanted",
                            source->bare ? " or a string" : "");
}

size_t wane_source_row(const wane_source *source)
{
    return source->next ? source->next - 1 : 0;
}

size_t wane_source_columns(const wane_source *source)
{
    if (!is_json(source)) return source->headers;
    return wane_json_kind_of(source->row) == WANE_JSON_STRING ? 1 : wane_json_size(source->row);
}

const char *wane_source_column(const wane_source *source, size_t index)
{
    if (!is_json(source)) return source->header[index];
    if (wane_json_kind_of(source->row) == WANE_JSON_STRING) return "";
    const char *key = NULL;
    (void)wane_json_member(source->row, index, &key);
    return key;
}

static size_t header_index(const wane_source *source, const char *column)
{
    size_t i = 0;
    while (i < source->headers && strcmp(source->header[i], column) != 0) i++;
    return i;
}

static const wane_json *json_value(const wane_source *source, const char *column)
{
    if (wane_json_kind_of(source->row) == WANE_JSON_STRING) return *column ? NULL : source->row;
    const wane_json *value = wane_json_get(source->row, column);
    return source->by_column ? wane_json_at(value, wane_source_row(source)) : value;
}

bool wane_source_has(const wane_source *source, const char *column)
{
    if (is_json(source)) return json_value(source, column) != NULL;
    return header_index(source, column) < source->headers;
}

bool wane_source_is_bare(const wane_source *source)
{
    return is_json(source) && wane_json_kind_of(source->row) == WANE_JSON_STRING;
}

wane_status wane_source_fail_missing(const wane_source *source, const char *column, wane_error *err,
                                     const char *advice)
{
    wane_text list = {0};
    size_t count = wane_source_columns(source);
    const char **names = wane_alloc(count, sizeof *names);
    if (!names) return wane_fail_memory(err, "read", source->name);
    for (size_t i = 0; i < count; i++) names[i] = wane_source_column(source, i);
    wane_list_names(&list, names, count);
    const char *near = wane_nearest(column, names, count);
    wane_status st =
        near ? wane_source_fail(source, err, WANE_EFORMAT,
                                "no column \"%.60s\"; did you mean \"%.60s\"? (columns: %s)%s",
                                column, near, list.data ? list.data : "", advice)
             : wane_source_fail(source, err, WANE_EFORMAT, "no column \"%.60s\" (columns: %s)%s",
                                column, list.data ? list.data : "none", advice);
    wane_text_free(&list);
    wane_free(names);
    return st;
}

static wane_status append_number(const wane_json *value, wane_text *out)
{
    int64_t integer = 0;
    double real = 0;
    char digits[32];
    const char *written = wane_json_written(value);
    if (written) wane_text_string(out, written);
    else if (wane_json_integer(&integer, value)) wane_text_printf(out, "%lld", (long long)integer);
    else if (wane_json_number(&real, value))
        wane_text_string(out, wane_format_double(digits, real));
    return WANE_OK;
}

wane_status wane_source_value(const wane_source *source, const char *column, wane_text *out,
                              wane_error *err)
{
    if (!is_json(source)) {
        size_t index = header_index(source, column);
        if (index == source->headers) return wane_source_fail_missing(source, column, err, "");
        wane_text_string(out, wane_csv_field(&source->csv, index));
        return WANE_OK;
    }
    const wane_json *value = json_value(source, column);
    if (!value) return wane_source_fail_missing(source, column, err, "");
    size_t bytes = 0;
    const char *text = wane_json_string(value, &bytes);
    switch (wane_json_kind_of(value)) {
    case WANE_JSON_STRING:
        if (memchr(text, 0, bytes))
            return wane_source_fail(source, err, WANE_EFORMAT,
                                    "column \"%.60s\" holds a NUL character", column);
        wane_text_append(out, text, bytes);
        return WANE_OK;
    case WANE_JSON_INTEGER:
    case WANE_JSON_REAL:
    case WANE_JSON_LARGE: return append_number(value, out);
    case WANE_JSON_BOOL:
        wane_text_string(out, wane_json_bool(value, false) ? "true" : "false");
        return WANE_OK;
    case WANE_JSON_NOT_FINITE:
        return wane_source_fail(source, err, WANE_EFORMAT,
                                "column \"%.60s\" is %s; text or a number is wanted", column,
                                wane_json_written(value));
    case WANE_JSON_NULL:
        return wane_source_fail(source, err, WANE_EFORMAT, "column \"%.60s\" is null", column);
    case WANE_JSON_ARRAY:
    case WANE_JSON_OBJECT: break;
    }
    return wane_source_fail(source, err, WANE_EFORMAT,
                            "column \"%.60s\" is a list or an object; text or a number is wanted",
                            column);
}
