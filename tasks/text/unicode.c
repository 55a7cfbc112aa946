/* SPDX-License-Identifier: Apache-2.0
 * UTF-8 by table 3-7 of Unicode, where each broken beginning of a sequence becomes one U+FFFD, and
 * normal forms by utf8proc with a sorting of marks that is linear.
 */
#include "tasks/text/unicode.h"

#include <string.h>

#include <utf8proc.h>

#include "store/base/memory.h"

size_t wane_utf8_encode(char out[4], uint32_t code)
{
    unsigned char *b = (unsigned char *)out;
    if (code < 0x80) {
        b[0] = (unsigned char)code;
        return 1;
    }
    if (code < 0x800) {
        b[0] = (unsigned char)(0xc0 | code >> 6);
        b[1] = (unsigned char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        b[0] = (unsigned char)(0xe0 | code >> 12);
        b[1] = (unsigned char)(0x80 | (code >> 6 & 0x3f));
        b[2] = (unsigned char)(0x80 | (code & 0x3f));
        return 3;
    }
    b[0] = (unsigned char)(0xf0 | code >> 18);
    b[1] = (unsigned char)(0x80 | (code >> 12 & 0x3f));
    b[2] = (unsigned char)(0x80 | (code >> 6 & 0x3f));
    b[3] = (unsigned char)(0x80 | (code & 0x3f));
    return 4;
}

bool wane_unicode_space(uint32_t code)
{
    if (code < 0x80) return code == ' ' || (code >= 9 && code <= 13);
    return code == 0x85 || code == 0xa0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200a) ||
           code == 0x2028 || code == 0x2029 || code == 0x202f || code == 0x205f || code == 0x3000;
}

/* Rule GB9c, which utf8proc does not know: a consonant after a consonant and a linker, with marks
 * between them, goes on the grapheme. */
typedef enum conjunct { NO_CONJUNCT, CONSONANT, LINKED } conjunct;

static conjunct go_on_conjunct(conjunct state, uint32_t code)
{
    enum { ZWNJ = 0x200c };
    if (wane_unicode_consonant(code)) return CONSONANT;
    if (state == NO_CONJUNCT || code == ZWNJ) return NO_CONJUNCT;
    if (wane_unicode_linker(code)) return LINKED;
    unsigned class = utf8proc_get_property((utf8proc_int32_t)code)->boundclass;
    return class == UTF8PROC_BOUNDCLASS_EXTEND || class == UTF8PROC_BOUNDCLASS_ZWJ ? state
                                                                                   : NO_CONJUNCT;
}

static uint32_t code_of_class(const char *text)
{
    return wane_unicode_grapheme_class(wane_utf8_decode(text));
}

size_t wane_unicode_grapheme(const char *text, size_t bytes)
{
    size_t at = wane_utf8_size((unsigned char)*text);
    if (at < bytes && (unsigned char)text[0] > '\r' && (unsigned char)text[0] < 0x80 &&
        (unsigned char)text[at] < 0x80)
        return at;
    uint32_t last = code_of_class(text);
    utf8proc_int32_t state = 0;
    conjunct run = go_on_conjunct(NO_CONJUNCT, last);
    while (at < bytes) {
        uint32_t next = code_of_class(text + at);
        bool joined = run == LINKED && wane_unicode_consonant(next);
        if (utf8proc_grapheme_break_stateful((utf8proc_int32_t)last, (utf8proc_int32_t)next,
                                             &state) &&
            !joined)
            break;
        run = go_on_conjunct(run, next);
        last = next;
        at += wane_utf8_size((unsigned char)text[at]);
    }
    return at;
}

/* Bytes at `b` that form a code point, or the longest beginning of one (*whole = false). */
static size_t utf8_part(const unsigned char *b, size_t left, bool *whole)
{
    *whole = b[0] < 0x80;
    if (b[0] < 0xc2 || b[0] > 0xf4) return 1;
    size_t size = wane_utf8_size(b[0]);
    unsigned low = b[0] == 0xe0 ? 0xa0 : b[0] == 0xf0 ? 0x90 : 0x80;
    unsigned high = b[0] == 0xed ? 0x9f : b[0] == 0xf4 ? 0x8f : 0xbf;
    size_t at = 1;
    for (; at < size && at < left && b[at] >= low && b[at] <= high; at++) {
        low = 0x80;
        high = 0xbf;
    }
    *whole = at == size;
    return at;
}

void wane_utf8_repair(wane_text *out, const char *bytes, size_t count)
{
    size_t start = 0, at = 0; /* bytes from start to at are sound and not yet appended */
    while (at < count) {
        bool whole = true;
        size_t size = utf8_part((const unsigned char *)bytes + at, count - at, &whole);
        if (!whole) {
            wane_text_append(out, bytes + start, at - start);
            wane_text_append(out, "\xef\xbf\xbd", 3);
            start = at + size;
        }
        at += size;
    }
    wane_text_append(out, bytes + start, count - start);
}

