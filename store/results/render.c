/* SPDX-License-Identifier: Apache-2.0
 * A query's result as text.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/memory.h"
#include "store/results/database.h"

static const char *const format_names[] = {
    [WANE_RENDER_TABLE] = "table",       [WANE_RENDER_CSV] = "csv",
    [WANE_RENDER_JSON] = "json",         [WANE_RENDER_JSONL] = "jsonl",
    [WANE_RENDER_MARKDOWN] = "markdown", [WANE_RENDER_LATEX] = "latex"};
enum { FORMATS = sizeof format_names / sizeof *format_names };

wane_status wane_render_format_parse(wane_render_format *out, const char *name, wane_error *err)
{
    for (size_t i = 0; i < FORMATS; i++)
        if (strcmp(name, format_names[i]) == 0) {
            *out = (wane_render_format)i;
            return WANE_OK;
        }
    const char *near = wane_nearest(name, format_names, FORMATS);
    return wane_fail(err, WANE_EINVAL,
                     "format: '%s': not one of table, csv, json, jsonl, markdown, "
                     "latex%s%s%s",
                     name, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

char *wane_format_short(char out[32], double value)
{
    double size = fabs(value);
    if (value == 0) value = 0; /* a mean of losses and gains is no -0 to people */
    if (!isfinite(value) || value == 0) return wane_format_double(out, value);
    /* Round to four digits first, so that 9999.6 counts as 10000. */
    char rounded[32];
    (void)snprintf(rounded, sizeof rounded, "%.3e", size);
    const long exponent = strtol(strchr(rounded, 'e') + 1, NULL, 10);
    if (exponent < -4 || exponent > 14) {
        (void)snprintf(out, 32, "%.4g", value);
        return out;
    }
    (void)snprintf(out, 32, "%.*f", exponent < 3 ? (int)(3 - exponent) : 0, value);
    if (strchr(out, '.')) { /* no zeros at the end */
        size_t end = strlen(out);
        while (out[end - 1] == '0') out[--end] = 0;
        if (out[end - 1] == '.') out[--end] = 0;
    }
    return out;
}

/* ----------------------------------------------------------------------------- machine formats */

/* Where a result goes: a growing text, handed on and emptied whenever it is long. */
typedef struct output {
    wane_text *text;
    wane_write_function write; /* NULL: it stays in the text */
    void *context;
} output;

enum { SPILL_BYTES = 1 << 16 };

static wane_status spill(output *to, size_t above, wane_error *err)
{
    if (!to->write || to->text->length <= above) return WANE_OK;
    wane_status st = wane_text_check(to->text, "query", "its result", err);
    if (st == WANE_OK) st = to->write(to->context, to->text->data, to->text->length, err);
    wane_text_clear(to->text);
    return st;
}

static void json_text(wane_text *text, const char *value)
{
    size_t left = strlen(value), bad = 0;
    wane_text_string(text, "\"");
    while (left) {
        bool good = wane_utf8_valid(value, left, &bad);
        size_t whole = good ? left : bad;
        for (size_t i = 0; i < whole; i++) {
            unsigned char c = (unsigned char)value[i];
            if (c == '"' || c == '\\') wane_text_printf(text, "\\%c", c);
            else if (c == '\n') wane_text_string(text, "\\n");
            else if (c == '\t') wane_text_string(text, "\\t");
            else if (c < 0x20 || c == 0x7f) wane_text_printf(text, "\\u%04x", c);
            else wane_text_append(text, (const char *)&value[i], 1);
        }
        if (!good) wane_text_string(text, "\xef\xbf\xbd");
        value += whole + !good;
        left -= whole + !good;
    }
    wane_text_string(text, "\"");
}

