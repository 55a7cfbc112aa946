/* SPDX-License-Identifier: Apache-2.0
 * --timeout and --max-rows of the commands that read, and csv that a spreadsheet does not compute.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/report/page.h"
#include "store/base/clock.h"
#include "tests/support/process.h"
#include "tests/support/support.h"
#include "tests/unit/results/sample.h"

#define ENDLESS "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "

static const sample_shape shape = {.methods = 7,
                                   .orders = 2,
                                   .seeds = 2,
                                   .tasks = 3,
                                   .corpora = 1,
                                   .matrices = 2,
                                   .top = 12,
                                   .experiment = "one"};

static char database[512];

static int prepare(void **state)
{
    static sample s;
    if (scratch_make(state) != 0) return -1;
    (void)snprintf(database, sizeof database, "%s", scratch_path("l.db"));
    sample_close(sample_filled(&s, database, &shape), &s);
    return 0;
}

/* Runs the program; its exit code. */
static int call(const char *const *arguments)
{
    return process_run(arguments, "out", "err");
}

static void check_said(const char *file, const char *words)
{
    char *text = read_file(scratch_path(file), NULL);
    if (!strstr(text, words)) fail_msg("'%s' is not in '%s'", words, text);
    free(text);
}

static void endless_questions_end(void **state)
{
    (void)state;
    /* A search of one text in another is one step of SQL, which looks at no clock. */
    const char *const sql[] = {
        ENDLESS "SELECT count(*) FROM n", ENDLESS "SELECT i FROM n WHERE i < 0",
        ENDLESS "SELECT i FROM n ORDER BY i DESC LIMIT 1",
        "SELECT instr(hex(zeroblob(20000000)), hex(zeroblob(4000000)) || '1')"};
    for (size_t i = 0; i < sizeof sql / sizeof *sql; i++) {
        double start = wane_clock_wall();
        const char *const words[] = {"query", database, sql[i], "--timeout", "0.2", NULL};
        assert_int_equal(call(words), 1);
        assert_true(wane_clock_wall() - start < 60);
        check_said("err", "stopped after 0.2 s; --timeout SECONDS");
    }
    const char *const where[] = {
        "ls",        database, "--where", "(" ENDLESS "SELECT count(*) FROM n) > 0",
        "--timeout", "0.2",    NULL};
    assert_int_equal(call(where), 1);
    check_said("err", "stopped after 0.2 s; --timeout SECONDS");
    /* What was printed before is not all, and that is said. */
    const char *const rows[] = {
        "query", database, ENDLESS "SELECT i FROM n", "-f", "csv", "--timeout", "1", NULL};
    assert_int_equal(call(rows), 1);
    check_said("err", "what was printed is not the whole");
    check_said("out", "\n1\n2\n3\n");
}

