/* SPDX-License-Identifier: Apache-2.0
 * Writes a drawing as SVG: numbers to hundredths of a point without the locale, and a style sheet
 * that changes the colours on dark ground.
 */
#include <math.h>

#include "analysis/charts/drawing.h"

/* Hundredths of a point, without the C library's locale. */
static void number(wane_text *out, double value)
{
    char digits[32];
    size_t at = sizeof digits;
    bool negative = value < 0;
    double hundredths = floor(fabs(value) * 100 + 0.5);
    if (!(hundredths < 1e15)) hundredths = 0;
    uint64_t left = (uint64_t)hundredths;
    negative = negative && left > 0;
    size_t decimals = left % 100 == 0 ? 0 : left % 10 == 0 ? 1 : 2;
    for (size_t i = decimals; i < 2; i++) left /= 10;
    for (size_t i = 0; i < decimals; i++, left /= 10) digits[--at] = (char)('0' + left % 10);
    if (decimals > 0) digits[--at] = '.';
    do {
        digits[--at] = (char)('0' + left % 10);
    } while (left /= 10);
    if (negative) digits[--at] = '-';
    wane_text_append(out, digits + at, sizeof digits - at);
}

static void attribute(wane_text *out, const char *name, double value)
{
    wane_text_string(out, " ");
    wane_text_string(out, name);
    wane_text_string(out, "=\"");
    number(out, value);
    wane_text_string(out, "\"");
}

static void escaped(wane_text *out, const char *words)
{
    for (; *words; words++) {
        switch (*words) {
        case '&': wane_text_string(out, "&amp;"); break;
        case '<': wane_text_string(out, "&lt;"); break;
        case '>': wane_text_string(out, "&gt;"); break;
        case '"': wane_text_string(out, "&quot;"); break;
        default: wane_text_append(out, words, 1);
        }
    }
}

/* The light colour as an attribute, so that no style sheet is needed, and the class by which the
 * style sheet changes it on dark ground. */
static void inks(wane_text *out, const wane_primitive *p)
{
    bool fill = p->fill.use != WANE_INK_NONE, stroke = p->stroke.use != WANE_INK_NONE;
    bool fill_class = fill && p->fill.use != WANE_INK_RGB;
    bool stroke_class = stroke && p->stroke.use != WANE_INK_RGB;
    if (fill_class && stroke_class)
        wane_text_printf(out, " class=\"f%d s%d\"", (int)p->fill.use, (int)p->stroke.use);
    else if (fill_class) wane_text_printf(out, " class=\"f%d\"", (int)p->fill.use);
    else if (stroke_class) wane_text_printf(out, " class=\"s%d\"", (int)p->stroke.use);
    if (fill) wane_text_printf(out, " fill=\"#%06x\"", (unsigned)wane_ink_light(p->fill));
    else wane_text_string(out, " fill=\"none\"");
    if (fill && p->opacity < 1) attribute(out, "fill-opacity", p->opacity);
    if (!stroke) return;
    wane_text_printf(out, " stroke=\"#%06x\"", (unsigned)wane_ink_light(p->stroke));
    attribute(out, "stroke-width", p->width);
    if (p->dash == WANE_DASHED) wane_text_string(out, " stroke-dasharray=\"6 3\"");
    if (p->dash == WANE_DOTTED) wane_text_string(out, " stroke-dasharray=\"1.5 2.5\"");
}

static void points(wane_text *out, const wane_drawing *d, const wane_primitive *p)
{
    wane_text_string(out, " points=\"");
    for (size_t i = 0; i < p->count; i++) {
        if (i > 0) wane_text_string(out, " ");
        number(out, d->points[p->first + i].x);
        wane_text_string(out, ",");
        number(out, d->points[p->first + i].y);
    }
    wane_text_string(out, "\"");
}

static void words(wane_text *out, const wane_primitive *p)
{
    static const char *const anchors[] = {NULL, "middle", "end"};
    wane_text_string(out, "<text");
    attribute(out, "x", p->x);
    attribute(out, "y", p->y);
    attribute(out, "font-size", p->size);
    if (p->bold) wane_text_string(out, " font-weight=\"600\"");
    if (anchors[p->anchor]) wane_text_printf(out, " text-anchor=\"%s\"", anchors[p->anchor]);
    if (p->angle != 0) {
        wane_text_string(out, " transform=\"rotate(");
        number(out, p->angle);
        wane_text_string(out, " ");
        number(out, p->x);
        wane_text_string(out, " ");
        number(out, p->y);
        wane_text_string(out, ")\"");
    }
    inks(out, p);
    wane_text_string(out, ">");
    escaped(out, p->words);
    wane_text_string(out, "</text>\n");
}

static void primitive(wane_text *out, const wane_drawing *d, const wane_primitive *p)
{
    switch (p->kind) {
    case WANE_WORDS: words(out, p); return;
    case WANE_RECTANGLE:
        wane_text_string(out, "<rect");
        attribute(out, "x", p->x);
        attribute(out, "y", p->y);
        attribute(out, "width", p->w);
        attribute(out, "height", p->h);
        break;
    case WANE_CIRCLE:
        wane_text_string(out, "<circle");
        attribute(out, "cx", p->x);
        attribute(out, "cy", p->y);
        attribute(out, "r", p->w);
        break;
    case WANE_POLYLINE:
    case WANE_POLYGON:
        wane_text_string(out, p->kind == WANE_POLYLINE ? "<polyline" : "<polygon");
        points(out, d, p);
        break;
    }
    inks(out, p);
    wane_text_string(out, "/>\n");
}

static void dark_style(wane_text *out)
{
    wane_text_string(out, "<style>@media (prefers-color-scheme: dark) {");
    for (int use = WANE_INK_SURFACE; use < WANE_INK_RGB; use++) {
        unsigned dark = (unsigned)wane_ink_dark((wane_ink){(wane_ink_use)use, 0});
        wane_text_printf(out, " .f%d{fill:#%06x} .s%d{stroke:#%06x}", use, dark, use, dark);
    }
    wane_text_string(out, " }</style>\n");
}

wane_status wane_drawing_svg(wane_text *out, const wane_drawing *d, wane_error *err)
{
    wane_text_string(out, "<svg xmlns=\"http://www.w3.org/2000/svg\"");
    attribute(out, "width", d->width);
    attribute(out, "height", d->height);
    wane_text_string(out, " viewBox=\"0 0 ");
    number(out, d->width);
    wane_text_string(out, " ");
    number(out, d->height);
    wane_text_string(out, "\" role=\"img\" font-family=\"Helvetica, Arial, 'Liberation Sans', "
                          "'DejaVu Sans', sans-serif\" stroke-linejoin=\"round\">\n");
    if (d->title) {
        wane_text_string(out, "<title>");
        escaped(out, d->title);
        wane_text_string(out, "</title>\n");
    }
    if (d->description) {
        wane_text_string(out, "<desc>");
        escaped(out, d->description);
        wane_text_string(out, "</desc>\n");
    }
    dark_style(out);
    for (size_t i = 0; i < d->count; i++) primitive(out, d, &d->primitives[i]);
    wane_text_string(out, "</svg>\n");
    return wane_text_check(out, "chart", "svg", err);
}
