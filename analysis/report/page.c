/* SPDX-License-Identifier: Apache-2.0
 * Aligns the cells of a table by the width that a terminal gives them, cuts tables that are long,
 * and is the one place where a page goes to stdout.
 */
#include "analysis/report/page.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/files/json.h"

enum { COLUMNS = 32, NAME_WIDTH = 20 };

static struct {
    size_t rows;
    bool cut;
} limit;

void wane_page_limit(size_t rows)
{
    limit.rows = rows;
    limit.cut = false;
}

size_t wane_page_rows_most(void)
{
    return limit.rows;
}

size_t wane_page_shown(size_t count)
{
    if (limit.rows == 0 || count <= limit.rows) return count;
    limit.cut = true;
    return limit.rows;
}

bool wane_page_cut(void)
{
    return limit.cut;
}

/* Ends the text of a table, a line of names and one for each row, where no more rows are shown. */
static void cut_rows(wane_text *rows)
{
    size_t lines = 0;
    for (size_t i = 0; i < rows->length; i++) lines += rows->data[i] == '\n';
    size_t shown = lines ? wane_page_shown(lines - 1) : 0;
    if (lines == 0 || shown == lines - 1) return;
    char *end = rows->data;
    for (size_t i = 0; i <= shown; i++) end = strchr(end, '\n') + 1;
    rows->length = (size_t)(end - rows->data);
    *end = '\0';
}

/* The cell that starts at *at; *at moves behind its separator, *last says whether it ends a row. */
static const char *next_cell(const char **at, size_t *bytes, bool *last)
{
    const char *cell = *at;
    *bytes = strcspn(cell, "\t\n");
    *last = cell[*bytes] != '\t';
    *at = cell + *bytes + (cell[*bytes] != '\0');
    return cell;
}

void wane_page_table(wane_text *out, const wane_text *rows, const char *sides)
{
    size_t width[COLUMNS] = {0}, bytes = 0, column = 0, count = strlen(sides);
    bool last = false;
    wane_text shown = {0}; /* measured as it is shown */
    if (rows->data) wane_text_visible(&shown, rows->data, rows->length);
    if (rows->failed || shown.failed) out->failed = true;
    if (out->failed || !rows->data || count > COLUMNS) goto done;
    cut_rows(&shown);
    for (const char *at = shown.data; *at; column = last ? 0 : column + 1) {
        const char *cell = next_cell(&at, &bytes, &last);
        size_t wide = wane_utf8_width(cell, bytes);
        if (column < count && wide > width[column]) width[column] = wide;
    }
    column = 0;
    for (const char *at = shown.data; *at; column = last ? 0 : column + 1) {
        const char *cell = next_cell(&at, &bytes, &last);
        size_t wide = wane_utf8_width(cell, bytes);
        int pad = column < count && wide < width[column] ? (int)(width[column] - wide) : 0;
        if (column) wane_text_string(out, "  ");
        if (column < count && sides[column] == 'r') wane_text_printf(out, "%*s", pad, "");
        wane_text_append(out, cell, bytes);
        if (last) wane_text_string(out, "\n");
        else if (column < count && sides[column] == 'l') wane_text_printf(out, "%*s", pad, "");
    }
done:
    wane_text_free(&shown);
}

void wane_page_line(wane_text *out, const char *name, const char *format, ...)
{
    char line[1024], shown[4096];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    wane_text_printf(out, "%-*s %s\n", NAME_WIDTH, name,
                     wane_visible_line(shown, sizeof shown, line));
}

void wane_page_nll(wane_text *out, double nll, double stderr_, const char *reason)
{
    if (reason) wane_page_line(out, "nll", "- (%s)", reason);
    else if (isnan(stderr_)) wane_page_line(out, "nll", "%.4f nats/token", nll);
    else wane_page_line(out, "nll", "%.4f nats/token, standard error %.4f", nll, stderr_);
}

void wane_page_unresolved(wane_text *out, size_t count, const char *text)
{
    if (count == 0) return;
    wane_page_line(out, "unresolved",
                   "%s more, in neither side: turned among near-equal singular values of the base",
                   text);
}

