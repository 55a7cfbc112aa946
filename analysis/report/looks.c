/* SPDX-License-Identifier: Apache-2.0
 * Two statements over the looks into a stage, one for the rise of directions and one for their
 * overlap, and the line charts and heat maps made of their rows.
 */
#include "analysis/report/looks.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/charts/chart.h"
#include "store/base/matrix_name.h"

#define OF_RUNS                                                                                    \
    "FROM run r CROSS JOIN run_list l ON l.key = r.key CROSS JOIN run_stage p ON p.run = r.id "    \
    "AND p.position = CASE WHEN :stage > 0 THEN :stage ELSE r.stages END "
#define SHOWN "l.superseded = 0 AND (:experiment IS NULL OR l.experiment = :experiment) "

static const char rise_sql[] =
    "SELECT l.experiment, l.run, p.position AS stage, m.name AS matrix, d.step, d.position, "
    "d.identity, d.sigma, d.max_cosine, d.cluster_overlap, " WANE_SQL_COSINE
    " < :epsilon AS intruder " OF_RUNS
    "CROSS JOIN direction d ON d.stage = p.stage AND d.step >= 0 AND d.against = 'base' AND "
    "d.side = :side AND d.max_cosine IS NOT NULL "
    "CROSS JOIN matrix m ON m.id = d.matrix AND m.name = :matrix WHERE " SHOWN
    "ORDER BY r.id, d.identity, d.step";
enum { RUN = 1, STEP = 4, IDENTITY = 6, SIGMA, COSINE, CLUSTER, INTRUDER };

static const char overlap_sql[] =
    "SELECT l.experiment, l.run, p.position AS stage, m.name AS matrix, o.side, o.i, o.j, "
    "o.value " OF_RUNS
    "CROSS JOIN overlap o ON o.stage = p.stage AND o.step = -1 AND o.side = :side "
    "CROSS JOIN matrix m ON m.id = o.matrix AND m.name = :matrix WHERE " SHOWN
    "ORDER BY r.id, o.i, o.j";
enum { I = 5, J, VALUE };

static const char rise_matrices[] =
    "SELECT DISTINCT m.name FROM direction d JOIN matrix m ON m.id = d.matrix WHERE d.step >= 0 "
    "AND d.position = 1 ORDER BY m.id";
static const char overlap_matrices[] =
    "SELECT m.name FROM matrix m WHERE m.id IN (SELECT matrix FROM overlap) ORDER BY m.id";

enum { MOST_RUNS = 12, MOST_LINES = 8, MOST_SIZE = 64, STAGE_BYTES = 32 };

static bool is_rise(const wane_looks_request *r)
{
    return strcmp(r->metric, "rise") == 0;
}

bool wane_looks_metric(const char *metric)
{
    return strcmp(metric, "rise") == 0 || strcmp(metric, "overlap") == 0;
}

wane_status wane_looks_matrix(const char **out, wane_results *db, const wane_looks_request *r,
                              wane_arena *arena, wane_error *err)
{
    wane_query *q = NULL;
    const char *first = NULL, *second = NULL;
    size_t count = 0, all = 0;
    wane_status st =
        wane_query_open(&q, db, is_rise(r) ? rise_matrices : overlap_matrices, NULL, 0, err);
    while (st == WANE_OK && (st = wane_query_next(q, err)) == WANE_OK) {
        const char *name = wane_query_text(q, 0);
        all++;
        if (r->matrix && !wane_matrix_named(r->matrix, name)) continue;
        const char *kept = wane_arena_strdup(arena, name);
        if (!kept) st = wane_fail_memory(err, "curves", name);
        if (count++ == 0) first = kept;
        else if (count == 2) second = kept;
    }
    wane_query_free(q);
    if (st != WANE_DONE) return st;
    if (all == 0)
        return wane_fail(err, WANE_ENOTFOUND,
                         "curves: %s: nothing is stored ('%s:' in the "
                         "experiment asks for it)",
                         r->metric, is_rise(r) ? "track" : "matrices");
    if (count == 0)
        return wane_fail(err, WANE_ENOTFOUND,
                         "curves: %s: '%s' names none of the %zu matrices "
                         "there",
                         r->metric, r->matrix, all);
    if (count > 1)
        return wane_fail(err, WANE_EINVAL, "curves: %s: --matrix must name one of %zu: %s, %s%s",
                         r->metric, count, first, second, count > 2 ? ", ..." : "");
    *out = first;
    return WANE_OK;
}

