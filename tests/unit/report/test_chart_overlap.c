/* SPDX-License-Identifier: Apache-2.0
 * The chart `overlap` on a database whose overlaps are known: which rows, which picture, and what
 * is said where there are none.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "analysis/report/report.h"
#include "store/results/query.h"
#include "tests/support/support.h"
#include "tests/unit/results/sample.h"

static const sample_shape shape = {
    .methods = 1, .orders = 1, .seeds = 2, .tasks = 2, .corpora = 1, .matrices = 2, .top = 4};
static sample s;
static wane_results *db;

static int open_sample(void **state)
{
    if (scratch_make(state) != 0) return -1;
    db = sample_filled(&s, scratch_path("o.db"), &shape);
    return 0;
}

static int close_sample(void **state)
{
    sample_close(db, &s);
    return scratch_remove(state);
}

/* |cosine| of i and j, .25 i + .125 j, of one matrix after the last stage of a run. */
static void add_overlap(int run, int matrix)
{
    sqlite3 *file = NULL;
    char sql[400];
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO overlap (stage, step, matrix, side, i, j, value) SELECT %ld, -1, "
                   "%ld, 'u', a.value, b.value, .25 * a.value + .125 * b.value FROM "
                   "json_each('[1, 2]') a, json_each('[1, 2]') b",
                   (long)s.stage[run * (shape.tasks + 1) + shape.tasks], (long)s.matrix[matrix]);
    assert_int_equal(sqlite3_open(scratch_path("o.db"), &file), SQLITE_OK);
    assert_int_equal(sqlite3_exec(file, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(file);
}

static void rows_are_those_of_the_matrix(void **state)
{
    (void)state;
    wane_error err;
    wane_reporting r;
    wane_query *q = NULL;
    const wane_report_request request = wane_report_ask("overlap");
    add_overlap(0, 0);
    add_overlap(1, 0);
    CHECK_OK(wane_report_open(&r, db, &request, &err));
    CHECK_OK(r.report->rows(&q, &r, &err));
    for (int row = 0; row < 8; row++) {
        enum { I = 5, J, VALUE };
        int i = row / 2 % 2 + 1, j = row % 2 + 1;
        CHECK_OK(wane_query_next(q, &err));
        assert_int_equal(wane_query_int(q, I), i);
        assert_int_equal(wane_query_int(q, J), j);
        assert_true(wane_query_double(q, VALUE) == .25 * i + .125 * j);
    }
    assert_int_equal(wane_query_next(q, &err), WANE_DONE);
    wane_query_free(q);
    wane_report_close(&r);
}

static void a_map_per_run(void **state)
{
    (void)state;
    wane_error err;
    wane_text svg = {0};
    wane_report_request request = wane_report_ask("overlap");
    add_overlap(0, 1);
    add_overlap(1, 1);
    CHECK_OK(wane_report_svg(&svg, db, &request, &err));
    assert_non_null(strstr(svg.data, "/s0, "));
    assert_non_null(strstr(svg.data, "/s1, "));
    assert_non_null(strstr(svg.data, "left singular vectors"));
    wane_text_clear(&svg);
    request.side = "v"; /* of which there is nothing */
    CHECK_FAILS(wane_report_svg(&svg, db, &request, &err), WANE_ENUMERIC, "no run has it");
    wane_text_free(&svg);
}

static void what_is_not_there_is_said(void **state)
{
    (void)state;
    wane_error err;
    wane_text svg = {0};
    wane_report_request request = wane_report_ask("overlap");
    CHECK_FAILS(wane_report_svg(&svg, db, &request, &err), WANE_ENOTFOUND, "'matrices:'");
    add_overlap(0, 0);
    add_overlap(0, 1);
    CHECK_FAILS(wane_report_svg(&svg, db, &request, &err), WANE_EINVAL, "one of 2");
    request.matrix = "layers.9.nothing";
    CHECK_FAILS(wane_report_svg(&svg, db, &request, &err), WANE_ENOTFOUND, "none of the 2");
    wane_text_free(&svg);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, open_sample, close_sample)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(rows_are_those_of_the_matrix), TEST(a_map_per_run),
                                       TEST(what_is_not_there_is_said)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
