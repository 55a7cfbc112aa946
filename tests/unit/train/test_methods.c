/* SPDX-License-Identifier: Apache-2.0
 * The table of methods.
 */
#include <string.h>

#include "eval/train/method.h"
#include "tests/support/support.h"

/* What keys of stages, names in files and kinds of artifacts are made of: a line more for a method
 * more, and none of them ever changes. */
static const struct {
    const char *name;
    int number;
    const char *artifact;
    bool limited, factors;
} known[] = {
    {"full", 0, "tensors", false, false},
    {"full-matrices", 1, "tensors", true, false},
    {"lora", 2, "adapter", true, true},
};
enum { KNOWN = sizeof known / sizeof *known };

static void names_and_numbers_are_for_ever(void **state)
{
    (void)state;
    for (size_t i = 0; i < KNOWN; i++) {
        const wane_method *method = wane_method_named(known[i].name);
        assert_non_null(method);
        assert_int_equal(method->number, known[i].number);
        assert_string_equal(wane_method_artifact(method), known[i].artifact);
        assert_int_equal(wane_method_takes(method, "target_modules"), known[i].limited);
        assert_int_equal(wane_method_takes(method, "rank"), known[i].factors);
    }
    assert_null(wane_method_named("given"));
    assert_null(wane_method_named("lor"));
}

static void entries_are_whole_and_differ(void **state)
{
    (void)state;
    size_t count = 0;
    for (; wane_method_at(count); count++) {
        const wane_method *method = wane_method_at(count);
        assert_ptr_equal(wane_method_named(method->name), method);
        assert_true(method->help && method->keys && method->learning_rate > 0);
        assert_true(method->bad && method->targets && method->numbers && method->begin &&
                    method->list && method->learned);
        assert_true((method->refused != NULL) == (method->why != NULL));
        assert_true(method->adapter || !method->lowrank);
        for (size_t i = 0; i < count; i++)
            assert_int_not_equal(wane_method_at(i)->number, method->number);
    }
    assert_int_equal(count, KNOWN);
    assert_null(wane_method_at(count + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_numbers_are_for_ever),
        cmocka_unit_test(entries_are_whole_and_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
