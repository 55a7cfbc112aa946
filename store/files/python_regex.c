/* SPDX-License-Identifier: Apache-2.0
 * Compiles what python_translate.c has written for PCRE2, and matches under a bound on steps and
 * memory.
 */
#include "store/files/python_regex.h"

#include <stdint.h>
#include <string.h>

#include "store/base/memory.h"
#include "store/files/pcre.h"

struct wane_regex {
    wane_pcre pcre;
    size_t groups;
    char *path, *expression; /* for messages */
    const char *key;         /* a constant of the caller's */
};

enum { MOST_BYTES = 1 << 14, MOST_STEPS = 1000000, HEAP_KILOBYTES = 1 << 14 };

void wane_regex_free(wane_regex *regex)
{
    if (!regex) return;
    wane_pcre_free(&regex->pcre);
    wane_free(regex->path);
    wane_free(regex->expression);
    wane_free(regex);
}

static wane_status not_understood(const wane_regex *r, const char *cause, wane_error *err)
{
    return wane_fail(err, WANE_EFORMAT,
                     "read: %s: %s: the pattern \"%.100s\" is not understood: %s", r->path, r->key,
                     r->expression, cause);
}

static wane_status compile(wane_regex *r, const wane_text *text, bool whole, wane_error *err)
{
    char cause[WANE_PCRE_CAUSE_BYTES];
    uint32_t options = PCRE2_ANCHORED | (whole ? PCRE2_ENDANCHORED : 0);
    wane_status st = wane_pcre_compile(&r->pcre, text, options, HEAP_KILOBYTES, cause);
    if (st == WANE_ENOMEM) return wane_fail_memory(err, "read", r->path);
    if (st != WANE_OK) return not_understood(r, cause, err);
    (void)pcre2_set_match_limit(r->pcre.limits, MOST_STEPS);
    return WANE_OK;
}

wane_status wane_regex_compile(wane_regex **out, const char *expression, bool whole,
                               const char *path, const char *key, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_text text = {0};
    wane_regex *made = wane_alloc(1, sizeof *made);
    if (!made) return wane_fail_memory(err, "read", path);
    made->key = key;
    made->path = wane_strdup(path);
    made->expression = wane_strdup(expression);
    if (!made->path || !made->expression) WANE_TRY(wane_fail_memory(err, "read", path));
    if (strlen(expression) > MOST_BYTES) WANE_TRY(not_understood(made, "it is too long", err));
    const char *cause = wane_regex_translate(&text, &made->groups, expression);
    if (cause) WANE_TRY(not_understood(made, cause, err));
    WANE_TRY(wane_text_check(&text, "read", path, err));
    WANE_TRY(compile(made, &text, whole, err));
    *out = made;
    made = NULL;
done:
    wane_text_free(&text);
    wane_regex_free(made);
    return st;
}

static bool printable(const char *text)
{
    for (; *text; text++)
        if (*text < 0x20 || *text > 0x7e) return false;
    return true;
}

wane_status wane_regex_match(bool *out, size_t span[2], const wane_regex *r, const char *text,
                             wane_error *err)
{
    wane_status st = WANE_OK;
    if (!printable(text))
        return wane_fail(err, WANE_EFORMAT,
                         "read: %s: %s: patterns are matched to names in printable ASCII alone, "
                         "not \"%.100s\"",
                         r->path, r->key, text);
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(r->pcre.code, r->pcre.context);
    if (!data) return wane_fail_memory(err, "read", r->path);
    int code =
        pcre2_match(r->pcre.code, (PCRE2_SPTR)text, strlen(text), 0, 0, data, r->pcre.limits);
    *out = code >= 0;
    if (span) span[0] = span[1] = SIZE_MAX;
    if (code >= 0 && span && (size_t)code > r->groups) {
        const PCRE2_SIZE *places = pcre2_get_ovector_pointer(data);
        span[0] = places[2 * r->groups];
        span[1] = places[2 * r->groups + 1];
    }
    if (code == PCRE2_ERROR_NOMEMORY) st = wane_fail_memory(err, "read", r->path);
    else if (code < 0 && code != PCRE2_ERROR_NOMATCH)
        st = wane_fail(err, WANE_EFORMAT,
                       "read: %s: %s: the pattern \"%.100s\" takes too long on %s", r->path, r->key,
                       r->expression, text);
    pcre2_match_data_free(data);
    return st;
}
