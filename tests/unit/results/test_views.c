/* SPDX-License-Identifier: Apache-2.0
 * What the views show, against what the sample must give by the definitions in measures.md.
 */
#include "tests/support/support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/statistics/distribution.h"
#include "store/results/query.h"
#include "tests/unit/results/sample.h"

static const sample_shape shape = {.methods = 3,
                                   .orders = 2,
                                   .seeds = 2,
                                   .tasks = 4,
                                   .watched = 1,
                                   .corpora = 2,
                                   .matrices = 4,
                                   .top = 14};
static sample s;
static wane_results *db;

static int prepare(void **state)
{
    if (scratch_make(state) != 0) return -1;
    db = sample_filled(&s, scratch_path("v.db"), &shape);
    return 0;
}

static int clean(void **state)
{
    sample_close(db, &s);
    return scratch_remove(state);
}

/* The run of a row by its method, order and seed. */
static int run_of(const wane_query *query)
{
    const char *name = row_text(query, "run");
    int rank = 0, order = 0, seed = 0;
    const char *slash = strchr(name, '/');
    if (strncmp(name, "full", 4) != 0) assert_int_equal(sscanf(name, "lora-r%d", &rank), 1);
    if (strncmp(slash, "/given", 6) != 0) assert_int_equal(sscanf(slash, "/order%d", &order), 1);
    assert_int_equal(sscanf(strrchr(name, 's'), "s%d", &seed), 1);
    return (rank * shape.orders + order) * shape.seeds + seed;
}

static int last_digit(const char *name)
{
    return name[strlen(name) - 1] - '0';
}

static wane_query *ask(const char *sql)
{
    wane_error err = {0};
    wane_query *query = NULL;
    CHECK_OK(wane_query_open(&query, db, sql, NULL, 0, &err));
    return query;
}

static bool next(wane_query *query)
{
    wane_error err = {0};
    wane_status st = wane_query_next(query, &err);
    assert_true(st == WANE_OK || st == WANE_DONE);
    return st == WANE_OK;
}

static int order_of(int run)
{
    return run / shape.seeds % shape.orders;
}

static int position_of(int run, int task)
{
    for (int p = 1; p <= shape.tasks; p++)
        if (sample_task_at(&shape, order_of(run), p) == task) return p;
    return 0;
}

static void accuracy_matrix(void **state)
{
    (void)state;
    wane_query *query = ask("SELECT * FROM accuracy_matrix");
    int rows = 0;
    for (; next(query); rows++) {
        int run = run_of(query), position = (int)row_number(query, "position");
        int task = last_digit(row_text(query, "task"));
        assert_true(row_number(query, "accuracy") == sample_accuracy(run, position, task));
        CHECK_NEAR(row_number(query, "majority"), 0.5, 0, 0);
        assert_int_equal(row_number(query, "watched"), task >= shape.tasks);
        if (task >= shape.tasks) assert_null(row_text(query, "task_position"));
        else assert_int_equal(row_number(query, "task_position"), position_of(run, task));
        if (position == 0) assert_null(row_text(query, "trained"));
        else
            assert_int_equal(last_digit(row_text(query, "trained")),
                             sample_task_at(&shape, order_of(run), position));
    }
    assert_int_equal(rows, 12 * 5 * 5);
    wane_query_free(query);
}

