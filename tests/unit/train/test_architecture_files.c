/* SPDX-License-Identifier: Apache-2.0
 * Files of an architecture that has weights turned, a prefix that may be missing and masks that
 * nobody needs: a model, what was tuned of it, an adapter; written and read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/model/model_internal.h"
#include "eval/train/method_lora.h"
#include "store/base/memory.h"
#include "store/files/file.h"
#include "store/files/package.h"
#include "store/files/safetensors.h"
#include "tests/numeric/model/made_up.h"
#include "tests/support/support.h"

enum { MOST = 40 };

static wane_model *random_model(uint64_t seed)
{
    wane_error err;
    wane_model *model = NULL;
    CHECK_OK(wane_model_random(&model, &made_up_turned, seed, &err));
    return model;
}

static wane_status load(wane_model **out, const char *path, wane_error *err)
{
    wane_package *package = NULL;
    wane_status st = wane_package_open(&package, path, err);
    if (st == WANE_OK) st = wane_model_load_as(out, made_up_turned.architecture, package, err);
    wane_package_close(package);
    return st;
}

static void check_equal(const wane_model *a, const wane_model *b)
{
    assert_int_equal(a->parameters.count, b->parameters.count);
    assert_memory_equal(a->weights, b->weights, a->parameters.floats * sizeof(float));
}

static void a_model_comes_back(void **state)
{
    (void)state;
    wane_error err;
    wane_model *model = random_model(4), *again = NULL;
    wane_tensors *file = NULL;
    char path[300];
    float turned[8 * 24];
    CHECK_OK(wane_model_save(model, scratch_path("model"), &err));
    CHECK_OK(load(&again, scratch_path("model"), &err));
    check_equal(model, again);
    assert_int_equal(again->config.block.position_offset, 2);
    assert_true(again->config.tied);
    (void)snprintf(path, sizeof path, "%s/model.safetensors", scratch_path("model"));
    CHECK_OK(wane_tensors_open(&file, path, &err));
    const wane_tensor *t = wane_tensors_find(file, "net.layers.1.attn.c_proj.weight");
    assert_int_equal(t->shape[0], 24);
    assert_int_equal(t->shape[1], 8);
    CHECK_OK(wane_tensors_read(file, t, turned, &err));
    long at = wane_parameters_find(&model->parameters, t->name);
    wane_matrix weight = wane_model_matrix(model, (size_t)at);
    for (size_t i = 0; i < 8; i++)
        for (size_t j = 0; j < 24; j++)
            assert_true(turned[j * 8 + i] == weight.data[i * weight.stride + j]);
    wane_tensors_close(file);
    wane_model_free(again);
    wane_model_free(model);
}

/* The model's tensors under names that begin otherwise, and one more. */
static void write_named(const wane_model *model, const char *prefix, const char *more)
{
    wane_error err;
    static char names[MOST][160];
    wane_tensor_source tensors[MOST];
    wane_tensors *file = NULL;
    char path[300];
    float mask[4] = {1, 0, 1, 1};
    CHECK_OK(wane_model_save(model, scratch_path("model"), &err));
    (void)snprintf(path, sizeof path, "%s/model.safetensors", scratch_path("model"));
    CHECK_OK(wane_tensors_open(&file, path, &err));
    size_t count = wane_tensors_count(file);
    float *values[MOST] = {NULL};
    for (size_t i = 0; i < count; i++) {
        const wane_tensor *t = wane_tensors_at(file, i);
        values[i] = wane_alloc(t->elements, sizeof(float));
        CHECK_OK(wane_tensors_read(file, t, values[i], &err));
        (void)snprintf(names[i], sizeof names[i], "%s%s", prefix, t->name + strlen("net."));
        tensors[i] = (wane_tensor_source){.name = names[i],
                                          .data = values[i],
                                          .dimensions = t->dimensions,
                                          .shape = {t->shape[0], t->shape[1]}};
    }
    tensors[count] =
        (wane_tensor_source){.name = more, .data = mask, .dimensions = 2, .shape = {2, 2}};
    wane_tensors_close(file);
    CHECK_OK(wane_tensors_write(path, tensors, count + (more != NULL), NULL, 0, &err));
    for (size_t i = 0; i < count; i++) wane_free(values[i]);
}

static void names_may_begin_otherwise(void **state)
{
    (void)state;
    wane_error err;
    wane_model *model = random_model(5), *again = NULL;
    const char *const prefixes[] = {"", "another.net."};
    for (size_t i = 0; i < 2; i++) {
        write_named(model, prefixes[i], "layers.0.attn.bias");
        CHECK_OK(load(&again, scratch_path("model"), &err));
        check_equal(model, again);
        wane_model_free(again);
    }
    write_named(model, "", "layers.0.c_attn.bias");
    CHECK_FAILS(load(&again, scratch_path("model"), &err), WANE_EFORMAT,
                "layers.0.c_attn.bias has no place in this model");
    write_named(model, "other.", NULL);
    CHECK_FAILS(load(&again, scratch_path("model"), &err), WANE_EFORMAT,
                "net.wte.weight is missing");
    wane_model_free(model);
}