static void put_code(wane_text *out, uint32_t code)
{
    char *room = wane_text_room(out, 4);
    if (room) out->length += wane_utf8_encode(room, code);
}

static bool ascii(const char *text, size_t bytes)
{
    unsigned char all = 0;
    for (size_t i = 0; i < bytes; i++) all |= (unsigned char)text[i];
    return all < 0x80;
}

/* Sorts runs of combining characters by class, keeping the order within a class: a counting sort,
 * because utf8proc's own is quadratic on a run. */
static wane_status order_marks(utf8proc_int32_t *codes, size_t count, wane_error *err)
{
    utf8proc_int32_t *sorted = NULL;
    for (size_t start = 0; start < count;) {
        size_t stop = start;
        size_t at[257] = {0};
        bool ordered = true;
        int last = 0;
        for (; stop < count; stop++) {
            int class = utf8proc_get_property(codes[stop])->combining_class;
            if (!class) break;
            ordered = ordered && class >= last;
            last = class;
            at[(class & 0xff) + 1]++;
        }
        if (!ordered) {
            size_t run = stop - start;
            if (!sorted && !(sorted = wane_alloc(count, sizeof *sorted)))
                return wane_fail_memory(err, "tokenizer", "normalisation");
            for (int class = 0; class < 256; class ++) at[class + 1] += at[class];
            for (size_t i = 0; i < run; i++) {
                int class = utf8proc_get_property(codes[start + i])->combining_class & 0xff;
                sorted[at[class]++] = codes[start + i];
            }
            memcpy(codes + start, sorted, run * sizeof *codes);
        }
        start = stop + 1;
    }
    wane_free(sorted);
    return WANE_OK;
}

wane_status wane_unicode_normalize(wane_text *out, const char *text, size_t bytes, wane_form form,
                                   wane_error *err)
{
    if (ascii(text, bytes)) {
        wane_text_append(out, text, bytes);
        return WANE_OK;
    }
    bool compose = form == WANE_NFC || form == WANE_NFKC;
    bool compatible = form == WANE_NFKC || form == WANE_NFKD;
    utf8proc_option_t options =
        (utf8proc_option_t)(UTF8PROC_STABLE | (compose ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE) |
                            (compatible ? UTF8PROC_COMPAT : 0));
    enum { LONGEST = 32 }; /* code points one may decompose into: 18 in Unicode */
    wane_status st = WANE_OK;
    utf8proc_int32_t *codes = NULL;
    size_t count = 0, capacity = 0;
    for (size_t at = 0; at < bytes; at += wane_utf8_size((unsigned char)text[at])) {
        if (!WANE_GROW(codes, capacity, count + LONGEST)) {
            st = wane_fail_memory(err, "tokenizer", "normalisation");
            goto done;
        }
        int boundary = 0;
        utf8proc_int32_t code = (utf8proc_int32_t)wane_utf8_decode(text + at);
        utf8proc_ssize_t parts = 1;
        if (wane_unicode_undivided((uint32_t)code)) codes[count] = code;
        else parts = utf8proc_decompose_char(code, codes + count, LONGEST, options, &boundary);
        if (parts < 0 || parts > LONGEST) {
            st = wane_fail(err, WANE_EINTERNAL, "tokenizer: normalisation: code point U+%04X: %s",
                           (unsigned)code, utf8proc_errmsg(parts));
            goto done;
        }
        count += (size_t)parts;
    }
    /* What the library knows no class of ends a run, as any letter does. */
    for (size_t start = 0; start < count;) {
        size_t stop = start;
        while (stop < count && !wane_unicode_unordered((uint32_t)codes[stop])) stop++;
        utf8proc_ssize_t run = (utf8proc_ssize_t)(stop - start);
        WANE_TRY(order_marks(codes + start, stop - start, err));
        if (compose) run = utf8proc_normalize_utf32(codes + start, run, options);
        for (utf8proc_ssize_t i = 0; i < run; i++)
            put_code(out, (uint32_t)codes[start + (size_t)i]);
        if (stop < count) put_code(out, (uint32_t)codes[stop]);
        start = stop + 1;
    }
done:
    wane_free(codes);
    return st;
}

void wane_unicode_lower(wane_text *out, const char *text, size_t bytes)
{
    for (size_t at = 0; at < bytes;) {
        unsigned char lead = (unsigned char)text[at];
        uint32_t code = wane_utf8_decode(text + at);
        if (lead < 0x80) put_code(out, lead >= 'A' && lead <= 'Z' ? lead + 32u : lead);
        else if (code == 0x130) /* the only code point whose lower case is two */
            wane_text_append(out, "i\xcc\x87", 3);
        else if (wane_unicode_newer_lower(code)) put_code(out, wane_unicode_newer_lower(code));
        else put_code(out, (uint32_t)utf8proc_tolower((utf8proc_int32_t)code));
        at += wane_utf8_size(lead);
    }
}
