/* SPDX-License-Identifier: Apache-2.0
 * Means over runs as the pages and charts show them, from values a reader can add up.
 */
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "analysis/report/comparing.h"
#include "analysis/report/curves.h"
#include "analysis/report/report.h"
#include "analysis/report/run_summary.h"
#include "store/base/text.h"
#include "store/results/query.h"
#include "tests/support/support.h"
#include "tests/unit/results/sample.h"

static const sample_shape shape = {
    .methods = 2, .orders = 1, .seeds = 3, .tasks = 2, .corpora = 1, .matrices = 2, .top = 10};
static sample s;
static wane_results *db;
static wane_text out;

static int open_sample(void **state)
{
    if (scratch_make(state) != 0) return -1;
    db = sample_filled(&s, scratch_path("m.db"), &shape);
    return 0;
}

static int close_sample(void **state)
{
    wane_text_free(&out);
    sample_close(db, &s);
    return scratch_remove(state);
}

/* The stage of a run at a position. */
static int64_t stage_of(int run, int position)
{
    return s.stage[run * (shape.tasks + 1) + position];
}

static void change(const char *text)
{
    sqlite3 *file = NULL;
    char *why = NULL;
    assert_int_equal(sqlite3_open(scratch_path("m.db"), &file), SQLITE_OK);
    (void)sqlite3_exec(file, text, NULL, NULL, &why);
    if (why) print_error("%s\n", why);
    assert_null(why);
    sqlite3_close(file);
}

/* Two runs of three are done: 3.5 s and 5.5 s of them, at most 50 MiB. */
static void spread_and_cost_of_a_method(void **state)
{
    (void)state;
    wane_error err;
    enum { MIB = 1048576 };
    static const struct {
        int run, position;
        double wall;
        int64_t peak;
    } costs[] = {{0, 1, 1.5, 50 * MIB},
                 {0, 2, 2, MIB},
                 {1, 1, 4, MIB},
                 {1, 2, 1.5, MIB},
                 {2, 1, 99, 99 * MIB}};
    change("DELETE FROM usage");
    for (size_t i = 0; i < sizeof costs / sizeof *costs; i++) {
        const wane_usage_row usage = {"train", costs[i].wall, 1, costs[i].peak, 1};
        CHECK_OK(
            wane_results_add_usage(db, stage_of(costs[i].run, costs[i].position), &usage, &err));
    }
    CHECK_OK(wane_results_set_run_status(db, s.run[2], WANE_RUN_GATE_FAILED, NULL, &err));
    CHECK_OK(wane_summary_print(&out, db, "e", &err));
    const char *row = strstr(out.data, "\nfull ");
    double acc = 0, sd = 0;
    int done = 0, others = 0;
    assert_non_null(row);
    assert_int_equal(sscanf(row, " full %d %d %lf +- %lf", &done, &others, &acc, &sd), 4);
    assert_int_equal(done, 2);
    assert_int_equal(others, 1);
    double a = sample_metric(&shape, 0, 2, "acc"), b = sample_metric(&shape, 1, 2, "acc");
    assert_true(fabs(a - b) > .005);
    CHECK_NEAR(acc, (a + b) / 2, 5.1e-4, 0);
    CHECK_NEAR(sd, fabs(a - b) / sqrt(2), 5.1e-4, 0);
    const char *end = strchr(row + 1, '\n');
    double wall = 0, peak = 0;
    for (int words = 0; words < 2; end--) words += end[-1] == ' ' && end[-2] != ' ';
    assert_int_equal(sscanf(end, "%lf %lf", &wall, &peak), 2);
    assert_true(wall == 4.5 && peak == 50);
}

/* Two runs of one config: accuracy changed by 0 and 10 points with a binomial error of 7, nll by
 * -.1 and -.3, against intruders by .2 and .6. A bar of 7 about 5 needs the 10 of the axis. */
static void a_frontier_is_of_means(void **state)
{
    (void)state;
    wane_error err;
    wane_query *query = NULL;
    wane_reporting r;
    wane_report_request request = wane_report_ask("frontier");
    request.x = "nll_change";
    for (int run = 0; run < 2; run++) {
        char text[1000];
        long stage = (long)stage_of(run, shape.tasks);
        (void)snprintf(
            text, sizeof text,
            "INSERT INTO intervention (stage, step, choice, arm, lambda, measure, target, value, "
            "stderr, matrices) VALUES (%ld, -1, 'top', 'shrink', .5, 'delta_frobenius', '', 1, "
            "NULL, 2), (%ld, -1, 'top', 'shrink', .5, 'nll_change', 'corpus0', %g, .1, 2), (%ld, "
            "-1, 'top', 'shrink', .5, 'nll_minus_intruders', 'corpus0', %g, .1, 2), (%ld, -1, "
            "'top', 'shrink', .5, 'latest_accuracy_change', '', %d, 7, 2), (%ld, -1, 'top', "
            "'shrink', .5, 'matrices_with_intruders', '', 2, NULL, 2)",
            stage, stage, run ? -.3 : -.1, stage, run ? .6 : .2, stage, 10 * run, stage);
        change(text);
    }
    CHECK_OK(wane_report_open(&r, db, &request, &err));
    CHECK_OK(r.report->rows(&query, &r, &err));
    CHECK_OK(wane_query_next(query, &err));
    assert_true(row_number(query, "runs") == 2);
    CHECK_NEAR(row_number(query, "nll_change"), -.2, 1e-14, 0);
    CHECK_NEAR(row_number(query, "nll_minus_intruders"), .4, 1e-14, 0);
    CHECK_NEAR(row_number(query, "latest_accuracy_change"), 5, 1e-13, 0);
    CHECK_NEAR(row_number(query, "latest_accuracy_change_binomial"), 7, 1e-13, 0);
    assert_true(isnan(row_number(query, "latest_accuracy_change_stderr"))); /* one config */
    assert_int_equal(wane_query_next(query, &err), WANE_DONE);
    wane_query_free(query);
    CHECK_OK(r.report->draw(&out, &r, &err));
    wane_report_close(&r);
    assert_non_null(strstr(out.data, ">10<"));
}

