/* SPDX-License-Identifier: Apache-2.0
 * Tables of means: over the runs that are done, a baseline with the weights of its count, digits
 * enough.
 */
#include "analysis/report/run_summary.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "analysis/report/curves.h"
#include "store/base/text.h"
#include "store/results/query.h"
#include "tests/support/support.h"
#include "tests/unit/results/sample.h"

static const sample_shape shape = {
    .methods = 2, .orders = 1, .seeds = 3, .tasks = 2, .corpora = 1, .matrices = 2, .top = 10};

static void set_status(wane_results *db, const sample *s, int run, wane_run_status status)
{
    wane_error err = {0};
    CHECK_OK(wane_results_seal_run(db, s->run[run], &(wane_run_seal){.status = status}, &err));
}

static void page(wane_text *out, wane_results *db)
{
    wane_error err = {0};
    wane_text_clear(out);
    CHECK_OK(wane_summary_print(out, db, "e", &err));
}

/* The mean score of task 0 after stage 1 over runs first..last-1, as the page prints it. */
static const char *mean_score(int first, int last)
{
    static char text[32];
    double sum = 0;
    for (int run = first; run < last; run++) sum += sample_accuracy(run, 1, 0);
    snprintf(text, sizeof text, "%.3f", sum / (last - first));
    return text;
}

static void means_are_over_runs_that_are_done(void **state)
{
    (void)state;
    sample s = {0};
    wane_text out = {0};
    wane_results *db = sample_filled(&s, scratch_path("s.db"), &shape);
    page(&out, db);
    assert_non_null(strstr(out.data, mean_score(0, 3)));
    assert_null(strstr(out.data, "not done)"));
    set_status(db, &s, 2, WANE_RUN_GATE_FAILED);
    for (int run = 3; run < 6; run++) set_status(db, &s, run, WANE_RUN_DIVERGED);
    page(&out, db);
    assert_non_null(
        strstr(out.data, "always the most frequent label (2 of 3 runs; 1 is not done)\n"));
    assert_non_null(strstr(out.data, mean_score(0, 2)));
    assert_null(strstr(out.data, mean_score(0, 3)));
    assert_null(strstr(out.data, mean_score(3, 6)));
    /* Of a method without a run that is done the table has no mean, not the baseline of the count
     * nor a cost either. */
    const char *row = strstr(out.data, "\nlora-r1 ");
    assert_non_null(row);
    assert_int_equal(strcspn(row + 1, "\n"), strcspn(strstr(out.data, "\nmethod ") + 1, "\n"));
    char words[24][16] = {{0}};
    int count = 0;
    for (const char *at = row + 1; *at != '\n' && count < 24; at += strspn(at, " ")) {
        size_t length = strcspn(at, " \n");
        (void)snprintf(words[count++], sizeof *words, "%.*s", (int)length, at);
        at += length;
    }
    assert_int_equal(count, 18);
    assert_string_equal(words[1], "0");
    assert_string_equal(words[2], "3");
    for (int i = 3; i < count; i++)
        if (i != 10) assert_string_equal(words[i], "-"); /* 10: of the base */
    wane_text_free(&out);
    sample_close(db, &s);
}

static void weigh(const char *path, const char *sql)
{
    sqlite3 *file = NULL;
    assert_int_equal(sqlite3_open(path, &file), SQLITE_OK);
    assert_int_equal(sqlite3_exec(file, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(file);
}

/* Two runs of one order and one of the other: the null of the count has the count's weights. */
static void a_null_has_the_weights_of_its_count(void **state)
{
    (void)state;
    wane_error err = {0};
    sample s = {0};
    sample_shape two = shape;
    two.orders = 2;
    two.seeds = 2;
    wane_results *db = sample_filled(&s, scratch_path("w.db"), &two);
    set_status(db, &s, 3, WANE_RUN_DIVERGED);
    weigh(
        scratch_path("w.db"),
        "INSERT INTO null_draw SELECT p.stage, -1, 'rotated', 'u', d.value, CASE r.order_name WHEN "
        "'given' THEN 6 ELSE 12 END, 0, 40, '[]' FROM run r JOIN run_stage p ON p.run = r.id AND "
        "p.position > 0, json_each('[1, 2, 3]') d");
    wane_query *query = NULL;
    CHECK_OK(wane_named_query_open(&query, db, "method_summary", NULL, 0, &err));
    CHECK_OK(wane_query_next(query, &err));
    CHECK_NEAR(row_number(query, "intruders_null"), 8, 0, 1e-14);
    wane_query_free(query);
    sample_close(db, &s);
}

/* Beside a method whose likelihood blew up the other's forgetting is not printed as 0. */
static void no_method_is_rounded_away(void **state)
{
    (void)state;
    wane_error err = {0};
    sample s = {0};
    wane_text out = {0};
    wane_curves *curves = NULL;
    wane_query *query = NULL;
    wane_results *db = sample_filled(&s, scratch_path("c.db"), &shape);
    weigh(scratch_path("c.db"),
          "UPDATE likelihood SET nll = 1e6 WHERE stage IN (SELECT p.stage FROM run_stage p JOIN "
          "run r ON r.id = p.run WHERE p.position > 0 AND r.method = 'lora-r1')");
    const wane_curves_request request = {.metric = "pretraining_forgetting", .by = "method"};
    CHECK_OK(wane_curves_read(&curves, db, &request, &err));
    CHECK_OK(wane_curves_means(&query, curves, db, &err));
    CHECK_OK(wane_query_render(query, WANE_RENDER_TABLE, &out, &err));
    const char *row = strstr(out.data, "\nfull ");
    assert_non_null(row);
    double mean = 0, printed[2] = {0};
    for (int run = 0; run < 3; run++) mean += (sample_nll(run, 1, 0) - sample_nll(run, 0, 0)) / 3;
    assert_int_equal(sscanf(row, " full 3 %lf %lf +- ", &printed[0], &printed[1]), 2);
    CHECK_NEAR(printed[1], mean, 5e-4, 0);
    assert_non_null(strstr(out.data, "999997 +- 0"));
    wane_query_free(query);
    wane_curves_free(curves);
    wane_text_free(&out);
    sample_close(db, &s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(means_are_over_runs_that_are_done),
                                       cmocka_unit_test(a_null_has_the_weights_of_its_count),
                                       cmocka_unit_test(no_method_is_rounded_away)};
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
