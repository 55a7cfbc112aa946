/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/blas.h"
#include "store/base/hash.h"
#include "store/base/memory.h"
#include "store/base/random.h"
#include "store/base/text.h"
#include "store/base/threads.h"
#include "tests/support/support.h"

typedef struct whole_number {
    const char *text;
    uint64_t value;
} whole_number;

static void whole_numbers_are_exact(void **state)
{
    (void)state;
    static const whole_number good[] = {
        {"0", 0},
        {"-0", 0},
        {"0.000e7", 0},
        {"007", 7},
        {"+5", 5},
        {"5.", 5},
        {".5e1", 5},
        {"2.50e1", 25},
        {"1e4", 10000},
        {"1E+2", 100},
        {"1000e-3", 1},
        {"1.0", 1},
        {"9007199254740993", UINT64_C(9007199254740993)},
        {"9007199254740993.000", UINT64_C(9007199254740993)},
        {"900719925474099.3e1", UINT64_C(9007199254740993)},
        {"18446744073709551615", UINT64_MAX},
        {"1844674407370955161.5e1", UINT64_MAX},
    };
    static const char *const bad[] = {
        "",
        "x",
        "-1",
        "0.5",
        "16.0000000000000001",
        "1e-1",
        "1e400",
        "1e20",
        "nan",
        "0x10",
        "18446744073709551616",
        "1.0000000000000000000001",
        "10_000",
        " 1",
        "1e-99",
        "-0.5",
        "1e-99999999999999999999",
        "1.5e-99999999999999999999",
        "1 ",
        "1e",
        "1..0",
        "--1",
        "1e0.0",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        uint64_t value = 77;
        bool taken = wane_parse_whole(&value, good[i].text);
        if (!taken || value != good[i].value)
            fail_msg("%s: %llu", good[i].text, (unsigned long long)value);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint64_t value = 77;
        if (wane_parse_whole(&value, bad[i])) fail_msg("%s is taken", bad[i]);
    }
}

static void error_is_one_line(void **state)
{
    (void)state;
    wane_error err;
    assert_int_equal(wane_fail_at(&err, WANE_EFORMAT, 3, 7, "read: %s: bad\nkey", "x.yaml"),
                     WANE_EFORMAT);
    assert_string_equal(err.message, "read: x.yaml: bad key (line 3, column 7)");
    assert_int_equal(err.line, 3);
    wane_fail(&err, WANE_EIO, "outer: %s", err.message); /* wraps itself */
    assert_string_equal(err.message, "outer: read: x.yaml: bad key (line 3, column 7)");
    assert_int_equal(wane_fail(NULL, WANE_EIO, "nobody listens"), WANE_EIO);
}

static void controls_are_made_visible(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"plain \xc3\xa9 \xe4\xb8\xad \xf0\x9f\x98\x80 \\x1b",
         "plain \xc3\xa9 \xe4\xb8\xad \xf0\x9f\x98\x80 \\x1b"},
        {"\x1b[2J\x07\r\x01\x1f\b", "\\x1b[2J\\x07\\x0d\\x01\\x1f\\x08"},
        {"\x7f\xc2\x80\xc2\x9b\xc2\x9f\xc2\xa0", "\\u007f\\u0080\\u009b\\u009f\xc2\xa0"},
        {"\xe2\x80\xa7\xe2\x80\xa8\xe2\x80\xaa\xe2\x80\xae\xe2\x80\xaf",
         "\xe2\x80\xa7\\u2028\\u202a\\u202e\xe2\x80\xaf"},
        {"\xe2\x81\xa5\xe2\x81\xa6\xe2\x81\xa9\xe2\x81\xaa",
         "\xe2\x81\xa5\\u2066\\u2069\xe2\x81\xaa"},
        {"\xef\xbf\xbd\xef\xbf\xbe\xef\xbf\xbf", "\xef\xbf\xbd\\ufffe\\uffff"},
        {"\x9b"
         "1m\xff\xe2\x80",
         "\\x9b"
         "1m\\xff\\xe2\\x80"},
    };
    char line[64];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wane_text text = {0};
        wane_text_visible(&text, cases[i][0], strlen(cases[i][0]));
        assert_string_equal(text.data, cases[i][1]);
        assert_int_equal(wane_visible_span(text.data, text.length), text.length);
        wane_text_free(&text);
        assert_string_equal(wane_visible_line(line, sizeof line, cases[i][0]), cases[i][1]);
    }
    assert_string_equal(wane_visible_line(line, sizeof line, "a\n\tb"), "a  b");
    assert_string_equal(wane_visible_line(line, 5, "ab\x1b"), "ab"); /* no half of an escape */
    assert_string_equal(wane_visible_line(line, 3, "a\xc3\xa9"), "a");
    wane_error err;
    wane_fail(&err, WANE_EIO, "open: %s: no", "\x1b[31m\n");
    assert_string_equal(err.message, "open: \\x1b[31m : no");
}

