/* SPDX-License-Identifier: Apache-2.0
 * The readers of rows: CSV, TSV, JSONL, JSON; and templates.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/random.h"
#include "tasks/data/source.h"
#include "tasks/data/template.h"
#include "tasks/data/words.h"
#include "tests/support/support.h"

/* All rows as "name=value;" per column and "/" per row, or the error in err. */
static wane_status all_rows(wane_text *out, const char *bytes, size_t count, wane_format format,
                            bool bare, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_source *source = NULL;
    WANE_TRY(wane_source_open(&source, bytes, count, "file", format, bare, err));
    while ((st = wane_source_next(source, err)) == WANE_OK) {
        for (size_t c = 0; c < wane_source_columns(source); c++) {
            wane_text_printf(out, "%s=", wane_source_column(source, c));
            WANE_TRY(wane_source_value(source, wane_source_column(source, c), out, err));
            wane_text_string(out, ";");
        }
        wane_text_string(out, "/");
    }
    if (st == WANE_DONE) st = wane_text_check(out, "test", "rows", err);
done:
    wane_source_free(source);
    return st;
}

static void reads(const char *text, wane_format format, const char *expected)
{
    wane_error err;
    wane_text out = {0};
    CHECK_OK(all_rows(&out, text, strlen(text), format, false, &err));
    assert_string_equal(out.data, expected);
    wane_text_free(&out);
}

static void fails(const char *text, size_t count, wane_format format, const char *message)
{
    wane_error err = {0};
    wane_text out = {0};
    CHECK_FAILS(all_rows(&out, text, count, format, false, &err), WANE_EFORMAT, message);
    wane_text_free(&out);
}
#define FAILS(text, format, message) fails(text, sizeof(text) - 1, format, message)

static void csv_follows_rfc_4180(void **state)
{
    (void)state;
    reads("a,b\n1,2\n", WANE_FORMAT_CSV, "a=1;b=2;/");
    reads("a,b\r\n1,2\r\n3,4", WANE_FORMAT_CSV, "a=1;b=2;/a=3;b=4;/");
    reads("\xef\xbb\xbf"
          "a,b\n\"x, y\",\"say \"\"hi\"\"\"\n",
          WANE_FORMAT_CSV, "a=x, y;b=say \"hi\";/");
    reads("a,b\n\"two\r\nlines\n\",\n,\"\"\n", WANE_FORMAT_CSV, "a=two\r\nlines\n;b=;/a=;b=;/");
    reads("a,b\n\n1,2\n\r\n\n3,4\n\n", WANE_FORMAT_CSV, "a=1;b=2;/a=3;b=4;/");
    reads("a,b\n1,", WANE_FORMAT_CSV, "a=1;b=;/");
    reads("", WANE_FORMAT_CSV, "");
    reads("a,b\n", WANE_FORMAT_CSV, "");
    FAILS("a,b\n1\n", WANE_FORMAT_CSV,
          "read: file: 1 field where the header has 2 columns (line 2, column 1)");
    FAILS("a,b\n\"1\n\n\",2\n1,2,3\n", WANE_FORMAT_CSV, "(line 5, column 1)");
    FAILS("a,b\n1,\"x\ny", WANE_FORMAT_CSV,
          "never closed (a field that begins with a "
          "quote is quoted: in it, a quote is written twice) (line "
          "2, column 3)");
    FAILS("a,b\n1,\"x\"y\n", WANE_FORMAT_CSV, "behind the closing quote of a field");
    FAILS("a,b,a\n1,2,3\n", WANE_FORMAT_CSV, "column \"a\" is named twice (line 1, column 1)");
    FAILS("a\nx\xff\n", WANE_FORMAT_CSV, "broken UTF-8 (convert the file to UTF-8) (line 2, colu");
    FAILS("a\nx\0y\n", WANE_FORMAT_CSV, "a NUL character (line 2, column 2)");
}

