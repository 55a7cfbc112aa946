/* SPDX-License-Identifier: Apache-2.0
 * What was made by other kernels than those at hand: refused, and under --mixed marked where it is
 * so and nowhere else.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "tests/support/process.h"
#include "tests/support/support.h"

static const char experiment[] =
    "name: small\n"
    "model: builtin\n"
    "pretraining: {width: 32, layers: 2, heads: 2, kv_heads: 1, hidden: 64, steps: 20,\n"
    "              documents: 200, batch_tokens: 512, context: 96}\n"
    "corpora: [{name: text, path: builtin, role: pretraining, documents: 10}]\n"
    "tasks: [{path: builtin/topic, train_rows: 32, test_rows: 16}]\n"
    "methods: [{name: m, kind: lora, rank: 2, learning_rate: 1e-3}]\n"
    "training: {batch_size: 8, max_seq_length: 96}\n"
    "keep: all\n"
    "checkpoint: {minutes: 0.0003}\n";

static const char another_corpus[] =
    "corpora=[{name: text, path: builtin, role: pretraining, documents: 10}, {name: more, path: "
    "builtin, role: other, seed: 5, documents: 10}]";
static const char another_task[] = "tasks=[{path: builtin/topic, train_rows: 32, test_rows: 16}, "
                                   "{path: builtin/order, train_rows: 32, test_rows: 16}]";

static char yaml[512], database[512];

static int make(void **state)
{
    if (scratch_make(state) != 0) return -1;
    write_file(scratch_path("small.yaml"), experiment, sizeof experiment - 1);
    (void)snprintf(yaml, sizeof yaml, "%s", scratch_path("small.yaml"));
    (void)snprintf(database, sizeof database, "%s", scratch_path("small.db"));
    return 0;
}

static int run(const char *first, const char *second, const char *third)
{
    const char *const arguments[] = {"run", yaml, "--db", database, first, second, third, NULL};
    return process_run(arguments, "out", "err");
}

static void said(const char *name, const char *wanted)
{
    char *text = read_file(scratch_path(name), NULL);
    if (!strstr(text, wanted)) print_error("%s\n", text);
    assert_non_null(strstr(text, wanted));
    free(text);
}

static void shown(const char *command, const char *more, const char *wanted)
{
    const char *const arguments[] = {command, database, more, NULL};
    assert_int_equal(process_run(arguments, "out", "err"), 0);
    said("out", wanted);
}

static int64_t count(const char *sql)
{
    return query_integer_at(database, sql);
}

/* As if all that is there had been made on another kind of machine. */
static void carry_elsewhere(void)
{
    sqlite3 *sql = NULL;
    assert_int_equal(sqlite3_open(database, &sql), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(sql, "UPDATE environment SET blas_core = 'Elsewhere'", NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_close(sql), SQLITE_OK);
}

static void cells_by_other_kernels_are_marked(void **state)
{
    (void)state;
    assert_int_equal(run("--mixed", NULL, NULL), 0);
    /* Nothing was there to be mixed with. */
    assert_int_equal(count("SELECT count(*) FROM cell WHERE mixed = 1"), 0);
    assert_int_equal(count("SELECT count(*) FROM environment WHERE mixed = 1"), 0);
    int64_t cells = count("SELECT count(*) FROM cell");
    carry_elsewhere();
    assert_int_not_equal(run(another_corpus, NULL, NULL), 0);
    said("err", "made with BLAS core Elsewhere");
    said("err", "--mixed");
    assert_int_equal(count("SELECT count(*) FROM cell"), cells);
    assert_int_equal(run("--mixed", another_corpus, NULL), 0);
    assert_int_equal(count("SELECT count(*) FROM cell WHERE mixed = 1"), 2); /* base and stage */
    assert_int_equal(count("SELECT count(*) FROM cell WHERE mixed = 0"), cells);
    assert_int_equal(count("SELECT count(*) FROM environment WHERE mixed = 1"), 0);
    shown("ls", "runs", "done (mixed)");
    shown("ls", "--json", "\"mixed\"");
    shown("show", "m/given/s0", "yes: 0 stages trained and 2 cells filled with kernels of two");
    /* A stage trained on from weights that were made elsewhere, and all its cells. */
    assert_int_equal(run("--mixed", another_corpus, another_task), 0);
    assert_int_equal(count("SELECT count(*) FROM environment WHERE mixed = 1"), 1);
    assert_int_equal(count("SELECT count(*) FROM cell c JOIN environment n ON n.stage = c.stage "
                           "WHERE n.mixed = 1 AND c.mixed = 0"),
                     0);
    shown("show", "m/given/s0", "yes: 1 stages trained and ");
}

/* Not the base: the trained stages alone. It ends the run of all, and is no failure of the first.
 */
static void a_stage_made_elsewhere_ends_all(void **state)
{
    (void)state;
    static const char two[] = "methods=[{name: m, kind: lora, rank: 2, learning_rate: 1e-3}, "
                              "{name: n, kind: lora, rank: 1, learning_rate: 1e-3}]";
    assert_int_equal(run(two, NULL, NULL), 0);
    int64_t cells = count("SELECT count(*) FROM cell WHERE stage > 1");
    int64_t events = count("SELECT count(*) FROM event");
    sqlite3 *sql = NULL;
    assert_int_equal(sqlite3_open(database, &sql), SQLITE_OK);
    assert_int_equal(sqlite3_exec(sql,
                                  "UPDATE environment SET blas_core = 'Elsewhere' WHERE stage > 1",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_changes(sql), 2);
    assert_int_equal(sqlite3_close(sql), SQLITE_OK);
    assert_int_equal(run(two, another_corpus, NULL), 2);
    said("err", "made with BLAS core Elsewhere");
    assert_int_equal(count("SELECT count(*) FROM cell WHERE stage > 1"), cells);
    assert_int_equal(count("SELECT count(*) FROM event"), events);
    assert_int_equal(count("SELECT count(*) FROM run WHERE status = 'failed'"), 0);
}

/* The checkpoint of a stage that was begun on another kind of machine. */
static void a_training_is_not_gone_on_with_elsewhere_in_silence(void **state)
{
    (void)state;
    const char *const arguments[] = {"run", yaml, "--db", database, "training.epochs=400", NULL};
    pid_t pid = process_start(arguments, "out", "err");
    wait_for_query(database, "SELECT count(*) FROM step", 4);
    (void)kill(pid, SIGTERM);
    assert_int_equal(process_wait(pid), 3);
    sqlite3 *sql = NULL;
    assert_int_equal(sqlite3_open(database, &sql), SQLITE_OK);
    assert_int_equal(sqlite3_exec(sql,
                                  "UPDATE environment SET cpu_features = 'other' WHERE stage = "
                                  "(SELECT id FROM stage WHERE status = 'training')",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_changes(sql), 1);
    assert_int_equal(sqlite3_close(sql), SQLITE_OK);
    assert_int_not_equal(run("training.epochs=400", NULL, NULL), 0);
    said("err", "kernels other");
    assert_int_equal(run("training.epochs=400", "--mixed", NULL), 0);
    assert_int_equal(count("SELECT count(*) FROM environment WHERE mixed = 1"), 1);
    assert_int_equal(count("SELECT count(*) FROM cell c JOIN stage g ON g.id = c.stage WHERE "
                           "c.mixed = (g.kind = 'base')"),
                     0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(cells_by_other_kernels_are_marked, make, scratch_remove),
        cmocka_unit_test_setup_teardown(a_stage_made_elsewhere_ends_all, make, scratch_remove),
        cmocka_unit_test_setup_teardown(a_training_is_not_gone_on_with_elsewhere_in_silence, make,
                                        scratch_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