void wane_page_floor(wane_text *out, double floor_, const char *type, size_t within)
{
    char number[32];
    if (!(floor_ > 0)) return;
    wane_page_line(out, "rounding floor", "%s: what rounding to %s alone makes of ||dW||",
                   wane_page_number(number, floor_, 3),
                   strcmp(type, "mixed") == 0 ? "16 bits" : type);
    if (within)
        wane_page_line(out, "", "%zu changed %s within 10 floors: no effective rank", within,
                       within == 1 ? "matrix is" : "matrices are");
}

char *wane_page_number(char out[32], double value, int digits)
{
    if (!isfinite(value)) return memcpy(out, "-", 2);
    double size = fabs(value);
    if (value == 0 || size >= 1e7 || size < 1e-4) {
        (void)snprintf(out, 32, "%.*g", digits, value);
        return out;
    }
    int before = size < 1 ? 0 : (int)floor(log10(size)) + 1; /* digits before the dot */
    int lead = size < 1 ? (int)floor(-log10(size)) : 0;      /* zeros behind it */
    int after = digits - before + lead;
    (void)snprintf(out, 32, "%.*f", after < 0 ? 0 : after, value);
    return out;
}

char *wane_page_fixed(char out[32], double value, int decimals)
{
    if (!isfinite(value)) return memcpy(out, "-", 2);
    (void)snprintf(out, 32, "%.*f", decimals, value);
    return out;
}

char *wane_page_count(char out[32], size_t value)
{
    char plain[32];
    int length = snprintf(plain, sizeof plain, "%zu", value);
    char *to = out;
    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0) *to++ = ',';
        *to++ = plain[i];
    }
    *to = '\0';
    return out;
}

const char *wane_page_plural(char out[32], size_t count, const char *word)
{
    (void)snprintf(out, 32, "%.30s%s", word, count == 1 ? "" : "s");
    return out;
}

void wane_page_json_text(wane_text *out, const char *key, const char *value)
{
    wane_text_printf(out, "\"%s\":", key);
    wane_json_write_string(out, value);
}

void wane_page_json_number(wane_text *out, const char *key, double value)
{
    wane_text_printf(out, ",\"%s\":", key);
    wane_json_write_number(out, value);
}

void wane_put(FILE *to, const char *bytes, size_t count)
{
    char piece[WANE_VISIBLE_BYTES];
    for (;;) {
        size_t same = wane_visible_span(bytes, count);
        if (same) (void)fwrite(bytes, 1, same, to);
        if (same == count) return;
        size_t step = wane_visible_next(piece, bytes + same, count - same);
        (void)fputs(piece, to);
        bytes += same + step;
        count -= same + step;
    }
}

void wane_put_data(const char *bytes, size_t count)
{
    if (isatty(STDOUT_FILENO) == 1) wane_put(stdout, bytes, count);
    else (void)fwrite(bytes, 1, count, stdout);
}

void wane_tell(const char *format, ...)
{
    char line[8192];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    wane_put(stderr, line, strlen(line));
}

wane_status wane_page_print(wane_text *page, wane_error *err)
{
    wane_status st = wane_text_check(page, "print", "page", err);
    if (st == WANE_OK) wane_put(stdout, page->data, page->length);
    wane_text_free(page);
    return st;
}

wane_status wane_page_print_data(wane_text *page, wane_error *err)
{
    wane_status st = wane_text_check(page, "print", "page", err);
    if (st == WANE_OK) wane_put_data(page->data, page->length);
    wane_text_free(page);
    return st;
}

void wane_page_say(void *context, wane_level level, const char *line)
{
    enum { MOST = 32, LENGTH = 512 };
    static char said[MOST][LENGTH];
    static size_t count;
    (void)context;
    for (size_t i = 0; i < count && i < MOST; i++)
        if (strncmp(said[i], line, LENGTH - 1) == 0) return;
    (void)snprintf(said[count++ % MOST], LENGTH, "%s", line);
    wane_tell("wane: %s%s\n", level == WANE_LOG_INFO ? "" : "warning: ", line);
}

void wane_page_wrapped(wane_text *out, const char *text, size_t used, size_t indent)
{
    enum { WIDTH = 100 };
    bool first = true;
    while (*text) {
        size_t length = strcspn(text, " ");
        if (!first && used + 1 + length > WIDTH) {
            wane_text_printf(out, "\n%*s", (int)indent, "");
            used = indent;
        } else if (!first) {
            wane_text_string(out, " ");
            used++;
        }
        wane_text_append(out, text, length);
        used += length;
        text += length;
        text += *text == ' ';
        first = false;
    }
    wane_text_string(out, "\n");
}
