/* SPDX-License-Identifier: Apache-2.0
 * config.json of Qwen's models, Mistral, SmolLM3 and Granite as they stand on the hub, or with
 * nothing in them but model_type: what is read, how many numbers the model has (as transformers
 * counts them), and what is refused.
 */
#include <stdio.h>
#include <string.h>

#include "tests/support/support.h"
#include "tests/unit/model/config_case.h"

/* A small configuration of any of them. */
#define TINY(type)                                                                                 \
    "\"model_type\": \"" type "\", \"vocab_size\": 40, \"hidden_size\": 24, "                      \
    "\"num_hidden_layers\": 4, \"num_attention_heads\": 6, \"intermediate_size\": 20"
#define NAMES                                                                                      \
    ", \"layer_types\": [\"sliding_attention\", \"full_attention\", \"full_attention\", "          \
    "\"sliding_attention\"]"

typedef struct windows_case {
    const char *keys; /* behind the small configuration */
    size_t window;
    const char *layers; /* 1 where a layer has it */
} windows_case;

static void check_windows(const char *tiny, const windows_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char text[1024];
        (void)snprintf(text, sizeof text, "{%s%s}", tiny, cases[i].keys);
        wane_config c = config_read(text);
        config_check_windows(&c, cases[i].window, cases[i].layers);
        config_check_round(&c);
    }
}
#define CHECK_WINDOWS(tiny, cases) check_windows(tiny, cases, sizeof(cases) / sizeof *(cases))

/* Layers with rotary positions, as text of 1 and 0. */
static void check_turned(const wane_config *c, const char *layers)
{
    for (size_t l = 0; l < c->layers; l++)
        assert_int_equal(wane_config_layer(c, l).rope != NULL, layers[l % strlen(layers)] == '1');
}

/* ----------------------------------------------------------------------------------------- Qwen */

/* Qwen/Qwen2.5-0.5B, use_sliding_window apart. */
#define QWEN2                                                                                      \
    "\"architectures\": [\"Qwen2ForCausalLM\"], \"attention_dropout\": 0.0, "                      \
    "\"bos_token_id\": 151643, \"eos_token_id\": 151643, \"hidden_act\": \"silu\", "               \
    "\"hidden_size\": 896, \"initializer_range\": 0.02, \"intermediate_size\": 4864, "             \
    "\"max_position_embeddings\": 32768, \"max_window_layers\": 24, "                              \
    "\"model_type\": \"qwen2\", \"num_attention_heads\": 14, "                                     \
    "\"num_hidden_layers\": 24, \"num_key_value_heads\": 2, \"rms_norm_eps\": 1e-06, "             \
    "\"rope_theta\": 1000000.0, \"sliding_window\": 32768, "                                       \
    "\"tie_word_embeddings\": true, \"torch_dtype\": \"bfloat16\", "                               \
    "\"transformers_version\": \"4.40.1\", \"use_cache\": true, "                                  \
    "\"use_mrope\": false, \"vocab_size\": 151936"
static void qwen2_is_read(void **state)
{
    (void)state;
    wane_config c = config_read("{" QWEN2 ", \"use_sliding_window\": false}");
    assert_int_equal(config_numbers(&c), 494032768);
    assert_int_equal(c.head_width, 64);
    assert_true(c.tied && c.bos == 151643 && wane_config_pad(&c) == -1);
    CHECK_NEAR(c.rope.theta, 1e6, 0, 0);
    config_check_windows(&c, 0, "0");
    config_check_round(&c);
    /* From layer 24 on, which it does not have. */
    c = config_read("{" QWEN2 ", \"use_sliding_window\": true}");
    config_check_windows(&c, 0, "0");
    config_check_round(&c);
    c = config_read("{\"model_type\": \"qwen2\"}");
    assert_int_equal(config_numbers(&c), 12049846272);
    assert_int_equal(c.kv_heads, 32);
    assert_int_equal(c.context, 32768);
    assert_true(c.bos == -1 && c.eos == -1 && !c.tied);
    CHECK_NEAR(c.rope.theta, 1e4, 0, 0);
    CHECK_NEAR(c.norm_epsilon, 1e-6, 0, 0);
    config_check_round(&c);
}

