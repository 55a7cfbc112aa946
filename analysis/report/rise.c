/* SPDX-License-Identifier: Apache-2.0
 * The rise of one matrix's directions while a stage trains: of each run sigma and max_cosine over
 * steps, of the directions that are intruders at some look, and others, eight in all.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "analysis/charts/chart.h"
#include "analysis/report/looks.h"
#include "analysis/report/statement.h"

static const char sql[] = {
#include "rise.inc"
};
enum { STEP = 4, IDENTITY = 6, SIGMA, COSINE, CLUSTER, INTRUDER };
enum { MOST_LINES = 8 };

static wane_status open(wane_reporting *r, wane_error *err)
{
    return wane_looks_open(r,
                           "SELECT DISTINCT m.name FROM direction d JOIN matrix m "
                           "ON m.id = d.matrix WHERE d.step >= 0 AND d.position = 1 ORDER BY m.id",
                           "track", err);
}

static wane_status rows(wane_query **out, const wane_reporting *r, wane_error *err)
{
    const wane_looks *l = r->state;
    const wane_binding bindings[] = {{"stage", wane_value_whole((int64_t)l->position)},
                                     {"side", wane_value_text(l->side)},
                                     {"matrix", wane_value_text(l->matrix)},
                                     {"epsilon", wane_value_real(l->epsilon)},
                                     {NULL, {.type = WANE_VALUE_NULL}}};
    return wane_statement_open(out, r->db, sql, r->asked.experiment, NULL, bindings, err);
}

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
    const wane_reporting *r;
    const wane_looks *of;
    look *looks;
    line *lines;
    size_t looks_count, looks_room, lines_count, lines_room;
    size_t run_lines[WANE_LOOKS_RUNS + 1]; /* where each run's lines begin */
} rise;

static wane_status take_look(rise *all, const wane_query *q, wane_error *err)
{
    wane_status st = wane_looks_take_run(all->r, q, err);
    if (st != WANE_OK && st != WANE_DONE) return st;
    if (st == WANE_OK) all->run_lines[all->of->runs - 1] = all->lines_count;
    int64_t identity = wane_query_int(q, IDENTITY);
    line *last = all->lines_count ? &all->lines[all->lines_count - 1] : NULL;
    if (st == WANE_OK || !last || last->identity != identity) {
        if (!WANE_GROW(all->lines, all->lines_room, all->lines_count + 1))
            return wane_fail_memory(err, "curves", "directions");
        last = &all->lines[all->lines_count++];
        *last = (line){.identity = identity, .first = all->looks_count};
    }
    if (!WANE_GROW(all->looks, all->looks_room, all->looks_count + 1))
        return wane_fail_memory(err, "curves", "looks");
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
    double *x = wane_arena_alloc(all->r->arena, l->count, sizeof *x);
    double *s = wane_arena_alloc(all->r->arena, l->count, sizeof *s);
    double *c = wane_arena_alloc(all->r->arena, l->count, sizeof *c);
    char label[64];
    (void)snprintf(label, sizeof label, "%s %lld", l->intruder ? "intruder" : "direction",
                   (long long)l->identity);
    const char *kept = wane_arena_strdup(all->r->arena, label);
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
    double last = 0, *ends = wane_arena_alloc(all->r->arena, 4, sizeof *ends);
    wane_series *series = wane_arena_alloc(all->r->arena, 2 * (MOST_LINES + 1), sizeof *series);
    wane_text title = {0}, subtitle = {0};
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
    ends[2] = ends[3] = all->of->epsilon;
    series[MOST_LINES + 1 + drawn] =
        (wane_series){.label = "epsilon", .x = ends, .y = ends + 2, .count = 2, .baseline = true};
    wane_text_printf(&title, "%s, %s", all->of->run[run], all->of->matrix);
    wane_text_printf(&subtitle,
                     "singular values of the weight while %s trains; one line per direction, "
                     "followed from look to look",
                     all->of->stage);
    const char *above = wane_report_keep(all->r, &title);
    const char *below = wane_report_keep(all->r, &subtitle);
    if (!above || !below) return wane_fail_memory(err, "curves", "title");
    charts[0] = (wane_chart){.title = above,
                             .subtitle = below,
                             .x_label = "optimiser steps",
                             .y_label = "singular value",
                             .series = series,
                             .series_count = drawn};
    charts[1] = (wane_chart){.title = above,
                             .subtitle = "largest |cosine| with a direction of the base; below "
                                         "epsilon: an intruder",
                             .x_label = "optimiser steps",
                             .y_label = "max cosine",
                             .series = series + MOST_LINES + 1,
                             .series_count = drawn + 1};
    return WANE_OK;
}

static wane_status read_looks(rise *all, wane_error *err)
{
    wane_query *q = NULL;
    wane_status st = rows(&q, all->r, err);
    while (st == WANE_OK && (st = wane_query_next(q, err)) == WANE_OK) st = take_look(all, q, err);
    wane_query_free(q);
    if (st == WANE_DONE && all->of->runs == 0)
        return wane_fail(err, WANE_ENUMERIC, "curves: rise: no run has looks into that stage");
    return st == WANE_DONE ? WANE_OK : st;
}

static wane_status draw(wane_text *out, const wane_reporting *r, wane_error *err)
{
    rise all = {.r = r, .of = r->state};
    wane_chart charts[2 * WANE_LOOKS_RUNS];
    wane_status st = WANE_OK;
    WANE_TRY(read_looks(&all, err));
    all.run_lines[all.of->runs] = all.lines_count;
    for (size_t i = 0; i < all.of->runs; i++) WANE_TRY(chart_run(&charts[2 * i], &all, i, err));
    st = wane_charts_svg(out, charts, 2 * all.of->runs, err);
done:
    wane_free(all.looks);
    wane_free(all.lines);
    return st;
}

static void caption(wane_text *out, const wane_reporting *r)
{
    const wane_looks *l = r->state;
    wane_text_printf(out, "%s: directions while %s trains, side %s; intruder: max_cosine < %g",
                     l->matrix, l->stage, l->side, l->epsilon);
}

const wane_report wane_report_rise = {.name = "rise",
                                      .brief = "directions of one matrix as a stage trains",
                                      .example = "-m rise --matrix NAME -o rise.svg",
                                      .takes = WANE_TAKES_MATRIX | WANE_TAKES_SIDE |
                                               WANE_TAKES_EPSILON | WANE_TAKES_STAGE,
                                      .open = open,
                                      .rows = rows,
                                      .draw = draw,
                                      .caption = caption};