/* Of other kinds of file the kind is said, where their bytes are no text. */
static void kinds_that_are_no_text(void **state)
{
    (void)state;
    FAILS("PAR1\x15\x04\0\xff", WANE_FORMAT_CSV,
          "read: file: Parquet, not text (write its rows as JSON lines or CSV)");
    FAILS("PK\x03\x04\x14\0\0", WANE_FORMAT_JSONL, "read: file: a zip archive, not text");
    FAILS("\x1f\x8b\x08\0", WANE_FORMAT_TSV, "gzip, not text (give its name the ending .gz)");
    FAILS("\xff\xfe"
          "a\0",
          WANE_FORMAT_CSV, "UTF-16, not UTF-8 (convert the file to UTF-8)");
    FAILS("\xff\xff\xff\xff\x10\0\0\0", WANE_FORMAT_CSV, "Arrow, not text");
    FAILS("PAR1 a\x01\xff", WANE_FORMAT_JSONL, "Parquet");
    reads("PAR1,b\n1,2\n", WANE_FORMAT_CSV, "PAR1=1;b=2;/");
}

static void tsv_is_csv_between_tabs(void **state)
{
    (void)state;
    reads("a\tb\n\"He said \"\"hi\"\"\"\t1\n", WANE_FORMAT_TSV, "a=He said \"hi\";b=1;/");
    reads("a\tb\n\"x\ty\nz\"\t\"\"\nu,v\t2", WANE_FORMAT_TSV, "a=x\ty\nz;b=;/a=u,v;b=2;/");
    reads("a\tb\na 5\" pipe\t'x\"\n", WANE_FORMAT_TSV, "a=a 5\" pipe;b='x\";/");
    reads("\"a\"\tb\n1\t2\n  \n3\t4\n", WANE_FORMAT_TSV, "a=1;b=2;/a=3;b=4;/");
    reads("a\tb\n\t\n", WANE_FORMAT_TSV, "a=;b=;/");
    FAILS("a\tb\n1\t2\t3\n", WANE_FORMAT_TSV, "3 fields where the header has 2 columns");
    FAILS("a\tb\n1\t2\n3\t\"x\n4\t5\n", WANE_FORMAT_TSV,
          "never closed (a field that begins with a "
          "quote is quoted: in it, a quote is "
          "written twice) (line 3, column 3)");
    FAILS("a\tb\n\"x\" y\t2\n", WANE_FORMAT_TSV, "behind the closing quote of a field");
}

static void a_quote_inside_a_field_is_a_character(void **state)
{
    (void)state;
    reads("a,b\n1,x\"y\"\n", WANE_FORMAT_CSV, "a=1;b=x\"y\";/");
    reads("a,b\n1, \"y\"\n", WANE_FORMAT_CSV, "a=1;b= \"y\";/");
    reads("a,b\n5\",\"6\"\"\"\n", WANE_FORMAT_CSV, "a=5\";b=6\";/");
}

static void lines_end_in_lf_crlf_or_cr(void **state)
{
    (void)state;
    reads("a,b\r1,2\r3,4\r", WANE_FORMAT_CSV, "a=1;b=2;/a=3;b=4;/");
    reads("a,b\r1,2\r3,4", WANE_FORMAT_CSV, "a=1;b=2;/a=3;b=4;/");
    reads("a,b\r1,2\n3,4\r\n\r5,6\n\r7,8", WANE_FORMAT_CSV, "a=1;b=2;/a=3;b=4;/a=5;b=6;/a=7;b=8;/");
    reads("a\tb\r\"x\ry\r\nz\"\t2\r", WANE_FORMAT_TSV, "a=x\ry\r\nz;b=2;/");
    reads("a\n1\r2\n", WANE_FORMAT_CSV, "a=1;/a=2;/");
    reads("a\n1\n \t\n\r \r2\n  ", WANE_FORMAT_CSV, "a=1;/a=2;/");
    FAILS("a,b\r\"1\r\r\",2\r1,2,3\r", WANE_FORMAT_CSV, "(line 5, column 1)");
    FAILS("a,b\r\n\"1\r\n\",2\r\n1\r\n", WANE_FORMAT_CSV, "(line 4, column 1)");
    FAILS("a\rx\rx\xff\r", WANE_FORMAT_CSV,
          "broken UTF-8 (convert the file to UTF-8) (line 3, colu");
}

