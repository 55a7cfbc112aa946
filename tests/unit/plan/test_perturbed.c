/* SPDX-License-Identifier: Apache-2.0
 * bounds: {perturbed: N}: runs again from initial numbers that are a little others. What they are
 * measured with, what they leave alone, and the noise of the count from them.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/results/query.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

/* Rates at which a count hangs on rounding after a few steps. */
static const char experiment[] =
    "name: small\n"
    "model: builtin\n"
    "pretraining: {width: 32, layers: 2, heads: 2, kv_heads: 1, hidden: 64, steps: 20,\n"
    "              documents: 200, batch_tokens: 512, context: 96}\n"
    "corpora:\n"
    "  - {name: text, path: builtin, role: pretraining, documents: 10}\n"
    "tasks:\n"
    "  - {path: builtin/topic, train_rows: 32, test_rows: 24}\n"
    "  - {path: builtin/counting, train_rows: 32, test_rows: 24}\n"
    "orders: [given, reversed]\n"
    "methods:\n"
    "  - {name: lora, kind: lora, rank: [1, 4], learning_rate: 0.2}\n"
    "  - {name: matrices, kind: full-matrices, learning_rate: 3e-2}\n"
    "training: {epochs: 8, batch_size: 8, max_seq_length: 96}\n"
    "track: {every: 16}\n"
    "interventions: {lambdas: 0, arms: intruders, choices: top}\n"
    "matrices: [0.q_proj]\n"
    "keep: all\n";

static const char again[] = "bounds={perturbed: {runs: 2, configs: [lora-r4, matrices]}}";

static char yaml[512];

static int make(void **state)
{
    if (scratch_make(state) != 0) return -1;
    (void)snprintf(yaml, sizeof yaml, "%s", scratch_path("small.yaml"));
    write_file(yaml, experiment, sizeof experiment - 1);
    return 0;
}

static const char *path_of(const char *database)
{
    static char path[4][512];
    static size_t next;
    char *p = path[next++ % 4];
    (void)snprintf(p, sizeof *path, "%s", scratch_path(database));
    return p;
}

static int run(const char *database, const char *override)
{
    const char *const arguments[] = {"run",       yaml, "--db",   path_of(database),
                                     "--threads", "1",  override, NULL};
    return process_run(arguments, "out", "err");
}

static int64_t number(const char *database, const char *sql)
{
    return query_integer_at(path_of(database), sql);
}

#define PERTURBED "run r ON r.id = p.run AND r.bound = 'perturbed'"

static void they_stand_beside_what_is_there(void **state)
{
    (void)state;
    assert_int_equal(run("plain.db", NULL), 0);
    assert_int_equal(run("again.db", again), 0);
    /* two configs, twice, in the first order with the first seed */
    assert_int_equal(number("again.db", "SELECT count(*) FROM run WHERE bound = 'perturbed' AND "
                                        "order_name = 'given' AND seed = 0 AND status = 'done'"),
                     4);
    assert_int_equal(number("again.db", "SELECT count(*) FROM run"),
                     number("plain.db", "SELECT count(*) FROM run") + 4);
    assert_int_equal(number("again.db", "SELECT count(*) FROM run b JOIN run r ON r.id = b.bounds "
                                        "WHERE b.name = r.method || '-perturbed/given/s0.2'"),
                     2);
    /* the keys of all other stages are as they were, and so are their numbers */
    wane_error err;
    wane_results *plain = NULL, *with = NULL;
    wane_query *one = NULL, *other = NULL;
    static const char keys[] =
        "SELECT g.key, t.intruders_u, t.delta_frobenius FROM run r JOIN run_stage p ON p.run = "
        "r.id "
        "JOIN stage g ON g.id = p.stage JOIN spectrum_total t ON t.stage = g.id AND t.step = -1 "
        "AND t.against = 'base' WHERE r.bound IS NULL ORDER BY r.name, p.position";
    plain = open_results(path_of("plain.db"), WANE_RESULTS_READ);
    with = open_results(path_of("again.db"), WANE_RESULTS_READ);
    CHECK_OK(wane_query_open(&one, plain, keys, NULL, 0, &err));
    CHECK_OK(wane_query_open(&other, with, keys, NULL, 0, &err));
    size_t rows = 0;
    while (wane_query_next(one, &err) == WANE_OK) {
        CHECK_OK(wane_query_next(other, &err));
        assert_string_equal(wane_query_text(one, 0), wane_query_text(other, 0));
        assert_int_equal(wane_query_int(one, 1), wane_query_int(other, 1));
        assert_true(wane_query_double(one, 2) == wane_query_double(other, 2));
        rows++;
    }
    assert_int_equal(rows, 3 * 2 * 2);
    wane_query_free(one);
    wane_query_free(other);
    wane_results_close(plain);
    wane_results_close(with);
}

