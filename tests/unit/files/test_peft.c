/* SPDX-License-Identifier: Apache-2.0
 * What the files of an adapter may hold: configurations, factors, heads.
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/random.h"
#include "store/files/file.h"
#include "store/files/json.h"
#include "store/files/peft.h"
#include "store/files/safetensors.h"
#include "store/files/update.h"
#include "tests/support/support.h"

#define FIXTURES "reference/tensors/"

static void count_warning(void *context, const char *line)
{
    assert_non_null(strstr(line, "unknown key"));
    ++*(int *)context;
}

/* Copies the plain adapter to scratch "adapter" with `from` in its configuration become `to`. */
static const char *edited(const char *from, const char *to)
{
    wane_error err;
    CHECK_OK(wane_folder_make(scratch_path("adapter"), &err));
    copy_file(FIXTURES "adapter-plain/adapter_model.safetensors",
              scratch_path("adapter/adapter_model.safetensors"));
    char *config = read_file(FIXTURES "adapter-plain/adapter_config.json", NULL);
    char *place = strstr(config, from);
    assert_non_null(place);
    char text[4096];
    (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(place - config), config, to,
                   place + strlen(from));
    free(config);
    write_file(scratch_path("adapter/adapter_config.json"), text, strlen(text));
    return scratch_path("adapter");
}

/* What the configuration leaves out is what peft's LoraConfig has: r and lora_alpha 8, no dropout.
 */
static void what_is_left_out_is_as_in_peft(void **state)
{
    (void)state;
    wane_error err;
    wane_update update = {0};
    CHECK_OK(wane_update_load(&update, edited("\"lora_alpha\": 8,", ""), NULL, NULL, &err));
    assert_true(update.facts.alpha == 8);
    assert_true(update.tensors[0].term.scale == 2); /* 8 / 4 */
    wane_update_free(&update);
    CHECK_OK(wane_update_load(&update, edited("\"lora_dropout\": 0.0,", ""), NULL, NULL, &err));
    assert_true(update.facts.dropout == 0);
    wane_update_free(&update);
    CHECK_FAILS(wane_update_load(&update, edited("\"r\": 4,", ""), NULL, NULL, &err), WANE_EFORMAT,
                "rank 4, adapter_config.json says 8");
}

/* The head of a classifier is kept as peft keeps it, apart from what is applied. */
static void heads_are_kept_beside_the_factors(void **state)
{
    (void)state;
    wane_error err;
    wane_update update = {0}, again = {0}, whole = {0};
    const float head[] = {1, -2, 3, 4.5F, 0, 6};
    CHECK_OK(wane_update_load(
        &update,
        edited("\"modules_to_save\": null", "\"modules_to_save\": [\"classifier\", \"score\"]"),
        NULL, NULL, &err));
    assert_null(update.head);
    update.head = head;
    update.head_rows = 2;
    update.head_cols = 3;
    CHECK_OK(wane_update_save(&update, scratch_path("classifier"), &err));
    CHECK_OK(wane_update_load(&again, scratch_path("classifier"), NULL, NULL, &err));
    assert_int_equal(again.count, update.count);
    assert_int_equal(again.head_rows, 2);
    assert_int_equal(again.head_cols, 3);
    assert_memory_equal(again.head, head, sizeof head);
    char *config = read_file(scratch_path("classifier/adapter_config.json"), NULL);
    assert_non_null(strstr(config, "\"SEQ_CLS\""));
    assert_non_null(strstr(config, "\"score\""));
    free(config);
    update.head = NULL;
    const wane_update list[] = {update, again};
    CHECK_OK(wane_update_stack(&whole, list, 2, &err));
    assert_ptr_equal(whole.head, again.head);
    wane_update_free(&whole);
    wane_update_free(&again);
    wane_update_free(&update);
}

