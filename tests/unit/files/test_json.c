/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/memory.h"
#include "store/files/json.h"
#include "tests/support/support.h"

static wane_json *parse(const char *text)
{
    wane_error err;
    wane_json *root = NULL;
    CHECK_OK(wane_json_parse(&root, text, strlen(text), "t.json", &err));
    return root;
}

static void values_are_read(void **state)
{
    (void)state;
    wane_json *root = parse("\xef\xbb\xbf{\"a\": [1, -2.5, 2.0, true, null, \"x\\u0000y\"],\n"
                            " \"b\": {\"\": \"\xc3\xa9\\ud83d\\ude00\"}, \"c\": false}");
    assert_int_equal(wane_json_kind_of(root), WANE_JSON_OBJECT);
    assert_int_equal(wane_json_size(root), 3);
    const wane_json *list = wane_json_get(root, "a");
    assert_int_equal(wane_json_size(list), 6);
    int64_t integer = 0;
    double real = 0;
    assert_true(wane_json_integer(&integer, wane_json_at(list, 0)));
    assert_int_equal(integer, 1);
    assert_true(wane_json_number(&real, wane_json_at(list, 1)));
    assert_true(real == -2.5);
    assert_false(wane_json_integer(&integer, wane_json_at(list, 1)));
    assert_true(wane_json_integer(&integer, wane_json_at(list, 2)));
    assert_int_equal(integer, 2);
    assert_true(wane_json_bool(wane_json_at(list, 3), false));
    assert_int_equal(wane_json_kind_of(wane_json_at(list, 4)), WANE_JSON_NULL);
    size_t bytes = 0;
    const char *string = wane_json_string(wane_json_at(list, 5), &bytes);
    assert_int_equal(bytes, 3);
    assert_memory_equal(string, "x\0y", 4);
    const char *key = NULL;
    const wane_json *member = wane_json_member(wane_json_member(root, 1, &key), 0, &key);
    assert_string_equal(key, "");
    assert_string_equal(wane_json_string(member, NULL), "\xc3\xa9\xf0\x9f\x98\x80");
    assert_false(wane_json_bool(wane_json_get(root, "c"), true));
    wane_json_free(root);
    wane_json_free(NULL);
}

static void what_is_not_there_is_null(void **state)
{
    (void)state;
    wane_json *root = parse("{\"a\": 1}");
    const char *key = "untouched";
    double real = 7;
    int64_t integer = 7;
    assert_null(wane_json_get(root, "b"));
    assert_null(wane_json_get(wane_json_get(root, "b"), "c"));
    assert_null(wane_json_get(wane_json_get(root, "a"), "c"));
    assert_null(wane_json_at(root, 0));
    assert_null(wane_json_member(root, 1, &key));
    assert_string_equal(key, "untouched");
    assert_null(wane_json_string(NULL, NULL));
    assert_false(wane_json_number(&real, NULL));
    assert_false(wane_json_integer(&integer, root));
    assert_int_equal(wane_json_size(NULL), 0);
    assert_true(wane_json_bool(wane_json_get(root, "a"), true));
    wane_json_free(root);
}

