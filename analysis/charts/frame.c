/* SPDX-License-Identifier: Apache-2.0
 * What stands around the data: headings, grid, ticks, and the names along an axis, level, turned or
 * thinned out as there is room.
 */
#include <math.h>

#include "analysis/charts/plot.h"

/* Names that do not fit side by side are turned by 35 degrees; longer ones than this are wrapped,
 * or lose their middle where there is no room for a second line. */
static const double turn = 35, sine = 0.573576436351046, cosine = 0.819152044288992,
                    turned_width = 150;

double wane_frame_lines(wane_drawing *d, const char *words, double x, double y, double width,
                        double size, wane_anchor anchor, wane_ink ink, bool bold)
{
    if (!words || !*words) return y;
    const char **lines;
    size_t count = wane_words_wrap(d, words, bold ? size * 1.16 : size, width, &lines);
    for (size_t i = 0; i < count; i++) {
        y += ceil(size * 1.25);
        wane_draw_words(d, x, y, lines[i], size, anchor, ink);
        wane_primitive *last = wane_drawing_last(d);
        if (last) last->bold = bold;
    }
    return y;
}

double wane_frame_heading(wane_drawing *d, const char *title, const char *subtitle, double y,
                          double width)
{
    double room = width - 2 * wane_pad;
    y = wane_frame_lines(d, title, wane_pad, y, room, 15, WANE_ANCHOR_START,
                         wane_ink_of(WANE_INK_TEXT), true);
    if (subtitle && *subtitle) y += 2;
    return wane_frame_lines(d, subtitle, wane_pad, y, room, wane_font, WANE_ANCHOR_START,
                            wane_ink_of(WANE_INK_MUTED), false);
}

void wane_frame_grid(const wane_plot *p)
{
    wane_drawing *d = p->drawing;
    for (size_t i = 0; i < p->y.count; i++) {
        const wane_tick *tick = &p->y.ticks[i];
        double y = wane_plot_place(p, p->x.low, tick->value).y;
        bool zero = !p->y.log && tick->value == 0;
        wane_draw_line(d, p->left, y, p->right, y,
                       wane_ink_of(zero ? WANE_INK_AXIS : WANE_INK_GRID), 1);
        wane_draw_words(d, p->left - 8, y + wane_font * 0.36, tick->label, wane_font,
                        WANE_ANCHOR_END, wane_ink_of(WANE_INK_MUTED));
    }
    wane_draw_line(d, p->left, p->bottom, p->right, p->bottom, wane_ink_of(WANE_INK_AXIS), 1);
}

static double name_width(const char *name)
{
    return wane_words_width(name ? name : "", wane_font);
}

static bool level(const char *const *names, size_t count, double room)
{
    for (size_t i = 0; i + 1 < count; i++)
        if ((name_width(names[i]) + name_width(names[i + 1])) / 2 + 6 > room) return false;
    return count > 1 || name_width(names[0]) <= room;
}

/* Lines of a turned name whose neighbours are `room` away. */
static size_t turned_lines(wane_drawing *d, const char *name, double room, const char ***lines)
{
    size_t most = (size_t)fmax(1, floor(room * sine / wane_line));
    return wane_words_fit(d, name, wane_font, turned_width, most, lines);
}

static void turned_name(wane_drawing *d, const char **lines, size_t count, double x, double y,
                        bool upward)
{
    for (size_t i = 0; i < count; i++) {
        /* Lines are stacked across the writing direction; the name as a whole ends (or begins)
         * at the tick. */
        double shift = wane_line * (upward ? (double)i - (double)(count - 1) : (double)i);
        double across = shift + (upward ? 0 : wane_font * 0.7);
        wane_draw_words(d, x + across * sine, y + across * cosine, lines[i], wane_font,
                        upward ? WANE_ANCHOR_START : WANE_ANCHOR_END, wane_ink_of(WANE_INK_MUTED));
        wane_primitive *last = wane_drawing_last(d);
        if (last) last->angle = -turn;
    }
}

