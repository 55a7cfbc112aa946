/* SPDX-License-Identifier: Apache-2.0
 * Adapters in the forms that peft and its users write, against the logits peft computes with them
 * (tests/reference/make_peft_fixtures.py).
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/model/pass.h"
#include "eval/train/train.h"
#include "store/files/file.h"
#include "store/files/json.h"
#include "store/files/update.h"
#include "tests/support/support.h"

#define FIXTURES "reference/peft/"

enum { TOKENS = 7, VOCABULARY = 24, LOGITS = TOKENS * VOCABULARY };

static void logits_of(float out[LOGITS], const wane_model *model)
{
    static const int32_t ids[] = {1, 17, 22, 3, 9, 9, 5};
    static const size_t starts[] = {0, TOKENS}, all[] = {0, 1, 2, 3, 4, 5, 6};
    wane_error err;
    wane_pass *pass = NULL;
    wane_batch batch = {.tokens = TOKENS, .sequences = 1, .ids = ids, .starts = starts};
    wane_pass_limits limits = {.tokens = TOKENS, .sequences = 1, .targets = 1};
    CHECK_OK(wane_pass_new(&pass, &model->config, &limits, NULL, &err));
    CHECK_OK(wane_pass_forward(pass, model, NULL, &batch, NULL, &err));
    wane_pass_logits(pass, all, TOKENS, out);
    wane_pass_free(pass);
}

static void check_logits(const wane_model *model, const wane_tensors *expected, const char *name)
{
    wane_error err;
    float ours[LOGITS], theirs[LOGITS], largest = 0;
    const wane_tensor *wanted = wane_tensors_find(expected, name);
    assert_non_null(wanted);
    CHECK_OK(wane_tensors_read(expected, wanted, theirs, &err));
    for (size_t i = 0; i < LOGITS; i++) largest = fmaxf(largest, fabsf(theirs[i]));
    logits_of(ours, model);
    for (size_t i = 0; i < LOGITS; i++)
        if (!(fabsf(ours[i] - theirs[i]) <= 3e-6F * largest))
            fail_msg("%s: logit %zu is %g, peft's %g", name, i, (double)ours[i], (double)theirs[i]);
}

static wane_model *base_of(const char *name)
{
    char path[128];
    wane_error err;
    wane_model *model = NULL;
    (void)snprintf(path, sizeof path, FIXTURES "base-%s", name);
    CHECK_OK(wane_model_load(&model, path, &err));
    return model;
}

typedef struct told {
    size_t count;
    char last[512];
} told;

static void listen(void *context, const char *line)
{
    told *t = context;
    t->count++;
    (void)snprintf(t->last, sizeof t->last, "%s", line);
}

/* Read, applied; written, read again and applied. */
static void every_form_computes_what_peft_computes(void **state)
{
    (void)state;
    wane_error err;
    wane_json *cases = NULL;
    wane_tensors *expected = NULL;
    CHECK_OK(load_json(&cases, FIXTURES "cases.json", &err));
    CHECK_OK(wane_tensors_open(&expected, FIXTURES "expected.safetensors", &err));
    assert_true(wane_json_size(cases) > 20);
    for (size_t i = 0; i < wane_json_size(cases); i++) {
        const char *name = NULL;
        const char *on = wane_json_string(wane_json_member(cases, i, &name), NULL);
        char path[128];
        wane_update update = {0}, again = {0};
        wane_model *model = base_of(on), *second = base_of(on);
        told t = {0};
        (void)snprintf(path, sizeof path, FIXTURES "%s", name);
        print_message("%s\n", name);
        CHECK_OK(wane_update_load(&update, path, listen, &t, &err));
        bool talks = strcmp(name, "flags") == 0 || strcmp(name, "narrowed") == 0;
        if ((t.count > 0) != talks) fail_msg("%s: %zu warnings: %s", name, t.count, t.last);
        CHECK_OK(wane_model_apply(model, &update, NULL, &err));
        check_logits(model, expected, name);
        CHECK_OK(wane_update_save(&update, scratch_path("again"), &err));
        CHECK_OK(wane_update_load(&again, scratch_path("again"), NULL, NULL, &err));
        CHECK_OK(wane_model_apply(second, &again, NULL, &err));
        assert_int_equal(model->parameters.floats, second->parameters.floats);
        assert_memory_equal(model->weights, second->weights,
                            model->parameters.floats * sizeof(float));
        wane_update_free(&update);
        wane_update_free(&again);
        wane_model_free(model);
        wane_model_free(second);
    }
    wane_tensors_close(expected);
    wane_json_free(cases);
}

