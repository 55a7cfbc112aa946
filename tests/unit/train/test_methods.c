/* SPDX-License-Identifier: Apache-2.0
 * The table of methods, and an entry that is in no table: LoRA's factors with a vector beside them.
 */
#include <string.h>

#include "eval/model/term.h"
#include "eval/train/method_lora.h"
#include "tests/support/support.h"

#define TINY "reference/tensors/tiny-llama"

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
    {"dora", 3, "adapter", true, true},
};
enum { KNOWN = sizeof known / sizeof *known };

static bool takes(const wane_method *method, const char *key)
{
    bool found = false;
    for (size_t i = 0; i < method->settings->count; i++)
        found = found || strcmp(method->settings->entries[i].name, key) == 0;
    return found;
}

static void names_and_numbers_are_for_ever(void **state)
{
    (void)state;
    for (size_t i = 0; i < KNOWN; i++) {
        const wane_method *method = wane_method_named(known[i].name);
        assert_non_null(method);
        assert_int_equal(method->number, known[i].number);
        assert_string_equal(wane_method_artifact(method), known[i].artifact);
        assert_int_equal(takes(method, "target_modules"), known[i].limited);
        assert_int_equal(takes(method, "rank"), known[i].factors);
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
        assert_ptr_equal(wane_method_named(method->settings->name), method);
        assert_true(method->settings->help && method->learning_rate > 0);
        assert_true(method->bad && method->targets && method->numbers && method->begin &&
                    method->list && method->learned);
        assert_true(method->adapter == (method->term != NULL));
        assert_true(method->adapter == (method->merge != NULL));
        assert_true(method->adapter || (!method->lowrank && !method->stacks));
        /* What an adapter is kept as and read back from. */
        if (method->adapter) {
            const wane_method *found = NULL;
            wane_error err;
            wane_update update = {.lowrank = true,
                                  .facts.form = wane_adapter_form_named(method->settings->name)};
            assert_non_null(update.facts.form);
            CHECK_OK(wane_method_of_update(&found, &update, &err));
            assert_ptr_equal(found, method);
        }
        for (size_t i = 0; i < count; i++)
            assert_int_not_equal(wane_method_at(i)->number, method->number);
    }
    assert_int_equal(count, KNOWN);
    assert_null(wane_method_at(count + 1));
}

/* An adapter of a form that no method trains cannot be merged. */
static void forms_without_a_method_are_refused(void **state)
{
    (void)state;
    wane_error err;
    const wane_method *found = NULL;
    static const wane_adapter_form form = {.name = "full", .flag = "use_full", .set = true};
    wane_update update = {.lowrank = true, .facts.form = &form};
    CHECK_FAILS(wane_method_of_update(&found, &update, &err), WANE_EINVAL,
                "no method trains its form, full");
    update.facts.form = NULL; /* factors alone */
    CHECK_OK(wane_method_of_update(&found, &update, &err));
    assert_ptr_equal(found, &wane_method_lora);
}

/* ------------------------------------------------------------------- an entry of no table */

/* Its vector is trained and does nothing. */
static void no_gradient(const wane_term_rows *rows, const float *x, const float *dy, size_t lddy,
                        size_t first, size_t count, float *out)
{
    (void)rows, (void)x, (void)dy, (void)lddy;
    for (size_t i = first; i < first + count; i++) out[i] += 1;
}

static wane_term idle; /* plain LoRA's with a vector */
static wane_settings odd_settings;
static wane_method odd;

static wane_status begin_odd(wane_trainer *trainer, const wane_method_settings *settings,
                             wane_adapter *continued, wane_error *err)
{
    wane_status st = wane_lora_begin(trainer, settings, continued, err);
    for (size_t f = 0; st == WANE_OK && !continued && f < trainer->adapter->count; f++)
        for (size_t i = 0; i < trainer->adapter->factor[f].rows; i++)
            trainer->adapter->factor[f].vector[i] = 1;
    return st;
}

static size_t numbers_odd(const wane_method_settings *settings, const wane_parameter *parameter)
{
    return wane_lora_numbers(settings, parameter) + parameter->rows;
}

