/* SPDX-License-Identifier: Apache-2.0
 * Against transformers, peft and torch on tiny models: logits, likelihoods, gradients.
 */
#include <stdio.h>
#include <string.h>

#include "eval/model/model.h"
#include "eval/model/term.h"
#include "store/base/memory.h"
#include "tests/numeric/model/reference_case.h"
#include "tests/support/support.h"

static void check_logits(const char *name, const wane_model *model, const wane_adapter *adapter,
                         const reference_case *c, size_t rank)
{
    wane_error err;
    size_t count = 0, tokens = c->batch.tokens, positions[64];
    float *expected = reference_values(c, "logits", &count);
    float *actual = wane_alloc(count, sizeof *actual);
    float *nll = wane_alloc(c->batch.targets, sizeof *nll);
    int32_t *best = wane_alloc(c->batch.targets, sizeof *best);
    wane_pass *pass = NULL;
    wane_pass_limits limits = {.tokens = tokens,
                               .sequences = c->batch.sequences,
                               .targets = c->batch.targets,
                               .adapter_floats_rank = rank};
    CHECK_OK(wane_pass_new(&pass, &model->config, &limits, NULL, &err));
    CHECK_OK(wane_pass_forward(pass, model, adapter, &c->batch, NULL, &err));
    wane_pass_nll(pass, nll, best);
    for (size_t i = 0; i < tokens; i++) positions[i] = i;
    wane_pass_logits(pass, positions, tokens, actual);
    double difference = relative_difference(actual, expected, count);
    print_message("%s: logits differ by %.2g of their maximum\n", name, difference);
    assert_true(difference <= 5e-6);
    double sum = 0;
    for (size_t i = 0; i < c->batch.targets; i++) {
        const float *row = expected + c->batch.position[i] * model->config.vocabulary;
        size_t top = 0;
        for (size_t v = 0; v < model->config.vocabulary; v++)
            if (row[v] > row[top]) top = v;
        assert_int_equal(best[i], top);
        sum += nll[i];
    }
    float *loss = reference_values(c, "loss", NULL);
    CHECK_NEAR(sum, loss[0], 0, 5e-6);
    wane_free(loss);
    wane_pass_free(pass);
    wane_free(expected);
    wane_free(actual);
    wane_free(nll);
    wane_free(best);
}

static void open_model(const char *name, wane_model **model, reference_case *c)
{
    wane_error err;
    char path[128];
    (void)snprintf(path, sizeof path, "reference/model/%s", name);
    CHECK_OK(wane_model_load(model, path, &err));
    (void)snprintf(path, sizeof path, "reference/model/%s/expected.safetensors", name);
    reference_open(c, path);
}

static void logits_equal_transformers(void **state)
{
    (void)state;
    const char *names[] = {"tied", "bias"};
    for (int i = 0; i < 2; i++) {
        wane_model *model = NULL;
        reference_case c;
        open_model(names[i], &model, &c);
        check_logits(names[i], model, NULL, &c, 0);
        wane_model_free(model);
        reference_close(&c);
    }
}

/* The adapter of a reference file on `model`. */
static wane_adapter *open_adapter(const char *name, const wane_model *model, reference_case *c)
{
    wane_error err;
    char path[128], key[128];
    (void)snprintf(path, sizeof path, "reference/model/adapter-%s.safetensors", name);
    reference_open(c, path);
    const wane_parameters *table = &model->parameters;
    bool *target = wane_alloc(table->count, sizeof *target);
    for (size_t i = 0; i < table->count; i++) {
        const char *full = table->parameter[i].name;
        (void)snprintf(key, sizeof key, "%.*s.lora_A", (int)(strlen(full) - strlen(".weight")),
                       full);
        target[i] = table->parameter[i].linear && wane_tensors_find(c->file, key);
    }
    float *scale = reference_values(c, "scale", NULL), *rank = reference_values(c, "rank", NULL);
    wane_adapter *adapter = NULL;
    CHECK_OK(wane_adapter_new(&adapter, &wane_low_rank, table, target, (size_t)rank[0], scale[0], 0,
                              1, 1, &err));
    for (size_t f = 0; f < adapter->count; f++) {
        wane_factor *factor = &adapter->factor[f];
        const char *full = table->parameter[factor->parameter].name;
        for (int side = 0; side < 2; side++) {
            (void)snprintf(key, sizeof key, "%.*s.lora_%c", (int)(strlen(full) - strlen(".weight")),
                           full, "AB"[side]);
            const wane_tensor *tensor = wane_tensors_find(c->file, key);
            assert_non_null(tensor);
            CHECK_OK(wane_tensors_read(c->file, tensor, side ? factor->b : factor->a, &err));
        }
    }
    wane_free(target);
    wane_free(scale);
    wane_free(rank);
    return adapter;
}