static void limits_are_checked(void **state)
{
    (void)state;
    const char *const bad[][2] = {
        {"--timeout", "0"},   {"--timeout", "-1"},   {"--timeout", "1e99"},
        {"--timeout", "nan"}, {"--max-rows", "0"},   {"--max-rows", "-1"},
        {"--max-rows", "x"},  {"--max-rows", "1.5"}, {"--max-rows", "1e30"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *const words[] = {"ls", database, bad[i][0], bad[i][1], NULL};
        assert_int_equal(call(words), 2);
        check_said("err", bad[i][0]);
    }
}

static void rows_beyond_the_limit_are_cut(void **state)
{
    (void)state;
    static const struct {
        const char *format, *out;
    } cases[] = {{"csv", "i\n1\n2\n"},
                 {"table", "i\n1\n2\n"},
                 {"json", "{\"columns\":[\"i\"],\"rows\":[\n[1],\n[2]\n]}\n"},
                 {"jsonl", "{\"i\":1}\n{\"i\":2}\n"},
                 {"markdown", "| i |\n| ---: |\n| 1 |\n| 2 |\n"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const words[] = {
            "query", database, ENDLESS "SELECT i FROM n", "-f", cases[i].format, "--max-rows",
            "2",     NULL};
        assert_int_equal(call(words), 1);
        char *text = read_file(scratch_path("out"), NULL);
        assert_string_equal(text, cases[i].out);
        free(text);
        check_said("err", "cut after 2 rows (--max-rows)");
    }
    const char *const all[] = {"query", database, "VALUES (1), (2)", "--max-rows", "2", NULL};
    assert_int_equal(call(all), 0); /* as many as that: nothing is cut */
}

static void text_of(char out[64], const char *sql)
{
    const char *const words[] = {"query", database, sql, "-f", "csv", NULL};
    assert_int_equal(call(words), 0);
    char *text = read_file(scratch_path("out"), NULL), *line = strchr(text, '\n') + 1;
    (void)snprintf(out, 64, "%.*s", (int)strcspn(line, "\n"), line);
    free(text);
}

static void a_table_has_its_bounds(void **state)
{
    (void)state;
    const char *const words[] = {
        "query",     database, ENDLESS "SELECT i, hex(zeroblob(5000000)) AS x FROM n",
        "--timeout", "600",    NULL};
    assert_int_equal(call(words), 1);
    check_said("err", "too much for a table after 27 rows; --max-rows N, or csv, json or jsonl");
    size_t bytes = 1;
    free(read_file(scratch_path("out"), &bytes));
    assert_int_equal(bytes, 0); /* not half a table */
}

/* Every command that reads takes both. */
static void every_reader_takes_them(void **state)
{
    (void)state;
    char run[64], method[2][64];
    text_of(run, "SELECT run FROM run_list ORDER BY run LIMIT 1");
    text_of(method[0], "SELECT min(method) FROM run_list");
    text_of(method[1], "SELECT max(method) FROM run_list");
    const char *const calls[][8] = {
        {"ls", database, NULL},
        {"ls", database, "methods", "-f", "json", NULL},
        {"show", database, run, NULL},
        {"show", database, run, "--json", NULL},
        {"compare", database, method[0], method[1], NULL},
        {"compare", database, method[0], method[1], "--json", NULL},
        {"curves", database, NULL},
        {"curves", database, "-f", "csv", NULL},
        {"correlate", database, NULL},
        {"correlate", database, "--json", NULL},
        {"query", database, NULL},
    };
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        const char *words[12] = {NULL};
        size_t n = 0;
        for (; calls[i][n]; n++) words[n] = calls[i][n];
        words[n++] = "--max-rows";
        words[n++] = "1";
        words[n++] = "--timeout";
        words[n] = "600";
        if (call(words) != 1) fail_msg("call %zu: %s", i, words[0]);
        check_said("err", "cut after 1 row (--max-rows)");
    }
}

static void spreadsheets_compute_no_text(void **state)
{
    (void)state;
    static const char sql[] =
        "SELECT '=1+1' AS \"=x\", '+a' AS b, '-a' AS c, '@a' AS d, char(9) || '=1' AS e, "
        "'=\"a\",1' AS f, -1 AS g, -0.5 AS h, 'a=1' AS i, '-1' AS j, char(13) || 'x' AS k";
    const char *const guarded[] = {"query", database, sql, "-f", "csv", NULL};
    const char *const plain[] = {"query", database, sql, "-f", "csv", "--csv-plain", NULL};
    const char *const json[] = {"query", database, sql, "--csv-plain", "--json", NULL};
    assert_int_equal(call(guarded), 0);
    char *text = read_file(scratch_path("out"), NULL);
    assert_string_equal(text, "'=x,b,c,d,e,f,g,h,i,j,k\n'=1+1,'+a,'-a,'@a,'\t=1,\"'=\"\"a\"\",1\","
                              "-1,-0.5,a=1,'-1,\"'\rx\"\n");
    free(text);
    assert_int_equal(call(plain), 0);
    text = read_file(scratch_path("out"), NULL);
    assert_string_equal(text, "=x,b,c,d,e,f,g,h,i,j,k\n=1+1,+a,-a,@a,\t=1,\"=\"\"a\"\",1\","
                              "-1,-0.5,a=1,-1,\"\rx\"\n");
    free(text);
    assert_int_equal(call(json), 2);
}

/* Each table of a page is cut by itself. */
static void tables_of_a_page_are_cut(void **state)
{
    (void)state;
    wane_text rows = {0}, out = {0};
    wane_page_limit(2);
    wane_text_string(&rows, "a\tb\n1\t2\n3\t4\n");
    wane_page_table(&out, &rows, "ll");
    assert_false(wane_page_cut());
    wane_text_string(&rows, "5\t6\n");
    wane_text_clear(&out);
    wane_page_table(&out, &rows, "ll");
    assert_true(wane_page_cut());
    assert_string_equal(out.data, "a  b\n1  2\n3  4\n");
    wane_page_limit(0);
    wane_text_clear(&out);
    wane_page_table(&out, &rows, "ll");
    assert_false(wane_page_cut());
    assert_string_equal(out.data, "a  b\n1  2\n3  4\n5  6\n");
    wane_text_free(&rows);
    wane_text_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(endless_questions_end),
        cmocka_unit_test(limits_are_checked),
        cmocka_unit_test(rows_beyond_the_limit_are_cut),
        cmocka_unit_test(a_table_has_its_bounds),
        cmocka_unit_test(every_reader_takes_them),
        cmocka_unit_test(spreadsheets_compute_no_text),
        cmocka_unit_test(tables_of_a_page_are_cut),
    };
    return cmocka_run_group_tests(tests, prepare, scratch_remove);
}
