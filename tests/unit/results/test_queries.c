/* SPDX-License-Identifier: Apache-2.0
 * The guard, named queries, restriction, rendering.
 */
#include "tests/support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/results/query.h"
#include "tests/unit/results/sample.h"

static const sample_shape shape = {.methods = 3,
                                   .orders = 2,
                                   .seeds = 2,
                                   .tasks = 3,
                                   .watched = 1,
                                   .corpora = 2,
                                   .matrices = 2,
                                   .top = 12,
                                   .experiment = "one"};
static sample s, t;
static wane_results *db; /* for reading */

static int prepare(void **state)
{
    wane_error err = {0};
    if (scratch_make(state) != 0) return -1;
    wane_results *writer = sample_filled(&s, scratch_path("q.db"), &shape);
    sample_plan(writer, &t, &shape, "two");
    sample_fill(writer, &t);
    wane_results_close(writer);
    return wane_results_open(&db, scratch_path("q.db"), WANE_RESULTS_READ, &err) == WANE_OK ? 0
                                                                                            : -1;
}

static int clean(void **state)
{
    sample_close(NULL, &t);
    sample_close(db, &s);
    return scratch_remove(state);
}

static char *render(const char *sql, wane_render_format format)
{
    wane_error err = {0};
    wane_text text = {0};
    wane_query *query = NULL;
    CHECK_OK(wane_query_open(&query, db, sql, NULL, 0, &err));
    CHECK_OK(wane_query_render(query, format, &text, &err));
    wane_query_free(query);
    return text.data;
}

static void check_rendered(const char *sql, wane_render_format format, const char *wanted)
{
    char *text = render(sql, format);
    assert_string_equal(text, wanted);
    free(text);
}

static int64_t number(const char *sql)
{
    char *text = render(sql, WANE_RENDER_JSONL);
    int64_t out = strtoll(strchr(text, ':') + 1, NULL, 10);
    free(text);
    return out;
}

static void only_reads_are_let_through(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "DELETE FROM run",
        "INSERT INTO run (key) VALUES ('x')",
        "UPDATE run SET status = 'done' RETURNING id",
        "DROP TABLE run",
        "CREATE TABLE x (a)",
        "CREATE TEMP TABLE x (a)",
        "CREATE TEMP VIEW x AS SELECT 1",
        "ATTACH 'other.db' AS other",
        "DETACH main",
        "PRAGMA user_version = 7",
        "PRAGMA user_version",
        "SELECT * FROM pragma_table_info('run')",
        "BEGIN",
        "COMMIT",
        "SAVEPOINT x",
        "VACUUM",
        "VACUUM INTO '/tmp/copy.db'",
        "ANALYZE",
        "REINDEX",
        "SELECT load_extension('x.so')",
        "WITH x AS (SELECT 1) DELETE FROM run",
        "EXPLAIN DELETE FROM run",
        "SELECT fts3_tokenizer('simple')",
        "ALTER TABLE run ADD COLUMN x",
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP TABLE run",
        "SELECT 1; nonsense",
        "",
        " -- only a comment",
        ";",
        "SELECT nothing FROM run",
        "SELEC 1",
        "SELECT (",
    };
    wane_error err = {0};
    wane_results *writer = open_results(scratch_path("q.db"), WANE_RESULTS_WRITE);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        for (int w = 0; w < 2; w++) {
            wane_query *query = NULL;
            wane_status st = wane_query_open(&query, w ? writer : db, refused[i], NULL, 0, &err);
            if (st != WANE_EINVAL) print_error("%d from: %s\n", st, refused[i]);
            assert_int_equal(st, WANE_EINVAL);
            assert_null(query);
            assert_non_null(strstr(err.message, "query: "));
        }
    wane_results_close(writer);
    assert_int_equal(number("SELECT count(*) FROM run"), 24);
}