/* Any table written by the rules of RFC 4180 reads back; and no bytes whatever crash the reader. */
static void csv_round_trip(void **state)
{
    (void)state;
    static const char letters[] = "a,\"\n\r\t \xc3\xa9";
    wane_error err;
    for (uint64_t trial = 0; trial < 300; trial++) {
        wane_random where = {.seed = 5, .purpose = WANE_RANDOM_TEST, .step = trial};
        uint64_t element = 0;
        wane_text file = {0}, wanted = {0}, got = {0};
        size_t columns = 1 + wane_random_below(&where, element++, 4);
        size_t rows = wane_random_below(&where, element++, 5);
        for (size_t r = 0; r <= rows; r++) {
            for (size_t c = 0; c < columns; c++) {
                if (c) wane_text_string(&file, ",");
                if (r == 0) {
                    wane_text_printf(&file, "%c", (int)('A' + c));
                    continue;
                }
                wane_text_printf(&wanted, "%c=", (int)('A' + c));
                wane_text_string(&file, "\"");
                size_t length = wane_random_below(&where, element++, 6);
                for (size_t k = 0; k < length; k++) {
                    size_t pick = wane_random_below(&where, element++, 8);
                    const char *bytes = letters + (pick < 7 ? pick : 7);
                    size_t count = pick < 7 ? 1 : 2;
                    if (*bytes == '"') wane_text_string(&file, "\"");
                    wane_text_append(&file, bytes, count);
                    wane_text_append(&wanted, bytes, count);
                }
                wane_text_string(&file, "\"");
                wane_text_string(&wanted, ";");
            }
            if (r) wane_text_string(&wanted, "/");
            wane_text_string(&file, trial % 2 ? "\r\n" : "\n");
        }
        wane_text_append(&wanted, "", 0);
        CHECK_OK(wane_text_check(&file, "test", "csv", &err));
        CHECK_OK(wane_text_check(&wanted, "test", "csv", &err));
        CHECK_OK(all_rows(&got, file.data, file.length, WANE_FORMAT_CSV, false, &err));
        assert_string_equal(got.data, wanted.data);
        wane_text_free(&file);
        wane_text_free(&wanted);
        wane_text_free(&got);
    }
}

static void any_bytes_end_well(void **state)
{
    (void)state;
    static const char letters[] = "{}[]\",:\n\t\r\\ue9a01-.\xc3\xa9";
    for (uint64_t trial = 0; trial < 4000; trial++) {
        wane_random where = {.seed = 6, .purpose = WANE_RANDOM_TEST, .step = trial};
        char bytes[24];
        size_t count = wane_random_below(&where, 0, sizeof bytes);
        char *exact = malloc(count + 1); /* so that a read past the end shows */
        assert_non_null(exact);
        for (size_t i = 0; i < count; i++)
            bytes[i] = letters[wane_random_below(&where, i + 1, sizeof letters - 1)];
        memcpy(exact, bytes, count);
        exact[count] = '\0';
        for (int format = WANE_FORMAT_JSONL; format <= WANE_FORMAT_TSV; format++) {
            wane_error err = {0};
            wane_text out = {0};
            wane_status st = all_rows(&out, exact, count, (wane_format)format, trial % 2, &err);
            assert_true(st == WANE_OK || st == WANE_EFORMAT);
            if (st != WANE_OK) assert_non_null(strstr(err.message, "file"));
            wane_text_free(&out);
        }
        free(exact);
    }
}

static void jsonl_reads_values(void **state)
{
    (void)state;
    reads("{\"t\": \"x\\ny\", \"n\": 3, \"r\": 2.0, \"q\": 0.5, \"b\": true}\n\n{\"t\": \"\"}",
          WANE_FORMAT_JSONL, "t=x\ny;n=3;r=2;q=0.5;b=true;/t=;/");
    FAILS("{\"t\": 1}\n[1]\n", WANE_FORMAT_JSONL, "an object is wanted (line 2, column 1)");
    FAILS("{\"t\": 1}\n\n{\"t\": 1,}\n", WANE_FORMAT_JSONL, "(line 3, column");
    FAILS("{\"t\": null}\n", WANE_FORMAT_JSONL, "column \"t\" is null (line 1, column 1)");
    FAILS("{\"t\": [1]}\n", WANE_FORMAT_JSONL, "is a list or an object; text or a number is wan");
    FAILS("{\"t\": \"a\\u0000b\"}\n", WANE_FORMAT_JSONL,
          "holds a NUL character (line 1, column 1)");
    FAILS("{\"t\": 1, \"t\": 2}\n", WANE_FORMAT_JSONL, "(line 1, column");
}

