/* SPDX-License-Identifier: Apache-2.0
 * What learning the latest task cost: its accuracy against forgetting of the pretraining text after
 * the last stage, a point per run. Accuracies of different tasks are not comparable, so that each
 * task that was the last of a run has a chart of its own.
 */
#include <math.h>
#include <string.h>

#include "analysis/charts/chart.h"
#include "analysis/report/columns.h"
#include "analysis/report/report.h"
#include "analysis/report/statement.h"

static const char sql[] = {
#include "tradeoff.inc"
};
enum { EXPERIMENT, RUN, GROUP, STAGE, TASK, MAJORITY, X, Y, COLLAPSED };

typedef struct tradeoff_point {
    const char *experiment, *task, *label;
    double majority, x, y;
    bool hollow;
} tradeoff_point;

/* All runs, in the order of the plan. A list holds the first point of each of its members. */
typedef struct tradeoff {
    tradeoff_point *point;
    size_t count, room;
    size_t *chart, charts; /* by experiment and task */
    size_t *group, groups; /* by experiment and label */
    bool several;          /* experiments */
} tradeoff;

static wane_status open(wane_reporting *r, wane_error *err)
{
    return wane_columns_check(r->db, "curves", "run_list", &r->asked.by, 1, err);
}

static wane_status rows(wane_query **out, const wane_reporting *r, wane_error *err)
{
    const wane_sql_part parts[] = {{"by", wane_report_by(r)}, {NULL, NULL}};
    return wane_statement_open(out, r->db, sql, r->asked.experiment, parts, NULL, err);
}

static wane_status take(tradeoff *t, const wane_reporting *r, const wane_query *q, wane_error *err)
{
    const char *task = wane_query_text(q, TASK);
    if (!WANE_GROW(t->point, t->room, t->count + 1))
        return wane_fail_memory(err, "curves", "points");
    tradeoff_point *p = &t->point[t->count++];
    *p = (tradeoff_point){.experiment = wane_arena_strdup(r->arena, wane_query_text(q, EXPERIMENT)),
                          .task = wane_arena_strdup(r->arena, task ? task : "no task"),
                          .label = wane_report_label(r, q, GROUP),
                          .majority = wane_query_double(q, MAJORITY),
                          .x = wane_query_double(q, X),
                          .y = wane_query_double(q, Y),
                          .hollow = wane_query_int(q, COLLAPSED) == 1};
    return p->experiment && p->task && p->label ? WANE_OK
                                                : wane_fail_memory(err, "curves", "points");
}

static bool drawn(const tradeoff_point *p)
{
    return isfinite(p->x) && isfinite(p->y);
}

static bool same_chart(const tradeoff_point *p, const tradeoff_point *q)
{
    return strcmp(p->experiment, q->experiment) == 0 && strcmp(p->task, q->task) == 0;
}

static bool same_group(const tradeoff_point *p, const tradeoff_point *q)
{
    return strcmp(p->experiment, q->experiment) == 0 && strcmp(p->label, q->label) == 0;
}

static void add_new(size_t *list, size_t *count, const tradeoff *t, size_t i,
                    bool (*same)(const tradeoff_point *, const tradeoff_point *))
{
    for (size_t c = 0; c < *count; c++)
        if (same(&t->point[list[c]], &t->point[i])) return;
    list[(*count)++] = i;
}

/* Reads all; WANE_ENUMERIC without a point to draw. */
static wane_status read_points(tradeoff *t, const wane_reporting *r, wane_error *err)
{
    wane_query *q = NULL;
    wane_status st = rows(&q, r, err);
    while (st == WANE_OK && (st = wane_query_next(q, err)) == WANE_OK) st = take(t, r, q, err);
    wane_query_free(q);
    if (st != WANE_DONE) return st;
    t->chart = wane_arena_alloc(r->arena, t->count + 1, sizeof *t->chart);
    t->group = wane_arena_alloc(r->arena, t->count + 1, sizeof *t->group);
    if (!t->chart || !t->group) return wane_fail_memory(err, "curves", "points");
    for (size_t i = 0; i < t->count; i++) {
        t->several |= strcmp(t->point[i].experiment, t->point[0].experiment) != 0;
        add_new(t->group, &t->groups, t, i, same_group);
        if (drawn(&t->point[i])) add_new(t->chart, &t->charts, t, i, same_chart);
    }
    if (t->charts > 0) return WANE_OK;
    return wane_fail(err, WANE_ENUMERIC,
                     "curves: tradeoff: no finished run has both an accuracy of its last task and "
                     "pretraining_forgetting");
}

/* What guessing the most frequent label gives, from the first point to the last; about a single
 * one, so wide that it can be seen. */
static wane_status add_majority(wane_series *out, const tradeoff_point *first, double low,
                                double high, const wane_reporting *r, wane_error *err)
{
    double *ends = wane_arena_alloc(r->arena, 4, sizeof *ends);
    if (!ends) return wane_fail_memory(err, "curves", "chart");
    if (low == high) {
        low -= .1;
        high += .1;
    }
    memcpy(ends, (double[]){low, high, first->majority, first->majority}, 4 * sizeof *ends);
    *out = (wane_series){
        .label = "majority label", .x = ends, .y = ends + 2, .count = 2, .baseline = true};
    return WANE_OK;
}