#define QWEN TINY("qwen2") ", \"num_key_value_heads\": null"
#define ON ", \"use_sliding_window\": true"

static void qwen2_has_the_windows_of_transformers(void **state)
{
    (void)state;
    const windows_case cases[] = {
        {"", 0, "0"},
        {", \"sliding_window\": 7, \"max_window_layers\": 2", 0, "0"},
        {", \"use_sliding_window\": null, \"max_window_layers\": 2", 0, "0"},
        {ON ", \"sliding_window\": null, \"max_window_layers\": 0", 0, "0"},
        {ON, 0, "0"}, /* the first with one would be layer 28 */
        {ON ", \"max_window_layers\": 1", 4096, "0111"},
        {ON ", \"max_window_layers\": 0, \"sliding_window\": 7", 7, "1"},
        {ON ", \"max_window_layers\": -3, \"sliding_window\": 7", 7, "1"},
        {ON NAMES ", \"max_window_layers\": 0", 4096, "1001"},
        {ON ", \"layer_types\": null, \"max_window_layers\": 3", 4096, "0001"},
    };
    CHECK_WINDOWS(QWEN, cases);
    wane_config c = config_read("{" QWEN ", \"head_dim\": 10}");
    assert_int_equal(c.kv_heads, 6);
    assert_int_equal(c.head_width, 10);
}

/* Qwen/Qwen3-0.6B. */
#define QWEN3                                                                                      \
    "\"architectures\": [\"Qwen3ForCausalLM\"], \"attention_bias\": false, "                       \
    "\"attention_dropout\": 0.0, \"bos_token_id\": 151643, \"eos_token_id\": 151645, "             \
    "\"head_dim\": 128, \"hidden_act\": \"silu\", \"hidden_size\": 1024, "                         \
    "\"initializer_range\": 0.02, \"intermediate_size\": 3072, "                                   \
    "\"max_position_embeddings\": 40960, \"max_window_layers\": 28, "                              \
    "\"model_type\": \"qwen3\", \"num_attention_heads\": 16, "                                     \
    "\"num_hidden_layers\": 28, \"num_key_value_heads\": 8, \"rms_norm_eps\": 1e-06, "             \
    "\"rope_scaling\": null, \"rope_theta\": 1000000, \"sliding_window\": null, "                  \
    "\"tie_word_embeddings\": true, \"torch_dtype\": \"bfloat16\", "                               \
    "\"transformers_version\": \"4.51.0\", \"use_cache\": true, "                                  \
    "\"use_sliding_window\": false, \"vocab_size\": 151936"
static void qwen3_is_read(void **state)
{
    (void)state;
    wane_config c = config_read("{" QWEN3 "}");
    assert_int_equal(config_numbers(&c), 596049920);
    assert_true(c.tied && c.eos == 151645 && !c.attention_bias);
    CHECK_NEAR(c.rope.theta, 1e6, 0, 0);
    config_check_windows(&c, 0, "0");
    config_check_round(&c);
    c = config_read("{\"model_type\": \"qwen3\"}");
    assert_int_equal(config_numbers(&c), 12049461248);
    assert_int_equal(c.head_width, 128);
    config_check_round(&c);
    const windows_case cases[] = {
        {ON ", \"max_window_layers\": 2, \"sliding_window\": 9", 9, "0011"},
        {ON NAMES, 4096, "1001"},
    };
    CHECK_WINDOWS(TINY("qwen3") ", \"num_key_value_heads\": 2", cases);
}

/* -------------------------------------------------------------------------------------- Mistral */

/* mistralai/Mistral-7B-v0.1 and v0.3, but for what differs. */
#define MISTRAL                                                                                    \
    "\"architectures\": [\"MistralForCausalLM\"], \"bos_token_id\": 1, "                           \
    "\"eos_token_id\": 2, \"hidden_act\": \"silu\", \"hidden_size\": 4096, "                       \
    "\"initializer_range\": 0.02, \"intermediate_size\": 14336, "                                  \
    "\"max_position_embeddings\": 32768, \"model_type\": \"mistral\", "                            \
    "\"num_attention_heads\": 32, \"num_hidden_layers\": 32, "                                     \
    "\"num_key_value_heads\": 8, \"rms_norm_eps\": 1e-05, "                                        \
    "\"tie_word_embeddings\": false, \"torch_dtype\": \"bfloat16\", "                              \
    "\"use_cache\": true"
