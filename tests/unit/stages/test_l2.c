/* SPDX-License-Identifier: Apache-2.0
 * Runs that are held to the base or to where a stage starts: how far the weights get, which stages
 * are alike, and that neither kills nor threads change a bit of them.
 */
#include <stdio.h>
#include <string.h>

#include "tests/support/support.h"
#include "tests/unit/stages/small_run.h"

static const char experiment[] =
    "name: small\n"
    "model: builtin\n"
    "pretraining: {width: 32, layers: 2, heads: 2, kv_heads: 1, hidden: 64, steps: 20,\n"
    "              documents: 200, batch_tokens: 512, context: 96}\n"
    "corpora: [{name: text, path: builtin, role: pretraining, documents: 10}]\n"
    "tasks:\n"
    "  - {path: builtin/topic, train_rows: 64, test_rows: 24}\n"
    "  - {path: builtin/counting, train_rows: 48, test_rows: 24}\n"
    "methods:\n"
    "  - {name: plain, kind: full-matrices, learning_rate: 1e-3}\n"
    "  - {name: free, kind: full-matrices, learning_rate: 1e-3, strategy: l2, weight: 0}\n"
    "  - {name: held, kind: full-matrices, learning_rate: 1e-3, strategy: l2,\n"
    "     weight: [0.1, 1, 8]}\n"
    "  - {name: anew, kind: full-matrices, learning_rate: 1e-3, strategy: l2, weight: 1,\n"
    "     to: start}\n"
    "  - {name: small, kind: lora, rank: 2, learning_rate: 1e-2}\n"
    "  - {name: factors, kind: lora, rank: 2, learning_rate: 1e-2, strategy: l2, weight: 1,\n"
    "     to: start}\n"
    "training: {epochs: 2, batch_size: 8, max_seq_length: 96}\n"
    "checkpoint: {minutes: 0.0003}\n";

static int make(void **state)
{
    return small_run_make(state, experiment);
}

/* The distance to the base, in units of 1e-9, after the stage at a position. */
static int64_t distance(const char *method, int position)
{
    char sql[500];
    (void)snprintf(
        sql, sizeof sql,
        "SELECT CAST(1e9 * value AS INTEGER) FROM measured_values WHERE method = '%s' AND "
        "position = %d AND name = 'delta_frobenius_all'",
        method, position);
    return small_run_ask(sql);
}

/* Steps at which two methods had the same loss, of the stages at a position. */
static int64_t alike(const char *one, const char *two, int position)
{
    char sql[600];
    (void)snprintf(sql, sizeof sql,
                   "SELECT count(*) FROM run r JOIN run_stage p ON p.run = r.id JOIN step a ON "
                   "a.stage = p.stage JOIN step b ON b.step = a.step AND b.loss = a.loss JOIN "
                   "run_stage q ON q.stage = b.stage AND q.position = p.position JOIN run s ON "
                   "s.id = q.run WHERE r.method = '%s' AND s.method = '%s' AND p.position = %d",
                   one, two, position);
    return small_run_ask(sql);
}

static void the_heavier_the_nearer(void **state)
{
    (void)state;
    static const char *const methods[] = {"plain", "held-weight0.1", "held-weight1",
                                          "held-weight8"};
    for (int position = 1; position <= 2; position++) {
        int64_t further = INT64_MAX;
        for (size_t m = 0; m < sizeof methods / sizeof *methods; m++) {
            int64_t now = distance(methods[m], position);
            print_message("%s, stage %d: %.6f\n", methods[m], position, 1e-9 * (double)now);
            assert_true(now > 0 && now < further);
            further = now;
        }
    }
    /* of factors too: a fresh B, and with it the change, is held to nothing */
    assert_true(distance("factors", 1) < distance("small", 1));
    assert_true(distance("factors", 2) < distance("small", 2));
}

/* 64 rows are 16 steps in two epochs, 48 are 12. A weight of 0 is no penalty; the base is what the
 * first stage starts from; in the second the two part with the first update: the rate warms up
 * from 0, so after two steps. */
static void what_is_not_held_is_alike(void **state)
{
    (void)state;
    assert_int_equal(alike("plain", "free", 1), 16);
    assert_int_equal(alike("plain", "free", 2), 12);
    assert_true(distance("plain", 2) == distance("free", 2));
    assert_int_equal(alike("held-weight1", "anew", 1), 16);
    assert_int_equal(alike("held-weight1", "anew", 2), 2);
    assert_true(distance("anew", 1) == distance("held-weight1", 1));
    assert_true(distance("anew", 2) > distance("held-weight1", 2));
    assert_true(alike("plain", "held-weight1", 1) < 16);
}

static void settings_are_in_the_database(void **state)
{
    (void)state;
    assert_int_equal(
        small_run_ask("SELECT count(*) FROM parameter WHERE key = 'strategy' AND value = 'l2'"), 6);
    assert_int_equal(
        small_run_ask("SELECT count(*) FROM parameter p JOIN run r ON r.id = p.run WHERE p.key "
                      "= 'l2.weight' AND p.value = 0.1 AND r.method = 'held-weight0.1'"),
        1);
    assert_int_equal(
        small_run_ask("SELECT count(*) FROM parameter p JOIN run r ON r.id = p.run WHERE p.key "
                      "= 'l2.to' AND p.value = 'start' AND r.method IN ('anew', 'factors')"),
        2);
    assert_int_equal(
        small_run_ask("SELECT count(*) FROM parameter p JOIN run r ON r.id = p.run WHERE "
                      "r.method IN ('plain', 'small') AND p.key LIKE 'l2%'"),
        0);
}

static void threads_and_kills_change_nothing(void **state)
{
    (void)state;
    small_run_check("2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_heavier_the_nearer),
        cmocka_unit_test(what_is_not_held_is_alike),
        cmocka_unit_test(settings_are_in_the_database),
        cmocka_unit_test(threads_and_kills_change_nothing),
    };
    return cmocka_run_group_tests(tests, make, scratch_remove);
}
