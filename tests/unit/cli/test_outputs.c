/* SPDX-License-Identifier: Apache-2.0
 * What a command writes never replaces what it reads, nor a database.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "eval/experiment/pretrain.h"
#include "store/base/clock.h"
#include "store/files/file.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

static char model[512], task[512], other[512];

static void read_kept(const char *path, char **bytes, size_t *count)
{
    *bytes = read_file(path, count);
}

/* Exit code 2, this cause, and the file that `output` leads to as it was. */
static void refused(const char *const *arguments, const char *output, const char *cause)
{
    size_t before = 0, after = 0;
    char *old = NULL, *now = NULL;
    struct stat info;
    bool file = stat(output, &info) == 0 && S_ISREG(info.st_mode);
    if (file) read_kept(output, &old, &before);
    int code = process_run(arguments, "out", "err");
    char *said = read_file(scratch_path("err"), NULL);
    if (code != 2 || !strstr(said, cause))
        print_error("%s: code %d: %s; wanted \"%s\"\n", output, code, said, cause);
    assert_int_equal(code, 2);
    assert_non_null(strstr(said, cause));
    free(said);
    if (!file) return;
    read_kept(output, &now, &after);
    assert_int_equal(before, after);
    assert_memory_equal(old, now, before);
    free(old);
    free(now);
}

static void examples_refused(const char *name, const char *cause)
{
    char output[512];
    (void)snprintf(output, sizeof output, "%s", scratch_path(name));
    const char *const arguments[] = {"eval",       model,      "--tasks",  task,
                                     "--template", "{text} ?", "--labels", "0= a,1= b",
                                     "--examples", output,     NULL};
    refused(arguments, output, cause);
}

static int prepare(void **state)
{
    wane_error err;
    static const char rows[] =
        "{\"text\": \"the\", \"label\": 0}\n{\"text\": \"a\", \"label\": 1}\n";
    if (scratch_make(state) != 0 || process_pretrain("model") != 0) return -1;
    (void)snprintf(model, sizeof model, "%s", scratch_path("model"));
    (void)snprintf(task, sizeof task, "%s", scratch_path("task"));
    CHECK_OK(wane_folder_make(task, &err));
    write_file(scratch_path("task/train.jsonl"), rows, sizeof rows - 1);
    write_file(scratch_path("task/test.jsonl"), rows, sizeof rows - 1);
    (void)snprintf(other, sizeof other, "%s", scratch_path("kept.db"));
    wane_results *db = open_results(other, WANE_RESULTS_CREATE);
    wane_results_close(db);
    return 0;
}

static void inputs_are_not_replaced(void **state)
{
    (void)state;
    static const char of_input[] = "is a file of an input of this command";
    assert_int_equal(link(scratch_path("task/test.jsonl"), scratch_path("hard")), 0);
    assert_int_equal(symlink("task/test.jsonl", scratch_path("soft")), 0);
    assert_int_equal(symlink("soft", scratch_path("softer")), 0);
    assert_int_equal(symlink(scratch_path("model"), scratch_path("way")), 0);
    examples_refused("task/test.jsonl", of_input);
    examples_refused("task/../task/test.jsonl", of_input);
    examples_refused("hard", of_input);
    examples_refused("soft", of_input);
    examples_refused("softer", of_input);
    examples_refused("model/config.json", of_input);
    examples_refused("way/model.safetensors", of_input);
    examples_refused("task", "is an input of this command");
}

static void databases_are_not_replaced(void **state)
{
    (void)state;
    wane_error err;
    assert_int_equal(link(other, scratch_path("hard.db")), 0);
    assert_int_equal(symlink("kept.db", scratch_path("soft.db")), 0);
    CHECK_OK(wane_folder_make(scratch_path("kept.db.artifacts/updates"), &err));
    write_file(scratch_path("kept.db.artifacts/updates/x"), "x", 1);
    write_file(scratch_path("kept.db-journal"), "x", 1);
    examples_refused("kept.db", "is a database");
    examples_refused("hard.db", "is a database");
    examples_refused("soft.db", "is a database");
    examples_refused("kept.db.artifacts/updates/x", "is an artifact of a database");
    examples_refused("kept.db-journal", "is the journal of a database");
    assert_int_equal(unlink(scratch_path("kept.db-journal")), 0);
    char svg[512], csv[512];
    (void)snprintf(svg, sizeof svg, "%s", scratch_path("chart.svg"));
    (void)snprintf(csv, sizeof csv, "%s", scratch_path("chart.csv"));
    const char *const to_itself[] = {"curves", other, "-o", svg, NULL};
    assert_int_equal(symlink("kept.db", svg), 0);
    refused(to_itself, svg, "is an input of this command");
    copy_file(other, csv);
    const char *const to_other[] = {"curves", other, "-o", csv, NULL};
    refused(to_other, csv, "is a database");
}

