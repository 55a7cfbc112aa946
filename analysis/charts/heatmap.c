/* SPDX-License-Identifier: Apache-2.0
 * Heat maps: shades from paper to blue (or vermillion to blue about 0), the ink that reads on each,
 * rows and columns with their names, and the bar of the scale.
 */
#include <math.h>
#include <stdio.h>

#include "analysis/charts/plot.h"

static const double usual_height = 30, plain_size = 11, least_cell_width = 46, bar_width = 160,
                    names_width = 170, least_shared_width = 340;

/* Ends and middle of the colour scales: one sign, from paper to Okabe and Ito's blue; both signs,
 * from their vermillion over paper to blue. */
static const double paper[3] = {0xf6, 0xf8, 0xfa}, blue[3] = {0x00, 0x68, 0xa8},
                    vermillion[3] = {0xc0, 0x4e, 0x00};

typedef struct shades {
    double low, high;
    bool both_signs;
} shades;

static wane_ink shade(const shades *s, double value)
{
    const double *end = blue;
    double share = (value - s->low) / (s->high - s->low);
    if (s->both_signs) {
        share = fabs(value) / s->high;
        end = value < 0 ? vermillion : blue;
    }
    share = share < 0 ? 0 : share > 1 ? 1 : share;
    uint32_t rgb = 0;
    for (int i = 0; i < 3; i++)
        rgb = rgb << 8 | (uint32_t)(paper[i] + share * (end[i] - paper[i]) + 0.5);
    return (wane_ink){WANE_INK_RGB, rgb};
}

/* Black or white, whichever has the larger contrast (WCAG's relative luminance). */
static wane_ink ink_on(wane_ink ground)
{
    const double weights[3] = {0.2126, 0.7152, 0.0722};
    double luminance = 0;
    for (int i = 0; i < 3; i++) {
        double part = (double)(ground.rgb >> (16 - 8 * i) & 0xff) / 255;
        luminance +=
            weights[i] * (part <= 0.04045 ? part / 12.92 : pow((part + 0.055) / 1.055, 2.4));
    }
    return (wane_ink){WANE_INK_RGB, luminance > 0.2 ? 0x1a1a1a : 0xffffff};
}

typedef struct layout {
    const wane_heatmap *map;
    wane_drawing *drawing;
    shades shades;
    int exponent, decimals; /* of the numbers printed */
    double left, top, cell_width, cell_height, width, least_width;
} layout;

static wane_status find_shades(layout *l, wane_error *err)
{
    const wane_heatmap *m = l->map;
    const char *title = m->title ? m->title : "untitled";
    size_t cells;
    if (!wane_size_mul(&cells, m->rows, m->cols) || m->rows > 1000 || m->cols > 1000)
        return wane_fail(err, WANE_EINVAL, "heat map: %s: more than 1000 rows or columns", title);
    double low = INFINITY, high = -INFINITY;
    bool whole = true;
    for (size_t i = 0; i < m->rows * m->cols; i++) {
        if (!isfinite(m->values[i])) continue;
        low = fmin(low, m->values[i]);
        high = fmax(high, m->values[i]);
        whole = whole && m->values[i] == floor(m->values[i]);
    }
    if (low > high) return wane_fail(err, WANE_EINVAL, "heat map: %s: no finite value", title);
    whole = whole && m->low == floor(m->low) && m->high == floor(m->high);
    double end = isfinite(m->low) && isfinite(m->high) ? fmax(fabs(m->low), fabs(m->high)) : 0;
    int decade = wane_decade(fmax(fmax(fabs(low), fabs(high)), end));
    l->exponent = decade >= 6 || decade <= -4 ? decade : 0;
    /* Three digits of the largest, two for shares; none after the point of whole numbers. */
    l->decimals = decade == -1 ? 2 : 2 - (decade - l->exponent);
    if (l->decimals < 0 || (whole && l->exponent == 0)) l->decimals = 0;
    if (m->low != 0 || m->high != 0) {
        if (!(m->low < m->high) || !isfinite(m->low) || !isfinite(m->high))
            return wane_fail(err, WANE_EINVAL, "heat map: %s: colours from %g to %g", title, m->low,
                             m->high);
        low = m->low;
        high = m->high;
    }
    l->shades.both_signs = low < 0 && high > 0;
    if (l->shades.both_signs) {
        high = fmax(high, -low);
        low = -high;
    }
    if (low == high) {
        /* One value everywhere: from or up to 0. */
        low = fmin(0, low);
        high = low == 0 && high == 0 ? 1 : fmax(0, high);
    }
    l->shades.low = low;
    l->shades.high = high;
    return WANE_OK;
}

