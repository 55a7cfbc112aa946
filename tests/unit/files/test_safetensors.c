/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/memory.h"
#include "store/files/file.h"
#include "store/files/safetensors.h"
#include "tests/support/support.h"

static const char fixtures[] = "reference/tensors/";

static const char *fixture(const char *name)
{
    static char path[256];
    (void)snprintf(path, sizeof path, "%s%s", fixtures, name);
    return path;
}

/* A file whose header length is `claimed` (or the truth, when 0). */
static const char *make(const char *header, size_t data_bytes, uint64_t claimed)
{
    static unsigned char bytes[4096];
    uint64_t length = strlen(header);
    assert_true(8 + length + data_bytes <= sizeof bytes);
    if (claimed == 0) claimed = length;
    memset(bytes, 0, sizeof bytes);
    memcpy(bytes, &claimed, 8);
    memcpy(bytes + 8, header, length);
    const char *path = scratch_path("made.safetensors");
    write_file(path, bytes, 8 + length + data_bytes);
    return path;
}

static void every_dtype_of_the_reference_is_read(void **state)
{
    (void)state;
    wane_error err;
    wane_tensors *t = NULL;
    CHECK_OK(wane_tensors_open(&t, fixture("dtypes.safetensors"), &err));
    assert_int_equal(wane_tensors_count(t), 8);
    for (size_t i = 1; i < 8; i++)
        assert_true(strcmp(wane_tensors_at(t, i - 1)->name, wane_tensors_at(t, i)->name) < 0);
    assert_string_equal(wane_tensors_metadata(t, "note"), "d\xc3\xa9j\xc3\xa0");
    assert_null(wane_tensors_metadata(t, "absent"));
    assert_null(wane_tensors_find(t, "absent"));
    float f64[15], f32[15], f16[15], bf16[15], scalar = 0;
    CHECK_OK(wane_tensors_read(t, wane_tensors_find(t, "f64"), f64, &err));
    CHECK_OK(wane_tensors_read(t, wane_tensors_find(t, "f32"), f32, &err));
    CHECK_OK(wane_tensors_read(t, wane_tensors_find(t, "f16"), f16, &err));
    CHECK_OK(wane_tensors_read(t, wane_tensors_find(t, "bf16"), bf16, &err));
    CHECK_OK(wane_tensors_read(t, wane_tensors_find(t, "scalar"), &scalar, &err));
    assert_memory_equal(f64, f32, sizeof f32);
    assert_true(scalar == 2.5F);
    for (int i = 0; i < 15; i++) {
        assert_true(f32[i] != 0);
        CHECK_NEAR(f16[i], f32[i], 0, 0x1p-11);
        CHECK_NEAR(bf16[i], f32[i], 0, 0x1p-8);
    }
    const wane_tensor *matrix = wane_tensors_find(t, "f32"), *none = wane_tensors_find(t, "empty");
    assert_int_equal(matrix->dimensions, 2);
    assert_int_equal(matrix->shape[0], 3);
    assert_int_equal(matrix->shape[1], 5);
    assert_memory_equal(wane_tensors_floats(t, matrix), f32, sizeof f32);
    assert_null(wane_tensors_floats(t, wane_tensors_find(t, "f16")));
    assert_int_equal(none->elements, 0);
    CHECK_OK(wane_tensors_read(t, none, NULL, &err));
    CHECK_FAILS(wane_tensors_read(t, wane_tensors_find(t, "i64"), f32, &err), WANE_EFORMAT,
                "i64: dtype I64");
    wane_tensors_close(t);
}

static void every_number_of_eight_bits_is_torchs(void **state)
{
    (void)state;
    wane_error err;
    static const char *const names[][3] = {{"e4m3", "e4m3.safetensors", "F8_E4M3"},
                                           {"e5m2", "e5m2.safetensors", "F8_E5M2"}};
    float got[256], wanted[256];
    for (int n = 0; n < 2; n++) {
        wane_tensors *t = NULL;
        CHECK_OK(wane_tensors_open(&t, fixture(names[n][1]), &err));
        const wane_tensor *one = wane_tensors_find(t, names[n][0]);
        assert_string_equal(wane_tensors_type(one), names[n][2]);
        assert_true(wane_tensors_in_parts(t, one));
        assert_true(wane_dtype_coarser(one->dtype, WANE_BF16));
        CHECK_OK(wane_tensors_read(t, one, got, &err));
        CHECK_OK(wane_tensors_read(t, wane_tensors_find(t, "wide"), wanted, &err));
        for (int i = 0; i < 256; i++)
            if (isnan(wanted[i])) assert_true(isnan(got[i]));
            else assert_memory_equal(&got[i], &wanted[i], sizeof *got);
        wane_tensors_close(t);
    }
}

