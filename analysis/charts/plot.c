/* SPDX-License-Identifier: Apache-2.0
 * What every part of a plot asks: whether a point can be drawn, where it goes, and how its series
 * looks.
 */
#include "analysis/charts/plot.h"

#include <math.h>

bool wane_plot_has(const wane_series *s, size_t i)
{
    return isfinite(s->x[i]) && isfinite(s->y[i]);
}

bool wane_plot_hollow(const wane_series *s, size_t i)
{
    return s->hollow && s->hollow[i] && wane_plot_has(s, i);
}

wane_series_style wane_plot_style(const wane_chart *c, size_t series)
{
    if (c->series[series].baseline)
        return (wane_series_style){.ink = wane_ink_of(WANE_INK_MUTED), .dash = WANE_DASHED};
    if (c->series[series].beside) {
        wane_series_style style = wane_plot_style(c, c->series[series].beside - 1);
        return (wane_series_style){.ink = style.ink, .dash = WANE_DOTTED};
    }
    size_t number = 0;
    for (size_t i = 0; i < series; i++) number += !c->series[i].baseline;
    size_t round = number / WANE_SERIES_INKS;
    wane_ink_use use = (wane_ink_use)(WANE_INK_SERIES + (int)(number % WANE_SERIES_INKS));
    return (wane_series_style){.ink = wane_ink_of(use),
                               .dash = (wane_dash)(round % 3),
                               .shape = (number + round) % WANE_SHAPES,
                               .marked = true};
}

static double between(double value, double low, double high)
{
    return value < low ? low : value > high ? high : value;
}

/* Values outside the scales (a band's border on a log axis, infinities of doubles) go to the edge.
 */
wane_spot wane_plot_place(const wane_plot *p, double x, double y)
{
    double right = wane_scale_place(&p->x, between(x, p->x.low, p->x.high));
    double up = wane_scale_place(&p->y, between(y, p->y.low, p->y.high));
    return (wane_spot){p->left + right * (p->right - p->left),
                       p->bottom - up * (p->bottom - p->top)};
}

size_t wane_plot_labelled(const wane_chart *c)
{
    size_t count = 0;
    while (count < c->series_count && !c->series[count].beside) count++;
    return count;
}