/* Settings of the plain adapter, what stands in their place, and what is said of it. */
static const struct {
    const char *from, *to, *cause;
} unsupported[] = {
    {"\"use_dora\": false", "\"use_dora\": true", "its lora_magnitude_vector is missing"},
    {"\"bias\": \"none\"", "\"bias\": \"every\"", "bias is every"},
    {"\"bias\": \"none\"", "\"bias\": null", "bias is no text"},
    {"\"bias\": \"none\"", "\"bias\": 3", "bias is no text"},
    {"\"modules_to_save\": null", "\"modules_to_save\": \"lm_head\"", "modules_to_save"},
    {"\"modules_to_save\": null", "\"modules_to_save\": [\"score\", 3]", "modules_to_save"},
    {"\"use_dora\": false", "\"use_dora\": false, \"enable_lora\": [true, false]",
     "enable_lora is set"},
    {"\"use_bdlora\": null", "\"use_bdlora\": {}", "use_bdlora is set"},
    {"\"arrow_config\": null", "\"arrow_config\": {}", "arrow_config is set"},
    {"\"alora_invocation_tokens\": null", "\"alora_invocation_tokens\": [1]",
     "alora_invocation_tokens"},
    {"\"exclude_modules\": null", "\"exclude_modules\": 1", "exclude_modules is no list"},
    {"\"exclude_modules\": null", "\"exclude_modules\": \".*\"",
     "no factors of a module that target_modules names (it has those of model.layers.0"},
    {"\"exclude_modules\": null", "\"exclude_modules\": [\"q_proj\", \"v_proj\"]",
     "no factors of a module that target_modules names"},
    {"\"layers_to_transform\": null", "\"layers_to_transform\": [9]",
     "no factors of a module that target_modules names"},
    {"\"layers_to_transform\": null", "\"layers_to_transform\": true",
     "layers_to_transform holds what is no whole number"},
    {"\"layers_pattern\": null", "\"layers_pattern\": \"h\"",
     "layers_pattern without layers_to_transform"},
    {"\"target_modules\": [", "\"target_modules\": 1, \"was\": [", "target_modules"},
    {"\"init_lora_weights\": true", "\"init_lora_weights\": \"true\"",
     "init_lora_weights is true: no initialisation that peft has"},
    {"\"init_lora_weights\": true", "\"init_lora_weights\": 1",
     "init_lora_weights is neither true, false nor a text"},
    {"\"target_parameters\": null", "\"target_parameters\": [\"x\"]", "target_parameters"},
    {"\"trainable_token_indices\": null", "\"trainable_token_indices\": [1]",
     "trainable_token_indices"},
    {"\"layer_replication\": null", "\"layer_replication\": [[0, 2]]", "layer_replication"},
    {"\"lora_bias\": false", "\"lora_bias\": true", "lora_bias is set"},
    {"\"init_lora_weights\": true", "\"init_lora_weights\": \"pissa_niter_4\"",
     "init_lora_weights is pissa_niter_4"},
    {"\"peft_type\": \"LORA\"", "\"peft_type\": \"IA3\"", "peft_type is IA3"},
    {"\"peft_type\": \"LORA\"", "\"peft\": \"LORA\"", "peft_type is missing"},
    {"\"r\": 4", "\"r\": 8", "rank 4, adapter_config.json says 8"},
    {"\"r\": 4", "\"r\": 0", "r is no number in its range"},
    {"\"r\": 4", "\"r\": 4.5", "r is no whole number"},
    {"\"lora_alpha\": 8", "\"lora_alpha\": \"8\"", "lora_alpha is no number"},
    {"\"lora_dropout\": 0.0", "\"lora_dropout\": 1.5", "lora_dropout is no number in its range"},
    {"\"rank_pattern\": {}", "\"rank_pattern\": {\"(?<=a+)_proj\": 4}", "is not understood"},
    {"\"rank_pattern\": {}", "\"rank_pattern\": {\"(q\": 4}", "is not understood"},
    {"\"rank_pattern\": {}", "\"rank_pattern\": {\"(?i)q\": 4}",
     "global flags not at the start of the expression"},
    {"\"rank_pattern\": {}", "\"rank_pattern\": [1]", "rank_pattern is no object"},
    {"\"alpha_pattern\": {}", "\"alpha_pattern\": {\"q_proj\": null}",
     "alpha_pattern is no number"},
    {"\"alpha_pattern\"", "\"r\": 4, \"alpha_pattern\"", "r"},
};

static void what_cannot_be_honoured_is_refused(void **state)
{
    (void)state;
    wane_error err;
    wane_update update = {0};
    for (size_t i = 0; i < sizeof unsupported / sizeof *unsupported; i++) {
        CHECK_FAILS(wane_update_load(&update, edited(unsupported[i].from, unsupported[i].to), NULL,
                                     NULL, &err),
                    WANE_EFORMAT, unsupported[i].cause);
        assert_null(update.tensors);
    }
}

static void what_changes_no_number_is_read(void **state)
{
    (void)state;
    static const char *const harmless[][2] = {
        {"\"bias\": \"none\"", "\"bias\": \"all\""},
        {"\"bias\": \"none\"", "\"bias\": \"lora_only\""},
        {"\"use_dora\": false", "\"use_dora\": null"},
        {"\"init_lora_weights\": true", "\"init_lora_weights\": null"},
        {"\"init_lora_weights\": true", "\"init_lora_weights\": \"Gaussian\""},
        {"\"modules_to_save\": null", "\"modules_to_save\": [\"lm_head\"]"},
        {"\"layers_to_transform\": null", "\"layers_to_transform\": []"},
        {"\"alora_invocation_tokens\": null", "\"alora_invocation_tokens\": []"},
    };
    wane_error err;
    wane_update update = {0};
    int warnings = 0;
    CHECK_OK(wane_update_load(&update, edited("\"revision\"", "\"new_thing\": 1, \"revision\""),
                              count_warning, &warnings, &err));
    assert_int_equal(warnings, 1);
    wane_update_free(&update);
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++) {
        CHECK_OK(wane_update_load(&update, edited(harmless[i][0], harmless[i][1]), count_warning,
                                  &warnings, &err));
        assert_int_equal(update.count, 4);
        wane_update_free(&update);
    }
    assert_int_equal(warnings, 1);
}