wane_status wane_looks_rows(wane_query **out, wane_results *db, const wane_looks_request *r,
                            const char *matrix, wane_error *err)
{
    const wane_binding bindings[] = {
        {"experiment",
         {.type = r->experiment ? WANE_VALUE_TEXT : WANE_VALUE_NULL, .text = r->experiment}},
        {"stage", {.type = WANE_VALUE_INTEGER, .integer = (int64_t)r->stage}},
        {"side", {.type = WANE_VALUE_TEXT, .text = r->side}},
        {"matrix", {.type = WANE_VALUE_TEXT, .text = matrix}},
        {"epsilon", {.type = WANE_VALUE_REAL, .real = r->epsilon}}};
    return wane_query_open(out, db, is_rise(r) ? rise_sql : overlap_sql, bindings,
                           is_rise(r) ? 5 : 4, err);
}

static const char *stage_name(char out[STAGE_BYTES], const wane_looks_request *r)
{
    if (r->stage) (void)snprintf(out, STAGE_BYTES, "stage %zu", r->stage);
    else (void)snprintf(out, STAGE_BYTES, "the last stage");
    return out;
}

void wane_looks_caption(wane_text *out, const wane_looks_request *r, const char *matrix)
{
    char stage[STAGE_BYTES];
    (void)stage_name(stage, r);
    if (is_rise(r))
        wane_text_printf(out, "%s: directions while %s trains, side %s; intruder: max_cosine < %g",
                         matrix, stage, r->side, r->epsilon);
    else
        wane_text_printf(out,
                         "%s: |cosine| of base direction i with tuned direction j, side %s, "
                         "after %s",
                         matrix, r->side, stage);
}

/* ----------------------------------------------------------------------------------------- rise */

typedef struct look {
    double step, sigma, cosine;
    bool intruder;
} look;

/* One direction through its looks. */
typedef struct line {
    int64_t identity;
    size_t first, count; /* in the list of looks */
    bool intruder;       /* at some look */
    double largest;      /* sigma */
} line;

typedef struct rise {
    wane_arena *arena;
    const wane_looks_request *request;
    const char *matrix;
    const char *run[MOST_RUNS];
    look *looks;
    line *lines;
    size_t looks_count, looks_room, lines_count, lines_room;
    size_t run_lines[MOST_RUNS + 1]; /* where each run's lines begin */
    size_t runs;
} rise;

static void *more(void *list, size_t count, size_t *room, size_t size)
{
    if (count < *room) return list;
    size_t wanted = 2 * *room + 64;
    void *grown = wane_realloc(list, wanted, size);
    if (grown) *room = wanted;
    return grown;
}

static wane_status too_many(const wane_looks_request *r, wane_error *err)
{
    return wane_fail(err, WANE_EINVAL, "curves: %s: more than %d runs: choose some with --where",
                     r->metric, MOST_RUNS);
}

/* The run of the row at hand, begun anew where it is another than before. */
static wane_status run_of(const char **list, size_t *count, const wane_query *q, wane_arena *arena,
                          const wane_looks_request *r, wane_error *err)
{
    const char *name = wane_query_text(q, RUN);
    if (*count && strcmp(list[*count - 1], name) == 0) return WANE_DONE;
    if (*count == MOST_RUNS) return too_many(r, err);
    list[*count] = wane_arena_strdup(arena, name);
    return list[(*count)++] ? WANE_OK : wane_fail_memory(err, "curves", name);
}

static wane_status take_look(rise *all, const wane_query *q, wane_error *err)
{
    wane_status st = run_of(all->run, &all->runs, q, all->arena, all->request, err);
    if (st != WANE_OK && st != WANE_DONE) return st;
    if (st == WANE_OK) all->run_lines[all->runs - 1] = all->lines_count;
    int64_t identity = wane_query_int(q, IDENTITY);
    line *last = all->lines_count ? &all->lines[all->lines_count - 1] : NULL;
    if (st == WANE_OK || !last || last->identity != identity) {
        line *grown = more(all->lines, all->lines_count, &all->lines_room, sizeof *grown);
        if (!grown) return wane_fail_memory(err, "curves", "directions");
        all->lines = grown;
        last = &all->lines[all->lines_count++];
        *last = (line){.identity = identity, .first = all->looks_count};
    }
    look *grown = more(all->looks, all->looks_count, &all->looks_room, sizeof *grown);
    if (!grown) return wane_fail_memory(err, "curves", "looks");
    all->looks = grown;
    look l = {.step = wane_query_double(q, STEP),
              .sigma = wane_query_double(q, SIGMA),
              .cosine = wane_query_double(q, COSINE),
              .intruder = wane_query_int(q, INTRUDER) == 1};
    all->looks[all->looks_count++] = l;
    last->count++;
    last->intruder = last->intruder || l.intruder;
    last->largest = fmax(last->largest, l.sigma);
    return WANE_OK;
}

