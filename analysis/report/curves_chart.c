/* SPDX-License-Identifier: Apache-2.0
 * Curves as a chart: titles, units, a logarithmic axis where the values ask for one, and dotted
 * lines for the null and for guessing.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/charts/chart.h"
#include "analysis/report/curves.h"
#include "analysis/report/glossary.h"
#include "analysis/report/report.h"

static void write_name(wane_text *out, const wane_curves_request *r)
{
    wane_text_string(out, r->metric);
    if (r->task) wane_text_printf(out, " of %s", r->task);
    if (r->corpus) wane_text_printf(out, " of %s", r->corpus);
}

/* " (nats per token)": the unit of a term up to what is said of it besides. */
static void write_unit(wane_text *out, const char *metric)
{
    const wane_meaning *term = wane_meaning_find(metric, NULL);
    if (!term || !term->unit) return;
    wane_text_string(out, " (");
    wane_text_append(out, term->unit, strcspn(term->unit, ";,"));
    wane_text_string(out, ")");
}

static void write_runs(wane_text *out, const wane_curves *c)
{
    size_t least = c->point[0].n, most = least;
    for (size_t i = 0; i < c->points; i++) {
        if (c->point[i].n < least) least = c->point[i].n;
        if (c->point[i].n > most) most = c->point[i].n;
    }
    if (c->kind == WANE_CURVES_SCATTER) {
        wane_text_printf(out, "one point per run and trained stage, n = %zu", c->points);
    } else if (most == 1) {
        wane_text_string(out, "one run each (n = 1), so no bands");
    } else {
        wane_text_printf(out, "mean over %s, band: %s, n = %zu", wane_curves_over(c),
                         c->request.interval ? "95% t interval of the mean" : "mean \xc2\xb1 1 sd",
                         least);
        if (most != least) wane_text_printf(out, " to %zu", most);
    }
}

static void write_subtitle(wane_text *out, const wane_curves *c, bool log, size_t hidden)
{
    write_runs(out, c);
    wane_curves_say_counting(out, c);
    wane_curves_say_null(out, c, true);
    if (log) wane_text_string(out, "; logarithmic axis");
    if (hidden)
        wane_text_printf(out, ": %zu point%s at or below 0 not drawn", hidden,
                         hidden == 1 ? "" : "s");
    if (c->request.experiment) wane_text_printf(out, "; %s", c->request.experiment);
}

static void write_title(wane_text *out, const wane_curves *c)
{
    const wane_curves_request *r = &c->request;
    write_name(out, r);
    if (c->kind == WANE_CURVES_STAGES) wane_text_string(out, " over stages");
    else wane_text_printf(out, " against %s", r->x);
    if (c->kind == WANE_CURVES_EPSILON || c->kind == WANE_CURVES_K) {
        wane_text_string(out, " after ");
        wane_report_say_stage(out, r->stage);
    }
    wane_text_printf(out, " by %s", r->by);
}

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Whether an axis is logarithmic. AUTO: all values are above 0, and the largest is more than 20
 * times the median. The base's values, 0 in any measure of change, are no objection. */
static wane_status choose_scale(bool *log, const wane_curves *c, wane_curves_scale wish, bool up,
                                wane_error *err)
{
    *log = wish == WANE_CURVES_LOG;
    if (wish != WANE_CURVES_AUTO || (!up && c->kind != WANE_CURVES_SCATTER)) return WANE_OK;
    double *value = wane_alloc(c->points, sizeof *value);
    if (!value) return wane_fail_memory(err, "curves", "scale");
    size_t count = 0;
    bool positive = true;
    for (size_t i = 0; i < c->points; i++) {
        if (c->kind == WANE_CURVES_STAGES && c->point[i].stage == 0) continue;
        value[count] = up ? c->point[i].y : c->point[i].x;
        positive = positive && value[count++] > 0;
    }
    qsort(value, count, sizeof *value, rising);
    *log = count > 0 && positive && value[count - 1] > 20 * value[count / 2];
    wane_free(value);
    return WANE_OK;
}

