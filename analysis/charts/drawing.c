/* SPDX-License-Identifier: Apache-2.0
 * Appends primitives to the list, and knows what a writer is not asked: colours on light and dark
 * ground, marks as polygons, how wide words are and where a line of them breaks.
 */
#include "analysis/charts/drawing.h"

#include <string.h>

/* Okabe and Ito's palette (2008) without its yellow, which print and white paper swallow; on dark
 * ground the same hues, lighter where they would sink. */
static const struct {
    uint32_t light, dark;
} inks[] = {
    [WANE_INK_NONE] = {0, 0},
    [WANE_INK_SURFACE] = {0xffffff, 0x12171e},
    [WANE_INK_TEXT] = {0x1a1a1a, 0xe8eaed},
    [WANE_INK_MUTED] = {0x5c5c5c, 0xa5acb5},
    [WANE_INK_AXIS] = {0x8c8c8c, 0x767e88},
    [WANE_INK_GRID] = {0xe4e4e4, 0x2b323b},
    [WANE_INK_SERIES] = {0x0072b2, 0x2f93d8},
    [WANE_INK_SERIES + 1] = {0xd55e00, 0xf07a2a},
    [WANE_INK_SERIES + 2] = {0x009e73, 0x1fbf92},
    [WANE_INK_SERIES + 3] = {0xcc79a7, 0xdd92bc},
    [WANE_INK_SERIES + 4] = {0xe69f00, 0xe9ae2b},
    [WANE_INK_SERIES + 5] = {0x56b4e9, 0x94d5fb},
    [WANE_INK_SERIES + 6] = {0x000000, 0xf2f2f2},
};

uint32_t wane_ink_light(wane_ink ink)
{
    return ink.use == WANE_INK_RGB ? ink.rgb : inks[ink.use].light;
}

uint32_t wane_ink_dark(wane_ink ink)
{
    return ink.use == WANE_INK_RGB ? ink.rgb : inks[ink.use].dark;
}

void wane_drawing_free(wane_drawing *drawing)
{
    wane_arena_free(drawing->arena);
    wane_free(drawing->primitives);
    wane_free(drawing->points);
    *drawing = (wane_drawing){0};
}

wane_status wane_drawing_check(const wane_drawing *drawing, wane_error *err)
{
    return drawing->failed ? wane_fail_memory(err, "chart", "drawing") : WANE_OK;
}

static void *arena_block(wane_drawing *d, size_t count, size_t size)
{
    if (!d->arena) d->arena = wane_arena_new();
    void *block = d->arena ? wane_arena_alloc(d->arena, count, size) : NULL;
    if (!block) d->failed = true;
    return block;
}

static wane_primitive *add(wane_drawing *d, wane_primitive primitive)
{
    if (d->failed) return NULL;
    d->failed = !WANE_GROW(d->primitives, d->capacity, d->count + 1);
    if (d->failed) return NULL;
    d->primitives[d->count] = primitive;
    return &d->primitives[d->count++];
}

wane_primitive *wane_drawing_last(wane_drawing *d)
{
    return d->failed || d->count == 0 ? NULL : &d->primitives[d->count - 1];
}

static void add_points(wane_drawing *d, wane_primitive primitive, const wane_spot *points,
                       size_t count)
{
    if (d->failed) return;
    d->failed = !WANE_GROW(d->points, d->point_capacity, d->point_count + count);
    if (d->failed) return;
    memcpy(d->points + d->point_count, points, count * sizeof *points);
    primitive.first = d->point_count;
    primitive.count = count;
    d->point_count += count;
    (void)add(d, primitive);
}

void wane_draw_rectangle(wane_drawing *d, double x, double y, double w, double h, wane_ink fill)
{
    (void)add(
        d, (wane_primitive){
               .kind = WANE_RECTANGLE, .fill = fill, .opacity = 1, .x = x, .y = y, .w = w, .h = h});
}

void wane_draw_polyline(wane_drawing *d, const wane_spot *points, size_t count, wane_ink stroke,
                        double width, wane_dash dash)
{
    add_points(
        d, (wane_primitive){.kind = WANE_POLYLINE, .stroke = stroke, .width = width, .dash = dash},
        points, count);
}

void wane_draw_line(wane_drawing *d, double x1, double y1, double x2, double y2, wane_ink stroke,
                    double width)
{
    const wane_spot ends[] = {{x1, y1}, {x2, y2}};
    wane_draw_polyline(d, ends, 2, stroke, width, WANE_SOLID);
}

void wane_draw_area(wane_drawing *d, const wane_spot *points, size_t count, wane_ink fill,
                    double opacity)
{
    add_points(d, (wane_primitive){.kind = WANE_POLYGON, .fill = fill, .opacity = opacity}, points,
               count);
}

/* The length of the well-formed sequence at `bytes`, or 0; *code is its character, U+FFFD for what
 * is not to be seen as it is (store/base/text.h). */
