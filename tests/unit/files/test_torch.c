/* SPDX-License-Identifier: Apache-2.0
 * Files of torch.save (tests/reference/make_torch_fixtures.py), and what is refused.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/memory.h"
#include "store/files/safetensors.h"
#include "store/files/update.h"
#include "tests/support/support.h"

static const char *fixture(const char *name)
{
    static char path[256];
    (void)snprintf(path, sizeof path, "reference/torch/%s", name);
    return path;
}

/* The same tensors with the same values, bit by bit. */
static void check_equal(const wane_tensors *got, const wane_tensors *expected)
{
    wane_error err;
    assert_int_equal(wane_tensors_count(got), wane_tensors_count(expected));
    for (size_t i = 0; i < wane_tensors_count(got); i++) {
        const wane_tensor *a = wane_tensors_at(got, i), *b = wane_tensors_at(expected, i);
        assert_string_equal(a->name, b->name);
        assert_int_equal(a->dimensions, b->dimensions);
        assert_memory_equal(a->shape, b->shape, a->dimensions * sizeof *a->shape);
        float *x = wane_alloc(a->elements, sizeof *x), *y = wane_alloc(a->elements, sizeof *y);
        CHECK_OK(wane_tensors_read(got, a, x, &err));
        CHECK_OK(wane_tensors_read(expected, b, y, &err));
        if (a->elements) assert_memory_equal(x, y, a->elements * sizeof *x);
        if (wane_tensors_in_parts(got, a)) {
            size_t cut = a->elements / 3;
            memset(x, 0, a->elements * sizeof *x);
            wane_tensors_read_part(got, a, cut, a->elements - cut, x + cut);
            wane_tensors_let_go(got, a);
            wane_tensors_read_part(got, a, 0, cut, x);
            assert_memory_equal(x, y, a->elements * sizeof *x);
        }
        const float *mapped = wane_tensors_floats(got, a);
        if (mapped) assert_memory_equal(mapped, y, a->elements * sizeof *y);
        wane_free(x);
        wane_free(y);
    }
}

static void every_view_reads_right(void **state)
{
    (void)state;
    wane_error err;
    wane_tensors *t = NULL, *expected = NULL;
    CHECK_OK(wane_tensors_open(&expected, fixture("expected.safetensors"), &err));
    CHECK_OK(wane_tensors_open(&t, fixture("views.pt"), &err));
    check_equal(t, expected);
    assert_int_equal(wane_tensors_find(t, "brain")->dtype, WANE_BF16);
    assert_int_equal(wane_tensors_find(t, "double")->dtype, WANE_F64);
    assert_int_equal(wane_tensors_find(t, "half")->dtype, WANE_F16);
    assert_non_null(wane_tensors_floats(t, wane_tensors_find(t, "plain")));
    assert_non_null(wane_tensors_floats(t, wane_tensors_find(t, "rows")));
    assert_null(wane_tensors_floats(t, wane_tensors_find(t, "transposed")));
    assert_null(wane_tensors_floats(t, wane_tensors_find(t, "expanded")));
    assert_true(wane_tensors_in_parts(t, wane_tensors_find(t, "brain")));
    assert_false(wane_tensors_in_parts(t, wane_tensors_find(t, "transposed")));
    assert_null(wane_tensors_note(t));
    assert_null(wane_tensors_metadata(t, "format"));
    wane_tensors_close(t);
    CHECK_OK(wane_tensors_open(&t, fixture("shards"), &err));
    check_equal(t, expected);
    wane_tensors_close(t);
    wane_tensors_close(expected);
}

static void modules_and_trainers_are_read(void **state)
{
    (void)state;
    wane_error err;
    wane_tensors *module = NULL, *t = NULL;
    float value = 0;
    CHECK_OK(wane_tensors_open(&module, fixture("module.pt"), &err));
    assert_int_equal(wane_tensors_count(module), 7);
    const wane_tensor *counter = wane_tensors_find(module, "1.num_batches_tracked");
    assert_int_equal(counter->dtype, WANE_OTHER);
    assert_string_equal(wane_tensors_type(counter), "I64");
    CHECK_FAILS(wane_tensors_read(module, counter, &value, &err), WANE_EFORMAT, "dtype I64");

    CHECK_OK(wane_tensors_open(&t, fixture("training.pt"), &err));
    assert_int_equal(wane_tensors_count(t), 7);
    assert_non_null(wane_tensors_find(t, "0.weight"));
    assert_string_equal(wane_tensors_note(t), "also holds optimizer");
    wane_tensors_close(t);
    wane_tensors_close(module);

    CHECK_OK(wane_tensors_open(&t, fixture("nested.pt"), &err));
    assert_int_equal(wane_tensors_count(t), 2);
    assert_non_null(wane_tensors_find(t, "layer.0"));
    assert_int_equal(wane_tensors_find(t, "layer.weight")->shape[1], 3);
    wane_tensors_close(t);
}

