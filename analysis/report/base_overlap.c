/* SPDX-License-Identifier: Apache-2.0
 * The overlap of one matrix's directions with those of the base: a heat map per run.
 */
#include <math.h>
#include <string.h>

#include "analysis/charts/chart.h"
#include "analysis/report/looks.h"
#include "analysis/report/statement.h"

static const char sql[] = {
#include "base_overlap.inc"
};
enum { I = 5, J, VALUE };
enum { MOST_SIZE = 64 };

static wane_status open(wane_reporting *r, wane_error *err)
{
    return wane_looks_open(r,
                           "SELECT m.name FROM matrix m WHERE m.id IN (SELECT matrix FROM "
                           "overlap) ORDER BY m.id",
                           "matrices", err);
}

static wane_status rows(wane_query **out, const wane_reporting *r, wane_error *err)
{
    const wane_looks *l = r->state;
    const wane_binding bindings[] = {{"stage", wane_value_whole((int64_t)l->position)},
                                     {"side", wane_value_text(l->side)},
                                     {"matrix", wane_value_text(l->matrix)},
                                     {NULL, {.type = WANE_VALUE_NULL}}};
    return wane_statement_open(out, r->db, sql, r->asked.experiment, NULL, bindings, err);
}

static wane_status take_value(wane_heatmap *map, const wane_query *q, wane_error *err)
{
    int64_t i = wane_query_int(q, I), j = wane_query_int(q, J);
    if (i < 1 || j < 1 || i > MOST_SIZE || j > MOST_SIZE)
        return wane_fail(err, WANE_EFORMAT, "curves: overlap: direction %lld, %lld", (long long)i,
                         (long long)j);
    double *values = (double *)map->values;
    values[(i - 1) * MOST_SIZE + j - 1] = wane_query_double(q, VALUE);
    if ((size_t)i > map->rows) map->rows = (size_t)i;
    if ((size_t)j > map->cols) map->cols = (size_t)j;
    return WANE_OK;
}

/* That of the last run. */
static wane_status begin_map(wane_heatmap *map, const wane_reporting *r, wane_error *err)
{
    const wane_looks *l = r->state;
    double *values = wane_arena_alloc(r->arena, MOST_SIZE * MOST_SIZE, sizeof *values);
    wane_text title = {0}, subtitle = {0};
    for (size_t v = 0; values && v < MOST_SIZE * MOST_SIZE; v++) values[v] = NAN;
    wane_text_printf(&title, "%s, %s", l->run[l->runs - 1], l->matrix);
    wane_text_printf(&subtitle, "|cosine| of %s singular vectors, base against tuned, after %s",
                     strcmp(l->side, "u") == 0 ? "left" : "right", l->stage);
    *map = (wane_heatmap){.title = wane_report_keep(r, &title),
                          .subtitle = wane_report_keep(r, &subtitle),
                          .x_label = "tuned, from the largest singular value",
                          .y_label = "base",
                          .values = values,
                          .low = 0,
                          .high = 1,
                          .plain = true};
    return values && map->title && map->subtitle ? WANE_OK
                                                 : wane_fail_memory(err, "curves", "heat map");
}

/* From rows of MOST_SIZE to rows without gaps. */
static void pack(wane_heatmap *map)
{
    double *values = (double *)map->values;
    for (size_t i = 0; i < map->rows; i++)
        memmove(values + i * map->cols, values + i * MOST_SIZE, map->cols * sizeof *values);
}

static wane_status draw(wane_text *out, const wane_reporting *r, wane_error *err)
{
    const wane_looks *l = r->state;
    wane_heatmap maps[WANE_LOOKS_RUNS];
    wane_query *q = NULL;
    wane_status st = rows(&q, r, err);
    while (st == WANE_OK && (st = wane_query_next(q, err)) == WANE_OK) {
        st = wane_looks_take_run(r, q, err);
        if (st == WANE_OK) st = begin_map(&maps[l->runs - 1], r, err);
        if (st == WANE_OK || st == WANE_DONE) st = take_value(&maps[l->runs - 1], q, err);
    }
    wane_query_free(q);
    if (st != WANE_DONE) return st;
    if (l->runs == 0)
        return wane_fail(err, WANE_ENUMERIC, "curves: overlap: no run has it after that stage");
    for (size_t m = 0; m < l->runs; m++) pack(&maps[m]);
    return wane_heatmaps_svg(out, maps, l->runs, l->runs < 2 ? 1 : 2, err);
}

static void caption(wane_text *out, const wane_reporting *r)
{
    const wane_looks *l = r->state;
    wane_text_printf(out,
                     "%s: |cosine| of base direction i with tuned direction j, side %s, after %s",
                     l->matrix, l->side, l->stage);
}

const wane_report wane_report_overlap = {.name = "overlap",
                                         .brief = "|U_0^T U| of one matrix",
                                         .example = "-m overlap --matrix NAME -o overlap.svg",
                                         .takes =
                                             WANE_TAKES_MATRIX | WANE_TAKES_SIDE | WANE_TAKES_STAGE,
                                         .open = open,
                                         .rows = rows,
                                         .draw = draw,
                                         .caption = caption};
