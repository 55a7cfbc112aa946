/* SPDX-License-Identifier: Apache-2.0
 * Several adapters as one of summed rank.
 */
#include <stdlib.h>
#include <string.h>

#include "store/files/update.h"
#include "tests/support/support.h"

#define FIXTURES "reference/tensors/"

/* An adapter in memory on the one weight "m.weight". */
static wane_update on_one(wane_update_tensor *tensor, wane_lowrank_term term)
{
    *tensor = (wane_update_tensor){.name = "m.weight", .rows = 2, .cols = 3, .term = term};
    return (wane_update){.count = 1,
                         .tensors = tensor,
                         .lowrank = true,
                         .facts = {.rank = term.rank,
                                   .alpha = (double)term.scale * (double)term.rank,
                                   .base_model = "base"}};
}

/* 2 (B1 A1 + B2 A2), by hand; the scale of the stack is what its alpha says: 2 = 6 / (1 + 2). */
static void a_stack_adds_its_adapters(void **state)
{
    (void)state;
    wane_error err;
    const float b1[] = {1, 2}, a1[] = {1, 0, -1};
    const float b2[] = {1, 2, 3, 4}, a2[] = {1, 1, 0, 0, 2, 1};
    /* B1 A1 = 1 0 -1 | 2 0 -2 and B2 A2 = 1 5 2 | 3 11 4 */
    const float sum[] = {4, 10, 2, 10, 22, 4};
    wane_update_tensor tensors[2];
    const wane_update list[] = {
        on_one(&tensors[0], (wane_lowrank_term){.b = b1, .a = a1, .rank = 1, .scale = 2}),
        on_one(&tensors[1], (wane_lowrank_term){.b = b2, .a = a2, .rank = 2, .scale = 2})};
    wane_update stack = {0}, again = {0};
    CHECK_OK(wane_update_stack(&stack, list, 2, &err));
    assert_int_equal(stack.facts.rank, 3);
    assert_true(stack.facts.alpha == 6);
    CHECK_OK(wane_update_save(&stack, scratch_path("sum"), &err));
    CHECK_OK(wane_update_load(&again, scratch_path("sum"), NULL, NULL, &err));
    for (int turn = 0; turn < 2; turn++) { /* as made, and as read back */
        float weight[6] = {0};
        const wane_update *update = turn ? &again : &stack;
        assert_int_equal(update->count, 1);
        wane_update_apply(NULL, &update->tensors[0], weight);
        for (int i = 0; i < 6; i++) assert_true(weight[i] == sum[i]);
    }
    wane_update_free(&again);
    wane_update_free(&stack);
}

/* One scale stands for all in the file: adapters of two cannot be told in it. */
static void a_stack_has_one_scale(void **state)
{
    (void)state;
    wane_error err;
    const float b[] = {1, 2}, a[] = {1, 0, -1};
    wane_update_tensor tensors[2];
    const wane_update list[] = {
        on_one(&tensors[0], (wane_lowrank_term){.b = b, .a = a, .rank = 1, .scale = 2}),
        on_one(&tensors[1], (wane_lowrank_term){.b = b, .a = a, .rank = 1, .scale = 3})};
    wane_update stack = {0};
    CHECK_FAILS(wane_update_stack(&stack, list, 2, &err), WANE_EINVAL,
                "stack: adapter 2: m.weight: scale 3, the first 2");
    assert_null(stack.tensors);
}

/* Stacked, the root of the rank is no longer what alpha is divided by: the flag goes, the scale
 * stays. */
static void a_stack_of_rslora_adapters_is_none(void **state)
{
    (void)state;
    wane_error err;
    wane_update one = {0}, stack = {0}, again = {0};
    CHECK_OK(wane_update_load(&one, FIXTURES "adapter-rslora", NULL, NULL, &err));
    const wane_update list[] = {one, one, one};
    CHECK_OK(wane_update_stack(&stack, list, 3, &err));
    assert_true(one.facts.rslora);
    assert_false(stack.facts.rslora);
    assert_int_equal(stack.facts.rank, 3 * 4);
    assert_true(stack.facts.alpha == 3.0 * 12); /* scale 6 / sqrt(4), times the rank */
    CHECK_OK(wane_update_save(&stack, scratch_path("stack"), &err));
    char *config = read_file(scratch_path("stack/adapter_config.json"), NULL);
    assert_non_null(strstr(config, "\"use_rslora\": false"));
    assert_non_null(strstr(config, "\"lora_alpha\": 36,"));
    free(config);
    CHECK_OK(wane_update_load(&again, scratch_path("stack"), NULL, NULL, &err));
    assert_int_equal(again.count, one.count);
    for (size_t i = 0; i < again.count; i++) {
        assert_int_equal(again.tensors[i].term.rank, 3 * one.tensors[i].term.rank);
        assert_true(again.tensors[i].term.scale == one.tensors[i].term.scale);
    }
    wane_update_free(&again);
    wane_update_free(&stack);
    wane_update_free(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stack_adds_its_adapters),
        cmocka_unit_test(a_stack_has_one_scale),
        cmocka_unit_test(a_stack_of_rslora_adapters_is_none),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