static void forgetting_of_tasks(void **state)
{
    (void)state;
    wane_query *query = ask("SELECT * FROM task_forgetting");
    int rows = 0;
    for (; next(query); rows++) {
        int run = run_of(query), task = last_digit(row_text(query, "task"));
        int own = position_of(run, task), last = shape.tasks;
        double final = sample_accuracy(run, last, task), best = -1;
        for (int p = own; p < last; p++) best = fmax(best, sample_accuracy(run, p, task));
        CHECK_NEAR(row_number(query, "baseline"), sample_accuracy(run, 0, task), 0, 0);
        CHECK_NEAR(row_number(query, "change"), final - sample_accuracy(run, 0, task), 1e-15, 0);
        if (task < shape.tasks)
            CHECK_NEAR(row_number(query, "learned_accuracy"), sample_accuracy(run, own, task), 0,
                       0);
        if (task >= shape.tasks || own == last) {
            assert_true(isnan(row_number(query, "bwt")) && isnan(row_number(query, "forgetting")));
        } else {
            CHECK_NEAR(row_number(query, "bwt"), final - sample_accuracy(run, own, task), 1e-15, 0);
            CHECK_NEAR(row_number(query, "forgetting"), best - final, 1e-15, 0);
        }
    }
    assert_int_equal(rows, 12 * 5);
    wane_query_free(query);
    /* Per run: the three metrics, then bwt and forgetting of the three tasks before the last. */
    query = ask("SELECT *, (SELECT avg(value) FROM forgetting g WHERE g.run = f.run AND g.metric = "
                "f.metric AND g.task <> '') AS mean FROM forgetting f WHERE task = ''");
    for (rows = 0; next(query); rows++) {
        int run = run_of(query);
        const char *metric = row_text(query, "metric");
        CHECK_NEAR(row_number(query, "value"), sample_metric(&shape, run, shape.tasks, metric), 0,
                   1e-14);
        if (strcmp(metric, "acc") != 0)
            CHECK_NEAR(row_number(query, "mean"), row_number(query, "value"), 1e-14, 0);
    }
    assert_int_equal(rows, 12 * 3);
    wane_query_free(query);
    query = ask("SELECT count(*) FROM forgetting WHERE task <> '' AND reason IS NULL");
    assert_true(next(query));
    assert_int_equal(wane_query_int(query, 0), 12 * 3 * 2);
    wane_query_free(query);
}

static void forgetting_of_pretraining(void **state)
{
    (void)state;
    wane_query *query = ask("SELECT * FROM pretraining_forgetting");
    int rows = 0;
    for (; next(query); rows++) {
        int run = run_of(query), position = (int)row_number(query, "position");
        int corpus = last_digit(row_text(query, "corpus"));
        double nll = sample_nll(run, position, corpus), base = sample_nll(run, 0, corpus);
        CHECK_NEAR(row_number(query, "nll"), nll, 0, 0);
        CHECK_NEAR(row_number(query, "nll_0"), base, 0, 0);
        CHECK_NEAR(row_number(query, "forgetting"), nll - base, 0, 0);
        assert_string_equal(row_text(query, "role"), corpus ? "other" : "pretraining");
        assert_true(isnan(row_number(query, "stderr")) == (position == 0));
    }
    assert_int_equal(rows, 12 * 5 * 2);
    wane_query_free(query);
}

/* Counted from the directions themselves. */
static void count(int run, int position, int k, double epsilon, int side, double *intruders,
                  double *energy)
{
    double top = 0, share = 0;
    *intruders = 0;
    for (int m = 0; m < shape.matrices; m++)
        for (int d = 0; d < k && d < shape.top; d++) {
            double sigma = sample_sigma(run, position, m, d);
            bool intruder = sample_cosine(run, position, m, d, side) < epsilon;
            *intruders += intruder;
            top += sigma * sigma;
            if (intruder) share += sigma * sigma;
        }
    *energy = share / top;
}

static void intruders(void **state)
{
    (void)state;
    wane_error err = {0};
    double wanted = 0, energy = 0;
    wane_query *query = ask("SELECT * FROM intruders");
    int rows = 0;
    for (; next(query); rows++) {
        count(run_of(query), (int)row_number(query, "position"), 10, 0.5, 0, &wanted, &energy);
        CHECK_NEAR(row_number(query, "intruders"), wanted, 0, 0);
        CHECK_NEAR(row_number(query, "energy"), energy, 0, 1e-13);
    }
    assert_int_equal(rows, 12 * 4);
    wane_query_free(query);
    /* Any k, epsilon and side, by the named query. */
    const wane_assignment other[] = {{"k", "13"}, {"epsilon", "0.8"}, {"side", "v"}};
    CHECK_OK(wane_named_query_open(&query, db, "intruders", other, 3, &err));
    for (rows = 0; next(query); rows++) {
        count(run_of(query), (int)row_number(query, "position"), 13, 0.8, 1, &wanted, &energy);
        CHECK_NEAR(row_number(query, "intruders"), wanted, 0, 0);
        CHECK_NEAR(row_number(query, "energy"), energy, 0, 1e-13);
        assert_int_equal(row_number(query, "directions"), 13 * 4);
        assert_true(isnan(row_number(query, "intruders_null"))); /* not at k = 13 */
    }
    assert_int_equal(rows, 12 * 4);
    wane_query_free(query);
    /* The default is the view; matrices and modules add up to it. */
    static const char *const parts[] = {"intruders", "intruders_by_matrix", "intruders_by_module"};
    for (int i = 0; i < 3; i++) {
        double sum = 0;
        CHECK_OK(wane_named_query_open(&query, db, parts[i], NULL, 0, &err));
        while (next(query)) sum += row_number(query, "intruders");
        wane_query_free(query);
        query = ask("SELECT sum(intruders) FROM intruders");
        assert_true(next(query));
        CHECK_NEAR(sum, wane_query_double(query, 0), 0, 0);
        wane_query_free(query);
    }
}