/* Intruders first, then by the largest sigma. */
static int by_interest(const void *a, const void *b)
{
    const line *x = a, *y = b;
    if (x->intruder != y->intruder) return x->intruder ? -1 : 1;
    if (x->largest != y->largest) return x->largest > y->largest ? -1 : 1;
    return x->identity < y->identity ? -1 : x->identity > y->identity;
}

/* The series of both charts of one run. */
static wane_status make_series(wane_series *sigma, wane_series *cosine, const rise *all,
                               const line *l, wane_error *err)
{
    double *x = wane_arena_alloc(all->arena, l->count, sizeof *x);
    double *s = wane_arena_alloc(all->arena, l->count, sizeof *s);
    double *c = wane_arena_alloc(all->arena, l->count, sizeof *c);
    char label[64];
    (void)snprintf(label, sizeof label, "%s %lld", l->intruder ? "intruder" : "direction",
                   (long long)l->identity);
    const char *kept = wane_arena_strdup(all->arena, label);
    if (!x || !s || !c || !kept) return wane_fail_memory(err, "curves", "chart");
    for (size_t i = 0; i < l->count; i++) {
        const look *at = &all->looks[l->first + i];
        x[i] = at->step;
        s[i] = at->sigma;
        c[i] = at->cosine;
    }
    *sigma = (wane_series){.label = kept, .x = x, .y = s, .count = l->count};
    *cosine = (wane_series){.label = kept, .x = x, .y = c, .count = l->count};
    return WANE_OK;
}

static wane_status chart_run(wane_chart charts[2], const rise *all, size_t run, wane_error *err)
{
    size_t first = all->run_lines[run], count = all->run_lines[run + 1] - first;
    line *lines = all->lines + first;
    double last = 0, *ends = wane_arena_alloc(all->arena, 4, sizeof *ends);
    wane_series *series = wane_arena_alloc(all->arena, 2 * (MOST_LINES + 1), sizeof *series);
    wane_text title = {0}, subtitle = {0};
    char stage[STAGE_BYTES];
    size_t drawn = count < MOST_LINES ? count : MOST_LINES;
    if (!series || !ends) return wane_fail_memory(err, "curves", "chart");
    qsort(lines, count, sizeof *lines, by_interest);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < lines[i].count; j++)
            last = fmax(last, all->looks[lines[i].first + j].step);
    for (size_t i = 0; i < drawn; i++) {
        wane_status st = make_series(&series[i], &series[MOST_LINES + 1 + i], all, &lines[i], err);
        if (st != WANE_OK) return st;
    }
    ends[1] = last;
    ends[2] = ends[3] = all->request->epsilon;
    series[MOST_LINES + 1 + drawn] =
        (wane_series){.label = "epsilon", .x = ends, .y = ends + 2, .count = 2, .baseline = true};
    wane_text_printf(&title, "%s, %s", all->run[run], all->matrix);
    wane_text_printf(&subtitle,
                     "singular values of the weight while %s trains; one line per direction, "
                     "followed from look to look",
                     stage_name(stage, all->request));
    wane_status st = wane_text_check(&title, "curves", "title", err);
    if (st == WANE_OK) st = wane_text_check(&subtitle, "curves", "subtitle", err);
    const char *kept = st == WANE_OK ? wane_arena_strdup(all->arena, title.data) : NULL;
    const char *below = st == WANE_OK ? wane_arena_strdup(all->arena, subtitle.data) : NULL;
    wane_text_free(&title);
    wane_text_free(&subtitle);
    if (!kept || !below) return st == WANE_OK ? wane_fail_memory(err, "curves", "title") : st;
    charts[0] = (wane_chart){.title = kept,
                             .subtitle = below,
                             .x_label = "optimiser steps",
                             .y_label = "singular value",
                             .series = series,
                             .series_count = drawn};
    charts[1] = (wane_chart){.title = kept,
                             .subtitle = "largest |cosine| with a direction of the base; below "
                                         "epsilon: an intruder",
                             .x_label = "optimiser steps",
                             .y_label = "max cosine",
                             .series = series + MOST_LINES + 1,
                             .series_count = drawn + 1};
    return WANE_OK;
}

