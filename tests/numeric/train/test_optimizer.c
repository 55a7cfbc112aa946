/* SPDX-License-Identifier: Apache-2.0
 * Schedules, AdamW and clipping against transformers and torch
 * (tests/reference/make_training_fixtures.py).
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/train/optimizer.h"
#include "eval/train/train.h"
#include "store/base/random.h"
#include "store/files/json.h"
#include "tests/support/support.h"

#define FIXTURES "reference/train/"

static void schedules_equal_transformers(void **state)
{
    (void)state;
    static const char *const names[] = {"constant", "linear", "cosine"};
    wane_error err;
    wane_json *root = NULL;
    CHECK_OK(load_json(&root, FIXTURES "training.json", &err));
    const wane_json *rows = wane_json_get(root, "schedules");
    assert_int_equal(wane_json_size(rows), 21);
    for (size_t i = 0; i < wane_json_size(rows); i++) {
        const wane_json *row = wane_json_at(rows, i), *rates = wane_json_get(row, "rates");
        wane_training training = {.learning_rate = 3e-4,
                                  .total_steps = (size_t)json_value(wane_json_get(row, "total")),
                                  .warmup_ratio = json_value(wane_json_get(row, "ratio"))};
        const char *name = wane_json_string(wane_json_get(row, "schedule"), NULL);
        for (int k = 0; k < 3; k++)
            if (strcmp(name, names[k]) == 0) training.schedule = (wane_schedule)k;
        assert_int_equal(wane_json_size(rates), training.total_steps + 2);
        for (size_t s = 0; s < wane_json_size(rates); s++)
            CHECK_NEAR(wane_learning_rate(&training, s), json_value(wane_json_at(rates, s)), 1e-19,
                       1e-14);
    }
    wane_json_free(root);
}

static const wane_tensor *loose(const wane_tensors *tensors, const char *what, int step, int index)
{
    char name[64];
    if (step < 0) (void)snprintf(name, sizeof name, "%s.%d", what, index);
    else (void)snprintf(name, sizeof name, "%s.%d.%d", what, step, index);
    const wane_tensor *found = wane_tensors_find(tensors, name);
    assert_non_null(found);
    return found;
}

static void adamw_and_clipping_equal_torch(void **state)
{
    (void)state;
    enum { TENSORS = 3, STEPS = 6 };
    wane_error err;
    wane_json *root = NULL;
    wane_tensors *tensors = NULL;
    wane_optimizer *optimizer = NULL;
    CHECK_OK(load_json(&root, FIXTURES "training.json", &err));
    CHECK_OK(wane_tensors_open(&tensors, FIXTURES "tensors.safetensors", &err));
    const wane_json *facts = wane_json_get(root, "loose");
    static float values[TENSORS][64], gradients[TENSORS][64];
    wane_trained list[TENSORS];
    for (int i = 0; i < TENSORS; i++) {
        const wane_tensor *start = loose(tensors, "start", -1, i);
        CHECK_OK(wane_tensors_read(tensors, start, values[i], &err));
        list[i] = (wane_trained){.name = "loose",
                                 .value = values[i],
                                 .gradient = gradients[i],
                                 .count = start->elements,
                                 .decays = i != 1};
    }
    CHECK_OK(wane_optimizer_new(&optimizer, list, TENSORS, &err));
    int clipped = 0;
    for (int step = 0; step < STEPS; step++) {
        for (int i = 0; i < TENSORS; i++)
            CHECK_OK(wane_tensors_read(tensors, loose(tensors, "gradient", step, i), gradients[i],
                                       &err));
        double norm = wane_optimizer_norm(optimizer, NULL);
        CHECK_NEAR(norm, json_value(wane_json_at(wane_json_get(facts, "norms"), (size_t)step)), 0,
                   3e-7);
        clipped += norm > 1;
        wane_adamw settings = {
            .learning_rate = json_value(wane_json_at(wane_json_get(facts, "rates"), (size_t)step)),
            .weight_decay = 0.1,
            .beta1 = 0.9,
            .beta2 = 0.98,
            .epsilon = 1e-6,
            .step = (size_t)step + 1,
            .gradient_scale = wane_clip_scale(norm, 1)};
        wane_optimizer_step(optimizer, &settings, NULL);
        for (int i = 0; i < TENSORS; i++) {
            float wanted[64];
            const wane_tensor *after = loose(tensors, "value", step, i);
            CHECK_OK(wane_tensors_read(tensors, after, wanted, &err));
            for (size_t k = 0; k < after->elements; k++) {
                CHECK_NEAR(values[i][k], wanted[k], 3e-7, 3e-7);
                assert_true(gradients[i][k] == 0);
            }
        }
    }
    assert_int_equal(clipped, 3);
    wane_optimizer_free(optimizer);
    wane_tensors_close(tensors);
    wane_json_free(root);
}

enum { BIG = 50001, SMALL = 77 };

/* Steps on two tensors, one of several tiles, with `threads`; returns the norm of the last step. */
static double run(float *big, float *small, int threads)
{
    wane_error err;
    wane_pool *pool = NULL;
    wane_optimizer *optimizer = NULL;
    float *gradient = calloc(BIG + SMALL, sizeof *gradient);
    double norm = 0;
    assert_non_null(gradient);
    wane_random where = {.seed = 4, .purpose = WANE_RANDOM_TEST};
    wane_random_normal_fill(big, BIG, 1, &where);
    wane_random_normal_fill(small, SMALL, 1, &where);
    wane_trained list[] = {{"big", big, gradient, BIG, true, NULL, NULL},
                           {"small", small, gradient + BIG, SMALL, false, NULL, NULL}};
    CHECK_OK(wane_pool_new(&pool, threads, &err));
    CHECK_OK(wane_optimizer_new(&optimizer, list, 2, &err));
    for (size_t step = 1; step <= 3; step++) {
        where.step = step;
        wane_random_normal_fill(gradient, BIG + SMALL, 1, &where);
        double exact = 0;
        for (size_t i = 0; i < BIG + SMALL; i++) exact += (double)gradient[i] * gradient[i];
        norm = wane_optimizer_norm(optimizer, pool);
        CHECK_NEAR(norm, sqrt(exact), 0, 1e-13);
        wane_adamw settings = {.learning_rate = 0.01,
                               .weight_decay = 0.1,
                               .beta1 = 0.9,
                               .beta2 = 0.999,
                               .epsilon = 1e-8,
                               .step = step,
                               .gradient_scale = wane_clip_scale(norm, 1)};
        wane_optimizer_step(optimizer, &settings, pool);
    }
    gradient[BIG] = 1;
    gradient[3] = INFINITY;
    assert_true(isinf(wane_optimizer_norm(optimizer, pool)));
    gradient[BIG + 1] = NAN;
    assert_true(isnan(wane_optimizer_norm(optimizer, pool)));
    gradient[3] = 3e38F; /* no overflow in double */
    gradient[BIG + 1] = 0;
    CHECK_NEAR(wane_optimizer_norm(optimizer, pool), 3e38, 0, 1e-6);
    wane_optimizer_zero(optimizer, pool);
    assert_true(wane_optimizer_norm(optimizer, pool) == 0);
    wane_optimizer_free(optimizer);
    wane_pool_free(pool);
    free(gradient);
    return norm;
}

static void threads_change_no_bit(void **state)
{
    (void)state;
    float *values = calloc(2 * (BIG + SMALL), sizeof *values);
    assert_non_null(values);
    double one = run(values, values + BIG, 1);
    double three = run(values + BIG + SMALL, values + 2 * BIG + SMALL, 3);
    assert_memory_equal(&one, &three, sizeof one);
    assert_memory_equal(values, values + BIG + SMALL, (BIG + SMALL) * sizeof *values);
    free(values);
}

static void clipping_is_a_ceiling(void **state)
{
    (void)state;
    assert_true(wane_clip_scale(0, 1) == 1);
    assert_true(wane_clip_scale(0.5, 1) == 1);
    assert_true(wane_clip_scale(1e6, 0) == 1);
    CHECK_NEAR(wane_clip_scale(4, 1), 0.25, 0, 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schedules_equal_transformers),
        cmocka_unit_test(adamw_and_clipping_equal_torch),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(clipping_is_a_ceiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
