/* SPDX-License-Identifier: Apache-2.0 */

#include "eval/train/micro.h"
#include "store/base/memory.h"
#include "store/base/random.h"
#include "tests/support/support.h"

static const int32_t ids[] = {10, 11, 12, 20, 21, 30, 31, 32, 33, 40};
static const size_t starts[] = {0, 3, 5, 9, 10};
/* In no order; row 1 has none. */
static const size_t position[] = {7, 1, 9, 5, 0, 1};
static const int32_t target[] = {70, 1, 90, 50, 2, 3};

static wane_batch sample(void)
{
    return (wane_batch){.tokens = 10,
                        .sequences = 4,
                        .ids = ids,
                        .starts = starts,
                        .targets = 6,
                        .position = position,
                        .target = target};
}

static void pieces_hold_whole_rows(void **state)
{
    (void)state;
    wane_error err;
    wane_cut cut = {0};
    wane_batch batch = sample(), piece;
    size_t tokens = 0, rows = 0, targets = 0, first = 99;
    CHECK_OK(wane_cut_new(&cut, &batch, 5, &err));
    wane_cut_largest(&cut, &tokens, &rows, &targets);
    assert_int_equal(tokens, 5);
    assert_int_equal(rows, 2);
    assert_int_equal(targets, 3);
    assert_int_equal(wane_cut_next(&cut, &piece, &first), WANE_OK);
    assert_int_equal(first, 0);
    assert_int_equal(piece.tokens, 5);
    assert_int_equal(piece.sequences, 2);
    assert_int_equal(piece.starts[1], 3);
    assert_int_equal(piece.targets, 3);
    static const size_t wanted_position[] = {1, 0, 1};
    static const int32_t wanted_target[] = {1, 2, 3};
    assert_memory_equal(piece.position, wanted_position, sizeof wanted_position);
    assert_memory_equal(piece.target, wanted_target, sizeof wanted_target);
    assert_int_equal(wane_cut_next(&cut, &piece, &first), WANE_OK);
    assert_int_equal(first, 5);
    assert_int_equal(piece.tokens, 5);
    assert_int_equal(piece.ids[0], 30);
    assert_int_equal(piece.starts[2], 5);
    assert_int_equal(piece.position[0], 2);
    assert_int_equal(piece.position[1], 0);
    assert_int_equal(piece.target[2], 90);
    assert_int_equal(wane_cut_next(&cut, &piece, &first), WANE_DONE);
    wane_cut_free(&cut);
    /* A row longer than the limit stands alone; the row without targets is passed over. */
    CHECK_OK(wane_cut_new(&cut, &batch, 1, &err));
    static const size_t lengths[] = {3, 4, 1}, firsts[] = {0, 5, 9};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(wane_cut_next(&cut, &piece, &first), WANE_OK);
        assert_int_equal(piece.tokens, lengths[i]);
        assert_int_equal(first, firsts[i]);
    }
    assert_int_equal(wane_cut_next(&cut, &piece, &first), WANE_DONE);
    wane_cut_free(&cut);
}

/* However a random batch is cut, its pieces hold each target once, at its token. */
static void no_target_is_lost(void **state)
{
    (void)state;
    enum { ROWS = 30, TARGETS = 50 };
    wane_error err;
    for (uint64_t trial = 0; trial < 20; trial++) {
        wane_random where = {.seed = trial, .purpose = WANE_RANDOM_TEST};
        size_t begin[ROWS + 1] = {0}, place[TARGETS], seen = 0, sum = 0, wanted = 0;
        int32_t text[ROWS * 9], label[TARGETS];
        for (size_t i = 0; i < ROWS; i++)
            begin[i + 1] = begin[i] + 1 + wane_random_below(&where, i, 9);
        size_t tokens = begin[ROWS], limit = 1 + wane_random_below(&where, 100, 40);
        for (size_t i = 0; i < tokens; i++) text[i] = (int32_t)i;
        for (size_t i = 0; i < TARGETS; i++) {
            place[i] = wane_random_below(&where, 200 + i, tokens);
            label[i] = (int32_t)(1000 * place[i] + i);
            wanted += (size_t)label[i];
        }
        wane_batch piece, batch = {.tokens = tokens,
                                   .sequences = ROWS,
                                   .ids = text,
                                   .starts = begin,
                                   .targets = TARGETS,
                                   .position = place,
                                   .target = label};
        wane_cut cut = {0};
        size_t first = 0, most = 0, rows = 0, targets = 0;
        CHECK_OK(wane_cut_new(&cut, &batch, limit, &err));
        wane_cut_largest(&cut, &most, &rows, &targets);
        while (wane_cut_next(&cut, &piece, &first) == WANE_OK) {
            assert_true(piece.tokens <= most && piece.sequences <= rows);
            assert_true(piece.targets > 0 && piece.targets <= targets);
            assert_true(piece.tokens <= limit || piece.sequences == 1);
            assert_int_equal(piece.ids[0], first);
            for (size_t i = 0; i < piece.targets; i++) {
                assert_int_equal(piece.ids[piece.position[i]], piece.target[i] / 1000);
                sum += (size_t)piece.target[i];
            }
            seen += piece.targets;
        }
        assert_int_equal(seen, TARGETS);
        assert_int_equal(sum, wanted);
        wane_cut_free(&cut);
    }
}

static void bad_batches_are_refused(void **state)
{
    (void)state;
    static const size_t empty_row[] = {0, 3, 3, 9, 10}, late[] = {1, 3, 5, 9, 10};
    static const size_t short_rows[] = {0, 3, 5, 9, 9}, outside[] = {7, 1, 10, 5, 0, 1};
    static const long prefix[4] = {-1, -1, -1, -1};
    wane_error err;
    wane_cut cut = {0};
    wane_batch b = sample();
    b.prefix = prefix;
    CHECK_FAILS(wane_cut_new(&cut, &b, 5, &err), WANE_EINVAL, "prefixes");
    b = sample();
    b.starts = empty_row;
    CHECK_FAILS(wane_cut_new(&cut, &b, 5, &err), WANE_EINVAL, "row 1 is empty");
    b.starts = late;
    CHECK_FAILS(wane_cut_new(&cut, &b, 5, &err), WANE_EINVAL, "do not cover");
    b.starts = short_rows;
    CHECK_FAILS(wane_cut_new(&cut, &b, 5, &err), WANE_EINVAL, "do not cover");
    b = sample();
    b.sequences = 0;
    CHECK_FAILS(wane_cut_new(&cut, &b, 5, &err), WANE_EINVAL, "do not cover");
    b = sample();
    b.targets = 0;
    CHECK_FAILS(wane_cut_new(&cut, &b, 5, &err), WANE_EINVAL, "no token carries a label");
    b = sample();
    b.position = outside;
    CHECK_FAILS(wane_cut_new(&cut, &b, 5, &err), WANE_EINVAL, "target 2 lies outside");
    b = sample();
    for (long n = 0; n < 5; n++) {
        wane_memory_fail_after(n);
        wane_status st = wane_cut_new(&cut, &b, 5, &err);
        wane_memory_fail_after(-1);
        assert_int_equal(st, WANE_ENOMEM);
    }
    assert_null(cut.starts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_hold_whole_rows),
        cmocka_unit_test(no_target_is_lost),
        cmocka_unit_test(bad_batches_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