static void reads_run(void **state)
{
    (void)state;
    assert_int_equal(number("VALUES (3)"), 3);
    assert_int_equal(number("SELECT 4 ; -- and a comment\n ; /* more */ "), 4);
    assert_int_equal(number("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE "
                            "i < 9) SELECT sum(i) FROM n"),
                     45);
    assert_int_equal(number("SELECT count(*) FROM json_each('[1, 2]')"), 2);
    char *plan = render("EXPLAIN QUERY PLAN SELECT * FROM run", WANE_RENDER_TABLE);
    assert_non_null(strstr(plan, "SCAN run"));
    free(plan);
}

static void values_and_parameters(void **state)
{
    (void)state;
    wane_error err = {0};
    wane_query *query = NULL;
    const wane_binding bindings[] = {{"a", {.type = WANE_VALUE_INTEGER, .integer = 7}},
                                     {"b", {.type = WANE_VALUE_REAL, .real = 0.1}},
                                     {"c", {.type = WANE_VALUE_TEXT, .text = "x'; DROP"}}};
    CHECK_OK(wane_query_open(&query, db, "SELECT :a AS a, :b AS b, :c AS c, :d AS d", bindings, 3,
                             &err));
    CHECK_OK(wane_query_next(query, &err));
    assert_int_equal(wane_query_columns(query), 4);
    assert_string_equal(wane_query_name(query, 2), "c");
    assert_int_equal(wane_query_type(query, 0), WANE_VALUE_INTEGER);
    assert_int_equal(wane_query_int(query, 0), 7);
    assert_true(wane_query_double(query, 1) == 0.1);
    assert_string_equal(wane_query_text(query, 2), "x'; DROP");
    assert_int_equal(wane_query_type(query, 3), WANE_VALUE_NULL);
    assert_true(wane_query_int(query, 3) == WANE_NULL && isnan(wane_query_double(query, 3)) &&
                !wane_query_text(query, 3));
    assert_string_equal(wane_query_name(query, 3), "d");
    assert_int_equal(wane_query_next(query, &err), WANE_DONE);
    assert_int_equal(wane_query_next(query, &err), WANE_DONE);
    wane_query_free(query);
    query = NULL;
    const wane_binding unknown = {"e", {.type = WANE_VALUE_INTEGER, .integer = 7}};
    CHECK_FAILS(wane_query_open(&query, db, "SELECT :a", &unknown, 1, &err), WANE_EINVAL, "'e'");
    const wane_binding nameless[] = {{NULL, {.type = WANE_VALUE_INTEGER, .integer = 7}},
                                     {NULL, {.type = WANE_VALUE_INTEGER, .integer = 8}}};
    CHECK_OK(wane_query_open(&query, db, "SELECT ? * 10 + ?", nameless, 2, &err));
    CHECK_OK(wane_query_next(query, &err));
    assert_int_equal(wane_query_int(query, 0), 78);
    wane_query_free(query);
    query = NULL;
    CHECK_FAILS(wane_query_open(&query, db, "SELECT ?", nameless, 2, &err), WANE_EINVAL,
                "no parameter");
    assert_null(query);
}