static wane_status draw_rise(wane_text *out, wane_query *q, rise *all, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_chart charts[2 * MOST_RUNS];
    while ((st = wane_query_next(q, err)) == WANE_OK)
        if ((st = take_look(all, q, err)) != WANE_OK) return st;
    if (st != WANE_DONE) return st;
    if (all->runs == 0)
        return wane_fail(err, WANE_ENUMERIC, "curves: rise: no run has looks into that stage");
    all->run_lines[all->runs] = all->lines_count;
    for (size_t r = 0; r < all->runs; r++)
        if ((st = chart_run(&charts[2 * r], all, r, err)) != WANE_OK) return st;
    return wane_charts_svg(out, charts, 2 * all->runs, err);
}

/* -------------------------------------------------------------------------------------- overlap */

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

static wane_status begin_map(wane_heatmap *map, const char *run, const wane_looks_request *r,
                             const char *matrix, wane_arena *arena, wane_error *err)
{
    double *values = wane_arena_alloc(arena, MOST_SIZE * MOST_SIZE, sizeof *values);
    wane_text title = {0}, subtitle = {0};
    char stage[STAGE_BYTES];
    for (size_t v = 0; values && v < MOST_SIZE * MOST_SIZE; v++) values[v] = NAN;
    wane_text_printf(&title, "%s, %s", run, matrix);
    wane_text_printf(&subtitle, "|cosine| of %s singular vectors, base against tuned, after %s",
                     strcmp(r->side, "u") == 0 ? "left" : "right", stage_name(stage, r));
    wane_status st = wane_text_check(&title, "curves", "title", err);
    if (st == WANE_OK) st = wane_text_check(&subtitle, "curves", "subtitle", err);
    const char *kept = st == WANE_OK ? wane_arena_strdup(arena, title.data) : NULL;
    const char *below = st == WANE_OK ? wane_arena_strdup(arena, subtitle.data) : NULL;
    wane_text_free(&title);
    wane_text_free(&subtitle);
    if (st != WANE_OK) return st;
    if (!values || !kept || !below) return wane_fail_memory(err, "curves", "heat map");
    *map = (wane_heatmap){.title = kept,
                          .subtitle = below,
                          .x_label = "tuned, from the largest singular value",
                          .y_label = "base",
                          .values = values,
                          .low = 0,
                          .high = 1,
                          .plain = true};
    return WANE_OK;
}

/* From rows of MOST_SIZE to rows without gaps. */
static void pack(wane_heatmap *map)
{
    double *values = (double *)map->values;
    for (size_t i = 0; i < map->rows; i++)
        memmove(values + i * map->cols, values + i * MOST_SIZE, map->cols * sizeof *values);
}

static wane_status draw_overlap(wane_text *out, wane_query *q, const wane_looks_request *r,
                                const char *matrix, wane_arena *arena, wane_error *err)
{
    wane_heatmap maps[MOST_RUNS];
    const char *runs[MOST_RUNS];
    size_t count = 0;
    wane_status st = WANE_OK;
    while ((st = wane_query_next(q, err)) == WANE_OK) {
        st = run_of(runs, &count, q, arena, r, err);
        if (st == WANE_OK) st = begin_map(&maps[count - 1], runs[count - 1], r, matrix, arena, err);
        if (st != WANE_OK && st != WANE_DONE) return st;
        if ((st = take_value(&maps[count - 1], q, err)) != WANE_OK) return st;
    }
    if (st != WANE_DONE) return st;
    if (count == 0)
        return wane_fail(err, WANE_ENUMERIC, "curves: overlap: no run has it after that stage");
    for (size_t m = 0; m < count; m++) pack(&maps[m]);
    return wane_heatmaps_svg(out, maps, count, count < 2 ? 1 : 2, err);
}

wane_status wane_looks_draw(wane_text *out, wane_results *db, const wane_looks_request *request,
                            const char *matrix, wane_error *err)
{
    wane_query *q = NULL;
    rise all = {.arena = wane_arena_new(), .request = request, .matrix = matrix};
    wane_status st = all.arena ? wane_looks_rows(&q, db, request, matrix, err)
                               : wane_fail_memory(err, "curves", matrix);
    if (st == WANE_OK && is_rise(request)) st = draw_rise(out, q, &all, err);
    else if (st == WANE_OK) st = draw_overlap(out, q, request, matrix, all.arena, err);
    wane_query_free(q);
    wane_free(all.looks);
    wane_free(all.lines);
    wane_arena_free(all.arena);
    return st;
}