static void numbers_are_text_as_written(void **state)
{
    (void)state;
    reads("{\"l\": 18446744073709551615}\n{\"l\": 18446744073709551614}\n{\"l\": 7}\n"
          "{\"l\": -123456789012345678901234567890}\n{\"l\": 1e400}\n{\"l\": \"NaN\"}",
          WANE_FORMAT_JSONL,
          "l=18446744073709551615;/l=18446744073709551614;/l=7;/"
          "l=-123456789012345678901234567890;/l=1e400;/l=NaN;/");
    FAILS("{\"t\": 1}\n{\"t\": NaN}\n", WANE_FORMAT_JSONL,
          "column \"t\" is NaN; text or a number is wanted (line 2, column 1)");
    FAILS("[{\"t\": -Infinity}]", WANE_FORMAT_JSON, "row 1: column \"t\" is -Infinity;");
    wane_error err;
    wane_source *source = NULL;
    wane_text out = {0};
    const char text[] = "{\"score\": NaN, \"t\": \"x\"}\n";
    CHECK_OK(
        wane_source_open(&source, text, sizeof text - 1, "file", WANE_FORMAT_JSONL, false, &err));
    CHECK_OK(wane_source_next(source, &err));
    CHECK_OK(wane_source_value(source, "t", &out, &err));
    assert_string_equal(out.data, "x");
    wane_source_free(source);
    wane_text_free(&out);
}

static void json_lines_may_be_called_json(void **state)
{
    (void)state;
    reads("{\"a\": 1}\n{\"a\": 2}\n", WANE_FORMAT_JSON, "a=1;/a=2;/");
    reads("\xef\xbb\xbf\n \r\n{\"a\": 1}\r\n\n{\"a\": \"x\", \"b\": 3}", WANE_FORMAT_JSON,
          "a=1;/a=x;b=3;/");
    FAILS("{\"a\": 1}\n{\"a\": 2,}\n", WANE_FORMAT_JSON, "(line 2, column 9)");
    FAILS("{\"a\": 1}\n[2]\n", WANE_FORMAT_JSON, "an object is wanted (line 2, column 1)");
    /* One value over several lines, values on one line, and a list with more behind it. */
    FAILS("{\n\"a\": 1}\n{\"a\": 2}\n", WANE_FORMAT_JSON, "near '{' (line 3, column 1)");
    FAILS("{\"a\": 1} {\"a\": 2}\n", WANE_FORMAT_JSON, "near '{' (line 1, column 10)");
    FAILS("{\"a\": 1},\n{\"a\": 2}\n", WANE_FORMAT_JSON, "near ',' (line 1, column 9)");
    wane_error err;
    wane_text out = {0};
    const char text[] = "\"one\"\n\"two\"\n";
    CHECK_OK(all_rows(&out, text, sizeof text - 1, WANE_FORMAT_JSON, true, &err));
    assert_string_equal(out.data, "=one;/=two;/");
    wane_text_free(&out);
}

static void json_has_three_forms(void **state)
{
    (void)state;
    reads("[{\"a\": 1}, {\"a\": 2}]", WANE_FORMAT_JSON, "a=1;/a=2;/");
    reads("{\"version\": 1, \"data\": [{\"a\": 1}]}", WANE_FORMAT_JSON, "a=1;/");
    reads("{\"a\": [1, 2], \"data\": [\"x\", \"y\"]}", WANE_FORMAT_JSON,
          "a=1;data=x;/a=2;data=y;/");
    reads("[]", WANE_FORMAT_JSON, "");
    reads("{\"data\": []}", WANE_FORMAT_JSON, "");
    FAILS("{\"a\": [1, 2], \"b\": [1]}", WANE_FORMAT_JSON,
          "column \"a\" has 2 values, \"b\" has 1");
    FAILS("{\"a\": [1], \"b\": 1}", WANE_FORMAT_JSON, "\"b\" is no list");
    FAILS("3", WANE_FORMAT_JSON, "a list of objects");
    FAILS("[{\"a\": 1}, 2]", WANE_FORMAT_JSON, "read: file: row 2: an object is wanted");
    FAILS("[{\"a\": 1}", WANE_FORMAT_JSON, "(line 1, column");
}

