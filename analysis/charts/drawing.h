/* SPDX-License-Identifier: Apache-2.0
 * A drawing: a list of primitives in points from the top left, and its writers. Charts only make
 * primitives, so a new format is one more writer.
 */
#ifndef ANALYSIS_CHARTS_DRAWING_H
#define ANALYSIS_CHARTS_DRAWING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/memory.h"
#include "store/base/status.h"
#include "store/base/text.h"

/* What a colour is for. Each has a light and a dark value; RGB is the same in both. */
typedef enum wane_ink_use {
    WANE_INK_NONE,
    WANE_INK_SURFACE,
    WANE_INK_TEXT,
    WANE_INK_MUTED,
    WANE_INK_AXIS,
    WANE_INK_GRID,
    WANE_INK_SERIES, /* the first of WANE_SERIES_INKS */
    WANE_INK_RGB = WANE_INK_SERIES + 7
} wane_ink_use;

enum { WANE_SERIES_INKS = 7, WANE_SHAPES = 7 };

typedef struct wane_ink {
    wane_ink_use use;
    uint32_t rgb; /* of WANE_INK_RGB: 0xrrggbb */
} wane_ink;

uint32_t wane_ink_light(wane_ink ink);
uint32_t wane_ink_dark(wane_ink ink);

typedef enum wane_anchor { WANE_ANCHOR_START, WANE_ANCHOR_MIDDLE, WANE_ANCHOR_END } wane_anchor;
typedef enum wane_dash { WANE_SOLID, WANE_DASHED, WANE_DOTTED } wane_dash;

typedef struct wane_spot {
    double x, y;
} wane_spot;

typedef struct wane_primitive {
    enum { WANE_POLYLINE, WANE_POLYGON, WANE_CIRCLE, WANE_RECTANGLE, WANE_WORDS } kind;
    wane_ink fill, stroke;
    double opacity; /* of the fill */
    double width;   /* of the stroke */
    wane_dash dash;
    size_t first, count; /* points of a polyline or polygon */
    double x, y, w, h;   /* rectangle; centre and radius w of a circle; start of the words */
    const char *words;   /* UTF-8 that XML allows, not escaped */
    double size;         /* of the font */
    wane_anchor anchor;
    double angle; /* degrees clockwise about (x, y) */
    bool bold;
} wane_primitive;

/* Start with {0}; free with wane_drawing_free. Like a wane_text, it remembers a failure until
 * wane_drawing_check. */
typedef struct wane_drawing {
    double width, height;
    const char *title, *description; /* for screen readers; may be NULL */
    wane_arena *arena;
    wane_primitive *primitives;
    size_t count, capacity;
    wane_spot *points;
    size_t point_count, point_capacity;
    bool failed;
} wane_drawing;

void wane_drawing_free(wane_drawing *drawing);
WANE_MUST_CHECK wane_status wane_drawing_check(const wane_drawing *drawing, wane_error *err);

void wane_draw_rectangle(wane_drawing *d, double x, double y, double w, double h, wane_ink fill);
void wane_draw_line(wane_drawing *d, double x1, double y1, double x2, double y2, wane_ink stroke,
                    double width);
void wane_draw_polyline(wane_drawing *d, const wane_spot *points, size_t count, wane_ink stroke,
                        double width, wane_dash dash);
void wane_draw_area(wane_drawing *d, const wane_spot *points, size_t count, wane_ink fill,
                    double opacity);
/* The words are copied; what XML refuses becomes U+FFFD. */
void wane_draw_words(wane_drawing *d, double x, double y, const char *words, double size,
                     wane_anchor anchor, wane_ink ink);
wane_primitive *wane_drawing_last(
    wane_drawing *d); /* the last one drawn, or NULL after a failure */
/* Mark number `shape` (any number; WANE_SHAPES are distinct) about (x, y). */
void wane_draw_mark(wane_drawing *d, double x, double y, size_t shape, double radius, wane_ink ink);

/* Its outline, filled with the ground. */
void wane_draw_outline(wane_drawing *d, double x, double y, size_t shape, double radius,
                       wane_ink ink);

/* Moves the primitives from number `first` on. */
void wane_drawing_shift(wane_drawing *d, size_t first, double right, double down);

/* A copy in the arena in which what XML refuses, malformed UTF-8 too, and what turns text around
 * has become U+FFFD. */
const char *wane_words_clean(wane_drawing *d, const char *words);

/* An upper estimate of the width of `words` in a common sans-serif face. */
double wane_words_width(const char *words, double size);

/* The lines that `words` takes when none may be wider than `width`: broken after a space, else
 * after - _ / , . : else anywhere. At least one line; lines are copied into the arena. */
size_t wane_words_wrap(wane_drawing *d, const char *words, double size, double width,
                       const char ***lines);

/* The same in at most `most` lines: longer words lose their middle to an ellipsis. */
size_t wane_words_fit(wane_drawing *d, const char *words, double size, double width, size_t most,
                      const char ***lines);

WANE_MUST_CHECK wane_status wane_drawing_svg(wane_text *out, const wane_drawing *drawing,
                                             wane_error *err);

#endif
