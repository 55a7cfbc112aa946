/* SPDX-License-Identifier: Apache-2.0
 * A run that is killed again and again leaves the rows of one that is not; so do other numbers of
 * threads and jobs.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/results/query.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

/* Two tasks, two methods, the built-in model, hardly pretrained: seconds of work. */
static const char experiment[] =
    "name: small\n"
    "model: builtin\n"
    "pretraining: {width: 32, layers: 2, heads: 2, kv_heads: 1, hidden: 64, steps: 20,\n"
    "              documents: 200, batch_tokens: 512, context: 96}\n"
    "corpora: [{name: text, path: builtin, role: pretraining, documents: 20}]\n"
    "tasks:\n"
    "  - {path: builtin/topic, train_rows: 64, test_rows: 32}\n"
    "  - {path: builtin/counting, train_rows: 64, test_rows: 32}\n"
    "orders: [given, reversed]\n"
    "methods:\n"
    "  - {name: full, kind: full-matrices, learning_rate: 1e-3}\n"
    "  - {name: lora, kind: lora, rank: 2, dropout: 0.1, learning_rate: 1e-2}\n"
    "training: {epochs: 2, batch_size: 8, max_seq_length: 96}\n"
    "intruders: {against: [base, previous]}\n"
    "matrices: [v_proj]\n"
    "track: {every: 5, nll_tokens: 200, task_rows: 16}\n"
    "interventions: {choices: [all], lambdas: [0.5, 1]}\n"
    "checkpoint: {minutes: 0.0003}\n";

/* What is killed: the experiment itself, whose spectra are exact, and one of a wider model with
 * bounded ones, at looks too. Of the undisturbed run in `whole` the query counts rows that only
 * such spectra have. The last runs first: others look at what the first says. */
static const struct kind {
    const char *whole, *overrides[4], *query;
    int64_t least;
    int kills;
} kinds[] = {
    {.whole = "whole.db",
     .query = "SELECT count(*) FROM direction WHERE steps IS NULL",
     .least = 1000,
     .kills = 20},
    {.whole = "bounded.db",
     .overrides = {"pretraining={width: 80, layers: 1, heads: 2, hidden: 80, steps: 20, "
                   "documents: 200, batch_tokens: 512, context: 96}",
                   "orders=[given]",
                   "methods=[{name: lora, kind: lora, rank: 2, learning_rate: 1e-1}]",
                   "intruders={top: 10, against: [base, previous], nulls: none, exact: false}"},
     /* bounds that do not meet, by steps of the bidiagonalisation, against base and stage before */
     .query = "SELECT min(count(*) FILTER (WHERE against = 'base'), count(*) FILTER (WHERE against "
              "<> 'base')) FROM direction WHERE steps > 0 AND max_cosine_low < max_cosine_high",
     .least = 50,
     .kills = 12},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

typedef struct call {
    char yaml[512], database[512];
    const char *arguments[16];
} call;

static const char *const *call_of(call *c, const struct kind *k, const char *database)
{
    size_t n = 0;
    (void)snprintf(c->yaml, sizeof c->yaml, "%s", scratch_path("small.yaml"));
    (void)snprintf(c->database, sizeof c->database, "%s", scratch_path(database));
    const char *const words[] = {"run", c->yaml, "--db", c->database, "--threads", "1"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) c->arguments[n++] = words[i];
    for (size_t i = 0; i < sizeof k->overrides / sizeof *k->overrides; i++)
        c->arguments[n++] = k->overrides[i];
    c->arguments[n] = NULL;
    return c->arguments;
}

static int make(void **state)
{
    if (scratch_make(state) != 0) return -1;
    write_file(scratch_path("small.yaml"), experiment, sizeof experiment - 1);
    int code = 0;
    for (size_t i = KINDS; i-- > 0 && code == 0;) {
        call c;
        code = process_run(call_of(&c, &kinds[i], kinds[i].whole), "out", "err");
        if (code != 0) process_print_said(code);
    }
    return code;
}

static int run_to(const char *database, const char *option, const char *value)
{
    char yaml[512], path[512];
    (void)snprintf(yaml, sizeof yaml, "%s", scratch_path("small.yaml"));
    (void)snprintf(path, sizeof path, "%s", scratch_path(database));
    const char *const arguments[] = {"run", yaml, "--db", path, option, value, NULL};
    int code = process_run(arguments, "out", "err");
    if (code != 0) process_print_said(code);
    return code;
}

/* The line that says what was done, out of what a run said; free() it. */
static char *last_line(void)
{
    char *said = read_file(scratch_path("err"), NULL), *line = strstr(said, "small: ");
    assert_non_null(line);
    line[strcspn(line, "\n")] = '\0';
    memmove(said, line, strlen(line) + 1);
    return said;
}

static void threads_and_jobs_change_nothing(void **state)
{
    (void)state;
    char *alone = last_line(); /* of the run that `make` made */
    assert_non_null(strstr(alone, " 8 stages trained (128 steps)"));
    assert_int_equal(run_to("threads.db", "--threads", "3"), 0);
    assert_true(databases_equal(scratch_path("whole.db"), scratch_path("threads.db")) > 500);
    assert_int_equal(run_to("jobs.db", "--jobs", "2"), 0);
    assert_true(databases_equal(scratch_path("whole.db"), scratch_path("jobs.db")) > 500);
    /* Each worker says what it ends, and the parent counts what all of them did. */
    char *said = read_file(scratch_path("err"), NULL), *together = last_line();
    assert_non_null(strstr(said, "run 1/4 full/given/s0: stage 1/2 topic: trained, 16 steps"));
    assert_non_null(strstr(said, "run 4/4 lora/reversed/s0: stage 2/2"));
    assert_string_equal(together, alone);
    free(alone);
    free(said);
    free(together);
}

/* Every step has its row, and what was spent on a stage is at least what its steps say: a step that
 * was done twice has cost twice. */
static void costs_add_up(const char *database)
{
    static const char short_of[] =
        "SELECT count(*) FROM stage g WHERE g.kind <> 'base' AND (g.steps <> (SELECT count(*) FROM "
        "step p WHERE p.stage = g.id AND p.seconds > 0) OR NOT EXISTS (SELECT 1 FROM usage u WHERE "
        "u.stage = g.id AND u.phase = 'train' AND u.tokens >= (SELECT sum(p.tokens) FROM step p "
        "WHERE p.stage = g.id) AND u.wall_s >= (SELECT sum(p.seconds) FROM step p WHERE p.stage = "
        "g.id) AND u.cpu_s > 0))";
    /* Each cell of a sealed stage came in with its cost. */
    static const char unpaid[] =
        "SELECT count(*) FROM cell c WHERE c.step = -1 AND NOT EXISTS (SELECT 1 FROM usage u WHERE "
        "u.stage = c.stage AND u.phase = c.measure AND u.wall_s > 0)";
    assert_int_equal(query_integer_at(scratch_path(database), short_of), 0);
    assert_int_equal(query_integer_at(scratch_path(database), unpaid), 0);
}

static void kills_of_kind(const struct kind *k)
{
    call c;
    int kills = 0;
    assert_true(query_integer_at(scratch_path(k->whole), k->query) >= k->least);
    for (uint64_t seed = 1; kills < k->kills; seed++) {
        char database[48];
        (void)snprintf(database, sizeof database, "killed%d-%s", (int)seed, k->whole);
        kills += process_kill_until_done(call_of(&c, k, database), seed, 20, 6);
        assert_true(databases_equal(scratch_path(k->whole), scratch_path(database)) > 500);
        costs_add_up(database);
    }
}

static void kills_change_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) kills_of_kind(&kinds[i]);
}