static wane_trainer *train_odd(wane_model *model, size_t steps)
{
    static const int32_t ids[] = {1, 5, 9, 20, 30, 7}, target[] = {9, 7};
    static const size_t starts[] = {0, 6}, position[] = {1, 4};
    static const char *const modules[] = {"q_proj"};
    wane_error err;
    wane_trainer *trainer = NULL;
    idle = wane_low_rank;
    idle.gradient_vector = no_gradient;
    odd = wane_method_lora;
    odd_settings = *wane_method_lora.settings;
    odd_settings.name = "odd";
    odd.settings = &odd_settings;
    odd.term = &idle;
    odd.lowrank = odd.stacks = false;
    odd.begin = begin_odd;
    odd.numbers = numbers_odd;
    wane_method_settings settings = {
        .method = &odd, .rank = 2, .alpha = 4, .modules = modules, .module_count = 1};
    wane_training training = {.learning_rate = 1e-2,
                              .beta1 = 0.9,
                              .beta2 = 0.999,
                              .epsilon = 1e-8,
                              .total_steps = 4,
                              .micro_tokens = 64};
    wane_batch batch = {.tokens = 6,
                        .sequences = 1,
                        .ids = ids,
                        .starts = starts,
                        .targets = 2,
                        .position = position,
                        .target = target};
    CHECK_OK(wane_trainer_new(&trainer, model, &settings, &training, NULL, 1, 1, NULL, &err));
    int64_t numbers = 0;
    CHECK_OK(wane_method_numbers(&numbers, &settings, &model->parameters, &err));
    assert_int_equal(wane_trainer_trained(trainer), numbers);
    for (size_t s = 0; s < steps; s++) {
        wane_step step;
        CHECK_OK(wane_trainer_step(trainer, &batch, &step, &err));
        assert_true(step.finite);
    }
    return trainer;
}

static void a_vector_is_trained_and_kept(void **state)
{
    (void)state;
    wane_error err;
    wane_model *model = NULL;
    wane_update update = {0};
    CHECK_OK(wane_model_load(&model, TINY, &err));
    wane_trainer *trainer = train_odd(model, 0), *later = train_odd(model, 2);
    const wane_factor *fresh = &wane_trainer_adapter(trainer)->factor[1];
    const wane_factor *trained = &wane_trainer_adapter(later)->factor[1];
    for (size_t i = 0; i < fresh->rows; i++) {
        assert_true(fresh->vector[i] == 1);
        assert_true(trained->vector[i] < 0.99f); /* AdamW goes against the gradient */
    }
    /* The state has it. */
    CHECK_OK(wane_trainer_save(later, scratch_path("odd.state"), "key", &err));
    CHECK_OK(wane_trainer_load(trainer, scratch_path("odd.state"), "key", &err));
    assert_memory_equal(fresh->vector, trained->vector, fresh->rows * sizeof(float));
    /* The update has it; a form without a vector has no place for it, and it is no term. */
    CHECK_OK(wane_trainer_update(&update, later, model, &err));
    assert_ptr_equal(update.tensors[1].vector, trained->vector);
    assert_false(wane_update_is_term(&update.tensors[1]));
    CHECK_FAILS(wane_update_save(&update, scratch_path("odd"), &err), WANE_EINVAL,
                "does not fit the update's form");
    wane_update both[] = {update, update}, stack = {0};
    CHECK_FAILS(wane_update_stack(&stack, both, 2, &err), WANE_EINVAL, "has more than factors");
    wane_update_free(&update);
    wane_trainer_free(trainer);
    wane_trainer_free(later);
    wane_model_free(model);
}

static void what_does_not_add_up_is_not_stacked(void **state)
{
    (void)state;
    wane_error err;
    wane_model *model = NULL;
    CHECK_OK(wane_model_load(&model, TINY, &err));
    wane_trainer *below = train_odd(model, 0), *trainer = train_odd(model, 0);
    CHECK_FAILS(wane_trainer_freeze(trainer, wane_trainer_adapter(below), &err), WANE_EINVAL,
                "adapters of odd do not add up to one");
    wane_trainer_free(below);
    wane_trainer_free(trainer);
    wane_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_numbers_are_for_ever),
        cmocka_unit_test(entries_are_whole_and_differ),
        cmocka_unit_test(forms_without_a_method_are_refused),
        cmocka_unit_test(a_vector_is_trained_and_kept),
        cmocka_unit_test(what_does_not_add_up_is_not_stacked),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
