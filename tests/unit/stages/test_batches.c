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
    size_t moved = 0, first[5] = {0};
    CHECK_OK(wane_batches_new(&batches, &five, five.rows, 0, false, SIZE, SEED, STAGE, &err));
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

/* Of five rows of the stage's own and five others, two others an epoch: five epochs are two rounds
 * of the others, so that each has been there twice, and each own row in every epoch. A batch is the
 * same whichever steps were asked for before it. */
static void others_are_mixed_in_by_rounds(void **state)
{
    (void)state;
    enum { SEED = 3, STAGE = 2, EPOCHS = 5, SIZE = 3, PER_EPOCH = 3, OWN = 5, MIXED = 2 };
    wane_error err;
    wane_prompts joined;
    wane_batches batches, again;
    size_t seen[10] = {0};
    static int32_t other_ids[] = {110, 120, 121, 130, 140, 141, 150};
    wane_prompts others = five;
    others.ids = other_ids;
    CHECK_OK(wane_prompts_join(&joined, (const wane_prompts[]){five, others}, 2, &err));
    CHECK_OK(wane_batches_new(&batches, &joined, OWN, MIXED, false, SIZE, SEED, STAGE, &err));
    assert_int_equal(batches.per_epoch, PER_EPOCH);
    for (size_t epoch = 0; epoch < EPOCHS; epoch++) {
        size_t own = 0, other = 0;
        for (size_t step = epoch * PER_EPOCH; step < (epoch + 1) * PER_EPOCH; step++) {
            const wane_batch *b = wane_batches_step(&batches, step);
            assert_int_equal(b->sequences, step % PER_EPOCH < 2 ? SIZE : 1);
            CHECK_OK(wane_batches_new(&again, &joined, OWN, MIXED, false, SIZE, SEED, STAGE, &err));
            const wane_batch *c = wane_batches_step(&again, step);
            assert_int_equal(c->tokens, b->tokens);
            assert_memory_equal(c->ids, b->ids, b->tokens * sizeof *b->ids);
            wane_batches_free(&again);
            for (size_t q = 0; q < b->sequences; q++) {
                int32_t id = b->ids[b->starts[q]];
                own += id < 100;
                other += id >= 100;
                seen[id < 100 ? id / 10 - 1 : id / 10 - 6]++;
            }
        }
        assert_int_equal(own, OWN);
        assert_int_equal(other, MIXED);
    }
    for (size_t r = 0; r < 10; r++) assert_int_equal(seen[r], r < OWN ? EPOCHS : 2);
    wane_batches_free(&batches);
    wane_prompts_free(&joined);
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
    CHECK_OK(wane_batches_new(&batches, &joined, joined.rows, 0, true, 10, 1, 1, &err));
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
                                       cmocka_unit_test(others_are_mixed_in_by_rounds),
                                       cmocka_unit_test(joined_labels_are_numbered_on)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