static void totals_follow_their_rules(void **state)
{
    (void)state;
    wane_query *query = ask("SELECT * FROM correlation_points");
    int rows = 0;
    for (; next(query); rows++) {
        int run = run_of(query), position = (int)row_number(query, "position");
        double squares = 0;
        for (int m = 0; m < shape.matrices; m++) squares += (position + m) * (position + m);
        CHECK_NEAR(row_number(query, "delta_frobenius"), sqrt(squares), 0, 1e-14);
        CHECK_NEAR(row_number(query, "delta_spectral"), 0.5 * sqrt(squares), 0, 1e-14);
        CHECK_NEAR(row_number(query, "relative_update"), sqrt(squares) / 20, 0, 1e-14);
        CHECK_NEAR(row_number(query, "effective_rank"), 4, 0, 1e-14); /* of 3, 4, 5; one is NULL */
        CHECK_NEAR(row_number(query, "pretraining_forgetting"),
                   sample_nll(run, position, 0) - sample_nll(run, 0, 0), 0, 1e-13);
        CHECK_NEAR(row_number(query, "other_forgetting"),
                   sample_nll(run, position, 1) - sample_nll(run, 0, 1), 0, 1e-13);
        int own = sample_task_at(&shape, order_of(run), position);
        CHECK_NEAR(row_number(query, "learned_accuracy"), sample_accuracy(run, position, own), 0,
                   0);
        CHECK_NEAR(row_number(query, "kl_on_task_answer"),
                   0.2 * sample_accuracy(run, position, own), 0, 1e-15);
        CHECK_NEAR(row_number(query, "acc"), sample_metric(&shape, run, position, "acc"), 0, 1e-14);
        if (position > 1)
            CHECK_NEAR(row_number(query, "forgetting"),
                       sample_metric(&shape, run, position, "forgetting"), 0, 1e-14);
        else assert_true(isnan(row_number(query, "forgetting")));
    }
    assert_int_equal(rows, 12 * 4);
    wane_query_free(query);
}

static void several_pretraining_corpora(void **state)
{
    (void)state;
    wane_error err = {0};
    CHECK_OK(wane_results_begin(db, &err));
    CHECK_OK(wane_results_put_experiment_corpus(db, s.experiment_id, s.corpus[1], "pretraining", 3,
                                                &err));
    wane_query *query = ask("SELECT * FROM stage_summary");
    while (next(query)) {
        int run = run_of(query), position = (int)row_number(query, "position");
        double a = sample_nll(run, position, 0) - sample_nll(run, 0, 0);
        double b = sample_nll(run, position, 1) - sample_nll(run, 0, 1);
        CHECK_NEAR(row_number(query, "pretraining_forgetting"), (a + 3 * b) / 4, 1e-14, 1e-13);
        CHECK_NEAR(row_number(query, "nll_0"),
                   (sample_nll(run, 0, 0) + 3 * sample_nll(run, 0, 1)) / 4, 0, 1e-13);
        assert_true(isnan(row_number(query, "other_forgetting")));
    }
    wane_query_free(query);
    wane_results_rollback(db);
}