static void mistral_is_read(void **state)
{
    (void)state;
    wane_config c = config_read("{" MISTRAL ", \"rope_theta\": 10000.0, \"sliding_window\": 4096, "
                                "\"vocab_size\": 32000}");
    assert_int_equal(config_numbers(&c), 7241732096);
    assert_int_equal(c.head_width, 128);
    CHECK_NEAR(c.norm_epsilon, 1e-5, 0, 0);
    config_check_windows(&c, 4096, "1");
    config_check_round(&c);
    c = config_read("{" MISTRAL ", \"attention_dropout\": 0.0, \"rope_theta\": 1000000.0, "
                    "\"sliding_window\": null, \"vocab_size\": 32768}");
    assert_int_equal(config_numbers(&c), 7248023552);
    CHECK_NEAR(c.rope.theta, 1e6, 0, 0);
    config_check_windows(&c, 0, "0");
    config_check_round(&c);
    c = config_read("{\"model_type\": \"mistral\"}");
    assert_int_equal(config_numbers(&c), 7241732096);
    assert_int_equal(c.kv_heads, 8);
    assert_int_equal(c.context, 131072);
    assert_true(c.bos == 1 && c.eos == 2 && !c.tied);
    config_check_windows(&c, 4096, "1");
    /* mistralai/Mistral-Nemo-Base-2407's width and heads. */
    c = config_read("{\"model_type\": \"mistral\", \"vocab_size\": 131072, \"hidden_size\": 5120, "
                    "\"head_dim\": 128, \"num_hidden_layers\": 40, \"sliding_window\": null}");
    assert_int_equal(config_numbers(&c), 12247782400);
}

static void mistral_has_the_windows_of_transformers(void **state)
{
    (void)state;
    const windows_case cases[] = {
        {"", 4096, "1"},
        {", \"sliding_window\": null", 0, "0"},
        {", \"sliding_window\": 3", 3, "1"},
        {", \"sliding_window\": 3" NAMES, 3, "1001"}, /* Ministral's */
        {NAMES, 4096, "1001"},
        {", \"sliding_window\": 3, \"layer_types\": null", 3, "1"},
    };
    CHECK_WINDOWS(TINY("mistral") ", \"num_key_value_heads\": 2", cases);
}

/* -------------------------------------------------------------------------------------- SmolLM3 */

/* HuggingFaceTB/SmolLM3-3B, but for its lists. */
#define SMOLLM3                                                                                    \
    "\"architectures\": [\"SmolLM3ForCausalLM\"], \"attention_bias\": false, "                     \
    "\"attention_dropout\": 0.0, \"bos_token_id\": null, \"eos_token_id\": 128012, "               \
    "\"hidden_act\": \"silu\", \"hidden_size\": 2048, \"initializer_range\": 0.02, "               \
    "\"intermediate_size\": 11008, \"max_position_embeddings\": 65536, "                           \
    "\"max_window_layers\": 28, \"mlp_bias\": false, \"model_type\": \"smollm3\", "                \
    "\"no_rope_layer_interval\": 4, \"num_attention_heads\": 16, "                                 \
    "\"num_hidden_layers\": 36, \"num_key_value_heads\": 4, "                                      \
    "\"pad_token_id\": 128004, \"pretraining_tp\": 2, \"rms_norm_eps\": 1e-06, "                   \
    "\"rope_scaling\": null, \"rope_theta\": 5000000.0, \"sliding_window\": null, "                \
    "\"torch_dtype\": \"bfloat16\", \"transformers_version\": \"4.54.0.dev0\", "                   \
    "\"use_cache\": false, \"use_sliding_window\": false, \"vocab_size\": 128256"
#define FOUR(a, d) a ", " a ", " a ", " d
#define NINE(x) x ", " x ", " x ", " x ", " x ", " x ", " x ", " x ", " x

