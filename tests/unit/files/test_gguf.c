/* SPDX-License-Identifier: Apache-2.0
 * GGUF files that gguf-py wrote (tests/reference/make_gguf_fixtures.py): their numbers, metadata
 * and sets; and files that are damaged or not read.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/hash.h"
#include "store/base/memory.h"
#include "store/files/gguf.h"
#include "store/files/tensors.h"
#include "tests/support/support.h"

static const char *fixture(const char *name)
{
    static char path[256];
    (void)snprintf(path, sizeof path, "reference/gguf/%s", name);
    return path;
}

/* ---------------------------------------------------------------------------------------- numbers
 */

/* The hash of a tensor's numbers, every NaN the same. */
static void hash_values(char out[WANE_SHA256_HEX], const float *values, size_t count)
{
    wane_error err;
    uint32_t *bits = wane_alloc(count, sizeof *bits);
    memcpy(bits, values, count * sizeof *bits);
    for (size_t i = 0; i < count; i++)
        if (isnan(values[i])) bits[i] = 0x7fc00000;
    CHECK_OK(wane_sha256_bytes(out, bits, count * sizeof *bits, &err));
    wane_free(bits);
}

static void every_type_reads_as_by_gguf_py(void **state)
{
    (void)state;
    wane_error err;
    wane_tensors *t = NULL;
    char name[32], wanted[80], got[WANE_SHA256_HEX];
    size_t types = 0;
    CHECK_OK(wane_tensors_open(&t, fixture("types.gguf"), &err));
    FILE *file = fopen(fixture("types.sha256"), "r");
    assert_non_null(file);
    for (; fscanf(file, "%31s %79s", name, wanted) == 2; types++) {
        const wane_tensor *one = wane_tensors_find(t, name);
        assert_non_null(one);
        assert_string_equal(wane_tensors_type(one), name);
        float *values = wane_alloc(one->elements, sizeof *values);
        CHECK_OK(wane_tensors_read(t, one, values, &err));
        hash_values(got, values, one->elements);
        if (strcmp(got, wanted) != 0) fail_msg("%s: other numbers than gguf-py's", name);
        wane_free(values);
    }
    (void)fclose(file);
    assert_int_equal(types, wane_tensors_count(t));
    assert_int_equal(types, 14);
    wane_tensors_close(t);
}

static void parts_are_those_of_the_whole(void **state)
{
    (void)state;
    wane_error err;
    wane_tensors *t = NULL;
    CHECK_OK(wane_tensors_open(&t, fixture("types.gguf"), &err));
    for (size_t i = 0; i < wane_tensors_count(t); i++) {
        const wane_tensor *one = wane_tensors_at(t, i);
        float *whole = wane_alloc(one->elements, sizeof *whole), part[700];
        CHECK_OK(wane_tensors_read(t, one, whole, &err));
        assert_true(wane_tensors_in_parts(t, one));
        for (size_t first = 0; first < one->elements; first += 61)
            for (size_t count = 1; count < 700 && first + count <= one->elements; count += 233) {
                wane_tensors_read_part(t, one, first, count, part);
                assert_memory_equal(part, whole + first, count * sizeof *part);
            }
        wane_free(whole);
    }
    wane_tensors_close(t);
}

/* What rounding to a grid of that step makes of 32 numbers: step^2 / 12 each. */
static void quantizing_is_rounding_to_a_grid(void **state)
{
    (void)state;
    wane_error err;
    wane_tensors *t = NULL;
    CHECK_OK(wane_tensors_open(&t, fixture("types.gguf"), &err));
    const wane_tensor *q4 = wane_tensors_find(t, "Q4_1"), *q6 = wane_tensors_find(t, "Q6_K");
    /* The fifth block of the fixture is of bytes 0x0f: d = m, a half; quants 15, then 0. */
    float values[32], six[256];
    wane_tensors_read_part(t, q4, 4 * 32L, 32, values);
    double step = ((double)values[0] - (double)values[16]) / 15;
    assert_true(step > 0);
    CHECK_NEAR(wane_tensors_rounding(t, q4, values, 4 * 32L, 32), 32 * step * step / 12, 0, 1e-3);
    CHECK_NEAR(wane_tensors_rounding(t, q4, values, 4 * 32L + 5, 8), 8 * step * step / 12, 0, 1e-3);
    /* Of bytes 0x7f: d is NaN, and so is what is not known. */
    wane_tensors_read_part(t, q6, 2 * 256L, 256, six);
    assert_true(isnan(wane_tensors_rounding(t, q6, six, 2 * 256L, 256)));
    assert_true(wane_dtype_coarser(WANE_BLOCKS, WANE_BF16));
    wane_tensors_close(t);
}

