/* SPDX-License-Identifier: Apache-2.0
 * The chart `tradeoff` on a database whose numbers are known: a row per run after its last stage, a
 * picture per task that was the last, what is hollow, and what is left out and said.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "analysis/report/report.h"
#include "store/results/query.h"
#include "tests/support/support.h"
#include "tests/unit/results/sample.h"

/* Order 0 ends with task 1, order 1 with task 0. */
static const sample_shape shape = {
    .methods = 2, .orders = 2, .seeds = 2, .tasks = 2, .corpora = 1, .matrices = 1, .top = 4};
enum { RUNS = 8, LAST = 2 };
static sample s;
static wane_results *db;

static int open_sample(void **state)
{
    if (scratch_make(state) != 0) return -1;
    db = sample_filled(&s, scratch_path("t.db"), &shape);
    return 0;
}

static int close_sample(void **state)
{
    sample_close(db, &s);
    return scratch_remove(state);
}

static int last_task(int run)
{
    return sample_task_at(&shape, run / shape.seeds % shape.orders, LAST);
}

/* UPDATE of a table, where `stage` is the last stage of a run. */
static void update(const char *sql, int run)
{
    sqlite3 *file = NULL;
    char all[300];
    (void)snprintf(all, sizeof all, "UPDATE %s AND stage = %ld", sql,
                   (long)s.stage[run * (shape.tasks + 1) + LAST]);
    assert_int_equal(sqlite3_open(scratch_path("t.db"), &file), SQLITE_OK);
    assert_int_equal(sqlite3_exec(file, all, NULL, NULL, NULL), SQLITE_OK);
    assert_true(sqlite3_changes(file) > 0);
    sqlite3_close(file);
}

static size_t count_of(const char *text, const char *what)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, what)); at += strlen(what)) count++;
    return count;
}

static wane_text svg;

static const char *draw(const char *by)
{
    wane_error err;
    wane_report_request request = wane_report_ask("tradeoff");
    request.by = by;
    wane_text_clear(&svg);
    CHECK_OK(wane_report_svg(&svg, db, &request, &err));
    return svg.data;
}

static void a_row_per_run_after_its_last_stage(void **state)
{
    (void)state;
    enum { GROUP = 2, STAGE, TASK, MAJORITY, X, Y, COLLAPSED };
    wane_error err;
    wane_reporting r;
    wane_query *q = NULL;
    const wane_report_request request = wane_report_ask("tradeoff");
    CHECK_OK(wane_report_open(&r, db, &request, &err));
    CHECK_OK(r.report->rows(&q, &r, &err));
    for (int run = 0; run < RUNS; run++) {
        CHECK_OK(wane_query_next(q, &err));
        double nll = sample_nll(run, LAST, 0);
        assert_int_equal(wane_query_int(q, STAGE), LAST);
        CHECK_NEAR(wane_query_double(q, X), nll - sample_nll(run, 0, 0), 1e-12, 0);
        assert_true(wane_query_double(q, Y) == sample_accuracy(run, LAST, last_task(run)));
        assert_int_equal(wane_query_int(q, COLLAPSED), nll >= sample_unigram_entropy(0));
        assert_string_equal(wane_query_text(q, TASK), last_task(run) ? "task1" : "task0");
        assert_string_equal(wane_query_text(q, GROUP), run < RUNS / 2 ? "full" : "lora-r1");
        assert_true(wane_query_double(q, MAJORITY) == .5);
    }
    assert_int_equal(wane_query_next(q, &err), WANE_DONE);
    wane_query_free(q);
    wane_report_close(&r);
}

static void a_picture_per_last_task(void **state)
{
    (void)state;
    const char *drawn = draw(NULL);
    const char *one = strstr(drawn, ">accuracy of task1 against pretraining_forgetting by method<");
    const char *two = strstr(drawn, ">accuracy of task0 against pretraining_forgetting by method<");
    assert_true(one && two && one < two); /* in the order of the plan */
    assert_int_equal(count_of(drawn, "n = 4</text>"), 2);
    assert_int_equal(count_of(drawn, "nats per token"), 2);
    assert_int_equal(count_of(drawn, "(share of 1)"), 2);
    assert_int_equal(count_of(drawn, ">majority label<"), 2);
    assert_int_equal(count_of(drawn, ">lora-r1<"), 2);
    assert_null(strstr(drawn, "left out"));
    drawn = draw("order_name"); /* of which each task has one; colours are those of all charts */
    assert_int_equal(count_of(drawn, ">order1 (no data)<"), 1);
    assert_int_equal(count_of(drawn, ">given (no data)<"), 1);
    drawn = draw("rank");
    assert_int_equal(count_of(drawn, ">none<"), 2);
    assert_int_equal(count_of(drawn, ">rank 1<"), 2);
    wane_text_free(&svg);
}

/* Each with the methods that it has. */
static void experiments_stay_apart(void **state)
{
    (void)state;
    sample other = {0};
    sample_shape of_one = shape;
    of_one.methods = 1;
    sample_plan(db, &other, &of_one, "f");
    sample_fill(db, &other);
    const char *drawn = draw(NULL);
    assert_int_equal(count_of(drawn, ">e: accuracy of task"), 3); /* one is the document's title */
    assert_int_equal(count_of(drawn, ">f: accuracy of task"), 2);
    assert_int_equal(count_of(drawn, ">full<"), 4);
    assert_int_equal(count_of(drawn, ">lora-r1<"), 2);
    assert_null(strstr(drawn, "(no data)"));
    sample_close(NULL, &other);
    wane_text_free(&svg);
}

static void collapsed_runs_are_hollow(void **state)
{
    (void)state;
    for (int run = 0; run < RUNS; run++) update("likelihood SET nll = 3.1 WHERE step = -1", run);
    assert_null(strstr(draw(NULL), "hollow: collapsed"));
    update("likelihood SET nll = 3.3 WHERE step = -1", 0);
    assert_int_equal(count_of(draw(NULL), "hollow: collapsed"), 1);
    wane_text_free(&svg);
}

static void what_is_undefined_is_left_out_and_said(void **state)
{
    (void)state;
    static const char lost[] = "likelihood SET nll = NULL, reason = 'not_finite' WHERE step = -1";
    wane_error err;
    const wane_report_request request = wane_report_ask("tradeoff");
    update(lost, 0);
    const char *drawn = draw(NULL);
    assert_non_null(strstr(drawn, "n = 3; left out: 1 without"));
    assert_int_equal(count_of(drawn, "n = 4</text>"), 1);
    for (int run = 1; run < RUNS; run++)
        if (last_task(run) == last_task(0)) update(lost, run);
    drawn = draw(NULL);
    assert_null(strstr(drawn, "accuracy of task1"));
    assert_non_null(strstr(drawn, "no chart: 4 runs"));
    for (int run = 1; run < RUNS; run++) update(lost, run);
    wane_text_clear(&svg);
    CHECK_FAILS(wane_report_svg(&svg, db, &request, &err), WANE_ENUMERIC, "no finished run has");
    wane_text_free(&svg);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, open_sample, close_sample)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(a_row_per_run_after_its_last_stage),
                                       TEST(a_picture_per_last_task), TEST(experiments_stay_apart),
                                       TEST(collapsed_runs_are_hollow),
                                       TEST(what_is_undefined_is_left_out_and_said)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
