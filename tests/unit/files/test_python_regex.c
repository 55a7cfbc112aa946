/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "store/base/memory.h"
#include "store/files/json.h"
#include "store/files/python_regex.h"
#include "tests/support/support.h"

/* What Python takes and is refused here, by what is in it. Lookbehinds: each library takes some
 * that the other does not. */
static bool may_differ(const char *pattern)
{
    static const char *const parts[] = {"(?<", "\\ud800", "\\N{", "(?i)\xc3\xa9", "{65536}"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strstr(pattern, parts[i])) return true;
    return false;
}

/* What Python says of `pattern` (a row of "1" and "0", or NULL: refused) is what comes out. */
static bool agrees(const char *pattern, bool whole, const wane_json *texts, const wane_json *said)
{
    wane_error err;
    wane_regex *regex = NULL;
    const char *wanted = wane_json_string(said, NULL);
    wane_status st = wane_regex_compile(&regex, pattern, whole, "config", "key", &err);
    assert_true(st == WANE_OK || st == WANE_EFORMAT);
    if (st != WANE_OK || !wanted) {
        bool good = (st != WANE_OK && !wanted) || may_differ(pattern);
        if (!good)
            print_error("%s: %s\n", pattern, st == WANE_OK ? "Python refuses it" : err.message);
        wane_regex_free(regex);
        return good;
    }
    bool good = true;
    for (size_t i = 0; i < wane_json_size(texts); i++) {
        bool matches = false;
        const char *text = wane_json_string(wane_json_at(texts, i), NULL);
        CHECK_OK(wane_regex_match(&matches, NULL, regex, text, &err));
        if (matches == (wanted[i] == '1')) continue;
        print_error("%s on %s: %d\n", pattern, text, matches);
        good = false;
    }
    wane_regex_free(regex);
    return good;
}

static void patterns_mean_what_python_means(void **state)
{
    (void)state;
    wane_error err;
    wane_json *root = NULL;
    const char *path = getenv("WANE_REGEX_ROWS");
    CHECK_OK(load_json(&root, path ? path : "reference/regex.json", &err));
    const wane_json *texts = wane_json_get(root, "texts"), *rows = wane_json_get(root, "rows");
    size_t bad = 0;
    assert_true(wane_json_size(rows) > 500 && wane_json_size(texts) > 15);
    for (size_t i = 0; i < wane_json_size(rows); i++) {
        const wane_json *row = wane_json_at(rows, i);
        const char *pattern = wane_json_string(wane_json_at(row, 0), NULL);
        for (size_t whole = 0; whole < 2; whole++)
            bad += !agrees(pattern, whole == 1, texts, wane_json_at(row, 1 + whole));
    }
    assert_int_equal(bad, 0);
    wane_json_free(root);
}

static void the_last_group_is_told(void **state)
{
    (void)state;
    wane_error err;
    wane_regex *regex = NULL;
    bool matches = false;
    size_t span[2];
    CHECK_OK(wane_regex_compile(&regex, "(?:^|.*?\\.)(a)?layers\\.(?P<idx>\\d+)\\.", false,
                                "config", "key", &err));
    CHECK_OK(wane_regex_match(&matches, span, regex, "model.layers.12.mlp", &err));
    assert_true(matches);
    assert_int_equal(span[0], 13);
    assert_int_equal(span[1], 15);
    CHECK_OK(wane_regex_match(&matches, span, regex, "model.layer.12.mlp", &err));
    assert_false(matches);
    wane_regex_free(regex);
    CHECK_OK(wane_regex_compile(&regex, "a|(b)", false, "config", "key", &err));
    CHECK_OK(wane_regex_match(&matches, span, regex, "a", &err));
    assert_true(matches && span[0] == SIZE_MAX);
    wane_regex_free(regex);
}

/* Names that make two libraries differ, and patterns that would never end, are refused. */
static void what_cannot_be_matched_is_refused(void **state)
{
    (void)state;
    wane_error err;
    wane_regex *regex = NULL;
    bool matches = false;
    CHECK_OK(wane_regex_compile(&regex, "(a+)+[bc]", false, "config", "key", &err));
    CHECK_FAILS(
        wane_regex_match(&matches, NULL, regex, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", &err),
        WANE_EFORMAT, "read: config: key: the pattern \"(a+)+[bc]\" takes too long on aaa");
    CHECK_FAILS(wane_regex_match(&matches, NULL, regex, "caf\xc3\xa9", &err), WANE_EFORMAT,
                "printable ASCII alone");
    CHECK_FAILS(wane_regex_match(&matches, NULL, regex, "a\n", &err), WANE_EFORMAT,
                "printable ASCII alone");
    wane_regex_free(regex);
    char deep[2048] = "";
    memset(deep, '(', 1000);
    CHECK_FAILS(wane_regex_compile(&regex, deep, false, "config", "key", &err), WANE_EFORMAT,
                "too many groups in groups");
    CHECK_FAILS(wane_regex_compile(&regex, "[a", true, "config", "key", &err), WANE_EFORMAT,
                "read: config: key: the pattern \"[a\" is not understood: an unterminated class");
}

static void lack_of_memory_is_reported(void **state)
{
    (void)state;
    wane_error err;
    long n = 0;
    for (;; n++) {
        wane_regex *regex = NULL;
        bool matches = false;
        wane_memory_fail_after(n);
        wane_status st = wane_regex_compile(&regex, "(a|b)+c", false, "config", "key", &err);
        if (st == WANE_OK) st = wane_regex_match(&matches, NULL, regex, "abc", &err);
        wane_memory_fail_after(-1);
        wane_regex_free(regex);
        if (st == WANE_OK) break;
        assert_int_equal(st, WANE_ENOMEM);
    }
    assert_true(n > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_mean_what_python_means),
        cmocka_unit_test(the_last_group_is_told),
        cmocka_unit_test(what_cannot_be_matched_is_refused),
        cmocka_unit_test(lack_of_memory_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