wane_extent wane_frame_names(wane_drawing *d, const char *const *names, const double *x,
                             size_t count, double y, double room, bool upward, bool draw)
{
    bool flat = level(names, count, room);
    wane_extent extent = {x[0], x[count - 1], flat ? wane_line : 0};
    /* Where even turned names would touch, every second, third, ... is left out. */
    size_t stride = flat ? 1 : (size_t)fmax(1, ceil(wane_line / (room * sine)));
    for (size_t i = 0; i < count; i += stride) {
        if (flat) {
            double half = name_width(names[i]) / 2;
            extent.left = fmin(extent.left, x[i] - half);
            extent.right = fmax(extent.right, x[i] + half);
            if (draw)
                wane_draw_words(d, x[i], upward ? y - 4 : y + wane_font, names[i], wane_font,
                                WANE_ANCHOR_MIDDLE, wane_ink_of(WANE_INK_MUTED));
            continue;
        }
        const char **lines;
        size_t line_count = turned_lines(d, names[i], room * (double)stride, &lines);
        double width = 0, across = wane_line * (double)line_count;
        for (size_t k = 0; k < line_count; k++) width = fmax(width, name_width(lines[k]));
        extent.height = fmax(extent.height, width * sine + across * cosine + 2);
        if (upward) extent.right = fmax(extent.right, x[i] + width * cosine + 4);
        else extent.left = fmin(extent.left, x[i] - width * cosine);
        if (draw) turned_name(d, lines, line_count, x[i], upward ? y - 5 : y, upward);
    }
    return extent;
}

/* Places of the named ticks; NULL when memory is out. */
static double *name_places(const wane_plot *p)
{
    double *x = wane_alloc(p->chart->x_name_count, sizeof *x);
    if (!x) p->drawing->failed = true;
    for (size_t i = 0; x && i < p->chart->x_name_count; i++)
        x[i] = wane_plot_place(p, (double)i, p->y.low).x;
    return x;
}

static double name_room(const wane_plot *p)
{
    return (p->right - p->left) / (p->x.high - p->x.low);
}

wane_extent wane_frame_x_extent(const wane_plot *p)
{
    wane_extent extent = {p->left, p->right, 0};
    if (p->chart->x_name_count > 0) {
        double *x = name_places(p);
        if (x)
            extent = wane_frame_names(p->drawing, p->chart->x_names, x, p->chart->x_name_count, 0,
                                      name_room(p), false, false);
        wane_free(x);
        return extent;
    }
    for (size_t i = 0; i < p->x.count; i++) {
        double at = wane_plot_place(p, p->x.ticks[i].value, p->y.low).x;
        double half = name_width(p->x.ticks[i].label) / 2;
        extent.left = fmin(extent.left, at - half);
        extent.right = fmax(extent.right, at + half);
    }
    return extent;
}

static double x_ticks(const wane_plot *p, double y)
{
    for (size_t i = 0; i < p->x.count; i++) {
        double x = wane_plot_place(p, p->x.ticks[i].value, p->y.low).x;
        wane_draw_line(p->drawing, x, p->bottom, x, p->bottom + 4, wane_ink_of(WANE_INK_AXIS), 1);
        wane_draw_words(p->drawing, x, y + wane_font, p->x.ticks[i].label, wane_font,
                        WANE_ANCHOR_MIDDLE, wane_ink_of(WANE_INK_MUTED));
    }
    return y + wane_line;
}

static double x_names(const wane_plot *p, double y)
{
    const wane_chart *c = p->chart;
    double *x = name_places(p);
    if (!x) return y;
    for (size_t i = 0; i < c->x_name_count; i++)
        wane_draw_line(p->drawing, x[i], p->bottom, x[i], p->bottom + 4, wane_ink_of(WANE_INK_AXIS),
                       1);
    y += wane_frame_names(p->drawing, c->x_names, x, c->x_name_count, y, name_room(p), false, true)
             .height;
    wane_free(x);
    return y;
}

double wane_frame_x_axis(const wane_plot *p)
{
    double y = p->bottom + 5;
    y = p->chart->x_name_count > 0 ? x_names(p, y) : x_ticks(p, y);
    if (!p->chart->x_label && p->x.exponent == 0) return y;
    char power[WANE_TICK_BYTES];
    wane_text words = {0};
    wane_text_string(&words, p->chart->x_label ? p->chart->x_label : "");
    if (p->x.exponent != 0) {
        wane_power_label(power, p->x.exponent);
        wane_text_printf(&words, " (\xc3\x97%s)", power);
    }
    if (words.failed) p->drawing->failed = true;
    double middle = (p->left + p->right) / 2;
    double half = fmin(middle, WANE_CHART_WIDTH - middle) - wane_pad;
    y = wane_frame_lines(p->drawing, words.data, middle, y + 2, 2 * half, wane_font,
                         WANE_ANCHOR_MIDDLE, wane_ink_of(WANE_INK_TEXT), false);
    wane_text_free(&words);
    return y;
}
