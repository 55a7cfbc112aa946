/* SPDX-License-Identifier: Apache-2.0
 * What a trainer refuses, and what it takes for its targets.
 */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "eval/model/term.h"
#include "eval/train/train.h"
#include "store/base/memory.h"
#include "store/base/random.h"
#include "tests/support/support.h"

#define TINY "reference/tensors/tiny-llama"

static wane_training usual(void)
{
    return (wane_training){.learning_rate = 1e-3,
                           .beta1 = 0.9,
                           .beta2 = 0.999,
                           .epsilon = 1e-8,
                           .total_steps = 10,
                           .micro_tokens = 64};
}

static wane_model *model;

static int load_model(void **state)
{
    (void)state;
    wane_error err;
    return wane_model_load(&model, TINY, &err) == WANE_OK ? 0 : -1;
}

static int free_model(void **state)
{
    (void)state;
    wane_model_free(model);
    return 0;
}

/* How many numbers a method trains; and says that it will, before there is a trainer. */
static size_t trained(wane_method_settings method)
{
    wane_error err;
    wane_trainer *trainer = NULL;
    wane_training training = usual();
    CHECK_OK(wane_trainer_new(&trainer, model, &method, &training, NULL, 0, 0, NULL, &err));
    size_t numbers = wane_trainer_trained(trainer);
    int64_t said = 0;
    CHECK_OK(wane_method_numbers(&said, &method, &model->parameters, &err));
    assert_int_equal(said, numbers);
    assert_true((method.method == &wane_method_lora) == (wane_trainer_adapter(trainer) != NULL));
    wane_trainer_free(trainer);
    return numbers;
}

static void targets_are_named_as_in_peft(void **state)
{
    (void)state;
    static const char *const q[] = {"q_proj"}, *const one[] = {"model.layers.1.mlp.up_proj"};
    static const char *const part[] = {"1.self_attn.k_proj", "v_proj"}, *const all[] = {
                                                                            "all-linear"};
    size_t layer = 16 * 16 * 2 + 8 * 16 * 2 + 3 * 24 * 16;
    assert_int_equal(trained((wane_method_settings){.method = &wane_method_full}),
                     2 * layer + 2 * 64 * 16 + 5 * 16);
    assert_int_equal(trained((wane_method_settings){.method = &wane_method_full_matrices}),
                     2 * layer);
    assert_int_equal(trained((wane_method_settings){&wane_method_full_matrices, .modules = q,
                                                    .module_count = 1}),
                     2 * 16 * 16);
    assert_int_equal(trained((wane_method_settings){&wane_method_full_matrices, .modules = one,
                                                    .module_count = 1}),
                     24 * 16);
    wane_method_settings lora = {.method = &wane_method_lora, .rank = 3, .alpha = 6};
    size_t factors = 2 * 3 * ((16 + 16) * 2 + (8 + 16) * 2 + (24 + 16) * 3);
    assert_int_equal(trained(lora), factors);
    lora.modules = all;
    lora.module_count = 1;
    assert_int_equal(trained(lora), factors);
    lora.modules = part;
    lora.module_count = 2;
    assert_int_equal(trained(lora), 3 * 3 * (8 + 16));
}

static void refuse(wane_method_settings method, wane_training training, const char *cause)
{
    wane_error err;
    wane_trainer *trainer = NULL;
    CHECK_FAILS(wane_trainer_new(&trainer, model, &method, &training, NULL, 0, 0, NULL, &err),
                WANE_EINVAL, cause);
    assert_null(trainer);
}

