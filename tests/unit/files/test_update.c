/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/memory.h"
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

/* Every adapter of the reference, merged into its base, gives the weights peft merged. */
static void merged_weights_equal_pefts(const char *name)
{
    wane_error err;
    wane_update update = {0};
    wane_tensors *base = NULL, *merged = NULL;
    char path[128];
    int warnings = 0;
    (void)snprintf(path, sizeof path, FIXTURES "adapter-%s", name);
    CHECK_OK(wane_update_load(&update, path, count_warning, &warnings, &err));
    assert_int_equal(warnings, 0);
    (void)snprintf(path, sizeof path, FIXTURES "merged-%s.safetensors", name);
    CHECK_OK(wane_tensors_open(&merged, path, &err));
    CHECK_OK(wane_tensors_open(&base, FIXTURES "tiny-llama", &err));
    assert_true(update.lowrank);
    assert_int_equal(update.count, wane_tensors_count(merged));
    for (size_t i = 0; i < update.count; i++) {
        const wane_update_tensor *t = &update.tensors[i];
        const wane_tensor *before = wane_tensors_find(base, t->name);
        const wane_tensor *after = wane_tensors_find(merged, t->name);
        assert_non_null(before);
        assert_non_null(after);
        float weight[1024], wanted[1024], largest = 0;
        assert_true(before->elements == t->rows * t->cols && before->elements <= 1024);
        CHECK_OK(wane_tensors_read(base, before, weight, &err));
        CHECK_OK(wane_tensors_read(merged, after, wanted, &err));
        wane_update_apply(NULL, t, weight);
        for (size_t k = 0; k < before->elements; k++) largest = fmaxf(largest, fabsf(wanted[k]));
        for (size_t k = 0; k < before->elements; k++)
            CHECK_NEAR(weight[k], wanted[k], 2e-7 * largest, 0);
    }
    wane_update_free(&update);
    wane_tensors_close(base);
    wane_tensors_close(merged);
}

static void adapters_of_peft_are_read(void **state)
{
    (void)state;
    merged_weights_equal_pefts("plain");
    merged_weights_equal_pefts("patterns");
    merged_weights_equal_pefts("rslora");
}

static void facts_of_an_adapter_are_read(void **state)
{
    (void)state;
    wane_error err;
    wane_update update = {0}, half = {0}, plain = {0};
    CHECK_OK(wane_update_load(&update, FIXTURES "adapter-patterns", NULL, NULL, &err));
    assert_true(update.facts.alpha == 8);
    assert_true(update.facts.dropout == 0.05);
    assert_int_equal(update.facts.rank, 4);
    assert_false(update.facts.rslora);
    assert_string_equal(update.facts.base_model, "tiny-llama");
    assert_int_equal(update.count, 14);
    static const struct {
        const char *name;
        size_t rank;
        float scale;
    } some[] = {{"model.layers.0.self_attn.q_proj.weight", 2, 4},
                {"model.layers.0.self_attn.v_proj.weight", 4, 3},
                {"model.layers.1.self_attn.v_proj.weight", 4, 2},
                {"model.layers.1.mlp.up_proj.weight", 6, 8.0F / 6},
                {"model.layers.1.mlp.down_proj.weight", 6, 0.5F}};
    for (size_t k = 0; k < sizeof some / sizeof *some; k++) {
        bool found = false;
        for (size_t i = 0; i < update.count; i++)
            if (strcmp(update.tensors[i].name, some[k].name) == 0) {
                found = true;
                assert_int_equal(update.tensors[i].term.rank, some[k].rank);
                assert_true(update.tensors[i].term.scale == some[k].scale);
            }
        assert_true(found);
    }
    wane_update_free(&update);
    CHECK_OK(wane_update_load(&update, FIXTURES "adapter-rslora", NULL, NULL, &err));
    assert_true(update.facts.rslora);
    assert_true(update.tensors[1].term.scale == 3.0F); /* 6 / sqrt(4) */
    wane_update_free(&update);
    CHECK_OK(wane_update_load(&half, FIXTURES "adapter-bf16", NULL, NULL, &err));
    CHECK_OK(wane_update_load(&plain, FIXTURES "adapter-plain", NULL, NULL, &err));
    assert_int_equal(half.count, plain.count);
    for (size_t i = 0; i < half.count; i++)
        for (size_t k = 0; k < 4 * half.tensors[i].cols; k++)
            CHECK_NEAR(half.tensors[i].term.a[k], plain.tensors[i].term.a[k], 0, 0x1p-8);
    wane_update_free(&half);
    wane_update_free(&plain);
}

