/* SPDX-License-Identifier: Apache-2.0
 * A model of every architecture whose GGUF is read, as llama.cpp's converter writes it
 * (tests/reference/make_gguf_fixtures.py), against the same model in transformers' files: equal
 * settings, equal weights to the last bit; and GGUF files that are no models.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/model/architecture.h"
#include "eval/model/model_files.h"
#include "store/base/memory.h"
#include "store/files/file.h"
#include "tests/support/support.h"

/* Settings that GGUF does not have, or not as these models have them. */
static const struct {
    const char *name, *setting;
} lost[] = {{"qwen2", "use_sliding_window"},
            {"qwen2", "sliding_window"},
            {"qwen2", "layer_types"},
            {"qwen3", "sliding_window"},
            {"qwen3", "layer_types"},
            {"smollm3", "no_rope_layers"},
            {"smollm3", "no_rope_layer_interval"},
            {"smollm3", "sliding_window"},
            {"smollm3", "layer_types"},
            {"gemma2", "query_pre_attn_scalar"},
            {"gemma3_text", "query_pre_attn_scalar"},
            {"llama_yarn", "rope_scaling"}}; /* truncate, mscale */

/* Further models; NULL behind the last. */
static const char *const others[] = {"llama_3",        "llama_linear",    "llama_yarn",
                                     "llama_longrope", "gpt_neox_series", NULL};

static bool may_differ(const char *name, const char *setting)
{
    for (size_t i = 0; i < sizeof lost / sizeof *lost; i++)
        if (strcmp(lost[i].name, name) == 0 && strcmp(lost[i].setting, setting) == 0) return true;
    return false;
}

/* Whether both have the same weights. */
static void check_weights(const char *name, wane_model *wanted, const wane_model *got)
{
    assert_int_equal(wanted->parameters.count, got->parameters.count);
    for (size_t p = 0; p < wanted->parameters.count; p++) {
        const wane_parameter *one = &wanted->parameters.parameter[p];
        float *norm = wanted->weights + one->offset;
        bool rounded = wanted->config.block.norm == WANE_NORM_RMS_PLUS_ONE;
        /* Kept as 1 + w, which rounds. */
        for (size_t i = 0; rounded && one->role == WANE_ROLE_NORM && i < one->rows; i++)
            norm[i] = (norm[i] + 1) - 1;
        if (memcmp(wanted->weights + one->offset, got->weights + one->offset,
                   one->rows * one->cols * sizeof(float)) != 0)
            fail_msg("%s: another %s", name, one->name);
    }
}

static void check_family(const char *name)
{
    wane_error err;
    char folder[128], file[128];
    wane_model *wanted = NULL, *got = NULL;
    wane_config_difference list[WANE_CONFIG_SETTINGS];
    (void)snprintf(folder, sizeof folder, "reference/architectures/%s", name);
    (void)snprintf(file, sizeof file, "reference/gguf/%s.gguf", name);
    CHECK_OK(wane_model_load(&wanted, folder, &err));
    CHECK_OK(wane_model_load(&got, file, &err));
    size_t count = wane_config_differences(list, &wanted->config, &got->config);
    for (size_t i = 0; i < count; i++)
        if (!may_differ(name, list[i].setting))
            fail_msg("%s: %s is %s, by GGUF %s", name, list[i].setting, list[i].base,
                     list[i].value);
    check_weights(name, wanted, got);
    print_message("%s: %zu tensors, %zu settings of its own\n", name, wanted->parameters.count,
                  count);
    wane_model_free(wanted);
    wane_model_free(got);
}

static void models_are_those_of_other_files(void **state)
{
    (void)state;
    const wane_architecture *a = NULL;
    for (size_t i = 0; (a = wane_architecture_at(i)) != NULL; i++)
        if (a->gguf.name) check_family(a->name);
    for (size_t i = 0; others[i]; i++) check_family(others[i]);
}