static void a_type_that_is_not_read_is_named(void **state)
{
    (void)state;
    wane_error err;
    wane_tensors *t = NULL;
    float values[256];
    static const char *const types[] = {"IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS",
                                        "IQ3_S", "TQ1_0", "TQ2_0",   "MXFP4",  "NVFP4", "Q8_1"};
    CHECK_OK(wane_tensors_open(&t, fixture("unread.gguf"), &err));
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        char message[64];
        const wane_tensor *one = wane_tensors_find(t, types[i]);
        assert_non_null(one);
        assert_int_equal(one->dtype, WANE_OTHER);
        assert_false(wane_tensors_in_parts(t, one));
        (void)snprintf(message, sizeof message, "%s: type %s; F32, F16, Q4_0", types[i], types[i]);
        CHECK_FAILS(wane_tensors_read(t, one, values, &err), WANE_EFORMAT, message);
    }
    wane_tensors_close(t);
}

/* --------------------------------------------------------------------------------------- metadata
 */

static int64_t integer(const wane_gguf *g, const char *key)
{
    int64_t value = 0;
    assert_true(wane_gguf_integer(&value, wane_gguf_find(g, key)));
    return value;
}

static void metadata_have_their_kinds(void **state)
{
    (void)state;
    wane_error err;
    wane_gguf *g = NULL;
    double number = 0;
    int64_t whole = 0;
    bool flag = false;
    size_t bytes = 0;
    CHECK_OK(wane_gguf_open(&g, fixture("metadata.gguf"), &err));
    assert_true(wane_gguf_is(wane_gguf_find(g, "general.architecture"), "none"));
    assert_int_equal(integer(g, "a.uint8"), 255);
    assert_int_equal(integer(g, "a.int8"), -128);
    assert_int_equal(integer(g, "a.uint16"), 65535);
    assert_int_equal(integer(g, "a.int16"), -32768);
    assert_true(integer(g, "a.uint32") == 4294967295);
    assert_true(integer(g, "a.int32") == INT32_MIN);
    assert_true(integer(g, "a.int64") == INT64_MIN);
    assert_false(wane_gguf_integer(&whole, wane_gguf_find(g, "a.uint64"))); /* beyond int64 */
    assert_false(wane_gguf_integer(&whole, wane_gguf_find(g, "a.float32")));
    assert_false(wane_gguf_integer(&whole, wane_gguf_find(g, "a.yes")));
    assert_true(wane_gguf_number(&number, wane_gguf_find(g, "a.float32")));
    assert_true(number == (double)0.1F);
    assert_true(wane_gguf_number(&number, wane_gguf_find(g, "a.float64")));
    assert_true(number == 0.1);
    assert_true(wane_gguf_number(&number, wane_gguf_find(g, "a.int8")));
    assert_true(number == -128);
    assert_true(wane_gguf_bool(&flag, wane_gguf_find(g, "a.yes")) && flag);
    assert_true(wane_gguf_bool(&flag, wane_gguf_find(g, "a.no")) && !flag);
    assert_false(wane_gguf_bool(&flag, wane_gguf_find(g, "a.uint8")));
    const char *text = wane_gguf_string(wane_gguf_find(g, "a.string"), &bytes);
    assert_int_equal(bytes, 9);
    assert_memory_equal(text, "d\xc3\xa9j\xc3\xa0\0vu", 9);
    assert_null(wane_gguf_string(wane_gguf_find(g, "a.strings"), &bytes));
    assert_null(wane_gguf_find(g, "absent"));
    assert_false(wane_gguf_integer(&whole, NULL));
    for (size_t i = 0; i < wane_gguf_count(g); i++) {
        const char *key = NULL;
        const wane_gguf_value *value = wane_gguf_at(g, i, &key);
        assert_ptr_equal(wane_gguf_find(g, key), value);
    }
    wane_gguf_close(g);
}

