/* SPDX-License-Identifier: Apache-2.0
 * Every architecture against transformers, peft and torch, on a tiny random model of its family:
 * logits, gradients of all weights and of LoRA's factors, twenty AdamW steps of both
 * (tests/reference/make_architecture_fixtures.py).
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/model/architecture.h"
#include "eval/train/train.h"
#include "store/base/memory.h"
#include "tests/numeric/model/reference_case.h"
#include "tests/support/support.h"

/* Folder i of tests/reference/architectures: one for each entry of the list, under its name, and
 * then those of `others`; NULL behind the last. */
static const char *name_at(size_t i)
{
    static const char *const others[] = {"gpt2_old",        "llama_3",    "llama_linear",
                                         "llama_dynamic",   "llama_yarn", "llama_longrope",
                                         "gpt_neox_series", NULL};
    size_t entries = 0;
    while (wane_architecture_at(entries)) entries++;
    return i < entries ? wane_architecture_at(i)->name : others[i - entries];
}

typedef struct family {
    const char *name;
    wane_model *model;
    reference_case file;
    wane_adapter *adapter;
} family;

static void open_family(family *f, const char *name)
{
    wane_error err;
    char path[128];
    wane_update update = {0};
    *f = (family){.name = name};
    (void)snprintf(path, sizeof path, "reference/architectures/%s", name);
    CHECK_OK(wane_model_load(&f->model, path, &err));
    (void)snprintf(path, sizeof path, "reference/architectures/%s/expected.safetensors", name);
    reference_open(&f->file, path);
    (void)snprintf(path, sizeof path, "reference/architectures/%s/adapter", name);
    CHECK_OK(wane_update_load(&update, path, NULL, NULL, &err));
    CHECK_OK(wane_adapter_from_update(&f->adapter, &f->model->parameters, &update, &err));
    wane_update_free(&update);
}

static void close_family(family *f)
{
    wane_adapter_free(f->adapter);
    wane_model_free(f->model);
    reference_close(&f->file);
}

/* A tensor of the file, "NAME" or "lora.NAME". */
static float *expected(const family *f, bool low, const char *name, size_t *count)
{
    char key[200];
    (void)snprintf(key, sizeof key, "%s%s", low ? "lora." : "", name);
    float *values = reference_values(&f->file, key, count);
    if (!values) fail_msg("%s: no %s", f->name, key);
    return values;
}

static void check_logits(const family *f, const wane_adapter *adapter, const float *wanted,
                         double most, const char *what)
{
    wane_error err;
    const wane_batch *batch = &f->file.batch;
    size_t positions[64], count = batch->tokens * f->model->config.vocabulary;
    float *made = wane_alloc(count, sizeof *made);
    wane_pass *pass = NULL;
    wane_pass_limits limits = {
        .tokens = batch->tokens, .sequences = batch->sequences, .targets = batch->targets};
    wane_pass_limits_adapter(&limits, adapter);
    CHECK_OK(wane_pass_new(&pass, &f->model->config, &limits, NULL, &err));
    CHECK_OK(wane_pass_forward(pass, f->model, adapter, batch, NULL, &err));
    for (size_t i = 0; i < batch->tokens; i++) positions[i] = i;
    wane_pass_logits(pass, positions, batch->tokens, made);
    double difference = relative_difference(made, wanted, count);
    print_message("%s: %s: logits differ by %.2g of their maximum\n", f->name, what, difference);
    assert_true(difference <= most);
    wane_pass_free(pass);
    wane_free(made);
}

static void logits_are_theirs(void **state)
{
    (void)state;
    for (size_t i = 0; name_at(i); i++) {
        family f;
        open_family(&f, name_at(i));
        for (int low = 0; low < 2; low++) {
            float *wanted = expected(&f, low, "logits", NULL);
            check_logits(&f, low ? f.adapter : NULL, wanted, 1e-5, low ? "adapted" : "as it is");
            wane_free(wanted);
        }
        close_family(&f);
    }
}

/* Gradients of the loss sum: a block of the table's layout, or of the adapter's. */
static float *gradients(const family *f, const wane_adapter *adapter)
{
    wane_error err;
    const wane_parameters *table = &f->model->parameters;
    wane_pass *pass = NULL;
    wane_pass_limits limits = {.tokens = f->file.batch.tokens,
                               .sequences = f->file.batch.sequences,
                               .targets = f->file.batch.targets,
                               .training = true,
                               .train_weights = !adapter};
    wane_pass_limits_adapter(&limits, adapter);
    CHECK_OK(wane_pass_new(&pass, &f->model->config, &limits, NULL, &err));
    bool *train = wane_alloc(table->count, sizeof *train);
    for (size_t i = 0; i < table->count; i++) train[i] = true;
    float *block = wane_alloc_aligned(adapter ? adapter->floats : table->floats, sizeof *block);
    wane_gradients g = {
        .weights = adapter ? NULL : block, .train = train, .adapter = adapter ? block : NULL};
    double loss = 0;
    CHECK_OK(wane_pass_forward(pass, f->model, adapter, &f->file.batch, NULL, &err));
    CHECK_OK(wane_pass_backward(pass, 1.0, &g, &loss, &err));
    float *wanted = expected(f, adapter, "loss", NULL);
    CHECK_NEAR(loss, wanted[0], 0, 1e-5);
    wane_free(wanted);
    wane_free(train);
    wane_pass_free(pass);
    return block;
}