/* Weights are what was quantized but for half a step of its grid. */
static void quantized_weights_are_told(void **state)
{
    (void)state;
    wane_error err;
    wane_model *wanted = NULL, *got = NULL;
    CHECK_OK(wane_model_load(&wanted, "reference/gguf/gpt_neox.gguf", &err));
    CHECK_OK(wane_model_load(&got, "reference/gguf/quantized.gguf", &err));
    assert_string_equal(wanted->quantized, "");
    assert_string_equal(got->quantized, "20 F32, 8 Q4_1");
    size_t differ = 0;
    for (size_t p = 0; p < got->parameters.count; p++) {
        const wane_parameter *one = &got->parameters.parameter[p];
        const float *a = wanted->weights + one->offset, *b = got->weights + one->offset;
        differ += memcmp(a, b, one->rows * one->cols * sizeof *a) != 0;
        for (size_t i = 0; i < one->rows * one->cols; i++) CHECK_NEAR(b[i], a[i], 0.05, 0);
    }
    assert_int_equal(differ, 8);
    wane_model_free(wanted);
    wane_model_free(got);
}

static void has_text(const char *file, const char *text)
{
    wane_error err;
    wane_package *package = NULL;
    char *config = NULL, *name = NULL;
    size_t bytes = 0;
    CHECK_OK(wane_package_open(&package, file, &err));
    CHECK_OK(wane_model_config_text(&config, &bytes, &name, package, &err));
    if (!strstr(config, text)) fail_msg("%s: no %s in %s", file, text, config);
    wane_free(config);
    wane_free(name);
    wane_package_close(package);
}

/* What another reader of config.json sees. */
static void metadata_make_a_config(void **state)
{
    (void)state;
    has_text("reference/gguf/llama_3.gguf",
             "\"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": "
             "1, \"high_freq_factor\": 4, \"original_max_position_embeddings\": 40}");
    has_text("reference/gguf/llama_yarn.gguf",
             "\"rope_scaling\": {\"rope_type\": \"yarn\", \"factor\": 4, \"beta_fast\": 2, "
             "\"beta_slow\": 0.25, \"original_max_position_embeddings\": 16}");
    has_text("reference/gguf/llama.gguf", "\"rms_norm_eps\": 1e-06");
    has_text("reference/gguf/gemma3_text.gguf", "\"query_pre_attn_scalar\": 6");
}

/* ------------------------------------------------------------------------------------ what is not
 */

/* A copy of the file with one key or name of it replaced by another as long. */
static const char *changed(const char *name, const char *from, const char *to, size_t length)
{
    size_t bytes = 0;
    char *file = read_file(name, &bytes);
    const char *path = scratch_path("changed.gguf");
    size_t at = 0;
    while (at + length <= bytes && memcmp(file + at, from, length) != 0) at++;
    assert_true(at + length <= bytes);
    memcpy(file + at, to, length);
    write_file(path, file, bytes);
    free(file);
    return path;
}

static void refused_of(const char *name, const char *from, const char *to, size_t length,
                       const char *message)
{
    wane_error err;
    wane_model *model = NULL;
    CHECK_FAILS(wane_model_load(&model, changed(name, from, to, length), &err), WANE_EFORMAT,
                message);
}

/* Texts with NUL among them count whole. */
#define refused(from, to, message)                                                                 \
    refused_of("reference/gguf/llama.gguf", from, to, sizeof(from) - 1, message)

