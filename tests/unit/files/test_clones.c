/* SPDX-License-Identifier: Apache-2.0
 * Files as Git and the Hugging Face hub lay them out: pointers of Git LFS in place of files, and
 * snapshots whose files are links into a folder of blobs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "eval/model/model.h"
#include "store/base/memory.h"
#include "store/files/entries.h"
#include "store/files/file.h"
#include "store/files/package.h"
#include "store/files/tensors.h"
#include "tasks/data/corpus.h"
#include "tests/support/pack.h"
#include "tests/support/support.h"

#define TENSORS "reference/tensors/"

static const char pointer[] =
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n"
    "size 12345\n";
static const char cause[] = ": a Git LFS pointer in place of the file (run git lfs pull)";

/* A pointer of that name in the scratch folder. */
static const char *pointed(const char *name)
{
    const char *path = scratch_path(name);
    write_file(path, pointer, sizeof pointer - 1);
    return path;
}

static void whole_files_and_maps_are_no_pointers(void **state)
{
    (void)state;
    wane_error err;
    char *bytes = NULL;
    size_t count = 0;
    wane_map map = {0};
    const char *path = pointed("tokenizer.json");
    CHECK_FAILS(wane_file_read(&bytes, &count, path, 0, &err), WANE_EFORMAT, cause);
    assert_null(bytes);
    CHECK_FAILS(wane_map_open(&map, path, &err), WANE_EFORMAT, cause);
    /* What only begins like one is read: pointers have at most 1024 bytes. */
    char *large = calloc(1, 1025);
    assert_non_null(large);
    memset(large, ' ', 1025);
    memcpy(large, pointer, sizeof pointer - 1);
    write_file(path, large, 1024);
    CHECK_FAILS(wane_file_read(&bytes, &count, path, 0, &err), WANE_EFORMAT, cause);
    write_file(path, large, 1025);
    CHECK_OK(wane_file_read(&bytes, &count, path, 0, &err));
    wane_free(bytes);
    free(large);
}

static void read_all_of(const char *path, const char *message)
{
    wane_error err;
    wane_entries *entries = NULL;
    const char *name = NULL;
    char *bytes = NULL;
    size_t count = 0;
    wane_status st = wane_entries_open(&entries, path, NULL, &err);
    while (st == WANE_OK && (st = wane_entries_next(entries, &name, &err)) == WANE_OK) {
        st = wane_entries_read_all(entries, &bytes, &count, &err);
        wane_free(bytes);
        bytes = NULL;
    }
    wane_entries_close(entries);
    CHECK_FAILS(st, WANE_EFORMAT, message);
    if (!strstr(err.message, cause)) fail_msg("%s", err.message);
}

static void archives_and_what_is_in_them_are_no_pointers(void **state)
{
    (void)state;
    static const char *const archives[] = {"a.tar", "a.zip", "a.tar.gz", "a.tgz", "a.tar.zst"};
    static const char *const files[] = {"f.txt", "f.jsonl", "f.csv.gz", "f.txt.zst", "f.json.xz"};
    for (size_t i = 0; i < sizeof archives / sizeof *archives; i++)
        read_all_of(pointed(archives[i]), archives[i]);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char name[64];
        read_all_of(pointed(files[i]), files[i]);
        const packed_file one = {files[i], pointed(files[i])};
        (void)snprintf(name, sizeof name, "%s.tar.gz", files[i]);
        pack(scratch_path(name), &one, 1);
        read_all_of(scratch_path(name), files[i]);
    }
}

