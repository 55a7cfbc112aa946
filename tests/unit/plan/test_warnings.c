/* SPDX-License-Identifier: Apache-2.0
 * What `wane validate` and `wane run` warn of: on stderr, a line each, and stored once as events.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/text.h"
#include "store/files/file.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

/* %s: corpora, the task's path, one more line. */
static const char experiment[] =
    "name: warned\n"
    "model: model\n"
    "%s\n"
    "tasks: [{path: %s, template: \"{text} where ?\", labels: {0: \" yes\", 1: \" no\"}}]\n"
    "methods: [{name: m, kind: lora, rank: 2, learning_rate: 1e-3}]\n"
    "training: {epochs: 1, batch_size: 8, max_seq_length: 64}\n"
    "%s\n";

static const char good_corpora[] =
    "corpora: [{name: c, path: builtin, role: pretraining, documents: 10}]";

static int make(void **state)
{
    if (scratch_make(state) != 0) return -1;
    wane_error err;
    if (process_pretrain("model") != 0) return -1;
    CHECK_OK(wane_folder_make(scratch_path("task"), &err));
    CHECK_OK(wane_folder_make(scratch_path("seen"), &err));
    write_task_rows("task/train.jsonl", 0, 24);
    write_task_rows("task/test.jsonl", 100, 20);
    write_task_rows("seen/train.jsonl", 0, 24);
    write_task_rows("seen/test.jsonl", 4, 20);
    return 0;
}

/* What the command says on stderr. Free it. (validate also measures how fast the machine is, run
 * --dry-run only reads.) */
static char *said_by(const char *command, const char *option, const char *corpora, const char *task,
                     const char *more)
{
    char text[2048], yaml[512];
    int length = snprintf(text, sizeof text, experiment, corpora, task, more);
    write_file(scratch_path("x.yaml"), text, (size_t)length);
    (void)snprintf(yaml, sizeof yaml, "%s", scratch_path("x.yaml"));
    const char *const arguments[] = {command, yaml, option, NULL};
    int code = process_run(arguments, "out", "err");
    char *said = read_file(scratch_path("err"), NULL);
    if (code > 1) print_error("exit code %d: %s\n", code, said);
    assert_true(code <= 1); /* a gate may fail on so few rows */
    return said;
}

/* The one warning holds `message`; NULL: there is none. */
static void warned(const char *corpora, const char *task, const char *more, const char *message)
{
    char *said = said_by("run", "--dry-run", corpora, task, more);
    const char *first = strstr(said, "warning: warned: ");
    const char *at = message ? strstr(said, message) : NULL;
    bool right = message ? first && at && !strstr(first + 1, "warning: ") : !first;
    if (!right) print_error("%s; wanted \"%s\"\n", said, message ? message : "no warning");
    assert_true(right);
    free(said);
}

static void what_is_seldom_meant(void **state)
{
    (void)state;
    warned(good_corpora, "task", "", NULL);
    warned("corpora: []", "task", "", "no corpora: no likelihood");
    char *said = said_by("validate", NULL, "corpora: []", "task", "");
    assert_non_null(strstr(said, "warning: warned: no corpora: no likelihood"));
    free(said);
    warned("", "task", "", "no corpora: no likelihood");
    warned("corpora: [{name: c, path: builtin, documents: 10}]", "task", "",
           "corpus c has no role and is taken as 'role: pretraining'");
    warned("corpora: [{name: c, path: builtin, documents: 10, role: other}]", "task", "",
           "no corpus has 'role: pretraining'");
    warned(good_corpora, "seen", "",
           "task seen: 20 of the 20 measured rows are in train too (the first is row 0 of");
    warned(good_corpora, "seen", "limit: 5", "task seen: 5 of the 5 measured rows");
    warned(good_corpora, "task",
           "watch: [{path: seen, template: \"{text} where ?\", labels: {0: \" yes\", 1: \" no\"}}]",
           NULL); /* nothing is fitted to its rows, */
    warned(
        good_corpora, "task",
        "protocol: {head: reprobe}\nwatch: [{path: seen, template: \"{text} where ?\", labels: {0: "
        "\" yes\", 1: \" no\"}}]",
        "task seen: 20 of the 20 measured rows"); /* unless a probe is */
}

/* What was passed over, and a template whose \\n is no line break. */
static void what_is_in_files(void **state)
{
    (void)state;
    wane_error err;
    CHECK_OK(wane_folder_make(scratch_path("corpus/.git"), &err));
    write_file(scratch_path("corpus/a.txt"), "the dog sees", 12);
    write_file(scratch_path("corpus/.git/HEAD"), "x", 1);
    write_file(scratch_path("corpus/._a.txt"), "\xff", 1);
    warned("corpora: [{path: corpus, role: pretraining}]", "task", "",
           "corpus corpus: skipped 2 hidden files (the first: ._a.txt)");
    write_file(scratch_path("task/.train.jsonl"), "x", 1);
    warned(good_corpora, "task", "", "task task: skipped 1 hidden file (.train.jsonl)");
    remove_tree(scratch_path("task/.train.jsonl"));
    warned(good_corpora, "task",
           "watch: [{name: w, path: task, template: '{text}\\nso', labels: {0: \" yes\", 1: \" "
           "no\"}}]",
           "task w: its template holds a backslash and a letter");
}

