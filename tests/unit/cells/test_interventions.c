/* SPDX-License-Identifier: Apache-2.0
 * Interventions of a small experiment: what is stored, which cells come with a new lambda, and what
 * must be equal by definition.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/results/query.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

/* At width 32 epsilon = .5 is within chance: LoRA has intruders, full-matrices none. */
#define EXPERIMENT                                                                                 \
    "name: small\n"                                                                                \
    "model: builtin\n"                                                                             \
    "pretraining: {width: 32, layers: 2, heads: 2, kv_heads: 1, hidden: 64, steps: 20,\n"          \
    "              documents: 200, batch_tokens: 512, context: 96}\n"                              \
    "corpora:\n"                                                                                   \
    "  - {name: text, path: builtin, role: pretraining, documents: 20}\n"                          \
    "  - {name: more, path: builtin, role: pretraining, documents: 10, seed: 7, weight: 3}\n"      \
    "tasks:\n"                                                                                     \
    "  - {path: builtin/topic, train_rows: 64, test_rows: 32}\n"                                   \
    "  - {path: builtin/counting, train_rows: 64, test_rows: 32}\n"                                \
    "methods:\n"                                                                                   \
    "  - {name: full, kind: full-matrices, learning_rate: 1e-2}\n"                                 \
    "  - {name: lora, kind: lora, rank: 2, learning_rate: 1e-1}\n"                                 \
    "training: {epochs: 1, batch_size: 8, max_seq_length: 96}\n"                                   \
    "keep: all\n"

static const char few[] = EXPERIMENT "interventions: {lambdas: [0.3, 1]}\n";
static const char more[] = EXPERIMENT "interventions: {lambdas: [0.3, 1, 1.25]}\n";

static int run_to(const char *text, const char *database, const char *option)
{
    char yaml[512], path[512];
    (void)snprintf(yaml, sizeof yaml, "%s", scratch_path("small.yaml"));
    (void)snprintf(path, sizeof path, "%s", scratch_path(database));
    write_file(yaml, text, strlen(text));
    const char *const arguments[] = {"run", yaml, "--db", path, "--threads", "1", option, NULL};
    int code = process_run(arguments, "out", "err");
    if (code != 0) {
        char *said = read_file(scratch_path("err"), NULL);
        print_error("exit code %d: %s\n", code, said);
        free(said);
    }
    return code;
}

static int make(void **state)
{
    return scratch_make(state) == 0 ? run_to(few, "small.db", NULL) : -1;
}

static double number(const char *database, const char *sql)
{
    return query_number_at(scratch_path(database), sql);
}

#define COUNTS(sql, count) assert_int_equal((int)number("small.db", sql), count)

/* 2 last stages x 2 choices x 5 arms x 2 lambdas. */
static void every_arm_has_its_cell(void **state)
{
    (void)state;
    COUNTS("SELECT count(*) FROM cell WHERE measure = 'intervention'", 2 * 2 * 5 * 2);
    COUNTS("SELECT count(DISTINCT stage) FROM intervention", 2);
    COUNTS("SELECT count(*) FROM intervention_effect", 40);
    COUNTS("SELECT count(*) FROM intervention_effect WHERE position = 2", 40);
    /* two corpora and two tasks each, and 'intruders' is not held against itself */
    COUNTS("SELECT count(*) FROM intervention WHERE measure = 'nll_change'", 80);
    COUNTS("SELECT count(*) FROM intervention WHERE measure = 'accuracy_change'", 80);
    COUNTS("SELECT count(*) FROM intervention WHERE measure = 'nll_minus_intruders'", 64);
    COUNTS("SELECT count(*) FROM intervention WHERE arm = 'intruders' AND "
           "measure LIKE '%minus_intruders'",
           0);
    COUNTS("SELECT count(*) FROM intervention_effect WHERE method = 'full' AND matrices = 0 AND "
           "matrices_with_intruders = 0 AND reason = 'no_intruder' AND nll_change IS NULL AND "
           "latest_accuracy_change IS NULL",
           20);
    COUNTS("SELECT count(*) FROM intervention_effect WHERE method = 'lora' AND arm IN "
           "('intruders', 'shrink') AND matrices = matrices_with_intruders AND matrices > 0 AND "
           "nll_change_stderr >= 0 AND reason IS NULL",
           8);
    COUNTS("SELECT count(*) > 0 FROM usage WHERE phase = 'intervention'", 1);
    COUNTS("SELECT count(*) > 10 FROM intervention WHERE measure = 'nll_change' AND value <> 0", 1);
}

