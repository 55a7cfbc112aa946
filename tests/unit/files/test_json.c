/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* What stands in the file for a number that neither int64 nor double holds. */
typedef struct written {
    const char *text;
    wane_json_kind kind;
} written;

static void numbers_no_machine_type_holds_stay_as_written(void **state)
{
    (void)state;
    static const written cases[] = {
        {"9223372036854775807", WANE_JSON_INTEGER},
        {"-9223372036854775808", WANE_JSON_INTEGER},
        {"9223372036854775808", WANE_JSON_LARGE},
        {"-9223372036854775809", WANE_JSON_LARGE},
        {"18446744073709551615", WANE_JSON_LARGE},
        {"18446744073709551614", WANE_JSON_LARGE},
        {"123456789012345678901234567890", WANE_JSON_LARGE},
        {"1e400", WANE_JSON_LARGE},
        {"-1.5E+309", WANE_JSON_LARGE},
        {"1.7976931348623157e308", WANE_JSON_REAL},
        {"1e-400", WANE_JSON_REAL},
        {"1.0E+2", WANE_JSON_REAL},
        {"123456789012345678901234567890.5", WANE_JSON_REAL},
        {"0.0", WANE_JSON_REAL},
        {"-0", WANE_JSON_INTEGER},
        {"NaN", WANE_JSON_NOT_FINITE},
        {"Infinity", WANE_JSON_NOT_FINITE},
        {"-Infinity", WANE_JSON_NOT_FINITE},
    };
    enum { COUNT = sizeof cases / sizeof *cases };
    wane_text text = {0};
    wane_error err;
    for (size_t i = 0; i < COUNT; i++)
        wane_text_printf(&text, "%s{\"a\": %s, \"b\": [\"\\\"NaN\", %s,%s]}", i ? ",\n" : "[",
                         cases[i].text, cases[i].text, cases[i].text);
    wane_text_string(&text, "]");
    CHECK_OK(wane_text_check(&text, "build", "array", &err));
    wane_json *root = parse(text.data);
    for (size_t i = 0; i < COUNT; i++) {
        const wane_json *row = wane_json_at(root, i), *b = wane_json_get(row, "b");
        const wane_json *places[] = {wane_json_get(row, "a"), wane_json_at(b, 1),
                                     wane_json_at(b, 2)};
        assert_string_equal(wane_json_string(wane_json_at(b, 0), NULL), "\"NaN");
        for (size_t p = 0; p < 3; p++) {
            bool kept = cases[i].kind == WANE_JSON_LARGE || cases[i].kind == WANE_JSON_NOT_FINITE;
            const char *same = wane_json_written(places[p]);
            if (wane_json_kind_of(places[p]) != cases[i].kind)
                fail_msg("%s is of kind %d", cases[i].text, (int)wane_json_kind_of(places[p]));
            if (kept) assert_string_equal(same, cases[i].text);
            else assert_null(same);
        }
    }
    wane_json_free(root);
    wane_text_free(&text);
}

static void numbers_kept_as_written_have_a_value_where_it_is_finite(void **state)
{
    (void)state;
    wane_json *root = parse("[1000000000000000019884624838656, 1e400, NaN, -Infinity]");
    double real = 7;
    int64_t integer = 7;
    assert_true(wane_json_number(&real, wane_json_at(root, 0)) && real == 1e30);
    for (size_t i = 0; i < 4; i++) {
        assert_false(wane_json_integer(&integer, wane_json_at(root, i)));
        if (i) assert_false(wane_json_number(&real, wane_json_at(root, i)));
    }
    wane_json_free(root);
    root = parse(" NaN ");
    assert_int_equal(wane_json_kind_of(root), WANE_JSON_NOT_FINITE);
    wane_json_free(root);
    root = parse("{\"NaN\": \"Infinity 99999999999999999999 \\\\\", \"b\\\"NaN\": NaN}");
    const char *key = NULL;
    assert_string_equal(wane_json_string(wane_json_member(root, 0, &key), NULL),
                        "Infinity 99999999999999999999 \\");
    assert_string_equal(key, "NaN");
    assert_int_equal(wane_json_kind_of(wane_json_get(root, "b\"NaN")), WANE_JSON_NOT_FINITE);
    wane_json_free(root);
}

/* A small linear generator: any order of kept and plain numbers must come back in place. */
static void each_kept_number_finds_its_place(void **state)
{
    (void)state;
    static const char *const spellings[] = {"1",    "2.5", "NaN",   "18446744073709551615",
                                            "null", "1e5", "1e999", "\"1e999\""};
    wane_error err;
    uint64_t draw = 1;
    for (int round = 0; round < 200; round++) {
        int chosen[12];
        wane_text text = {0};
        for (int i = 0; i < 12; i++) {
            draw = draw * UINT64_C(6364136223846793005) + 1442695040888963407u;
            chosen[i] = (int)(draw >> 61);
            wane_text_printf(&text, "%s\"k%d\":%s", i ? "," : "{", 11 - i, spellings[chosen[i]]);
        }
        wane_text_string(&text, "}");
        CHECK_OK(wane_text_check(&text, "build", "object", &err));
        wane_json *root = parse(text.data);
        for (size_t i = 0; i < 12; i++) {
            const char *key = NULL, *spelt = spellings[chosen[i]];
            const char *kept = wane_json_written(wane_json_member(root, i, &key));
            bool special = chosen[i] == 2 || chosen[i] == 3 || chosen[i] == 6;
            if (special != (kept != NULL) || (kept && strcmp(kept, spelt) != 0))
                fail_msg("%s in %s is %s", spelt, text.data, kept ? kept : "not kept");
        }
        wane_json_free(root);
        wane_text_free(&text);
    }
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
        {"[nan]", 0, 1, 4, "invalid token near 'nan'"},
        {"[-NaN]", 0, 1, 0, "invalid token near '-'"},
        {"[+Infinity]", 0, 1, 0, "invalid token near '+'"},
        {"[1NaN]", 0, 1, 0, "expected near 'NaN'"},
        {"[NaN5]", 0, 1, 0, "invalid token near 'NaN'"},
        {"[NaN_]", 0, 1, 0, "invalid token near 'NaN'"},
        {"[-Infinity\n NaN]", 0, 2, 4, "']' expected near 'NaN'"},
        {"{NaN: 1}", 0, 1, 4, "expected near 'NaN'"},
        {"[1,\n99999999999999999999 1]", 0, 2, 0, "']' expected near '1'"},
        {"[1\n99999999999999999999]", 0, 2, 20, "']' expected near '99999999999999999999'"},
        {"[99999999999999999999,\n 99999999999999999999, -99999999999999999999, x]", 0, 2, 47,
         "invalid token near 'x'"},
        {"[1e999, 1.]", 0, 1, 10, "invalid token near '1.'"},
        {"[099999999999999999999]", 0, 1, 0, "invalid token"},
        {"[NaN, \"a\n NaN\"]", 0, 1, 0, "unexpected newline"},
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_no_machine_type_holds_stay_as_written),
        cmocka_unit_test(numbers_kept_as_written_have_a_value_where_it_is_finite),
        cmocka_unit_test(each_kept_number_finds_its_place),
        cmocka_unit_test(values_are_read),
        cmocka_unit_test(what_is_not_there_is_null),
        cmocka_unit_test(bad_input_has_its_place),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(large_objects_are_quick),
        cmocka_unit_test(written_values_read_back),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
