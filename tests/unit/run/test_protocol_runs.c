/* SPDX-License-Identifier: Apache-2.0
 * Protocols and bounds as they are run: what each records, that its metrics are those of its
 * scores, and that kills, jobs and bounds added later change nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/process.h"
#include "tests/support/support.h"

/* Three tasks in two orders, one task that is watched. */
static const char experiment[] =
    "name: small\n"
    "model: builtin\n"
    "pretraining: {width: 32, layers: 2, heads: 2, kv_heads: 1, hidden: 64, steps: 60,\n"
    "              documents: 200, batch_tokens: 512, context: 96}\n"
    "corpora: [{name: text, path: builtin, role: pretraining, documents: 10}]\n"
    "tasks:\n"
    "  - {path: builtin/topic, train_rows: 48, test_rows: 40}\n"
    "  - {path: builtin/counting, train_rows: 40, test_rows: 40}\n"
    "  - {path: builtin/order, train_rows: 32, test_rows: 40}\n"
    "watch: [{path: builtin/agreement, train_rows: 40, test_rows: 40}]\n"
    "orders: [given, reversed]\n"
    "methods:\n"
    "  - {name: full, kind: full, learning_rate: 1e-3}\n"
    "  - {name: lora, kind: lora, rank: 2, dropout: 0.1, learning_rate: 1e-2}\n"
    "training: {epochs: 2, batch_size: 8, max_seq_length: 96}\n"
    "intruders: {top: 10}\n"
    "checkpoint: {minutes: 0.0003}\n";

typedef struct protocol {
    const char *name, *adapter, *head, *joint;
} protocol;

static const protocol protocols[] = {
    {"merge", "protocol.adapter=merge", "protocol.head=verbalizer", "bounds.joint=all"},
    {"continue", "protocol.adapter=continue", "protocol.head=reprobe", "bounds.joint=last"},
    {"stack", "protocol.adapter=stack", "protocol.head=linear", "bounds.joint=all"},
};
enum { MERGE, CONTINUE, STACK, PROTOCOLS };

static char *text_of(char out[512], const char *name, const char *ending)
{
    (void)snprintf(out, 512, "%s%s", scratch_path(name), ending);
    return out;
}

/* The arguments of a run of that protocol. */
typedef struct call {
    char yaml[512], database[512];
    const char *arguments[11];
} call;

static const char *const *call_of(call *c, const protocol *p, const char *database,
                                  const char *option, const char *value, bool bounds)
{
    const char *const words[] = {"run",
                                 text_of(c->yaml, "small.yaml", ""),
                                 p->adapter,
                                 p->head,
                                 "--db",
                                 text_of(c->database, database, ".db"),
                                 option,
                                 value,
                                 bounds ? p->joint : NULL,
                                 bounds ? "bounds.single=true" : NULL,
                                 NULL};
    memcpy(c->arguments, words, sizeof words);
    return c->arguments;
}

static void run(const protocol *p, const char *database, const char *option, const char *value,
                bool bounds)
{
    call c;
    int code = process_run(call_of(&c, p, database, option, value, bounds), "out", "err");
    if (code != 0) process_print_said(code);
    assert_int_equal(code, 0);
}

static int make(void **state)
{
    if (scratch_make(state) != 0) return -1;
    write_file(scratch_path("small.yaml"), experiment, sizeof experiment - 1);
    for (int p = 0; p < PROTOCOLS; p++)
        run(&protocols[p], protocols[p].name, "--threads", "1", true);
    return 0;
}

static int64_t ask(const char *name, const char *sql)
{
    char path[512];
    return query_integer_at(text_of(path, name, ".db"), sql);
}

static void same_rows(const char *name, const char *other)
{
    char first[512], second[512];
    assert_true(databases_equal(text_of(first, name, ".db"), text_of(second, other, ".db")) > 1000);
}

static void jobs_and_threads_change_nothing(void **state)
{
    (void)state;
    run(&protocols[STACK], "jobs", "--jobs", "2", true);
    same_rows("stack", "jobs");
    run(&protocols[CONTINUE], "threads", "--threads", "3", true);
    same_rows("continue", "threads");
}

static void kills_change_nothing(void **state)
{
    (void)state;
    for (int p = CONTINUE; p <= STACK; p++) {
        call c;
        char name[32];
        (void)snprintf(name, sizeof name, "killed-%s", protocols[p].name);
        call_of(&c, &protocols[p], name, "--threads", "1", true);
        assert_true(process_kill_until_done(c.arguments, (uint64_t)p, 100, 80) >= 3);
        same_rows(protocols[p].name, name);
    }
}

/* A bound that is added later trains itself alone, and leaves what a run with it from the start
 * does. */