/* Quantized files have a scale beside each weight, without which its numbers are no weights. */
static void eight_bits_with_a_scale_are_no_numbers(void **state)
{
    (void)state;
    wane_error err;
    wane_tensors *t = NULL;
    float value[4];
    static const char header[] =
        "{\"a.weight\":{\"dtype\":\"F8_E4M3\",\"shape\":[2],\"data_offsets\":[0,2]},"
        "\"a.weight_scale_inv\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[2,6]},"
        "\"b.weight\":{\"dtype\":\"F8_E5M2\",\"shape\":[2],\"data_offsets\":[6,8]}}";
    CHECK_OK(wane_tensors_open(&t, make(header, 8, 0), &err));
    assert_false(wane_tensors_in_parts(t, wane_tensors_find(t, "a.weight")));
    CHECK_FAILS(wane_tensors_read(t, wane_tensors_find(t, "a.weight"), value, &err), WANE_EFORMAT,
                "a.weight: dtype F8_E4M3 with a scale of its own; F32, F16, BF16");
    CHECK_OK(wane_tensors_read(t, wane_tensors_find(t, "b.weight"), value, &err));
    wane_tensors_close(t);
}

static void every_half_widens_exactly(void **state)
{
    (void)state;
    wane_error err;
    wane_tensors *t = NULL;
    static const char header[] =
        "{\"h\":{\"dtype\":\"F16\",\"shape\":[65536],\"data_offsets\":[0,131072]}}";
    size_t length = strlen(header), total = 8 + length + 131072;
    unsigned char *bytes = calloc(total, 1);
    float *out = calloc(65536, sizeof *out);
    assert_non_null(bytes);
    assert_non_null(out);
    memcpy(bytes, &(uint64_t){length}, 8);
    memcpy(bytes + 8, header, length);
    for (unsigned i = 0; i < 65536; i++)
        memcpy(bytes + 8 + length + 2 * i, &(uint16_t){(uint16_t)i}, 2);
    write_file(scratch_path("halves"), bytes, total);
    CHECK_OK(wane_tensors_open(&t, scratch_path("halves"), &err));
    CHECK_OK(wane_tensors_read(t, wane_tensors_at(t, 0), out, &err));
    for (unsigned i = 0; i < 65536; i++) {
        int exponent = (int)(i >> 10 & 31), mantissa = (int)(i & 1023);
        double value = exponent == 0 ? ldexp(mantissa, -24) : ldexp(1024 + mantissa, exponent - 25);
        if (exponent == 31) value = mantissa ? NAN : INFINITY;
        if (i & 0x8000) value = -value;
        assert_true(isnan(value) ? isnan(out[i]) : (double)out[i] == value);
        assert_int_equal(signbit(out[i]) != 0, i >> 15);
    }
    wane_tensors_close(t);
    free(bytes);
    free(out);
}

/* bf16 of a float, round to nearest even, as the reference rounds. */
static float rounded(float value)
{
    uint32_t bits = 0;
    memcpy(&bits, &value, 4);
    bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
    memcpy(&value, &bits, 4);
    return value;
}

static void shards_hold_the_model(void **state)
{
    (void)state;
    wane_error err;
    wane_tensors *whole = NULL, *shards = NULL;
    CHECK_OK(wane_tensors_open(&whole, fixture("tiny-llama"), &err));
    CHECK_OK(wane_tensors_open(&shards, fixture("tiny-llama-shards"), &err));
    assert_int_equal(wane_tensors_count(whole), 21);
    assert_int_equal(wane_tensors_count(shards), 21);
    for (size_t i = 0; i < 21; i++) {
        const wane_tensor *a = wane_tensors_at(whole, i), *b = wane_tensors_at(shards, i);
        assert_string_equal(a->name, b->name);
        assert_int_equal(a->elements, b->elements);
        assert_int_equal(b->dtype, WANE_BF16);
        float x[1024], y[1024];
        assert_true(a->elements <= 1024);
        CHECK_OK(wane_tensors_read(whole, a, x, &err));
        CHECK_OK(wane_tensors_read(shards, b, y, &err));
        for (size_t k = 0; k < a->elements; k++) assert_true(rounded(x[k]) == y[k]);
    }
    wane_tensors_close(whole);
    wane_tensors_close(shards);
}