/* Logarithmic axes cannot show what is at or below 0: it becomes a gap, counted in *hidden unless
 * it is the base, whose change is 0 by definition. Stages begin with the first that has a value. */
static void hide(wane_chart *chart, size_t *hidden, const wane_curves *c, double *x, double *y)
{
    bool stages = c->kind == WANE_CURVES_STAGES;
    size_t first = c->stages;
    *hidden = 0;
    for (size_t i = 0; i < c->points; i++) {
        bool gone = (chart->log_x && x[i] <= 0) || (chart->log_y && y[i] <= 0);
        if (gone) y[i] = NAN;
        else if (c->point[i].stage < first) first = c->point[i].stage;
        *hidden += gone && !(stages && c->point[i].stage == 0);
    }
    if (!stages || first == c->stages) return;
    chart->x_names += first;
    chart->x_name_count -= first;
    for (size_t i = 0; i < c->points; i++) {
        x[i] -= (double)first;
        if (x[i] < 0) y[i] = NAN;
    }
}

/* A bare number says what it is: "rank 16". */
static const char *label_of(const wane_curves *c, size_t group, wane_arena *arena)
{
    double number = 0;
    if (!wane_parse_double(&number, c->group[group])) return c->group[group];
    wane_text text = {0};
    wane_text_printf(&text, "%s %s", c->request.by, c->group[group]);
    const char *copy = text.failed ? NULL : wane_arena_strdup(arena, text.data);
    wane_text_free(&text);
    return copy;
}

/* The null of each series beside it. */
static wane_status add_nulls(wane_series *series, size_t *made, const wane_curves *c,
                             const double *x, bool log, wane_arena *arena, wane_error *err)
{
    const size_t lines = *made;
    double *block = wane_arena_alloc(arena, 3 * c->points, sizeof *block);
    if (!block) return wane_fail_memory(err, "curves", "chart");
    double *mean = block, *low = mean + c->points, *high = low + c->points;
    for (size_t i = 0; i < c->points; i++) {
        bool drawn = !log || c->point[i].null.mean > 0;
        mean[i] = drawn ? c->point[i].null.mean : (double)NAN;
        low[i] = c->point[i].null.low;
        high[i] = c->point[i].null.high;
    }
    for (size_t s = 0; s < lines; s++) {
        size_t at = (size_t)(series[s].x - x);
        series[(*made)++] = (wane_series){.x = x + at,
                                          .y = mean + at,
                                          .low = low + at,
                                          .high = high + at,
                                          .count = series[s].count,
                                          .beside = s + 1};
    }
    return WANE_OK;
}

/* What guessing gives, over the stages that the chart has. */
static wane_status add_guesses(wane_chart *chart, wane_series *series, const wane_curves *c,
                               wane_arena *arena, wane_error *err)
{
    size_t first = (size_t)(chart->x_names - c->stage_name), shown = c->stages - first;
    wane_status st = WANE_OK;
    wane_text label = {0};
    double *place = wane_arena_alloc(arena, shown, sizeof *place);
    size_t *group = wane_arena_alloc(arena, c->groups, sizeof *group);
    if (!place || !group) return wane_fail_memory(err, "curves", "chart");
    size_t lines = wane_curves_guesses(group, c);
    for (size_t i = 0; i < shown; i++) place[i] = (double)i;
    for (size_t k = 0; k < lines; k++) {
        wane_text_clear(&label);
        wane_curves_guess_label(&label, c, group[k], lines > 1);
        WANE_TRY(wane_text_check(&label, "curves", "chart", err));
        const char *kept = wane_arena_strdup(arena, label.data);
        if (!kept) WANE_TRY(wane_fail_memory(err, "curves", "chart"));
        series[chart->series_count++] = (wane_series){.label = kept,
                                                      .x = place,
                                                      .y = c->guess + group[k] * c->stages + first,
                                                      .count = shown,
                                                      .baseline = true};
    }
done:
    wane_text_free(&label);
    return st;
}