/* The embedding and the head of a tied model go apart, and come together again. */
static void ties_are_parted_and_mended(void **state)
{
    (void)state;
    wane_error err;
    wane_update update = {0};
    wane_tensors *expected = NULL;
    CHECK_OK(wane_tensors_open(&expected, FIXTURES "expected.safetensors", &err));
    wane_model *model = base_of("tied"), *base = base_of("tied");
    CHECK_OK(wane_update_load(&update, FIXTURES "tied-head", NULL, NULL, &err));
    CHECK_OK(wane_model_apply(model, &update, NULL, &err));
    assert_false(model->config.tied);
    assert_int_equal(model->parameters.count, base->parameters.count + 1);
    assert_string_equal(model->parameters.parameter[base->parameters.count].name, "lm_head.weight");
    assert_memory_equal(model->weights, base->weights, /* the embedding is the base's */
                        base->parameters.parameter[0].rows * 8 * sizeof(float));
    CHECK_OK(wane_model_untie(model, &err));
    assert_int_equal(model->parameters.count, base->parameters.count + 1);
    wane_model_tie(model);
    wane_model_tie(model);
    assert_true(model->config.tied);
    assert_int_equal(model->parameters.count, base->parameters.count);
    assert_int_equal(model->parameters.floats, base->parameters.floats);
    assert_int_equal(model->parameters.numbers, base->parameters.numbers);
    memcpy(model->weights, base->weights, base->parameters.floats * sizeof(float));
    check_logits(model, expected, "base-tied");
    wane_update_free(&update);
    wane_model_free(model);
    wane_model_free(base);
    wane_tensors_close(expected);
}

/* An adapter that carries its base's head is refused on another base, which is left as it is. */
static void claims_on_the_base_are_checked(void **state)
{
    (void)state;
    static const char *const names[] = {"head", "embed", "named", "tied-head", "tied-embed"};
    static const char *const keys[] = {"lm_head.base_layer.weight: is not the lm_head.weight",
                                       "model.embed_tokens.base_layer.weight: is not the "
                                       "model.embed_tokens.weight",
                                       "base_layer.weight: is not the",
                                       "lm_head.base_layer.weight: is not the lm_head.weight",
                                       "model.embed_tokens.base_layer.weight: is not the"};
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        char path[128];
        wane_error err;
        wane_update update = {0};
        wane_model *model = base_of(n < 3 ? "untied" : "tied");
        (void)snprintf(path, sizeof path, FIXTURES "%s", names[n]);
        CHECK_OK(wane_update_load(&update, path, NULL, NULL, &err));
        assert_true(update.claim_count > 0);
        size_t count = model->parameters.floats;
        for (size_t p = 0; p < model->parameters.count; p++) {
            const wane_parameter *one = &model->parameters.parameter[p];
            if (strstr(one->name, "lm_head") || strstr(one->name, "embed"))
                model->weights[one->offset + 37] += 1e-4F;
        }
        float *before = malloc(count * sizeof *before);
        memcpy(before, model->weights, count * sizeof *before);
        CHECK_FAILS(wane_model_apply(model, &update, NULL, &err), WANE_EINVAL, keys[n]);
        assert_int_equal(model->parameters.floats, count);
        assert_memory_equal(model->weights, before, count * sizeof *before);
        free(before);
        wane_update_free(&update);
        wane_model_free(model);
    }
}

/* A copy that was rounded to 16 bits is still the base's. */
static void rounded_claims_hold(void **state)
{
    (void)state;
    const float weight[] = {1, -3.14159F, 0.001F, 0};
    float data[] = {1, -3.140625F, 0.00099945F, 0}; /* bf16 */
    wane_update_claim claim = {.rows = 2, .cols = 2, .data = data, .unit = 0x1p-8};
    assert_true(wane_update_claim_holds(&claim, weight));
    claim.unit = 0;
    assert_false(wane_update_claim_holds(&claim, weight));
    data[1] = NAN;
    claim.unit = 0x1p-8;
    assert_false(wane_update_claim_holds(&claim, weight));
}