static void bad_settings_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"q_porj"}, *const head[] = {"lm_head"},
                             *const proj[] = {"proj"};
    wane_method_settings full = {.method = &wane_method_full_matrices};
    wane_method_settings lora = {.method = &wane_method_lora, .rank = 3, .alpha = 6};
    wane_training t = usual();
    t.learning_rate = -1;
    refuse(full, t, "learning_rate");
    t = usual();
    t.warmup_ratio = 1.5;
    refuse(full, t, "warmup_ratio");
    t = usual();
    t.total_steps = 0;
    refuse(full, t, "total_steps");
    t = usual();
    t.micro_tokens = 0;
    refuse(full, t, "micro_tokens");
    t = usual();
    t.beta2 = 1;
    refuse(full, t, "beta2");
    t = usual();
    full.modules = wrong;
    full.module_count = 1;
    refuse(full, t, "q_porj: no linear module of that name; did you mean q_proj");
    full.modules = head;
    refuse(full, t, "lm_head: no linear module");
    full.modules = proj;
    refuse(full, t, "proj: no linear module");
    lora.dropout = 1;
    refuse(lora, t, "dropout");
    lora.dropout = 0;
    lora.rank = 0;
    refuse(lora, t, "rank");
}

static void a_continued_adapter_must_fit(void **state)
{
    (void)state;
    static const char *const q[] = {"q_proj"};
    wane_error err;
    wane_trainer *trainer = NULL;
    wane_adapter *adapter = NULL;
    wane_training t = usual();
    wane_method_settings lora = {.method = &wane_method_lora, .rank = 3, .alpha = 6};
    bool *target = wane_alloc(model->parameters.count, sizeof *target);
    for (size_t i = 0; i < model->parameters.count; i++)
        target[i] = model->parameters.parameter[i].linear;
    CHECK_OK(wane_adapter_new(&adapter, &wane_low_rank, &model->parameters, target, 3, 2, 0, 1, 0,
                              &err));
    wane_free(target);
    wane_method_settings full = {.method = &wane_method_full};
    CHECK_FAILS(wane_trainer_new(&trainer, model, &full, &t, adapter, 0, 0, NULL, &err),
                WANE_EINVAL, "a full method has no adapter");
    lora.rank = 4;
    CHECK_FAILS(wane_trainer_new(&trainer, model, &lora, &t, adapter, 0, 0, NULL, &err),
                WANE_EINVAL, "rank 3 and scale 2, the method has 4");
    lora.rank = 3;
    lora.alpha = 9;
    CHECK_FAILS(wane_trainer_new(&trainer, model, &lora, &t, adapter, 0, 0, NULL, &err),
                WANE_EINVAL, "rank 3 and scale 2, the method has 3 and 3");
    lora.alpha = 6;
    lora.modules = q;
    lora.module_count = 1;
    CHECK_FAILS(wane_trainer_new(&trainer, model, &lora, &t, adapter, 0, 0, NULL, &err),
                WANE_EINVAL, "adapted before, but not by this method");
    lora.module_count = 0;
    CHECK_OK(wane_trainer_new(&trainer, model, &lora, &t, adapter, 0, 0, NULL, &err));
    assert_ptr_equal(wane_trainer_adapter(trainer), adapter);
    wane_trainer_free(trainer);
}

static void updates_must_fit_the_model(void **state)
{
    (void)state;
    static const float zeros[4096];
    wane_error err;
    wane_update update = {0};
    wane_adapter *adapter = NULL;
    CHECK_OK(wane_update_new(&update, 2, false, &err));
    update.tensors[0] = (wane_update_tensor){
        .name = "model.layers.0.self_attn.q_proj.weight", .rows = 16, .cols = 16, .data = zeros};
    update.tensors[1] = (wane_update_tensor){.name = "absent", .rows = 1, .cols = 1, .data = zeros};
    size_t place = model->parameters.parameter[1].offset;
    float kept = model->weights[place];
    CHECK_FAILS(wane_model_apply(model, &update, NULL, &err), WANE_EINVAL,
                "absent: the model has no such tensor");
    update.tensors[1].name = "lm_head.weight";
    CHECK_FAILS(wane_model_apply(model, &update, NULL, &err), WANE_EINVAL,
                "lm_head.weight: 1 x 1, the model's is 64 x 16");
    assert_true(model->weights[place] == kept);
    CHECK_FAILS(wane_adapter_from_update(&adapter, &model->parameters, &update, &err), WANE_EINVAL,
                "no low-rank terms");
    update.lowrank = true;
    update.tensors[0].term = (wane_lowrank_term){zeros, zeros, 2, 1};
    update.tensors[1].rows = 64;
    update.tensors[1].cols = 16;
    update.tensors[1].term = (wane_lowrank_term){zeros, zeros, 2, 1};
    CHECK_FAILS(wane_adapter_from_update(&adapter, &model->parameters, &update, &err), WANE_EINVAL,
                "lm_head.weight: no linear weight of a layer");
    assert_null(adapter);
    wane_update_free(&update);
}

