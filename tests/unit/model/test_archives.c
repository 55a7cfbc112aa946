/* SPDX-License-Identifier: Apache-2.0
 * Models read from archives are the models that were packed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/model/model.h"
#include "eval/pair/given.h"
#include "store/base/memory.h"
#include "store/files/file.h"
#include "store/files/package.h"
#include "store/files/safetensors.h"
#include "tasks/text/tokenizer.h"
#include "tests/support/pack.h"
#include "tests/support/support.h"

#define TENSORS "reference/tensors/"

static const char *const kinds[] = {".tar", ".tar.gz", ".tar.zst", ".zip"};

static const char *archive(const char *name, const char *kind)
{
    char text[64];
    (void)snprintf(text, sizeof text, "%s%s", name, kind);
    return scratch_path(text);
}

/* Whole, in shards and in GGUF, at the top and in a folder, in every kind of archive. */
static void the_same_bits_from_every_archive(void **state)
{
    (void)state;
    char set[512];
    (void)snprintf(set, sizeof set, "%s", scratch_path("set"));
    const char *const models[] = {TENSORS "tiny-llama", TENSORS "tiny-llama-shards", set};
    static const char *const prefixes[] = {"", "some/where/tiny/"};
    char folder[WANE_SHA256_HEX], packed[WANE_SHA256_HEX];
    wane_error err;
    CHECK_OK(wane_folder_make(set, &err));
    for (int i = 1; i <= 3; i++) {
        char from[64], to[64];
        (void)snprintf(from, sizeof from, "reference/gguf/set-0000%d-of-00003.gguf", i);
        (void)snprintf(to, sizeof to, "set/model-0000%d-of-00003.gguf", i);
        copy_file(from, scratch_path(to));
    }
    for (size_t m = 0; m < 3; m++)
        for (size_t k = 0; k < 4; k++)
            for (size_t p = 0; p < 2; p++) {
                const char *path = archive("model", kinds[k]);
                model_key(folder, models[m]);
                pack_folder(path, models[m], prefixes[p]);
                model_key(packed, path);
                assert_string_equal(packed, folder);
            }
}

/* What lies elsewhere in the archive is not looked at. */
static void other_folders_do_not_exist(void **state)
{
    (void)state;
    wane_error err;
    wane_package *package = NULL;
    write_file(scratch_path("junk"), "{", 1);
    const char *junk = scratch_path("junk"), *path = scratch_path("busy.tar.gz");
    const packed_file files[] = {{"m/onnx/config.json", junk},
                                 {"m/README.md", junk},
                                 {"m/config.json", TENSORS "tiny-llama/config.json"},
                                 {"m/optimizer.pt", junk},
                                 {"m/tokenizer.json", "reference/text/words.json"},
                                 {"m/model.safetensors", TENSORS "tiny-llama/model.safetensors"},
                                 {"notes.txt", junk}};
    pack(path, files, sizeof files / sizeof *files);
    char folder[WANE_SHA256_HEX], packed[WANE_SHA256_HEX];
    model_key(folder, TENSORS "tiny-llama");
    model_key(packed, path);
    assert_string_equal(packed, folder);
    CHECK_OK(wane_package_open(&package, path, &err));
    assert_true(wane_package_archived(package) && wane_package_count(package) == 3);
    assert_string_equal(wane_package_name(package, 0), "config.json");
    assert_false(wane_package_has(package, "onnx/config.json"));
    wane_package_close(package);
    wane_tokenizer *a = NULL, *b = NULL;
    CHECK_OK(wane_tokenizer_load(&a, path, &err));
    CHECK_OK(wane_tokenizer_load(&b, "reference/text/words.json", &err));
    assert_string_equal(wane_tokenizer_sha256(a), wane_tokenizer_sha256(b));
    wane_tokenizer_free(a);
    wane_tokenizer_free(b);
}