/* Scores, likelihoods and spectra of each of their stages, and nothing else. */
static void they_have_what_their_counts_need(void **state)
{
    (void)state;
    assert_int_equal(number("again.db", "SELECT count(*) FROM cell c JOIN run_stage p ON p.stage = "
                                        "c.stage AND p.position > 0 JOIN " PERTURBED),
                     4 * 2 * (2 + 1 + 1));
    assert_int_equal(number("again.db",
                            "SELECT count(*) FROM cell c JOIN run_stage p ON p.stage = c.stage AND "
                            "p.position > 0 JOIN " PERTURBED
                            " WHERE c.step <> -1 OR c.measure NOT IN "
                            "('score', 'likelihood', 'spectrum')"),
                     0);
    assert_int_equal(number("again.db", "SELECT count(*) FROM correlation_points WHERE config LIKE "
                                        "'%perturbed%'"),
                     0);
    /* the task is forgotten as by any other run: they are continual */
    assert_int_equal(number("again.db", "SELECT count(*) FROM metric m JOIN run r ON r.id = m.run "
                                        "AND r.bound = 'perturbed' WHERE m.name = 'bwt' AND "
                                        "m.position = 2 AND m.value IS NOT NULL"),
                     4);
    char *said;
    const char *const curves[] = {"curves", path_of("again.db"), NULL};
    assert_int_equal(process_run(curves, "out", "err"), 0);
    said = read_file(scratch_path("err"), NULL);
    assert_non_null(strstr(said, "left out: 4 runs from perturbed numbers"));
    free(said);
    said = read_file(scratch_path("out"), NULL);
    assert_null(strstr(said, "perturbed"));
    free(said);
}

/* Each begins a little elsewhere, in the first order of rounding: the first loss is the same to 6
 * digits, and the weights in the end are not. */
static void each_begins_a_little_elsewhere(void **state)
{
    (void)state;
    assert_int_equal(number("again.db",
                            "SELECT count(DISTINCT a.sha256) FROM artifact a JOIN run_stage p ON "
                            "p.stage = a.stage AND p.position = 1 JOIN run r ON r.id = p.run WHERE "
                            "r.order_name = 'given' AND r.method LIKE 'matrices%'"),
                     3);
    assert_int_equal(
        number("again.db",
               "SELECT count(*) FROM step t JOIN run_stage p ON p.stage = t.stage AND p.position = "
               "1 JOIN " PERTURBED " JOIN run_stage q ON q.run = r.bounds AND q.position = 1 JOIN "
               "step o ON o.stage = q.stage AND o.step = t.step WHERE t.step = 0 AND "
               "abs(t.loss - o.loss) <= 1e-5 * o.loss"),
        4);
    assert_int_equal(
        number("again.db",
               "SELECT count(*) FROM step t JOIN run_stage p ON p.stage = t.stage AND p.position = "
               "1 JOIN " PERTURBED " JOIN run_stage q ON q.run = r.bounds AND q.position = 1 JOIN "
               "step o ON o.stage = q.stage AND o.step = t.step WHERE t.step = 31 AND "
               "t.loss <> o.loss"),
        4);
}