/* One run of the first group is out; the others are two to an order, four to a method. */
static void intervals_of_seeds(void)
{
    wane_query *query = ask("SELECT * FROM seed_interval WHERE metric = 'bwt' "
                            "ORDER BY rank, order_name IS NULL, order_name");
    int rows = 0;
    for (; next(query); rows++) {
        int method = rows / 3, order = rows % 3, n = 0;
        double values[4], sum = 0, squares = 0;
        for (int i = 0; i < 4; i++) {
            int run = 4 * method + i;
            if (run == 1 || (order < 2 && i / 2 != order)) continue;
            values[n] = sample_metric(&shape, run, 4, "bwt");
            sum += values[n++];
        }
        for (int i = 0; i < n; i++) squares += (values[i] - sum / n) * (values[i] - sum / n);
        assert_int_equal(row_number(query, "n"), n);
        assert_int_equal(row_number(query, "runs"), n);
        assert_int_equal(row_number(query, "left_out"), method == 0 && order != 1);
        CHECK_NEAR(row_number(query, "mean"), sum / n, 0, 1e-13);
        if (n == 1) {
            assert_true(isnan(row_number(query, "sd")) && isnan(row_number(query, "low")));
            continue;
        }
        double sd = sqrt(squares / (n - 1));
        double half = wane_student_critical(.05, n - 1) * sd / sqrt(n);
        CHECK_NEAR(row_number(query, "sd"), sd, 1e-15, 1e-12);
        CHECK_NEAR(row_number(query, "low"), sum / n - half, 1e-13, 1e-10);
        CHECK_NEAR(row_number(query, "high"), sum / n + half, 1e-13, 1e-10);
    }
    assert_int_equal(rows, 9);
    wane_query_free(query);
}

static void summaries_of_runs_and_seeds(void **state)
{
    (void)state;
    wane_error err = {0};
    wane_query *query = ask("SELECT * FROM run_summary");
    int rows = 0;
    for (; next(query); rows++) {
        int run = run_of(query);
        CHECK_NEAR(row_number(query, "acc"), sample_metric(&shape, run, 4, "acc"), 0, 1e-14);
        assert_int_equal(row_number(query, "gates"), 1);
        assert_int_equal(row_number(query, "gates_failed"), 0);
        assert_string_equal(row_text(query, "status"), "done");
        assert_int_equal(row_number(query, "trainable"), 500);
    }
    assert_int_equal(rows, 12);
    wane_query_free(query);
    /* One run of the first group fails its gate and leaves the means. */
    CHECK_OK(wane_results_begin(db, &err));
    CHECK_OK(wane_results_set_run_status(db, s.run[1], WANE_RUN_GATE_FAILED, "gate", &err));
    query = ask("SELECT * FROM seed_summary ORDER BY rank, order_name");
    for (rows = 0; next(query); rows++) {
        int first = 2 * rows;
        double a = sample_metric(&shape, first, 4, "bwt");
        double b = sample_metric(&shape, first + 1, 4, "bwt");
        assert_int_equal(row_number(query, "runs"), rows == 0 ? 1 : 2);
        assert_int_equal(row_number(query, "left_out"), rows == 0);
        if (rows == 0) {
            CHECK_NEAR(row_number(query, "bwt"), a, 0, 1e-14);
            assert_true(isnan(row_number(query, "bwt_sd"))); /* one run has no deviation */
        } else {
            CHECK_NEAR(row_number(query, "bwt"), (a + b) / 2, 1e-15, 1e-14);
            CHECK_NEAR(row_number(query, "bwt_sd"), fabs(a - b) / sqrt(2), 1e-15, 1e-13);
        }
    }
    assert_int_equal(rows, 6);
    wane_query_free(query);
    CHECK_OK(wane_named_query_open(&query, db, "method_summary", NULL, 0, &err));
    assert_true(next(query));
    double sum = 0;
    for (int run = 0; run < 4; run++)
        if (run != 1) sum += sample_metric(&shape, run, 4, "acc");
    CHECK_NEAR(row_number(query, "acc"), sum / 3, 0, 1e-14);
    assert_int_equal(row_number(query, "left_out"), 1);
    wane_query_free(query);
    intervals_of_seeds();
    wane_results_rollback(db);
}