/* Copies the plain adapter to scratch "adapter" with `from` in its configuration become `to`. */
static const char *edited(const char *from, const char *to)
{
    wane_error err;
    size_t count = 0;
    CHECK_OK(wane_folder_make(scratch_path("adapter"), &err));
    char *bytes = read_file(FIXTURES "adapter-plain/adapter_model.safetensors", &count);
    write_file(scratch_path("adapter/adapter_model.safetensors"), bytes, count);
    free(bytes);
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

static void what_cannot_be_honoured_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *cause;
    } bad[] = {
        {"\"use_dora\": false", "\"use_dora\": true", "use_dora is set"},
        {"\"bias\": \"none\"", "\"bias\": \"every\"", "bias is every"},
        {"\"bias\": \"none\"", "\"bias\": null", "bias is no text"},
        {"\"bias\": \"none\"", "\"bias\": 3", "bias is no text"},
        {"\"modules_to_save\": null", "\"modules_to_save\": \"lm_head\"", "modules_to_save"},
        {"\"modules_to_save\": null", "\"modules_to_save\": [\"score\", 3]", "modules_to_save"},
        {"\"use_dora\": false", "\"use_dora\": \"false\"", "use_dora is set"},
        {"\"use_dora\": false", "\"use_dora\": 1", "use_dora is set"},
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
        {"\"lora_dropout\": 0.0", "\"lora_dropout\": 1.5",
         "lora_dropout is no number in its range"},
        {"\"rank_pattern\": {}", "\"rank_pattern\": {\"(?<=a+)_proj\": 4}", "is not understood"},
        {"\"rank_pattern\": {}", "\"rank_pattern\": {\"(q\": 4}", "is not understood"},
        {"\"rank_pattern\": {}", "\"rank_pattern\": {\"(?i)q\": 4}",
         "global flags not at the start of the expression"},
        {"\"rank_pattern\": {}", "\"rank_pattern\": [1]", "rank_pattern is no object"},
        {"\"alpha_pattern\": {}", "\"alpha_pattern\": {\"q_proj\": null}",
         "alpha_pattern is no number"},
        {"\"alpha_pattern\"", "\"r\": 4, \"alpha_pattern\"", "r"},
    };
    wane_error err;
    wane_update update = {0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_FAILS(wane_update_load(&update, edited(bad[i].from, bad[i].to), NULL, NULL, &err),
                    WANE_EFORMAT, bad[i].cause);
        assert_null(update.tensors);
    }
    int warnings = 0;
    CHECK_OK(wane_update_load(&update, edited("\"revision\"", "\"new_thing\": 1, \"revision\""),
                              count_warning, &warnings, &err));
    assert_int_equal(warnings, 1);
    wane_update_free(&update);
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
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++) {
        CHECK_OK(wane_update_load(&update, edited(harmless[i][0], harmless[i][1]), count_warning,
                                  &warnings, &err));
        assert_int_equal(update.count, 4);
        wane_update_free(&update);
    }
    assert_int_equal(warnings, 1);
    remove_tree(scratch_path("adapter/adapter_model.safetensors"));
    CHECK_FAILS(wane_update_load(&update, scratch_path("adapter"), NULL, NULL, &err),
                WANE_ENOTFOUND, "adapter_model.safetensors");
    write_file(scratch_path("adapter/adapter_model.bin"), "PK", 2);
    CHECK_FAILS(wane_update_load(&update, scratch_path("adapter"), NULL, NULL, &err), WANE_EFORMAT,
                "too short for a file of tensors");
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
                                        "m.q_proj.lora_A.weight",
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
}

/* Keys of rank_pattern mean the modules peft's own function says. */
static wane_status read_config(wane_peft_config **out, const char *path, wane_error *err)
{
    wane_json *root = NULL;
    wane_status st = wane_json_load(&root, path, err);
    if (st == WANE_OK) st = wane_peft_config_read(out, root, path, false, NULL, NULL, err);
    wane_json_free(root);
    return st;
}

