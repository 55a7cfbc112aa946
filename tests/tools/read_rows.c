/* SPDX-License-Identifier: Apache-2.0
 * read_rows FORMAT
 *
 * Reads tables from stdin, each as its length in bytes (4 bytes, little end first) and its bytes.
 * FORMAT is an ending: .csv, .tsv, .json, .jsonl. Prints for each one line: a JSON list of rows,
 * each a list of the values in the order of the columns, the columns' names first; or "error: ...".
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/files/json.h"
#include "tasks/data/source.h"

static bool read_table(char **bytes, size_t *count)
{
    unsigned char size[4];
    if (fread(size, 1, 4, stdin) != 4) return false;
    *count = size[0] | (size_t)size[1] << 8 | (size_t)size[2] << 16 | (size_t)size[3] << 24;
    *bytes = malloc(*count + 1);
    if (!*bytes) return false;
    (*bytes)[*count] = '\0';
    return fread(*bytes, 1, *count, stdin) == *count;
}

static void write_names(wane_text *out, const wane_source *source)
{
    for (size_t c = 0; c < wane_source_columns(source); c++) {
        wane_text_string(out, c ? ", " : "[");
        wane_json_write_string(out, wane_source_column(source, c));
    }
    wane_text_string(out, "]");
}

static wane_status write_rows(wane_text *out, const char *bytes, size_t count, wane_format format,
                              wane_error *err)
{
    wane_status st = WANE_OK;
    wane_source *source = NULL;
    wane_text value = {0};
    wane_text_string(out, "[");
    WANE_TRY(wane_source_open(&source, bytes, count, "table", format, false, err));
    for (size_t row = 0; (st = wane_source_next(source, err)) == WANE_OK; row++) {
        if (row == 0) write_names(out, source);
        for (size_t c = 0; c < wane_source_columns(source); c++) {
            wane_text_clear(&value);
            WANE_TRY(wane_source_value(source, wane_source_column(source, c), &value, err));
            WANE_TRY(wane_text_check(&value, "read", "table", err));
            wane_text_string(out, c ? ", " : ", [");
            wane_json_write_string(out, value.data);
        }
        wane_text_string(out, "]");
    }
    wane_text_string(out, "]");
    if (st == WANE_DONE) st = wane_text_check(out, "read", "table", err);
done:
    wane_text_free(&value);
    wane_source_free(source);
    return st;
}

int main(int count, char **words)
{
    wane_format format;
    char *bytes = NULL, name[32];
    size_t size = 0;
    (void)snprintf(name, sizeof name, "x%s", count > 1 ? words[1] : "");
    if (!wane_format_of(&format, name)) {
        printf("error: a format is wanted, as .csv\n");
        return 2;
    }
    while (read_table(&bytes, &size)) {
        wane_error err;
        wane_text out = {0};
        if (write_rows(&out, bytes, size, format, &err) == WANE_OK) printf("%s\n", out.data);
        else printf("error: %s\n", err.message);
        wane_text_free(&out);
        free(bytes);
        bytes = NULL;
    }
    free(bytes);
    return 0;
}
