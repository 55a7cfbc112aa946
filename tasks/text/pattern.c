/* SPDX-License-Identifier: Apache-2.0
 * Compiles the rewritten expression and searches with it, putting a stand-in for every code point
 * that PCRE2's tables do not know yet.
 */
#include "tasks/text/pattern.h"

#include <string.h>

#include "store/base/memory.h"
#include "store/files/pcre.h"
#include "tasks/text/unicode.h"

struct wane_pattern {
    char *literal; /* or NULL */
    size_t bytes;
    wane_pcre pcre;
    bool jit;
};

enum { EXPRESSION_BYTES = 1 << 16, HEAP_KILOBYTES = 1 << 17 };

void wane_pattern_free(wane_pattern *pattern)
{
    if (!pattern) return;
    wane_pcre_free(&pattern->pcre);
    wane_free(pattern->literal);
    wane_free(pattern);
}

static wane_status compile(wane_pattern *pattern, const wane_text *expression,
                           const wane_json_part *part, wane_error *err)
{
    char cause[WANE_PCRE_CAUSE_BYTES];
    wane_status st = wane_pcre_compile(&pattern->pcre, expression, PCRE2_UCP | PCRE2_MULTILINE,
                                       HEAP_KILOBYTES, cause);
    if (st == WANE_ENOMEM) return wane_fail_memory(err, "tokenizer", part->file);
    if (st != WANE_OK)
        return wane_json_part_fail(part, err, "expression \"%.200s\": %s", expression->data, cause);
    pattern->jit = pcre2_jit_compile(pattern->pcre.code, PCRE2_JIT_COMPLETE) == 0;
    return WANE_OK;
}

wane_status wane_pattern_compile(wane_pattern **out, const char *expression, size_t bytes,
                                 wane_syntax syntax, const wane_json_part *part, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_text rewritten = {0};
    const char *unsupported = NULL;
    wane_pattern *made = wane_alloc(1, sizeof *made);
    if (!made) return wane_fail_memory(err, "tokenizer", part->file);
    if (bytes > EXPRESSION_BYTES) {
        st = wane_json_part_fail(part, err, "an expression of %zu bytes: at most %d", bytes,
                                 EXPRESSION_BYTES);
        goto done;
    }
    if (syntax == WANE_PCRE2) wane_text_append(&rewritten, expression, bytes);
    else WANE_TRY(wane_pattern_rewrite(&rewritten, expression, bytes, &unsupported, err));
    WANE_TRY(wane_text_check(&rewritten, "tokenizer", part->file, err));
    if (unsupported) {
        st = wane_json_part_fail(part, err, "expression \"%.200s\": %s is not supported",
                                 expression, unsupported);
        goto done;
    }
    WANE_TRY(compile(made, &rewritten, part, err));
    *out = made;
    made = NULL;
done:
    wane_text_free(&rewritten);
    wane_pattern_free(made);
    return st;
}

wane_status wane_pattern_read(wane_pattern **out, const wane_json *json, const wane_json_part *part,
                              wane_error *err)
{
    size_t bytes = 0;
    const char *literal = wane_json_string(wane_json_get(json, "String"), &bytes);
    const char *expression =
        literal ? NULL : wane_json_string(wane_json_get(json, "Regex"), &bytes);
    if (wane_json_size(json) != 1 || (!literal && !expression))
        return wane_json_part_fail(part, err,
                                   "\"pattern\" is neither {\"String\"} nor {\"Regex\"}");
    if (expression) return wane_pattern_compile(out, expression, bytes, WANE_ONIGURUMA, part, err);
    if (!bytes) return wane_json_part_fail(part, err, "\"pattern\" is empty");
    wane_pattern *made = wane_alloc(1, sizeof *made);
    char *copy = wane_alloc(bytes + 1, 1);
    if (!made || !copy) {
        wane_free(made);
        wane_free(copy);
        return wane_fail_memory(err, "tokenizer", part->file);
    }
    memcpy(copy, literal, bytes);
    made->literal = copy;
    made->bytes = bytes;
    *out = made;
    return WANE_OK;
}