/* A value of the current row as csv or JSON writes it. */
static void machine_value(wane_text *text, const wane_query *query, size_t column,
                          wane_render_format format)
{
    bool json = format == WANE_RENDER_JSON;
    char number[32];
    double real = 0;
    switch (wane_query_type(query, column)) {
    case WANE_VALUE_NULL: wane_text_string(text, json ? "null" : ""); break;
    case WANE_VALUE_INTEGER:
        wane_text_printf(text, "%" PRId64, wane_query_int(query, column));
        break;
    case WANE_VALUE_REAL:
        real = wane_query_double(query, column);
        /* What is not finite is no number in any format. */
        if (!isfinite(real)) wane_text_string(text, json ? "null" : "");
        else wane_text_string(text, wane_format_double(number, real));
        break;
    case WANE_VALUE_TEXT: {
        const char *value = wane_query_text(query, column);
        if (!value) text->failed = true; /* SQLite ran out of memory on the conversion */
        else if (json) json_text(text, value);
        else wane_text_csv(text, value, format == WANE_RENDER_CSV_PLAIN);
        break;
    }
    }
}

static wane_status render_csv(wane_query *query, wane_render_format format, output *to,
                              wane_error *err)
{
    wane_text *text = to->text;
    size_t columns = wane_query_columns(query);
    for (size_t i = 0; i < columns; i++) {
        if (i) wane_text_string(text, ",");
        wane_text_csv(text, wane_query_name(query, i), format == WANE_RENDER_CSV_PLAIN);
    }
    wane_text_string(text, "\n");
    wane_status st;
    while ((st = wane_query_next(query, err)) == WANE_OK) {
        for (size_t i = 0; i < columns; i++) {
            if (i) wane_text_string(text, ",");
            machine_value(text, query, i, format);
        }
        wane_text_string(text, "\n");
        if ((st = spill(to, SPILL_BYTES, err)) != WANE_OK) return st;
    }
    return st == WANE_DONE ? WANE_OK : st;
}

static wane_status render_json(wane_query *query, output *to, wane_error *err)
{
    wane_text *text = to->text;
    size_t columns = wane_query_columns(query), rows = 0;
    wane_text_string(text, "{\"columns\":[");
    for (size_t i = 0; i < columns; i++) {
        if (i) wane_text_string(text, ",");
        json_text(text, wane_query_name(query, i));
    }
    wane_text_string(text, "],\"rows\":[");
    wane_status st;
    while ((st = wane_query_next(query, err)) == WANE_OK) {
        wane_text_string(text, rows++ ? ",\n[" : "\n[");
        for (size_t i = 0; i < columns; i++) {
            if (i) wane_text_string(text, ",");
            machine_value(text, query, i, WANE_RENDER_JSON);
        }
        wane_text_string(text, "]");
        if ((st = spill(to, SPILL_BYTES, err)) != WANE_OK) return st;
    }
    wane_text_string(text, rows ? "\n]}\n" : "]}\n");
    return st == WANE_DONE ? WANE_OK : st;
}

static wane_status render_jsonl(wane_query *query, output *to, wane_error *err)
{
    wane_text *text = to->text;
    size_t columns = wane_query_columns(query);
    wane_status st;
    while ((st = wane_query_next(query, err)) == WANE_OK) {
        for (size_t i = 0; i < columns; i++) {
            wane_text_string(text, i ? "," : "{");
            json_text(text, wane_query_name(query, i));
            wane_text_string(text, ":");
            machine_value(text, query, i, WANE_RENDER_JSON);
        }
        wane_text_string(text, "}\n");
        if ((st = spill(to, SPILL_BYTES, err)) != WANE_OK) return st;
    }
    return st == WANE_DONE ? WANE_OK : st;
}

/* ------------------------------------------------------------------------- formats for people */

/* The cells of a whole result, as people read them. */
typedef struct grid {
    wane_arena *arena;
    const char **cell; /* rows * columns */
    size_t rows, columns, room, bytes;
    bool *number; /* per column: every value is a number */
    size_t *width;
} grid;

static size_t width_of(const char *text)
{
    return wane_utf8_width(text, strlen(text));
}

/* The text on one line and without what a terminal would obey. */
static char *one_line(wane_arena *arena, const char *value)
{
    size_t count = strlen(value);
    if (!value[strcspn(value, "\t\n")] && wane_visible_span(value, count) == count)
        return wane_arena_strdup(arena, value);
    wane_text shown = {0};
    wane_text_visible(&shown, value, count);
    for (char *c = shown.data; c && *c; c++)
        if (*c == '\t' || *c == '\n') *c = ' ';
    char *copy = shown.failed || !shown.data ? NULL : wane_arena_strdup(arena, shown.data);
    wane_text_free(&shown);
    return copy;
}