static void label_of(const layout *l, double value, char out[WANE_TICK_BYTES])
{
    double scaled = value;
    for (int e = l->exponent; e >= 100; e -= 100) scaled /= 1e100;
    for (int e = l->exponent; e <= -100; e += 100) scaled *= 1e100;
    scaled /= pow(10, l->exponent % 100);
    wane_fixed_label(out, scaled, l->decimals);
}

static double widest_name(const char *const *names, size_t count)
{
    double width = 0;
    for (size_t i = 0; names && i < count; i++)
        width = fmax(width, wane_words_width(names[i] ? names[i] : "", wane_font));
    return width;
}

static void measure(layout *l)
{
    const wane_heatmap *m = l->map;
    double widest = 0;
    for (size_t i = 0; i < m->rows * m->cols; i++) {
        char words[WANE_TICK_BYTES];
        if (!isfinite(m->values[i])) continue;
        label_of(l, m->values[i], words);
        widest = fmax(widest, wane_words_width(words, wane_font));
    }
    /* Columns are widened for their names where these nearly fit. */
    double rows = fmin(names_width, widest_name(m->row_names, m->rows));
    if (m->y_label) rows = fmax(rows, wane_words_width(m->y_label, wane_font));
    l->left = wane_pad + fmin(names_width, rows) + 8;
    l->cell_height = m->plain ? plain_size : usual_height;
    l->cell_width = m->plain ? plain_size : fmax(least_cell_width, widest + 12);
    double names = widest_name(m->col_names, m->cols) + 9;
    if (names <= 92) l->cell_width = fmax(l->cell_width, names);
    l->width = l->left + l->cell_width * (double)m->cols + wane_pad;
    /* Turned names of the last columns lean out to the right. */
    if (m->col_names && names > l->cell_width)
        l->width += fmin(names, 150) * 0.82 - l->cell_width / 2;
    l->width = fmax(l->width, l->least_width);
}

static void draw_cells(const layout *l)
{
    const wane_heatmap *m = l->map;
    for (size_t i = 0; i < m->rows; i++)
        for (size_t j = 0; j < m->cols; j++) {
            double value = m->values[i * m->cols + j];
            double x = l->left + l->cell_width * (double)j, y = l->top + l->cell_height * (double)i;
            bool missing = !isfinite(value);
            double gap = m->plain ? 0 : 1;
            char words[WANE_TICK_BYTES] = "\xe2\x80\x93";
            wane_ink ground = missing ? wane_ink_of(WANE_INK_GRID) : shade(&l->shades, value);
            wane_ink ink = missing ? wane_ink_of(WANE_INK_MUTED) : ink_on(ground);
            wane_draw_rectangle(l->drawing, x + 0.5, y + 0.5, l->cell_width - gap,
                                l->cell_height - gap, ground);
            if (m->plain) continue;
            if (!missing) label_of(l, value, words);
            wane_draw_words(l->drawing, x + l->cell_width / 2, y + l->cell_height / 2 + 4.3, words,
                            wane_font, WANE_ANCHOR_MIDDLE, ink);
        }
}

static void draw_row_names(const layout *l)
{
    const wane_heatmap *m = l->map;
    for (size_t i = 0; m->row_names && i < m->rows; i++) {
        const char **lines;
        size_t count =
            wane_words_fit(l->drawing, m->row_names[i], wane_font, names_width, 2, &lines);
        double y = l->top + l->cell_height * ((double)i + 0.5) + 4.3;
        for (size_t k = 0; k < count; k++)
            wane_draw_words(l->drawing, l->left - 8, y + 13 * ((double)k - (double)(count - 1) / 2),
                            lines[k], wane_font, WANE_ANCHOR_END, wane_ink_of(WANE_INK_MUTED));
    }
}

/* Names the axes (columns above, rows at the left, on one line where both fit) and the columns. */
static wane_status draw_column_names(layout *l, double y, wane_error *err)
{
    const wane_heatmap *m = l->map;
    wane_ink ink = wane_ink_of(WANE_INK_TEXT);
    double *x = wane_alloc(m->cols, sizeof *x);
    if (!x) return wane_fail_memory(err, "heat map", "columns");
    for (size_t j = 0; j < m->cols; j++) x[j] = l->left + l->cell_width * ((double)j + 0.5);
    y = wane_frame_lines(l->drawing, m->x_label, l->left, y, l->width - l->left - wane_pad,
                         wane_font, WANE_ANCHOR_START, ink, false);
    double height = wane_line;
    if (m->col_names)
        height =
            wane_frame_names(l->drawing, m->col_names, x, m->cols, 0, l->cell_width, true, false)
                .height;
    l->top = y + height + 6;
    if (m->col_names)
        (void)wane_frame_names(l->drawing, m->col_names, x, m->cols, l->top, l->cell_width, true,
                               true);
    if (m->y_label)
        (void)wane_frame_lines(l->drawing, m->y_label, l->left - 8, l->top - wane_line - 4, l->left,
                               wane_font, WANE_ANCHOR_END, ink, false);
    wane_free(x);
    return WANE_OK;
}