static void what_is_no_model_is_refused(void **state)
{
    (void)state;
    char folder[256];
    wane_error err;
    wane_model *model = NULL;
    (void)snprintf(folder, sizeof folder, "%s", scratch_folder());
    refused("\5\0\0\0\0\0\0\0llama", "\5\0\0\0\0\0\0\0mamba",
            "general.architecture: \"mamba\" is not supported (llama, gpt2");
    refused("llama.attention.head_count\4", "llama.attention.head_copnt\4",
            "attention.head_count and embedding_length do not give the width of a head");
    refused("blk.1.ffn_up.weight", "blk.1.ffn_xp.weight",
            "tensor model.layers.1.mlp.up_proj.weight is missing");
    refused("blk.2.attn_norm.weight", "blk.9.attn_norm.weight",
            "tensor model.layers.2.input_layernorm.weight is missing");
    refused("token_embd", "tokem_embd", "token_embd.weight: is not there, or no matrix");
    refused("llama.block_count\4\0\0\0\3", "llama.block_count\4\0\0\0\2",
            "has no place in this model");
    refused("llama.rope.freq_base", "llama.residual_scale",
            "residual_scale: its value is not supported");
    refused("llama.feed_forward_length", "llama.attention.clamp_kqv",
            "attention.clamp_kqv: its value is not supported");
    refused("llama.rope.dimension_count\4\0\0\0\12", "llama.rope.dimension_count\4\0\0\0\10",
            "rope.dimension_count: is not the width of a head");
    refused("blk.0.attn_q.bias", "rope_freqs.weight",
            "rope_freqs.weight: has not a number for each pair that is turned");
    refused_of("reference/gguf/llama_3.gguf", "llama.feed_forward_length",
               "llama.rope.scaling.factor", 25,
               "rope.scaling.factor: is beside divisors as tensors");
    refused("llama.attention.value_length\4\0\0\0\12", "llama.attention.value_length\4\0\0\0\10",
            "attention.value_length: is not the width of a head");
    refused_of("reference/gguf/llama_yarn.gguf", "yarn_beta_fast\6\0\0\0\0\0\0\100",
               "yarn_beta_fast\6\0\0\0\0\0\0\300", 22,
               "rope.scaling.yarn_beta_fast: is no positive number");
    refused_of("reference/gguf/gemma2.gguf", "attention.layer_norm_rms_epsilon",
               "attention.sliding_window_pattern", 32,
               "attention.sliding_window_pattern: its value is not supported");
    copy_file("reference/gguf/gpt2.gguf", scratch_path("another.gguf"));
    CHECK_FAILS(wane_model_load(&model, folder, &err), WANE_EFORMAT,
                "2 files of tensors and no index of shards; name one of them");
}

/* In the place of an epsilon that is the default: every third layer sees all. */
static void a_period_of_windows_is_read(void **state)
{
    (void)state;
    wane_error err;
    wane_model *model = NULL;
    const char *path = changed("reference/gguf/gemma2.gguf",
                               "attention.layer_norm_rms_epsilon\6\0\0\0\xbd\x37\x86\x35",
                               "attention.sliding_window_pattern\4\0\0\0\3\0\0\0", 40);
    CHECK_OK(wane_model_load(&model, path, &err));
    for (size_t l = 0; l < 3; l++)
        assert_int_equal(wane_layer_in(&model->config.block.windowed, l), l < 2);
    wane_model_free(model);
}

static void a_folder_with_one_is_a_model(void **state)
{
    (void)state;
    wane_error err;
    char by_file[WANE_SHA256_HEX], by_folder[WANE_SHA256_HEX], by_set[WANE_SHA256_HEX];
    const char *folder = scratch_path("one");
    model_key(by_file, "reference/gguf/llama.gguf");
    CHECK_OK(wane_folder_make(folder, &err));
    copy_file("reference/gguf/llama.gguf", scratch_path("one/any name.gguf"));
    /* What its metadata say counts, not what lies beside it. */
    write_file(scratch_path("one/config.json"), "{}", 2);
    model_key(by_folder, folder);
    assert_string_equal(by_file, by_folder);
    model_key(by_set, "reference/gguf/set-00001-of-00003.gguf");
    assert_string_equal(by_file, by_set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_are_those_of_other_files),
        cmocka_unit_test(quantized_weights_are_told),
        cmocka_unit_test(metadata_make_a_config),
        cmocka_unit_test_setup_teardown(what_is_no_model_is_refused, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(a_period_of_windows_is_read, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(a_folder_with_one_is_a_model, scratch_make, scratch_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