static void curves(void **state)
{
    (void)state;
    wane_error err = {0};
    wane_query *query = NULL;
    CHECK_OK(wane_named_query_open(&query, db, "curves", NULL, 0, &err));
    int rows = 0;
    for (; next(query); rows++) {
        int run = run_of(query), position = (int)row_number(query, "position");
        CHECK_NEAR(row_number(query, "value"), sample_nll(run, position, 0) - sample_nll(run, 0, 0),
                   1e-15, 1e-13);
        assert_string_equal(row_text(query, "status"), "done");
    }
    assert_int_equal(rows, 12 * 5);
    wane_query_free(query);
    const wane_assignment corpus[] = {{"metric", "nll"}, {"corpus", "corpus1"}};
    CHECK_OK(wane_named_query_open(&query, db, "curves", corpus, 2, &err));
    for (rows = 0; next(query); rows++)
        CHECK_NEAR(row_number(query, "value"),
                   sample_nll(run_of(query), (int)row_number(query, "position"), 1), 0, 0);
    assert_int_equal(rows, 12 * 5);
    wane_query_free(query);
    const wane_assignment task[] = {{"metric", "accuracy"}, {"task", "task2"}};
    CHECK_OK(wane_named_query_open(&query, db, "curves", task, 2, &err));
    for (rows = 0; next(query); rows++)
        CHECK_NEAR(row_number(query, "value"),
                   sample_accuracy(run_of(query), (int)row_number(query, "position"), 2), 0, 0);
    assert_int_equal(rows, 12 * 5);
    wane_query_free(query);
}

/* A run whose second stage diverged: NULL, not 0, and no row where there is no cell. */
static void missing_cells_are_null(void **state)
{
    (void)state;
    static sample t;
    wane_results *other = sample_open(&t, scratch_path("part.db"), &shape);
    sample_cells(other, &t, 0, 0);
    sample_cells(other, &t, 0, 1);
    wane_results *whole = db;
    db = other;
    wane_query *query = ask("SELECT * FROM stage_summary WHERE run = 'full/given/s0'");
    for (int p = 0; p <= shape.tasks; p++) {
        assert_true(next(query));
        assert_true(isnan(row_number(query, "nll")) == (p > 1));
        assert_true(isnan(row_number(query, "pretraining_forgetting")) == (p > 1));
        assert_true(isnan(row_number(query, "intruders")) == (p != 1));
        assert_true(isnan(row_number(query, "acc")));
    }
    wane_query_free(query);
    query = ask("SELECT count(*), sum(value IS NULL), sum(reason = 'missing_cell') FROM forgetting "
                "WHERE run = 'full/given/s0'");
    assert_true(next(query));
    for (size_t i = 0; i < 3; i++) assert_int_equal(wane_query_int(query, i), 2 * 3);
    wane_query_free(query);
    /* Without stage 2: the best of the task trained before it may have been there. */
    for (int p = 0; p <= shape.tasks; p++)
        if (p != 2) sample_cells(other, &t, 1, p);
    query = ask(
        "SELECT task_position, learned_accuracy, best, final, bwt, forgetting FROM task_forgetting "
        "WHERE run = 'full/given/s1' AND NOT watched ORDER BY task_position");
    for (int own = 1; own <= shape.tasks; own++) {
        assert_true(next(query));
        assert_int_equal(wane_query_int(query, 0), own);
        assert_true(isnan(row_number(query, "learned_accuracy")) == (own == 2));
        assert_true(isnan(row_number(query, "best")) == (own <= 2 || own == shape.tasks));
        assert_false(isnan(row_number(query, "final")));
        assert_true(isnan(row_number(query, "bwt")) == (own == 2 || own == shape.tasks));
        assert_true(isnan(row_number(query, "forgetting")) == (own <= 2 || own == shape.tasks));
    }
    wane_query_free(query);
    query = ask("SELECT sum(runs), sum(left_out), count(acc) FROM seed_summary");
    assert_true(next(query));
    assert_int_equal(wane_query_int(query, 0), 0);
    assert_int_equal(wane_query_int(query, 1), 12);
    assert_int_equal(wane_query_int(query, 2), 0);
    wane_query_free(query);
    db = whole;
    sample_close(other, &t);
}