static void lambda_1_changes_nothing(void **state)
{
    (void)state;
    COUNTS("SELECT count(*) FROM intervention WHERE lambda = 1 AND reason IS NULL AND "
           "(measure LIKE '%change' OR measure LIKE '%minus_intruders' OR "
           "measure = 'moved_frobenius') AND (value <> 0 OR stderr <> 0)",
           0);
    assert_true(number("small.db",
                       "SELECT max(abs(i.value - l.nll)) FROM intervention i JOIN corpus c ON "
                       "c.name = i.target JOIN likelihood l ON l.stage = i.stage AND l.step = -1 "
                       "AND l.corpus = c.id WHERE i.lambda = 1 AND i.measure = 'nll'") < 1e-12);
    COUNTS("SELECT count(*) FROM intervention i JOIN task k ON k.name = i.target JOIN score s ON "
           "s.stage = i.stage AND s.step = -1 AND s.metric = 'accuracy' AND s.task = k.id WHERE "
           "i.lambda = 1 AND i.measure = 'accuracy' AND i.value <> s.value",
           0);
    assert_true(number("small.db",
                       "SELECT max(abs(i.value / t.delta_frobenius - 1)) FROM intervention i JOIN "
                       "spectrum_total t ON t.stage = i.stage AND t.step = -1 WHERE i.lambda = 1 "
                       "AND i.measure = 'delta_frobenius'") < 1e-6);
}

/* On the same matrices the shrunk change has the norm of the intruders' arm. */
static void shrink_has_the_norm(void **state)
{
    (void)state;
    static const char furthest[] =
        "SELECT max(abs(b.value / a.value - 1)) FROM intervention a "
        "JOIN intervention b USING (stage, choice, lambda, measure, matrices) "
        "WHERE measure = 'delta_frobenius' AND a.arm = 'intruders' AND b.arm = 'shrink'";
    COUNTS("SELECT count(*) FROM intervention WHERE measure = 'nll_change' AND arm = 'shrink' "
           "AND matrices > 0",
           2 * 2 * 2);
    assert_true(number("small.db", furthest) < 1e-9);
}

static void contrasts_are_differences(void **state)
{
    (void)state;
    static const char furthest[] =
        "SELECT max(abs(d.value - (a.value - i.value))) FROM intervention d "
        "JOIN intervention a USING (stage, choice, arm, lambda, target) "
        "JOIN intervention i USING (stage, choice, lambda, target) "
        "WHERE d.measure = 'nll_minus_intruders' AND a.measure = 'nll_change' AND "
        "i.measure = 'nll_change' AND i.arm = 'intruders' AND i.matrices = d.matrices";
    assert_true(number("small.db", furthest) < 1e-12);
    COUNTS("SELECT count(*) FROM intervention WHERE measure = 'matrices_with_intruders' AND "
           "matrices > value",
           0);
}

/* Of 32 test rows: points are hundredths of the accuracy; and with d = -1, 0 or 1 of each row, the
 * square error times n (n - 1) is their sum of squares, a whole number, less their squared sum / n.
 */
static void points_and_their_errors(void **state)
{
    (void)state;
    static const char changes[] =
        "WITH c AS (SELECT d.value AS points, d.stderr AS error, 32 * (a.value - o.value) AS sum "
        "FROM intervention d JOIN intervention a USING (stage, choice, arm, lambda, target) "
        "JOIN intervention o USING (stage, choice, arm, target) WHERE d.measure = "
        "'accuracy_change' AND a.measure = 'accuracy' AND o.measure = 'accuracy' AND o.lambda = 1 "
        "AND d.value <> 0), q AS (SELECT points - 100 * sum / 32 AS off, error * error / 1e4 * 32 "
        "* 31 + sum * sum / 32 AS squares, abs(sum) AS least FROM c) SELECT %s FROM q";
    char sql[1024];
    (void)snprintf(sql, sizeof sql, changes, "count(*) > 3");
    COUNTS(sql, 1);
    (void)snprintf(sql, sizeof sql, changes, "max(abs(off))");
    assert_true(number("small.db", sql) < 1e-10);
    (void)snprintf(sql, sizeof sql, changes, "max(abs(squares - round(squares)))");
    assert_true(number("small.db", sql) < 1e-8);
    (void)snprintf(sql, sizeof sql, changes, "count(*)");
    double rows = number("small.db", sql);
    (void)snprintf(sql, sizeof sql, changes, "sum(squares > least - 1e-8 AND squares < 32 + 1e-8)");
    assert_true(number("small.db", sql) == rows);
}