/* Within 1e-4 of the tensor's largest gradient, or of a thousandth of the loss where all of them
 * are less (biases of keys change nothing in some families). Returns how far off, relative. */
static double compare(const family *f, bool low, const char *key, const float *made, double loss)
{
    size_t count = 0;
    double largest = 1e-3 * loss, most = 0;
    float *wanted = expected(f, low, key, &count);
    for (size_t i = 0; i < count; i++) {
        double difference = fabs((double)made[i] - (double)wanted[i]);
        if (!(difference <= most)) most = difference;
        if (fabs((double)wanted[i]) > largest) largest = fabs((double)wanted[i]);
    }
    if (!(most <= 1e-4 * largest)) print_error("%s: %s: %g of %g\n", f->name, key, most, largest);
    assert_true(most <= 1e-4 * largest);
    wane_free(wanted);
    return most / largest;
}

static void gradients_are_theirs(void **state)
{
    (void)state;
    for (size_t n = 0; name_at(n); n++) {
        family f;
        open_family(&f, name_at(n));
        double worst = 0, loss = 0;
        float *block = gradients(&f, NULL), *value = expected(&f, false, "loss", NULL);
        loss = (double)value[0];
        for (size_t i = 0; i < f.model->parameters.count; i++) {
            const wane_parameter *p = &f.model->parameters.parameter[i];
            char key[160];
            float *file = wane_alloc(p->rows * p->cols, sizeof *file);
            wane_parameter_to_file(p, block + p->offset, file);
            (void)snprintf(key, sizeof key, "grad.%s", p->name);
            worst = fmax(worst, compare(&f, false, key, file, loss));
            wane_free(file);
        }
        print_message("%s: gradients differ by at most %.2g of their maximum\n", f.name, worst);
        wane_free(value);
        wane_free(block);
        close_family(&f);
    }
}

static void gradients_of_factors_are_theirs(void **state)
{
    (void)state;
    for (size_t n = 0; name_at(n); n++) {
        family f;
        open_family(&f, name_at(n));
        double worst = 0;
        size_t linear = 0;
        float *block = gradients(&f, f.adapter), *loss = expected(&f, true, "loss", NULL);
        for (size_t i = 0; i < f.model->parameters.count; i++)
            linear += f.model->parameters.parameter[i].linear;
        assert_int_equal(f.adapter->count, linear); /* peft's all-linear is ours */
        for (size_t i = 0; i < 2 * f.adapter->count; i++) {
            const wane_factor *one = &f.adapter->factor[i / 2];
            const char *full = f.model->parameters.parameter[one->parameter].name;
            char key[200];
            (void)snprintf(key, sizeof key, "grad.base_model.model.%.*s.lora_%c.weight",
                           (int)(strlen(full) - strlen(".weight")), full, "AB"[i % 2]);
            worst =
                fmax(worst, compare(&f, true, key, block + (i % 2 ? one->b_offset : one->a_offset),
                                    (double)loss[0]));
        }
        print_message("%s: gradients of factors differ by at most %.2g of their maximum\n", f.name,
                      worst);
        wane_free(loss);
        wane_free(block);
        close_family(&f);
    }
}

static void check_steps(family *f, bool low)
{
    wane_error err;
    wane_trainer *trainer = NULL;
    wane_method_settings method = {.method = low ? &wane_method_lora : &wane_method_full};
    wane_training training = {.learning_rate = 2e-3,
                              .clip = 1,
                              .beta1 = 0.9,
                              .beta2 = 0.999,
                              .epsilon = 1e-8,
                              .micro_tokens = 1000};
    size_t steps = 0;
    double worst = 0;
    float *losses = reference_values(&f->file, low ? "lora.losses" : "full.losses", &steps);
    float *final = reference_values(&f->file, low ? "lora.final" : "full.final", NULL);
    assert_non_null(losses);
    training.total_steps = steps;
    if (low) { /* what the adapter of the file was made with */
        method.rank = f->adapter->factor[0].rank;
        method.alpha = (double)f->adapter->factor[0].scale * (double)method.rank;
    }
    CHECK_OK(wane_trainer_new(&trainer, f->model, &method, &training, low ? f->adapter : NULL, 0, 0,
                              NULL, &err));
    if (low) f->adapter = NULL;
    for (size_t s = 0; s < steps; s++) {
        wane_step step;
        CHECK_OK(wane_trainer_step(trainer, &f->file.batch, &step, &err));
        CHECK_NEAR(step.loss, losses[s], 0, 1e-4);
        worst = fmax(worst, fabs(step.loss / (double)losses[s] - 1));
    }
    print_message("%s: %s: losses of %zu steps within %.2g\n", f->name, low ? "lora" : "full",
                  steps, worst);
    check_logits(f, wane_trainer_adapter(trainer), final, 1e-3, "tuned");
    wane_trainer_free(trainer);
    wane_free(losses);
    wane_free(final);
}

static void twenty_steps_are_theirs(void **state)
{
    (void)state;
    for (size_t n = 0; name_at(n); n++)
        for (int low = 0; low < 2; low++) {
            family f;
            open_family(&f, name_at(n));
            check_steps(&f, low);
            close_family(&f);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_are_theirs),
        cmocka_unit_test(gradients_are_theirs),
        cmocka_unit_test(gradients_of_factors_are_theirs),
        cmocka_unit_test(twenty_steps_are_theirs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
