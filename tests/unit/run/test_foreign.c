/* SPDX-License-Identifier: Apache-2.0
 * A database and the folder of artifacts beside it may come from anybody: no row and no link there
 * makes a run read, write or remove anything elsewhere.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/files/file.h"
#include "store/results/query.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

static const char experiment[] =
    "name: small\n"
    "model: builtin\n"
    "pretraining: {width: 32, layers: 2, heads: 2, kv_heads: 1, hidden: 64, steps: 20,\n"
    "              documents: 200, batch_tokens: 512, context: 96}\n"
    "corpora: [{name: text, path: builtin, role: pretraining, documents: 10}]\n"
    "tasks: [{path: builtin/topic, train_rows: 32, test_rows: 24}]\n"
    "methods:\n"
    "  - {name: lora, kind: lora, rank: 2, learning_rate: 1e-2}\n"
    "  - {name: full, kind: full-matrices, learning_rate: 1e-3}\n"
    "training: {epochs: 1, batch_size: 8, max_seq_length: 96}\n"
    "keep: %s\n%s";
static const char one_more[] = "watch: [{path: builtin/counting, test_rows: 24}]\n";

static char yaml[512], database[512];

static int run(const char *keep, const char *more)
{
    char text[1200];
    int length = snprintf(text, sizeof text, experiment, keep, more);
    write_file(yaml, text, (size_t)length);
    const char *const arguments[] = {"run", yaml, "--db", database, "--threads", "1", NULL};
    return process_run(arguments, "out", "err");
}

static void said(const char *words)
{
    char *text = read_file(scratch_path("err"), NULL);
    if (!strstr(text, words)) print_error("%s\nwanted \"%s\"\n", text, words);
    assert_non_null(strstr(text, words));
    free(text);
}

static void change(const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(database, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_true(sqlite3_changes(db) > 0);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static const char *artifact(const char *name)
{
    char path[300];
    (void)snprintf(path, sizeof path, "x.db.artifacts/%s", name);
    return scratch_path(path);
}

static int fresh(void **state)
{
    (void)state;
    (void)snprintf(yaml, sizeof yaml, "%s", scratch_path("small.yaml"));
    (void)snprintf(database, sizeof database, "%s", scratch_path("x.db"));
    remove_tree(database);
    remove_tree(scratch_path("x.db.artifacts"));
    remove_tree(scratch_path("victim"));
    remove_tree(scratch_path("outside"));
    wane_error err;
    if (wane_folder_make(scratch_path("victim/sub"), &err) != WANE_OK) return -1;
    write_file(scratch_path("victim/sub/kept"), "kept", 4);
    write_file(scratch_path("victim/adapter_config.json"), "kept", 4);
    return run("all", "");
}

static int victim_is_whole(void **state)
{
    (void)state;
    static const char *const names[] = {"victim/sub/kept", "victim/adapter_config.json"};
    for (size_t i = 0; i < 2; i++) {
        char *text = read_file(scratch_path(names[i]), NULL);
        if (strcmp(text, "kept") != 0) return -1;
        free(text);
    }
    return 0;
}

/* The first key of an artifact of that kind. */
static void key_of(char out[65], const char *kind)
{
    wane_error err;
    wane_query *q = NULL;
    wane_binding named = {.name = "kind", .value = {.type = WANE_VALUE_TEXT, .text = kind}};
    wane_results *db = open_results(database, WANE_RESULTS_READ);
    CHECK_OK(wane_query_open(&q, db,
                             "SELECT s.key FROM artifact a JOIN stage s ON s.id = a.stage "
                             "WHERE a.kind = :kind",
                             &named, 1, &err));
    CHECK_OK(wane_query_next(q, &err));
    (void)snprintf(out, 65, "%s", wane_query_text(q, 0));
    wane_query_free(q);
    wane_results_close(db);
}

/* Rows that name anything but the place of their stage: refused, whatever is asked for. */
static void rows_that_lead_elsewhere(void **state)
{
    (void)state;
    char absolute[700], key[65], other[300];
    size_t bytes = 0;
    char *whole = read_file(database, &bytes);
    key_of(key, "adapter");
    (void)snprintf(absolute, sizeof absolute, "UPDATE artifact SET path = '%s'",
                   scratch_path("victim"));
    (void)snprintf(other, sizeof other, "UPDATE artifact SET path = 'updates/%s'", key);
    const char *const rows[] = {
        "UPDATE artifact SET path = '../victim'",
        "UPDATE artifact SET path = 'updates/../../victim'",
        absolute,
        "UPDATE artifact SET path = 'updates'",
        "UPDATE artifact SET path = ''",
        "UPDATE artifact SET path = 'updates/' || upper(substr(path, 9))",
        "UPDATE artifact SET path = path || '/'",
        "UPDATE artifact SET path = './' || path",
        "UPDATE artifact SET path = path || '/../../victim'",
        "UPDATE artifact SET path = 'updates/' || replace(hex(zeroblob(32)), '00', 'ab')",
        other,
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        change(rows[i]);
        static const char *const keeps[] = {"all", "none"};
        for (size_t k = 0; k < 2; k++) {
            assert_int_equal(run(keeps[k], k ? "" : one_more), 2);
            said("its row says \"");
            assert_int_equal(victim_is_whole(NULL), 0);
        }
        write_file(database, whole, bytes);
    }
    free(whole);
    change("UPDATE artifact SET kind = '../x' WHERE kind = 'adapter'");
    assert_int_equal(run("none", ""), 2);
    said("no kind of artifact");
    change("UPDATE artifact SET kind = 'adapter' WHERE kind = '../x'");
    assert_int_equal(run("all", one_more), 0);
}

