/* SPDX-License-Identifier: Apache-2.0
 * Lays one chart out: the ranges of its data and their scales, the sides that labels need, then
 * grid, marks, axes and legend in order.
 */
#include "analysis/charts/chart.h"

#include <math.h>

#include "analysis/charts/plot.h"

static const double plot_height = 280;

typedef struct range {
    double low, high;
} range;

static void extend(range *r, double value)
{
    if (!isfinite(value)) return;
    if (!(value >= r->low)) r->low = value;
    if (!(value <= r->high)) r->high = value;
}

static void extend_bars(range *x, const wane_bars *bars, size_t k, bool log)
{
    if (bars->left && (!log || bars->left[k] > 0)) extend(x, bars->left[k]);
    if (bars->right && (!log || bars->right[k] > 0)) extend(x, bars->right[k]);
}

static wane_status ranges(range *x, range *y, bool *whole, const wane_chart *c, wane_error *err)
{
    const char *title = c->title ? c->title : "untitled";
    *x = *y = (range){NAN, NAN};
    *whole = true;
    for (size_t i = 0; i < c->series_count; i++) {
        const wane_series *s = &c->series[i];
        for (size_t k = 0; k < s->count; k++) {
            if (!wane_plot_has(s, k)) continue;
            if ((c->log_y && s->y[k] <= 0) || (c->log_x && s->x[k] <= 0))
                return wane_fail(err, WANE_EINVAL,
                                 "chart: %s: series %s, point %zu: %g on a logarithmic axis", title,
                                 s->label ? s->label : "without a name", k,
                                 c->log_y && s->y[k] <= 0 ? s->y[k] : s->x[k]);
            extend(x, s->x[k]);
            extend(y, s->y[k]);
            *whole = *whole && s->x[k] == floor(s->x[k]);
            if (c->bars) extend_bars(x, &c->bars[i], k, c->log_x);
            if (!s->low || !s->high) continue;
            if (!c->log_y || s->low[k] > 0) extend(y, s->low[k]);
            if (!c->log_y || s->high[k] > 0) extend(y, s->high[k]);
        }
    }
    if (isnan(x->low)) return wane_fail(err, WANE_EINVAL, "chart: %s: no finite point", title);
    return WANE_OK;
}

/* As many ticks as there is room for their labels. */
static void fit_x(wane_plot *p, range x, bool whole)
{
    const wane_chart *c = p->chart;
    double room = c->marks == WANE_MARKS_LINES ? 0.02 : 0.04;
    if (c->x_name_count > 0 && !c->log_x) {
        extend(&x, 0);
        extend(&x, (double)(c->x_name_count - 1));
        if (x.low == x.high) x = (range){x.low - 1, x.high + 1};
    }
    for (size_t ticks = 7; ticks > 1; ticks--) {
        const wane_scale_wish wish = {.log = c->log_x,
                                      .whole = whole && !c->log_x,
                                      .room_low = room,
                                      .room_high = room,
                                      .ticks = ticks};
        double needed = 0;
        wane_scale_fit(&p->x, x.low, x.high, &wish);
        for (size_t i = 0; i < p->x.count; i++)
            needed += wane_words_width(p->x.ticks[i].label, wane_font) + 14;
        if (c->x_name_count > 0 || needed < p->right - p->left) break;
    }
}

static void fit_y(wane_plot *p, range y)
{
    const wane_chart *c = p->chart;
    wane_scale_wish up = {.log = c->log_y, .room_low = 0.06, .room_high = 0.06, .ticks = 6};
    if (!c->log_y && y.low >= 0 && y.low < 0.4 * y.high) {
        /* Near zero: start there, so that heights can be compared. */
        y.low = 0;
        up.room_low = 0;
    }
    wane_scale_fit(&p->y, y.low, y.high, &up);
}