/* Tensors of every type and form: one by one, many in one pass, and brought to memory. */
static void check_tensors(const char *path, const char *single)
{
    enum { MOST = 32 };
    wane_error err;
    wane_tensors *packed = NULL, *plain = NULL;
    wane_tensor_target targets[MOST];
    CHECK_OK(wane_tensors_open(&plain, single, &err));
    CHECK_OK(wane_tensors_open(&packed, path, &err));
    size_t count = 0;
    assert_int_equal(wane_tensors_count(packed), wane_tensors_count(plain));
    for (size_t i = 0; i < wane_tensors_count(plain); i++) {
        const wane_tensor *t = wane_tensors_at(packed, i);
        assert_string_equal(t->name, wane_tensors_at(plain, i)->name);
        if (t->dtype == WANE_OTHER) continue;
        targets[count++] = (wane_tensor_target){t, wane_alloc(t->elements, sizeof(float))};
    }
    assert_true(count > 4 && count < MOST);
    for (int way = 0; way < 3; way++) {
        if (way == 0) CHECK_OK(wane_tensors_read_many(packed, targets, count, &err));
        if (way == 2) CHECK_OK(wane_tensors_hold(packed, &err));
        for (size_t i = 0; i < count; i++) {
            const wane_tensor *t = targets[i].tensor, *same = wane_tensors_find(plain, t->name);
            float *expected = wane_alloc(t->elements, sizeof *expected);
            CHECK_OK(wane_tensors_read(plain, same, expected, &err));
            if (way) CHECK_OK(wane_tensors_read(packed, t, targets[i].out, &err));
            if (t->elements)
                assert_memory_equal(expected, targets[i].out, t->elements * sizeof(float));
            memset(targets[i].out, 0, t->elements * sizeof(float));
            wane_free(expected);
        }
    }
    for (size_t i = 0; i < count; i++) wane_free(targets[i].out);
    wane_tensors_close(packed);
    wane_tensors_close(plain);
}

static void every_type_comes_through(void **state)
{
    (void)state;
    for (size_t k = 0; k < 4; k++) {
        const char *path = archive("types", kinds[k]);
        pack(path, &(packed_file){"x/weights.safetensors", TENSORS "dtypes.safetensors"}, 1);
        check_tensors(path, TENSORS "dtypes.safetensors");
        pack(path, &(packed_file){"pytorch_model.bin", "reference/torch/views.pt"}, 1);
        check_tensors(path, "reference/torch/expected.safetensors");
        pack_folder(path, "reference/torch/shards", "y/");
        check_tensors(path, "reference/torch/expected.safetensors");
    }
}

static void adapters_in_archives_are_merged(void **state)
{
    (void)state;
    static const char *const adapters[] = {TENSORS "adapter-plain", "reference/torch/adapter"};
    wane_error err;
    wane_log log = {0};
    char expected[WANE_SHA256_HEX], got[WANE_SHA256_HEX];
    for (size_t i = 0; i < 2; i++)
        for (int packed = 0; packed < 2; packed++) {
            wane_model *model = NULL;
            wane_update update = {0};
            const char *path = adapters[i];
            if (packed) pack_folder(path = scratch_path("adapter.tar.gz"), adapters[i], "a/");
            CHECK_OK(wane_model_load(&model, TENSORS "tiny-llama", &err));
            CHECK_OK(wane_given_apply(&update, model, path, NULL, &log, &err));
            assert_true(update.lowrank);
            CHECK_OK(wane_model_sha256(got, model, &err));
            if (i || packed) assert_string_equal(got, expected);
            else memcpy(expected, got, sizeof got);
            wane_update_free(&update);
            wane_model_free(model);
        }
}