/* A model that differs from `base` in every number. */
static void tuned_weights_come_back(const wane_method *method)
{
    wane_error err;
    wane_model *model = random_model(6), *fresh = random_model(6);
    wane_trainer *trainer = NULL;
    wane_update update = {0}, loaded = {0};
    wane_training training = {.learning_rate = 0.01,
                              .beta1 = 0.9,
                              .beta2 = 0.999,
                              .epsilon = 1e-8,
                              .total_steps = 3,
                              .micro_tokens = 100};
    wane_method_settings settings = wane_lora_usual;
    const size_t starts[] = {0, 6}, position[] = {1, 4};
    const int32_t ids[] = {1, 2, 3, 4, 5, 6}, target[] = {3, 6};
    wane_batch batch = {.tokens = 6,
                        .sequences = 1,
                        .ids = ids,
                        .starts = starts,
                        .targets = 2,
                        .position = position,
                        .target = target};
    wane_step step;
    char *config = NULL;
    char path[300];
    size_t bytes = 0;
    settings.method = method;
    settings.rank = 2;
    CHECK_OK(wane_trainer_new(&trainer, model, &settings, &training, NULL, 1, 1, NULL, &err));
    for (int i = 0; i < 3; i++) CHECK_OK(wane_trainer_step(trainer, &batch, &step, &err));
    CHECK_OK(wane_trainer_update(&update, trainer, model, &err));
    CHECK_OK(wane_update_save(&update, scratch_path("learned"), &err));
    CHECK_OK(wane_update_load(&loaded, scratch_path("learned"), NULL, NULL, &err));
    CHECK_OK(wane_model_apply(fresh, &loaded, NULL, &err));
    if (method->adapter) {
        wane_model *merged = NULL;
        CHECK_OK(wane_trainer_merged(&merged, trainer, &err));
        check_equal(fresh, merged);
        wane_model_free(merged);
        assert_int_equal(update.count, 2 * 4);
        (void)snprintf(path, sizeof path, "%s/adapter_config.json", scratch_path("learned"));
        config = read_file(path, &bytes);
        assert_non_null(strstr(config, "\"fan_in_fan_out\": true"));
        assert_true(loaded.facts.fan_in_fan_out);
    } else {
        check_equal(fresh, model);
        for (size_t i = 0; i < loaded.count; i++)
            if (strstr(loaded.tensors[i].name, "1.mlp.c_fc.weight"))
                assert_int_equal(loaded.tensors[i].rows, 8); /* inputs */
    }
    free(config);
    wane_update_free(&update);
    wane_update_free(&loaded);
    wane_trainer_free(trainer);
    wane_model_free(model);
    wane_model_free(fresh);
    remove_tree(scratch_path("learned"));
}

static void what_was_tuned_comes_back(void **state)
{
    (void)state;
    for (size_t i = 0; wane_method_at(i); i++) tuned_weights_come_back(wane_method_at(i));
}

static wane_status parse(const char *more, wane_error *err)
{
    wane_config c;
    char text[200];
    (void)snprintf(text, sizeof text, "{\"model_type\": \"turned\"%s}", more);
    return wane_config_parse_as(&c, made_up_turned.architecture, text, strlen(text), "config.json",
                                err);
}

/* What is computed at one value alone. */
static void fixed_keys_are_refused_elsewhere(void **state)
{
    (void)state;
    wane_error err;
    CHECK_OK(parse("", &err));
    CHECK_OK(parse(", \"scale_by_layer\": false, \"scale_weights\": true", &err));
    CHECK_OK(parse(", \"scale_by_layer\": null, \"scale_weights\": 1.0", &err));
    CHECK_FAILS(parse(", \"scale_by_layer\": true", &err), WANE_EFORMAT,
                "scale_by_layer: other than false is not supported");
    CHECK_FAILS(parse(", \"scale_weights\": false", &err), WANE_EFORMAT,
                "scale_weights: other than true is not supported");
    CHECK_FAILS(parse(", \"scale_weights\": 0.5", &err), WANE_EFORMAT,
                "scale_weights: other than 1 is not supported");
    CHECK_FAILS(parse(", \"scale_weights\": \"1\"", &err), WANE_EFORMAT, "scale_weights");
    CHECK_FAILS(parse(", \"n_layer\": null", &err), WANE_EFORMAT, "n_layer");
    CHECK_FAILS(parse(", \"n_kv\": 3", &err), WANE_EINVAL, "n_kv: 3 does not divide n_head 4");
}

/* Positions are trained like the embedding, at once with it or alone. */
static void learned_positions_are_a_parameter(void **state)
{
    (void)state;
    wane_model *model = random_model(7);
    long wpe = wane_parameters_find(&model->parameters, "net.wpe.weight");
    const wane_parameter *p = &model->parameters.parameter[wpe];
    assert_int_equal(p->rows, 34);
    assert_int_equal(p->role, WANE_ROLE_POSITIONS);
    assert_int_equal(p->step, 0);
    assert_true(p->decays && !p->linear);
    long qkv = wane_parameters_find(&model->parameters, "net.layers.0.attn.c_attn.weight");
    p = &model->parameters.parameter[qkv];
    assert_string_equal(p->module, "c_attn");
    assert_int_equal(p->role, WANE_ROLE_QKV);
    assert_int_equal(p->rows, 48);
    assert_int_equal(p->cols, 8);
    assert_true(p->turned && p->linear);
    wane_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_comes_back),
        cmocka_unit_test(names_may_begin_otherwise),
        cmocka_unit_test(what_was_tuned_comes_back),
        cmocka_unit_test(fixed_keys_are_refused_elsewhere),
        cmocka_unit_test(learned_positions_are_a_parameter),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