/* The weighted mean of the two corpora with its error; means over the tasks; the latest task. */
static void the_view_sums_up(void **state)
{
    (void)state;
    static const char corpora[] =
        "SELECT max(abs(v.nll_change - (a.value + 3 * b.value) / 4)) + "
        "max(abs(v.nll_change_stderr - sqrt(a.stderr * a.stderr + 9 * b.stderr * b.stderr) / 4)) "
        "FROM intervention_effect v JOIN run r ON r.name = v.run "
        "JOIN run_stage p ON p.run = r.id AND p.position = v.position "
        "JOIN intervention a ON a.stage = p.stage "
        "JOIN intervention b USING (stage, choice, arm, lambda, measure) "
        "WHERE a.measure = 'nll_change' AND a.target = 'text' AND b.target = 'more' AND "
        "a.choice = v.choice AND a.arm = v.arm AND a.lambda = v.lambda";
    static const char seen[] =
        "SELECT max(abs(s.value - (SELECT avg(a.value) FROM intervention a WHERE "
        "a.measure = 'accuracy_change' AND a.stage = s.stage AND a.arm = s.arm AND "
        "a.choice = s.choice AND a.lambda = s.lambda))) "
        "FROM intervention s WHERE s.measure = 'seen_accuracy_change'";
    assert_true(number("small.db", corpora) < 1e-12);
    assert_true(number("small.db", seen) < 1e-12);
    COUNTS("SELECT count(*) FROM intervention l "
           "JOIN intervention a USING (stage, choice, arm, lambda) "
           "WHERE l.measure = 'latest_accuracy_change' AND a.measure = 'accuracy_change' AND "
           "a.target = 'counting' AND a.value IS l.value AND a.stderr IS l.stderr",
           40);
}

static bool is_null(const wane_query *query, size_t column)
{
    return wane_query_type(query, column) == WANE_VALUE_NULL;
}

/* One run of each method: the means are its values, without a deviation; the method without
 * intruders has a row for each choice. */
static void means_over_runs(void **state)
{
    (void)state;
    wane_error err;
    wane_query *query = NULL;
    size_t rows = 0, undefined = 0;
    enum { METHOD = 1, CHOICE, ARM, LAMBDA, RUNS, DEFINED, MATCHED, MATRICES, NLL, NLL_SD };
    enum { REASON = 21 };
    const wane_assignment arms = {"arms", "intruders, neighbour,shrink,rescale"};
    wane_results *db = open_results(scratch_path("small.db"), WANE_RESULTS_READ);
    CHECK_OK(wane_named_query_open(&query, db, "interventions_by_method", &arms, 1, &err));
    assert_int_equal(wane_query_columns(query), REASON + 6);
    assert_string_equal(wane_query_name(query, NLL_SD), "nll_change_sd");
    assert_string_equal(wane_query_name(query, REASON), "reason");
    while (wane_query_next(query, &err) == WANE_OK) {
        rows++;
        assert_int_equal(wane_query_double(query, RUNS), 1);
        assert_true(is_null(query, NLL_SD));
        if (strcmp(wane_query_text(query, METHOD), "full") == 0) {
            undefined++;
            assert_true(is_null(query, ARM) && is_null(query, LAMBDA));
            assert_true(is_null(query, NLL) && wane_query_double(query, DEFINED) == 0);
            assert_string_equal(wane_query_text(query, REASON), "no_intruder");
            continue;
        }
        char sql[256];
        (void)snprintf(sql, sizeof sql,
                       "SELECT nll_change FROM intervention_effect WHERE method = 'lora' AND "
                       "choice = '%s' AND arm = '%s' AND lambda = %g",
                       wane_query_text(query, CHOICE), wane_query_text(query, ARM),
                       wane_query_double(query, LAMBDA));
        if (!is_null(query, NLL))
            CHECK_NEAR(wane_query_double(query, NLL), number("small.db", sql), 0, 0);
        assert_true(is_null(query, NLL) == !is_null(query, REASON));
        assert_int_equal(wane_query_int(query, MATCHED), !is_null(query, NLL));
    }
    assert_int_equal(rows, 18);
    assert_int_equal(undefined, 2);
    wane_query_free(query);
    wane_results_close(db);
}

/* Adding one trains nothing, fills its cells alone, and leaves what a fresh run gives. */
static void a_new_lambda_fills_its_cells(void **state)
{
    (void)state;
    assert_int_equal(run_to(few, "grown.db", NULL), 0);
    assert_int_equal(run_to(more, "grown.db", "--dry-run"), 0);
    char *said = read_file(scratch_path("out"), NULL);
    assert_non_null(strstr(said, "0 to train"));
    assert_non_null(strstr(said, ", 20 to fill"));
    free(said);
    assert_int_equal(run_to(more, "grown.db", NULL), 0);
    assert_int_equal(run_to(more, "fresh.db", NULL), 0);
    assert_true(databases_equal(scratch_path("grown.db"), scratch_path("fresh.db")) > 500);
}

