/* SPDX-License-Identifier: Apache-2.0
 * The cache file of a base spectrum: what comes back, and what is refused.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/spectra/spectrum.h"
#include "store/base/hash.h"
#include "store/base/memory.h"
#include "store/base/random.h"
#include "store/files/file.h"
#include "tests/support/support.h"

enum { ROWS = 12, COLS = 7 };

static wane_base_svd *make_base(float *weight, size_t rows, size_t cols)
{
    const wane_random where = {.purpose = WANE_RANDOM_TEST, .tensor = 1};
    wane_base_svd *base = NULL;
    wane_error err;
    wane_random_normal_fill(weight, rows * cols, 1, &where);
    CHECK_OK(wane_base_svd_compute(&base, (wane_matrix){weight, rows, cols, cols}, &err));
    return base;
}

static void same_direction(const wane_direction *a, const wane_direction *b)
{
    assert_memory_equal(&a->sigma, &b->sigma, sizeof a->sigma);
    assert_memory_equal(&a->max_cosine, &b->max_cosine, sizeof a->max_cosine);
    assert_memory_equal(&a->span, &b->span, sizeof a->span);
    assert_int_equal(a->argmax, b->argmax);
}

static void round_trip_is_bit_exact(void **state)
{
    (void)state;
    const size_t shapes[][2] = {{12, 7}, {7, 12}, {9, 9}, {1, 5}, {5, 1}, {1, 1}};
    const wane_spectrum_options options = {.u = true, .v = true};
    wane_error err;
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        size_t m = shapes[s][0], n = shapes[s][1];
        float weight[ROWS * ROWS], tuned[ROWS * ROWS];
        wane_base_svd *base = make_base(weight, m, n), *again = NULL;
        wane_spectrum one = {0}, two = {0};
        const char *path = scratch_path("base"), *copy = scratch_path("copy");
        size_t bytes[2];
        for (size_t i = 0; i < m * n; i++) tuned[i] = weight[i] + 0.1f * (float)(i % 3);
        CHECK_OK(wane_base_svd_save(base, path, &err));
        CHECK_OK(wane_base_svd_load(&again, path, &err));
        CHECK_OK(wane_base_svd_save(again, copy, &err));
        char *first = read_file(path, &bytes[0]), *second = read_file(copy, &bytes[1]);
        assert_int_equal(bytes[0], bytes[1]);
        assert_memory_equal(first, second, bytes[0]);
        assert_int_equal(wane_base_svd_count(base), wane_base_svd_count(again));
        wane_matrix view = {tuned, m, n, n};
        CHECK_OK(wane_spectrum_full(&one, base, view, &options, NULL, &err));
        CHECK_OK(wane_spectrum_full(&two, again, view, &options, NULL, &err));
        assert_int_equal(one.count, two.count);
        for (int side = 0; side < 2; side++)
            for (size_t j = 0; j < one.count; j++)
                same_direction(&one.side[side][j], &two.side[side][j]);
        assert_true(one.base_frobenius == two.base_frobenius);
        wane_spectrum_free(&one);
        wane_spectrum_free(&two);
        wane_base_svd_free(base);
        wane_base_svd_free(again);
        free(first);
        free(second);
    }
}

static void every_changed_byte_is_refused(void **state)
{
    (void)state;
    float weight[4 * 3];
    wane_base_svd *base = make_base(weight, 4, 3), *again = NULL;
    wane_error err;
    const char *path = scratch_path("base"), *bad = scratch_path("bad");
    size_t bytes = 0;
    CHECK_OK(wane_base_svd_save(base, path, &err));
    char *content = read_file(path, &bytes);
    for (size_t i = 0; i < bytes; i++) {
        content[i] ^= (char)(1 << (i % 8));
        write_file(bad, content, bytes);
        CHECK_FAILS(wane_base_svd_load(&again, bad, &err), WANE_EFORMAT, bad);
        assert_null(again);
        content[i] ^= (char)(1 << (i % 8));
    }
    for (size_t length = 0; length < bytes; length += 1 + bytes / 40) {
        write_file(bad, content, length);
        CHECK_FAILS(wane_base_svd_load(&again, bad, &err), WANE_EFORMAT, "");
    }
    char *longer = calloc(bytes + 8, 1);
    assert_non_null(longer);
    memcpy(longer, content, bytes);
    write_file(bad, longer, bytes + 8);
    CHECK_FAILS(wane_base_svd_load(&again, bad, &err), WANE_EFORMAT, "size");
    CHECK_FAILS(wane_base_svd_load(&again, scratch_path("none"), &err), WANE_ENOTFOUND, "none");
    assert_null(again);
    free(longer);
    free(content);
    wane_base_svd_free(base);
}

/* A file whose checksum is right but whose content no save ever wrote. */
static void rewrite(const char *path, const char *content, size_t bytes, size_t at,
                    const void *value, size_t count)
{
    wane_error err;
    char digest[WANE_SHA256_HEX];
    char *copy = malloc(bytes);
    assert_non_null(copy);
    memcpy(copy, content, bytes);
    memcpy(copy + at, value, count);
    CHECK_OK(wane_sha256_bytes(digest, copy, bytes - 64, &err));
    memcpy(copy + bytes - 64, digest, 64);
    write_file(path, copy, bytes);
    free(copy);
}