static void later_bounds_train_themselves(void **state)
{
    (void)state;
    run(&protocols[MERGE], "later", "--threads", "1", false);
    int64_t steps = ask("later", "SELECT count(*) FROM step");
    /* 48, 40 and 32 rows, two epochs of eights, two methods, two orders */
    assert_int_equal(steps, 2 * 2 * (12 + 10 + 8));
    assert_int_equal(ask("later", "SELECT count(*) FROM metric WHERE name = 'intransigence' AND "
                                  "reason = 'no_joint_training'"),
                     2 * 2 * 3);
    run(&protocols[MERGE], "later", "--threads", "1", true);
    same_rows("merge", "later");
    /* joint: of the first two in either order, and of all three; single: of the middle task */
    steps = ask("later", "SELECT count(*) FROM step") - steps;
    assert_int_equal(steps, 2 * ((12 + 10) + (10 + 8) + (12 + 10 + 8) + 10));
    assert_int_equal(ask("later", "SELECT count(*) FROM stage WHERE kind = 'joint'"), 2 * 3);
    assert_int_equal(ask("later", "SELECT count(*) FROM stage WHERE kind = 'joint' AND task_name = "
                                  "'topic + counting + order'"),
                     2);
}

/* R of a run: the accuracy of task j after stage i, of its bound where `bound` says so. */
#define R(run, i, j)                                                                               \
    "(SELECT s.value FROM run_stage i JOIN run_stage j ON j.run = i.run JOIN score s "             \
    "ON s.stage = i.stage AND s.task = j.task AND s.step = -1 AND s.metric = 'accuracy' "          \
    "WHERE i.run = " run " AND i.position = " i " AND j.position = " j ")"
#define BOUND(kind) "(SELECT b.id FROM run b WHERE b.bounds = r.id AND b.bound = '" kind "')"
/* How often the metric after the last stage is the expression, up to rounding. */
#define AGREE(metric, expression)                                                                  \
    "SELECT sum(abs(m.value - (" expression                                                        \
    ")) < 1e-12) FROM run r JOIN metric m ON m.run = r.id "                                        \
    "AND m.position = 3 AND m.name = '" metric "' WHERE r.bound IS NULL"

static void metrics_are_those_of_the_scores(void **state)
{
    (void)state;
    for (int p = MERGE; p <= CONTINUE; p++) {
        const char *name = protocols[p].name;
        /* Every task has a score after every stage. */
        assert_int_equal(ask(name, "SELECT count(*) FROM score WHERE metric = 'accuracy'"),
                         ask(name, "SELECT 4 * count(*) FROM stage"));
        assert_int_equal(
            ask(name, AGREE("fwt", "(" R("r.id", "1", "2") " - " R("r.id", "0", "2") " + " R(
                                       "r.id", "2", "3") " - " R("r.id", "0", "3") ") / 2")),
            4);
        assert_int_equal(
            ask(name, AGREE("bwt", "(" R("r.id", "3", "1") " - " R("r.id", "1", "1") " + " R(
                                       "r.id", "3", "2") " - " R("r.id", "2", "2") ") / 2")),
            4);
        assert_int_equal(
            ask(name, AGREE("single_acc", "(" R(BOUND("single"), "1", "1") " + " R(
                                              BOUND("single"), "2",
                                              "2") " + " R(BOUND("single"), "3", "3") ") / 3")),
            4);
        assert_int_equal(
            ask(name, AGREE("joint_acc",
                            "(" R(BOUND("joint"), "3",
                                  "3") " + (SELECT "
                                       "sum(s.value) FROM run_stage z JOIN run_stage "
                                       "y ON y.run = r.id AND y.position IN (1, 2) "
                                       "JOIN score s ON s.stage = z.stage AND s.task "
                                       "= y.task AND s.metric = 'accuracy' WHERE "
                                       "z.run = " BOUND("joint") " AND z.position = 3)) / 3")),
            4);
        static const char held_out[] =
            "SELECT sum(abs(m.value - (a.value - b.value)) < 1e-12) FROM run r JOIN metric m ON "
            "m.run = r.id AND m.name = 'held_out_change' AND m.subject = 'agreement' JOIN "
            "run_stage "
            "z ON z.run = r.id AND z.position = m.position JOIN run_stage y ON y.run = r.id AND "
            "y.position = 0 JOIN score a ON a.stage = z.stage AND a.metric = 'accuracy' JOIN score "
            "b ON b.stage = y.stage AND b.metric = 'accuracy' AND b.task = a.task JOIN task t ON "
            "t.id = a.task AND t.name = 'agreement' WHERE r.bound IS NULL";
        assert_int_equal(ask(name, held_out), 4 * 3);
    }
    assert_int_equal(
        ask("merge", AGREE("intransigence",
                           "(" R(BOUND("joint"), "1", "1") " - " R("r.id", "1", "1") " + " R(
                               BOUND("joint"), "2",
                               "2") " - " R("r.id", "2", "2") " + " R(BOUND("joint"), "3",
                                                                      "3") " - " R("r.id", "3",
                                                                                   "3") ") / 3")),
        4);
    assert_int_equal(ask("continue",
                         "SELECT count(*) FROM metric m JOIN run r ON r.id = m.run WHERE "
                         "m.name = 'intransigence' AND m.reason = 'joint_last'"),
                     4 * 3);
    /* Something was learned at all, so that equal numbers mean something. */
    assert_true(ask("continue", "SELECT count(DISTINCT value) FROM score WHERE metric = "
                                "'accuracy'") > 10);
}