static void arrays_have_elements(void **state)
{
    (void)state;
    wane_error err;
    wane_gguf *g = NULL;
    wane_gguf_kind kind;
    int64_t whole = 0;
    double number = 0;
    bool flag = true;
    size_t bytes = 0;
    CHECK_OK(wane_gguf_open(&g, fixture("metadata.gguf"), &err));
    const wane_gguf_value *strings = wane_gguf_find(g, "a.strings");
    assert_int_equal(wane_gguf_size(strings), 3);
    assert_true(wane_gguf_element_kind(&kind, strings) && kind == WANE_GGUF_STRING);
    assert_memory_equal(wane_gguf_string_at(strings, 0, &bytes), "one", 3);
    assert_non_null(wane_gguf_string_at(strings, 1, &bytes));
    assert_int_equal(bytes, 0);
    assert_memory_equal(wane_gguf_string_at(strings, 2, &bytes), "\xe4\xb8\x89", 3);
    assert_null(wane_gguf_string_at(strings, 3, &bytes));
    assert_false(wane_gguf_integer_at(&whole, strings, 0));
    assert_true(wane_gguf_integer_at(&whole, wane_gguf_find(g, "a.numbers"), 1) && whole == -2);
    assert_true(wane_gguf_integer_at(&whole, wane_gguf_find(g, "a.bytes"), 1) && whole == 200);
    assert_true(wane_gguf_number_at(&number, wane_gguf_find(g, "a.reals"), 1) && number == -1.5);
    assert_false(wane_gguf_integer_at(&whole, wane_gguf_find(g, "a.reals"), 0));
    assert_true(wane_gguf_bool_at(&flag, wane_gguf_find(g, "a.flags"), 1) && !flag);
    const wane_gguf_value *nested = wane_gguf_find(g, "a.nested");
    assert_int_equal(wane_gguf_size(nested), 2);
    assert_true(wane_gguf_element_kind(&kind, nested) && kind == WANE_GGUF_ARRAY);
    assert_false(wane_gguf_integer_at(&whole, nested, 0));
    assert_null(wane_gguf_string_at(nested, 0, &bytes));
    wane_gguf_close(g);
}

static void shapes_are_rows_before_columns(void **state)
{
    (void)state;
    wane_error err;
    wane_tensors *t = NULL;
    double wide[2] = {0.1, 2.5};
    float values[24];
    CHECK_OK(wane_tensors_open(&t, fixture("metadata.gguf"), &err));
    const wane_tensor *cube = wane_tensors_find(t, "cube");
    assert_int_equal(cube->dimensions, 3);
    assert_int_equal(cube->shape[0], 2);
    assert_int_equal(cube->shape[1], 3);
    assert_int_equal(cube->shape[2], 4);
    CHECK_OK(wane_tensors_read(t, cube, values, &err));
    for (int i = 0; i < 24; i++) assert_true(values[i] == (float)i);
    assert_non_null(wane_tensors_floats(t, cube));
    CHECK_OK(wane_tensors_read(t, wane_tensors_find(t, "double"), values, &err));
    for (int i = 0; i < 2; i++) assert_true(values[i] == (float)wide[i]);
    assert_true(wane_tensor_is_buffer(wane_tensors_find(t, "whole")));
    assert_non_null(wane_tensors_gguf(t));
    wane_tensors_close(t);
}

/* ------------------------------------------------------------------------------------------- sets
 */

static void copy_set(const char *first, const char *second, const char *third)
{
    static const char *const names[] = {"set-00001-of-00003.gguf", "set-00002-of-00003.gguf",
                                        "set-00003-of-00003.gguf"};
    const char *const to[] = {first, second, third};
    for (int i = 0; i < 3; i++)
        if (to[i]) copy_file(fixture(names[i]), scratch_path(to[i]));
}