static void missing_factors_are_said(void **state)
{
    (void)state;
    wane_error err;
    wane_update update = {0};
    const char *folder = edited("\"revision\"", "\"revision\"");
    remove_tree(scratch_path("adapter/adapter_model.safetensors"));
    CHECK_FAILS(wane_update_load(&update, folder, NULL, NULL, &err), WANE_ENOTFOUND,
                "adapter_model.safetensors");
    write_file(scratch_path("adapter/adapter_model.bin"), "PK", 2);
    CHECK_FAILS(wane_update_load(&update, folder, NULL, NULL, &err), WANE_EFORMAT,
                "too short for a file of tensors");
    remove_tree(scratch_path("adapter/adapter_model.bin"));
}

/* An adapter folder whose factors are as given. */
static const char *with_factors(const wane_tensor_source *sources, size_t count)
{
    wane_error err;
    const char *folder = edited("\"revision\"", "\"revision\"");
    CHECK_OK(wane_tensors_write(scratch_path("adapter/adapter_model.safetensors"), sources, count,
                                NULL, 0, &err));
    return folder;
}

static void unpaired_factors_are_refused(void **state)
{
    (void)state;
    wane_error err;
    wane_update update = {0};
    static const float zeros[64];
#define A(module) "base_model.model." module ".lora_A.weight"
#define B(module) "base_model.model." module ".lora_B.weight"
    wane_tensor_source s[] = {{A("m.q_proj"), zeros, 2, {4, 3}}, {B("m.q_proj"), zeros, 2, {5, 4}}};
    CHECK_OK(wane_update_load(&update, with_factors(s, 2), NULL, NULL, &err));
    assert_int_equal(update.count, 1);
    assert_string_equal(update.tensors[0].name, "m.q_proj.weight");
    assert_int_equal(update.tensors[0].rows, 5);
    assert_int_equal(update.tensors[0].cols, 3);
    wane_update_free(&update);
    CHECK_FAILS(wane_update_load(&update, with_factors(s, 1), NULL, NULL, &err), WANE_EFORMAT,
                "m.q_proj.lora_B.weight is missing");
    CHECK_FAILS(wane_update_load(&update, with_factors(s + 1, 1), NULL, NULL, &err), WANE_EFORMAT,
                "m.q_proj.lora_A.weight is missing");
    CHECK_FAILS(wane_update_load(&update, with_factors(s, 0), NULL, NULL, &err), WANE_EFORMAT,
                "no tensors");
    s[1].shape[1] = 5;
    s[1].shape[0] = 4;
    CHECK_FAILS(wane_update_load(&update, with_factors(s, 2), NULL, NULL, &err), WANE_EFORMAT,
                "do not fit together");
    static const char *const names[] = {"base_model.model.m.q_proj.lora_magnitude_vector",
                                        "base_model.model.lora_A.weight",
                                        "base_model.model.m.q_proj.lora_A.a.b.weight",
                                        "base_model.model.m.q_proj.lora_A..weight",
                                        "base_model.model.m.q_proj.lora_B.bias",
                                        "base_model.model.e.lora_embedding_A.x.y",
                                        "base_model.model.e.lora_embedding_Ax",
                                        "base_model.model.m.q_proj.base_layer.a.weight",
                                        "base_model.model.m.q_proj.base_layer.scales",
                                        "base_model.model.weight"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        s[0].name = names[i];
        CHECK_FAILS(wane_update_load(&update, with_factors(s, 1), NULL, NULL, &err), WANE_EFORMAT,
                    "neither lora_A nor lora_B");
    }
    /* As other tools and wrappers name them. */
    static const char *const others[] = {"m.q_proj.lora_A.weight",
                                         "model.layers.0.self_attn.q_proj.lora_A.default.weight",
                                         "base_model.m.q_proj.lora_A.weight",
                                         "module.base_model.model.m.q_proj.lora_A.weight",
                                         "layers.0.attn.q_proj.lora_a.weight",
                                         "lora_unet_mid.lora_down.weight"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char wanted[200];
        (void)snprintf(wanted, sizeof wanted,
                       "base_model.model.MODULE.lora_A.weight; found %s, which", others[i]);
        s[0].name = others[i];
        CHECK_FAILS(wane_update_load(&update, with_factors(s, 1), NULL, NULL, &err), WANE_EFORMAT,
                    wanted);
    }
}