static void integers_beyond_int64_are_reals(void **state)
{
    (void)state;
    wane_json *root = parse("{\"a\\\"-99999999999999999999\": 1000000000000000019884624838656,\n"
                            "\"b\": [9223372036854775807, 9223372036854775808, "
                            "-9223372036854775808, -9223372036854775809]}");
    double real = 0;
    int64_t integer = 0;
    const char *key = NULL;
    const wane_json *a = wane_json_member(root, 0, &key), *b = wane_json_get(root, "b");
    assert_string_equal(key, "a\"-99999999999999999999");
    assert_int_equal(wane_json_kind_of(a), WANE_JSON_REAL);
    assert_true(wane_json_number(&real, a) && real == 1e30);
    assert_false(wane_json_integer(&integer, a));
    assert_int_equal(wane_json_kind_of(wane_json_at(b, 0)), WANE_JSON_INTEGER);
    assert_int_equal(wane_json_kind_of(wane_json_at(b, 1)), WANE_JSON_REAL);
    assert_true(wane_json_integer(&integer, wane_json_at(b, 2)) && integer == INT64_MIN);
    assert_int_equal(wane_json_kind_of(wane_json_at(b, 3)), WANE_JSON_REAL);
    wane_json_free(root);
    wane_error err;
    const char *bad = "[99999999999999999999,\n 99999999999999999999, -99999999999999999999, x]";
    CHECK_FAILS(wane_json_parse(&root, bad, strlen(bad), "t.json", &err), WANE_EFORMAT,
                "invalid token near 'x' (line 2, column 47)");
}

typedef struct refusal {
    const char *text;
    size_t count; /* 0 = strlen */
    long line, column;
    const char *cause;
} refusal;