static void numbers_parse_strictly(void **state)
{
    (void)state;
    double d = 0;
    int64_t i = 0;
    assert_true(wane_parse_double(&d, "1.0e-05"));
    assert_true(d == 1e-5);
    assert_true(wane_parse_double(&d, "3"));
    const char *bad[] = {"", "nan", "inf", "0x10", "1e999", "1 ", "1,5", "e5", "--1", "."};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        assert_false(wane_parse_double(&d, bad[k]));
    assert_true(wane_parse_int64(&i, "-9223372036854775808"));
    assert_true(i == INT64_MIN);
    assert_false(wane_parse_int64(&i, "9223372036854775808"));
    assert_false(wane_parse_int64(&i, "1.0"));
    char out[32];
    assert_string_equal(wane_format_double(out, 0.1), "0.1");
    assert_true(strtod(wane_format_double(out, 1.0 / 3.0), NULL) == 1.0 / 3.0);
}

static void utf8_is_checked(void **state)
{
    (void)state;
    size_t bad = 99;
    assert_int_equal(wane_utf8_width("lora", 4), 4);
    assert_int_equal(wane_utf8_width("\xc3\xa9", 2), 1);                 /* e with an accent */
    assert_int_equal(wane_utf8_width("e\xcc\x81", 3), 1);                /* the accent apart */
    assert_int_equal(wane_utf8_width("\xe6\x97\xa5\xe6\x9c\xac", 6), 4); /* two ideographs */
    assert_int_equal(wane_utf8_width("\xf0\x9f\x98\x80", 4), 2);         /* an emoji */
    assert_int_equal(wane_utf8_width("\xff\xe6", 2), 2);                 /* no UTF-8 */
    assert_true(wane_utf8_valid("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 10, NULL));
    const char *broken[] = {"a\x80",         "a\xc0\xaf",         "a\xe0\x80\x80",
                            "a\xed\xa0\x80", "a\xf4\x90\x80\x80", "a\xe2\x82",
                            "a\xff"};
    for (size_t k = 0; k < sizeof broken / sizeof *broken; k++) {
        bad = 99;
        assert_false(wane_utf8_valid(broken[k], strlen(broken[k]), &bad));
        assert_int_equal(bad, 1);
    }
}

static void ends_of_names(void **state)
{
    (void)state;
    assert_true(wane_ends_with("a.svg", ".svg"));
    assert_false(wane_ends_with(".svg", ".svg"));
    assert_false(wane_ends_with("svg", ".svg"));
    assert_false(wane_ends_with("a.svg2", ".svg"));
}

static void misspellings_find_their_name(void **state)
{
    (void)state;
    const char *names[] = {"learning_rate", "rank", "alpha"};
    assert_string_equal(wane_nearest("learning_rat", names, 3), "learning_rate");
    assert_string_equal(wane_nearest("rnak", names, 3), "rank");
    assert_null(wane_nearest("colour", names, 3));
}

/* Random123's own known answer for philox4x32-10: key and counter all ones. */
static void philox_known_answer(void **state)
{
    (void)state;
    wane_random where = {.seed = UINT64_MAX,
                         .purpose = (wane_purpose)0xff,
                         .stage = 0xffff,
                         .step = 0xffffffffff,
                         .tensor = 0xffffff};
    uint32_t words[4];
    wane_random_words(words, &where, 0xffffffffff);
    const uint32_t expected[4] = {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd};
    assert_memory_equal(words, expected, sizeof words);
}

static void draws_have_their_moments(void **state)
{
    (void)state;
    enum { N = 200000 };
    wane_random where = {.seed = 7, .purpose = WANE_RANDOM_TEST};
    float *x = wane_alloc(N, sizeof *x);
    wane_random_normal_fill(x, N, 2.0, &where);
    double sum = 0, squares = 0, fourth = 0;
    for (size_t i = 0; i < N; i++) {
        double z = x[i] / 2.0;
        sum += z;
        squares += z * z;
        fourth += z * z * z * z;
    }
    CHECK_NEAR(sum / N, 0, 5 / sqrt(N), 0);
    CHECK_NEAR(squares / N, 1, 5 * sqrt(2.0 / N), 0);
    CHECK_NEAR(fourth / N, 3, 5 * sqrt(96.0 / N), 0);
    float short_x[3];
    wane_random_normal_fill(short_x, 3, 2.0, &where);
    assert_memory_equal(short_x, x, sizeof short_x);
    wane_free(x);
    size_t order[100];
    bool seen[100] = {false};
    wane_random_permutation(order, 100, &where);
    for (size_t i = 0; i < 100; i++) seen[order[i]] = true;
    for (size_t i = 0; i < 100; i++) assert_true(seen[i]);
}

static void sha256_known_answer(void **state)
{
    (void)state;
    wane_error err;
    char hex[WANE_SHA256_HEX];
    CHECK_OK(wane_sha256_bytes(hex, "abc", 3, &err));
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* Fields are the length in 8 bytes, little endian, and the bytes; no text is 8 bytes of ff. The
 * digest of those 25 bytes is from another program. */
static void no_text_is_a_field_too(void **state)
{
    (void)state;
    wane_error err;
    wane_sha256 *hash;
    char hex[WANE_SHA256_HEX];
    CHECK_OK(wane_sha256_begin(&hash, &err));
    wane_sha256_text(hash, NULL);
    wane_sha256_text(hash, "a");
    wane_sha256_text(hash, "");
    CHECK_OK(wane_sha256_end(hex, hash, &err));
    assert_string_equal(hex, "538959447aa547e5085fd3819601e413b8fca181fb2591131622f16892fabf51");
}

static void arena_and_overflow(void **state)
{
    (void)state;
    wane_arena *arena = wane_arena_new();
    char *first = wane_arena_strdup(arena, "kept");
    for (int i = 0; i < 1000; i++) assert_non_null(wane_arena_alloc(arena, 1000, 1));
    assert_string_equal(first, "kept");
    assert_null(wane_arena_alloc(arena, SIZE_MAX, 2));
    wane_arena_free(arena);
    assert_null(wane_alloc_aligned(SIZE_MAX / 2, 4));
    wane_memory_fail_after(1);
    void *one = wane_alloc(1, 1);
    assert_non_null(one);
    assert_null(wane_alloc(1, 1));
    wane_memory_fail_after(-1);
    wane_free(one);
}

static void an_array_grows(void **state)
{
    (void)state;
    int *list = NULL;
    size_t room = 0, moves = 0;
    for (int i = 0; i < 1000; i++) {
        size_t before = room;
        assert_true(WANE_GROW(list, room, (size_t)i + 1));
        assert_true(room > (size_t)i);
        moves += room != before;
        list[i] = i;
    }
    for (int i = 0; i < 1000; i++) assert_int_equal(list[i], i);
    assert_int_equal(room, 1024);
    assert_int_equal(moves, 7); /* 16, 32, ... 1024 */
    assert_true(WANE_GROW(list, room, 5000));
    assert_int_equal(room, 5000); /* asked for more than the double */
    int *same = list;
    assert_true(WANE_GROW(list, room, 5000));
    assert_false(WANE_GROW(list, room, SIZE_MAX / 2)); /* more bytes than there are */
    wane_memory_fail_after(0);
    assert_false(WANE_GROW(list, room, 5001));
    wane_memory_fail_after(-1);
    assert_ptr_equal(list, same);
    assert_int_equal(room, 5000);
    assert_int_equal(list[999], 999);
    wane_free(list);
    /* Two that grow together have the same room. */
    char *first = NULL;
    double *second = NULL;
    size_t a = 0, b = 0;
    for (size_t need = 1; need < 100000; need = need * 3 + 1) {
        assert_true(WANE_GROW(first, a, need) && WANE_GROW(second, b, need));
        assert_int_equal(a, b);
    }
    wane_free(first);
    wane_free(second);
}

typedef struct counts {
    int hits[1000];
} counts;

static void hit(void *context, size_t tile, int thread)
{
    (void)thread;
    ((counts *)context)->hits[tile]++;
}

static void pool_runs_every_tile_once(void **state)
{
    (void)state;
    wane_error err;
    for (int threads = 1; threads <= 4; threads++) {
        wane_pool *pool = NULL;
        CHECK_OK(wane_pool_new(&pool, threads, &err));
        static counts c;
        memset(&c, 0, sizeof c);
        for (int round = 0; round < 50; round++) wane_pool_run(pool, 1000, hit, &c);
        for (int i = 0; i < 1000; i++) assert_int_equal(c.hits[i], 50);
        wane_pool_free(pool);
    }
    wane_pool *pool = NULL;
    CHECK_FAILS(wane_pool_new(&pool, 65, &err), WANE_EINVAL, "65");
}

/* Against a plain triple loop in double, and bit-equal over thread counts. */
static void gemm_is_right_and_stable(void **state)
{
    (void)state;
    wane_error err;
    wane_random where = {.seed = 1, .purpose = WANE_RANDOM_TEST};
    enum { M = 300, N = 70, K = 50 };
    float *a = wane_alloc(M * K, sizeof *a), *b = wane_alloc(N * K, sizeof *b);
    float *c[4];
    wane_random_normal_fill(a, M * K, 1, &where);
    where.tensor = 1;
    wane_random_normal_fill(b, N * K, 1, &where);
    for (int t = 1; t <= 4; t++) {
        wane_pool *pool = NULL;
        CHECK_OK(wane_pool_new(&pool, t, &err));
        c[t - 1] = wane_alloc(M * N, sizeof(float));
        wane_sgemm(pool, false, true, M, N, K, 2.0f, a, K, b, K, 0.0f, c[t - 1], N);
        assert_memory_equal(c[0], c[t - 1], sizeof(float) * M * N);
        wane_pool_free(pool);
    }
    for (size_t i = 0; i < M; i++)
        for (size_t j = 0; j < N; j++) {
            double sum = 0;
            for (size_t k = 0; k < K; k++) sum += 2.0 * a[i * K + k] * b[j * K + k];
            CHECK_NEAR(c[0][i * N + j], sum, 1e-4, 1e-5);
        }
    for (int t = 0; t < 4; t++) wane_free(c[t]);
    wane_free(a);
    wane_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_numbers_are_exact),
        cmocka_unit_test(error_is_one_line),
        cmocka_unit_test(numbers_parse_strictly),
        cmocka_unit_test(utf8_is_checked),
        cmocka_unit_test(ends_of_names),
        cmocka_unit_test(misspellings_find_their_name),
        cmocka_unit_test(philox_known_answer),
        cmocka_unit_test(draws_have_their_moments),
        cmocka_unit_test(sha256_known_answer),
        cmocka_unit_test(no_text_is_a_field_too),
        cmocka_unit_test(arena_and_overflow),
        cmocka_unit_test(an_array_grows),
        cmocka_unit_test(pool_runs_every_tile_once),
        cmocka_unit_test(gemm_is_right_and_stable),
        cmocka_unit_test(controls_are_made_visible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