/* A series for each group of the experiment, also one that has no point here: a group has the same
 * colour in every chart. */
static wane_status add_series(wane_chart *chart, size_t *n, const tradeoff *t,
                              const tradeoff_point *first, const wane_reporting *r, wane_error *err)
{
    wane_series *series = wane_arena_alloc(r->arena, t->groups + 1, sizeof *series);
    double *x = wane_arena_alloc(r->arena, t->count, sizeof *x);
    double *y = wane_arena_alloc(r->arena, t->count, sizeof *y);
    bool *hollow = wane_arena_alloc(r->arena, t->count, sizeof *hollow);
    double low = first->x, high = first->x;
    size_t made = 0;
    if (!series || !x || !y || !hollow) return wane_fail_memory(err, "curves", "chart");
    *n = 0;
    for (size_t g = 0; g < t->groups; g++) {
        const tradeoff_point *of = &t->point[t->group[g]];
        if (strcmp(of->experiment, first->experiment) != 0) continue;
        wane_series *s = &series[made++];
        *s = (wane_series){.label = of->label, .x = x + *n, .y = y + *n, .hollow = hollow + *n};
        for (size_t i = 0; i < t->count; i++) {
            const tradeoff_point *p = &t->point[i];
            if (!drawn(p) || !same_chart(p, first) || !same_group(p, of)) continue;
            x[*n] = p->x;
            y[*n] = p->y;
            hollow[(*n)++] = p->hollow;
            low = fmin(low, p->x);
            high = fmax(high, p->x);
            s->count++;
        }
    }
    if (isfinite(first->majority)) {
        wane_status st = add_majority(&series[made++], first, low, high, r, err);
        if (st != WANE_OK) return st;
    }
    chart->series = series;
    chart->series_count = made;
    return WANE_OK;
}

static void say_left_out(wane_text *out, const tradeoff *t, const tradeoff_point *first)
{
    size_t left = 0, elsewhere = 0;
    for (size_t i = 0; i < t->count; i++) {
        const tradeoff_point *p = &t->point[i];
        bool shown = false;
        if (drawn(p)) continue;
        for (size_t c = 0; c < t->charts; c++) shown |= same_chart(p, &t->point[t->chart[c]]);
        left += same_chart(p, first);
        elsewhere += !shown;
    }
    if (left > 0)
        wane_text_printf(out, "; left out: %zu without a finite accuracy or forgetting", left);
    if (elsewhere > 0)
        wane_text_printf(out, "; no chart: %zu run%s of tasks that have neither in any run",
                         elsewhere, elsewhere == 1 ? "" : "s");
}

static wane_status make_chart(wane_chart *chart, const tradeoff *t, const tradeoff_point *first,
                              const wane_reporting *r, wane_error *err)
{
    wane_text title = {0}, subtitle = {0}, y_label = {0};
    size_t n = 0;
    wane_status st = add_series(chart, &n, t, first, r, err);
    if (st != WANE_OK) return st;
    if (t->several) wane_text_printf(&title, "%s: ", first->experiment);
    wane_text_printf(&title, "accuracy of %s against pretraining_forgetting by %s", first->task,
                     wane_report_by(r));
    wane_text_printf(&subtitle,
                     "one point per run that trained %s last, after its last stage; n = %zu",
                     first->task, n);
    say_left_out(&subtitle, t, first);
    wane_text_printf(&y_label, "accuracy of %s (share of 1)", first->task);
    chart->title = wane_report_keep(r, &title);
    chart->subtitle = wane_report_keep(r, &subtitle);
    chart->x_label = "pretraining_forgetting (nats per token; to the left: less forgotten)";
    chart->y_label = wane_report_keep(r, &y_label);
    chart->marks = WANE_MARKS_POINTS;
    chart->hollow = WANE_REPORT_COLLAPSED;
    return chart->title && chart->subtitle && chart->y_label
               ? WANE_OK
               : wane_fail_memory(err, "curves", "chart");
}

static wane_status draw(wane_text *out, const wane_reporting *r, wane_error *err)
{
    tradeoff t = {0};
    wane_chart *charts = NULL;
    wane_status st = WANE_OK;
    WANE_TRY(read_points(&t, r, err));
    charts = wane_arena_alloc(r->arena, t.charts, sizeof *charts);
    if (!charts) {
        st = wane_fail_memory(err, "curves", "chart");
        goto done;
    }
    for (size_t c = 0; c < t.charts; c++)
        WANE_TRY(make_chart(&charts[c], &t, &t.point[t.chart[c]], r, err));
    st = wane_charts_svg(out, charts, t.charts, err);
done:
    wane_free(t.point);
    return st;
}

static void caption(wane_text *out, const wane_reporting *r)
{
    (void)r;
    wane_text_string(out,
                     "accuracy of the task trained last and pretraining_forgetting of every run "
                     "after its last stage; majority: of guessing the most frequent label");
}

const wane_report wane_report_tradeoff = {
    .name = "tradeoff",
    .brief = "accuracy of the task trained last against forgetting, a point per run",
    .example = "-m tradeoff -o tradeoff.svg",
    .takes = WANE_TAKES_BY,
    .open = open,
    .rows = rows,
    .draw = draw,
    .caption = caption};
