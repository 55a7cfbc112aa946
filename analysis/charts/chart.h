/* SPDX-License-Identifier: Apache-2.0
 * Charts as SVG text: lines with bands, scatter, heat map. Colour-blind safe (Okabe-Ito), legible
 * in print, light and dark; the same data give the same bytes.
 */
#ifndef ANALYSIS_CHARTS_CHART_H
#define ANALYSIS_CHARTS_CHART_H

#include <stdbool.h>
#include <stddef.h>

#include "store/base/status.h"
#include "store/base/text.h"

enum { WANE_CHART_WIDTH = 640 };

/* One line or cloud of points. low and high: the band's borders (of points, and under the chart's
 * `bars`: an error bar), or NULL. NaN leaves a gap. x need not rise: a line goes through its points
 * as they come, so that a path (a frontier over lambda) is one series too. */
typedef struct wane_series {
    const char *label;
    const double *x, *y, *low, *high;
    size_t count;
    bool baseline; /* what the others are compared with: a line, also among points, grey, dashed, no
                      marks; takes no colour */
    size_t beside; /* 1 + the series that this one stands beside, in its colour: dotted, no marks
                      and no label; 0: none. Such series come behind all others */
    const bool *hollow; /* points drawn as an outline; NULL: none */
} wane_series;

/* Ends of error bars along x, per point of a series; NULL: none. NaN leaves one out. */
typedef struct wane_bars {
    const double *left, *right;
} wane_bars;

typedef enum wane_marks { WANE_MARKS_LINES, WANE_MARKS_POINTS } wane_marks;

typedef struct wane_chart {
    const char *title, *subtitle; /* subtitle: what bands are, n, source; may be NULL */
    const char *x_label, *y_label;
    const char *const *x_names; /* names for x = 0, 1, ... (stages), or NULL for numbers */
    size_t x_name_count;
    bool log_x, log_y;
    wane_marks marks;
    const wane_bars *bars; /* of each series, or NULL; with it, lines have error bars, not bands */
    const wane_series *series;
    size_t series_count;
    const char *hollow; /* what an outline means: a line at the bottom where one is drawn */
} wane_chart;

/* Appends a whole <svg> document, WANE_CHART_WIDTH points wide. Lines are named at their right ends
 * (more than 24 in a legend below), points in a legend below; long labels are wrapped, names on the
 * x axis that are longer than their room lose their middle. A series without a finite point is
 * named with "(no data)". NULL texts are left out; malformed UTF-8 is drawn as U+FFFD. WANE_EINVAL
 * when no finite point is there or a logarithmic axis meets a value <= 0.
 *
 * How to draw what: a measure over stages: WANE_MARKS_LINES, x = 0, 1, ... with x_names; over
 * training steps or lambda: the same without x_names (lines of more than 40 points have no marks);
 * two measures against each other: WANE_MARKS_POINTS, a series per config, its seeds and stages its
 * points; what chance gives: a series with `baseline`; points to be read with care: `hollow`, by
 * form and not by colour (their marks are drawn in lines of any length). Put the unit into the
 * label of the axis, and n, what the band is and what was left out into the subtitle. Colours are
 * taken in the order of the series, so keep the order of the plan and the same config has the same
 * colour in all charts.
 */
WANE_MUST_CHECK wane_status wane_chart_svg(wane_text *out, const wane_chart *chart,
                                           wane_error *err);

/* Several charts, one above the other, in one document. */
WANE_MUST_CHECK wane_status wane_charts_svg(wane_text *out, const wane_chart *charts, size_t count,
                                            wane_error *err);

typedef struct wane_heatmap {
    const char *title, *subtitle, *x_label, *y_label;
    const char *const *row_names, *const *col_names;
    size_t rows, cols;
    const double *values; /* rows x cols; NaN is drawn as missing */
    double low, high;     /* ends of the colour scale; both 0 = of the data */
    bool plain;           /* small square cells without their values, for many of them */
} wane_heatmap;

/* Heat maps in one document, in rows of `columns`. Every cell with its value in it, but for a plain
 * map; where values have both signs, two colours about 0. WANE_EINVAL without a finite value, for
 * more than 1000 rows or columns, or low >= high. */
WANE_MUST_CHECK wane_status wane_heatmaps_svg(wane_text *out, const wane_heatmap *maps,
                                              size_t count, size_t columns, wane_error *err);

#endif