static void check_said(const char *database, const char *command, const char *more,
                       const char *wanted)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s", scratch_path(database));
    const char *const arguments[] = {command, path, more, NULL};
    assert_int_equal(process_run(arguments, "out", "err"), 0);
    char *said = read_file(scratch_path("out"), NULL);
    if (!strstr(said, wanted)) print_error("%s %s: %s\n", command, more, said);
    assert_non_null(strstr(said, wanted));
    free(said);
}

/* What was begun and not ended is running while a process is at it, and stopped when none is. */
static void a_run_that_nobody_holds_is_stopped(void **state)
{
    (void)state;
    static const struct {
        const char *command, *more, *at_work, *left;
    } views[] = {{"ls", "runs", " running  0/2 ", " stopped  0/2 "},
                 {"ls", "--json", "\"running\"", "\"stopped\""},
                 {"ls", "stages", " training ", " stopped "},
                 {"show", "full/given/s0", "running, 0 of 2 stages", "stopped, 0 of 2 stages"}};
    char path[512], locks[512], yaml[512];
    (void)snprintf(yaml, sizeof yaml, "%s", scratch_path("small.yaml"));
    (void)snprintf(path, sizeof path, "%s", scratch_path("held.db"));
    const char *const arguments[] = {"run", yaml, "training.epochs=4000", "--db", path, NULL};
    pid_t pid = process_start(arguments, "out1", "err1");
    wait_for_query(path, "SELECT count(*) FROM stage WHERE status = 'training'", 1);
    for (size_t i = 0; i < sizeof views / sizeof *views; i++)
        check_said("held.db", views[i].command, views[i].more, views[i].at_work);
    (void)kill(pid, SIGKILL);
    assert_int_equal(process_wait(pid), 128 + SIGKILL);
    for (size_t i = 0; i < sizeof views / sizeof *views; i++)
        check_said("held.db", views[i].command, views[i].more, views[i].left);
    /* In a folder where nothing can be written, and under another name. */
    (void)snprintf(locks, sizeof locks, "%s/held.db.artifacts/locks", scratch_folder());
    assert_int_equal(chmod(locks, 0500), 0);
    check_said("held.db", "ls", "runs", views[0].left);
    assert_int_equal(chmod(locks, 0700), 0);
    char link_[512];
    (void)snprintf(link_, sizeof link_, "%s", scratch_path("link.db"));
    assert_int_equal(symlink("held.db", link_), 0);
    check_said("link.db", "ls", "runs", views[0].left);
    /* Through the link the locks of a run at work are found too; its cost so far is there. */
    pid = process_start(arguments, "out1", "err1");
    wait_milliseconds(1500);
    check_said("link.db", "ls", "runs", views[0].at_work);
    (void)kill(pid, SIGKILL);
    (void)process_wait(pid);
}

