/* SPDX-License-Identifier: Apache-2.0
 * What `wane run` refuses, as a user meets it: one line that says what, which and why, exit code 2,
 * nothing half-written; and gates that fail: stored, shown, exit code 1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/base/text.h"
#include "store/files/file.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

/* %s: the model, the task's path, one more line. */
static const char experiment[] =
    "name: refused\n"
    "model: %s\n"
    "corpora: [{name: text, path: builtin, role: pretraining, documents: 10}]\n"
    "tasks: [{path: %s, template: \"{text} where ?\", labels: {0: \" yes\", 1: \" no\"}}]\n"
    "methods: [{name: m, kind: lora, rank: 2, learning_rate: 1e-3}]\n"
    "training: {epochs: 1, batch_size: 8, max_seq_length: 64}\n"
    "%s\n";

static const char row[] = "{\"text\": \"the dog sees %s %d\", \"label\": %d}\n";

static void write_rows(const char *name, int count, const char *word)
{
    wane_text text = {0};
    for (int i = 0; i < count; i++) wane_text_printf(&text, row, word, i, i % 2);
    write_file(scratch_path(name), text.data, text.length);
    wane_text_free(&text);
}

static int make(void **state)
{
    if (scratch_make(state) != 0) return -1;
    wane_error err;
    if (process_pretrain("model") != 0) return -1;
    CHECK_OK(wane_folder_make(scratch_path("task"), &err));
    write_rows("task/train.jsonl", 40, "a");
    write_rows("task/test.jsonl", 20, "the");
    return 0;
}

static int run_with(const char *model, const char *task, const char *more)
{
    char text[2048], yaml[512], database[512];
    int length = snprintf(text, sizeof text, experiment, model, task, more);
    write_file(scratch_path("x.yaml"), text, (size_t)length);
    (void)snprintf(yaml, sizeof yaml, "%s", scratch_path("x.yaml"));
    (void)snprintf(database, sizeof database, "%s", scratch_path("x.db"));
    const char *const arguments[] = {"run", yaml, "--db", database, "--threads", "1", NULL};
    return process_run(arguments, "out", "err");
}

