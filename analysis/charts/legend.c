/* SPDX-License-Identifier: Apache-2.0
 * Where labels of series go: beside the ends of their lines, moved apart by an isotonic regression,
 * or below the plot in columns.
 */
#include <math.h>
#include <stdlib.h>

#include "analysis/charts/plot.h"

enum { MOST_DIRECT = 24 };

/* Labels beside the plot may take this much; longer ones are wrapped. */
static const double direct_width = 170, swatch = 16, leader = 22;

/* Wraps the labels and chooses where they go. */
void wane_legend_prepare(wane_plot *p)
{
    const wane_chart *c = p->chart;
    p->direct = c->marks == WANE_MARKS_LINES && wane_plot_labelled(c) <= MOST_DIRECT;
    double most = p->direct ? direct_width : WANE_CHART_WIDTH - 2 * wane_pad - swatch;
    for (size_t i = 0; i < wane_plot_labelled(c); i++) {
        wane_plot_label *l = &p->labels[i];
        const char *label = c->series[i].label ? c->series[i].label : "";
        l->series = i;
        l->empty = true;
        for (size_t k = 0; k < c->series[i].count; k++)
            if (wane_plot_has(&c->series[i], k)) l->empty = false;
        wane_text words = {0};
        wane_text_printf(&words, "%s%s", label, l->empty ? " (no data)" : "");
        if (words.failed) p->drawing->failed = true;
        l->line_count =
            wane_words_wrap(p->drawing, words.failed ? "" : words.data, wane_font, most, &l->lines);
        wane_text_free(&words);
        for (size_t k = 0; k < l->line_count; k++)
            p->label_width = fmax(p->label_width, wane_words_width(l->lines[k], wane_font));
    }
}

static const double inside = 13.5; /* from line to line inside a label */

static double label_height(const wane_plot_label *l)
{
    return wane_line + inside * (double)(l->line_count - 1) + (l->line_count > 1 ? 3 : 0);
}

double wane_legend_height(const wane_plot *p)
{
    double height = 0;
    if (p->direct && p->label_width > 0)
        for (size_t i = 0; i < wane_plot_labelled(p->chart); i++)
            height += label_height(&p->labels[i]);
    return height;
}

static int by_wanted(const void *a, const void *b)
{
    const wane_plot_label *x = a, *y = b;
    if (x->wanted != y->wanted) return x->wanted < y->wanted ? -1 : 1;
    return (x->series > y->series) - (x->series < y->series);
}

/* Moves labels as little as possible (least squares) so that none overlaps: with the height of the
 * labels above taken out, their places must rise, which is an isotonic regression by pooling. */
static void spread(wane_plot *p)
{
    size_t n = wane_plot_labelled(p->chart), pools = 0;
    struct pool {
        double sum;
        size_t count;
    } *pool = wane_alloc(n, sizeof *pool);
    if (!pool) {
        p->drawing->failed = true;
        return;
    }
    double above = 0;
    for (size_t i = 0; i < n; i++) {
        double height = label_height(&p->labels[i]);
        pool[pools].sum = p->labels[i].wanted - height / 2 - above;
        pool[pools++].count = 1;
        above += height;
        while (pools > 1 && pool[pools - 2].sum / (double)pool[pools - 2].count >
                                pool[pools - 1].sum / (double)pool[pools - 1].count) {
            pools--;
            pool[pools - 1].sum += pool[pools].sum;
            pool[pools - 1].count += pool[pools].count;
        }
    }
    double highest = p->top - wane_line / 2, lowest = p->bottom + wane_line / 2 - above;
    above = 0;
    for (size_t k = 0, i = 0; k < pools; k++) {
        double place = fmax(highest, fmin(lowest, pool[k].sum / (double)pool[k].count));
        for (size_t j = 0; j < pool[k].count; j++, i++) {
            double height = label_height(&p->labels[i]);
            p->labels[i].y = place + above + height / 2;
            above += height;
        }
    }
    wane_free(pool);
}

static void draw_label(const wane_plot *p, const wane_plot_label *l, double x, double y)
{
    wane_ink ink = wane_ink_of(l->empty ? WANE_INK_MUTED : WANE_INK_TEXT);
    double first = y - inside * (double)(l->line_count - 1) / 2 + wane_font * 0.36;
    for (size_t k = 0; k < l->line_count; k++)
        wane_draw_words(p->drawing, x, first + inside * (double)k, l->lines[k], wane_font,
                        WANE_ANCHOR_START, ink);
}

