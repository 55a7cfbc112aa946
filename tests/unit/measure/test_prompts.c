/* SPDX-License-Identifier: Apache-2.0
 * What is measured on prompts beside the scores of labels: the features of their last tokens, and
 * how strongly a change of the weights acts on their tokens.
 */
#include <math.h>
#include <string.h>

#include "eval/measure/measure.h"
#include "store/base/memory.h"
#include "tests/support/support.h"
#include "tests/unit/measure/direct.h"

enum { VOCABULARY = 61, WIDTH = 16, ROWS = 150, TOKENS_MOST = 4000 };

/* Each prompt alone, its last token asked for alone. */
static void features_are_of_the_last_token(void **state)
{
    (void)state;
    static size_t starts[ROWS + 1];
    static int32_t ids[TOKENS_MOST];
    static double features[ROWS * WIDTH];
    wane_error err;
    wane_model *model = direct_model(VOCABULARY, 64, 1);
    wane_adapter *adapter = direct_adapter(model);
    wane_pass *pass = NULL;
    wane_pass_limits limits = {
        .tokens = 64, .sequences = 1, .targets = 1, .adapter_floats_rank = 2};
    for (size_t r = 0; r < ROWS; r++) starts[r + 1] = starts[r] + 1 + 7 * r % 31;
    assert_in_range(starts[ROWS], WANE_MEASURE_TOKENS + 1, TOKENS_MOST); /* two batches */
    direct_ids(ids, starts[ROWS], VOCABULARY, 7);
    const wane_prompts prompts = {.rows = ROWS, .starts = starts, .ids = ids};
    CHECK_OK(wane_measure_features(features, model, adapter, &prompts, NULL, &err));
    CHECK_OK(wane_pass_new(&pass, &model->config, &limits, NULL, &err));
    for (size_t r = 0; r < ROWS; r++) {
        size_t length = starts[r + 1] - starts[r], one[2] = {0, length}, last = length - 1;
        const wane_batch batch = {
            .tokens = length, .sequences = 1, .ids = ids + starts[r], .starts = one};
        float wanted[WIDTH];
        CHECK_OK(wane_pass_forward(pass, model, adapter, &batch, NULL, &err));
        wane_pass_features(pass, &last, 1, wanted);
        for (size_t i = 0; i < WIDTH; i++)
            CHECK_NEAR(features[r * WIDTH + i], (double)wanted[i], 2e-5, 1e-5);
    }
    wane_pass_free(pass);
    wane_adapter_free(adapter);
    wane_model_free(model);
}

static const wane_parameter *parameter(const wane_model *model, const char *name)
{
    long at = wane_parameters_find(&model->parameters, name);
    assert_true(at >= 0);
    return &model->parameters.parameter[at];
}

/* |C x| / |x| of the query weight of the first layer. Its input is the token's embedding times the
 * norm's weight, but for a factor, which leaves the quotient as it is. */
static double response(const wane_model *model, const wane_model *change, int32_t id)
{
    const float *embedding =
        model->weights + parameter(model, "model.embed_tokens.weight")->offset + WIDTH * id;
    const float *norm =
        model->weights + parameter(model, "model.layers.0.input_layernorm.weight")->offset;
    const wane_parameter *query = parameter(change, "model.layers.0.self_attn.q_proj.weight");
    double x[WIDTH], in = 0, out = 0;
    assert_int_equal(query->cols, WIDTH);
    for (size_t i = 0; i < WIDTH; i++) {
        x[i] = (double)embedding[i] * (double)norm[i];
        in += x[i] * x[i];
    }
    for (size_t o = 0; o < query->rows; o++) {
        double sum = 0;
        for (size_t i = 0; i < WIDTH; i++)
            sum += (double)change->weights[query->offset + o * WIDTH + i] * x[i];
        out += sum * sum;
    }
    return sqrt(out / in);
}