static const char *human_value(grid *g, const wane_query *query, size_t column)
{
    char number[32];
    switch (wane_query_type(query, column)) {
    case WANE_VALUE_NULL: return "-";
    case WANE_VALUE_INTEGER:
        (void)snprintf(number, sizeof number, "%" PRId64, wane_query_int(query, column));
        return wane_arena_strdup(g->arena, number);
    case WANE_VALUE_REAL:
        if (!isfinite(wane_query_double(query, column))) return "-";
        return wane_arena_strdup(g->arena,
                                 wane_format_short(number, wane_query_double(query, column)));
    case WANE_VALUE_TEXT: {
        const char *value = wane_query_text(query, column);
        g->number[column] = false;
        return value ? one_line(g->arena, value) : NULL;
    }
    }
    return NULL;
}

static bool grid_add(grid *g, const wane_query *query)
{
    enum { CELL_BYTES = 32 }; /* beside its text */
    if (!wane_grow(&g->cell, &g->room, g->rows + 1, g->columns * sizeof *g->cell)) return false;
    for (size_t i = 0; i < g->columns; i++) {
        const char *value = human_value(g, query, i);
        if (!value) return false;
        g->cell[g->rows * g->columns + i] = value;
        g->bytes += strlen(value) + CELL_BYTES;
        if (width_of(value) > g->width[i]) g->width[i] = width_of(value);
    }
    g->rows++;
    return true;
}

/* A table is laid out in memory, so an endless one must end; nobody reads as much. */
static wane_status grid_check(const grid *g, wane_error *err)
{
    enum { MOST_BYTES = 256 << 20 };
    if (g->bytes <= MOST_BYTES) return WANE_OK;
    return wane_fail(err, WANE_ELIMIT,
                     "query: its result: too much for a table after %zu rows; --max-rows N, or "
                     "csv, json or jsonl",
                     g->rows - 1);
}

static void grid_free(grid *g)
{
    wane_free(g->cell);
    wane_free(g->number);
    wane_free(g->width);
    wane_arena_free(g->arena);
}

/* The names of the columns are row 0. */
static wane_status grid_read(grid *g, wane_query *query, wane_error *err)
{
    g->columns = wane_query_columns(query);
    g->room = 64;
    g->arena = wane_arena_new();
    g->cell = wane_alloc(g->room * g->columns, sizeof *g->cell);
    g->number = wane_alloc(g->columns, sizeof *g->number);
    g->width = wane_alloc(g->columns, sizeof *g->width);
    if (!g->arena || !g->cell || !g->number || !g->width)
        return wane_fail_memory(err, "query", "its result");
    for (size_t i = 0; i < g->columns; i++) {
        if (!(g->cell[i] = one_line(g->arena, wane_query_name(query, i))))
            return wane_fail_memory(err, "query", "its result");
        g->width[i] = width_of(g->cell[i]);
        g->number[i] = true;
    }
    g->rows = 1;
    wane_status st;
    while ((st = wane_query_next(query, err)) == WANE_OK) {
        if (!grid_add(g, query)) return wane_fail_memory(err, "query", "its result");
        if ((st = grid_check(g, err)) != WANE_OK) return st;
    }
    return st == WANE_DONE ? WANE_OK : st;
}

static void pad(wane_text *text, size_t count)
{
    while (count--) wane_text_string(text, " ");
}

static void table_row(wane_text *text, const grid *g, size_t row)
{
    for (size_t i = 0; i < g->columns; i++) {
        const char *value = g->cell[row * g->columns + i];
        size_t blank = g->width[i] - width_of(value);
        if (i) wane_text_string(text, "  ");
        if (g->number[i]) pad(text, blank);
        wane_text_string(text, value);
        if (!g->number[i] && i + 1 < g->columns) pad(text, blank);
    }
    wane_text_string(text, "\n");
}