/* A label of three tokens loses by the sum of their log-likelihoods and may win by their mean; said
 * where more than a fifth of the rows hang on it, and it is the sum that is scored. */
static void labels_of_other_lengths(void **state)
{
    (void)state;
    static const char watched[] = "watch: [{name: w, path: task, template: \"{text} where ?\", "
                                  "labels: {0: \" yes\", 1: \"%s\"}"
                                  "%s}]\n%s";
    static const struct {
        const char *label, *more, *protocol;
        bool warned;
    } cases[] = {{" the cow sees", "", "", true},
                 {" the cow sees", ", normalise: tokens", "", false},
                 {" the cow sees", "", "protocol: {head: linear}", false},
                 {" no", "", "", false},
                 /* unlikely by sum and mean: no row hangs on it */
                 {" no yes no", "", "", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char more[300];
        (void)snprintf(more, sizeof more, watched, cases[i].label, cases[i].more,
                       cases[i].protocol);
        char *said = said_by("validate", NULL, good_corpora, "task", more);
        const char *at = strstr(said, "task w: its label words have 1 to 3 tokens (' yes' 1, '");
        if (cases[i].warned != (at != NULL)) print_error("case %zu: %s\n", i, said);
        assert_int_equal(cases[i].warned, at != NULL);
        if (at)
            assert_non_null(
                strstr(at, "' the cow sees' 3), and the base answers 20 of 20 rows (100%)"));
        assert_null(strstr(said, "task task: its label words"));
        free(said);
    }
}

/* Stages none of whose steps has a rate: said once for all methods, orders and seeds. */
static void steps_at_rate_zero_train_nothing(void **state)
{
    (void)state;
    static const char two[] =
        "methods=[{name: a, kind: lora, rank: 2}, {kind: full, learning_rate: 0, epochs: 2}]";
    static const struct {
        const char *override, *more, *wanted; /* NULL: no warning */
    } cases[] = {
        {"training.batch_size=24", "training.warmup_ratio=.06",
         "warned: stage task: 1 step, all of it warm-up at rate 0: nothing is trained (method m)"},
        {"training.batch_size=1000", "seeds=3", "stage task: 1 step, all of it warm-up"},
        {"training.batch_size=24", "training.warmup_ratio=0", NULL},
        {"training.batch_size=12", "training.warmup_ratio=1", NULL}, /* the second has half of it */
        {"training.batch_size=24", "training.schedule=constant", "stage task: 1 step, all of it"},
        {"methods.m.learning_rate=0", "training.batch_size=8",
         "stage task: 3 steps, at learning rate 0: nothing is trained (method m)"},
        {two, "training.batch_size=8",
         "stage task: 6 steps, at learning rate 0: nothing is trained (method full)"},
        {two, "training.batch_size=24", "rate 0: nothing is trained (method a)"},
        {"methods=[{name: a, kind: lora, rank: [1, 2]}]", "training.batch_size=24",
         "rate 0: nothing is trained (methods a-r1, a-r2)"},
    };
    char yaml[512];
    free(said_by("run", "--dry-run", good_corpora, "task", ""));
    (void)snprintf(yaml, sizeof yaml, "%s", scratch_path("x.yaml"));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const arguments[] = {"run",         yaml, "--dry-run", cases[i].override,
                                         cases[i].more, NULL};
        assert_int_equal(process_run(arguments, "out", "err"), 0);
        char *said = read_file(scratch_path("err"), NULL);
        const char *at = strstr(said, cases[i].wanted ? cases[i].wanted : "warning: ");
        bool right = cases[i].wanted ? at && !strstr(at + 1, cases[i].wanted) : !at;
        if (!right) print_error("case %zu: %s\n", i, said);
        assert_true(right);
        free(said);
    }
}

/* A second call says them again and stores nothing new. */
static void events_are_stored_once(void **state)
{
    (void)state;
    char database[512];
    (void)snprintf(database, sizeof database, "%s", scratch_path("warned.db"));
    const char *const query[] = {"query", database, "--name", "events", "--format", "csv", NULL};
    for (int i = 0; i < 2; i++) {
        char *said = said_by("run", NULL, "", "seen", "");
        assert_non_null(strstr(said, "warning: warned: no corpora"));
        assert_non_null(strstr(said, "warning: warned: task seen: 20 of the 20"));
        free(said);
        assert_int_equal(process_run(query, "out", "err"), 0);
        char *rows = read_file(scratch_path("out"), NULL);
        const char *first = strstr(rows, ",warning,,,\"warned: no corpora");
        if (!first) print_error("%s\n", rows);
        assert_non_null(first);
        assert_null(strstr(first + 20, "warned: no corpora"));
        assert_non_null(strstr(rows, "warned: task seen: 20 of the 20 measured rows"));
        free(rows);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_seldom_meant),
        cmocka_unit_test(what_is_in_files),
        cmocka_unit_test(labels_of_other_lengths),
        cmocka_unit_test(steps_at_rate_zero_train_nothing),
        cmocka_unit_test(events_are_stored_once),
    };
    return cmocka_run_group_tests(tests, make, scratch_remove);
}