static void other_protocols_and_the_old_format(void **state)
{
    (void)state;
    static const char *const names[] = {"protocol5.pt", "legacy.pt"};
    wane_error err;
    float first[4] = {0}, value[4];
    for (size_t i = 0; i < 2; i++) {
        wane_tensors *t = NULL;
        CHECK_OK(wane_tensors_open(&t, fixture(names[i]), &err));
        assert_int_equal(wane_tensors_count(t), 1);
        CHECK_OK(wane_tensors_read(t, wane_tensors_find(t, "w"), value, &err));
        assert_true(value[0] != 0 && isfinite(value[3]));
        if (i == 0) memcpy(first, value, sizeof first);
        assert_memory_equal(first, value, sizeof first);
        wane_tensors_close(t);
    }
}

/* Scalars of NumPy 1 and 2, torch.Size and dtypes beside the tensors are passed over. */
static void facts_of_trainers_are_passed_over(void **state)
{
    (void)state;
    static const char *const names[] = {"facts.pt", "facts-numpy1.pt", "facts-protocol5.pt",
                                        "facts-legacy.pt"};
    wane_error err;
    float first[4] = {0}, value[4];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        wane_tensors *t = NULL;
        CHECK_OK(wane_tensors_open(&t, fixture(names[i]), &err));
        assert_int_equal(wane_tensors_count(t), 2);
        assert_non_null(wane_tensors_find(t, "deep.b"));
        CHECK_OK(wane_tensors_read(t, wane_tensors_find(t, "w"), value, &err));
        if (i == 0) memcpy(first, value, sizeof first);
        assert_memory_equal(first, value, sizeof first);
        wane_tensors_close(t);
    }
}

/* Whatever is no state dict is refused by name, and nothing is run. */
static void what_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *says;
    } bad[] = {
        {"refused-system.pt", "asks for posix.system, which is no part of a state dict"},
        {"refused-namespace.pt", "asks for argparse.Namespace"},
        {"refused-array.pt", "_reconstruct, which is no part of a state dict and is not run"},
        {"refused-type.pt", "asks for numpy.float32"},
        {"refused-device.pt", "asks for torch.device"},
        {"refused-sparse.pt", "_rebuild_sparse_tensor"},
        {"refused-set.pt", "set"},
        {"tensor.pt", "no dict of tensors"},
        {"nothing.pt", "no tensors in it"},
        {"script.pt", "a TorchScript program"},
        {"big-endian.pt", "byte order"},
        {"deflated.pt", "compressed member"},
        {"no-storage.pt", "not in the zip"},
        {"short-storage.pt", "said to hold"},
    };
    wane_error err;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        wane_tensors *t = NULL;
        CHECK_FAILS(wane_tensors_open(&t, fixture(bad[i].name), &err), WANE_EFORMAT, bad[i].says);
        assert_non_null(strstr(err.message, bad[i].name));
        assert_null(t);
    }
}

/* Hostile programs of the fuzz corpus, each by its own line. */
static void hostile_tensors_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *says;
    } bad[] = {
        {"product", "w: the shape overflows"},
        {"reach", "w: the strides overflow"},
        {"beyond", "w: reaches beyond its storage"},
        {"negative", "w: a size or stride that is none"},
        {"repeats", "repeats values"},
        {"claims", "said to hold 2305843009213693952 elements"},
        {"path", "not in the zip"},
        {"itself", "nest too deeply"},
        {"deep", "nest too deeply"},
        {"doubling", "nest too deeply"},
        {"name", "a name of over 1024 bytes"},
        {"memo", "memo number"},
        {"marks", "no dict of tensors"},
        {"persistent", "no storage"},
        {"scalar-empty", "numpy's scalar with arguments that make none"},
        {"scalar-of-list", "numpy's scalar with arguments that make none"},
        {"scalar-untyped", "numpy's scalar with arguments that make none"},
        {"dtype-of-tensor", "numpy's dtype with arguments that make none"},
        {"dtype-state", "BUILD of what is no dict"},
        {"size-of-none", "torch.Size of what is no tuple of integers"},
        {"size-of-texts", "torch.Size of what is no tuple of integers"},
        {"called-dtype", "REDUCE of what is no function"},
        {"encode", "_codecs.encode of what is no bytes"},
    };
    wane_error err;
    char path[128];
    wane_tensors *t = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        (void)snprintf(path, sizeof path, "fuzz/corpus/torch/%s", bad[i].name);
        CHECK_FAILS(wane_tensors_open(&t, path, &err), WANE_EFORMAT, bad[i].says);
    }
    CHECK_OK(wane_tensors_open(&t, "fuzz/corpus/torch/fits", &err));
    wane_tensors_close(t);
}