/* The view against its definition, from the stored totals. */
static void the_noise_is_the_deviation_of_the_counts(void **state)
{
    (void)state;
    wane_error err;
    wane_query *noise = NULL, *counts = NULL;
    wane_results *db = open_results(path_of("again.db"), WANE_RESULTS_READ);
    CHECK_OK(wane_query_open(&noise, db,
                             "SELECT method, n, mean, count_noise, again, intruders FROM "
                             "count_noise ORDER BY method",
                             NULL, 0, &err));
    double most = 0;
    for (size_t i = 0; i < 2; i++) {
        CHECK_OK(wane_query_next(noise, &err));
        assert_string_equal(wane_query_text(noise, 0), i ? "matrices" : "lora-r4");
        wane_binding method = {NULL, {.type = WANE_VALUE_TEXT, .text = wane_query_text(noise, 0)}};
        double count[3], mean = 0, squares = 0;
        CHECK_OK(wane_query_open(
            &counts, db,
            "SELECT t.intruders_u FROM run r JOIN run_stage p ON p.run = r.id AND p.position = 2 "
            "JOIN spectrum_total t ON t.stage = p.stage AND t.step = -1 AND t.against = 'base' "
            "WHERE r.order_name = 'given' AND r.method IN (?1, ?1 || '-perturbed') ORDER BY r.id",
            &method, 1, &err));
        for (size_t k = 0; k < 3; k++) {
            CHECK_OK(wane_query_next(counts, &err));
            count[k] = wane_query_double(counts, 0);
            mean += count[k] / 3;
        }
        assert_int_equal(wane_query_next(counts, &err), WANE_DONE);
        wane_query_free(counts);
        for (size_t k = 0; k < 3; k++) squares += (count[k] - mean) * (count[k] - mean);
        assert_int_equal(wane_query_int(noise, 1), 3);
        CHECK_NEAR(wane_query_double(noise, 2), mean, 1e-12, 0);
        CHECK_NEAR(wane_query_double(noise, 3), sqrt(squares / 2), 1e-6, 0);
        assert_int_equal(wane_query_int(noise, 4), 2);
        assert_true(wane_query_double(noise, 5) == count[0]);
        most = fmax(most, squares);
    }
    assert_true(most > 0); /* else nothing was tested */
    wane_query_free(noise);
    wane_results_close(db);
    const char *const show[] = {"show", path_of("again.db"), "lora-r4-perturbed/given/s0.1", NULL};
    assert_int_equal(process_run(show, "out", "err"), 0);
    char *page = read_file(scratch_path("out"), NULL);
    assert_non_null(strstr(page, "noise of the count"));
    assert_non_null(strstr(page, "lora-r4/given/s0      2  3"));
    free(page);
}

static void they_are_verified_and_go_on(void **state)
{
    (void)state;
    const char *const verify[] = {
        "verify", path_of("again.db"), "--experiment", yaml, "--recompute", "400", again, NULL};
    int code = process_run(verify, "out", "err");
    assert_int_equal(code, 0);
    const char *const arguments[] = {"run",       yaml, "--db", path_of("killed.db"),
                                     "--threads", "1",  again,  NULL};
    assert_true(process_kill_until_done(arguments, 11, 60, 40) > 2);
    assert_true(databases_equal(path_of("again.db"), path_of("killed.db")) > 1000);
    /* asked for afterwards, they alone are trained */
    assert_int_equal(run("plain.db", again), 0);
    char *said = read_file(scratch_path("err"), NULL);
    assert_non_null(strstr(said, "small: 8 stages trained (256 steps), 32 cells filled here"));
    free(said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_stand_beside_what_is_there),
        cmocka_unit_test(they_have_what_their_counts_need),
        cmocka_unit_test(each_begins_a_little_elsewhere),
        cmocka_unit_test(the_noise_is_the_deviation_of_the_counts),
        cmocka_unit_test(they_are_verified_and_go_on),
    };
    return cmocka_run_group_tests(tests, make, scratch_remove);
}