/* Each runs, by its defaults and with every parameter given; they are in order and findable. */
static void named_queries_run(void **state)
{
    (void)state;
    wane_error err = {0};
    size_t count = 0;
    const wane_named_query *all = wane_named_queries(&count);
    assert_true(count > 25);
    for (size_t i = 0; i < count; i++) {
        if (i) assert_true(strcmp(all[i - 1].name, all[i].name) < 0);
        assert_ptr_equal(wane_named_query_find(all[i].name, NULL), &all[i]);
        assert_true(all[i].description && *all[i].description && !strchr(all[i].description, '\n'));
        wane_assignment assignments[8];
        for (size_t p = 0; p < all[i].parameter_count; p++) {
            assert_true(*all[i].parameters[p].description);
            const char *value = all[i].parameters[p].number ? "1" : "full/given/s0";
            assignments[p] = (wane_assignment){all[i].parameters[p].name, value};
        }
        for (size_t given = 0; given < 2; given++) {
            wane_query *query = NULL;
            wane_text text = {0};
            CHECK_OK(wane_named_query_open(&query, db, all[i].name, assignments,
                                           given ? all[i].parameter_count : 0, &err));
            CHECK_OK(wane_query_render(query, WANE_RENDER_JSONL, &text, &err));
            /* These have no rows in the sample. */
            bool bare = strstr("artifacts environments events intruder_null interventions "
                               "interventions_by_method interventions_matched "
                               "intervention_effect cost loss count_noise measured_values",
                               all[i].name) != NULL;
            if (!given && !bare && !text.length) print_error("nothing from %s\n", all[i].name);
            if (!given) assert_true(bare || text.length > 0);
            wane_text_free(&text);
            wane_query_free(query);
        }
    }
}

static void named_queries_take_parameters(void **state)
{
    (void)state;
    wane_error err = {0};
    wane_query *query = NULL;
    const char *near = NULL;
    assert_null(wane_named_query_find("intuders", &near));
    assert_string_equal(near, "intruders");
    CHECK_FAILS(wane_named_query_open(&query, db, "intuders", NULL, 0, &err), WANE_ENOTFOUND,
                "did you mean 'intruders'?");
    wane_assignment wrong = {"epsilom", "0.4"};
    CHECK_FAILS(wane_named_query_open(&query, db, "intruders", &wrong, 1, &err), WANE_EINVAL,
                "did you mean 'epsilon'?");
    wrong = (wane_assignment){"k", "ten"};
    CHECK_FAILS(wane_named_query_open(&query, db, "intruders", &wrong, 1, &err), WANE_EINVAL,
                "k must be a number, not 'ten'");
    const wane_assignment given[] = {{"k", "5"},
                                     {"epsilon", "0.25"},
                                     {"side", "v"},
                                     {"run", "lora-r2/order1/s1"},
                                     {"position", "2"}};
    CHECK_OK(wane_named_query_open(&query, db, "intruders", given, 5, &err));
    for (int i = 0; i < 2; i++) { /* both experiments have that run */
        CHECK_OK(wane_query_next(query, &err));
        assert_int_equal(row_number(query, "directions"), 10);
    }
    assert_int_equal(wane_query_next(query, &err), WANE_DONE);
    wane_query_free(query);
}

/* A key names one run, where a name may be in several experiments. */
static void views_know_a_run_by_name_or_key(void **state)
{
    (void)state;
    static const char *const names[] = {"accuracy_matrix",        "forgetting",
                                        "pretraining_forgetting", "stage_summary",
                                        "task_forgetting",        "metrics"};
    wane_error err = {0};
    char *key = render("SELECT key FROM run_list WHERE experiment = 'two' AND "
                       "run = 'lora-r2/order1/s1'",
                       WANE_RENDER_CSV);
    key[strlen(key) - 1] = '\0';
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t rows[2] = {0};
        for (size_t k = 0; k < 2; k++) {
            const wane_assignment run = {"run", k ? strchr(key, '\n') + 1 : "lora-r2/order1/s1"};
            wane_query *query = NULL;
            CHECK_OK(wane_named_query_open(&query, db, names[i], &run, 1, &err));
            while (wane_query_next(query, &err) == WANE_OK) {
                if (k) assert_string_equal(wane_query_text(query, 0), "two");
                assert_string_equal(wane_query_text(query, 1), "lora-r2/order1/s1");
                rows[k]++;
            }
            wane_query_free(query);
        }
        assert_true(rows[1] > 0 && rows[0] == 2 * rows[1]);
    }
    free(key);
}

