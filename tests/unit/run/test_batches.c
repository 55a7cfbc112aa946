/* SPDX-License-Identifier: Apache-2.0
 * The rows of a training: the order of each epoch, and the rows of several tasks joined.
 */
#include "eval/stages/batches.h"
#include "store/base/random.h"
#include "tests/support/support.h"

/* Five prompts of 1 or 2 tokens; labels of one token, 90 and 91. */
static size_t starts[] = {0, 1, 3, 4, 6, 7}, label_starts[] = {0, 1, 2};
static int32_t ids[] = {10, 20, 21, 30, 40, 41, 50}, labels[] = {0, 1, 1, 0, 1},
               label_ids[] = {90, 91};
static const wane_prompts five = {.rows = 5,
                                  .starts = starts,
                                  .ids = ids,
                                  .labels = labels,
                                  .label_count = 2,
                                  .longest_label = 1,
                                  .label_starts = label_starts,
                                  .label_ids = label_ids};

/* Each epoch has each row once, in the order of its own number; the last batch is what is left. */
static void every_epoch_has_an_order(void **state)
{
    (void)state;
    enum { SEED = 3, STAGE = 7, EPOCHS = 3, SIZE = 2, PER_EPOCH = 3 };
    wane_error err;
    wane_batches batches;
    size_t moved = 0, first[5];
    CHECK_OK(wane_batches_new(&batches, &five, false, SIZE, SEED, STAGE, &err));
    assert_int_equal(batches.per_epoch, PER_EPOCH);
    for (size_t epoch = 0; epoch < EPOCHS; epoch++) {
        size_t order[5], at = 0;
        const wane_random where = {SEED, WANE_RANDOM_SHUFFLE, STAGE, epoch, 0};
        wane_random_permutation(order, 5, &where);
        for (size_t step = 0; step < PER_EPOCH; step++) {
            const wane_batch *b = wane_batches_step(&batches, epoch * PER_EPOCH + step);
            assert_int_equal(b->sequences, step + 1 < PER_EPOCH ? SIZE : 1);
            for (size_t s = 0; s < b->sequences; s++, at++) {
                assert_int_equal(b->ids[b->starts[s]], ids[starts[order[at]]]);
                assert_int_equal(b->target[s], label_ids[labels[order[at]]]);
                assert_int_equal(b->position[s], b->starts[s + 1] - 1);
            }
        }
        for (size_t i = 0; i < 5; i++) {
            if (epoch == 0) first[i] = order[i];
            else moved += order[i] != first[i];
        }
    }
    assert_true(moved > 0);
    wane_batches_free(&batches);
}

/* Rows of the second task name their labels behind those of the first. */
static void joined_labels_are_numbered_on(void **state)
{
    (void)state;
    static const int32_t wanted[] = {0, 1, 1, 0, 1, 2, 3, 3, 2, 3};
    wane_error err;
    wane_prompts joined;
    wane_batches batches;
    CHECK_OK(wane_prompts_join(&joined, (const wane_prompts[]){five, five}, 2, &err));
    assert_int_equal(joined.rows, 10);
    assert_int_equal(joined.label_count, 4);
    for (size_t r = 0; r < joined.rows; r++) {
        assert_int_equal(joined.labels[r], wanted[r]);
        assert_int_equal(joined.ids[joined.starts[r]], ids[starts[r % 5]]);
        assert_int_equal(joined.label_ids[joined.label_starts[joined.labels[r]]],
                         label_ids[labels[r % 5]]);
    }
    /* as classes they stay apart, though their words are the same */
    CHECK_OK(wane_batches_new(&batches, &joined, true, 10, 1, 1, &err));
    const wane_batch *b = wane_batches_step(&batches, 0);
    size_t count[4] = {0};
    for (size_t s = 0; s < b->sequences; s++) count[b->target[s]]++;
    assert_int_equal(count[0], 2);
    assert_int_equal(count[1], 3);
    assert_int_equal(count[2], 2);
    assert_int_equal(count[3], 3);
    wane_batches_free(&batches);
    wane_prompts_free(&joined);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_epoch_has_an_order),
                                       cmocka_unit_test(joined_labels_are_numbered_on)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