/* A folder with the shards of the fixture and an index that `edit` has changed. */
static const char *index_with(const char *from, const char *to)
{
    static const char *const names[] = {"model-00001-of-00003.safetensors",
                                        "model-00002-of-00003.safetensors",
                                        "model-00003-of-00003.safetensors"};
    wane_error err;
    char path[256], copy[64];
    CHECK_OK(wane_folder_make(scratch_path("model"), &err));
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof path, "%stiny-llama-shards/%s", fixtures, names[i]);
        (void)snprintf(copy, sizeof copy, "model/%s", names[i]);
        copy_file(path, scratch_path(copy));
    }
    char *index = read_file(fixture("tiny-llama-shards/model.safetensors.index.json"), NULL);
    char *place = strstr(index, from);
    assert_non_null(place);
    char text[4096];
    (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(place - index), index, to,
                   place + strlen(from));
    free(index);
    write_file(scratch_path("model/model.safetensors.index.json"), text, strlen(text));
    return scratch_path("model");
}

static void a_wrong_index_is_refused(void **state)
{
    (void)state;
    wane_error err;
    wane_tensors *t = NULL;
    CHECK_OK(wane_tensors_open(&t, index_with("metadata", "other"), &err));
    wane_tensors_close(t);
    CHECK_FAILS(
        wane_tensors_open(&t, index_with("-00003.safetensors\"", "-00003.safetensors/\""), &err),
        WANE_EFORMAT, "its shard is no file name");
    CHECK_FAILS(wane_tensors_open(&t, index_with("model-00001-of", "../model-00001-of"), &err),
                WANE_EFORMAT, "its shard is no file name");
    CHECK_FAILS(wane_tensors_open(&t, index_with("model-00001-of", "model-00009-of"), &err),
                WANE_ENOTFOUND, "model-00009-of");
    CHECK_FAILS(wane_tensors_open(&t, index_with("model.norm.weight", "model.norm.bias"), &err),
                WANE_EFORMAT, "model.norm.bias: not in model-0000");
    CHECK_FAILS(wane_tensors_open(&t, index_with("weight_map", "weights"), &err), WANE_EFORMAT,
                "no weight_map");
    CHECK_FAILS(
        wane_tensors_open(
            &t, index_with("\"lm_head.weight\": \"model-00003-of-00003.safetensors\",", ""), &err),
        WANE_EFORMAT, "lm_head.weight: in model-00003-of-00003.safetensors, but not in the index");
    (void)index_with("metadata", "other"); /* one tensor in two shards */
    copy_file(scratch_path("model/model-00001-of-00003.safetensors"),
              scratch_path("model/model-00002-of-00003.safetensors"));
    CHECK_FAILS(wane_tensors_open(&t, scratch_path("model"), &err), WANE_EFORMAT,
                "in model-00001-of-00003.safetensors and in model-00002-of-00003.safetensors");
    CHECK_FAILS(wane_tensors_open(&t, scratch_folder(), &err), WANE_ENOTFOUND,
                "neither model.safetensors, pytorch_model.bin");
}

#define ONE(dtype, shape, offsets)                                                                 \
    "{\"x\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}}"
#define TWO(first, second)                                                                         \
    "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":" first "},"                         \
    "\"y\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":" second "}}"

