/* SPDX-License-Identifier: Apache-2.0
 * Runs that train on rows of earlier tasks again: which stages they share with runs that do not,
 * how many steps they take, and that neither kills nor threads change a bit of them.
 */
#include <stdio.h>
#include <string.h>

#include "tests/support/support.h"
#include "tests/unit/stages/small_run.h"

/* 64, 48 and 32 rows; of earlier tasks a quarter as many. */
static const char experiment[] =
    "name: small\n"
    "model: builtin\n"
    "pretraining: {width: 32, layers: 2, heads: 2, kv_heads: 1, hidden: 64, steps: 20,\n"
    "              documents: 200, batch_tokens: 512, context: 96}\n"
    "corpora: [{name: text, path: builtin, role: pretraining, documents: 10}]\n"
    "tasks:\n"
    "  - {path: builtin/topic, train_rows: 64, test_rows: 24}\n"
    "  - {path: builtin/counting, train_rows: 48, test_rows: 24}\n"
    "  - {path: builtin/order, train_rows: 32, test_rows: 24}\n"
    "methods:\n"
    "  - {name: plain, kind: lora, rank: 2, learning_rate: 1e-2}\n"
    "  - {name: again, kind: lora, rank: 2, learning_rate: 1e-2, strategy: replay,\n"
    "     share: 0.25}\n"
    "  - {name: whole, kind: full-matrices, strategy: replay}\n"
    "training: {epochs: 2, batch_size: 8, max_seq_length: 96}\n"
    "bounds: {joint: last, single: true}\n"
    "checkpoint: {minutes: 0.0003}\n";

static int make(void **state)
{
    return small_run_make(state, experiment);
}

/* Steps of the stage at a position of the method's run. */
static int64_t steps(const char *method, int position)
{
    char sql[400];
    (void)snprintf(
        sql, sizeof sql,
        "SELECT s.steps FROM run r JOIN run_stage p ON p.run = r.id JOIN stage s ON s.id "
        "= p.stage WHERE r.method = '%s' AND p.position = %d",
        method, position);
    return small_run_ask(sql);
}

/* 48 + 12 rows are 8 batches an epoch, 32 + 8 are 5; of a twentieth, 48 + 2 are 7 and 32 + 2 are 5.
 */
static void steps_are_counted_with_what_is_mixed_in(void **state)
{
    (void)state;
    static const int64_t plain[] = {16, 12, 8}, again[] = {16, 16, 10}, whole[] = {16, 14, 10};
    for (int p = 1; p <= 3; p++) {
        assert_int_equal(steps("plain", p), plain[p - 1]);
        assert_int_equal(steps("again", p), again[p - 1]);
        assert_int_equal(steps("whole", p), whole[p - 1]);
    }
    assert_int_equal(small_run_ask("SELECT count(*) FROM step WHERE loss IS NULL"), 0);
    assert_int_equal(small_run_ask("SELECT count(*) FROM stage WHERE status <> 'done'"), 0);
    assert_int_equal(small_run_ask("SELECT count(*) FROM stage s WHERE kind <> 'base' AND steps <> "
                                   "(SELECT count(*) FROM step p WHERE p.stage = s.id)"),
                     0);
    assert_int_equal(
        small_run_ask("SELECT count(*) FROM gate WHERE NOT passed AND name <> 'overlap'"), 0);
}

/* How many runs of LoRA pass through the stage of a position, bounds apart. */
static int64_t sharing(int position)
{
    char sql[400];
    (void)snprintf(
        sql, sizeof sql,
        "SELECT max(n) FROM (SELECT count(*) AS n FROM run r JOIN run_stage p ON p.run = "
        "r.id WHERE r.bound IS NULL AND p.position = %d GROUP BY p.stage)",
        position);
    return small_run_ask(sql);
}

/* The first stage has nothing to train on again, nor has any bound. */
static void what_has_no_past_is_shared(void **state)
{
    (void)state;
    assert_int_equal(sharing(1), 2);
    assert_int_equal(sharing(2), 1);
    assert_int_equal(
        small_run_ask("SELECT count(DISTINCT p.stage) FROM run r JOIN run_stage p ON p.run = "
                      "r.id WHERE r.bound IS NOT NULL AND r.kind = 'lora' AND p.position > 0"),
        1 + 3);
    assert_int_equal(
        small_run_ask("SELECT count(*) FROM run r JOIN run s ON s.name = 'again/given/s0' JOIN "
                      "run_stage p ON p.run = r.id JOIN run_stage q ON q.run = s.id AND q.stage "
                      "= p.stage WHERE r.method = 'plain-single' AND p.position = 1"),
        1);
}

static void settings_are_in_the_database(void **state)
{
    (void)state;
    assert_int_equal(
        small_run_ask("SELECT count(*) FROM parameter WHERE key = 'strategy' AND value = "
                      "'replay'"),
        2 + 2); /* with the bounds of single tasks */
    assert_int_equal(
        small_run_ask("SELECT count(*) FROM parameter p JOIN run r ON r.id = p.run WHERE p.key "
                      "= 'replay.share' AND p.value = 0.25 AND r.method LIKE 'again%'"),
        2);
    assert_int_equal(
        small_run_ask("SELECT count(*) FROM parameter p JOIN run r ON r.id = p.run WHERE p.key "
                      "= 'replay.share' AND p.value = 0.05 AND r.method LIKE 'whole%'"),
        2);
    assert_int_equal(
        small_run_ask("SELECT count(*) FROM parameter p JOIN run r ON r.id = p.run WHERE r.method "
                      "LIKE 'plain%' AND (p.key = 'strategy' OR p.key LIKE 'replay%')"),
        0);
}

static void threads_and_kills_change_nothing(void **state)
{
    (void)state;
    small_run_check("3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_counted_with_what_is_mixed_in),
        cmocka_unit_test(what_has_no_past_is_shared),
        cmocka_unit_test(settings_are_in_the_database),
        cmocka_unit_test(threads_and_kills_change_nothing),
    };
    return cmocka_run_group_tests(tests, make, scratch_remove);
}