/* Under `together` all arms have changed as many matrices. */
static void together_is_one_set(void **state)
{
    (void)state;
    static const char text[] =
        EXPERIMENT "interventions: {lambdas: [0.3], choices: [top], compare: together, stages: "
                   "all}\n";
    assert_int_equal(run_to(text, "together.db", NULL), 0);
    assert_int_equal((int)number("together.db",
                                 "SELECT count(*) FROM (SELECT stage FROM intervention "
                                 "GROUP BY stage HAVING min(matrices) = max(matrices))"),
                     4);
    assert_int_equal((int)number("together.db", "SELECT count(DISTINCT stage) FROM intervention"),
                     4);
    /* behind the first stage one task has been trained, and the other does not count as seen */
    assert_int_equal((int)number("together.db",
                                 "SELECT count(*) > 0 AND min(s.value = l.value) = 1 AND "
                                 "sum(s.value <> o.value) > 0 FROM intervention s "
                                 "JOIN run_stage p ON p.stage = s.stage AND p.position = 1 "
                                 "JOIN intervention l USING (stage, choice, arm, lambda) "
                                 "JOIN intervention o USING (stage, choice, arm, lambda) "
                                 "WHERE s.measure = 'seen_accuracy' AND l.measure = 'accuracy' AND "
                                 "l.target = 'topic' AND o.measure = 'accuracy' AND o.target = "
                                 "'counting' AND s.value IS NOT NULL"),
                     1);
}

static int curves(const char *metric, const char *option, const char *value, const char *output)
{
    char path[512], file[512];
    (void)snprintf(path, sizeof path, "%s", scratch_path("small.db"));
    (void)snprintf(file, sizeof file, "%s", scratch_path(output));
    const char *const arguments[] = {
        "curves", path, "-m",   metric, "--arms", "intruders,neighbour,shrink,rescale",
        "-o",     file, option, value,  NULL};
    return process_run(arguments, "out", "err");
}

/* Of the one run with intruders: its own values, at one lambda and at 1. */
static void the_frontier_is_drawn(void **state)
{
    (void)state;
    assert_int_equal(curves("seen_accuracy_change", "--x", "nll_change", "frontier.csv"), 0);
    char *text = read_file(scratch_path("frontier.csv"), NULL);
    size_t rows = 0;
    for (char *line = strchr(text, '\n') + 1; *line; line = strchr(line, '\n') + 1) {
        char arm[16], sql[256];
        double lambda = 0, x = 0, y = 0;
        int runs = 0, configs = 0, unmatched = 1;
        assert_int_equal(sscanf(line, "all,%15[a-z],%lf,%d,%d,%d,%lf,,%lf,,", arm, &lambda, &runs,
                                &configs, &unmatched, &x, &y),
                         7);
        assert_true(runs == 1 && configs == 1 && unmatched == 0);
        (void)snprintf(sql, sizeof sql,
                       "SELECT nll_change FROM intervention_effect WHERE choice = 'top' AND "
                       "method = 'lora' AND arm = '%s' AND lambda = %g",
                       arm, lambda);
        CHECK_NEAR(x, number("small.db", sql), 1e-15, 1e-12);
        assert_true(lambda < 1 || (x == 0 && y == 0));
        rows++;
    }
    free(text);
    assert_int_equal(rows, 8);
    assert_int_equal(curves("frontier", "--by", "method", "frontier.svg"), 0);
    text = read_file(scratch_path("frontier.svg"), NULL);
    assert_non_null(strstr(text, "lambda (0.3, 1; 1 changes nothing)"));
    assert_non_null(strstr(text, "Scaling the top intruder of each matrix: lora"));
    assert_non_null(strstr(text, ">rescale<"));
    assert_non_null(strstr(text, "1 run of 1 config"));
    assert_null(strstr(text, ">energy<"));
    free(text);
    assert_int_equal(curves("frontier", "--x", "intruders", "no.svg"), 2);
    assert_int_equal(curves("frontier", "--choice", "some", "no.svg"), 2);
    assert_int_equal(curves("frontier", "--task", "topic", "no.svg"), 2);
    assert_int_equal(curves("nll", "--choice", "all", "no.svg"), 2);
    assert_int_equal(curves("frontier", "--by", "nothing", "no.svg"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_arm_has_its_cell),       cmocka_unit_test(lambda_1_changes_nothing),
        cmocka_unit_test(shrink_has_the_norm),          cmocka_unit_test(contrasts_are_differences),
        cmocka_unit_test(points_and_their_errors),      cmocka_unit_test(the_view_sums_up),
        cmocka_unit_test(a_new_lambda_fills_its_cells), cmocka_unit_test(means_over_runs),
        cmocka_unit_test(together_is_one_set),          cmocka_unit_test(the_frontier_is_drawn),
    };
    return cmocka_run_group_tests(tests, make, scratch_remove);
}