static void a_linear_head_scores_what_it_was_trained_on(void **state)
{
    (void)state;
    /* No score without a head, and a cell that says so. */
    assert_int_equal(ask("stack",
                         "SELECT count(*) FROM run r JOIN run_stage z ON z.run = r.id JOIN "
                         "score s ON s.stage = z.stage WHERE r.bound IS NULL AND s.metric "
                         "= 'accuracy'"),
                     4 * (1 + 2 + 3));
    assert_int_equal(ask("stack", "SELECT count(*) FROM cell WHERE measure = 'score' AND reason = "
                                  "'head_not_trained' AND stage = 1"),
                     4);
    assert_int_equal(ask("stack", "SELECT count(*) FROM metric m JOIN run r ON r.id = m.run WHERE "
                                  "m.name = 'fwt' AND m.position > 1 AND m.reason = "
                                  "'head_not_trained' AND r.bound IS NULL"),
                     4 * 2);
    assert_int_equal(
        ask("stack", "SELECT count(*) FROM metric WHERE name = 'acc' AND value IS NULL"), 0);
    /* A joint stage has a head of each of its tasks. */
    assert_int_equal(ask("stack",
                         "SELECT count(*) FROM run r JOIN run_stage z ON z.run = r.id JOIN "
                         "score s ON s.stage = z.stage WHERE r.bound = 'joint' AND s.metric "
                         "= 'accuracy' AND z.position = 3"),
                     4 * 3);
    /* Heads differ from task to task and are never let go of under keep: adapters. */
    assert_int_equal(ask("stack", "SELECT count(*) - sum(gone) FROM artifact WHERE kind = 'head'"),
                     ask("stack", "SELECT count(*) FROM stage WHERE kind <> 'base'"));
    assert_int_equal(
        ask("stack", "SELECT count(DISTINCT sha256) FROM artifact WHERE kind = 'head'"),
        ask("stack", "SELECT count(*) FROM stage WHERE kind <> 'base'"));
}

/* The third stage's stack: one adapter of three times the rank; and the spectrum saw as much. */
static void a_stack_is_one_adapter(void **state)
{
    (void)state;
    static const char sizes[] =
        "SELECT count(*) FROM artifact a JOIN artifact b ON b.stage = a.stage AND b.kind = "
        "'adapter' "
        "JOIN run_stage z ON z.stage = a.stage JOIN run r ON r.id = z.run AND r.bound IS NULL "
        "WHERE a.kind = 'stack' AND a.bytes = z.position * b.bytes";
    assert_int_equal(ask("stack", sizes), 2 * 2);
    assert_int_equal(ask("stack", "SELECT count(*) FROM artifact WHERE kind = 'stack'"), 2 * 2);
    assert_true(ask("stack",
                    "SELECT max(effective_rank) > 2.5 FROM spectrum s JOIN run_stage z ON "
                    "z.stage = s.stage JOIN run r ON r.id = z.run WHERE r.kind = 'lora' AND "
                    "z.position = 3 AND r.bound IS NULL") == 1);
}

static void bounds_are_shown_apart(void **state)
{
    (void)state;
    char path[512];
    const char *const show[] = {"show", text_of(path, "merge", ".db"), "lora/given/s0", NULL};
    assert_int_equal(process_run(show, "out", "err"), 0);
    char *said = read_file(scratch_path("out"), NULL);
    assert_non_null(strstr(said, "\nbounds, accuracy"));
    assert_non_null(strstr(said, "joint_all"));
    assert_non_null(strstr(said, "single_acc"));
    free(said);
    assert_int_equal(ask("merge", "SELECT count(*) FROM correlation_points"), 4 * 3);
    assert_int_equal(ask("merge", "SELECT count(*) FROM run WHERE bound = 'joint' AND name LIKE "
                                  "'%-joint/%'"),
                     4);
}

/* `again`: only what is run again, with other jobs or killed on the way. */
int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "again") == 0) cmocka_set_test_filter("*_change_nothing");
    else cmocka_set_skip_filter("*_change_nothing");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metrics_are_those_of_the_scores),
        cmocka_unit_test(a_linear_head_scores_what_it_was_trained_on),
        cmocka_unit_test(a_stack_is_one_adapter),
        cmocka_unit_test(bounds_are_shown_apart),
        cmocka_unit_test(jobs_and_threads_change_nothing),
        cmocka_unit_test(later_bounds_train_themselves),
        cmocka_unit_test(kills_change_nothing),
    };
    return cmocka_run_group_tests(tests, make, scratch_remove);
}