/* Token 4 has no embedding: nothing to act on, so it counts for nothing. */
static void response_is_a_mean_over_tokens_with_an_input(void **state)
{
    (void)state;
    static size_t starts[] = {0, 3, 5};
    static int32_t ids[] = {4, 3, 9, 20, 4};
    wane_error err;
    wane_model *model = direct_model(VOCABULARY, 64, 1), *change = direct_model(VOCABULARY, 64, 2);
    const wane_prompts prompts = {.rows = 2, .starts = starts, .ids = ids};
    const wane_parameters *all = &model->parameters;
    double *mean = wane_alloc(all->count, sizeof *mean);
    size_t tokens = 0;
    size_t query =
        (size_t)(parameter(model, "model.layers.0.self_attn.q_proj.weight") - all->parameter);
    assert_non_null(mean);
    memset(model->weights + parameter(model, "model.embed_tokens.weight")->offset + 4 * WIDTH, 0,
           WIDTH * sizeof *model->weights);
    double a = response(model, change, 3), b = response(model, change, 9),
           c = response(model, change, 20);
    CHECK_OK(wane_measure_response(mean, &tokens, model, change, &prompts, 5, NULL, &err));
    assert_int_equal(tokens, 5);
    CHECK_NEAR(mean[query], (a + b + c) / 3, 0, 1e-5);
    for (size_t p = 0; p < all->count; p++)
        assert_true(all->parameter[p].linear ? mean[p] > 0 : isnan(mean[p]));
    CHECK_OK(wane_measure_response(mean, &tokens, model, change, &prompts, 1, NULL, &err));
    assert_int_equal(tokens, 3);
    CHECK_NEAR(mean[query], (a + b) / 2, 0, 1e-5);
    CHECK_FAILS(wane_measure_response(mean, &tokens, model, change, &prompts, 0, NULL, &err),
                WANE_EINVAL, "no row to measure");
    wane_free(mean);
    wane_model_free(change);
    wane_model_free(model);
}

/* |x|^2 of the same weight's input: the embedding over its root mean square, times the weight. */
static double input_square(const wane_model *model, int32_t id)
{
    const float *embedding =
        model->weights + parameter(model, "model.embed_tokens.weight")->offset + WIDTH * id;
    const float *norm =
        model->weights + parameter(model, "model.layers.0.input_layernorm.weight")->offset;
    double mean = model->config.norm_epsilon, sum = 0;
    for (size_t i = 0; i < WIDTH; i++) mean += (double)embedding[i] * (double)embedding[i] / WIDTH;
    for (size_t i = 0; i < WIDTH; i++) {
        double x = (double)embedding[i] * (double)norm[i];
        sum += x * x / mean;
    }
    return sum;
}

/* Sums of squares over every token that is an input; the last one of a window that only is
 * predicted is none. One pool or none: the same bits. */
static void images_are_sums_over_the_inputs(void **state)
{
    (void)state;
    static size_t starts[] = {0, 3, 5};
    static int32_t ids[] = {7, 3, 9, 20, 4};
    wane_error err;
    wane_pool *pool = NULL;
    wane_model *model = direct_model(VOCABULARY, 64, 1), *change = direct_model(VOCABULARY, 64, 2);
    const wane_parameters *all = &model->parameters;
    size_t query =
        (size_t)(parameter(model, "model.layers.0.self_attn.q_proj.weight") - all->parameter);
    CHECK_OK(wane_pool_new(&pool, 3, &err));
    for (int ahead = 0; ahead < 2; ahead++) {
        const wane_windows windows = {
            .windows = 2, .starts = starts, .ids = ids, .ahead = ahead == 1};
        double *image = wane_alloc(4 * all->count, sizeof *image), *input = image + all->count;
        double wanted_image = 0, wanted_input = 0;
        size_t tokens = 0, again = 0;
        assert_non_null(image);
        CHECK_OK(wane_measure_images(image, input, &tokens, model, change, &windows, NULL, &err));
        assert_int_equal(tokens, ahead ? 3 : 5);
        for (size_t w = 0; w < 2; w++)
            for (size_t t = starts[w]; t < starts[w + 1] - (size_t)ahead; t++) {
                double square = input_square(model, ids[t]);
                wanted_input += square;
                wanted_image += pow(response(model, change, ids[t]), 2) * square;
            }
        CHECK_NEAR(input[query], wanted_input, 0, 1e-5);
        CHECK_NEAR(image[query], wanted_image, 0, 1e-5);
        for (size_t p = 0; p < all->count; p++)
            assert_true(all->parameter[p].linear ? image[p] > 0 && input[p] > 0
                                                 : isnan(image[p]) && isnan(input[p]));
        CHECK_OK(wane_measure_images(image + 2 * all->count, input + 2 * all->count, &again, model,
                                     change, &windows, pool, &err));
        assert_memory_equal(image, image + 2 * all->count, 2 * all->count * sizeof *image);
        wane_free(image);
    }
    wane_pool_free(pool);
    wane_model_free(change);
    wane_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(features_are_of_the_last_token),
        cmocka_unit_test(response_is_a_mean_over_tokens_with_an_input),
        cmocka_unit_test(images_are_sums_over_the_inputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
