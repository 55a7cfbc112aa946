/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/told.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/process.h"
#include "tests/support/support.h"

enum { WORDS = 40, WORD = 600 };

static char *out, *err_text;
static wane_json *parsed;

/* One word of the line, with its paths written out. */
static void expand(char *to, const char *from, size_t length)
{
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        if (i + 1 < length && (from[i] == '{' || from[i] == '}') && from[i] == from[i + 1]) {
            to[used++] = from[++i];
            continue;
        }
        const char *end = from[i] == '{' ? memchr(from + i, '}', length - i) : NULL;
        if (end) {
            char name[100];
            (void)snprintf(name, sizeof name, "%.*s", (int)(end - from - (long)i) - 1,
                           from + i + 1);
            used += (size_t)snprintf(to + used, WORD - used, "%s", scratch_path(name));
            i = (size_t)(end - from);
        } else to[used++] = from[i] == '~' ? ' ' : from[i];
        assert_true(used + 1 < WORD);
    }
    to[used] = '\0';
}

int told(const char *line)
{
    static char words[WORDS][WORD];
    const char *arguments[WORDS + 1];
    size_t count = 0;
    for (const char *at = line; *at;) {
        size_t length = strcspn(at, " ");
        assert_true(count < WORDS);
        expand(words[count], at, length);
        arguments[count] = words[count];
        count++;
        at += length + (at[length] == ' ');
    }
    arguments[count] = NULL;
    int code = process_run(arguments, "told.out", "told.err");
    told_free();
    out = read_file(scratch_path("told.out"), NULL);
    err_text = read_file(scratch_path("told.err"), NULL);
    return code;
}

const char *told_out(void)
{
    return out;
}

const char *told_err(void)
{
    return err_text;
}

void told_free(void)
{
    free(out);
    free(err_text);
    wane_json_free(parsed);
    out = err_text = NULL;
    parsed = NULL;
}

void told_refused(const told_refusal *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int code = told(calls[i].line);
        if (code != 2 || !strstr(told_err(), calls[i].says))
            print_error("%s\nexit code %d: %s", calls[i].line, code, told_err());
        assert_int_equal(code, 2);
        assert_non_null(strstr(told_err(), calls[i].says));
        assert_string_equal(told_out(), "");
        assert_ptr_equal(strchr(told_err(), '\n'), told_err() + strlen(told_err()) - 1);
    }
}

const wane_json *told_json(const char *line)
{
    wane_error err;
    int code = told(line);
    if (code != 0 || err_text[0]) print_error("%s\nexit code %d: %s", line, code, err_text);
    assert_int_equal(code, 0);
    assert_string_equal(err_text, "");
    CHECK_OK(wane_json_parse(&parsed, out, strlen(out), "stdout", &err));
    return parsed;
}

double json_number(const wane_json *object, const char *key)
{
    double value = NAN;
    const wane_json *member = wane_json_get(object, key);
    if (!member) print_error("no member \"%s\"\n", key);
    assert_non_null(member);
    assert_true(wane_json_number(&value, member) || wane_json_kind_of(member) == WANE_JSON_NULL);
    return value;
}

const char *json_text(const wane_json *object, const char *key)
{
    const char *text = wane_json_string(wane_json_get(object, key), NULL);
    if (!text) print_error("no text \"%s\"\n", key);
    assert_non_null(text);
    return text;
}

void json_keys_are(const wane_json *object, const char *keys)
{
    char all[2000] = "";
    size_t used = 0;
    for (size_t i = 0; i < wane_json_size(object); i++) {
        const char *key = NULL;
        assert_non_null(wane_json_member(object, i, &key));
        used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", i ? " " : "", key);
        assert_true(used < sizeof all);
    }
    assert_string_equal(all, keys);
}