static void a_set_is_one_model_by_any_of_its_files(void **state)
{
    (void)state;
    wane_error err;
    wane_tensors *whole = NULL, *set = NULL;
    const char *paths[] = {"a-00001-of-00003.gguf", "a-00003-of-00003.gguf", ""};
    copy_set("a-00001-of-00003.gguf", "a-00002-of-00003.gguf", "a-00003-of-00003.gguf");
    CHECK_OK(wane_tensors_open(&whole, fixture("llama.gguf"), &err));
    for (int p = 0; p < 3; p++) {
        CHECK_OK(
            wane_tensors_open(&set, *paths[p] ? scratch_path(paths[p]) : scratch_folder(), &err));
        assert_int_equal(wane_tensors_count(set), wane_tensors_count(whole));
        assert_non_null(wane_gguf_find(wane_tensors_gguf(set), "llama.block_count"));
        for (size_t i = 0; i < wane_tensors_count(set); i++) {
            const wane_tensor *a = wane_tensors_at(set, i), *b = wane_tensors_at(whole, i);
            assert_string_equal(a->name, b->name);
            assert_memory_equal(wane_tensors_floats(set, a), wane_tensors_floats(whole, b),
                                a->elements * sizeof(float));
        }
        wane_tensors_close(set);
    }
    wane_tensors_close(whole);
}

/* As in the hub's cache, where files are called by their hashes. */
static void a_file_is_known_by_its_first_bytes(void **state)
{
    (void)state;
    wane_error err;
    wane_package *package = NULL;
    wane_gguf *g = NULL;
    copy_file(fixture("llama.gguf"), scratch_path("0badc0de"));
    assert_true(wane_package_is(scratch_path("0badc0de")));
    CHECK_OK(wane_package_open(&package, scratch_path("0badc0de"), &err));
    assert_true(wane_package_in_gguf(package));
    CHECK_OK(wane_gguf_open_package(&g, package, &err));
    assert_non_null(wane_gguf_find(g, "llama.block_count"));
    wane_gguf_close(g);
    wane_package_close(package);
    write_file(scratch_path("0badc0de"), "GGML", 4);
    assert_false(wane_package_is(scratch_path("0badc0de")));
}

static void files_that_are_no_set_are_refused(void **state)
{
    (void)state;
    wane_error err;
    wane_tensors *t = NULL;
    copy_set("b-00001-of-00003.gguf", NULL, "b-00003-of-00003.gguf");
    CHECK_FAILS(wane_tensors_open(&t, scratch_path("b-00001-of-00003.gguf"), &err), WANE_ENOTFOUND,
                "one of 3 files; b-00002-of-00003.gguf is not beside it");
    copy_set(NULL, "b-00003-of-00003.gguf", "b-00002-of-00003.gguf");
    CHECK_FAILS(wane_tensors_open(&t, scratch_path("b-00001-of-00003.gguf"), &err), WANE_EFORMAT,
                "split.no: 2, and its name says 1");
    copy_set("alone.gguf", NULL, NULL);
    CHECK_FAILS(wane_tensors_open(&t, scratch_path("alone.gguf"), &err), WANE_EFORMAT,
                "split.count: one of 3 files, but not named as one of them");
    copy_set("c-00001-of-00002.gguf", "c-00002-of-00002.gguf", NULL);
    CHECK_FAILS(wane_tensors_open(&t, scratch_path("c-00001-of-00002.gguf"), &err), WANE_EFORMAT,
                "split.count: 3, and its name says 2");
    CHECK_FAILS(wane_tensors_open(&t, scratch_folder(), &err), WANE_EFORMAT,
                "3 files of tensors and no index of shards; name one of them");
}

/* ---------------------------------------------------------------------------------------- damage
 */

static char *metadata;
static size_t metadata_bytes;

/* The file of all kinds of values with `count` bytes at `at` replaced. */
static const char *damaged(size_t at, const void *bytes, size_t count)
{
    char *copy = malloc(metadata_bytes);
    assert_non_null(copy);
    memcpy(copy, metadata, metadata_bytes);
    memcpy(copy + at, bytes, count);
    const char *path = scratch_path("damaged.gguf");
    write_file(path, copy, metadata_bytes);
    free(copy);
    return path;
}

