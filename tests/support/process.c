/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "eval/model/architecture.h"
#include "store/base/random.h"
#include "store/base/text.h"
#include "store/files/file.h"
#include "store/results/query.h"
#include "tests/support/support.h"

#ifndef WANE_PROGRAM
#error "WANE_PROGRAM comes from the build"
#endif

extern char **environ;

static pid_t start(const char *const *arguments, const char *out, const char *err, short of_process)
{
    const char *argv[64] = {WANE_PROGRAM};
    size_t count = 1;
    for (; arguments[count - 1]; count++) {
        assert_true(count < 63);
        argv[count] = arguments[count - 1];
    }
    posix_spawn_file_actions_t actions;
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    const int flags = O_WRONLY | O_CREAT | O_TRUNC;
    assert_int_equal(posix_spawn_file_actions_addopen(&actions, 1, scratch_path(out), flags, 0600),
                     0);
    assert_int_equal(posix_spawn_file_actions_addopen(&actions, 2, scratch_path(err), flags, 0600),
                     0);
    posix_spawnattr_t attributes;
    assert_int_equal(posix_spawnattr_init(&attributes), 0);
    assert_int_equal(posix_spawnattr_setflags(&attributes, of_process), 0);
    pid_t pid = 0;
    assert_int_equal(
        posix_spawn(&pid, WANE_PROGRAM, &actions, &attributes, (char *const *)argv, environ), 0);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attributes);
    return pid;
}

pid_t process_start(const char *const *arguments, const char *out, const char *err)
{
    return start(arguments, out, err, 0);
}

pid_t process_start_group(const char *const *arguments, const char *out, const char *err)
{
    return start(arguments, out, err, POSIX_SPAWN_SETPGROUP);
}