static void markdown_row(wane_text *text, const grid *g, size_t row)
{
    for (size_t i = 0; i < g->columns; i++) {
        wane_text_string(text, i ? " " : "| ");
        for (const char *c = g->cell[row * g->columns + i]; *c; c++) {
            if (*c == '|' || *c == '\\') wane_text_string(text, "\\");
            wane_text_append(text, c, 1);
        }
        wane_text_string(text, " |");
    }
    wane_text_string(text, "\n");
}

static void latex_text(wane_text *text, const char *value)
{
    for (; *value; value++) {
        switch (*value) {
        case '&':
        case '%':
        case '$':
        case '#':
        case '_':
        case '{':
        case '}': wane_text_printf(text, "\\%c", *value); break;
        case '~': wane_text_string(text, "\\textasciitilde{}"); break;
        case '^': wane_text_string(text, "\\textasciicircum{}"); break;
        case '\\': wane_text_string(text, "\\textbackslash{}"); break;
        default: wane_text_append(text, value, 1);
        }
    }
}

static void latex_row(wane_text *text, const grid *g, size_t row)
{
    for (size_t i = 0; i < g->columns; i++) {
        const char *value = g->cell[row * g->columns + i];
        if (i) wane_text_string(text, " & ");
        /* A minus, not a hyphen, before a number. */
        if (row && g->number[i] && *value == '-' && value[1]) wane_text_printf(text, "$%s$", value);
        else latex_text(text, value);
    }
    wane_text_string(text, " \\\\\n");
}

static void render_latex(wane_text *text, const grid *g)
{
    wane_text_string(text, "\\begin{tabular}{");
    for (size_t i = 0; i < g->columns; i++) wane_text_string(text, g->number[i] ? "r" : "l");
    wane_text_string(text, "}\n\\toprule\n");
    for (size_t i = 0; i < g->rows; i++) {
        latex_row(text, g, i);
        if (i == 0) wane_text_string(text, "\\midrule\n");
    }
    wane_text_string(text, "\\bottomrule\n\\end{tabular}\n");
}

static wane_status render_grid(wane_query *query, wane_render_format format, wane_text *text,
                               wane_error *err)
{
    grid g = {0};
    wane_status st = grid_read(&g, query, err);
    if (st == WANE_OK && format == WANE_RENDER_LATEX) {
        render_latex(text, &g);
    } else if (st == WANE_OK && format == WANE_RENDER_MARKDOWN) {
        markdown_row(text, &g, 0);
        for (size_t i = 0; i < g.columns; i++)
            wane_text_printf(text, "%s%s |", i ? " " : "| ", g.number[i] ? "---:" : "---");
        wane_text_string(text, "\n");
        for (size_t i = 1; i < g.rows; i++) markdown_row(text, &g, i);
    } else if (st == WANE_OK) {
        for (size_t i = 0; i < g.rows; i++) table_row(text, &g, i);
    }
    grid_free(&g);
    return st;
}

static wane_status render(wane_query *query, wane_render_format format, output *to, wane_error *err)
{
    wane_status st = WANE_OK;
    switch (format) {
    case WANE_RENDER_CSV:
    case WANE_RENDER_CSV_PLAIN: st = render_csv(query, format, to, err); break;
    case WANE_RENDER_JSON: st = render_json(query, to, err); break;
    case WANE_RENDER_JSONL: st = render_jsonl(query, to, err); break;
    default: st = render_grid(query, format, to->text, err);
    }
    return st == WANE_OK ? wane_text_check(to->text, "query", "its result", err) : st;
}

wane_status wane_query_render(wane_query *query, wane_render_format format, wane_text *text,
                              wane_error *err)
{
    output to = {.text = text};
    return render(query, format, &to, err);
}

wane_status wane_query_write(wane_query *query, wane_render_format format,
                             wane_write_function write, void *context, wane_error *err)
{
    wane_text text = {0};
    output to = {.text = &text, .write = write, .context = context};
    wane_status st = render(query, format, &to, err);
    if (st == WANE_OK) st = spill(&to, 0, err);
    wane_text_free(&text);
    return st;
}