static void forged_content_is_refused(void **state)
{
    (void)state;
    float weight[4 * 3];
    wane_base_svd *base = make_base(weight, 4, 3), *again = NULL;
    wane_error err;
    const char *path = scratch_path("base"), *bad = scratch_path("bad");
    size_t bytes = 0;
    CHECK_OK(wane_base_svd_save(base, path, &err));
    char *content = read_file(path, &bytes);
    const uint64_t swapped = 0x0807060504030201; /* the mark as the other byte order has it */
    rewrite(bad, content, bytes, 8, &swapped, 8);
    CHECK_FAILS(wane_base_svd_load(&again, bad, &err), WANE_EFORMAT,
                "was written on a machine of another byte order");
    const double nan = NAN, huge = 1e300, negative = -1;
    const uint64_t sides[] = {
        0, 1, 5, (uint64_t)1 << 29, (uint64_t)1 << 31, (uint64_t)1 << 62, UINT64_MAX};
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++)
        for (size_t at = 16; at <= 24; at += 8) {
            rewrite(bad, content, bytes, at, &sides[i], 8);
            CHECK_FAILS(wane_base_svd_load(&again, bad, &err), WANE_EFORMAT, "shape");
        }
    rewrite(bad, content, bytes, 32, &nan, 8); /* sigma_1 */
    CHECK_FAILS(wane_base_svd_load(&again, bad, &err), WANE_EFORMAT, "not finite");
    rewrite(bad, content, bytes, 48, &huge, 8); /* sigma_3 */
    CHECK_FAILS(wane_base_svd_load(&again, bad, &err), WANE_EFORMAT, "order");
    rewrite(bad, content, bytes, 48, &negative, 8);
    CHECK_FAILS(wane_base_svd_load(&again, bad, &err), WANE_EFORMAT, "order");
    rewrite(bad, content, bytes, 32 + 24 + 8, &nan, 8); /* U */
    CHECK_FAILS(wane_base_svd_load(&again, bad, &err), WANE_EFORMAT, "not finite");
    const float inf = INFINITY;
    rewrite(bad, content, bytes, bytes - 64 - 4, &inf, 4); /* W_0 */
    CHECK_FAILS(wane_base_svd_load(&again, bad, &err), WANE_EFORMAT, "not finite");
    assert_null(again);
    free(content);
    wane_base_svd_free(base);
}

static void save_leaves_nothing_half_written(void **state)
{
    (void)state;
    float weight[ROWS * COLS];
    wane_base_svd *base = make_base(weight, ROWS, COLS), *again = NULL;
    wane_error err;
    CHECK_FAILS(wane_base_svd_save(base, scratch_path("no/such/folder"), &err), WANE_ENOTFOUND,
                "folder");
    const char *path = scratch_path("kept");
    CHECK_OK(wane_base_svd_save(base, path, &err));
    for (long n = 0; n < 8; n++) {
        wane_memory_fail_after(n);
        wane_status st = wane_base_svd_load(&again, path, &err);
        wane_memory_fail_after(-1);
        if (st == WANE_OK) break;
        assert_int_equal(st, WANE_ENOMEM);
        assert_null(again);
    }
    assert_non_null(again);
    wane_base_svd_free(again);
    wane_base_svd_free(base);
}

/* One file per matrix in the folder; made once, made again when damaged. */
static void folder_of_bases(void **state)
{
    (void)state;
    float wide[ROWS * (COLS + 2)], plain[ROWS * COLS];
    wane_base_svd *base = make_base(plain, ROWS, COLS), *again = NULL;
    wane_error err;
    size_t bytes[3];
    char **names = NULL;
    size_t count = 0;
    for (size_t i = 0; i < ROWS * (COLS + 2); i++) wide[i] = (float)i;
    for (size_t i = 0; i < ROWS; i++)
        memcpy(wide + i * (COLS + 2), plain + i * COLS, COLS * sizeof *plain);
    const char *folder = scratch_path("bases"), *judge = scratch_path("judge");
    CHECK_OK(wane_folder_make(folder, &err));
    CHECK_OK(wane_base_svd_save(base, judge, &err));
    wane_base_svd_free(base);
    char *expected = read_file(judge, &bytes[0]);
    for (int turn = 0; turn < 4; turn++) {
        wane_matrix view = turn % 2 ? (wane_matrix){plain, ROWS, COLS, COLS}
                                    : (wane_matrix){wide, ROWS, COLS, COLS + 2};
        CHECK_OK(wane_base_svd_cached(&again, view, folder, &err));
        wane_base_svd_free(again);
        CHECK_OK(wane_folder_list(&names, &count, folder, &err));
        assert_int_equal(count, 1);
        char path[1024];
        (void)snprintf(path, sizeof path, "%s/%s", folder, names[0]);
        char *there = read_file(path, &bytes[1]);
        assert_int_equal(bytes[0], bytes[1]);
        assert_memory_equal(expected, there, bytes[0]);
        if (turn == 1) write_file(path, there, bytes[1] - 1);
        if (turn == 2) { /* another matrix under this one's name */
            float other[ROWS * COLS] = {1};
            CHECK_OK(wane_base_svd_compute(&base, (wane_matrix){other, ROWS, COLS, COLS}, &err));
            CHECK_OK(wane_base_svd_save(base, path, &err));
            wane_base_svd_free(base);
        }
        free(there);
        wane_names_free(names, count);
    }
    plain[3] += 1;
    CHECK_OK(wane_base_svd_cached(&again, (wane_matrix){plain, ROWS, COLS, COLS}, folder, &err));
    wane_base_svd_free(again);
    CHECK_OK(wane_folder_list(&names, &count, folder, &err));
    assert_int_equal(count, 2);
    wane_names_free(names, count);
    CHECK_FAILS(wane_base_svd_cached(&again, (wane_matrix){plain, ROWS, COLS, COLS},
                                     scratch_path("nowhere"), &err),
                WANE_ENOTFOUND, "nowhere");
    free(expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(round_trip_is_bit_exact, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(every_changed_byte_is_refused, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(forged_content_is_refused, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(save_leaves_nothing_half_written, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(folder_of_bases, scratch_make, scratch_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