int process_wait(pid_t pid)
{
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int process_run(const char *const *arguments, const char *out, const char *err)
{
    return process_wait(process_start(arguments, out, err));
}

void process_print_said(int code)
{
    char *said = read_file(scratch_path("err"), NULL);
    print_error("exit code %d: %s\n", code, said);
    free(said);
}

void wait_milliseconds(uint64_t count)
{
    struct timespec nap = {(time_t)(count / 1000), (long)(count % 1000) * 1000000L};
    (void)nanosleep(&nap, NULL);
}

void wait_for_query(const char *path, const char *sql, int64_t least)
{
    for (int i = 0; i < 4000; i++) {
        wane_results *db = NULL;
        bool there = access(path, F_OK) == 0 &&
                     wane_results_open(&db, path, WANE_RESULTS_READ, NULL) == WANE_OK &&
                     query_integer(db, sql) >= least;
        wane_results_close(db);
        if (there) return;
        wait_milliseconds(5);
    }
    fail_msg("%s: still less than %d: %s", path, (int)least, sql);
}

int process_kill_until_done(const char *const *arguments, uint64_t seed, uint64_t least,
                            uint64_t growth)
{
    const wane_random where = {.seed = seed, .purpose = WANE_RANDOM_TEST};
    for (uint64_t kills = 0; kills < 400; kills++) {
        pid_t pid = process_start(arguments, "out", "err");
        /* Short lives at first, so that many kills hit; then longer, so that it ends. */
        wait_milliseconds(least + wane_random_below(&where, kills, 2 * least + growth * kills));
        (void)kill(pid, SIGKILL);
        int code = process_wait(pid);
        if (code == 0) return (int)kills;
        if (code == 128 + SIGKILL) continue;
        process_print_said(code);
        fail();
    }
    fail_msg("400 kills, and no end");
    return -1;
}

int process_pretrain(const char *name)
{
    char folder[512];
    (void)snprintf(folder, sizeof folder, "%s", scratch_path(name));
    const char *const arguments[] = {"pretrain",    "-o",  folder,    "--steps", "60",
                                     "--documents", "200", "--width", "32",      NULL};
    return process_run(arguments, "out", "err");
}

wane_model *small_model(size_t layers, size_t heads, size_t head_width, size_t hidden)
{
    wane_error err;
    wane_model *model = NULL;
    const wane_config config = {.architecture = &wane_architecture_llama,
                                .vocabulary = 32,
                                .width = heads * head_width,
                                .layers = layers,
                                .heads = heads,
                                .kv_heads = heads / 2,
                                .head_width = head_width,
                                .hidden = hidden,
                                .context = 16,
                                .norm_epsilon = 1e-6,
                                .rope = {.theta = 10000},
                                .tied = true,
                                .initializer_range = 0.02,
                                .bos = -1,
                                .eos = -1};
    CHECK_OK(wane_model_random(&model, &config, 3, &err));
    CHECK_OK(wane_model_save(model, scratch_path("base"), &err));
    return model;
}

/* The first `from` in the text becomes `to`. */
static void replace(wane_text *text, const char *from, const char *to)
{
    char *at = strstr(text->data, from);
    assert_non_null(at);
    wane_text made = {0};
    wane_text_append(&made, text->data, (size_t)(at - text->data));
    wane_text_string(&made, to);
    wane_text_string(&made, at + strlen(from));
    wane_text_free(text);
    *text = made;
}

void copy_model(const char *from, const char *to, const file_change *changes)
{
    static const char *const files[] = {"config.json", "tokenizer.json", "model.safetensors"};
    wane_error err;
    char path[300];
    CHECK_OK(wane_folder_make(scratch_path(to), &err));
    for (size_t f = 0; f < sizeof files / sizeof *files; f++) {
        size_t bytes = 0;
        (void)snprintf(path, sizeof path, "%s/%s", from, files[f]);
        char *content = read_file(scratch_path(path), &bytes);
        wane_text out = {0};
        wane_text_append(&out, content, bytes);
        for (const file_change *c = changes; c->file; c++)
            if (strcmp(c->file, files[f]) == 0) replace(&out, c->from, c->to);
        (void)snprintf(path, sizeof path, "%s/%s", to, files[f]);
        write_file(scratch_path(path), out.data, out.length);
        wane_text_free(&out);
        free(content);
    }
}

static bool left_out(const char *column)
{
    return strcmp(column, "seconds") == 0 || strcmp(column, "path") == 0 ||
           strcmp(column, "source") == 0;
}

/* Both queries must give the same columns, types and bits. */
static size_t rows_equal(wane_query *a, wane_query *b, const char *table)
{
    wane_error err;
    for (size_t row = 0;; row++) {
        wane_status first = wane_query_next(a, &err), second = wane_query_next(b, &err);
        if (first != second) print_error("%s: one table ends after row %zu\n", table, row);
        assert_int_equal(first, second);
        if (first == WANE_DONE) return row;
        assert_int_equal(first, WANE_OK);
        for (size_t c = 0; c < wane_query_columns(a); c++) {
            if (left_out(wane_query_name(a, c))) continue;
            const char *x = wane_query_text(a, c), *y = wane_query_text(b, c);
            double u = wane_query_double(a, c), v = wane_query_double(b, c);
            bool same = wane_query_type(a, c) == wane_query_type(b, c);
            if (same && wane_query_type(a, c) == WANE_VALUE_REAL) same = memcmp(&u, &v, 8) == 0;
            else if (same && x && y) same = strcmp(x, y) == 0;
            if (!same)
                print_error("%s: row %zu, %s: %s (%.17g) and %s (%.17g)\n", table, row,
                            wane_query_name(a, c), x ? x : "NULL", u, y ? y : "NULL", v);
            assert_true(same);
        }
    }
}

size_t databases_equal(const char *first, const char *second)
{
    static const char *const tables[] = {
        "model",   "matrix",     "task",     "corpus", "experiment",    "experiment_task",
        "stage",   "run",        "cell",     "score",  "run_stage",     "experiment_corpus",
        "example", "likelihood", "window",   "metric", "spectrum",      "direction",
        "step",    "parameter",  "artifact", "gate",   "spectrum_total"};
    wane_error err;
    wane_results *db[2] = {NULL, NULL};
    size_t rows = 0;
    db[0] = open_results(first, WANE_RESULTS_READ);
    db[1] = open_results(second, WANE_RESULTS_READ);
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) {
        char sql[64];
        wane_query *query[2] = {NULL, NULL};
        (void)snprintf(sql, sizeof sql, "SELECT * FROM %s", tables[t]);
        for (int i = 0; i < 2; i++) CHECK_OK(wane_query_open(&query[i], db[i], sql, NULL, 0, &err));
        rows += rows_equal(query[0], query[1], tables[t]);
        for (int i = 0; i < 2; i++) wane_query_free(query[i]);
    }
    wane_results_close(db[0]);
    wane_results_close(db[1]);
    return rows;
}
