/* SPDX-License-Identifier: Apache-2.0
 * The readers of rows. The first byte of an input says the format; the rest is the file. What was
 * read is written as quoted CSV and must come back the same.
 */
#include <stdbool.h>

#include "store/base/text.h"
#include "tasks/data/source.h"
#include "tests/fuzz/fuzz.h"

static void write_field(wane_text *out, const char *value)
{
    wane_text_string(out, "\"");
    for (; *value; value++) {
        if (*value == '"') wane_text_string(out, "\"");
        wane_text_append(out, value, 1);
    }
    wane_text_string(out, "\"");
}

/* Appends the row's values as a CSV record; false when one cannot be read (null, a list, ...). */
static bool write_row(wane_text *out, const wane_source *source)
{
    wane_error err;
    wane_text value = {0};
    size_t columns = wane_source_columns(source);
    bool readable = columns > 0;
    for (size_t i = 0; i < columns; i++) {
        const char *column = wane_source_column(source, i);
        FUZZ_CHECK(wane_source_has(source, column));
        wane_text_clear(&value);
        wane_status st = wane_source_value(source, column, &value, &err);
        FUZZ_CHECK(st == WANE_OK || st == WANE_EFORMAT);
        readable = readable && st == WANE_OK;
        if (!readable) continue;
        FUZZ_CHECK(wane_text_check(&value, "fuzz", "value", &err) == WANE_OK);
        FUZZ_CHECK(strlen(value.data) == value.length);
        FUZZ_CHECK(wane_utf8_valid(value.data, value.length, NULL));
        if (i) wane_text_string(out, ",");
        write_field(out, value.data);
    }
    wane_text_free(&value);
    if (readable) wane_text_string(out, "\n");
    return readable;
}

/* All rows as CSV under a header of their own; false when that does not say it all. */
static bool rewrite(wane_text *out, size_t *rows, const char *bytes, size_t count,
                    wane_format format)
{
    wane_error err = {0};
    wane_source *source = NULL;
    size_t columns = 0;
    bool whole = true;
    *rows = 0;
    wane_status st = wane_source_open(&source, bytes, count, "rows", format, false, &err);
    while (st == WANE_OK && (st = wane_source_next(source, &err)) == WANE_OK) {
        FUZZ_CHECK(wane_source_row(source) == *rows);
        if (*rows == 0) columns = wane_source_columns(source);
        for (size_t i = 0; *rows == 0 && i < columns; i++)
            wane_text_printf(out, "%s%zu", i ? "," : "", i);
        if (*rows == 0) wane_text_string(out, "\n");
        whole = whole && wane_source_columns(source) == columns && write_row(out, source);
        ++*rows;
    }
    if (st != WANE_DONE) {
        FUZZ_CHECK(st == WANE_EFORMAT);
        fuzz_check_error(st, &err);
    }
    wane_source_free(source);
    return st == WANE_DONE && whole && *rows > 0 &&
           wane_text_check(out, "fuzz", "rows", &err) == WANE_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const wane_format formats[] = {WANE_FORMAT_JSONL, WANE_FORMAT_JSON, WANE_FORMAT_CSV,
                                          WANE_FORMAT_TSV};
    if (size == 0) return 0;
    size_t rows = 0, again = 0;
    wane_text first = {0}, second = {0};
    const char *bytes = (const char *)data + 1;
    if (rewrite(&first, &rows, bytes, size - 1, formats[data[0] % 4])) {
        FUZZ_CHECK(rewrite(&second, &again, first.data, first.length, WANE_FORMAT_CSV));
        FUZZ_CHECK(rows == again && first.length == second.length);
        FUZZ_CHECK(memcmp(first.data, second.data, first.length) == 0);
    }
    wane_text_free(&first);
    wane_text_free(&second);
    return 0;
}