/* In a folder of its own and in an archive, each with the file `name` a pointer. */
static void model_with_pointer(const char *name, const char *weights)
{
    wane_error err;
    wane_model *model = NULL;
    wane_tensors *tensors = NULL;
    char config[256], file[256], source[256];
    const char *folder = scratch_path("lfs");
    remove_tree(folder);
    CHECK_OK(wane_folder_make(folder, &err));
    (void)snprintf(config, sizeof config, "%s/config.json", folder);
    copy_file(TENSORS "tiny-llama/config.json", config);
    (void)snprintf(file, sizeof file, "%s/%s", folder, weights);
    (void)snprintf(source, sizeof source, TENSORS "tiny-llama/model.safetensors");
    copy_file(source, file);
    (void)snprintf(file, sizeof file, "%s/%s", folder, name);
    write_file(file, pointer, sizeof pointer - 1);
    CHECK_FAILS(wane_model_load(&model, folder, &err), WANE_EFORMAT, cause);
    if (!strstr(err.message, name)) fail_msg("%s", err.message);
    pack_folder(scratch_path("lfs.tar.gz"), folder, "m/");
    CHECK_FAILS(wane_model_load(&model, scratch_path("lfs.tar.gz"), &err), WANE_EFORMAT, cause);
    if (!strstr(err.message, name)) fail_msg("%s", err.message);
    if (strcmp(name, "config.json") == 0) return;
    CHECK_FAILS(wane_tensors_open(&tensors, folder, &err), WANE_EFORMAT, cause);
    CHECK_FAILS(wane_tensors_open(&tensors, file, &err), WANE_EFORMAT, cause);
}

static void no_file_of_a_model_is_a_pointer(void **state)
{
    (void)state;
    model_with_pointer("config.json", "model.safetensors");
    model_with_pointer("model.safetensors", "model.safetensors");
    model_with_pointer("model.safetensors.index.json", "model-00001-of-00001.safetensors");
    model_with_pointer("pytorch_model.bin", "pytorch_model.bin");
}

static void corpora_are_no_pointers(void **state)
{
    (void)state;
    static const char *const texts[] = {"c.txt", "c.jsonl", "c.json.gz", "c.zip"};
    wane_error err;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        wane_corpus corpus = {0};
        const wane_corpus_spec spec = {.name = "c", .path = pointed(texts[i])};
        CHECK_FAILS(wane_corpus_open(&corpus, &spec, &err), WANE_EFORMAT, cause);
        if (!strstr(err.message, texts[i])) fail_msg("%s", err.message);
    }
}

/* hub/blobs/N holds the files of `source`, hub/snapshots/0/NAME leads there. */
static const char *snapshot_of(const char *source)
{
    wane_error err;
    char **names = NULL, path[512], blob[512], target[64];
    size_t count = 0;
    remove_tree(scratch_path("hub"));
    CHECK_OK(wane_folder_make(scratch_path("hub/blobs"), &err));
    CHECK_OK(wane_folder_make(scratch_path("hub/snapshots/0"), &err));
    CHECK_OK(wane_folder_list(&names, &count, source, &err));
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", source, names[i]);
        (void)snprintf(blob, sizeof blob, "%s/blobs/%zu", scratch_path("hub"), i);
        copy_file(path, blob);
        (void)snprintf(target, sizeof target, "../../blobs/%zu", i);
        (void)snprintf(path, sizeof path, "%s/snapshots/0/%s", scratch_path("hub"), names[i]);
        assert_int_equal(symlink(target, path), 0);
    }
    wane_names_free(names, count);
    return scratch_path("hub/snapshots/0");
}

static void snapshots_of_links_are_read(void **state)
{
    (void)state;
    static const char *const models[] = {TENSORS "tiny-llama", TENSORS "tiny-llama-shards"};
    char folder[WANE_SHA256_HEX], linked[WANE_SHA256_HEX];
    wane_error err;
    for (size_t i = 0; i < 2; i++) {
        const char *path = snapshot_of(models[i]);
        model_key(folder, models[i]);
        model_key(linked, path);
        assert_string_equal(linked, folder);
    }
    /* A blob that is not there is told by the link's name. */
    wane_model *model = NULL;
    remove_tree(scratch_path("hub/blobs"));
    wane_status st = wane_model_load(&model, scratch_path("hub/snapshots/0"), &err);
    assert_true(st == WANE_ENOTFOUND);
    if (!strstr(err.message, "hub/snapshots/0")) fail_msg("%s", err.message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_files_and_maps_are_no_pointers),
        cmocka_unit_test(archives_and_what_is_in_them_are_no_pointers),
        cmocka_unit_test(no_file_of_a_model_is_a_pointer),
        cmocka_unit_test(corpora_are_no_pointers),
        cmocka_unit_test(snapshots_of_links_are_read),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