static void patterns_match_as_pefts(void **state)
{
    (void)state;
    wane_error err;
    wane_json *root = NULL;
    CHECK_OK(wane_json_load(&root, FIXTURES "patterns.json", &err));
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

static void same_file(const char *first, const char *second)
{
    size_t count = 0, other = 0;
    char *a = read_file(first, &count), *b = read_file(second, &other);
    assert_int_equal(count, other);
    assert_memory_equal(a, b, count);
    free(a);
    free(b);
}

static void adapters_survive_a_round_trip(void **state)
{
    (void)state;
    static const char *const names[] = {FIXTURES "adapter-plain", FIXTURES "adapter-patterns",
                                        FIXTURES "adapter-rslora", FIXTURES "adapter-bf16"};
    wane_error err;
    for (size_t n = 0; n < 4; n++) {
        wane_update first = {0}, second = {0};
        CHECK_OK(wane_update_load(&first, names[n], NULL, NULL, &err));
        CHECK_OK(wane_update_save(&first, scratch_path("saved/deep"), &err));
        CHECK_OK(wane_update_load(&second, scratch_path("saved/deep"), NULL, NULL, &err));
        assert_int_equal(first.count, second.count);
        assert_true(first.facts.alpha == second.facts.alpha);
        assert_true(first.facts.dropout == second.facts.dropout);
        assert_int_equal(first.facts.rslora, second.facts.rslora);
        assert_string_equal(first.facts.base_model, second.facts.base_model);
        for (size_t i = 0; i < first.count; i++) {
            const wane_update_tensor *a = &first.tensors[i], *b = &second.tensors[i];
            assert_string_equal(a->name, b->name);
            assert_int_equal(a->term.rank, b->term.rank);
            assert_true(a->term.scale == b->term.scale);
            assert_memory_equal(a->term.a, b->term.a, a->term.rank * a->cols * sizeof(float));
            assert_memory_equal(a->term.b, b->term.b, a->term.rank * a->rows * sizeof(float));
        }
        CHECK_OK(wane_update_save(&second, scratch_path("again"), &err));
        same_file(scratch_path("saved/deep/adapter_config.json"),
                  scratch_path("again/adapter_config.json"));
        same_file(scratch_path("saved/deep/adapter_model.safetensors"),
                  scratch_path("again/adapter_model.safetensors"));
        wane_update_free(&first);
        wane_update_free(&second);
    }
}

/* Any finite scale is kept to the bit, whatever the rank. */
static void scales_survive_a_round_trip(void **state)
{
    (void)state;
    wane_error err;
    wane_random where = {.seed = 5, .purpose = WANE_RANDOM_TEST};
    static const float zeros[200];
    for (int rslora = 0; rslora < 2; rslora++) {
        wane_update update = {0}, back = {0};
        char names[20][32];
        CHECK_OK(wane_update_new(&update, 20, true, &err));
        update.facts = (wane_adapter_facts){.alpha = 16, .rank = 8, .rslora = rslora == 1};
        for (size_t i = 0; i < 20; i++) {
            (void)snprintf(names[i], sizeof names[i], "m.%c.weight", 'a' + (int)i);
            float scale = (float)(wane_random_uniform(&where, i) * 7);
            update.tensors[i] = (wane_update_tensor){
                .name = names[i], .rows = 3, .cols = 5, .term = {zeros, zeros, i + 1, scale}};
        }
        CHECK_OK(wane_update_save(&update, scratch_path("scales"), &err));
        CHECK_OK(wane_update_load(&back, scratch_path("scales"), NULL, NULL, &err));
        for (size_t i = 0; i < 20; i++) {
            assert_int_equal(back.tensors[i].term.rank, i + 1);
            assert_true(back.tensors[i].term.scale == update.tensors[i].term.scale);
        }
        wane_update_free(&back);
        update.tensors[3].name = "m.d.bias";
        CHECK_FAILS(wane_update_save(&update, scratch_path("scales"), &err), WANE_EINVAL,
                    "m.d.bias: no module's weight");
        update.tensors[3].name = names[3];
        update.tensors[4].term.a = NULL;
        CHECK_FAILS(wane_update_save(&update, scratch_path("scales"), &err), WANE_EINVAL,
                    "does not fit the update's form");
        wane_update_free(&update);
    }
}

static void tuned_tensors_survive_a_round_trip(void **state)
{
    (void)state;
    wane_error err;
    wane_update update = {0}, back = {0};
    CHECK_OK(wane_update_load(&update, FIXTURES "tiny-llama", NULL, NULL, &err));
    assert_false(update.lowrank);
    assert_int_equal(update.count, 21);
    CHECK_OK(wane_update_save(&update, scratch_path("tuned.safetensors"), &err));
    CHECK_OK(wane_update_load(&back, scratch_path("tuned.safetensors"), NULL, NULL, &err));
    assert_int_equal(back.count, 21);
    float weight[1024];
    for (size_t i = 0; i < 21; i++) {
        const wane_update_tensor *t = &back.tensors[i];
        assert_string_equal(t->name, update.tensors[i].name);
        assert_int_equal(t->cols, update.tensors[i].cols);
        memset(weight, 0x55, sizeof weight);
        wane_update_apply(NULL, t, weight);
        assert_memory_equal(weight, update.tensors[i].data, t->rows * t->cols * sizeof *weight);
    }
    wane_update_free(&back);
    wane_update_free(&update);
    wane_update_free(&update);
    CHECK_FAILS(wane_update_load(&update, FIXTURES "dtypes.safetensors", NULL, NULL, &err),
                WANE_EFORMAT, "neither a matrix nor a vector");
    CHECK_FAILS(wane_update_load(&update, scratch_path("absent"), NULL, NULL, &err), WANE_ENOTFOUND,
                "absent");
    CHECK_FAILS(wane_update_save(&update, scratch_path("none"), &err), WANE_EINVAL, "no tensors");
}

/* A merge has the same bits for any number of threads. */
static void merging_ignores_the_number_of_threads(void **state)
{
    (void)state;
    enum { ROWS = 300, COLS = 257, RANK = 5 };
    wane_error err;
    wane_random where = {.seed = 1, .purpose = WANE_RANDOM_TEST};
    float *values = calloc((size_t)ROWS * COLS * 2, sizeof *values), *one = values;
    float *two = values + (size_t)ROWS * COLS, a[RANK * COLS], b[ROWS * RANK];
    assert_non_null(values);
    wane_random_normal_fill(one, (size_t)ROWS * COLS, 1, &where);
    memcpy(two, one, (size_t)ROWS * COLS * sizeof *one);
    where.tensor = 1;
    wane_random_normal_fill(a, RANK * COLS, 1, &where);
    wane_random_normal_fill(b, ROWS * RANK, 1, &where);
    wane_update_tensor t = {.rows = ROWS, .cols = COLS, .term = {b, a, RANK, 0.3F}};
    wane_pool *pool = NULL;
    CHECK_OK(wane_pool_new(&pool, 3, &err));
    wane_update_apply(NULL, &t, one);
    wane_update_apply(pool, &t, two);
    assert_memory_equal(one, two, (size_t)ROWS * COLS * sizeof *one);
    wane_pool_free(pool);
    free(values);
}

/* A disk that fills up at any moment leaves a folder that is the new adapter or none. */
static void a_full_disk_leaves_no_mixture(void **state)
{
    (void)state;
    wane_error err;
    wane_update old = {0}, new = {0}, found = {0};
    CHECK_OK(wane_update_load(&old, FIXTURES "adapter-plain", NULL, NULL, &err));
    CHECK_OK(wane_update_load(&new, FIXTURES "adapter-rslora", NULL, NULL, &err));
    long n = 0;
    for (;; n++) {
        CHECK_OK(wane_update_save(&old, scratch_path("full"), &err));
        wane_file_fail_after(n);
        wane_status st = wane_update_save(&new, scratch_path("full"), &err);
        wane_file_fail_after(-1);
        if (st == WANE_OK) break;
        assert_int_equal(st, WANE_EIO);
        if (wane_file_exists(scratch_path("full/adapter_config.json"))) {
            CHECK_OK(wane_update_load(&found, scratch_path("full"), NULL, NULL, &err));
            assert_int_equal(found.count, found.facts.rslora ? new.count : old.count);
            wane_update_free(&found);
        }
    }
    assert_true(n >= 6);
    wane_update_free(&old);
    wane_update_free(&new);
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

static void lack_of_memory_is_reported(void **state)
{
    (void)state;
    wane_error err;
    long n = 0;
    for (;; n++) {
        wane_update update = {0};
        wane_memory_fail_after(n);
        wane_status st = wane_update_load(&update, FIXTURES "adapter-patterns", NULL, NULL, &err);
        if (st == WANE_OK) st = wane_update_save(&update, scratch_path("starved"), &err);
        wane_memory_fail_after(-1);
        wane_update_free(&update);
        if (st == WANE_OK) break;
        assert_int_equal(st, WANE_ENOMEM);
    }
    assert_true(n > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adapters_of_peft_are_read),
        cmocka_unit_test(facts_of_an_adapter_are_read),
        cmocka_unit_test(heads_are_kept_beside_the_factors),
        cmocka_unit_test(what_is_left_out_is_as_in_peft),
        cmocka_unit_test(what_cannot_be_honoured_is_refused),
        cmocka_unit_test(unpaired_factors_are_refused),
        cmocka_unit_test(patterns_match_as_pefts),
        cmocka_unit_test(adapters_survive_a_round_trip),
        cmocka_unit_test(scales_survive_a_round_trip),
        cmocka_unit_test(tuned_tensors_survive_a_round_trip),
        cmocka_unit_test(merging_ignores_the_number_of_threads),
        cmocka_unit_test(a_full_disk_leaves_no_mixture),
        cmocka_unit_test(damaged_configurations_are_survived),
        cmocka_unit_test(lack_of_memory_is_reported),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