static void missing_columns_are_suggested(void **state)
{
    (void)state;
    wane_error err;
    wane_source *source = NULL;
    wane_text out = {0};
    const char text[] = "sentence,label\nx,1\n";
    CHECK_OK(
        wane_source_open(&source, text, sizeof text - 1, "file", WANE_FORMAT_CSV, false, &err));
    CHECK_OK(wane_source_next(source, &err));
    assert_true(wane_source_has(source, "label"));
    assert_false(wane_source_has(source, "lab"));
    CHECK_FAILS(wane_source_value(source, "sentense", &out, &err), WANE_EFORMAT,
                "no column \"sentense\"; did you mean \"sentence\"? (columns: sentence, label)");
    CHECK_FAILS(wane_source_value(source, "z", &out, &err), WANE_EFORMAT,
                "no column \"z\" (columns: sentence, label) (line 2, column 1)");
    wane_source_free(source);
    wane_text_free(&out);
}

static void templates_parse(void **state)
{
    (void)state;
    wane_error err;
    wane_arena *arena = wane_arena_new();
    wane_template t;
    CHECK_OK(wane_template_parse(&t, "{{x}} {a}, {b}\nCue}}:", arena, &err));
    assert_int_equal(t.count, 5);
    assert_string_equal(t.parts[0].literal, "{x} ");
    assert_string_equal(t.parts[1].field, "a");
    assert_string_equal(t.parts[2].literal, ", ");
    assert_string_equal(t.parts[3].field, "b");
    assert_string_equal(t.tail, "\nCue}:");
    CHECK_OK(wane_template_parse(&t, "{{{a}}}", arena, &err));
    assert_int_equal(t.count, 3);
    assert_string_equal(t.parts[0].literal, "{");
    assert_string_equal(t.tail, "}");
    CHECK_OK(wane_template_parse(&t, "{a}{b}", arena, &err));
    assert_int_equal(t.count, 2);
    assert_string_equal(t.tail, "");
    CHECK_FAILS(wane_template_parse(&t, "x{a", arena, &err), WANE_EINVAL, "(character 2)");
    CHECK_FAILS(wane_template_parse(&t, "{a{b}}", arena, &err), WANE_EINVAL, "(character 1)");
    CHECK_FAILS(wane_template_parse(&t, "{a} }", arena, &err), WANE_EINVAL, "a lone \"}\"");
    CHECK_FAILS(wane_template_parse(&t, "{a} {}", arena, &err), WANE_EINVAL, "names no field");
    CHECK_FAILS(wane_template_parse(&t, "plain", arena, &err), WANE_EINVAL, "no {field}");
    CHECK_FAILS(wane_template_parse(&t, "", arena, &err), WANE_EINVAL, "no {field}");
    wane_arena_free(arena);
}

static void normal_form(void **state)
{
    (void)state;
    wane_error err;
    wane_text a = {0}, b = {0};
    const char one[] = "\xef\xac\x81  Stra\xc3\x9f"
                       "e\xc2\xa0 \n\xc3\x89t\xc3\xa9 "; /* fi ligature, sharp s, no-break space */
    const char two[] = " FI strasse E\xcc\x81"
                       "te\xcc\x81";
    CHECK_OK(wane_normalise(&a, one, sizeof one - 1, &err));
    CHECK_OK(wane_normalise(&b, two, sizeof two - 1, &err));
    assert_string_equal(a.data, b.data);
    assert_string_equal(a.data, "fi strasse \xc3\xa9t\xc3\xa9");
    CHECK_OK(wane_normalise(&a, " \t", 2, &err));
    assert_string_equal(a.data, "");
    wane_text_free(&a);
    wane_text_free(&b);
    assert_int_equal(wane_count_words(" a\xe3\x80\x80\xc3\xa9 \n b", 11), 3);
    assert_int_equal(wane_count_words("", 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_follows_rfc_4180),
        cmocka_unit_test(kinds_that_are_no_text),
        cmocka_unit_test(tsv_is_csv_between_tabs),
        cmocka_unit_test(a_quote_inside_a_field_is_a_character),
        cmocka_unit_test(lines_end_in_lf_crlf_or_cr),
        cmocka_unit_test(csv_round_trip),
        cmocka_unit_test(any_bytes_end_well),
        cmocka_unit_test(jsonl_reads_values),
        cmocka_unit_test(numbers_are_text_as_written),
        cmocka_unit_test(json_lines_may_be_called_json),
        cmocka_unit_test(json_has_three_forms),
        cmocka_unit_test(missing_columns_are_suggested),
        cmocka_unit_test(templates_parse),
        cmocka_unit_test(normal_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