static size_t decode(const char *bytes, uint32_t *code)
{
    const unsigned char *b = (const unsigned char *)bytes;
    size_t length = b[0] < 0x80 ? 1 : b[0] >= 0xf0 ? 4 : b[0] >= 0xe0 ? 3 : b[0] >= 0xc2 ? 2 : 0;
    for (size_t i = 1; i < length; i++)
        if ((b[i] & 0xc0) != 0x80) return 0; /* the NUL at the end too */
    if (length == 0 || !wane_utf8_valid(bytes, length, NULL)) return 0;
    *code = b[0] & (length == 1 ? 0x7f : 0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) *code = *code << 6 | (b[i] & 0x3f);
    if (wane_visible_span(bytes, length) != length) *code = 0xfffd;
    return length;
}

const char *wane_words_clean(wane_drawing *d, const char *words)
{
    static const char replacement[] = "\xef\xbf\xbd";
    if (!words) words = "";
    char *copy = arena_block(d, 3 * strlen(words) + 1, 1), *to = copy;
    if (!copy) return "";
    while (*words) {
        uint32_t code = 0xfffd;
        size_t length = decode(words, &code);
        if (*words == '\t' || *words == '\n' || *words == '\r') {
            *to++ = ' ';
        } else if (code != 0xfffd) {
            memcpy(to, words, length);
            to += length;
        } else {
            memcpy(to, replacement, 3);
            to += 3;
        }
        words += length ? length : 1;
    }
    *to = 0;
    return copy;
}

void wane_draw_words(wane_drawing *d, double x, double y, const char *words, double size,
                     wane_anchor anchor, wane_ink ink)
{
    (void)add(d, (wane_primitive){.kind = WANE_WORDS,
                                  .fill = ink,
                                  .opacity = 1,
                                  .x = x,
                                  .y = y,
                                  .words = wane_words_clean(d, words),
                                  .size = size,
                                  .anchor = anchor});
}

/* Corners of the marks in units of their radius, areas about equal. */
static const struct {
    size_t count;
    wane_spot at[12];
} shapes[WANE_SHAPES] = {
    {0, {{0, 0}}}, /* a circle */
    {4, {{-.89, -.89}, {.89, -.89}, {.89, .89}, {-.89, .89}}},
    {3, {{0, -1.3}, {1.17, .78}, {-1.17, .78}}},
    {4, {{0, -1.3}, {1.15, 0}, {0, 1.3}, {-1.15, 0}}},
    {3, {{0, 1.3}, {1.17, -.78}, {-1.17, -.78}}},
    {12,
     {{-.4, -1.2},
      {.4, -1.2},
      {.4, -.4},
      {1.2, -.4},
      {1.2, .4},
      {.4, .4},
      {.4, 1.2},
      {-.4, 1.2},
      {-.4, .4},
      {-1.2, .4},
      {-1.2, -.4},
      {-.4, -.4}}},
    {12,
     {{-.57, -1.13},
      {0, -.57},
      {.57, -1.13},
      {1.13, -.57},
      {.57, 0},
      {1.13, .57},
      {.57, 1.13},
      {0, .57},
      {-.57, 1.13},
      {-1.13, .57},
      {-.57, 0},
      {-1.13, -.57}}},
};

void wane_drawing_shift(wane_drawing *d, size_t first, double right, double down)
{
    for (size_t i = first; i < d->count; i++) {
        wane_primitive *p = &d->primitives[i];
        p->x += right;
        p->y += down;
        if (p->kind != WANE_POLYLINE && p->kind != WANE_POLYGON) continue;
        for (size_t k = 0; k < p->count; k++) {
            d->points[p->first + k].x += right;
            d->points[p->first + k].y += down;
        }
    }
}

static void draw_shape(wane_drawing *d, double x, double y, size_t shape, double radius,
                       wane_ink fill, wane_ink stroke, double width)
{
    wane_primitive mark = {.kind = WANE_CIRCLE,
                           .fill = fill,
                           .stroke = stroke,
                           .opacity = 1,
                           .width = width,
                           .x = x,
                           .y = y,
                           .w = radius};
    wane_spot corners[12];
    size_t count = shapes[shape % WANE_SHAPES].count;
    if (count == 0) {
        (void)add(d, mark);
        return;
    }
    mark.kind = WANE_POLYGON;
    for (size_t i = 0; i < count; i++) {
        const wane_spot *at = &shapes[shape % WANE_SHAPES].at[i];
        corners[i] = (wane_spot){x + radius * at->x, y + radius * at->y};
    }
    add_points(d, mark, corners, count);
}

void wane_draw_mark(wane_drawing *d, double x, double y, size_t shape, double radius, wane_ink ink)
{
    /* A rim in the colour of the ground keeps marks apart where they lie on each other. */
    draw_shape(d, x, y, shape, radius, ink, (wane_ink){WANE_INK_SURFACE, 0}, 0.8);
}

