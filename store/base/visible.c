/* SPDX-License-Identifier: Apache-2.0
 * What of text.h only reads bytes: UTF-8 by table 3-7 of Unicode, the cells of a terminal it takes,
 * and what does not print made visible.
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "store/base/text.h"

/* Bytes of the well-formed sequence at `s` (`left` bytes remain), 0 when there is none.
 * Unicode 15, table 3-7. */
static size_t utf8_sequence(const unsigned char *s, size_t left)
{
    if (s[0] < 0x80) return 1;
    if (s[0] >= 0xc2 && s[0] <= 0xdf) return left >= 2 && (s[1] & 0xc0) == 0x80 ? 2 : 0;
    if (s[0] >= 0xe0 && s[0] <= 0xef) {
        unsigned low = s[0] == 0xe0 ? 0xa0 : 0x80, high = s[0] == 0xed ? 0x9f : 0xbf;
        return left >= 3 && s[1] >= low && s[1] <= high && (s[2] & 0xc0) == 0x80 ? 3 : 0;
    }
    if (s[0] >= 0xf0 && s[0] <= 0xf4) {
        unsigned low = s[0] == 0xf0 ? 0x90 : 0x80, high = s[0] == 0xf4 ? 0x8f : 0xbf;
        bool good = left >= 4 && s[1] >= low && s[1] <= high && (s[2] & 0xc0) == 0x80 &&
                    (s[3] & 0xc0) == 0x80;
        return good ? 4 : 0;
    }
    return 0;
}

bool wane_utf8_valid(const char *bytes, size_t count, size_t *bad)
{
    for (size_t i = 0; i < count;) {
        size_t step = utf8_sequence((const unsigned char *)bytes + i, count - i);
        if (step == 0) {
            if (bad) *bad = i;
            return false;
        }
        i += step;
    }
    return true;
}

/* The code point of the well-formed sequence of `step` bytes. */
static uint32_t code_point(const unsigned char *s, size_t step)
{
    uint32_t c = step < 2 ? s[0] : s[0] & (0xffU >> (step + 1));
    for (size_t k = 1; k < step; k++) c = c << 6 | (s[k] & 0x3fU);
    return c;
}

static bool within(uint32_t c, const uint32_t (*ranges)[2], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (c >= ranges[i][0] && c <= ranges[i][1]) return true;
    return false;
}

size_t wane_utf8_width(const char *bytes, size_t count)
{
    static const uint32_t none[][2] = {{0x300, 0x36f},   {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff},
                                       {0x200b, 0x200f}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f},
                                       {0xfe20, 0xfe2f}, {0xfeff, 0xfeff}};
    static const uint32_t two[][2] = {
        {0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0x33ff},   {0x3400, 0x4dbf},
        {0x4e00, 0x9fff},   {0xa000, 0xa4cf},   {0xa960, 0xa97f},   {0xac00, 0xd7a3},
        {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff01, 0xff60},   {0xffe0, 0xffe6},
        {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1faff}, {0x20000, 0x3fffd}};
    size_t width = 0, step;
    for (size_t i = 0; i < count; i += step) {
        const unsigned char *s = (const unsigned char *)bytes + i;
        step = utf8_sequence(s, count - i);
        uint32_t c = code_point(s, step);
        bool combines = step > 1 && within(c, none, sizeof none / sizeof *none);
        bool wide = step > 2 && within(c, two, sizeof two / sizeof *two);
        width += combines ? 0 : wide ? 2 : 1;
        if (step == 0) step = 1;
    }
    return width;
}

size_t wane_visible_next(char piece[WANE_VISIBLE_BYTES], const char *bytes, size_t left)
{
    static const uint32_t hidden[][2] = {
        {0x7f, 0x9f}, {0x2028, 0x202e}, {0x2066, 0x2069}, {0xfffe, 0xffff}};
    const unsigned char *s = (const unsigned char *)bytes;
    size_t step = utf8_sequence(s, left);
    uint32_t c = code_point(s, step);
    if (step == 0 || (c < 0x20 && c != '\t' && c != '\n'))
        (void)snprintf(piece, WANE_VISIBLE_BYTES, "\\x%02x", s[0]);
    else if (within(c, hidden, sizeof hidden / sizeof *hidden))
        (void)snprintf(piece, WANE_VISIBLE_BYTES, "\\u%04x", (unsigned)(c & 0xffff));
    else {
        memcpy(piece, bytes, step);
        piece[step] = '\0';
    }
    return step ? step : 1;
}

size_t wane_visible_span(const char *bytes, size_t count)
{
    char piece[WANE_VISIBLE_BYTES];
    size_t at = 0, step;
    for (; at < count; at += step) {
        step = 1;
        if (bytes[at] >= 0x20 && bytes[at] < 0x7f) continue; /* nearly all there is */
        step = wane_visible_next(piece, bytes + at, count - at);
        if (piece[0] != bytes[at] || strlen(piece) != step) break;
    }
    return at;
}

char *wane_visible_line(char *out, size_t room, const char *line)
{
    char piece[WANE_VISIBLE_BYTES];
    size_t left = strlen(line), used = 0;
    assert(room > 0);
    while (left) {
        size_t step = wane_visible_next(piece, line, left), length = strlen(piece);
        if (used + length >= room) break;
        if (*piece == '\n' || *piece == '\t') *piece = ' ';
        memcpy(out + used, piece, length);
        used += length;
        line += step;
        left -= step;
    }
    out[used] = '\0';
    return out;
}