static void bad_input_has_its_place(void **state)
{
    (void)state;
    static const refusal cases[] = {
        {"", 0, 1, 0, "read: t.json: "},
        {"{\"a\": 1,\n \"b\": 2,\n \"a\": 3}", 0, 3, 0, "duplicate object key"},
        {"{\"a\": 1,\n \"b\": }", 0, 2, 7, "unexpected token"},
        {"[1, 2", 0, 1, 5, "expected near end of file"},
        {"[NaN]", 0, 1, 0, "invalid token"},
        {"[-Infinity]", 0, 1, 0, "invalid token"},
        {"[1e999]", 0, 1, 0, "overflow"},
        {"[\"\xff\"]", 0, 1, 0, "unable to decode byte 0xff"},
        {"[\"\xed\xa0\x80\"]", 0, 1, 0, "unable to decode byte"},
        {"[\"\\ud800\"]", 0, 1, 0, "invalid Unicode"},
        {"[\"\\udc00\"]", 0, 1, 0, "invalid Unicode"},
        {"[\"a\nb\"]", 0, 1, 0, "unexpected newline"},
        {"[1] x", 0, 1, 5, "end of file expected"},
        {"[1]\0", 4, 1, 0, "end of file expected"},
        {"{\"\\u0000\": 1}", 0, 1, 0, "NUL byte in object key"},
        {"[01]", 0, 1, 0, "invalid token"},
        {"['a']", 0, 1, 0, "invalid token"},
        {"[1,]", 0, 1, 4, "unexpected token"},
        {"\xef\xbb\xbf\xef\xbb\xbf[]", 0, 1, 0, "invalid token"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wane_error err = {0};
        wane_json *root = NULL;
        const refusal *c = &cases[i];
        size_t count = c->count ? c->count : strlen(c->text);
        CHECK_FAILS(wane_json_parse(&root, c->text, count, "t.json", &err), WANE_EFORMAT, c->cause);
        assert_int_equal(err.line, c->line);
        if (c->column) assert_int_equal(err.column, c->column);
        assert_true(err.column >= 1);
        assert_null(root);
    }
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    enum { DEPTH = 5000 };
    wane_error err;
    wane_json *root = NULL;
    char *text = malloc(2 * DEPTH);
    assert_non_null(text);
    memset(text, '[', DEPTH);
    memset(text + DEPTH, ']', DEPTH);
    CHECK_FAILS(wane_json_parse(&root, text, 2 * DEPTH, "t.json", &err), WANE_EFORMAT,
                "maximum parsing depth");
    CHECK_OK(wane_json_parse(&root, text + DEPTH - 2048, 2 * 2048, "t.json", &err));
    const wane_json *inner = root;
    int depth = 0;
    for (; wane_json_size(inner); inner = wane_json_at(inner, 0)) depth++;
    assert_int_equal(depth, 2047);
    wane_json_free(root);
    free(text);
}

/* A tokenizer.json has some 10^5 members: a quadratic walk would take minutes. */
static void large_objects_are_quick(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    wane_text text = {0};
    wane_error err;
    wane_json *root = NULL;
    for (int i = 0; i < COUNT; i++) wane_text_printf(&text, "%s\"key%d\":%d", i ? "," : "{", i, i);
    wane_text_string(&text, "}");
    CHECK_OK(wane_text_check(&text, "build", "object", &err));
    CHECK_OK(wane_json_parse(&root, text.data, text.length, "t.json", &err));
    assert_int_equal(wane_json_size(root), COUNT);
    for (int i = 0; i < COUNT; i++) {
        char name[16];
        const char *key = NULL;
        int64_t value = -1;
        (void)snprintf(name, sizeof name, "key%d", i);
        assert_true(wane_json_integer(&value, wane_json_member(root, (size_t)i, &key)));
        if (value != i || strcmp(key, name) != 0) fail_msg("member %d is %s", i, key);
        if (wane_json_get(root, name) != wane_json_member(root, (size_t)i, &key))
            fail_msg("%s is not found", name);
    }
    assert_null(wane_json_get(root, "key"));
    assert_null(wane_json_get(root, "key100000"));
    wane_json_free(root);
    wane_text_free(&text);
}

static void written_values_read_back(void **state)
{
    (void)state;
    static const double numbers[] = {
        0, -0.0, 1, -1.5, 0.1, 1e-300, 5e-324, 1.7976931348623157e308, 1e100, 1e17, 123456789.125};
    wane_error err;
    wane_text text = {0};
    const char *string = "\"\\/\b\f\n\r\t\x01\x7f \xc3\xa9 \xf0\x9f\x98\x80";
    wane_text_string(&text, "[");
    wane_json_write_string(&text, string);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        wane_text_string(&text, ", ");
        wane_json_write_number(&text, numbers[i]);
    }
    wane_text_string(&text, ", ");
    wane_json_write_number(&text, (double)NAN);
    wane_text_string(&text, ", ");
    wane_json_write_number(&text, (double)INFINITY);
    wane_text_string(&text, "]");
    CHECK_OK(wane_text_check(&text, "build", "array", &err));
    wane_json *root = parse(text.data);
    assert_string_equal(wane_json_string(wane_json_at(root, 0), NULL), string);
    size_t count = sizeof numbers / sizeof *numbers;
    for (size_t i = 0; i < count; i++) {
        double back = 0;
        assert_true(wane_json_number(&back, wane_json_at(root, i + 1)));
        assert_memory_equal(&back, &numbers[i], sizeof back);
    }
    assert_int_equal(wane_json_kind_of(wane_json_at(root, count + 1)), WANE_JSON_NULL);
    assert_int_equal(wane_json_kind_of(wane_json_at(root, count + 2)), WANE_JSON_NULL);
    wane_json_free(root);
    wane_text_free(&text);
}

static void files_are_loaded(void **state)
{
    (void)state;
    wane_error err;
    wane_json *root = NULL;
    const char *path = scratch_path("a.json");
    write_file(path, "[1,\n2,\n}", 8);
    CHECK_FAILS(wane_json_load(&root, path, &err), WANE_EFORMAT, "a.json: ");
    assert_int_equal(err.line, 3);
    CHECK_FAILS(wane_json_load(&root, scratch_path("none.json"), &err), WANE_ENOTFOUND,
                "none.json: No such file");
    write_file(path, "[1]", 3);
    CHECK_OK(wane_json_load(&root, path, &err));
    wane_json_free(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_beyond_int64_are_reals),
        cmocka_unit_test(values_are_read),
        cmocka_unit_test(what_is_not_there_is_null),
        cmocka_unit_test(bad_input_has_its_place),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(large_objects_are_quick),
        cmocka_unit_test(written_values_read_back),
        cmocka_unit_test(files_are_loaded),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