static const int32_t batch_ids[] = {5, 6, 7, 8}, batch_target[] = {7, 8};
static const size_t batch_starts[] = {0, 4}, batch_position[] = {1, 2};
static const wane_batch one_batch = {.tokens = 4,
                                     .sequences = 1,
                                     .ids = batch_ids,
                                     .starts = batch_starts,
                                     .targets = 2,
                                     .position = batch_position,
                                     .target = batch_target};

/* B is zero, so that an A beyond measure changes no output and no loss; but B's gradient is a
 * product with A x, and beyond fp32. Such a step trains nothing. */
static void a_gradient_that_is_not_finite_trains_nothing(void **state)
{
    (void)state;
    wane_error err;
    wane_trainer *trainer = NULL;
    wane_training t = usual();
    wane_method_settings lora = {.method = &wane_method_lora, .rank = 1, .alpha = 1e30};
    wane_step step = {0};
    CHECK_OK(wane_trainer_new(&trainer, model, &lora, &t, NULL, 0, 0, NULL, &err));
    const wane_factor *factor = &wane_trainer_adapter(trainer)->factor[0];
    for (size_t i = 0; i < factor->cols; i++) factor->a[i] = i % 2 ? 1e30F : 2e30F;
    CHECK_OK(wane_trainer_step(trainer, &one_batch, &step, &err));
    assert_true(isfinite(step.loss));
    assert_false(isfinite(step.grad_norm));
    assert_false(step.finite);
    assert_int_equal(wane_trainer_done(trainer), 0);
    for (size_t i = 0; i < factor->rows; i++) assert_true(factor->b[i] == 0);
    assert_true(factor->a[0] == 2e30F && factor->a[1] == 1e30F);
    wane_trainer_free(trainer);
}

/* A head's first values come from the run's seed and the stage, and no two stages share them. */
static void a_head_is_drawn_for_its_stage(void **state)
{
    (void)state;
    wane_error err;
    static const size_t classes[] = {3, 2};
    wane_training t = usual();
    wane_method_settings lora = {.method = &wane_method_lora,
                                 .rank = 1,
                                 .alpha = 1,
                                 .linear_head = true,
                                 .head_groups = 2,
                                 .head_classes = classes};
    const uint64_t places[][2] = {{7, 1}, {7, 2}, {8, 1}, {7, 0}}; /* seed, stage */
    float drawn[4][5 * 16];
    for (size_t i = 0; i < 4; i++) {
        wane_trainer *trainer = NULL;
        CHECK_OK(wane_trainer_new(&trainer, model, &lora, &t, NULL, places[i][0], places[i][1],
                                  NULL, &err));
        const wane_class_head *head = wane_trainer_head(trainer);
        assert_int_equal(head->outputs, 5);
        memcpy(drawn[i], head->weight, sizeof drawn[i]);
        wane_trainer_free(trainer);
        for (size_t k = 0; k < i; k++)
            for (size_t j = 0; j < 5 * 16; j++) assert_true(drawn[k][j] != drawn[i][j]);
    }
}

/* Each initial number times 1 + r g, g from Philox at (seed, PERTURB, stage, which, tensor): by the
 * formula, and not for what is zero. A full method trains the model's own weights. */
