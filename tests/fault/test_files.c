/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/files/entries.h"
#include "store/files/json.h"
#include "store/files/yaml.h"
#include "tests/fault/fault.h"

static const char *const file_path = "a/file";

static wane_status read_whole(void *context, wane_error *err)
{
    char *bytes = NULL;
    size_t count = 0;
    wane_status st = wane_file_read(&bytes, &count, context, 0, err);
    wane_free(bytes);
    return st;
}

static wane_status write_whole(void *context, wane_error *err)
{
    return wane_file_write(context, "new content", 11, err);
}

static void old_content_alone(void *context)
{
    size_t count = 0, names = 0;
    char *bytes = read_file(context, &count), **list = NULL;
    wane_error err;
    assert_string_equal(bytes, "old");
    free(bytes);
    CHECK_OK(wane_folder_list(&list, &names, scratch_path("a"), &err));
    assert_int_equal(names, 1);
    wane_names_free(list, names);
}

static void plain_files(void **state)
{
    (void)state;
    wane_error err;
    char path[512], hex[WANE_SHA256_HEX];
    CHECK_OK(wane_folder_make(scratch_path("a"), &err));
    (void)snprintf(path, sizeof path, "%s", scratch_path(file_path));
    write_file(path, "old", 3);
    assert_true(fault_memory(read_whole, NULL, path) > 0);
    assert_true(fault_memory(write_whole, old_content_alone, path) > 0);
    write_file(path, "old", 3);
    /* A write, a sync and a rename keep the old file; the sync of the folder comes after. */
    for (long n = 0; n < 3; n++) {
        wane_file_fail_after(n);
        wane_status st = write_whole(path, &err);
        wane_file_fail_after(-1);
        CHECK_FAILS(st, WANE_EIO, "No space left on device");
        old_content_alone(path);
    }
    assert_int_equal(fault_disk(write_whole, NULL, path), 4);
    wane_memory_fail_after(0);
    wane_status st = wane_file_sha256(hex, path, &err);
    wane_memory_fail_after(-1);
    CHECK_FAILS(st, WANE_ENOMEM, "out of memory");
    assert_null((wane_memory_fail_after(0), wane_path_join("a", "b")));
    wane_memory_fail_after(-1);
}

static wane_status lock_and_release(void *context, wane_error *err)
{
    wane_lock *lock = NULL;
    wane_status st = wane_lock_take(&lock, context, false, err);
    wane_lock_release(lock);
    return st;
}

static wane_status make_folders(void *context, wane_error *err)
{
    wane_status st = wane_folder_make(context, err);
    if (st != WANE_OK) return st;
    remove_tree(scratch_path("deep"));
    return WANE_OK;
}

static wane_status walk_folder(void *context, wane_error *err)
{
    char **names = NULL;
    size_t count = 0;
    wane_status st = wane_folder_walk(&names, &count, context, 10, err);
    wane_names_free(names, count);
    return st;
}

static void folders_and_locks(void **state)
{
    (void)state;
    wane_error err;
    char path[512];
    (void)snprintf(path, sizeof path, "%s", scratch_path("lock"));
    assert_true(fault_memory(lock_and_release, NULL, path) > 0);
    (void)snprintf(path, sizeof path, "%s", scratch_path("deep/er/still"));
    assert_true(fault_memory(make_folders, NULL, path) > 0);
    assert_int_equal(fault_disk(make_folders, NULL, path), 2); /* what was made stays */
    CHECK_OK(wane_folder_make(scratch_path("walk/in/side"), &err));
    write_file(scratch_path("walk/in/side/f"), "", 0);
    write_file(scratch_path("walk/g"), "", 0);
    (void)snprintf(path, sizeof path, "%s", scratch_path("walk"));
    assert_true(fault_memory(walk_folder, NULL, path) > 5);
}

static wane_status read_json(void *context, wane_error *err)
{
    wane_json *root = NULL;
    wane_status st = wane_json_parse(&root, context, strlen(context), "t.json", err);
    assert_true((st == WANE_OK) == (root != NULL));
    wane_json_free(root);
    return st;
}

static void json(void **state)
{
    (void)state;
    enum { BYTES = 300000 };
    char small[] = "{\"a\": [1, 2.5, null, true, {\"b\": \"c\"}], \"1\": 1, \"2\": 1, \"3\": 1, "
                   "\"4\": 1, \"5\": 1, \"6\": 1, \"7\": 1, \"8\": 99999999999999999999}";
    assert_true(fault_memory(read_json, NULL, small) > 0);
    char *large = malloc(BYTES + 1); /* takes more than one piece of an arena */
    assert_non_null(large);
    for (size_t i = 0; i < BYTES; i += 10) memcpy(large + i, "[\"abcdef\"]", 10);
    for (size_t i = 9; i + 1 < BYTES; i += 10) large[i] = ',', large[i + 1] = ' ';
    large[BYTES] = '\0';
    assert_true(fault_memory_sparse(read_json, NULL, large, 32) > 1000);
    free(large);
}