/* The colour scale as a strip of steps with its ends named. Returns the y below. */
static double draw_bar(const layout *l, double y)
{
    enum { STEPS = 40 };
    char ends[2][WANE_TICK_BYTES];
    label_of(l, l->shades.low, ends[0]);
    label_of(l, l->shades.high, ends[1]);
    double x = l->left + wane_words_width(ends[0], wane_font) + 6, step = bar_width / STEPS;
    for (int i = 0; i < STEPS; i++) {
        double share = (i + 0.5) / STEPS;
        double value = l->shades.low + share * (l->shades.high - l->shades.low);
        wane_draw_rectangle(l->drawing, x + step * i, y, step + (i + 1 < STEPS ? 0.3 : 0), 10,
                            shade(&l->shades, value));
    }
    wane_draw_words(l->drawing, x - 6, y + 9, ends[0], wane_font, WANE_ANCHOR_END,
                    wane_ink_of(WANE_INK_MUTED));
    wane_draw_words(l->drawing, x + bar_width + 6, y + 9, ends[1], wane_font, WANE_ANCHOR_START,
                    wane_ink_of(WANE_INK_MUTED));
    if (l->exponent != 0) {
        char power[WANE_TICK_BYTES], words[WANE_TICK_BYTES + 8];
        wane_power_label(power, l->exponent);
        (void)snprintf(words, sizeof words, "\xc3\x97%s", power);
        wane_draw_words(l->drawing, x + bar_width + 14 + wane_words_width(ends[1], wane_font),
                        y + 9, words, wane_font, WANE_ANCHOR_START, wane_ink_of(WANE_INK_MUTED));
    }
    return y + 14;
}

/* Draws from `top` on; *bottom is below. */
static wane_status draw(layout *l, double top, double *bottom, wane_error *err)
{
    const wane_heatmap *m = l->map;
    double y = wane_frame_heading(l->drawing, m->title, m->subtitle, top + wane_pad / 2, l->width);
    wane_status st = draw_column_names(l, y + 4, err);
    if (st != WANE_OK) return st;
    draw_cells(l);
    draw_row_names(l);
    y = l->top + l->cell_height * (double)m->rows;
    *bottom = draw_bar(l, y + 10) + wane_pad;
    return wane_drawing_check(l->drawing, err);
}

/* One row of maps, from left to right. */
static wane_status draw_row(wane_drawing *d, const wane_heatmap *maps, size_t count, double least,
                            wane_error *err)
{
    double top = d->height, right = 0;
    for (size_t i = 0; i < count; i++) {
        layout l = {.map = &maps[i], .drawing = d, .least_width = least};
        size_t first = d->count;
        double bottom = top;
        wane_status st = find_shades(&l, err);
        if (st != WANE_OK) return st;
        measure(&l);
        st = draw(&l, top, &bottom, err);
        if (st != WANE_OK) return st;
        wane_drawing_shift(d, first, right, 0);
        right += l.width;
        d->height = fmax(d->height, bottom);
    }
    d->width = fmax(d->width, right);
    return WANE_OK;
}

wane_status wane_heatmaps_svg(wane_text *out, const wane_heatmap *maps, size_t count,
                              size_t columns, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_drawing d = {0};
    if (count == 0 || columns == 0) return wane_fail(err, WANE_EINVAL, "heat map: none given");
    if (columns > count) columns = count;
    d.title = wane_words_clean(&d, maps[0].title);
    d.description = wane_words_clean(&d, maps[0].subtitle);
    wane_draw_rectangle(&d, 0, 0, 0, 0, wane_ink_of(WANE_INK_SURFACE));
    for (size_t i = 0; i < count; i += columns)
        WANE_TRY(draw_row(&d, maps + i, count - i < columns ? count - i : columns,
                          columns > 1 ? least_shared_width : WANE_CHART_WIDTH, err));
    if (d.count > 0) {
        d.primitives[0].w = d.width;
        d.primitives[0].h = d.height;
    }
    st = wane_drawing_svg(out, &d, err);
done:
    wane_drawing_free(&d);
    return st;
}