static wane_status read_config(wane_peft_config **out, const char *path, wane_error *err)
{
    wane_json *root = NULL;
    wane_status st = load_json(&root, path, err);
    if (st == WANE_OK) st = wane_peft_config_read(out, root, path, NULL, NULL, err);
    wane_json_free(root);
    return st;
}

/* Keys of rank_pattern mean the modules peft's own function says. */
static void patterns_match_as_pefts(void **state)
{
    (void)state;
    wane_error err;
    wane_json *root = NULL;
    CHECK_OK(load_json(&root, FIXTURES "patterns.json", &err));
    const wane_json *keys = wane_json_get(root, "keys"), *modules = wane_json_get(root, "modules");
    size_t matched = 0;
    assert_true(wane_json_size(keys) > 10 && wane_json_size(modules) > 10);
    for (size_t i = 0; i < wane_json_size(keys); i++) {
        wane_text text = {0};
        wane_peft_config *config = NULL;
        wane_text_string(&text, "{\"peft_type\":\"LORA\",\"rank_pattern\":{");
        wane_json_write_string(&text, wane_json_string(wane_json_at(keys, i), NULL));
        wane_text_string(&text, ":77}}");
        write_file(scratch_path("config.json"), text.data, text.length);
        wane_text_free(&text);
        CHECK_OK(read_config(&config, scratch_path("config.json"), &err));
        for (size_t k = 0; k < wane_json_size(modules); k++) {
            const char *module = wane_json_string(wane_json_at(modules, k), NULL);
            const wane_json *row = wane_json_at(wane_json_get(root, "matches"), i);
            bool wanted = wane_json_bool(wane_json_at(row, k), false);
            wane_peft_module said;
            CHECK_OK(wane_peft_config_module(&said, config, module, &err));
            if ((said.rank == 77) != wanted)
                print_error("key %zu, module %s: rank %zu\n", i, module, said.rank);
            assert_int_equal(said.rank, wanted ? 77 : 8);
            matched += wanted;
        }
        wane_peft_config_free(config);
    }
    assert_true(matched > 20);
    wane_json_free(root);
}

/* Whatever bytes a configuration holds, it is read or refused. */
static void damaged_configurations_are_survived(void **state)
{
    (void)state;
    static const char *const pieces[] = {"\"",
                                         "{",
                                         "}",
                                         "[",
                                         "]",
                                         ":",
                                         ",",
                                         "null",
                                         "1e999",
                                         "-1",
                                         "9223372036854775808",
                                         "\\u0000",
                                         "\xff",
                                         "(((((((",
                                         "*",
                                         "true",
                                         "\"r\": 0,",
                                         "[^"};
    wane_error err;
    size_t count = 0, refused = 0;
    char *bytes = read_file(FIXTURES "adapter-patterns/adapter_config.json", &count);
    wane_random where = {.seed = 8, .purpose = WANE_RANDOM_TEST};
    for (size_t trial = 0; trial < 600; trial++) {
        wane_text text = {0};
        wane_peft_config *config = NULL;
        where.step = trial;
        size_t place = wane_random_below(&where, 0, count), skip = wane_random_below(&where, 1, 12);
        size_t piece = wane_random_below(&where, 2, sizeof pieces / sizeof *pieces);
        if (skip > count - place) skip = count - place;
        wane_text_append(&text, bytes, place);
        wane_text_string(&text, pieces[piece]);
        wane_text_append(&text, bytes + place + skip, count - place - skip);
        write_file(scratch_path("config.json"), text.data, text.length);
        wane_text_free(&text);
        wane_status st = read_config(&config, scratch_path("config.json"), &err);
        assert_true(st == WANE_OK || st == WANE_EFORMAT);
        if (st == WANE_OK) {
            wane_peft_module said = {0};
            st = wane_peft_config_module(&said, config, "model.layers.1.mlp.down_proj", &err);
            assert_true(st == WANE_EFORMAT || (said.rank >= 1 && isfinite(said.scale)));
            st = WANE_OK;
        }
        refused += st != WANE_OK;
        wane_peft_config_free(config);
    }
    assert_true(refused > 100 && refused < 600);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_left_out_is_as_in_peft),
        cmocka_unit_test(heads_are_kept_beside_the_factors),
        cmocka_unit_test(what_cannot_be_honoured_is_refused),
        cmocka_unit_test(what_changes_no_number_is_read),
        cmocka_unit_test(missing_factors_are_said),
        cmocka_unit_test(unpaired_factors_are_refused),
        cmocka_unit_test(patterns_match_as_pefts),
        cmocka_unit_test(damaged_configurations_are_survived),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