static void moved_away(const char *name, const char *to)
{
    char link[512], aim[512];
    (void)snprintf(link, sizeof link, "%s", artifact(name));
    (void)snprintf(aim, sizeof aim, "%s", scratch_path(to));
    assert_int_equal(rename(link, aim), 0);
    assert_int_equal(symlink(aim, link), 0);
}

/* A link in place of an adapter's folder, or of a file in it, or of tensors. */
static void links_in_place_of_weights(void **state)
{
    (void)state;
    char key[65], name[200];
    key_of(key, "adapter");
    wane_error err;
    CHECK_OK(wane_folder_make(scratch_path("outside"), &err));
    (void)snprintf(name, sizeof name, "updates/%s/adapter_model.safetensors", key);
    moved_away(name, "outside/factors");
    assert_int_equal(run("all", one_more), 1);
    said("adapter_model.safetensors: a link is on its way");
    assert_int_equal(unlink(artifact(name)), 0);
    assert_int_equal(rename(scratch_path("outside/factors"), artifact(name)), 0);
    (void)snprintf(name, sizeof name, "updates/%s", key);
    moved_away(name, "outside/adapter");
    assert_int_equal(run("all", one_more), 1);
    said("a link is on its way");
    /* Letting go takes the link and leaves what it led to. */
    assert_int_equal(run("none", ""), 0);
    struct stat info;
    assert_int_equal(lstat(artifact(name), &info), -1);
    assert_true(wane_file_exists(scratch_path("outside/adapter/adapter_config.json")));
}

static void links_in_place_of_folders(void **state)
{
    (void)state;
    static const char *const folders[] = {"updates", "locks", "checkpoints", "svd", "svd_previous"};
    wane_error err;
    CHECK_OK(wane_folder_make(scratch_path("outside"), &err));
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        char to[64], link[512];
        (void)snprintf(to, sizeof to, "outside/%s", folders[i]);
        moved_away(folders[i], to);
        assert_int_equal(run("all", one_more), 2);
        said("a link is on its way");
        (void)snprintf(link, sizeof link, "%s", artifact(folders[i]));
        assert_int_equal(unlink(link), 0);
        assert_int_equal(rename(scratch_path(to), link), 0);
    }
    assert_int_equal(rename(scratch_path("x.db.artifacts"), scratch_path("outside/all")), 0);
    assert_int_equal(symlink(scratch_path("outside/all"), scratch_path("x.db.artifacts")), 0);
    assert_int_equal(run("all", one_more), 2);
    said("a link is on its way");
    assert_int_equal(unlink(scratch_path("x.db.artifacts")), 0);
    assert_int_equal(rename(scratch_path("outside/all"), scratch_path("x.db.artifacts")), 0);
    assert_int_equal(run("all", one_more), 0);
}

/* Only the files that make an adapter go with it. */
static void what_else_lies_there_stays(void **state)
{
    (void)state;
    char key[65], name[200];
    key_of(key, "adapter");
    (void)snprintf(name, sizeof name, "updates/%s/notes.txt", key);
    write_file(artifact(name), "mine", 4);
    remove_tree(scratch_path("x.db"));
    (void)snprintf(name, sizeof name, "updates/%s", key);
    assert_int_equal(run("none", ""), 0);
    assert_true(wane_folder_exists(artifact(name)));
    (void)snprintf(name, sizeof name, "updates/%s/adapter_model.safetensors", key);
    assert_false(wane_file_exists(artifact(name)));
    (void)snprintf(name, sizeof name, "updates/%s/notes.txt", key);
    assert_true(wane_file_exists(artifact(name)));
}

/* The log beside the database is appended to. */
static void a_log_that_is_a_link(void **state)
{
    (void)state;
    remove_tree(scratch_path("x.log"));
    assert_int_equal(symlink(scratch_path("victim/sub/kept"), scratch_path("x.log")), 0);
    assert_int_equal(run("all", ""), 2);
    said("x.log: a link");
    assert_int_equal(unlink(scratch_path("x.log")), 0);
    assert_int_equal(mkfifo(scratch_path("x.log"), 0600), 0);
    assert_int_equal(run("all", ""), 2);
    said("x.log: not a regular file");
    assert_int_equal(unlink(scratch_path("x.log")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_that_lead_elsewhere, fresh, victim_is_whole),
        cmocka_unit_test_setup_teardown(links_in_place_of_weights, fresh, victim_is_whole),
        cmocka_unit_test_setup_teardown(links_in_place_of_folders, fresh, victim_is_whole),
        cmocka_unit_test_setup_teardown(what_else_lies_there_stays, fresh, victim_is_whole),
        cmocka_unit_test_setup_teardown(a_log_that_is_a_link, fresh, victim_is_whole),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