/* Whole files with a few bytes of the zip or of the old format changed. */
static void bytes_that_disagree_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *file, *from, *to, *says; /* every place of `from` */
        size_t count, skip, flip;            /* bytes of `from`; or the bit 1 behind the first */
    } bad[] = {
        {"views.pt", "views/data/9", "views/data/8", "is in the zip twice", 12, 0, 0},
        {"views.pt", "views/byteorder", "other1/data.pkl", "more than one data.pkl", 15, 0, 0},
        {"views.pt", "PK\3\4", NULL, "encrypted", 4, 6, 1},
        {"views.pt", "PK\1\2", NULL, "directory is damaged", 4, 20, 1},   /* bytes stored */
        {"views.pt", "PK\5\6", NULL, "directory is damaged", 4, 21, 128}, /* of a comment */
        {"legacy.pt", "M\xe9\3.", "M\xea\3.", "an unknown version", 4, 0, 0},
        {"legacy.pt", "little_endian", "little_indian", "not little-endian", 13, 0, 0},
    };
    wane_error err;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        size_t count = 0, places = 0;
        wane_tensors *t = NULL;
        char *bytes = read_file(fixture(bad[i].file), &count), *at = bytes;
        while ((at = memmem(at, count - (size_t)(at - bytes), bad[i].from, bad[i].count))) {
            if (bad[i].to) memcpy(at, bad[i].to, bad[i].count);
            else if (!places) at[bad[i].skip] = (char)(at[bad[i].skip] ^ (int)bad[i].flip);
            at += bad[i].count;
            places++;
        }
        assert_true(places > 0);
        const char *path = scratch_path("patched");
        write_file(path, bytes, count);
        CHECK_FAILS(wane_tensors_open(&t, path, &err), WANE_EFORMAT, bad[i].says);
        assert_null(t);
        free(bytes);
    }
}

static void cut_files_and_no_memory(void **state)
{
    (void)state;
    static const char *const names[] = {"views.pt", "legacy.pt"};
    wane_error err;
    for (size_t n = 0; n < 2; n++) {
        size_t count = 0;
        char *bytes = read_file(fixture(names[n]), &count);
        for (size_t i = 0; i < 97; i++) {
            wane_tensors *t = NULL;
            const char *path = scratch_path("cut");
            write_file(path, bytes, count * i / 97);
            assert_int_equal(wane_tensors_open(&t, path, &err), WANE_EFORMAT);
            assert_null(t);
        }
        free(bytes);
        for (long k = 0;; k++) {
            wane_tensors *t = NULL;
            wane_memory_fail_after(k);
            wane_status st = wane_tensors_open(&t, fixture(names[n]), &err);
            wane_memory_fail_after(-1);
            wane_tensors_close(t);
            if (st == WANE_OK) break;
            assert_int_equal(st, WANE_ENOMEM);
            assert_true(k < 10000);
        }
    }
}

/* An adapter whose factors are in adapter_model.bin is the same adapter. */
static void pickled_adapters_are_adapters(void **state)
{
    (void)state;
    wane_error err;
    wane_update a = {0}, b = {0};
    CHECK_OK(wane_update_load(&a, fixture("adapter"), NULL, NULL, &err));
    CHECK_OK(wane_update_load(&b, "reference/tensors/adapter-plain", NULL, NULL, &err));
    assert_int_equal(a.count, b.count);
    for (size_t i = 0; i < a.count; i++) {
        const wane_update_tensor *x = &a.tensors[i], *y = &b.tensors[i];
        assert_string_equal(x->name, y->name);
        assert_true(x->term.rank == y->term.rank && x->term.scale == y->term.scale);
        assert_memory_equal(x->term.a, y->term.a, x->term.rank * x->cols * sizeof(float));
        assert_memory_equal(x->term.b, y->term.b, x->term.rank * x->rows * sizeof(float));
    }
    wane_update_free(&a);
    wane_update_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_view_reads_right),
        cmocka_unit_test(modules_and_trainers_are_read),
        cmocka_unit_test(other_protocols_and_the_old_format),
        cmocka_unit_test(facts_of_trainers_are_passed_over),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(hostile_tensors_are_refused),
        cmocka_unit_test(bytes_that_disagree_are_refused),
        cmocka_unit_test(cut_files_and_no_memory),
        cmocka_unit_test(pickled_adapters_are_adapters),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