static void restriction_reaches_every_view(void **state)
{
    (void)state;
    wane_error err = {0};
    int64_t runs = 0;
    int64_t all = number("SELECT count(*) FROM accuracy_matrix");
    CHECK_OK(wane_results_restrict(db, &runs, "method = 'lora-r1' AND seed < 1 -- so", NULL, &err));
    assert_int_equal(runs, 4);
    assert_int_equal(number("SELECT count(*) FROM run"), 4);
    assert_int_equal(number("SELECT count(*) FROM main.run"), 24);
    assert_int_equal(number("SELECT count(*) FROM accuracy_matrix"), all / 6);
    assert_int_equal(number("SELECT sum(runs) FROM seed_summary"), 4);
    assert_int_equal(number("SELECT count(*) FROM seed_summary"), 4);
    assert_int_equal(number("SELECT count(*) FROM correlation_points WHERE config <> 'lora-r1'"),
                     0);
    static const char *const views[] = {"run_list",
                                        "accuracy_matrix",
                                        "task_forgetting",
                                        "forgetting",
                                        "pretraining_forgetting",
                                        "intruders",
                                        "stage_summary",
                                        "run_summary",
                                        "correlation_points"};
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        char sql[160];
        (void)snprintf(sql, sizeof sql, "SELECT count(DISTINCT experiment || run) = 4 FROM %s",
                       views[i]);
        assert_int_equal(number(sql), 1);
    }
    CHECK_OK(wane_results_restrict(db, &runs, NULL, "two", &err));
    assert_int_equal(runs, 12);
    assert_int_equal(number("SELECT count(*) FROM run_list WHERE experiment = 'one'"), 0);
    CHECK_OK(wane_results_restrict(
        db, &runs, "rank IS NULL OR learning_rate > 2.5e-3 AND kind = 'lora'", "one", &err));
    assert_int_equal(runs, 8);
    CHECK_OK(wane_results_restrict(db, &runs, "run LIKE 'nothing%'", NULL, &err));
    assert_int_equal(runs, 0);
    assert_int_equal(number("SELECT count(*) FROM run_summary"), 0);
    /* A restriction that fails leaves the one before. */
    CHECK_FAILS(wane_results_restrict(db, &runs, NULL, "three", &err), WANE_ENOTFOUND, "three");
    assert_int_equal(number("SELECT count(*) FROM run"), 0);
    CHECK_OK(wane_results_restrict(db, &runs, NULL, NULL, &err));
    assert_int_equal(runs, 24);
    assert_int_equal(number("SELECT count(*) FROM accuracy_matrix"), all);
}

static void restriction_is_no_way_in(void **state)
{
    (void)state;
    static const char *const refused[] = {"1); DELETE FROM run; --",
                                          "1) UNION SELECT 1 --",
                                          "1)",
                                          "(1",
                                          "'",
                                          "1 /*",
                                          "1;",
                                          "nothing = 1",
                                          "load_extension('x')",
                                          "1 ORDER BY",
                                          "",
                                          "(SELECT count(*) FROM pragma_user_version)",
                                          "1)) OR ((1",
                                          "0) OR (1",
                                          "seed = ",
                                          "run = \"unclosed"};
    wane_error err = {0};
    int64_t runs = -1;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        wane_status st = wane_results_restrict(db, &runs, refused[i], NULL, &err);
        if (st != WANE_EINVAL) print_error("%d from: %s\n", st, refused[i]);
        assert_int_equal(st, WANE_EINVAL);
    }
    CHECK_FAILS(wane_results_restrict(db, &runs, "rnak = 1", NULL, &err), WANE_EINVAL,
                "--where \"rnak = 1\": no such column: rnak; did you mean rank?");
    CHECK_FAILS(wane_results_restrict(db, &runs, "method = elephant", NULL, &err), WANE_EINVAL,
                "no such column: elephant (a text stands in single quotes)");
    CHECK_FAILS(wane_results_restrict(db, &runs, "rank = ", NULL, &err), WANE_EINVAL,
                "--where \"rank = \": the expression is not complete");
    CHECK_FAILS(wane_results_restrict(db, &runs, "rank 8", NULL, &err), WANE_EINVAL, "near \"8\"");
    assert_int_equal(runs, -1);
    assert_int_equal(number("SELECT count(*) FROM run"), 24);
    wane_results *writer = open_results(scratch_path("q.db"), WANE_RESULTS_WRITE);
    CHECK_FAILS(wane_results_restrict(writer, &runs, "1", NULL, &err), WANE_EINVAL, "for reading");
    wane_results_close(writer);
    CHECK_OK(wane_results_restrict(db, &runs, "run <> ')''(' AND [seed] >= 0 /* ) */", NULL, &err));
    assert_int_equal(runs, 24);
    CHECK_OK(wane_results_restrict(db, NULL, NULL, NULL, &err));
}