static void folders_are_not_replaced(void **state)
{
    (void)state;
    wane_error err;
    char folder[512];
    (void)snprintf(folder, sizeof folder, "%s", scratch_path("holds"));
    CHECK_OK(wane_folder_make(folder, &err));
    copy_file(other, scratch_path("holds/any"));
    const char *const pretrain[] = {"pretrain", "-o", folder, "--steps", "1", NULL};
    refused(pretrain, scratch_path("holds/any"), "holds a database");
    assert_false(wane_file_exists(scratch_path("holds/tokenizer.json")));
    const char *const scale[] = {"scale", model, model, "--arm", "shrink", "-o", folder, NULL};
    refused(scale, scratch_path("holds/any"), "holds a database");
    const char *const onto[] = {"scale", model, model, "-o", model, NULL};
    refused(onto, scratch_path("model/config.json"), "is an input of this command");
}

/* No writer replaces a database, whatever it was told. */
static void writers_know_databases(void **state)
{
    (void)state;
    wane_error err;
    CHECK_FAILS(wane_file_write(other, "x", 1, &err), WANE_EEXIST, "is a database");
    assert_true(wane_file_is_database(other));
}

static void a_log_is_no_experiment(void **state)
{
    (void)state;
    char file[512], database[512];
    static const char text[] = "name: x\nmodel: builtin\n";
    (void)snprintf(file, sizeof file, "%s", scratch_path("own.log"));
    (void)snprintf(database, sizeof database, "%s", scratch_path("own.db"));
    write_file(file, text, sizeof text - 1);
    static const char whole[] =
        "name: own\nmodel: builtin\ncorpora: [{name: text, path: builtin, documents: 5}]\n"
        "tasks: [{path: builtin/topic, train_rows: 16, test_rows: 8}]\n"
        "methods: [{name: lora, kind: lora, rank: 1, learning_rate: 1e-2}]\n";
    write_file(file, whole, sizeof whole - 1);
    const char *const arguments[] = {"run", file, "--db", database, NULL};
    refused(arguments, file, "the log would be the experiment's file");
}

static void new_outputs_are_written(void **state)
{
    (void)state;
    char output[512];
    (void)snprintf(output, sizeof output, "%s", scratch_path("new.jsonl"));
    const char *const arguments[] = {"eval",       model,      "--tasks",  task,
                                     "--template", "{text} ?", "--labels", "0= the,1= a",
                                     "--examples", output,     NULL};
    for (int i = 0; i < 2; i++) { /* the second replaces what the first wrote */
        int code = process_run(arguments, "out", "err");
        if (code != 0) {
            char *said = read_file(scratch_path("err"), NULL);
            print_error("%s\n", said);
            free(said);
        }
        assert_int_equal(code, 0);
        assert_true(wane_file_exists(output));
    }
}