/* Modules that the configuration names and the file has nothing for are told apart. */
static void lacking_factors_are_known(void **state)
{
    (void)state;
    wane_error err;
    wane_update update = {0};
    static const struct {
        const char *folder, *weight;
        bool lacks;
    } asked[] = {{"head", "model.layers.0.self_attn.q_proj.weight", false},
                 {"head", "model.layers.7.self_attn.q_proj.weight", true},
                 {"head", "model.layers.0.self_attn.v_proj.weight", false},
                 {"head", "model.layers.7.self_attn.q_proj.bias", false},
                 {"layers", "model.layers.0.self_attn.q_proj.weight", false},
                 {"linear", "model.layers.7.mlp.up_proj.weight", true},
                 {"regex", "model.layers.9.mlp.up_proj.weight", true},
                 {"regex", "model.layers.1.mlp.up_proj.weight", false},
                 {"saved", "lm_head.weight", false}};
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        char path[128];
        bool lacks = !asked[i].lacks;
        (void)snprintf(path, sizeof path, FIXTURES "%s", asked[i].folder);
        CHECK_OK(wane_update_load(&update, path, NULL, NULL, &err));
        CHECK_OK(wane_update_lacks(&lacks, &update, asked[i].weight, &err));
        if (lacks != asked[i].lacks) fail_msg("%s: %s", asked[i].folder, asked[i].weight);
        wane_update_free(&update);
    }
    CHECK_OK(wane_update_load(&update, FIXTURES "saved", NULL, NULL, &err));
    assert_false(wane_update_lacks_whole(&update, "lm_head.weight"));
    assert_true(wane_update_lacks_whole(&update, "model.other.lm_head.weight"));
    assert_false(wane_update_lacks_whole(&update, "model.layers.0.mlp.up_proj.weight"));
    assert_false(wane_update_lacks_whole(&update, "model.norm.bias"));
    wane_update_free(&update);
}

/* Any byte of either file is under the seal. */
static void the_seal_is_over_both_files(void **state)
{
    (void)state;
    wane_error err;
    wane_update update = {0};
    char seals[3][WANE_SHA256_HEX];
    static const char *const files[] = {"adapter_config.json", "adapter_model.safetensors"};
    CHECK_OK(wane_folder_make(scratch_path("sealed"), &err));
    for (size_t n = 0; n < 3; n++) {
        for (size_t f = 0; f < 2; f++) {
            char from[128], to[128];
            size_t count = 0;
            (void)snprintf(from, sizeof from, FIXTURES "head/%s", files[f]);
            (void)snprintf(to, sizeof to, "sealed/%s", files[f]);
            char *bytes = read_file(from, &count);
            char *alpha = strstr(bytes, "\"lora_alpha\": 4");
            assert_true(f == 1 || alpha);
            if (n == 1 && f == 0) alpha[14] = '5';
            if (n == 2 && f == 1) bytes[count - 1] ^= 1;
            write_file(scratch_path(to), bytes, count);
            free(bytes);
        }
        CHECK_OK(wane_update_load(&update, scratch_path("sealed"), NULL, NULL, &err));
        CHECK_OK(wane_update_sha256(seals[n], &update, &err));
        assert_int_equal(strlen(update.config_sha256), 64);
        assert_int_equal(strlen(update.weights_sha256), 64);
        /* What was read does not follow the file. */
        write_file(scratch_path("sealed/adapter_model.safetensors"), "", 0);
        double sum = 0;
        for (size_t k = 0; k < update.tensors[0].term.rank * update.tensors[0].cols; k++)
            sum += (double)update.tensors[0].term.a[k];
        assert_true(isfinite(sum));
        wane_update_free(&update);
    }
    assert_string_not_equal(seals[0], seals[1]);
    assert_string_not_equal(seals[0], seals[2]);
    assert_string_not_equal(seals[1], seals[2]);
}

/* Biases that the model does not have, and modules it does not have, are refused by name. */
static void what_the_model_lacks_is_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"bias-all", "bias-lora"};
    for (size_t n = 0; n < 2; n++) {
        char path[128];
        wane_error err;
        wane_update update = {0};
        wane_model *model = base_of("untied");
        (void)snprintf(path, sizeof path, FIXTURES "%s", names[n]);
        CHECK_OK(wane_update_load(&update, path, NULL, NULL, &err));
        CHECK_FAILS(wane_model_apply(model, &update, NULL, &err), WANE_EINVAL,
                    "_proj.bias: the model has no such tensor");
        wane_update_free(&update);
        wane_model_free(model);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_computes_what_peft_computes),
        cmocka_unit_test(ties_are_parted_and_mended),
        cmocka_unit_test(claims_on_the_base_are_checked),
        cmocka_unit_test(rounded_claims_hold),
        cmocka_unit_test(lacking_factors_are_known),
        cmocka_unit_test(the_seal_is_over_both_files),
        cmocka_unit_test(what_the_model_lacks_is_refused),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
