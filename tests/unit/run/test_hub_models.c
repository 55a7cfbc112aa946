/* SPDX-License-Identifier: Apache-2.0
 * Models named as on the hub, in an experiment and on the command line: what is recorded is the
 * commit, and a branch that has moved is noticed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "eval/model/model.h"
#include "store/files/file.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

#define FIRST "1111111111111111111111111111111111111111"
#define SECOND "2222222222222222222222222222222222222222"
#define REPO "cache/models--org--tiny"

static const char experiment[] =
    "name: small\n"
    "model: org/tiny%s\n"
    "corpora: [{name: text, path: builtin, role: pretraining, documents: 5}]\n"
    "tasks: [{path: builtin/topic, train_rows: 8, test_rows: 10}]\n"
    "methods:\n"
    "  - {name: full, kind: full-matrices, learning_rate: 1e-3}\n"
    "  - {name: theirs, kind: given, stages: [org/tiny@tuned]}\n"
    "training: {epochs: 1, batch_size: 8, max_seq_length: 96}\n";

static char paths[4][512];

static const char *path_of(int slot, const char *name)
{
    (void)snprintf(paths[slot], sizeof paths[slot], "%s", scratch_path(name));
    return paths[slot];
}

static void reference(const char *name, const char *commit)
{
    char path[100];
    (void)snprintf(path, sizeof path, REPO "/refs/%s", name);
    write_file(scratch_path(path), commit, strlen(commit));
}

/* main is the built-in model, tuned another one of its shape. */
static int make_cache(void **state)
{
    static const file_change none = {NULL, NULL, NULL};
    wane_error err;
    wane_model *model = NULL;
    if (scratch_make(state) != 0 || process_pretrain("model") != 0) return -1;
    CHECK_OK(wane_folder_make(scratch_path(REPO "/refs"), &err));
    copy_model("model", REPO "/snapshots/" FIRST, &none);
    copy_model("model", REPO "/snapshots/" SECOND, &none);
    CHECK_OK(wane_model_load(&model, scratch_path("model"), &err));
    for (size_t i = 0; i < model->parameters.floats; i++) model->weights[i] *= 1.01F;
    CHECK_OK(wane_model_save(model, scratch_path(REPO "/snapshots/" SECOND), &err));
    wane_model_free(model);
    reference("main", FIRST);
    reference("tuned", SECOND);
    return setenv("HF_HUB_CACHE", scratch_path("cache"), 1);
}

static int run(const char *revision)
{
    char text[1024];
    (void)snprintf(text, sizeof text, experiment, revision);
    write_file(scratch_path("x.yaml"), text, strlen(text));
    const char *const arguments[] = {
        "run", path_of(0, "x.yaml"), "--db", path_of(1, "x.db"), "--threads", "1", NULL};
    return process_run(arguments, "out", "err");
}

static bool said(const char *file, const char *what)
{
    char *text = read_file(scratch_path(file), NULL);
    bool found = strstr(text, what) != NULL;
    if (!found) print_error("%s\n", text);
    free(text);
    return found;
}

static int64_t ask(const char *sql)
{
    return query_integer_at(scratch_path("x.db"), sql);
}

static void an_experiment_records_the_commit(void **state)
{
    (void)state;
    assert_int_equal(run(""), 0);
    assert_int_equal(ask("SELECT count(*) FROM model WHERE path = 'org/tiny@" FIRST
                         "' AND name = 'tiny@1111111'"),
                     1);
    assert_int_equal(ask("SELECT source LIKE '%model: \"org/tiny@" FIRST "\"%' AND source LIKE "
                         "'%org/tiny@" SECOND "%' FROM experiment"),
                     1);
    /* The same commit by any name is the same run. */
    assert_int_equal(run("@1111"), 0);
    assert_true(said("err", "0 stages trained"));
    /* The branch moves: another model under the same name. */
    reference("main", SECOND);
    assert_int_equal(run(""), 2);
    assert_true(said("err", "holds a run of this name under other settings"));
    assert_int_equal(run("@" FIRST), 0);
    assert_int_equal(run("@v2"), 2);
    assert_true(said("err", "has main (2222222), tuned (2222222), 1111111 of org/tiny, not v2; to "
                            "fetch it: hf download org/tiny --revision v2"));
    reference("main", FIRST);
}

static void commands_take_names(void **state)
{
    (void)state;
    write_file(scratch_path("text.txt"), "the dog sees the cat\n", 21);
    const char *const diff[] = {
        "diff", "org/tiny", "org/tiny@tuned", "--corpus", path_of(0, "text.txt"), "--threads",
        "1",    NULL};
    assert_int_equal(process_run(diff, "out", "err"), 0);
    assert_true(said("out", "org/tiny@" FIRST " (model llama"));
    assert_true(said("out", "org/tiny@" SECOND " (model llama"));
    assert_true(said("out", "nll, nats/token"));
    const char *const perplexity[] = {
        "perplexity", "org/tiny", path_of(0, "text.txt"), "--adapter", "org/tiny@2222", "--threads",
        "1",          NULL};
    assert_int_equal(process_run(perplexity, "out", "err"), 0);
    assert_true(said("out", "org/tiny@" FIRST " + org/tiny@" SECOND));
    const char *const scale[] = {"scale", "org/tiny", "org/tiny@tuned",     "--lambda",
                                 "0.5",   "-o",       path_of(0, "scaled"), NULL};
    assert_int_equal(process_run(scale, "out", "err"), 2);
    assert_true(said("err", "no matrix has an intruder"));
    const char *const kept[] = {"intruders",           "org/tiny", "org/tiny@tuned", "--db",
                                path_of(0, "kept.db"), NULL};
    assert_int_equal(process_run(kept, "out", "err"), 0);
    assert_int_equal(query_integer_at(scratch_path("kept.db"),
                                      "SELECT count(*) FROM model WHERE name = 'tiny@1111111'"),
                     1);
    const char *const init[] = {
        "init", "--model", "org/tiny", "--task", path_of(0, "t.csv"), "-o", path_of(1, "new.yaml"),
        NULL};
    static const char table[] = "text,label\na,x\nb,y\nc,x\nd,y\n";
    write_file(scratch_path("t.csv"), table, sizeof table - 1);
    assert_int_equal(process_run(init, "out", "err"), 0);
    assert_true(said("new.yaml", "model: \"org/tiny@" FIRST "\""));
    const char *const none[] = {"audit", "org/tiny", "org/none", NULL};
    assert_int_equal(process_run(none, "out", "err"), 2);
    assert_true(said("err", "org/none: no such file or folder, nor a model of that name in the hub "
                            "cache"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_experiment_records_the_commit),
        cmocka_unit_test(commands_take_names),
    };
    return cmocka_run_group_tests(tests, make_cache, scratch_remove);
}