#define ODD                                                                                        \
    "SELECT 'a,\"b\"' AS \"x,y\", 0.1 + 0.2 AS sum, NULL AS none, 12 AS n, 9e999 AS inf "          \
    "UNION ALL SELECT 'l1' || char(10) || '|_&\\' || char(27), 1e-5, NULL, -3, -0.5"

/* Collects pieces; the third one is refused when `refuse` is set. */
typedef struct pieces {
    wane_text text;
    size_t count;
    bool refuse;
} pieces;

static wane_status take_piece(void *context, const char *bytes, size_t count, wane_error *err)
{
    pieces *p = context;
    if (p->count == 2 && p->refuse) return wane_fail(err, WANE_EIO, "print: pipe: closed");
    p->count++;
    wane_text_append(&p->text, bytes, count);
    return WANE_OK;
}

/* What is written in pieces is what is rendered whole. */
static void written_in_pieces(void **state)
{
    (void)state;
    static const char sql[] = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
                              "WHERE i < 9000) SELECT i, 'row number ' || i AS name FROM n";
    static const wane_render_format formats[] = {WANE_RENDER_CSV, WANE_RENDER_JSON,
                                                 WANE_RENDER_JSONL, WANE_RENDER_TABLE};
    wane_error err = {0};
    wane_query *query = NULL;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        pieces p = {0};
        char *whole = render(sql, formats[i]);
        CHECK_OK(wane_query_open(&query, db, sql, NULL, 0, &err));
        CHECK_OK(wane_query_write(query, formats[i], take_piece, &p, &err));
        wane_query_free(query);
        assert_string_equal(p.text.data, whole);
        assert_true(formats[i] == WANE_RENDER_TABLE ? p.count == 1 : p.count > 2);
        wane_text_free(&p.text);
        free(whole);
    }
    pieces p = {.refuse = true};
    CHECK_OK(wane_query_open(&query, db, sql, NULL, 0, &err));
    assert_int_equal(wane_query_write(query, WANE_RENDER_CSV, take_piece, &p, &err), WANE_EIO);
    assert_string_equal(err.message, "print: pipe: closed");
    assert_int_equal(p.count, 2);
    wane_query_free(query);
    wane_text_free(&p.text);
}

static void machine_formats(void **state)
{
    (void)state;
    check_rendered(ODD, WANE_RENDER_CSV,
                   "\"x,y\",sum,none,n,inf\n"
                   "\"a,\"\"b\"\"\",0.30000000000000004,,12,\n"
                   "\"l1\n|_&\\\x1b\",1e-05,,-3,-0.5\n");
    check_rendered(ODD, WANE_RENDER_JSON,
                   "{\"columns\":[\"x,y\",\"sum\",\"none\",\"n\",\"inf\"],\"rows\":[\n"
                   "[\"a,\\\"b\\\"\",0.30000000000000004,null,12,null],\n"
                   "[\"l1\\n|_&\\\\\\u001b\",1e-05,null,-3,-0.5]\n]}\n");
    check_rendered("SELECT 1 AS a WHERE 0", WANE_RENDER_JSON,
                   "{\"columns\":[\"a\"],\"rows\":[]}\n");
    check_rendered("SELECT 1 AS a, 'caf' || char(233) AS b", WANE_RENDER_JSONL,
                   "{\"a\":1,\"b\":\"caf\xc3\xa9\"}\n");
    check_rendered("SELECT CAST(x'c328ff' AS TEXT) AS a", WANE_RENDER_JSONL,
                   "{\"a\":\"\xef\xbf\xbd(\xef\xbf\xbd\"}\n");
    check_rendered("SELECT '' AS a, NULL AS b", WANE_RENDER_CSV, "a,b\n\"\",\n");
}