static void initial_numbers_are_perturbed(void **state)
{
    (void)state;
    wane_error err;
    wane_trainer *plain = NULL, *perturbed = NULL;
    wane_training t = usual();
    wane_method_settings lora = {.method = &wane_method_lora, .rank = 3, .alpha = 6};
    CHECK_OK(wane_trainer_new(&plain, model, &lora, &t, NULL, 7, 2, NULL, &err));
    CHECK_OK(wane_trainer_new(&perturbed, model, &lora, &t, NULL, 7, 2, NULL, &err));
    CHECK_OK(wane_trainer_perturb(perturbed, 1e-3, 4, &err));
    const wane_adapter *a = wane_trainer_adapter(plain), *b = wane_trainer_adapter(perturbed);
    double squares = 0, numbers = 0;
    for (size_t f = 0; f < a->count; f++) {
        const wane_factor *from = &a->factor[f], *to = &b->factor[f];
        size_t count = from->rank * from->cols;
        float *normal = malloc(count * sizeof *normal);
        wane_random where = {
            .seed = 7, .purpose = WANE_RANDOM_PERTURB, .stage = 2, .step = 4, .tensor = 2 * f};
        assert_non_null(normal);
        wane_random_normal_fill(normal, count, 1, &where);
        for (size_t i = 0; i < count; i++) {
            double g = ((double)to->a[i] / (double)from->a[i] - 1) / 1e-3;
            CHECK_NEAR(g, (double)normal[i], 3e-4, 0); /* of fp32 */
            squares += g * g;
            numbers++;
        }
        for (size_t i = 0; i < from->rows * from->rank; i++) assert_true(to->b[i] == 0);
        free(normal);
    }
    CHECK_NEAR(squares / numbers, 1, 5 * sqrt(2 / numbers), 0);
    wane_trainer_free(plain);
    wane_trainer_free(perturbed);

    wane_method_settings full = {.method = &wane_method_full};
    float *before = malloc(model->parameters.floats * sizeof *before);
    assert_non_null(before);
    memcpy(before, model->weights, model->parameters.floats * sizeof *before);
    CHECK_OK(wane_trainer_new(&plain, model, &full, &t, NULL, 7, 1, NULL, &err));
    CHECK_OK(wane_trainer_perturb(plain, 1e-7, 1, &err));
    size_t moved = 0;
    for (size_t i = 0; i < model->parameters.floats; i++) {
        CHECK_NEAR((double)model->weights[i], (double)before[i], 0, 7e-7);
        moved += model->weights[i] != before[i];
    }
    assert_true(moved > model->parameters.numbers / 4 && moved < model->parameters.numbers);
    memcpy(model->weights, before, model->parameters.floats * sizeof *before);
    wane_trainer_free(plain);
    free(before);
}

/* Without memory every step of making a trainer and training once fails cleanly. */
static void lack_of_memory_is_reported(void **state)
{
    (void)state;
    wane_error err;
    wane_training t = usual();
    wane_method_settings lora = {.method = &wane_method_lora, .rank = 3, .alpha = 6};
    long n = 0;
    for (;; n++) {
        wane_trainer *trainer = NULL;
        wane_step step;
        wane_memory_fail_after(n);
        wane_status st = wane_trainer_new(&trainer, model, &lora, &t, NULL, 0, 0, NULL, &err);
        if (st == WANE_OK) st = wane_trainer_step(trainer, &one_batch, &step, &err);
        wane_memory_fail_after(-1);
        if (st != WANE_OK) assert_int_equal(st, WANE_ENOMEM);
        if (st != WANE_OK && trainer) {
            CHECK_OK(wane_trainer_step(trainer, &one_batch, &step, &err));
            assert_int_equal(wane_trainer_done(trainer), 1);
        }
        wane_trainer_free(trainer);
        if (st == WANE_OK) break;
    }
    assert_true(n > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_are_named_as_in_peft),
        cmocka_unit_test(bad_settings_are_refused),
        cmocka_unit_test(a_continued_adapter_must_fit),
        cmocka_unit_test(updates_must_fit_the_model),
        cmocka_unit_test(a_gradient_that_is_not_finite_trains_nothing),
        cmocka_unit_test(a_head_is_drawn_for_its_stage),
        cmocka_unit_test(initial_numbers_are_perturbed),
        cmocka_unit_test(lack_of_memory_is_reported),
    };
    return cmocka_run_group_tests(tests, load_model, free_model);
}
