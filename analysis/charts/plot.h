/* SPDX-License-Identifier: Apache-2.0
 * One chart being laid out: what chart.c, frame.c, marks.c and legend.c share. For this room alone.
 */
#ifndef ANALYSIS_CHARTS_PLOT_H
#define ANALYSIS_CHARTS_PLOT_H

#include "analysis/charts/chart.h"
#include "analysis/charts/drawing.h"
#include "analysis/charts/scale.h"

/* Sizes in points. */
static const double wane_pad = 14, wane_font = 12, wane_line = 15;

/* One label beside the plot or in the legend. */
typedef struct wane_plot_label {
    size_t series;
    const char **lines;
    size_t line_count;
    double wanted, y; /* centre: where the series ends, where the label goes */
    wane_spot end;    /* the last point */
    bool empty;       /* the series has no finite point */
} wane_plot_label;

typedef struct wane_plot {
    wane_drawing *drawing;
    const wane_chart *chart;
    wane_scale x, y;
    double left, right, top, bottom; /* of the area between the axes */
    bool direct;                     /* labels at the ends of the lines, not in a legend */
    wane_plot_label *labels;         /* one per series */
    double label_width;
} wane_plot;

static inline wane_ink wane_ink_of(wane_ink_use use)
{
    return (wane_ink){use, 0};
}

/* How a series is drawn: a second round of colours comes with other marks and dashes. */
typedef struct wane_series_style {
    wane_ink ink;
    wane_dash dash;
    size_t shape;
    bool marked;
} wane_series_style;
wane_series_style wane_plot_style(const wane_chart *chart, size_t series);

/* How many series have a label. */
size_t wane_plot_labelled(const wane_chart *chart);

/* Whether point i of a series can be drawn, and then whether as an outline. */
bool wane_plot_has(const wane_series *series, size_t i);
bool wane_plot_hollow(const wane_series *series, size_t i);
wane_spot wane_plot_place(const wane_plot *plot, double x, double y);

/* frame.c. Each draws from y downward and returns the y below. */
double wane_frame_heading(wane_drawing *d, const char *title, const char *subtitle, double y,
                          double width);
double wane_frame_lines(wane_drawing *d, const char *words, double x, double y, double width,
                        double size, wane_anchor anchor, wane_ink ink, bool bold);
void wane_frame_grid(const wane_plot *plot);
double wane_frame_x_axis(const wane_plot *plot);

/* What the labels of an axis cover: from left to right, and their height. */
typedef struct wane_extent {
    double left, right, height;
} wane_extent;
wane_extent wane_frame_x_extent(const wane_plot *plot);
/* `count` >= 1 names under (or, upward, above) the places x[i], which are `room` apart: level where
 * they fit, else turned. Draws when `draw`. */
wane_extent wane_frame_names(wane_drawing *d, const char *const *names, const double *x,
                             size_t count, double y, double room, bool upward, bool draw);

/* marks.c */
void wane_plot_marks(const wane_plot *plot);

/* legend.c */
void wane_legend_prepare(wane_plot *plot);
double wane_legend_height(const wane_plot *plot); /* that the labels beside the plot need */
void wane_legend_direct(wane_plot *plot);
double wane_legend_below(const wane_plot *plot, double y);
double wane_legend_hollow(const wane_plot *plot,
                          double y); /* the line that says what outlines are */

#endif