static void bad_archives(void **state)
{
    (void)state;
    wane_error err;
    wane_model *model = NULL;
    const char *config = TENSORS "tiny-llama/config.json";
    const char *weights = TENSORS "tiny-llama/model.safetensors";
    const char *path = scratch_path("bad.tar.gz");
    pack(path, (packed_file[]){{"a/config.json", config}, {"b/config.json", config}}, 2);
    CHECK_FAILS(wane_model_load(&model, path, &err), WANE_EFORMAT, "more than one model");
    pack(path, &(packed_file){"a/README.md", config}, 1);
    CHECK_FAILS(wane_model_load(&model, path, &err), WANE_ENOTFOUND, "no model in it");
    pack(path, &(packed_file){"a/config.json", config}, 1);
    CHECK_FAILS(wane_model_load(&model, path, &err), WANE_ENOTFOUND, "another file of tensors");
    pack(path, &(packed_file){"a/model.safetensors", weights}, 1);
    CHECK_FAILS(wane_model_load(&model, path, &err), WANE_ENOTFOUND, "config.json: not in the");
    pack(path, (packed_file[]){{"config.json", config}, {"../model.safetensors", weights}}, 2);
    CHECK_FAILS(wane_model_load(&model, path, &err), WANE_EFORMAT, "must not contain \"..\"");
    pack(path, (packed_file[]){{"config.json", config}, {"/model.safetensors", weights}}, 2);
    CHECK_FAILS(wane_model_load(&model, path, &err), WANE_EFORMAT, "an absolute name");
    CHECK_FAILS(wane_model_load(&model, scratch_path("none.zip"), &err), WANE_ENOTFOUND,
                "none.zip");
    CHECK_FAILS(wane_model_load(&model, weights, &err), WANE_EFORMAT, "nor an archive");
    write_file(scratch_path("empty"), "", 0);
    pack(path,
         (packed_file[]){{"config.json", config}, {"pytorch_model.bin", scratch_path("empty")}}, 2);
    CHECK_FAILS(wane_model_load(&model, path, &err), WANE_EFORMAT, "pytorch_model.bin: empty");

    size_t count = 0;
    path = scratch_path("cut.tar.zst");
    pack_folder(path, TENSORS "tiny-llama", "");
    char *bytes = read_file(path, &count);
    for (size_t i = 1; i < 20; i++) {
        write_file(path, bytes, count * i / 20);
        assert_int_equal(wane_model_load(&model, path, &err), WANE_EFORMAT);
    }
    free(bytes);
}

/* The first pass saw another archive than the second. */
static void a_changed_archive_is_noticed(void **state)
{
    (void)state;
    static const char *const others[] = {"config.json", "model.safetensors"};
    wane_error err;
    const char *path = scratch_path("changing.tar");
    for (size_t i = 0; i < 2; i++) {
        wane_package *package = NULL;
        wane_model *model = NULL;
        pack_folder(path, TENSORS "tiny-llama", "");
        CHECK_OK(wane_package_open(&package, path, &err));
        pack(path, &(packed_file){others[i], TENSORS "tiny-llama/config.json"}, 1);
        CHECK_FAILS(wane_model_load_package(&model, package, &err), WANE_EFORMAT,
                    "was changed while it was read");
        wane_package_close(package);
    }
}

static void lack_of_memory_is_reported(void **state)
{
    (void)state;
    wane_error err;
    const packed_file alone = {"model.gguf", "reference/gguf/gemma2.gguf"};
    const char *const paths[] = {scratch_path("memory.tar.gz"), scratch_path("gguf.tar.gz"),
                                 "reference/gguf/phi3.gguf",
                                 "reference/gguf/set-00001-of-00003.gguf"};
    pack_folder(paths[0], TENSORS "tiny-llama-shards", "x/");
    pack(paths[1], &alone, 1);
    for (size_t p = 0; p < sizeof paths / sizeof *paths; p++)
        for (long n = 0;; n++) {
            wane_model *model = NULL;
            wane_memory_fail_after(n);
            wane_status st = wane_model_load(&model, paths[p], &err);
            wane_memory_fail_after(-1);
            wane_model_free(model);
            if (st == WANE_OK) break;
            if (st != WANE_ENOMEM) print_error("%s: %s\n", paths[p], err.message);
            assert_int_equal(st, WANE_ENOMEM);
            assert_true(n < 10000);
        }
}

