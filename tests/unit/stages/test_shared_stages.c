/* SPDX-License-Identifier: Apache-2.0
 * Stages that several runs share say the same whichever run asks, and what cannot be measured any
 * more takes nothing away.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/base/text.h"
#include "store/files/file.h"
#include "store/results/query.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

/* %s: corpora beside the first, tasks, more lines. */
static const char experiment[] =
    "name: small\n"
    "model: builtin\n"
    "pretraining: {width: 32, layers: 2, heads: 2, kv_heads: 1, hidden: 64, steps: 20,\n"
    "              documents: 200, batch_tokens: 512, context: 96}\n"
    "corpora:\n"
    "  - {name: text, path: builtin, role: pretraining, documents: 10}\n%s"
    "tasks:\n%s"
    "methods: [{name: lora, kind: lora, rank: 2, learning_rate: 1e-2}]\n"
    "training: {epochs: 1, batch_size: 8, max_seq_length: 96}\n%s";

static const char two_tasks[] = "  - {path: builtin/topic, train_rows: 32, test_rows: 24}\n"
                                "  - {path: builtin/counting, train_rows: 32, test_rows: 24}\n";

static int run(const char *database, const char *corpora, const char *tasks, const char *more)
{
    char yaml[512], path[512];
    wane_text text = {0};
    wane_text_printf(&text, experiment, corpora, tasks, more);
    (void)snprintf(yaml, sizeof yaml, "%s", scratch_path("small.yaml"));
    (void)snprintf(path, sizeof path, "%s", scratch_path(database));
    write_file(yaml, text.data, text.length);
    wane_text_free(&text);
    const char *const arguments[] = {"run", yaml, "--db", path, "--threads", "1", NULL};
    return process_run(arguments, "out", "err");
}

static void said(const char *words)
{
    char *text = read_file(scratch_path("err"), NULL);
    if (!strstr(text, words)) print_error("%s\nwanted \"%s\"\n", text, words);
    assert_non_null(strstr(text, words));
    free(text);
}

static int64_t number(const char *database, const char *sql)
{
    return query_integer_at(scratch_path(database), sql);
}

/* The run itself trains its first stage; the bound of single tasks trains the second task from the
 * base, as another order would do first. */
static void a_first_stage_is_one_to_all(void **state)
{
    (void)state;
    assert_int_equal(run("bounds.db", "", two_tasks, "bounds: {single: true, joint: all}\n"), 0);
    assert_int_equal(number("bounds.db", "SELECT count(*) FROM change c JOIN stage s ON s.id = "
                                         "c.stage WHERE c.reason = 'first_stage'"),
                     2 * 14);
    assert_int_equal(number("bounds.db", "SELECT count(*) FROM change c JOIN stage s ON s.id = "
                                         "c.stage WHERE s.kind = 'joint' AND c.reason = 'every "
                                         "stage starts from the base'"),
                     14);
    assert_int_equal(number("bounds.db", "SELECT count(*) FROM change WHERE reason IS NULL"), 14);
}

/* A stage in the middle of one order is the last of another: its cells are those of both. */
static void no_order_undoes_what_another_asks_for(void **state)
{
    (void)state;
    static const char more[] =
        "orders: [{name: long, tasks: [topic, counting]}, {name: short, tasks: [topic]}]\n"
        "matrices: [{name: 0.q_proj, stages: all}, {name: 0.q_proj, sides: [v]}]\n"
        "interventions: {lambdas: 0, arms: intruders, choices: top}\n";
    assert_int_equal(run("orders.db", "", two_tasks, more), 0);
    assert_int_equal(number("orders.db", "SELECT count(*) FROM overlap"), 2 * 2 * 32 * 32);
    assert_int_equal(number("orders.db", "SELECT count(*) FROM cell WHERE measure = "
                                         "'intervention'"),
                     2);
    assert_int_equal(run("orders.db", "", two_tasks, more), 0);
    said(" 0 cells filled here");
    said(" of 2 stages, beyond a uniform guess: "); /* the one they share is one */
}

/* New cells of weights that were let go cannot be filled, and the run stays done with all its
 * numbers. */
static void what_was_let_go_undoes_no_seal(void **state)
{
    (void)state;
    static const char corpus[] = "  - {name: other, path: builtin, seed: 5, documents: 5}\n";
    static const char rows[] = "SELECT CAST(1e9 * sum(value * position) AS INTEGER) FROM metric";
    assert_int_equal(run("none.db", "", two_tasks, "keep: none\n"), 0);
    int64_t metrics = number("none.db", rows);
    assert_int_equal(run("none.db", corpus, two_tasks, "keep: none\n"), 1);
    said("2 cells cannot be filled: weights_gone");
    said("1 done, 0 diverged, 0 with a failed gate, 0 failed");
    assert_int_equal(number("none.db", "SELECT count(*) FROM run WHERE status = 'done'"), 1);
    assert_int_equal(number("none.db", "SELECT count(*) FROM event WHERE level = 'error'"), 0);
    assert_int_equal(number("none.db", rows), metrics);
    assert_int_equal(run("none.db", "", two_tasks, "keep: none\n"), 0);
}