/* SIGTERM stops after the step in hand, with exit code 3; the same line goes on. */
static void a_stop_is_exit_3(void **state)
{
    (void)state;
    char yaml[512], path[512];
    (void)snprintf(yaml, sizeof yaml, "%s", scratch_path("small.yaml"));
    (void)snprintf(path, sizeof path, "%s", scratch_path("stopped.db"));
    const char *const arguments[] = {"run", yaml, "--db", path, NULL};
    int stops = 0;
    for (int i = 0; i < 200; i++) {
        pid_t pid = process_start(arguments, "out", "err");
        wait_milliseconds(60 + 20 * (uint64_t)i);
        (void)kill(pid, SIGTERM);
        int code = process_wait(pid);
        if (code == 0) break;
        /* Before the handler is there, the signal ends the process as it does any other. */
        if (code != 3 && code != 128 + SIGTERM) process_print_said(code);
        assert_true(code == 3 || code == 128 + SIGTERM);
        stops += code == 3;
    }
    assert_true(stops >= 1);
    assert_true(databases_equal(scratch_path("whole.db"), scratch_path("stopped.db")) > 500);
    costs_add_up("stopped.db");
}

/* A new corpus and a new watched task fill cells from kept weights; nothing is trained again. An
 * appended task trains one stage per run. */
static void additions_train_nothing_twice(void **state)
{
    (void)state;
    static const char more[] =
        "name: small\n"
        "model: builtin\n"
        "pretraining: {width: 32, layers: 2, heads: 2, kv_heads: 1, hidden: 64, steps: 20,\n"
        "              documents: 200, batch_tokens: 512, context: 96}\n"
        "corpora:\n"
        "  - {name: text, path: builtin, role: pretraining, documents: 20}\n"
        "  - {name: other, path: builtin, seed: 5, documents: 10}\n"
        "tasks:\n"
        "  - {path: builtin/topic, train_rows: 64, test_rows: 32}\n"
        "  - {path: builtin/counting, train_rows: 64, test_rows: 32}\n"
        "%s"
        "watch: [{path: builtin/agreement, test_rows: 32}]\n"
        "orders: [{name: given, tasks: [topic, counting%s]}]\n"
        "methods:\n"
        "  - {name: lora, kind: lora, rank: 2, dropout: 0.1, learning_rate: 1e-2}\n"
        "training: {epochs: 2, batch_size: 8, max_seq_length: 96}\n";
    char text[2048];
    int length = snprintf(text, sizeof text, more, "", "");
    write_file(scratch_path("small.yaml"), text, (size_t)length);
    int64_t steps = query_integer_at(scratch_path("whole.db"), "SELECT count(*) FROM step");
    int64_t cells = query_integer_at(scratch_path("whole.db"), "SELECT count(*) FROM cell");
    assert_int_equal(run_to("whole.db", "--threads", "1"), 0);
    assert_int_equal(query_integer_at(scratch_path("whole.db"), "SELECT count(*) FROM step"),
                     steps);
    /* base and two stages: one corpus and one task more each */
    assert_int_equal(query_integer_at(scratch_path("whole.db"), "SELECT count(*) FROM cell"),
                     cells + 6);
    length = snprintf(text, sizeof text, more,
                      "  - {path: builtin/order, train_rows: 64, test_rows: 32}\n", ", order");
    write_file(scratch_path("small.yaml"), text, (size_t)length);
    assert_int_equal(run_to("whole.db", "--threads", "1"), 0);
    assert_int_equal(query_integer_at(scratch_path("whole.db"), "SELECT count(*) FROM step"),
                     steps + 16);
    assert_int_equal(query_integer_at(scratch_path("whole.db"),
                                      "SELECT stages FROM run WHERE name = 'lora/given/s0' AND "
                                      "superseded = 0"),
                     3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_and_jobs_change_nothing),
        cmocka_unit_test(kills_change_nothing),
        cmocka_unit_test(a_run_that_nobody_holds_is_stopped),
        cmocka_unit_test(a_stop_is_exit_3),
        cmocka_unit_test(additions_train_nothing_twice),
    };
    return cmocka_run_group_tests(tests, make, scratch_remove);
}