/* What cannot be written is said before anything is computed: these calls would take minutes. */
static void said_at_once(void **state)
{
    (void)state;
    static const char pointer[] = "version https://git-lfs.github.com/spec/v1\noid x\nsize 1\n";
    char lfs[512], text[512], below[512], missing[512];
    (void)snprintf(lfs, sizeof lfs, "%s", scratch_path("lfs.db"));
    (void)snprintf(text, sizeof text, "%s", scratch_path("text.db"));
    (void)snprintf(below, sizeof below, "%s", scratch_path("text.db/model"));
    (void)snprintf(missing, sizeof missing, "%s", scratch_path("nowhere/x"));
    write_file(lfs, pointer, sizeof pointer - 1);
    write_file(text, "no database at all\n", 19);
    const struct {
        const char *arguments[8], *output, *cause;
    } calls[] = {{{"demo", "--db", lfs}, lfs, "Git LFS pointer"},
                 {{"demo", "--db", text}, text, "not a database"},
                 {{"demo", "--db", missing}, missing, "No such file"},
                 {{"pretrain", "-o", below, "--steps", "100000"}, text, "Not a directory"},
                 {{"diff", model, model, "--db", text}, text, "not a database"},
                 {{"intruders", model, model, "--db", missing}, missing, "No such file"},
                 {{"scale", model, model, "--lambda", "0", "-o", below}, text, "Not a directory"},
                 {{"eval", model, "--tasks", task, "--examples", missing}, missing, "No such file"},
                 {{"curves", other, "-o", missing}, missing, "No such file"}};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        double before = wane_clock_wall();
        int code = process_run(calls[i].arguments, "out", "err");
        char *said = read_file(scratch_path("err"), NULL);
        if ((code != 2 && code != 1) || !strstr(said, calls[i].cause) || strstr(said, "pretrain:"))
            print_error("%s: %d: %s\n", calls[i].arguments[0], code, said);
        assert_true(code == 2 || code == 1);
        assert_non_null(strstr(said, calls[i].cause));
        assert_null(strstr(said, "step "));
        free(said);
        assert_true(wane_clock_wall() - before < 10);
    }
    assert_false(wane_file_exists(scratch_path("lfs.log")));
    assert_false(wane_folder_exists(scratch_path("lfs.db.artifacts")));
    assert_false(wane_folder_exists(scratch_path("nowhere")));
}

/* A pretraining that is killed has made nothing yet; one whose files cannot be written leaves none,
 * and none of them stands for a model. */
static void a_model_is_there_or_not(void **state)
{
    (void)state;
    char folder[512];
    wane_error err;
    wane_pool *pool = NULL;
    (void)snprintf(folder, sizeof folder, "%s", scratch_path("made"));
    const char *const endless[] = {"pretrain", "-o", folder, "--steps", "1000000", NULL};
    pid_t child = process_start(endless, "out", "err");
    wait_milliseconds(1000);
    assert_int_equal(kill(child, SIGTERM), 0);
    assert_int_equal(process_wait(child), 128 + SIGTERM);
    assert_false(wane_folder_exists(folder));
    const wane_log silent = {NULL, NULL};
    wane_pretraining small = wane_pretraining_defaults();
    small.steps = small.layers = 1;
    small.documents = 20;
    small.width = small.hidden = 16;
    small.heads = small.kv_heads = 1;
    CHECK_OK(wane_pool_new(&pool, 1, &err));
    wane_status st = WANE_EIO;
    for (long n = 0; st != WANE_OK; n++) {
        assert_true(n < 200);
        wane_file_fail_after(n);
        st = wane_pretrain(&small, folder, pool, &silent, &err);
        wane_file_fail_after(-1);
        assert_int_equal(wane_folder_exists(folder), st == WANE_OK);
        if (st == WANE_OK) assert_true(n > 8);
    }
    /* Killed between the weights and the config, it is made anew. */
    assert_int_equal(unlink(scratch_path("made/config.json")), 0);
    const char *const again[] = {"pretrain", "-o",      folder, "--steps",  "1", "--documents",
                                 "20",       "--width", "16",   "--layers", "1", NULL};
    assert_int_equal(process_run(again, "out", "err"), 0);
    assert_true(wane_file_exists(scratch_path("made/config.json")));
    assert_int_equal(process_run(again, "out", "err"), 2);
    wane_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inputs_are_not_replaced),
        cmocka_unit_test(databases_are_not_replaced),
        cmocka_unit_test(folders_are_not_replaced),
        cmocka_unit_test(writers_know_databases),
        cmocka_unit_test(a_log_is_no_experiment),
        cmocka_unit_test(new_outputs_are_written),
        cmocka_unit_test(said_at_once),
        cmocka_unit_test(a_model_is_there_or_not),
    };
    return cmocka_run_group_tests(tests, prepare, scratch_remove);
}