/* Task 0 and corpus 0 of a stage, measured again under other settings, are not finite. */
static void not_finite(wane_results *other, const sample *t, int64_t stage)
{
    wane_error err = {0};
    const wane_likelihood_row likelihood = {.nll = NAN,
                                            .stderr_ = NAN,
                                            .change_stderr = NAN,
                                            .token_perplexity = NAN,
                                            .word_perplexity = NAN,
                                            .byte_perplexity = NAN,
                                            .bits_per_byte = NAN,
                                            .kl_to_base = NAN,
                                            .soft_ce = NAN,
                                            .tokens = 10,
                                            .reason = WANE_NOT_FINITE};
    const wane_score_row score = {"test", "accuracy", NAN, NAN, 50, WANE_NOT_FINITE};
    wane_cell cell = {.stage = stage,
                      .step = WANE_STEP_SEALED,
                      .measure = WANE_CELL_LIKELIHOOD,
                      .subject = "corpus0@data",
                      .settings_sha256 = "again",
                      .data_sha256 = "d"};
    (void)t;
    CHECK_OK(wane_cell_commit(other, &cell, &(wane_cell_rows){.likelihood = &likelihood}, &err));
    cell.measure = WANE_CELL_SCORE;
    cell.subject = "task0@data";
    CHECK_OK(wane_cell_commit(other, &cell, &(wane_cell_rows){.scores = &score, .score_count = 1},
                              &err));
}

/* What stands on a number that is not finite is NULL and says so; means say what they are over. */
static void numbers_that_are_not_finite(void **state)
{
    (void)state;
    sample t = {0};
    wane_results *other = sample_filled(&t, scratch_path("odd.db"), &shape);
    int64_t last = t.stage[shape.tasks]; /* of the first run */
    not_finite(other, &t, last);
    static const struct {
        const char *sql;
        int64_t value;
    } checks[] = {
        {"SELECT count(*) FROM stage_summary WHERE not_finite = 2 AND nll IS NULL AND "
         "pretraining_forgetting IS NULL AND kl_to_base IS NULL AND nll_0 IS NOT NULL",
         1},
        {"SELECT count(*) FROM stage_summary WHERE not_finite = 0 AND nll IS NOT NULL", 12 * 5 - 1},
        {"SELECT count(*) FROM run_summary WHERE not_finite = 2", 1},
        {"SELECT count(*) FROM accuracy_matrix WHERE accuracy IS NULL AND reason = 'not_finite'",
         1},
        {"SELECT count(*) FROM pretraining_forgetting WHERE forgetting IS NULL AND reason = "
         "'not_finite'",
         1},
        {"SELECT count(*) FROM forgetting WHERE value IS NULL AND reason = 'not_finite' AND task = "
         "'task0'",
         2},
        {"SELECT count(*) FROM seed_summary WHERE nll_n = runs - 1 AND acc_n = runs AND "
         "intruders_n = runs",
         1},
        {"SELECT count(*) FROM seed_summary WHERE nll_n = runs", 5},
        {"SELECT count(*) FROM seed_interval WHERE metric = 'nll' AND n < runs", 2}};
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        if (query_integer(other, checks[i].sql) != checks[i].value)
            print_error("%s\n", checks[i].sql);
        assert_int_equal(query_integer(other, checks[i].sql), checks[i].value);
    }
    /* A base without the number: no mean over the corpora that are left. */
    not_finite(other, &t, t.stage[0]);
    assert_int_equal(query_integer(other, "SELECT count(*) FROM stage_summary WHERE nll_0 IS NOT "
                                          "NULL AND run = (SELECT name FROM run WHERE id = 1)"),
                     0);
    sample_close(other, &t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accuracy_matrix),
        cmocka_unit_test(forgetting_of_tasks),
        cmocka_unit_test(forgetting_of_pretraining),
        cmocka_unit_test(intruders),
        cmocka_unit_test(totals_follow_their_rules),
        cmocka_unit_test(several_pretraining_corpora),
        cmocka_unit_test(summaries_of_runs_and_seeds),
        cmocka_unit_test(curves),
        cmocka_unit_test(missing_cells_are_null),
        cmocka_unit_test(numbers_that_are_not_finite),
    };
    return cmocka_run_group_tests(tests, prepare, clean);
}