/* Where a key or name ends in the file. */
static size_t behind(const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i + length <= metadata_bytes; i++)
        if (memcmp(metadata + i, name, length) == 0) return i + length;
    fail_msg("no %s in the file", name);
    return 0;
}

static void refused(const char *path, const char *message)
{
    wane_error err;
    wane_tensors *t = NULL;
    CHECK_FAILS(wane_tensors_open(&t, path, &err), WANE_EFORMAT, message);
}

static void damaged_heads_are_refused(void **state)
{
    (void)state;
    const uint64_t huge = UINT64_C(1) << 61;
    const uint32_t one = 1, four = 4, big_endian = UINT32_C(3) << 24, thirteen = 13;
    metadata = read_file(fixture("metadata.gguf"), &metadata_bytes);
    refused(damaged(0, "GGUX", 4), "does not begin as a GGUF file");
    refused(damaged(4, &one, 4), "version 1 of GGUF; versions 2 and 3 are read");
    refused(damaged(4, &four, 4), "version 4 of GGUF; versions 2 and 3 are read");
    refused(damaged(4, &big_endian, 4), "big-endian byte order; little-endian is read");
    refused(damaged(8, &huge, 8), "the number of tensors: a count of 2305843009213693952 is more");
    refused(damaged(16, &huge, 8), "the number of metadata: a count of 2305843009213693952");
    refused(damaged(24, &huge, 8), "a key of the metadata: a count of 2305843009213693952");
    refused(damaged(32, "\n", 1), "no visible ASCII (at byte 24)");
    refused(damaged(behind("a.int8"), &thirteen, 4), "a.int8: an unknown type of value (at byte");
    refused(damaged(behind("a.yes") + 4, "\2", 1), "a.yes: a flag that is neither 0 nor 1");
    refused(damaged(behind("a.flags") + 4 + 4 + 8 + 1, "\2", 1), "a.flags: a flag that is neither");
    refused(damaged(behind("a.string") + 4, &huge, 8), "a.string: a count of 2305843009213693952");
    refused(damaged(behind("a.strings") + 4 + 4, &huge, 8), "a.strings: a count of 23058430092136");
    refused(damaged(behind("a.reals") + 4, &thirteen, 4), "a.reals: an unknown type of elements");
    free(metadata);
}

static void damaged_tensors_are_refused(void **state)
{
    (void)state;
    const uint64_t huge = UINT64_C(1) << 62, far = 1 << 20, odd = 40, zero = 0;
    const uint32_t none = 0, five = 5, unknown = 33, q4_k = 12;
    metadata = read_file(fixture("metadata.gguf"), &metadata_bytes);
    /* A tensor: its name, dimensions, sizes from the fastest on, type, place. */
    size_t cube = behind("cube"), twice = behind("double"), last = behind("whole");
    refused(damaged(cube, &none, 4), "cube: has not 1 to 4 dimensions");
    refused(damaged(cube, &five, 4), "cube: has not 1 to 4 dimensions");
    refused(damaged(cube + 4, &huge, 8), "cube: the shape overflows");
    refused(damaged(cube + 28, &unknown, 4), "cube: type number 33 is unknown");
    refused(damaged(cube + 28, &q4_k, 4), "cube: rows of 4 numbers are no whole blocks of Q4_K");
    refused(damaged(twice + 16, &far, 8), "double: 16 bytes at byte 1048576 of the data");
    refused(damaged(twice + 16, &odd, 8),
            "double: at byte 40 of the data, no multiple of the align");
    refused(damaged(twice + 16, &zero, 8), "overlaps");
    refused(damaged(last - 5, "cube\0", 5), "no visible ASCII");
    /* Without its last padding it is whole. */
    for (size_t bytes = 1; bytes + 32 < metadata_bytes; bytes += 7) {
        const char *path = scratch_path("cut.gguf");
        write_file(path, metadata, bytes);
        refused(path, "read: ");
    }
    free(metadata);
}