static void formats_for_people(void **state)
{
    (void)state;
    check_rendered("SELECT 'caf' || char(233) AS name, 0.123456 AS x, 7 AS n "
                   "UNION ALL SELECT 'longer name', NULL, 12345",
                   WANE_RENDER_TABLE,
                   "name              x      n\n"
                   "caf\xc3\xa9         0.1235      7\n"
                   "longer name       -  12345\n");
    check_rendered(ODD, WANE_RENDER_MARKDOWN,
                   "| x,y | sum | none | n | inf |\n"
                   "| --- | ---: | ---: | ---: | ---: |\n"
                   "| a,\"b\" | 0.3 | - | 12 | - |\n"
                   "| l1 \\|_&\\\\\\\\x1b | 1e-05 | - | -3 | -0.5 |\n");
    check_rendered(
        ODD, WANE_RENDER_LATEX,
        "\\begin{tabular}{lrrrr}\n\\toprule\nx,y & sum & none & n & inf \\\\\n\\midrule\n"
        "a,\"b\" & 0.3 & - & 12 & - \\\\\n"
        "l1 |\\_\\&\\textbackslash{}\\textbackslash{}x1b & 1e-05 & - & $-3$ & $-0.5$ \\\\\n"
        "\\bottomrule\n\\end{tabular}\n");
    check_rendered("SELECT 'a' || char(155) || 'b' AS c", WANE_RENDER_TABLE, "c\na\\u009bb\n");
    wane_error err = {0};
    wane_render_format format = WANE_RENDER_TABLE;
    CHECK_OK(wane_render_format_parse(&format, "markdown", &err));
    assert_int_equal(format, WANE_RENDER_MARKDOWN);
    CHECK_FAILS(wane_render_format_parse(&format, "cvs", &err), WANE_EINVAL, "did you mean 'csv'?");
}

static void short_numbers(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } wanted[] = {{0.03125, "0.03125"},      {1234, "1234"},   {1.2e-05, "1.2e-05"},
                  {9999.6, "10000"},         {0, "0"},         {-0.12344, "-0.1234"},
                  {12345.6, "12346"},        {1, "1"},         {0.5, "0.5"},
                  {3.14159265, "3.142"},     {2.9999999, "3"}, {1e20, "1e+20"},
                  {0.00012346, "0.0001235"}, {0.99999, "1"},   {-1e-9, "-1e-09"},
                  {123456789, "123456789"},  {-0.0, "0"}};
    char out[32];
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        assert_string_equal(wane_format_short(out, wanted[i].value), wanted[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_reads_are_let_through),
        cmocka_unit_test(reads_run),
        cmocka_unit_test(values_and_parameters),
        cmocka_unit_test(named_queries_run),
        cmocka_unit_test(named_queries_take_parameters),
        cmocka_unit_test(views_know_a_run_by_name_or_key),
        cmocka_unit_test(restriction_reaches_every_view),
        cmocka_unit_test(restriction_is_no_way_in),
        cmocka_unit_test(written_in_pieces),
        cmocka_unit_test(machine_formats),
        cmocka_unit_test(formats_for_people),
        cmocka_unit_test(short_numbers),
    };
    return cmocka_run_group_tests(tests, prepare, clean);
}
