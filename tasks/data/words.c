/* SPDX-License-Identifier: Apache-2.0
 * White space as Unicode lists it, words as what stands between it, and NFKC with case folded and
 * white space joined, by utf8proc.
 */
#include "tasks/data/words.h"

#include <utf8proc.h>

#include "store/base/memory.h"

bool wane_is_white_space(int32_t c)
{
    return (c >= 9 && c <= 13) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x3000;
}

size_t wane_count_words(const char *text, size_t bytes)
{
    size_t words = 0;
    bool inside = false;
    for (size_t at = 0; at < bytes;) {
        utf8proc_int32_t c = 0;
        utf8proc_ssize_t used = utf8proc_iterate((const utf8proc_uint8_t *)text + at,
                                                 (utf8proc_ssize_t)(bytes - at), &c);
        if (used <= 0) break;
        at += (size_t)used;
        bool white = wane_is_white_space(c);
        words += !white && !inside;
        inside = !white;
    }
    return words;
}

wane_status wane_normalise(wane_text *out, const char *text, size_t bytes, wane_error *err)
{
    const utf8proc_option_t options =
        UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD;
    const utf8proc_uint8_t *in = (const utf8proc_uint8_t *)text;
    wane_text_clear(out);
    utf8proc_ssize_t needed = utf8proc_decompose(in, (utf8proc_ssize_t)bytes, NULL, 0, options);
    if (needed < 0)
        return wane_fail(err, WANE_EFORMAT, "normalise: text: %s", utf8proc_errmsg(needed));
    utf8proc_int32_t *points = wane_alloc((size_t)needed + 1, sizeof *points);
    if (!points) return wane_fail_memory(err, "normalise", "text");
    utf8proc_ssize_t count =
        utf8proc_decompose(in, (utf8proc_ssize_t)bytes, points, needed, options);
    count = count < 0 ? count : utf8proc_normalize_utf32(points, count, options);
    wane_status st = WANE_OK;
    if (count < 0) {
        st = wane_fail(err, WANE_EFORMAT, "normalise: text: %s", utf8proc_errmsg(count));
        goto done;
    }
    bool gap = false;
    for (utf8proc_ssize_t i = 0; i < count; i++) {
        if (wane_is_white_space(points[i])) {
            gap = out->length > 0;
            continue;
        }
        utf8proc_uint8_t bytes_of[4];
        utf8proc_ssize_t length = utf8proc_encode_char(points[i], bytes_of);
        if (gap) wane_text_append(out, " ", 1);
        gap = false;
        wane_text_append(out, (const char *)bytes_of, (size_t)length);
    }
    st = wane_text_check(out, "normalise", "text", err);
done:
    wane_free(points);
    return st;
}