/* A header, the bytes behind it, the length that is claimed (0: its own), and what is said. */
static const struct {
    const char *header;
    size_t data;
    uint64_t claimed;
    const char *cause;
} hostile[] = {
    {"{}", 0, UINT64_C(1) << 63, "9223372036854775808 bytes is claimed, the file has 10"},
    {"{}", 0, UINT64_MAX, "is claimed"},
    {"{}", 0, 3, "is claimed"},
    {"[]", 0, 0, "no object"},
    {"{", 0, 0, "line 1"},
    {"{\"x\":1}", 0, 0, "no tensor description"},
    {"{}", 4, 0, "end at byte 0 of the data, the file holds 4"},
    {ONE("F32", "[2]", "[0,8]"), 7, 0, "ends at byte 8 of the data, the file holds 7"},
    {ONE("F32", "[2]", "[0,8]"), 12, 0, "end at byte 8 of the data, the file holds 12"},
    {ONE("F32", "[3]", "[0,8]"), 8, 0, "3 elements of F32 do not fill the 8 bytes"},
    {ONE("F16", "[2]", "[0,8]"), 8, 0, "do not fill"},
    {ONE("F99", "[2]", "[0,8]"), 8, 0, "unknown dtype \"F99\""},
    {ONE("F32", "[2]", "[8,0]"), 8, 0, "are no range"},
    {ONE("F32", "[2]", "[-8,0]"), 8, 0, "are no range"},
    {ONE("F32", "[2]", "[0,8,8]"), 8, 0, "are no range"},
    {ONE("F32", "[2]", "[0.0,8.0]"), 8, 0, "are no range"},
    {ONE("F32", "[2]", "[0,9223372036854775807]"), 8, 0, "the file holds 8"},
    {ONE("F32", "[4294967296,4294967296]", "[0,8]"), 8, 0, "overflows"},
    {ONE("F32", "[2305843009213693954,2]", "[0,8]"), 8, 0, "do not fill"},
    {ONE("F32", "[4611686018427387906]", "[0,8]"), 8, 0, "do not fill"},
    {ONE("F32", "[-2]", "[0,8]"), 8, 0, "is no size"},
    {ONE("F32", "[2.0]", "[0,8]"), 8, 0, "is no size"},
    {ONE("F32", "2", "[0,8]"), 8, 0, "shape is no list"},
    {ONE("F32", "[1,1,1,1,1,1,1,1,2]", "[0,8]"), 8, 0, "9 dimensions"},
    {ONE("F4", "[3]", "[0,1]"), 1, 0, "do not fill"},
    {"{\"x\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8, 0, "dtype is missing"},
    {TWO("[0,8]", "[0,8]"), 8, 0, "y: overlaps another tensor"},
    {TWO("[0,8]", "[4,12]"), 12, 0, "overlaps another tensor"},
    {TWO("[0,8]", "[9,17]"), 17, 0, "a gap before byte 9"},
    {TWO("[4,12]", "[12,20]"), 20, 0, "a gap before byte 4"},
    {"{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
     "\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
     4, 0, "x"},
    {"{\"__metadata__\":{\"a\":1}}", 0, 0, "a is no text"},
    {"{\"__metadata__\":[]}", 0, 0, "__metadata__ is no object"},
};

static void hostile_headers_are_refused(void **state)
{
    (void)state;
    wane_error err;
    wane_tensors *t = NULL;
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++)
        CHECK_FAILS(wane_tensors_open(
                        &t, make(hostile[i].header, hostile[i].data, hostile[i].claimed), &err),
                    WANE_EFORMAT, hostile[i].cause);
    assert_null(t);
}

static void metadata_may_be_null(void **state)
{
    (void)state;
    wane_error err;
    wane_tensors *t = NULL;
    CHECK_OK(wane_tensors_open(&t,
                               make("{\"__metadata__\":null,\"a\":{\"dtype\":\"F32\",\"shape\":[1],"
                                    "\"data_offsets\":[0,4]}}",
                                    4, 0),
                               &err));
    assert_null(wane_tensors_metadata(t, "format"));
    wane_tensors_close(t);
}

static void other_files_are_refused(void **state)
{
    (void)state;
    wane_error err;
    wane_tensors *t = NULL;
    write_file(scratch_path("short"), "1234567", 7);
    CHECK_FAILS(wane_tensors_open(&t, scratch_path("short"), &err), WANE_EFORMAT, "7 bytes");
    write_file(scratch_path("empty"), "", 0);
    CHECK_FAILS(wane_tensors_open(&t, scratch_path("empty"), &err), WANE_EFORMAT, "empty");
    static const char pointer[] = "version https://git-lfs.github.com/spec/v1\noid sha256:0\n";
    write_file(scratch_path("pointer"), pointer, strlen(pointer));
    CHECK_FAILS(wane_tensors_open(&t, scratch_path("pointer"), &err), WANE_EFORMAT, "Git LFS");
    CHECK_FAILS(wane_tensors_open(&t, scratch_path("absent"), &err), WANE_ENOTFOUND, "absent");
}

/* Every cut of a file is refused; every changed byte of its header is read or refused. */
static void damage_is_survived(void **state)
{
    (void)state;
    wane_error err;
    size_t count = 0, refused = 0;
    uint64_t header = 0;
    char *bytes = read_file(fixture("dtypes.safetensors"), &count);
    memcpy(&header, bytes, 8);
    const char *path = scratch_path("damaged");
    for (size_t cut = 0; cut < count; cut += 3) {
        wane_tensors *t = NULL;
        write_file(path, bytes, cut);
        assert_int_equal(wane_tensors_open(&t, path, &err), WANE_EFORMAT);
        assert_null(t);
    }
    for (size_t i = 0; i < 8 + header; i++) {
        wane_tensors *t = NULL;
        char kept = bytes[i];
        bytes[i] = (char)(kept ^ (1 << i % 8));
        write_file(path, bytes, count);
        wane_status st = wane_tensors_open(&t, path, &err);
        for (size_t k = 0; st == WANE_OK && k < wane_tensors_count(t); k++) {
            float values[64];
            const wane_tensor *one = wane_tensors_at(t, k);
            assert_true(one->elements <= 64);
            wane_status read = wane_tensors_read(t, one, values, &err);
            assert_true(read == WANE_OK || read == WANE_EFORMAT);
        }
        refused += st != WANE_OK;
        wane_tensors_close(t);
        bytes[i] = kept;
    }
    assert_true(refused > header / 2);
    free(bytes);
}