static void a_name_that_is_there_twice_is_refused(void **state)
{
    (void)state;
    metadata = read_file(fixture("types.gguf"), &metadata_bytes);
    refused(damaged(behind("Q4_1") - 1, "0", 1), "Q4_0: in damaged.gguf and in damaged.gguf");
    free(metadata);
    metadata = read_file(fixture("metadata.gguf"), &metadata_bytes);
    refused(damaged(behind("a.int64") - 2, "32", 2), "a.int32: is there twice");
    free(metadata);
}

static void version_2_is_read(void **state)
{
    (void)state;
    wane_error err;
    wane_tensors *t = NULL;
    const uint32_t two = 2;
    metadata = read_file(fixture("metadata.gguf"), &metadata_bytes);
    CHECK_OK(wane_tensors_open(&t, damaged(4, &two, 4), &err));
    assert_int_equal(wane_tensors_count(t), 3);
    wane_tensors_close(t);
    free(metadata);
}

/* ------------------------------------------------------------------------------------------ forms
 */

static wane_status turn(void *context, wane_tensor_form *out, const wane_tensor *tensor,
                        wane_error *err)
{
    (void)err;
    if (strcmp(tensor->name, "whole") == 0) out->name = context;
    if (strcmp(tensor->name, "cube") == 0) out->add = 1;
    if (strcmp(tensor->name, "double") != 0) return WANE_OK;
    out->swap[0] = 2;
    out->swap[1] = 1;
    out->inner = 1;
    return WANE_OK;
}

static wane_status turn_by_three(void *context, wane_tensor_form *out, const wane_tensor *tensor,
                                 wane_error *err)
{
    (void)context;
    (void)tensor;
    (void)err;
    out->swap[0] = out->inner = 1;
    out->swap[1] = 3;
    return WANE_OK;
}

static void forms_rename_and_add(void **state)
{
    (void)state;
    wane_error err;
    wane_tensors *t = NULL;
    float values[24];
    CHECK_OK(wane_tensors_open(&t, fixture("metadata.gguf"), &err));
    CHECK_OK(wane_tensors_form(t, turn, "another", &err));
    assert_non_null(wane_tensors_find(t, "another"));
    assert_null(wane_tensors_find(t, "whole"));
    CHECK_OK(wane_tensors_read(t, wane_tensors_find(t, "cube"), values, &err));
    for (int i = 0; i < 24; i++) assert_true(values[i] == (float)(i + 1));
    assert_null(wane_tensors_floats(t, wane_tensors_find(t, "cube")));
    wane_tensors_close(t);
    /* Two of a name; rows that do not divide. */
    CHECK_OK(wane_tensors_open(&t, fixture("metadata.gguf"), &err));
    CHECK_FAILS(wane_tensors_form(t, turn, "cube", &err), WANE_EFORMAT, "cube: in metadata.gguf");
    wane_tensors_close(t);
    CHECK_OK(wane_tensors_open(&t, fixture("metadata.gguf"), &err));
    CHECK_FAILS(wane_tensors_form(t, turn_by_three, NULL, &err), WANE_EFORMAT,
                "cube: 2 rows are not 1 x 3 x 1, or a multiple of it");
    wane_tensors_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_reads_as_by_gguf_py),
        cmocka_unit_test(parts_are_those_of_the_whole),
        cmocka_unit_test(quantizing_is_rounding_to_a_grid),
        cmocka_unit_test(a_type_that_is_not_read_is_named),
        cmocka_unit_test(metadata_have_their_kinds),
        cmocka_unit_test(arrays_have_elements),
        cmocka_unit_test(shapes_are_rows_before_columns),
        cmocka_unit_test_setup_teardown(a_set_is_one_model_by_any_of_its_files, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(a_file_is_known_by_its_first_bytes, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(files_that_are_no_set_are_refused, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(damaged_heads_are_refused, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(damaged_tensors_are_refused, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(a_name_that_is_there_twice_is_refused, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(version_2_is_read, scratch_make, scratch_remove),
        cmocka_unit_test(forms_rename_and_add),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