/* Exit code 2, the last line on stderr holds `message`, there is no database. */
static void refused(const char *model, const char *task, const char *more, const char *message)
{
    int code = run_with(model, task, more);
    char *said = read_file(scratch_path("err"), NULL);
    if (code != 2 || !strstr(said, message))
        print_error("exit code %d: %s; wanted \"%s\"\n", code, said, message);
    assert_int_equal(code, 2);
    assert_non_null(strstr(said, message));
    assert_null(strstr(said, "\n\n"));
    free(said);
    static const char *const none[] = {"x.db", "x.log", "x.db.artifacts"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (access(scratch_path(none[i]), F_OK) == 0) fail_msg("%s: %s is left", message, none[i]);
}

static void files_of_experiments(void **state)
{
    (void)state;
    refused("model", "task", "trainig: {}", "x.yaml: trainig: unknown key; did you mean training?");
    refused("model", "task", "name: other", "duplicate key");
    refused("model", "task", "measures: [size]",
            "x.yaml: measures: 'size' is no measure to be asked for (line 7, column 12)");
    refused("nowhere", "task", "", "nowhere: No such file");
    refused("model", "nowhere", "", "nowhere: No such file");
    /* Before a model is made that would take hours. */
    refused("builtin", "nowhere", "pretraining: {steps: 1000000}", "nowhere: No such file");
    refused("model", "task", "seeds: [1, 1]", "seed 1 is there twice (line 7");
    refused("model", "task", "training.batch_size: 0", "unknown key");
}

static void files_of_models(void **state)
{
    (void)state;
    wane_error err;
    size_t bytes = 0;
    CHECK_OK(wane_folder_make(scratch_path("damaged"), &err));
    static const char *const names[] = {"config.json", "tokenizer.json"};
    for (size_t i = 0; i < 2; i++) {
        char from[64], to[64];
        (void)snprintf(from, sizeof from, "model/%s", names[i]);
        (void)snprintf(to, sizeof to, "damaged/%s", names[i]);
        copy_file(scratch_path(from), scratch_path(to));
    }
    char *weights = read_file(scratch_path("model/model.safetensors"), &bytes);
    write_file(scratch_path("damaged/model.safetensors"), weights, bytes / 2);
    refused("damaged", "task", "", "truncated?");
    static const char claims[] = "\xff\xff\xff\xff\xff\xff\xff\x7f{}";
    write_file(scratch_path("damaged/model.safetensors"), claims, sizeof claims - 1);
    refused("damaged", "task", "", "a header of 9223372036854775807 bytes is claimed");
    for (char *at = weights; at + 5 < weights + bytes && at < weights + 20000; at++)
        if (memcmp(at, "\"F32\"", 5) == 0) memcpy(at, "\"I32\"", 5);
    write_file(scratch_path("damaged/model.safetensors"), weights, bytes);
    refused("damaged", "task", "", "dtype I32");
    free(weights);
}

static int command(const char *name, const char *model, const char *path, const char *more)
{
    const char *const arguments[] = {name, model, path, more, NULL};
    return process_run(arguments, "out", "err");
}

static void says(const char *message)
{
    char *said = read_file(scratch_path("err"), NULL);
    if (!strstr(said, message)) print_error("%s; wanted \"%s\"\n", said, message);
    assert_non_null(strstr(said, message));
    free(said);
}

/* The model's folder with one token more, which has no row: an error only where a text holds it. */
static void tokens_without_a_row(void **state)
{
    (void)state;
    wane_error err;
    static const char *const names[] = {"config.json", "tokenizer.json", "model.safetensors"};
    static const char added[] = "{\"pad_token\": \"[PAD]\"}";
    char larger[512], text[512], task[512];
    CHECK_OK(wane_folder_make(scratch_path("larger"), &err));
    for (size_t i = 0; i < 3; i++) {
        char from[64], to[64];
        (void)snprintf(from, sizeof from, "model/%s", names[i]);
        (void)snprintf(to, sizeof to, "larger/%s", names[i]);
        copy_file(scratch_path(from), scratch_path(to));
    }
    write_file(scratch_path("larger/tokenizer_config.json"), added, sizeof added - 1);
    (void)snprintf(larger, sizeof larger, "%s", scratch_path("larger"));
    (void)snprintf(text, sizeof text, "%s", scratch_path("c.txt"));
    static const char fine[] = "the dog sees a cat\n\nthe cat\n";
    static const char holds[] = "the dog sees a cat\n\nthe cat [PAD]\n";
    write_file(text, fine, sizeof fine - 1);
    assert_int_equal(command("perplexity", larger, text, "--json"), 0);
    char *alone = read_file(scratch_path("out"), NULL);
    assert_int_equal(command("perplexity", scratch_path("model"), text, "--json"), 0);
    char *plain = read_file(scratch_path("out"), NULL);
    assert_string_equal(alone, plain);
    free(alone);
    free(plain);
    write_file(text, holds, sizeof holds - 1);
    assert_int_equal(command("perplexity", larger, text, "--json"), 2);
    says("c: document 1, counted from 0: token \"[PAD]\" has id ");
    const char *const diff[] = {"diff", larger, larger, "--corpus", text, NULL};
    assert_int_equal(process_run(diff, "out", "err"), 2);
    says("document 1, counted from 0: token \"[PAD]\"");
    CHECK_OK(wane_folder_make(scratch_path("pads"), &err));
    write_rows("pads/train.jsonl", 40, "a");
    write_rows("pads/test.jsonl", 20, "[PAD]");
    (void)snprintf(task, sizeof task, "%s", scratch_path("pads"));
    const char *const eval[] = {"eval",           larger,     "--tasks",      task, "--template",
                                "{text} where ?", "--labels", "0= yes,1= no", NULL};
    assert_int_equal(process_run(eval, "out", "err"), 2);
    says("pads: row 0 of test, counted from 0: token \"[PAD]\"");
    refused("larger", "pads", "", "pads: row 0 of test, counted from 0: token \"[PAD]\" has id");
    write_rows("pads/test.jsonl", 20, "the");
    write_rows("pads/train.jsonl", 40, "[PAD]");
    refused("larger", "pads", "", "pads: row 0 of train, counted from 0: token \"[PAD]\" has id");
    refused("larger", "task", "watch: [{path: task, name: w, labels: {0: \" [PAD]\", 1: \" no\"}}]",
            "w: label \" [PAD]\": token \"[PAD]\" has id");
    assert_int_equal(run_with("larger", "task", ""), 0);
    static const char *const made[] = {"x.db", "x.log", "x.db.artifacts"};
    for (size_t i = 0; i < 3; i++) remove_tree(scratch_path(made[i]));
}

static void files_of_tasks(void **state)
{
    (void)state;
    wane_error err;
    CHECK_OK(wane_folder_make(scratch_path("bad"), &err));
    write_rows("bad/train.jsonl", 40, "a");
    static const char strange[] = "{\"text\": \"x\", \"label\": 7}\n";
    write_file(scratch_path("bad/test.jsonl"), strange, sizeof strange - 1);
    refused("model", "bad", "", "bad/test.jsonl: label \"7\" is not in the set: 0, 1 (line 1");
    write_file(scratch_path("bad/test.jsonl"), "", 0);
    refused("model", "bad", "", "bad/test.jsonl: the split is empty");
    refused("model", "task", "watch: [{path: bad, test_rows: 4}]", "bad/test.jsonl");
    write_rows("bad/test.jsonl", 4, "the");
    refused(
        "model", "task",
        "watch: [{path: bad, template: \"a a a a a a a a a a a a a a a a a a a a a a a a a a a a a "
        "a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a "
        "{text} "
        "where ?\", labels: {0: \" yes\", 1: \" no\"}}]",
        "template and label alone need");
}

static void shown_as_failed(const char *gate)
{
    char database[512];
    (void)snprintf(database, sizeof database, "%s", scratch_path("x.db"));
    const char *const show[] = {"show", database, "m/given/s0", NULL};
    assert_int_equal(process_run(show, "out", "err"), 0);
    char *said = read_file(scratch_path("out"), NULL);
    assert_non_null(strstr(said, "GATE FAILED"));
    assert_non_null(strstr(said, gate));
    free(said);
    assert_int_equal(unlink(scratch_path("x.db")), 0);
}

/* Test rows that are training rows too. */
static void gates_that_fail(void **state)
{
    (void)state;
    wane_error err;
    CHECK_OK(wane_folder_make(scratch_path("leaky"), &err));
    write_rows("leaky/train.jsonl", 40, "a");
    write_rows("leaky/test.jsonl", 10, "a");
    assert_int_equal(run_with("model", "leaky", ""), 1);
    assert_int_equal(query_integer_at(scratch_path("x.db"),
                                      "SELECT count(*) FROM run WHERE status = 'gate_failed'"),
                     1);
    assert_int_equal(
        query_integer_at(scratch_path("x.db"),
                         "SELECT value FROM gate WHERE name = 'overlap' AND passed = 0"),
        10);
    assert_int_equal(
        query_integer_at(scratch_path("x.db"), "SELECT count(*) FROM gate WHERE passed = 0"), 1);
    /* The same line again: nothing to do, and the run is no better for it. */
    assert_int_equal(run_with("model", "leaky", ""), 1);
    shown_as_failed("overlap");
}

/* A copy of the model whose tokenizer has lost its order of ids: word i became word V - 1 - i. The
 * program cannot know; the gate on the base's nll does. */
static void corrupted_tokenizer(void **state)
{
    (void)state;
    enum { FIRST = 3, WORDS = 220 };
    wane_error err;
    size_t bytes = 0;
    wane_text mixed = {0};
    CHECK_OK(wane_folder_make(scratch_path("mixed"), &err));
    copy_file(scratch_path("model/config.json"), scratch_path("mixed/config.json"));
    copy_file(scratch_path("model/model.safetensors"), scratch_path("mixed/model.safetensors"));
    char *text = read_file(scratch_path("model/tokenizer.json"), &bytes);
    char *vocabulary = strstr(text, "\"vocab\": {");
    assert_non_null(vocabulary);
    *vocabulary = '\0';
    wane_text_printf(&mixed, "%s\"", text);
    size_t words = 0;
    for (char *at = vocabulary + strlen("\"vocab\": {"); *at != '}'; words++) {
        char *word = strchr(at, '"') + 1, *end = strchr(word, '"'), *next = NULL;
        long id = strtol(end + 2, &next, 10);
        if (words == 0) wane_text_printf(&mixed, "vocab\": {");
        wane_text_printf(&mixed, "%s\"%.*s\": %ld", words ? ", " : "", (int)(end - word), word,
                         id < FIRST ? id : WORDS - 1 - id + FIRST);
        at = next;
    }
    assert_int_equal(words, WORDS);
    wane_text_printf(&mixed, "}, \"unk_token\": \"<unk>\"}}");
    write_file(scratch_path("mixed/tokenizer.json"), mixed.data, mixed.length);
    wane_text_free(&mixed);
    free(text);
    assert_int_equal(run_with("mixed", "task", ""), 1);
    assert_int_equal(
        query_integer_at(scratch_path("x.db"),
                         "SELECT count(*) FROM gate WHERE name = 'base_nll' AND passed = 0"),
        1);
    assert_int_equal(query_integer_at(scratch_path("x.db"),
                                      "SELECT out_of_reach FROM likelihood WHERE stage = 1"),
                     1);
    shown_as_failed("base_nll");
}

/* Rights of a folder hold for everyone but the superuser, who lays that down for the call. */
static void folder_not_writable(void **state)
{
    (void)state;
    enum { NOBODY = 65534 };
    char database[512], yaml[512];
    wane_error err;
    CHECK_OK(wane_folder_make(scratch_path("closed"), &err));
    assert_int_equal(chmod(scratch_path("closed"), 0555), 0);
    assert_int_equal(chmod(scratch_folder(), 0755), 0);
    (void)snprintf(database, sizeof database, "%s", scratch_path("closed/x.db"));
    (void)snprintf(yaml, sizeof yaml, "%s", scratch_path("x.yaml"));
    write_file(scratch_path("out"), "", 0);
    write_file(scratch_path("err"), "", 0);
    assert_int_equal(chmod(scratch_path("out"), 0666), 0);
    assert_int_equal(chmod(scratch_path("err"), 0666), 0);
    bool superuser = geteuid() == 0;
    if (superuser && seteuid(NOBODY) != 0) skip();
    if (eaccess(WANE_PROGRAM, X_OK) != 0) {
        if (superuser) assert_int_equal(seteuid(0), 0);
        skip();
    }
    const char *const arguments[] = {"run", yaml, "--db", database, NULL};
    int code = process_run(arguments, "out", "err");
    if (superuser) assert_int_equal(seteuid(0), 0);
    char *said = read_file(scratch_path("err"), NULL);
    if (code != 1) print_error("exit code %d: %s\n", code, said);
    assert_int_equal(code, 1);
    assert_non_null(strstr(said, "closed: Permission denied"));
    free(said);
    assert_int_equal(chmod(scratch_path("closed"), 0755), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_experiments), cmocka_unit_test(files_of_models),
        cmocka_unit_test(tokens_without_a_row), cmocka_unit_test(files_of_tasks),
        cmocka_unit_test(gates_that_fail),      cmocka_unit_test(corrupted_tokenizer),
        cmocka_unit_test(folder_not_writable),
    };
    return cmocka_run_group_tests(tests, make, scratch_remove);
}