void wane_draw_outline(wane_drawing *d, double x, double y, size_t shape, double radius,
                       wane_ink ink)
{
    draw_shape(d, x, y, shape, radius, (wane_ink){WANE_INK_SURFACE, 0}, ink, 1.3);
}

/* Advance widths of a wide common face (DejaVu Sans) in thousandths of the font size. */
static const uint16_t ascii_widths[] = {
    318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361,  318, 337, 636, 636, 636,
    636, 636, 636, 636, 636, 636, 636, 337, 337, 838, 838, 838, 531, 1000, 684, 686, 698, 770, 632,
    575, 775, 752, 295, 295, 656, 557, 863, 748, 787, 603, 787, 695, 635,  611, 732, 684, 989, 685,
    611, 685, 390, 337, 390, 838, 500, 500, 613, 635, 550, 635, 615, 352,  635, 634, 278, 278, 579,
    278, 974, 634, 612, 635, 635, 411, 521, 392, 634, 592, 818, 592, 592,  525, 636, 337, 636, 838};

static double width_of(uint32_t code)
{
    if (code >= 0x20 && code < 0x7f) return ascii_widths[code - 0x20];
    if (code >= 0x300 && code < 0x370) return 0; /* combining */
    if (code == 0x207b) return 528;
    if ((code >= 0x2070 && code < 0x2090) || code == 0xb9 || code == 0xb2 || code == 0xb3)
        return 401;
    if (code < 0x250) return 760;
    if (code < 0x1100) return 850;
    return 1050;
}

double wane_words_width(const char *words, double size)
{
    double width = 0;
    while (*words) {
        uint32_t code = 0xfffd;
        size_t length = decode(words, &code);
        width += width_of(code);
        words += length ? length : 1;
    }
    return width * size / 1000;
}

/* How many bytes of `words` go on a line of `width`. */
static size_t line_length(const char *words, double size, double width)
{
    double used = 0;
    size_t length = 0, after_space = 0, after_joint = 0;
    while (words[length]) {
        uint32_t code = 0xfffd;
        size_t step = decode(words + length, &code);
        used += width_of(code) * size / 1000;
        /* The space at which a line breaks need not fit. */
        if (used > width && length > 0 && code != ' ') {
            if (after_space) return after_space;
            /* A joint near the start would leave a stump. */
            return 3 * after_joint > length ? after_joint : length;
        }
        length += step ? step : 1;
        if (code == ' ') after_space = length;
        if (code < 0x7f && strchr("-_/,.:;=", (int)code)) after_joint = length;
    }
    return length;
}

size_t wane_words_wrap(wane_drawing *d, const char *words, double size, double width,
                       const char ***lines)
{
    static const char *empty[] = {""};
    words = wane_words_clean(d, words);
    size_t count = 0;
    for (const char *rest = words; *rest; rest += line_length(rest, size, width)) count++;
    const char **found = arena_block(d, count + 1, sizeof *found);
    *lines = empty;
    if (!found || count == 0) return 1;
    count = 0;
    for (const char *rest = words; *rest;) {
        size_t length = line_length(rest, size, width), shown = length;
        while (shown > 0 && rest[shown - 1] == ' ') shown--;
        found[count] = wane_arena_strndup(d->arena, rest, shown);
        if (!found[count]) {
            d->failed = true;
            return 1;
        }
        count++;
        rest += length;
    }
    *lines = found;
    return count;
}

/* words without its middle: about `kept` bytes in all, whole characters. */
static const char *without_middle(wane_drawing *d, const char *words, size_t length, size_t kept)
{
    size_t head = (kept + 1) / 2, tail = length - kept / 2;
    while (head > 0 && ((unsigned char)words[head] & 0xc0) == 0x80) head--;
    while (tail < length && ((unsigned char)words[tail] & 0xc0) == 0x80) tail++;
    char *shorter = arena_block(d, head + 3 + length - tail + 1, 1);
    if (!shorter) return "";
    memcpy(shorter, words, head);
    memcpy(shorter + head, "\xe2\x80\xa6", 3);
    memcpy(shorter + head + 3, words + tail, length - tail);
    return shorter;
}

size_t wane_words_fit(wane_drawing *d, const char *words, double size, double width, size_t most,
                      const char ***lines)
{
    words = wane_words_clean(d, words);
    size_t count = wane_words_wrap(d, words, size, width, lines);
    size_t length = strlen(words), low = 0, high = length;
    if (count <= most) return count;
    /* low bytes fit, high bytes do not. */
    while (high - low > 1 && !d->failed) {
        size_t middle = low + (high - low) / 2;
        count = wane_words_wrap(d, without_middle(d, words, length, middle), size, width, lines);
        if (count <= most) low = middle;
        else high = middle;
    }
    return wane_words_wrap(d, without_middle(d, words, length, low), size, width, lines);
}