static void writing_is_exact_and_repeatable(void **state)
{
    (void)state;
    wane_error err;
    wane_tensors *t = NULL;
    float values[6] = {1, -0.0F, NAN, INFINITY, 1e-45F, 3.4e38F}, back[6];
    memcpy(&values[2], &(uint32_t){0x7fc12345}, 4);
    const wane_tensor_source sources[] = {
        {.name = "z", .data = values, .dimensions = 2, .shape = {2, 3}},
        {.name = "a \"quoted\"\n", .data = values + 1, .dimensions = 1, .shape = {1}},
        {.name = "none", .data = NULL, .dimensions = 2, .shape = {0, 3}},
        {.name = "scalar", .data = values + 5}};
    static const char *const metadata[] = {"format", "pt", "key", "\xe2\x82\xac"};
    CHECK_OK(wane_tensors_write(scratch_path("one"), sources, 4, metadata, 2, &err));
    CHECK_OK(wane_tensors_write(scratch_path("two"), sources, 4, metadata, 2, &err));
    size_t count = 0, other = 0;
    char *first = read_file(scratch_path("one"), &count);
    char *second = read_file(scratch_path("two"), &other);
    assert_int_equal(count, other);
    assert_memory_equal(first, second, count);
    assert_int_equal(first[0] % 8, 0);
    free(first);
    free(second);
    CHECK_OK(wane_tensors_open(&t, scratch_path("one"), &err));
    assert_int_equal(wane_tensors_count(t), 4);
    assert_string_equal(wane_tensors_metadata(t, "key"), "\xe2\x82\xac");
    CHECK_OK(wane_tensors_read(t, wane_tensors_find(t, "z"), back, &err));
    assert_memory_equal(back, values, sizeof values);
    assert_non_null(wane_tensors_find(t, "a \"quoted\"\n"));
    assert_int_equal(wane_tensors_find(t, "scalar")->dimensions, 0);
    wane_tensors_close(t);
    const wane_tensor_source twice[] = {sources[0], sources[3], sources[0]};
    CHECK_FAILS(wane_tensors_write(scratch_path("bad"), twice, 3, NULL, 0, &err), WANE_EINVAL,
                "z: given twice");
    assert_false(wane_file_exists(scratch_path("bad")));
    CHECK_FAILS(wane_tensors_write(scratch_path("no/such/folder"), sources, 1, NULL, 0, &err),
                WANE_ENOTFOUND, "no/such");
    CHECK_OK(wane_tensors_write(scratch_path("nothing"), NULL, 0, metadata, 1, &err));
    CHECK_OK(wane_tensors_open(&t, scratch_path("nothing"), &err));
    assert_int_equal(wane_tensors_count(t), 0);
    wane_tensors_close(t);
}

static void lack_of_memory_is_reported(void **state)
{
    (void)state;
    wane_error err;
    long n = 0;
    for (;; n++) {
        wane_tensors *t = NULL;
        wane_memory_fail_after(n);
        wane_status st = wane_tensors_open(&t, fixture("tiny-llama-shards"), &err);
        wane_memory_fail_after(-1);
        wane_tensors_close(t);
        if (st == WANE_OK) break;
        assert_int_equal(st, WANE_ENOMEM);
    }
    assert_true(n > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_dtype_of_the_reference_is_read),
        cmocka_unit_test(every_number_of_eight_bits_is_torchs),
        cmocka_unit_test(every_half_widens_exactly),
        cmocka_unit_test(shards_hold_the_model),
        cmocka_unit_test(a_wrong_index_is_refused),
        cmocka_unit_test(hostile_headers_are_refused),
        cmocka_unit_test(metadata_may_be_null),
        cmocka_unit_test(eight_bits_with_a_scale_are_no_numbers),
        cmocka_unit_test(other_files_are_refused),
        cmocka_unit_test(damage_is_survived),
        cmocka_unit_test(writing_is_exact_and_repeatable),
        cmocka_unit_test(lack_of_memory_is_reported),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