void wane_legend_direct(wane_plot *p)
{
    const wane_chart *c = p->chart;
    if (p->label_width == 0) return;
    const size_t count = wane_plot_labelled(c);
    for (size_t i = 0; i < count; i++) {
        wane_plot_label *l = &p->labels[i];
        const wane_series *s = &c->series[i];
        l->wanted = p->bottom;
        for (size_t k = 0; k < s->count; k++)
            if (wane_plot_has(s, k)) {
                l->end = wane_plot_place(p, s->x[k], s->y[k]);
                l->wanted = l->end.y;
            }
    }
    qsort(p->labels, count, sizeof *p->labels, by_wanted);
    spread(p);
    for (size_t i = 0; i < count; i++) {
        const wane_plot_label *l = &p->labels[i];
        wane_series_style style = wane_plot_style(c, l->series);
        wane_ink ink = style.ink;
        double x = p->right + leader;
        if (!l->empty) {
            const wane_spot way[] = {
                {l->end.x + 4, l->end.y}, {p->right + 2, l->end.y}, {x - 4, l->y}};
            /* A line that ends early is continued as dots, not as data. */
            bool early = l->end.x < p->right - 20;
            size_t from = l->end.x + 4 > p->right + 2;
            wane_draw_polyline(p->drawing, way + from, 3 - from, ink, 0.8,
                               early ? WANE_DOTTED : WANE_SOLID);
            if (style.marked) wane_draw_mark(p->drawing, x, l->y, style.shape, 3, ink);
            else wane_draw_line(p->drawing, x - 4, l->y, x + 4, l->y, ink, 1.4);
        }
        draw_label(p, l, x + 8, l->y);
    }
}

double wane_legend_below(const wane_plot *p, double y)
{
    size_t n = wane_plot_labelled(p->chart);
    if (p->label_width == 0) return y;
    double width = WANE_CHART_WIDTH - 2 * wane_pad, column = p->label_width + swatch + 18;
    size_t columns = (size_t)fmax(1, floor((width + 18) / column));
    /* Full rows, then an even share for each column. */
    size_t rows = (n + columns - 1) / columns;
    columns = (n + rows - 1) / rows;
    y += 10;
    for (size_t row = 0; row < rows; row++) {
        double height = 0;
        for (size_t k = 0; k < columns; k++)
            if (row + k * rows < n) height = fmax(height, label_height(&p->labels[row + k * rows]));
        for (size_t k = 0; k < columns; k++) {
            if (row + k * rows >= n) continue;
            const wane_plot_label *l = &p->labels[row + k * rows];
            double x = wane_pad + (double)k * column, middle = y + height / 2;
            wane_series_style style = wane_plot_style(p->chart, l->series);
            if (p->chart->marks == WANE_MARKS_LINES || !style.marked) {
                const wane_spot ends[] = {{x - 2, middle}, {x + 12, middle}};
                wane_draw_polyline(p->drawing, ends, 2, style.ink, 1.8, style.dash);
            }
            if (style.marked)
                wane_draw_mark(p->drawing, x + 5, middle, style.shape,
                               p->chart->marks == WANE_MARKS_LINES ? 3 : 3.8, style.ink);
            draw_label(p, l, x + swatch, middle);
        }
        y += height + 2;
    }
    return y;
}

double wane_legend_hollow(const wane_plot *p, double y)
{
    const wane_chart *c = p->chart;
    bool some = false;
    for (size_t i = 0; i < c->series_count; i++)
        for (size_t k = 0; k < c->series[i].count; k++)
            some = some || wane_plot_hollow(&c->series[i], k);
    if (!some || !c->hollow) return y;
    y += 6;
    wane_draw_outline(p->drawing, wane_pad + 5, y + 10.6, 0, 3.4, wane_ink_of(WANE_INK_TEXT));
    return wane_frame_lines(p->drawing, c->hollow, wane_pad + swatch, y,
                            WANE_CHART_WIDTH - 2 * wane_pad - swatch, wane_font, WANE_ANCHOR_START,
                            wane_ink_of(WANE_INK_TEXT), false);
}