static void adapted_logits_equal_peft(void **state)
{
    (void)state;
    const char *names[] = {"plain", "rslora"}, *models[] = {"tied", "bias"};
    for (int i = 0; i < 2; i++) {
        wane_model *model = NULL;
        reference_case base, c;
        open_model(models[i], &model, &base);
        wane_adapter *adapter = open_adapter(names[i], model, &c);
        check_logits(names[i], model, adapter, &c, adapter->factor[0].rank);
        wane_adapter_free(adapter);
        wane_model_free(model);
        reference_close(&base);
        reference_close(&c);
    }
}

/* Gradients of the loss sum against the file's "grad." tensors. */
static void check_gradients(const char *name, const wane_model *model, const wane_adapter *adapter,
                            const reference_case *c)
{
    wane_error err;
    const wane_parameters *table = &model->parameters;
    wane_pass *pass = NULL;
    wane_pass_limits limits = {.tokens = c->batch.tokens,
                               .sequences = c->batch.sequences,
                               .targets = c->batch.targets,
                               .training = true,
                               .train_weights = !adapter,
                               .adapter_floats_rank = adapter ? adapter->factor[0].rank : 0};
    CHECK_OK(wane_pass_new(&pass, &model->config, &limits, NULL, &err));
    bool *train = wane_alloc(table->count, sizeof *train);
    for (size_t i = 0; i < table->count; i++) train[i] = true;
    size_t floats = adapter ? adapter->floats : table->floats;
    float *block = wane_alloc_aligned(floats, sizeof *block);
    wane_gradients gradients = {
        .weights = adapter ? NULL : block, .train = train, .adapter = adapter ? block : NULL};
    double loss = 0, worst = 0;
    CHECK_OK(wane_pass_forward(pass, model, adapter, &c->batch, NULL, &err));
    CHECK_OK(wane_pass_backward(pass, 1.0, &gradients, &loss, &err));
    float *expected_loss = reference_values(c, "loss", NULL);
    CHECK_NEAR(loss, expected_loss[0], 0, 5e-6);
    size_t count = adapter ? 2 * adapter->count : table->count;
    for (size_t i = 0; i < count; i++) {
        const wane_factor *f = adapter ? &adapter->factor[i / 2] : NULL;
        const char *full = table->parameter[f ? f->parameter : i].name;
        char key[160];
        if (f)
            (void)snprintf(key, sizeof key, "grad.%.*s.lora_%c",
                           (int)(strlen(full) - strlen(".weight")), full, "AB"[i % 2]);
        else (void)snprintf(key, sizeof key, "grad.%s", full);
        size_t offset = !f ? table->parameter[i].offset : i % 2 ? f->b_offset : f->a_offset;
        size_t numbers = 0;
        float *expected = reference_values(c, key, &numbers);
        assert_non_null(expected);
        double difference = relative_difference(block + offset, expected, numbers);
        if (!(difference <= 1e-4)) print_error("%s: %g\n", key, difference);
        assert_true(difference <= 1e-4);
        if (difference > worst) worst = difference;
        wane_free(expected);
    }
    print_message("%s: gradients differ by at most %.2g of their maximum\n", name, worst);
    wane_free(expected_loss);
    wane_free(block);
    wane_free(train);
    wane_pass_free(pass);
}

static void gradients_equal_autograd(void **state)
{
    (void)state;
    const char *names[] = {"tied", "bias"};
    for (int i = 0; i < 2; i++) {
        wane_model *model = NULL;
        reference_case c;
        open_model(names[i], &model, &c);
        check_gradients(names[i], model, NULL, &c);
        wane_model_free(model);
        reference_close(&c);
    }
}

static void adapter_gradients_equal_autograd(void **state)
{
    (void)state;
    const char *names[] = {"plain", "rslora"}, *models[] = {"tied", "bias"};
    for (int i = 0; i < 2; i++) {
        wane_model *model = NULL;
        reference_case base, c;
        open_model(models[i], &model, &base);
        wane_adapter *adapter = open_adapter(names[i], model, &c);
        check_gradients(names[i], model, adapter, &c);
        wane_adapter_free(adapter);
        wane_model_free(model);
        reference_close(&base);
        reference_close(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_equal_transformers),
        cmocka_unit_test(adapted_logits_equal_peft),
        cmocka_unit_test(gradients_equal_autograd),
        cmocka_unit_test(adapter_gradients_equal_autograd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