/* A process killed right behind the seal of a stage leaves the files of its training. */
static void the_end_of_a_run_clears_up(void **state)
{
    (void)state;
    static const char third[] = "  - {path: builtin/order, train_rows: 32, test_rows: 24}\n";
    wane_error err;
    wane_results *db = NULL;
    wane_query *query = NULL;
    wane_text path = {0}, tasks = {0};
    assert_int_equal(run("clear.db", "", two_tasks, ""), 0);
    db = open_results(scratch_path("clear.db"), WANE_RESULTS_READ);
    CHECK_OK(wane_query_open(&query, db, "SELECT key FROM stage WHERE task_name = 'counting'", NULL,
                             0, &err));
    CHECK_OK(wane_query_next(query, &err));
    wane_text_printf(&path, "%s.artifacts/checkpoints/%s.trace", scratch_path("clear.db"),
                     wane_query_text(query, 0));
    wane_query_free(query);
    wane_results_close(db);
    write_file(path.data, "left", 4);
    wane_text_printf(&tasks, "%s%s", two_tasks, third);
    assert_int_equal(run("clear.db", "", tasks.data, ""), 0);
    assert_int_not_equal(access(path.data, F_OK), 0);
    wane_text_free(&path);
    wane_text_free(&tasks);
}

static void write_rows(const char *name, size_t count, size_t first)
{
    static const char *const words[] = {"tom", "ben", "sam", "max", "anna", "mia", "farm"};
    wane_text text = {0};
    for (size_t i = first; i < first + count; i++)
        wane_text_printf(&text, "{\"text\": \"%s %s %s\", \"label\": \"%s\"}\n", words[i % 7],
                         words[i / 7 % 7], words[i / 49 % 7], i % 3 ? "yes" : "no");
    write_file(scratch_path(name), text.data, text.length);
    wane_text_free(&text);
}

/* Two tasks that differ in their test rows alone train one stage: its head is the head of both. */
static void tasks_with_the_same_training_rows(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "b", "c"};
    wane_error err;
    wane_text tasks = {0};
    for (size_t i = 0; i < 3; i++) {
        char file[32];
        CHECK_OK(wane_folder_make(scratch_path(names[i]), &err));
        (void)snprintf(file, sizeof file, "%s/train.jsonl", names[i]);
        write_rows(file, 32, i == 2 ? 300 : 0);
        (void)snprintf(file, sizeof file, "%s/test.jsonl", names[i]);
        write_rows(file, 16, 100 + 40 * i);
        wane_text_printf(&tasks, "  - {path: %s, template: \"{text} \"}\n", scratch_path(names[i]));
    }
    static const char more[] = "orders: [{name: ac, tasks: [a, c]}, {name: bc, tasks: [b, c]}]\n"
                               "protocol: {head: linear}\n"
                               "track: {every: 2, spectra: false, nll_tokens: 0, task_rows: 8}\n";
    assert_int_equal(run("rows.db", "", tasks.data, more), 0);
    assert_int_equal(number("rows.db", "SELECT count(*) FROM stage"), 3);
    /* after either stage a and b have a score, c has one after its own */
    assert_int_equal(number("rows.db", "SELECT count(*) FROM score WHERE step = -1 AND metric = "
                                       "'accuracy'"),
                     2 + 3);
    assert_int_equal(number("rows.db", "SELECT count(*) FROM run WHERE status = 'done'"), 2);
    wane_text_free(&tasks);
}

/* Workers outlive a parent that is killed: the same command waits for them, and no run is lost. */
static void workers_of_a_killed_parent(void **state)
{
    (void)state;
    char yaml[512], path[512];
    (void)snprintf(yaml, sizeof yaml, "%s", scratch_path("small.yaml"));
    (void)snprintf(path, sizeof path, "%s", scratch_path("orphan.db"));
    assert_int_equal(run("other.db", "", two_tasks, ""), 0); /* writes the file */
    const char *const arguments[] = {"run", yaml, "training.epochs=100", "--db", path, "--jobs",
                                     "2",   NULL};
    pid_t parent = process_start(arguments, "out", "err");
    wait_for_query(path, "SELECT count(*) FROM run WHERE status = 'running'", 1);
    (void)kill(parent, SIGKILL);
    assert_int_equal(process_wait(parent), 128 + SIGKILL);
    assert_int_equal(process_run(arguments, "out", "err"), 0);
    assert_int_equal(number("orphan.db", "SELECT count(*) FROM run WHERE status = 'done'"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_first_stage_is_one_to_all),
        cmocka_unit_test(no_order_undoes_what_another_asks_for),
        cmocka_unit_test(what_was_let_go_undoes_no_seal),
        cmocka_unit_test(the_end_of_a_run_clears_up),
        cmocka_unit_test(tasks_with_the_same_training_rows),
        cmocka_unit_test(workers_of_a_killed_parent),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