static void smollm3_is_read(void **state)
{
    (void)state;
    wane_config c = config_read(
        "{" SMOLLM3 ", \"no_rope_layers\": [" NINE(FOUR("1", "0")) "], \"layer_types\": [" NINE(
            FOUR("\"full_attention\"", "\"full_attention\"")) "]}");
    assert_int_equal(config_numbers(&c), 3075098624);
    assert_true(c.tied && c.bos == -1 && c.eos == 128012 && wane_config_pad(&c) == 128004);
    CHECK_NEAR(c.rope.theta, 5e6, 0, 0);
    check_turned(&c, "1110");
    config_check_windows(&c, 0, "0");
    config_check_round(&c);
    c = config_read("{\"model_type\": \"smollm3\"}");
    assert_int_equal(config_numbers(&c), 3075098624);
    assert_true(c.tied && c.bos == 128000 && c.eos == 128001);
    CHECK_NEAR(c.rope.theta, 2e6, 0, 0);
    check_turned(&c, "1110");
    config_check_round(&c);
}

#define SMOL TINY("smollm3") ", \"num_key_value_heads\": 3"

static void smollm3_has_the_layers_of_transformers(void **state)
{
    (void)state;
    const struct {
        const char *keys, *turned;
    } cases[] = {
        {"", "1110"},
        {", \"no_rope_layer_interval\": 1", "0"},
        {", \"no_rope_layer_interval\": 3", "1101"},
        {", \"no_rope_layer_interval\": 7", "1111"},
        {", \"no_rope_layer_interval\": 2, \"no_rope_layers\": null", "1010"},
        {", \"no_rope_layer_interval\": 2, \"no_rope_layers\": [0, 1, 1, 0]", "0110"},
        {", \"no_rope_layers\": [0, 2, -1, 0, 0, 0]", "0110"}, /* longer than it must be */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512];
        (void)snprintf(text, sizeof text, "{" SMOL "%s}", cases[i].keys);
        wane_config c = config_read(text);
        check_turned(&c, cases[i].turned);
        config_check_round(&c);
    }
    const windows_case windows[] = {
        {", \"sliding_window\": 3", 0, "0"},
        {ON, 0, "0"},
        {ON ", \"sliding_window\": 3", 3, "0001"},
        {ON ", \"sliding_window\": 3, \"no_rope_layers\": [0, 1, 0, 1]", 3, "1010"},
        {ON ", \"sliding_window\": 3" NAMES, 3, "1001"},
    };
    CHECK_WINDOWS(SMOL, windows);
}

/* -------------------------------------------------------------------------------------- Granite */

/* ibm-granite/granite-3.3-2b-base. */
#define GRANITE                                                                                    \
    "\"architectures\": [\"GraniteForCausalLM\"], \"attention_bias\": false, "                     \
    "\"attention_dropout\": 0.1, \"attention_multiplier\": 0.015625, "                             \
    "\"bos_token_id\": 0, \"embedding_multiplier\": 12.0, \"eos_token_id\": 0, "                   \
    "\"hidden_act\": \"silu\", \"hidden_size\": 2048, \"initializer_range\": 0.02, "               \
    "\"intermediate_size\": 8192, \"logits_scaling\": 8.0, "                                       \
    "\"max_position_embeddings\": 131072, \"mlp_bias\": false, "                                   \
    "\"model_type\": \"granite\", \"num_attention_heads\": 32, "                                   \
    "\"num_hidden_layers\": 40, \"num_key_value_heads\": 8, \"pad_token_id\": 0, "                 \
    "\"residual_multiplier\": 0.22, \"rms_norm_eps\": 1e-05, \"rope_scaling\": null, "             \
    "\"rope_theta\": 10000000.0, \"tie_word_embeddings\": true, "                                  \
    "\"torch_dtype\": \"bfloat16\", \"transformers_version\": \"4.50.0.dev0\", "                   \
    "\"use_cache\": true, \"vocab_size\": 49159"
