/* SPDX-License-Identifier: Apache-2.0
 * Keeps cells in an arena and opens them as SELECT ... FROM (VALUES ...) with numbers and texts as
 * parameters, so that they keep their bits.
 */
#include "analysis/report/sheet.h"

#include <inttypes.h>

void wane_sheet_column(wane_sheet *sheet, const char *name)
{
    if (!sheet->arena) sheet->arena = wane_arena_new();
    const char *copy = sheet->arena ? wane_arena_strdup(sheet->arena, name) : NULL;
    if (copy && WANE_GROW(sheet->column, sheet->column_room, sheet->columns + 1))
        sheet->column[sheet->columns++] = copy;
    else sheet->failed = true;
}

static void add(wane_sheet *sheet, wane_value value)
{
    if (WANE_GROW(sheet->cell, sheet->room, sheet->cells + 1)) sheet->cell[sheet->cells++] = value;
    else sheet->failed = true;
}

void wane_sheet_text(wane_sheet *sheet, const char *text)
{
    wane_value value = {.type = WANE_VALUE_NULL};
    if (text) {
        char *copy = sheet->arena ? wane_arena_strdup(sheet->arena, text) : NULL;
        if (!copy) sheet->failed = true;
        value = (wane_value){.type = WANE_VALUE_TEXT, .text = copy};
    }
    add(sheet, value);
}

void wane_sheet_number(wane_sheet *sheet, double number)
{
    add(sheet, (wane_value){.type = WANE_VALUE_REAL, .real = number}); /* NaN binds as NULL */
}

void wane_sheet_whole(wane_sheet *sheet, int64_t number)
{
    add(sheet, (wane_value){.type = number == WANE_NULL ? WANE_VALUE_NULL : WANE_VALUE_INTEGER,
                            .integer = number});
}

size_t wane_sheet_count(const wane_sheet *sheet)
{
    return sheet->columns ? sheet->cells / sheet->columns : 0;
}

void wane_sheet_free(wane_sheet *sheet)
{
    wane_arena_free(sheet->arena);
    wane_free(sheet->column);
    wane_free(sheet->cell);
    *sheet = (wane_sheet){0};
}

static void quoted(wane_text *sql, const char *name)
{
    wane_text_string(sql, "\"");
    for (; *name; name++) {
        if (*name == '"') wane_text_string(sql, "\"");
        wane_text_append(sql, name, 1);
    }
    wane_text_string(sql, "\"");
}

/* Numbers and texts are parameters, so that they keep their bits. */
wane_status wane_sheet_open(wane_query **out, const wane_sheet *sheet, wane_results *db,
                            wane_error *err)
{
    wane_text sql = {0};
    wane_status st = WANE_OK;
    size_t count = wane_sheet_count(sheet), bound = 0;
    wane_binding *bindings = wane_alloc(sheet->cells, sizeof *bindings);
    if (sheet->failed || !bindings) {
        st = wane_fail_memory(err, "print", "rows");
        goto done;
    }
    wane_text_string(&sql, "SELECT ");
    for (size_t i = 0; i < sheet->columns; i++) {
        if (count) wane_text_printf(&sql, "%scolumn%zu AS ", i ? ", " : "", i + 1);
        else wane_text_printf(&sql, "%sNULL AS ", i ? ", " : "");
        quoted(&sql, sheet->column[i]);
    }
    wane_text_string(&sql, count ? " FROM (VALUES " : " WHERE 0");
    for (size_t i = 0; i < count * sheet->columns; i++) {
        const wane_value *cell = &sheet->cell[i];
        wane_text_string(&sql, i % sheet->columns ? "," : i ? ",(" : "(");
        if (cell->type == WANE_VALUE_INTEGER) wane_text_printf(&sql, "%" PRId64, cell->integer);
        else if (cell->type == WANE_VALUE_NULL) wane_text_string(&sql, "NULL");
        else {
            bindings[bound++].value = *cell;
            wane_text_string(&sql, "?");
        }
        if ((i + 1) % sheet->columns == 0) wane_text_string(&sql, ")");
    }
    if (count) wane_text_string(&sql, ")");
    WANE_TRY(wane_text_check(&sql, "print", "rows", err));
    WANE_TRY(wane_query_open(out, db, sql.data, bindings, bound, err));
done:
    wane_text_free(&sql);
    wane_free(bindings);
    return st;
}
