/* SPDX-License-Identifier: Apache-2.0
 * Draws the data of a plot: bands, lines, error bars, and marks that shrink or go where there are
 * many.
 */
#include <math.h>

#include "analysis/charts/plot.h"

/* Lines of more points than this carry no marks, but for points without a neighbour. */
enum { MARKED_POINTS = 40 };

/* Clouds of more points than this are drawn smaller. */
enum { MANY_POINTS = 100 };

/* In full, or as an outline; radius in points. */
static void mark(const wane_plot *p, const wane_series *s, size_t i, wane_spot at,
                 wane_series_style style, double radius)
{
    if (wane_plot_hollow(s, i))
        wane_draw_outline(p->drawing, at.x, at.y, style.shape, radius, style.ink);
    else wane_draw_mark(p->drawing, at.x, at.y, style.shape, radius, style.ink);
}

static bool has_band(const wane_series *s, size_t i)
{
    return wane_plot_has(s, i) && s->low && s->high && isfinite(s->low[i]) && isfinite(s->high[i]);
}

/* One polygon for each stretch without a gap: there along the upper border, back along the lower.
 */
static void band(const wane_plot *p, size_t series, wane_spot *room)
{
    const wane_series *s = &p->chart->series[series];
    double opacity = wane_plot_labelled(p->chart) > 6 ? 0.1 : 0.16;
    if (s->beside) opacity /= 2;
    for (size_t i = 0, end; i < s->count; i = end) {
        for (end = i; end < s->count && has_band(s, end);) end++;
        size_t n = end - i;
        for (size_t k = 0; k < n; k++) {
            room[k] = wane_plot_place(p, s->x[i + k], s->high[i + k]);
            room[2 * n - 1 - k] = wane_plot_place(p, s->x[i + k], s->low[i + k]);
        }
        wane_ink ink = wane_plot_style(p->chart, series).ink;
        if (n > 1) wane_draw_area(p->drawing, room, 2 * n, ink, opacity);
        if (n == 1) wane_draw_line(p->drawing, room[0].x, room[0].y, room[1].x, room[1].y, ink, 1);
        if (n == 0) end++;
    }
}

static void line(const wane_plot *p, size_t series, wane_spot *room)
{
    const wane_series *s = &p->chart->series[series];
    wane_series_style style = wane_plot_style(p->chart, series);
    for (size_t i = 0, end; i < s->count; i = end) {
        for (end = i; end < s->count && wane_plot_has(s, end);) end++;
        size_t n = end - i;
        for (size_t k = 0; k < n; k++) room[k] = wane_plot_place(p, s->x[i + k], s->y[i + k]);
        if (n > 1)
            wane_draw_polyline(p->drawing, room, n, style.ink, style.marked ? 1.8 : 1.4,
                               style.dash);
        bool marked = (style.marked && s->count <= MARKED_POINTS) || n == 1;
        for (size_t k = 0; k < n; k++)
            if (marked || wane_plot_hollow(s, i + k)) mark(p, s, i + k, room[k], style, 3);
        if (n == 0) end++;
    }
}

/* Error bars of one point, up and down and to both sides. */
static void bars(const wane_plot *p, size_t series, size_t i)
{
    const wane_series *s = &p->chart->series[series];
    wane_ink ink = wane_plot_style(p->chart, series).ink;
    if (has_band(s, i)) {
        wane_spot low = wane_plot_place(p, s->x[i], s->low[i]);
        wane_spot high = wane_plot_place(p, s->x[i], s->high[i]);
        wane_draw_line(p->drawing, low.x, low.y, high.x, high.y, ink, 1);
    }
    const wane_bars *ends = p->chart->bars ? &p->chart->bars[series] : NULL;
    if (ends && wane_plot_has(s, i) && ends->left && ends->right && isfinite(ends->left[i]) &&
        isfinite(ends->right[i])) {
        wane_spot left = wane_plot_place(p, ends->left[i], s->y[i]);
        wane_spot right = wane_plot_place(p, ends->right[i], s->y[i]);
        wane_draw_line(p->drawing, left.x, left.y, right.x, right.y, ink, 1);
    }
}

static void cloud(const wane_plot *p, size_t series, double radius)
{
    const wane_series *s = &p->chart->series[series];
    wane_series_style style = wane_plot_style(p->chart, series);
    for (size_t i = 0; i < s->count; i++) {
        if (!wane_plot_has(s, i)) continue;
        wane_spot at = wane_plot_place(p, s->x[i], s->y[i]);
        bars(p, series, i);
        mark(p, s, i, at, style, radius);
    }
}

void wane_plot_marks(const wane_plot *p)
{
    const wane_chart *c = p->chart;
    size_t longest = 0, points = 0;
    for (size_t i = 0; i < c->series_count; i++) {
        if (c->series[i].count > longest) longest = c->series[i].count;
        points += c->series[i].count;
    }
    wane_spot *room = wane_alloc(longest, 2 * sizeof *room);
    if (!room) {
        p->drawing->failed = true;
        return;
    }
    if (c->marks == WANE_MARKS_POINTS) {
        for (size_t i = 0; i < c->series_count; i++) {
            if (c->series[i].baseline) line(p, i, room);
            else cloud(p, i, points > MANY_POINTS ? 3 : 3.8);
        }
    } else {
        for (size_t i = 0; i < c->series_count && !c->bars; i++) band(p, i, room);
        for (size_t i = 0; i < c->series_count && c->bars; i++)
            for (size_t k = 0; k < c->series[i].count; k++) bars(p, i, k);
        for (size_t i = 0; i < c->series_count; i++) line(p, i, room);
    }
    wane_free(room);
}
