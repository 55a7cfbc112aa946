/* SPDX-License-Identifier: Apache-2.0
 * One number changed, or not finite, wherever it stands in a matrix.
 */
#include "eval/pair/matrix_of_pair.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "store/base/random.h"
#include "store/base/text.h"
#include "store/files/file.h"
#include "tests/support/support.h"

enum { ROWS = 33, COLS = 31, COUNT = ROWS * COLS };

/* A file of two matrices of 16-bit numbers, the upper halves of `values`; the second is `rows` x 1.
 */
static void save(const char *name, const float *values)
{
    wane_error err;
    wane_text header = {0}, file = {0};
    wane_text_printf(
        &header,
        "{\"c_fc.weight\":{\"dtype\":\"BF16\",\"shape\":[%d,%d],\"data_offsets\":[0,%d]},"
        "\"w\":{\"dtype\":\"BF16\",\"shape\":[%d,1],\"data_offsets\":[%d,%d]}}",
        ROWS, COLS, 2 * COUNT, ROWS, 2 * COUNT, 2 * (COUNT + ROWS));
    uint64_t length = header.length;
    wane_text_append(&file, (const char *)&length, sizeof length);
    wane_text_append(&file, header.data, header.length);
    for (size_t i = 0; i < COUNT + ROWS; i++) {
        uint32_t bits = 0;
        memcpy(&bits, &values[i % COUNT], sizeof bits);
        uint16_t half = (uint16_t)(bits >> 16);
        wane_text_append(&file, (const char *)&half, sizeof half);
    }
    CHECK_OK(wane_text_check(&file, "test", name, &err));
    CHECK_OK(wane_file_write(scratch_path(name), file.data, file.length, &err));
    wane_text_free(&header);
    wane_text_free(&file);
}

static void fill(float *values)
{
    wane_random where = {.seed = 3, .purpose = WANE_RANDOM_TEST};
    wane_random_normal_fill(values, COUNT, 1, &where);
    for (size_t i = 0; i < COUNT; i++) {
        uint32_t bits = 0;
        memcpy(&bits, &values[i], sizeof bits);
        bits &= 0xffff0000;
        memcpy(&values[i], &bits, sizeof bits);
    }
}

typedef struct opened {
    char base[512], tuned[512];
    wane_comparison comparison;
    size_t index; /* of c_fc.weight */
} opened;

static void open_pair(opened *o, wane_conv1d conv1d)
{
    wane_error err;
    wane_comparison_options options = {.match = "c_fc", .conv1d = conv1d};
    (void)snprintf(o->base, sizeof o->base, "%s", scratch_path("base"));
    (void)snprintf(o->tuned, sizeof o->tuned, "%s", scratch_path("tuned"));
    CHECK_OK(wane_comparison_open(&o->comparison, o->base, o->tuned, &options, NULL, &err));
    o->index = strcmp(o->comparison.list[0].name, "c_fc.weight") != 0;
}

static void every_place_is_looked_at(void **state)
{
    (void)state;
    static const size_t places[] = {0,         1,         COUNT / 64 - 1, COUNT / 64,
                                    COUNT / 2, COUNT - 2, COUNT - 1};
    static float base[COUNT], tuned[COUNT];
    wane_error err;
    wane_pool *pool = NULL;
    wane_matrix_of_pair pair = {0};
    CHECK_OK(wane_pool_new(&pool, 3, &err));
    fill(base);
    /* -1: nothing is done; what is done: another number, a NaN on either side */
    for (int place = -1; place < (int)(sizeof places / sizeof *places); place++)
        for (int what = 0; what < 3; what++) {
            opened o = {0};
            memcpy(tuned, base, sizeof tuned);
            float *at = place < 0 ? NULL : (what == 2 ? base : tuned) + places[place];
            float before = at ? *at : 0;
            if (at) *at = what == 0 ? 64 : NAN;
            save("base", base);
            save("tuned", tuned);
            open_pair(&o, WANE_CONV1D_NO);
            CHECK_OK(
                wane_matrix_of_pair_read(&pair, &o.comparison, o.index, what ? pool : NULL, &err));
            assert_true(pair.changed == (at != NULL));
            assert_true(pair.finite == (!at || what == 0));
            assert_true(pair.base_finite == (!at || what != 2));
            assert_memory_equal(pair.base, base, sizeof base);
            assert_memory_equal(pair.tuned, tuned, sizeof tuned);
            if (at) *at = before;
            wane_comparison_let_go(&o.comparison, o.index);
            wane_comparison_close(&o.comparison);
        }
    wane_matrix_of_pair_free(&pair);
    wane_pool_free(pool);
}

/* The room of a large one serves the next; a transposed one is read whole. */
static void rooms_are_kept_and_turned_ones_turned(void **state)
{
    (void)state;
    static float base[COUNT];
    wane_error err;
    wane_matrix_of_pair pair = {0};
    fill(base);
    save("base", base);
    save("tuned", base);
    opened o = {0};
    open_pair(&o, WANE_CONV1D_YES);
    CHECK_OK(wane_matrix_of_pair_read(&pair, &o.comparison, !o.index, NULL, &err));
    assert_int_equal(pair.room[1].count, ROWS);
    CHECK_OK(wane_matrix_of_pair_read(&pair, &o.comparison, o.index, NULL, &err));
    for (size_t i = 0; i < COLS; i++)
        for (size_t j = 0; j < ROWS; j++) {
            assert_true(pair.base[i * ROWS + j] == base[j * COLS + i]);
            assert_true(pair.tuned[i * ROWS + j] == base[j * COLS + i]);
        }
    assert_false(pair.changed);
    const float *room = pair.room[1].values;
    CHECK_OK(wane_matrix_of_pair_read(&pair, &o.comparison, !o.index, NULL, &err));
    assert_ptr_equal(pair.tuned, room);
    assert_int_equal(pair.room[1].count, COUNT);
    assert_memory_equal(pair.tuned, base, ROWS * sizeof *base);
    wane_comparison_close(&o.comparison);
    wane_matrix_of_pair_free(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_place_is_looked_at),
        cmocka_unit_test(rooms_are_kept_and_turned_ones_turned),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
