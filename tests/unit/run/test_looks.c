/* SPDX-License-Identifier: Apache-2.0
 * What a run records beside scores and likelihoods, asked of a small database.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/results/query.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

/* Two tasks, two methods, two pretraining corpora, the built-in model, hardly pretrained. */
static const char experiment[] =
    "name: small\n"
    "model: builtin\n"
    "pretraining: {width: 32, layers: 2, heads: 2, kv_heads: 1, hidden: 64, steps: 20,\n"
    "              documents: 200, batch_tokens: 512, context: 96}\n"
    "corpora:\n"
    "  - {name: text, path: builtin, role: pretraining, documents: 20}\n"
    "  - {name: more, path: builtin, role: pretraining, documents: 10, seed: 7, weight: 3}\n"
    "tasks:\n"
    "  - {path: builtin/topic, train_rows: 64, test_rows: 32}\n"
    "  - {path: builtin/counting, train_rows: 64, test_rows: 32}\n"
    "methods:\n"
    "  - {name: full, kind: full-matrices, learning_rate: 1e-2}\n"
    "  - {name: lora, kind: lora, rank: 2, learning_rate: 1e-1}\n"
    "training: {epochs: 1, batch_size: 8, max_seq_length: 96}\n"
    "intruders: {against: [base, previous]}\n";

static int run_to(const char *text, const char *database)
{
    char yaml[512], path[512];
    (void)snprintf(yaml, sizeof yaml, "%s", scratch_path("small.yaml"));
    (void)snprintf(path, sizeof path, "%s", scratch_path(database));
    write_file(yaml, text, strlen(text));
    const char *const arguments[] = {"run", yaml, "--db", path, "--threads", "1", NULL};
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
    return scratch_make(state) == 0 ? run_to(experiment, "small.db") : -1;
}

static double number(const char *database, const char *sql)
{
    wane_error err;
    wane_results *db = NULL;
    wane_query *query = NULL;
    CHECK_OK(wane_results_open(&db, scratch_path(database), WANE_RESULTS_READ, &err));
    CHECK_OK(wane_query_open(&query, db, sql, NULL, 0, &err));
    CHECK_OK(wane_query_next(query, &err));
    double value = wane_query_double(query, 0);
    wane_query_free(query);
    wane_results_close(db);
    return value;
}

#define COUNTS(sql, count) assert_int_equal((int)number("small.db", sql), count)

/* 4 stages of 14 matrices; the first stage's are against the base either way. */
static void the_stage_before_is_a_reference(void **state)
{
    (void)state;
    COUNTS("SELECT count(*) FROM spectrum WHERE step = -1 AND against = 'previous'", 4 * 14);
    COUNTS("SELECT count(*) FROM spectrum WHERE step = -1 AND against = 'base'", 4 * 14);
    static const char differ[] =
        "SELECT count(*) FROM spectrum a JOIN spectrum b ON b.stage = a.stage AND b.step = a.step "
        "AND b.matrix = a.matrix AND b.against = 'previous' JOIN stage s ON s.id = a.stage "
        "WHERE a.against = 'base' AND a.delta_frobenius <> b.delta_frobenius AND "
        "(SELECT parent FROM stage WHERE id = s.parent) IS %s NULL";
    char sql[512];
    (void)snprintf(sql, sizeof sql, differ, ""); /* parent is the base */
    COUNTS(sql, 0);
    (void)snprintf(sql, sizeof sql, differ, "NOT");
    COUNTS(sql, 2 * 14);
    /* W_2 - W_0 = (W_2 - W_1) + (W_1 - W_0): the norms obey the triangle inequality */
    COUNTS("SELECT count(*) FROM spectrum_total a JOIN spectrum_total p ON p.stage = a.stage AND "
           "p.step = -1 AND p.against = 'previous' JOIN stage s ON s.id = a.stage JOIN "
           "spectrum_total f ON f.stage = s.parent AND f.step = -1 AND f.against = 'base' WHERE "
           "a.step = -1 AND a.against = 'base' AND "
           "a.delta_frobenius <= p.delta_frobenius + f.delta_frobenius AND "
           "a.delta_frobenius >= abs(p.delta_frobenius - f.delta_frobenius)",
           2);
    COUNTS("SELECT count(*) FROM usage WHERE phase = 'svd_previous'", 2);
    /* views speak of the base alone */
    COUNTS("SELECT count(*) FROM intruders", 4);
    COUNTS("SELECT count(*) FROM stage_summary WHERE position > 0", 4);
}

static void energies_are_shares(void **state)
{
    (void)state;
    COUNTS("SELECT count(*) FROM spectrum WHERE energy_u BETWEEN 0 AND 1 AND energy_v BETWEEN 0 "
           "AND 1 AND (energy_u > 0) = (intruders_u > 0)",
           2 * 4 * 14);
    assert_true(number("small.db", "SELECT count(*) FROM spectrum WHERE intruders_u > 0 AND "
                                   "energy_u < 1") > 10);
    /* the same from the directions */
    assert_true(number("small.db",
                       "SELECT max(abs(s.energy_v - (SELECT total(iif(d.max_cosine < .5, "
                       "d.sigma * d.sigma, 0)) / sum(d.sigma * d.sigma) FROM direction d WHERE "
                       "d.stage = s.stage AND d.step = s.step AND d.against = s.against AND "
                       "d.matrix = s.matrix AND d.side = 'v' AND d.position <= 10))) "
                       "FROM spectrum s") < 1e-12);
}

/* sqrt(1^2 a^2 + 3^2 b^2) / (1 + 3) */
static void errors_of_several_corpora_combine(void **state)
{
    (void)state;
    assert_true(
        number("small.db",
               "SELECT max(abs(s.pretraining_forgetting_stderr - (SELECT sqrt(sum(CASE p.corpus "
               "WHEN 'more' THEN 9 ELSE 1 END * p.stderr * p.stderr)) / 4 FROM "
               "pretraining_forgetting p WHERE p.run = s.run AND p.position = s.position))) "
               "FROM stage_summary s WHERE s.position > 0") < 1e-12);
    COUNTS("SELECT count(*) FROM stage_summary WHERE pretraining_forgetting_stderr > 0", 4);
    COUNTS("SELECT count(*) FROM stage_summary WHERE position = 0 AND "
           "pretraining_forgetting_stderr IS NULL",
           2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_stage_before_is_a_reference),
        cmocka_unit_test(energies_are_shares),
        cmocka_unit_test(errors_of_several_corpora_combine),
    };
    return cmocka_run_group_tests(tests, make, scratch_remove);
}