wane_status wane_search_open(wane_search *out, const wane_pattern *pattern, wane_error *err)
{
    wane_search search = {.pattern = pattern};
    if (pattern->pcre.code) {
        search.data = pcre2_match_data_create(1, pattern->pcre.context);
        if (!search.data) return wane_fail_memory(err, "tokenizer", "search");
    }
    *out = search;
    return WANE_OK;
}

void wane_search_close(wane_search *search)
{
    pcre2_match_data_free(search->data);
    wane_text_free(&search->shadow);
    *search = (wane_search){0};
}

/* Where the next code point stands that newer Unicode has assigned; `bytes` when there is none. */
static size_t find_newer(const char *text, size_t bytes, size_t at, uint32_t *stand_in)
{
    for (; at < bytes; at += wane_utf8_size((unsigned char)text[at])) {
        if ((unsigned char)text[at] < 0xe0) continue; /* the first of them has three bytes */
        uint32_t code = wane_utf8_decode(text + at);
        if (code >= 0x3400 && code < 0xa7c0) continue; /* nor is any among the ideographs */
        *stand_in = wane_unicode_stand_in(code);
        if (*stand_in) return at;
    }
    return bytes;
}

wane_status wane_search_set(wane_search *search, const char *text, size_t bytes, wane_error *err)
{
    search->text = text;
    search->bytes = bytes;
    search->from = search->last_end = 0;
    search->had_match = false;
    if (search->pattern->literal) return WANE_OK;
    uint32_t stand_in = 0;
    size_t at = find_newer(text, bytes, 0, &stand_in);
    if (at == bytes) return WANE_OK;
    wane_text_clear(&search->shadow);
    wane_text_append(&search->shadow, text, bytes);
    wane_status st = wane_text_check(&search->shadow, "tokenizer", "search", err);
    if (st != WANE_OK) return st;
    for (; at < bytes; at = find_newer(text, bytes, at + 1, &stand_in))
        (void)wane_utf8_encode(search->shadow.data + at, stand_in);
    search->text = search->shadow.data;
    return WANE_OK;
}

static wane_status find_literal(wane_search *search, size_t *start, size_t *end)
{
    const wane_pattern *pattern = search->pattern;
    const char *found = memmem(search->text + search->from, search->bytes - search->from,
                               pattern->literal, pattern->bytes);
    if (!found) return WANE_DONE;
    *start = (size_t)(found - search->text);
    *end = search->from = *start + pattern->bytes;
    return WANE_OK;
}

wane_status wane_search_next(wane_search *search, size_t *start, size_t *end, wane_error *err)
{
    const wane_pattern *pattern = search->pattern;
    if (!search->bytes) return WANE_DONE;
    if (pattern->literal) return find_literal(search, start, end);
    PCRE2_SPTR text = (PCRE2_SPTR)search->text;
    while (search->from <= search->bytes) {
        int found = PCRE2_ERROR_JIT_STACKLIMIT;
        if (pattern->jit)
            found = pcre2_jit_match(pattern->pcre.code, text, search->bytes, search->from, 0,
                                    search->data, pattern->pcre.limits);
        if (found == PCRE2_ERROR_JIT_STACKLIMIT)
            found =
                pcre2_match(pattern->pcre.code, text, search->bytes, search->from,
                            PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, search->data, pattern->pcre.limits);
        if (found == PCRE2_ERROR_NOMATCH) return WANE_DONE;
        if (found == PCRE2_ERROR_NOMEMORY) return wane_fail_memory(err, "tokenizer", "search");
        if (found < 0) {
            char cause[128] = "";
            (void)pcre2_get_error_message(found, (PCRE2_UCHAR *)cause, sizeof cause);
            return wane_fail(err, WANE_EFORMAT, "tokenizer: search: %s", cause);
        }
        const PCRE2_SIZE *at = pcre2_get_ovector_pointer(search->data);
        if (at[0] == at[1] && search->had_match && at[1] == search->last_end) {
            if (search->from >= search->bytes) return WANE_DONE;
            search->from += wane_utf8_size(text[search->from]);
            continue;
        }
        search->from = search->last_end = at[1];
        search->had_match = true;
        *start = at[0];
        *end = at[1];
        return WANE_OK;
    }
    return WANE_DONE;
}