typedef struct yaml_case {
    wane_yaml_document *document;
    const char *path, *value;
} yaml_case;

static const char *const yaml_text = "a: {b: 1}\nlist: [{name: x, c: [1, 2]}, y]\nempty:\n";

static wane_status read_yaml(void *context, wane_error *err)
{
    (void)context;
    wane_yaml_document *document = NULL;
    wane_status st = wane_yaml_parse(&document, yaml_text, strlen(yaml_text), "t.yaml", err);
    assert_true((st == WANE_OK) == (document != NULL));
    wane_yaml_free(document);
    return st;
}

static wane_status override(void *context, wane_error *err)
{
    const yaml_case *c = context;
    return wane_yaml_override(c->document, c->path, c->value, err);
}

static void document_unchanged(void *context)
{
    const yaml_case *c = context;
    const wane_yaml *root = wane_yaml_root(c->document);
    assert_int_equal(root->count, 3);
    assert_int_equal(wane_yaml_get(root, "a")->count, 1);
    assert_string_equal(wane_yaml_get(wane_yaml_get(root, "a"), "b")->text, "1");
    assert_int_equal(wane_yaml_get(root, "list")->children[0]->count, 2);
    assert_int_equal(wane_yaml_get(root, "empty")->kind, WANE_YAML_SCALAR);
}

static void yaml(void **state)
{
    (void)state;
    wane_error err;
    assert_true(fault_memory(read_yaml, NULL, NULL) > 2);
    static const char *const cases[][2] = {{"a.b", "2"},
                                           {"a.new.deep.er", "[1, {x: y}]"},
                                           {"list.x.c", "'quoted'"},
                                           {"empty.z", "1"},
                                           {"top", "{a: 1, b: 2}"}};
    /* The arena's first piece serves a small document whole: a large one makes every override ask
     * for memory. */
    char *value = malloc(140002);
    assert_non_null(value);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        yaml_case c = {NULL, cases[i][0], cases[i][1]};
        CHECK_OK(wane_yaml_parse(&c.document, yaml_text, strlen(yaml_text), "t.yaml", &err));
        (void)fault_memory(override, document_unchanged, &c);
        wane_yaml_free(c.document);
        memset(value, 'x', 140001);
        value[0] = '[';
        value[70000] = ',';
        value[140000] = ']';
        value[140001] = '\0';
        c.value = value;
        CHECK_OK(wane_yaml_parse(&c.document, yaml_text, strlen(yaml_text), "t.yaml", &err));
        assert_true(fault_memory(override, document_unchanged, &c) >= 2);
        wane_yaml_free(c.document);
    }
    free(value);
}

static wane_status read_entries(void *context, wane_error *err)
{
    wane_entries *entries = NULL;
    const char *name = NULL;
    wane_status st = wane_entries_open(&entries, context, NULL, err);
    while (st == WANE_OK && (st = wane_entries_next(entries, &name, err)) == WANE_OK) {
        char *bytes = NULL;
        size_t count = 0;
        st = wane_entries_read_all(entries, &bytes, &count, err);
        wane_free(bytes);
    }
    wane_entries_close(entries);
    return st == WANE_DONE ? WANE_OK : st;
}

static void entries(void **state)
{
    (void)state;
    char archive[] = "fuzz/corpus/entries/plain.tar.gz",
         nested[] = "fuzz/corpus/entries/nested.tar", zip[] = "fuzz/corpus/entries/plain.zip",
         bomb[] = "fuzz/corpus/entries/bomb.gz", folder[512];
    (void)snprintf(folder, sizeof folder, "%s", scratch_path("walk"));
    assert_true(fault_memory(read_entries, NULL, archive) > 5);
    assert_true(fault_memory(read_entries, NULL, nested) > 5);
    assert_true(fault_memory(read_entries, NULL, zip) > 5);
    assert_true(fault_memory(read_entries, NULL, bomb) > 5);
    assert_true(fault_memory(read_entries, NULL, folder) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_files), cmocka_unit_test(folders_and_locks), cmocka_unit_test(json),
        cmocka_unit_test(yaml),        cmocka_unit_test(entries),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