static double y_label_bottom(const wane_plot *p, double y)
{
    char power[WANE_TICK_BYTES];
    wane_text words = {0};
    wane_text_string(&words, p->chart->y_label ? p->chart->y_label : "");
    if (p->y.exponent != 0) {
        wane_power_label(power, p->y.exponent);
        wane_text_printf(&words, " (\xc3\x97%s)", power);
    }
    if (words.failed) p->drawing->failed = true;
    y = wane_frame_lines(p->drawing, words.data, wane_pad, y + 6, WANE_CHART_WIDTH - 2 * wane_pad,
                         wane_font, WANE_ANCHOR_START, wane_ink_of(WANE_INK_TEXT), false);
    wane_text_free(&words);
    return y;
}

/* The x scale, and the sides of the plot: room for tick labels, the first and the last name, direct
 * labels. */
static void set_sides(wane_plot *p, range x, bool whole)
{
    double ticks = 0;
    for (size_t i = 0; i < p->y.count; i++)
        ticks = fmax(ticks, wane_words_width(p->y.ticks[i].label, wane_font));
    p->left = wane_pad + ticks + 8;
    p->right = WANE_CHART_WIDTH - wane_pad;
    if (p->direct && p->label_width > 0) p->right -= p->label_width + 30;
    fit_x(p, x, whole);
    /* The overhangs shrink as the plot does, so one step is enough. */
    wane_extent extent = wane_frame_x_extent(p);
    p->left += fmax(0, wane_pad - extent.left);
    p->right -= fmax(0, extent.right - (WANE_CHART_WIDTH - wane_pad));
}

static void draw_chart(wane_plot *p, range x, bool whole, double y)
{
    y = wane_frame_heading(p->drawing, p->chart->title, p->chart->subtitle, y, WANE_CHART_WIDTH);
    y = y_label_bottom(p, y);
    set_sides(p, x, whole);
    p->top = y + 12;
    p->bottom = p->top + fmax(plot_height, wane_legend_height(p) - wane_line);
    wane_frame_grid(p);
    wane_plot_marks(p);
    y = wane_frame_x_axis(p);
    if (p->direct) wane_legend_direct(p);
    else y = wane_legend_below(p, y);
    y = wane_legend_hollow(p, y);
    p->drawing->height = y + wane_pad;
}

/* Draws one chart from y = drawing->height on, and moves the height below it. */
static wane_status add_chart(wane_drawing *d, const wane_chart *chart, wane_error *err)
{
    range x, y;
    bool whole;
    wane_plot p = {.drawing = d, .chart = chart};
    wane_status st = ranges(&x, &y, &whole, chart, err);
    if (st != WANE_OK) return st;
    p.labels = wane_alloc(chart->series_count, sizeof *p.labels);
    if (!p.labels) return wane_fail_memory(err, "chart", "labels");
    fit_y(&p, y);
    wane_legend_prepare(&p);
    draw_chart(&p, x, whole, d->height + wane_pad / 2);
    wane_free(p.labels);
    return wane_drawing_check(d, err);
}

wane_status wane_charts_svg(wane_text *out, const wane_chart *charts, size_t count, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_drawing d = {.width = WANE_CHART_WIDTH};
    if (count == 0) return wane_fail(err, WANE_EINVAL, "chart: none given");
    d.title = wane_words_clean(&d, charts[0].title);
    d.description = wane_words_clean(&d, charts[0].subtitle);
    wane_draw_rectangle(&d, 0, 0, d.width, 0, wane_ink_of(WANE_INK_SURFACE));
    for (size_t i = 0; i < count; i++) WANE_TRY(add_chart(&d, &charts[i], err));
    if (d.count > 0) d.primitives[0].h = d.height;
    st = wane_drawing_svg(out, &d, err);
done:
    wane_drawing_free(&d);
    return st;
}

wane_status wane_chart_svg(wane_text *out, const wane_chart *chart, wane_error *err)
{
    return wane_charts_svg(out, chart, 1, err);
}
