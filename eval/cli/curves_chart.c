/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "analysis/charts/chart.h"
#include "eval/cli/curves.h"
#include "store/files/file.h"

static void write_name(wane_text *out, const wane_curves_request *r)
{
    wane_text_string(out, r->metric);
    if (r->task) wane_text_printf(out, " of %s", r->task);
    if (r->corpus) wane_text_printf(out, " of %s", r->corpus);
}

static void write_subtitle(wane_text *out, const wane_curves *c)
{
    size_t least = c->point[0].n, most = least;
    for (size_t i = 0; i < c->points; i++) {
        if (c->point[i].n < least) least = c->point[i].n;
        if (c->point[i].n > most) most = c->point[i].n;
    }
    if (c->request.x) {
        wane_text_printf(out, "one point per run and trained stage, n = %zu", c->points);
    } else if (most == 1) {
        wane_text_string(out, "one run each (n = 1), so no bands");
    } else {
        wane_text_printf(out, "mean over runs (orders and seeds), band: %s, n = %zu",
                         c->request.interval ? "95% t interval of the mean" : "mean \xc2\xb1 1 sd",
                         least);
        if (most != least) wane_text_printf(out, " to %zu", most);
    }
    if (c->request.experiment) wane_text_printf(out, "; %s", c->request.experiment);
}

/* The columns of all points as arrays of one arena; a series is a part of them. */
static wane_status make_series(wane_series **out, size_t *count, const wane_curves *c,
                               wane_arena *arena, wane_error *err)
{
    double *x = wane_arena_alloc(arena, c->points, sizeof *x);
    double *y = wane_arena_alloc(arena, c->points, sizeof *y);
    double *low = wane_arena_alloc(arena, c->points, sizeof *low);
    double *high = wane_arena_alloc(arena, c->points, sizeof *high);
    wane_series *series = wane_arena_alloc(arena, c->groups, sizeof *series);
    if (!x || !y || !low || !high || !series) return wane_fail_memory(err, "curves", "chart");
    size_t made = 0;
    for (size_t i = 0; i < c->points; i++) {
        const wane_curves_point *p = &c->point[i];
        if (i == 0 || p->group != p[-1].group)
            series[made++] = (wane_series){.label = c->group[p->group], .x = x + i, .y = y + i};
        wane_series *s = &series[made - 1];
        s->count++;
        x[i] = p->x;
        y[i] = p->y;
        low[i] = p->n > 1 ? p->low : p->y;
        high[i] = p->n > 1 ? p->high : p->y;
        if (c->request.x || p->n < 2) continue;
        s->low = low + (s->x - x);
        s->high = high + (s->x - x);
    }
    *out = series;
    *count = made;
    return WANE_OK;
}

wane_status wane_curves_draw(wane_text *out, const wane_curves *c, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_series *series = NULL;
    wane_text title = {0}, subtitle = {0}, label = {0};
    wane_chart chart = {.x_label = c->request.x ? c->request.x : "stage",
                        .x_names = c->request.x ? NULL : c->stage_name,
                        .x_name_count = c->request.x ? 0 : c->stages,
                        .marks = c->request.x ? WANE_MARKS_POINTS : WANE_MARKS_LINES};
    wane_arena *arena = wane_arena_new();
    if (!arena) {
        st = wane_fail_memory(err, "curves", "chart");
        goto done;
    }
    WANE_TRY(make_series(&series, &chart.series_count, c, arena, err));
    write_name(&label, &c->request);
    write_name(&title, &c->request);
    wane_text_printf(&title, " %s %s by %s", c->request.x ? "against" : "over",
                     c->request.x ? c->request.x : "stages", c->request.by);
    write_subtitle(&subtitle, c);
    WANE_TRY(wane_text_check(&label, "curves", "chart", err));
    WANE_TRY(wane_text_check(&title, "curves", "chart", err));
    WANE_TRY(wane_text_check(&subtitle, "curves", "chart", err));
    chart.series = series;
    chart.title = title.data;
    chart.subtitle = subtitle.data;
    chart.y_label = label.data;
    WANE_TRY(wane_chart_svg(out, &chart, err));
done:
    wane_text_free(&label);
    wane_text_free(&title);
    wane_text_free(&subtitle);
    wane_arena_free(arena);
    return st;
}

wane_status wane_curves_svg(wane_results *db, const char *experiment, const char *metric,
                            const char *x, const char *path, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_text text = {0};
    wane_curves *curves = NULL;
    const wane_curves_request request = {
        .experiment = experiment, .metric = metric, .by = "method", .x = x};
    WANE_TRY(wane_curves_read(&curves, db, &request, err));
    WANE_TRY(wane_curves_draw(&text, curves, err));
    WANE_TRY(wane_file_write(path, text.data, text.length, err));
done:
    wane_curves_free(curves);
    wane_text_free(&text);
    return st;
}