/* The header of a GGUF file does not say how long it is: one with a long list in its metadata. */
static void long_headers_are_kept(void **state)
{
    (void)state;
    enum { BEFORE = 24, NUMBERS = 200003, PAIR = 8 + 5 + 4 + 4 + 8 + NUMBERS };
    size_t bytes = 0;
    char *file = read_file("reference/gguf/llama.gguf", &bytes), *longer = malloc(bytes + PAIR);
    char wanted[WANE_SHA256_HEX], got[WANE_SHA256_HEX];
    const uint64_t length = 5, count = NUMBERS;
    const uint32_t array = 9, byte = 0;
    assert_non_null(longer);
    memset(longer, 0, bytes + PAIR);
    memcpy(longer, file, BEFORE);
    longer[16]++; /* pairs */
    memcpy(longer + BEFORE, &length, 8);
    memcpy(longer + BEFORE + 8, "x.pad", 5);
    memcpy(longer + BEFORE + 13, &array, 4);
    memcpy(longer + BEFORE + 17, &byte, 4);
    memcpy(longer + BEFORE + 21, &count, 8);
    memcpy(longer + BEFORE + PAIR, file + BEFORE, bytes - BEFORE);
    const char *path = scratch_path("long.gguf"), *packed = scratch_path("long.tar.gz");
    write_file(path, longer, bytes + PAIR);
    const packed_file one = {"model.gguf", path};
    pack(packed, &one, 1);
    model_key(wanted, "reference/gguf/llama.gguf");
    model_key(got, path);
    assert_string_equal(got, wanted);
    model_key(got, packed);
    assert_string_equal(got, wanted);
    free(longer);
    free(file);
}

/* A given model in GGUF is read by any file of its set, and hashed over all of them. */
static void every_file_of_a_set_counts(void **state)
{
    (void)state;
    wane_error err;
    char first[512], last[512], a[WANE_SHA256_HEX], b[WANE_SHA256_HEX];
    size_t bytes = 0;
    CHECK_OK(wane_folder_make(scratch_path("parts"), &err));
    for (int i = 1; i <= 3; i++) {
        char from[64], to[64];
        (void)snprintf(from, sizeof from, "reference/gguf/set-0000%d-of-00003.gguf", i);
        (void)snprintf(to, sizeof to, "parts/m-0000%d-of-00003.gguf", i);
        copy_file(from, scratch_path(to));
    }
    (void)snprintf(first, sizeof first, "%s", scratch_path("parts/m-00001-of-00003.gguf"));
    (void)snprintf(last, sizeof last, "%s", scratch_path("parts/m-00003-of-00003.gguf"));
    CHECK_OK(wane_given_sha256(a, first, &err));
    CHECK_OK(wane_given_sha256(b, last, &err));
    assert_string_equal(a, b);
    char *file = read_file(last, &bytes);
    file[bytes - 40] ^= 1;
    write_file(last, file, bytes);
    free(file);
    CHECK_OK(wane_given_sha256(b, first, &err));
    assert_string_not_equal(a, b);
    CHECK_FAILS(wane_given_unchanged(a, first, NULL, &err), WANE_EFORMAT, "changed since");
    assert_true(remove(last) == 0);
    CHECK_FAILS(wane_given_sha256(b, first, &err), WANE_ENOTFOUND, "is not beside it");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_bits_from_every_archive),
        cmocka_unit_test(other_folders_do_not_exist),
        cmocka_unit_test(every_type_comes_through),
        cmocka_unit_test(adapters_in_archives_are_merged),
        cmocka_unit_test(long_headers_are_kept),
        cmocka_unit_test(every_file_of_a_set_counts),
        cmocka_unit_test(bad_archives),
        cmocka_unit_test(a_changed_archive_is_noticed),
        cmocka_unit_test(lack_of_memory_is_reported),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