/* The columns of all points as arrays of one arena; a series is a part of them. */
static wane_status make_series(wane_chart *chart, size_t *hidden, const wane_curves *c,
                               wane_arena *arena, wane_error *err)
{
    double *x = wane_arena_alloc(arena, c->points, sizeof *x);
    double *y = wane_arena_alloc(arena, c->points, sizeof *y);
    double *low = wane_arena_alloc(arena, c->points, sizeof *low);
    double *high = wane_arena_alloc(arena, c->points, sizeof *high);
    bool *hollow = wane_arena_alloc(arena, c->points, sizeof *hollow);
    wane_series *series = wane_arena_alloc(arena, 2 * c->groups, sizeof *series);
    if (!x || !y || !low || !high || !hollow || !series)
        return wane_fail_memory(err, "curves", "chart");
    size_t made = 0;
    wane_status st = WANE_OK;
    for (size_t i = 0; i < c->points; i++) {
        const wane_curves_point *p = &c->point[i];
        if (i == 0 || p->group != p[-1].group) {
            const char *label = label_of(c, p->group, arena);
            if (!label) return wane_fail_memory(err, "curves", "chart");
            series[made++] =
                (wane_series){.label = label, .x = x + i, .y = y + i, .hollow = hollow + i};
        }
        wane_series *s = &series[made - 1];
        s->count++;
        x[i] = p->x;
        y[i] = p->y;
        hollow[i] = p->collapsed > 0;
        low[i] = p->n > 1 ? p->low : p->y;
        high[i] = p->n > 1 ? p->high : p->y;
        if (c->kind == WANE_CURVES_SCATTER || p->n < 2) continue;
        s->low = low + (s->x - x);
        s->high = high + (s->x - x);
    }
    hide(chart, hidden, c, x, y);
    if (c->nulls && c->kind != WANE_CURVES_SCATTER)
        WANE_TRY(add_nulls(series, &made, c, x, chart->log_y, arena, err));
    chart->series = series;
    chart->series_count = made;
    if (c->guess) WANE_TRY(add_guesses(chart, series, c, arena, err));
done:
    return st;
}

wane_status wane_curves_draw(wane_text *out, const wane_curves *c, wane_error *err)
{
    wane_status st = WANE_OK;
    size_t hidden = 0;
    wane_text title = {0}, subtitle = {0}, up = {0}, right = {0};
    bool stages = c->kind == WANE_CURVES_STAGES;
    wane_chart chart = {
        .x_names = stages ? c->stage_name : NULL,
        .x_name_count = stages ? c->stages : 0,
        .hollow = c->kind == WANE_CURVES_SCATTER || c->point[0].run ? WANE_REPORT_COLLAPSED
                                                                    : WANE_REPORT_SOME_COLLAPSED,
        .marks = c->kind == WANE_CURVES_SCATTER ? WANE_MARKS_POINTS : WANE_MARKS_LINES};
    wane_arena *arena = wane_arena_new();
    if (!arena) {
        st = wane_fail_memory(err, "curves", "chart");
        goto done;
    }
    WANE_TRY(choose_scale(&chart.log_x, c, c->request.x_scale, false, err));
    WANE_TRY(choose_scale(&chart.log_y, c, c->request.y_scale, true, err));
    WANE_TRY(make_series(&chart, &hidden, c, arena, err));
    write_name(&up, &c->request);
    write_unit(&up, c->request.metric);
    wane_text_string(&right, c->request.x ? c->request.x : "stage");
    if (c->request.x) write_unit(&right, c->request.x);
    write_title(&title, c);
    write_subtitle(&subtitle, c, chart.log_x || chart.log_y, hidden);
    wane_text *const texts[] = {&up, &right, &title, &subtitle};
    for (size_t i = 0; i < 4; i++) WANE_TRY(wane_text_check(texts[i], "curves", "chart", err));
    chart.title = title.data;
    chart.subtitle = subtitle.data;
    chart.x_label = right.data;
    chart.y_label = up.data;
    WANE_TRY(wane_chart_svg(out, &chart, err));
done:
    wane_text_free(&up);
    wane_text_free(&right);
    wane_text_free(&title);
    wane_text_free(&subtitle);
    wane_arena_free(arena);
    return st;
}
