/* SPDX-License-Identifier: Apache-2.0
 * Decodes the table, walks its trie with every border checked, and follows where the bytes of the
 * text's beginning go.
 */
#include "tasks/text/charsmap.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "store/base/memory.h"
#include "tasks/text/unicode.h"

enum { GRAPHEME_BYTES = 6 }; /* from here on a cluster is taken apart */

struct wane_charsmap {
    uint32_t *units;
    size_t unit_count;
    char *texts;
    size_t text_bytes;
};

static int digit_value(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Base64 with its padding; false when it is none. */
static bool decode(unsigned char *out, size_t *count, const char *text, size_t bytes)
{
    size_t digits = bytes;
    uint32_t bits = 0;
    *count = 0;
    if (bytes % 4) return false;
    while (digits && bytes - digits < 2 && text[digits - 1] == '=') digits--;
    for (size_t i = 0; i < digits; i++) {
        int value = digit_value(text[i]);
        if (value < 0) return false;
        bits = bits << 6 | (uint32_t)value;
        if (i % 4) out[(*count)++] = (unsigned char)(bits >> (6 - 2 * (i % 4)));
    }
    /* What the last digit says beyond the last byte must be nothing. */
    return digits % 4 == 0 || !(bits & (digits % 4 == 2 ? 15u : 3u));
}

static uint32_t u32_at(const unsigned char *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static wane_status take_apart(wane_charsmap *map, const unsigned char *bytes, size_t count,
                              const wane_json_part *part, wane_error *err)
{
    size_t trie = count >= 4 ? u32_at(bytes) : 0;
    if (count < 4 || trie < 4 || trie % 4 || trie > count - 4)
        return wane_json_part_fail(part, err, "\"precompiled_charsmap\" holds no trie");
    map->unit_count = trie / 4;
    map->text_bytes = count - 4 - trie;
    map->units = wane_alloc(map->unit_count, sizeof *map->units);
    map->texts = wane_alloc(map->text_bytes + 1, 1);
    if (!map->units || !map->texts) return wane_fail_memory(err, "tokenizer", part->file);
    for (size_t i = 0; i < map->unit_count; i++) map->units[i] = u32_at(bytes + 4 + 4 * i);
    memcpy(map->texts, bytes + 4 + trie, map->text_bytes);
    if (!wane_utf8_valid(map->texts, map->text_bytes, NULL))
        return wane_json_part_fail(part, err, "\"precompiled_charsmap\" holds texts in no UTF-8");
    return WANE_OK;
}

wane_status wane_charsmap_read(wane_charsmap **out, const wane_json *json,
                               const wane_json_part *part, wane_error *err)
{
    wane_status st = WANE_OK;
    size_t bytes = 0, count = 0;
    unsigned char *decoded = NULL;
    const char *text = wane_json_string(json, &bytes);
    if (!text) return wane_json_part_fail(part, err, "\"precompiled_charsmap\" is no string");
    wane_charsmap *made = wane_alloc(1, sizeof *made);
    if (!made || !(decoded = wane_alloc(bytes + 1, 1))) {
        st = wane_fail_memory(err, "tokenizer", part->file);
        goto done;
    }
    if (!decode(decoded, &count, text, bytes)) {
        st = wane_json_part_fail(part, err, "\"precompiled_charsmap\" is no base64");
        goto done;
    }
    WANE_TRY(take_apart(made, decoded, count, part, err));
    *out = made;
    made = NULL;
done:
    wane_free(decoded);
    wane_charsmap_free(made);
    return st;
}

void wane_charsmap_free(wane_charsmap *map)
{
    if (!map) return;
    wane_free(map->units);
    wane_free(map->texts);
    wane_free(map);
}

/* A unit of Darts: bits 0 to 7 the label (and bit 31, which no label has), bit 8 whether a value
 * hangs below, bits 9 to 30 how far its children are. */
static size_t unit_offset(uint32_t unit)
{
    return (size_t)(unit >> 10) << ((unit & 1u << 9) >> 6);
}

/* The text of the shortest entry that `key` begins with, or of the longest, and how many bytes of
 * it that is; WANE_DONE when there is none. */
static wane_status look_up(const wane_charsmap *map, const char *key, size_t bytes, bool longest,
                           const char **text, size_t *length, size_t *taken, wane_error *err)
{
    size_t at = unit_offset(map->units[0]);
    *taken = 0;
    for (size_t i = 0; i < bytes && key[i]; i++) {
        unsigned char byte = (unsigned char)key[i];
        at ^= byte;
        if (at >= map->unit_count) goto damaged;
        uint32_t unit = map->units[at];
        if ((unit & (1u << 31 | 0xff)) != byte) break;
        at ^= unit_offset(unit);
        if (!(unit & 1u << 8)) continue;
        if (at >= map->unit_count) goto damaged;
        size_t start = map->units[at] & ~(1u << 31);
        if (start > map->text_bytes || ((unsigned char)map->texts[start] & 0xc0) == 0x80)
            goto damaged;
        *text = map->texts + start;
        *length = strlen(map->texts + start); /* a NUL follows them all */
        *taken = i + 1;
        if (!longest) break;
    }
    return *taken ? WANE_OK : WANE_DONE;
damaged:
    return wane_fail(err, WANE_EFORMAT,
                     "tokenizer: \"precompiled_charsmap\": its trie leads out of it");
}

/* Follows the lead as the library aligns what comes out with what went in. Each character that
 * comes out replaces one and some more that are gone, or is added. */
typedef struct follower {
    const char *text;
    size_t bytes, lead; /* of the input */
    size_t at;          /* of the input, up to here replaced */
    size_t kept;        /* lead of what comes out */
    bool open;          /* what comes out may still be lead */
    size_t size;        /* of the last character that came out, 0 before the first */
    ptrdiff_t change;   /* 1: added; else it replaces one, and -change more are gone */
} follower;

static void settle(follower *f)
{
    if (!f->open || !f->size) return;
    bool added = f->change > 0;
    bool lead = added ? f->at < 1 || f->at - 1 < f->lead : f->at < f->lead;
    for (ptrdiff_t n = f->change; n <= 0 && f->at < f->bytes; n++)
        f->at += wane_utf8_size((unsigned char)f->text[f->at]);
    if (lead) f->kept += f->size;
    f->open = lead;
}

static void follow(follower *f, size_t size, ptrdiff_t change)
{
    settle(f);
    f->size = size;
    f->change = change;
}

static ptrdiff_t characters(const char *text, size_t bytes)
{
    ptrdiff_t count = 0;
    for (size_t i = 0; i < bytes; i++) count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

/* `old` characters become the text: the last ones are added where there are more, and the last one
 * takes what is gone where there are fewer, be it one that came out before. */
static void follow_text(follower *f, ptrdiff_t old, const char *text, size_t length)
{
    ptrdiff_t rest = characters(text, length), difference = rest - old;
    if (!f->open) return;
    for (size_t at = 0; at < length; rest--) {
        size_t size = wane_utf8_size((unsigned char)text[at]);
        follow(f, size, rest <= difference);
        at += size;
    }
    if (difference < 0 && f->size) f->change += difference;
}

static wane_status change_part(const wane_charsmap *map, wane_text *out, follower *f,
                               const char *part, size_t bytes, wane_error *err)
{
    const char *text = NULL;
    size_t length = 0, taken = 0;
    wane_status st = look_up(map, part, bytes, false, &text, &length, &taken, err);
    if (st != WANE_OK) return st;
    wane_text_append(out, text, length);
    follow_text(f, characters(part, bytes), text, length);
    return WANE_OK;
}

wane_status wane_charsmap_apply(const wane_charsmap *map, wane_text *out, const char *text,
                                size_t bytes, size_t *lead, wane_error *err)
{
    wane_status st = WANE_OK;
    follower f = {.text = text, .bytes = bytes, .lead = *lead, .open = *lead > 0};
    for (size_t at = 0; at < bytes;) {
        size_t stop = at + wane_unicode_grapheme(text + at, bytes - at);
        if (stop - at < GRAPHEME_BYTES) {
            st = change_part(map, out, &f, text + at, stop - at, err);
            if (st == WANE_OK) at = stop;
            else if (st != WANE_DONE) goto done;
        }
        while (at < stop) {
            size_t size = wane_utf8_size((unsigned char)text[at]);
            st = change_part(map, out, &f, text + at, size, err);
            if (st == WANE_DONE) {
                wane_text_append(out, text + at, size);
                follow(&f, size, 0);
            } else if (st != WANE_OK) {
                goto done;
            }
            at += size;
        }
    }
    settle(&f);
    *lead = f.kept;
    st = WANE_OK;
done:
    return st;
}

wane_status wane_charsmap_apply_longest(const wane_charsmap *map, wane_text *out, const char *text,
                                        size_t bytes, size_t *lead, wane_error *err)
{
    size_t kept = 0;
    for (size_t at = 0; at < bytes;) {
        const char *becomes = NULL;
        size_t length = 0, taken = 0;
        wane_status st = look_up(map, text + at, bytes - at, true, &becomes, &length, &taken, err);
        if (st == WANE_DONE) {
            becomes = text + at;
            length = taken = wane_utf8_size((unsigned char)text[at]);
        } else if (st != WANE_OK) {
            return st;
        }
        if (at + taken < bytes && ((unsigned char)text[at + taken] & 0xc0) == 0x80)
            return wane_fail(err, WANE_EFORMAT,
                             "tokenizer: \"precompiled_charsmap\": an entry ends in a character");
        wane_text_append(out, becomes, length);
        if (at < *lead) kept = out->length;
        at += taken;
    }
    *lead = kept;
    return WANE_OK;
}