static void granite_is_read(void **state)
{
    (void)state;
    wane_config c = config_read("{" GRANITE "}");
    assert_int_equal(config_numbers(&c), 2533539840);
    assert_true(c.tied && c.bos == 0 && wane_config_pad(&c) == 0);
    CHECK_NEAR(c.block.embedding_scale, 12, 0, 0);
    CHECK_NEAR(c.block.attention_scale, 0.015625, 0, 0);
    CHECK_NEAR(c.block.residual_scale, 0.22, 0, 0);
    CHECK_NEAR(c.block.logit_divisor, 8, 0, 0);
    config_check_round(&c);
    c = config_read("{\"model_type\": \"granite\"}");
    assert_int_equal(config_numbers(&c), 6738415616);
    assert_int_equal(c.kv_heads, 32);
    assert_int_equal(c.context, 2048);
    CHECK_NEAR(c.block.attention_scale, 1, 0, 0); /* not 1 / sqrt(head_dim) */
    CHECK_NEAR(c.block.logit_divisor, 1, 0, 0);
    config_check_round(&c);
}

/* ------------------------------------------------------------------------------------- refusals */

static void what_is_not_covered_is_refused_by_name(void **state)
{
    (void)state;
    const struct {
        const char *text, *named;
    } cases[] = {
        {"{\"model_type\": \"nobodys\"}", "\"nobodys\" is not supported (llama, gpt2"},
        {"{" QWEN NAMES "}", "layer_types: names layers with a window"},
        {"{" QWEN ON NAMES ", \"sliding_window\": null}", "layer_types"},
        {"{" QWEN ON ", \"layer_types\": [\"full_attention\"]}", "layer_types"},
        {"{" QWEN ", \"use_sliding_window\": 1}", "use_sliding_window"},
        {"{" QWEN ON ", \"max_window_layers\": null}", "max_window_layers"},
        {"{" QWEN ", \"sliding_window\": 0}", "sliding_window"},
        {"{" QWEN ", \"is_causal\": false}", "is_causal"},
        {"{" QWEN ", \"attention_dropout\": 0.1}", "attention_dropout"},
        {"{" QWEN ", \"architectures\": [\"Qwen2ForSequenceClassification\"]}",
         "Qwen2ForSequenceClassification"},
        {"{" TINY("qwen3") ", \"num_key_value_heads\": 2, \"head_dim\": null}", "head_dim"},
        {"{" TINY("qwen3") ", \"num_key_value_heads\": 2, \"embedding_multiplier\": 2.0}",
         "embedding_multiplier"},
        {"{" TINY("mistral") ", \"num_hidden_layers\": 513}", "num_hidden_layers"},
        {"{" TINY("mistral") ", \"sliding_window\": null" NAMES "}", "layer_types"},
        {"{" TINY("mistral") ", \"partial_rotary_factor\": 0.5}", "partial_rotary_factor"},
        {"{" SMOL ", \"no_rope_layer_interval\": 0}", "no_rope_layer_interval"},
        {"{" SMOL ", \"no_rope_layer_interval\": null}", "no_rope_layer_interval"},
        {"{" SMOL ", \"no_rope_layers\": [1, 0, 1]}", "no_rope_layers"},
        {"{" SMOL ", \"no_rope_layers\": [1, 0, 1, true]}", "no_rope_layers"},
        {"{" SMOL ", \"no_rope_layers\": {}}", "no_rope_layers"},
        {"{" SMOL ", \"sliding_window\": 3" NAMES "}", "layer_types"},
        {"{" TINY("granite") ", \"embedding_multiplier\": null}", "embedding_multiplier"},
        {"{" TINY("granite") ", \"logits_scaling\": 0}", "logits_scaling"},
        {"{" TINY("granite") ", \"sliding_window\": 4}", "sliding_window"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        config_refused(cases[i].text, cases[i].named);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(qwen2_is_read),
        cmocka_unit_test(qwen2_has_the_windows_of_transformers),
        cmocka_unit_test(qwen3_is_read),
        cmocka_unit_test(mistral_is_read),
        cmocka_unit_test(mistral_has_the_windows_of_transformers),
        cmocka_unit_test(smollm3_is_read),
        cmocka_unit_test(smollm3_has_the_layers_of_transformers),
        cmocka_unit_test(granite_is_read),
        cmocka_unit_test(what_is_not_covered_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