/* A run without the value is told from one with it. */
static void means_say_what_they_are_over(void **state)
{
    (void)state;
    wane_error err;
    wane_curves *curves = NULL;
    wane_query *query = NULL;
    char text[200];
    const wane_curves_request request = {.metric = "pretraining_forgetting", .by = "method"};
    (void)snprintf(text, sizeof text,
                   "UPDATE likelihood SET nll = NULL, reason = 'not_finite' WHERE stage = %ld",
                   (long)stage_of(1, 2));
    change(text);
    CHECK_OK(wane_curves_read(&curves, db, &request, &err));
    CHECK_OK(wane_curves_means(&query, curves, db, &err));
    CHECK_OK(wane_query_render(query, WANE_RENDER_TABLE, &out, &err));
    const char *first = strstr(out.data, " (2 of 3)");
    assert_true(first && !strstr(first + 9, " of 3)"));
    wane_query_free(query);
    wane_curves_free(curves);
}

/* Both methods are 0 at the base, one has learned after stage 1: that one point is missing. */
static void what_a_logarithm_hides(void **state)
{
    (void)state;
    wane_error err;
    wane_curves *curves = NULL;
    char text[200];
    const wane_curves_request request = {
        .metric = "pretraining_forgetting", .by = "method", .y_scale = WANE_CURVES_LOG};
    for (int run = 0; run < 3; run++) {
        (void)snprintf(text, sizeof text, "UPDATE likelihood SET nll = .5 WHERE stage = %ld",
                       (long)stage_of(run, 1));
        change(text);
    }
    CHECK_OK(wane_curves_read(&curves, db, &request, &err));
    CHECK_OK(wane_curves_draw(&out, curves, &err));
    assert_non_null(strstr(out.data, ": 1 point at or below 0 not drawn"));
    wane_curves_free(curves);
}

/* The tenth direction of each matrix is below the floor: the energy of ten is that of nine. */
static void what_does_not_exist_has_no_energy(void **state)
{
    (void)state;
    wane_error err;
    wane_curves *curves = NULL;
    double wanted = 0;
    const wane_curves_request request = {
        .metric = "intruder_energy",
        .by = "method",
        .x = "k",
        .counted = true,
        .counting = {.epsilon = .5, .side = "u", .against = "base"}};
    change("UPDATE direction SET max_cosine = NULL, max_cosine_low = NULL, max_cosine_high = NULL, "
           "cluster_overlap = NULL, reason = 'below_floor' WHERE position = 10");
    for (int run = 0; run < 3; run++) {
        double part = 0, whole = 0;
        for (int m = 0; m < shape.matrices; m++)
            for (int d = 0; d < 9; d++) {
                double sigma = sample_sigma(run, shape.tasks, m, d);
                whole += sigma * sigma;
                if (sample_cosine(run, shape.tasks, m, d, 0) < .5) part += sigma * sigma;
            }
        wanted += part / whole / 3;
    }
    CHECK_OK(wane_curves_read(&curves, db, &request, &err));
    size_t seen = 0;
    for (size_t i = 0; i < curves->points; i++) {
        const wane_curves_point *p = &curves->point[i];
        if (p->group != 0 || p->x != 10) continue;
        CHECK_NEAR(p->y, wanted, 0, 1e-12);
        seen++;
    }
    assert_int_equal(seen, 1);
    wane_curves_free(curves);
}

/* Where others are whole, runs under `limit:` are left out. */
static void limited_runs_are_not_compared(void **state)
{
    (void)state;
    wane_error err;
    static sample other;
    wane_comparing c = {0};
    const wane_compare_question question = {
        .side = {"full", "lora-r1"}, .by = "method", .experiment = "e"};
    change("UPDATE experiment SET limited = 1");
    CHECK_OK(wane_comparing_run(&c, db, &question, &err));
    assert_int_equal(c.pairs, 3);
    wane_comparing_free(&c);
    sample_plan(db, &other, &shape, "f");
    c = (wane_comparing){0};
    CHECK_FAILS(wane_comparing_run(&c, db, &question, &err), WANE_EINVAL, "pair");
    wane_comparing_free(&c);
    sample_close(NULL, &other);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, open_sample, close_sample)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(spread_and_cost_of_a_method),       TEST(a_frontier_is_of_means),
        TEST(means_say_what_they_are_over),      TEST(what_a_logarithm_hides),
        TEST(what_does_not_exist_has_no_energy), TEST(limited_runs_are_not_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
