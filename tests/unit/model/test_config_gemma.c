/* SPDX-License-Identifier: Apache-2.0
 * config.json of Gemma's models as it stands on the hub, or with nothing in it but its model_type:
 * what is read, how many numbers the model has, and what is refused.
 */
#include <math.h>

#include "eval/model/rope_kinds.h"
#include "tests/support/support.h"
#include "tests/unit/model/config_case.h"

/* google/gemma-3-270m, layer_types apart. */
#define GEMMA3_270M                                                                                \
    "\"_sliding_window_pattern\": 6, \"architectures\": [\"Gemma3ForCausalLM\"], "                 \
    "\"attention_bias\": false, \"attention_dropout\": 0.0, \"attn_logit_softcapping\": null, "    \
    "\"bos_token_id\": 2, \"eos_token_id\": 1, \"final_logit_softcapping\": null, "                \
    "\"head_dim\": 256, \"hidden_activation\": \"gelu_pytorch_tanh\", \"hidden_size\": 640, "      \
    "\"initializer_range\": 0.02, \"intermediate_size\": 2048, "                                   \
    "\"max_position_embeddings\": 32768, \"model_type\": \"gemma3_text\", "                        \
    "\"num_attention_heads\": 4, \"num_hidden_layers\": 18, \"num_key_value_heads\": 1, "          \
    "\"pad_token_id\": 0, \"query_pre_attn_scalar\": 256, \"rms_norm_eps\": 1e-06, "               \
    "\"rope_local_base_freq\": 10000.0, \"rope_scaling\": null, \"rope_theta\": 1000000.0, "       \
    "\"sliding_window\": 512, \"torch_dtype\": \"bfloat16\", "                                     \
    "\"transformers_version\": \"4.55.0.dev0\", \"use_bidirectional_attention\": false, "          \
    "\"use_cache\": true, \"vocab_size\": 262144"
#define S "\"sliding_attention\", "
#define F "\"full_attention\""
#define SIX S S S S S F

static void gemma3_270m_is_read(void **state)
{
    (void)state;
    wane_config c = config_read("{" GEMMA3_270M ", \"layer_types\": [" SIX ", " SIX ", " SIX "]}");
    assert_int_equal(config_numbers(&c), 268098176);
    assert_int_equal(c.heads, 4);
    assert_int_equal(c.kv_heads, 1);
    assert_int_equal(c.head_width, 256);
    assert_int_equal(c.block.activation, WANE_ACTIVATION_GELU_TANH);
    assert_int_equal(c.block.norm, WANE_NORM_RMS_PLUS_ONE);
    assert_int_equal(wane_config_pad(&c), 0);
    assert_true(c.tied);
    CHECK_NEAR(c.block.attention_scale, 0.0625, 0, 0);
    CHECK_NEAR(c.block.embedding_scale, sqrt(640), 0, 0);
    CHECK_NEAR(c.rope.theta, 1000000, 0, 0);
    CHECK_NEAR(c.local_rope.theta, 10000, 0, 0);
    CHECK_NEAR(c.block.logit_cap, 0, 0, 0);
    config_check_windows(&c, 512, "111110");
    config_check_round(&c);
}

/* google/gemma-3-1b-pt: the period in place of names. */
static void gemma3_1b_is_read(void **state)
{
    (void)state;
    wane_config c = config_read(
        "{\"architectures\": [\"Gemma3ForCausalLM\"], \"attention_bias\": false, "
        "\"attention_dropout\": 0.0, \"attn_logit_softcapping\": null, \"bos_token_id\": 2, "
        "\"cache_implementation\": \"hybrid\", \"eos_token_id\": 1, "
        "\"final_logit_softcapping\": null, \"head_dim\": 256, "
        "\"hidden_activation\": \"gelu_pytorch_tanh\", \"hidden_size\": 1152, "
        "\"initializer_range\": 0.02, \"intermediate_size\": 6912, "
        "\"max_position_embeddings\": 32768, \"model_type\": \"gemma3_text\", "
        "\"num_attention_heads\": 4, \"num_hidden_layers\": 26, \"num_key_value_heads\": 1, "
        "\"pad_token_id\": 0, \"query_pre_attn_scalar\": 256, \"rms_norm_eps\": 1e-06, "
        "\"rope_local_base_freq\": 10000, \"rope_scaling\": null, \"rope_theta\": 1000000, "
        "\"sliding_window\": 512, \"sliding_window_pattern\": 6, \"torch_dtype\": \"bfloat16\", "
        "\"transformers_version\": \"4.50.0.dev0\", \"use_cache\": true, \"vocab_size\": 262144}");
    assert_int_equal(config_numbers(&c), 999885952);
    config_check_windows(&c, 512, "111110");
    config_check_round(&c);
}

/* google/gemma-3-4b-it: little of the text model is said; its scaling is the full layers' alone. */
static void gemma3_4b_is_read(void **state)
{
    (void)state;
    wane_config c = config_read(
        "{\"architectures\": [\"Gemma3ForConditionalGeneration\"], \"boi_token_index\": 255999, "
        "\"eoi_token_index\": 256000, \"eos_token_id\": [1, 106], \"image_token_index\": 262144, "
        "\"initializer_range\": 0.02, \"mm_tokens_per_image\": 256, \"model_type\": \"gemma3\", "
        "\"text_config\": {\"hidden_size\": 2560, \"intermediate_size\": 10240, "
        "\"model_type\": \"gemma3_text\", \"num_hidden_layers\": 34, "
        "\"rope_scaling\": {\"factor\": 8.0, \"rope_type\": \"linear\"}, "
        "\"sliding_window\": 1024}, \"torch_dtype\": \"bfloat16\", "
        "\"transformers_version\": \"4.50.0.dev0\", \"vision_config\": {\"hidden_size\": 1152, "
        "\"image_size\": 896, \"model_type\": \"siglip_vision_model\"}}");
    assert_int_equal(config_numbers(&c), 3880263168);
    assert_string_equal(c.rope.kind->name, "linear");
    CHECK_NEAR(c.rope.factor, 8, 0, 0);
    CHECK_NEAR(c.rope.theta, 1000000, 0, 0);
    assert_null(c.local_rope.kind);
    CHECK_NEAR(c.local_rope.theta, 10000, 0, 0);
    config_check_windows(&c, 1024, "111110");
    config_check_round(&c);
}

static void gemma3_has_the_defaults_of_transformers(void **state)
{
    (void)state;
    wane_config c = config_read("{\"model_type\": \"gemma3_text\"}");
    assert_int_equal(config_numbers(&c), 2628658432);
    assert_int_equal(c.context, 131072);
    assert_int_equal(c.bos, 2);
    assert_int_equal(c.eos, 1);
    CHECK_NEAR(c.norm_epsilon, 1e-6, 0, 0);
    config_check_windows(&c, 4096, "111110");
    config_check_round(&c);
    c = config_read("{\"model_type\": \"gemma3_text\", \"sliding_window_pattern\": 3, "
                    "\"final_logit_softcapping\": 20, \"query_pre_attn_scalar\": 168, "
                    "\"attention_bias\": true, \"tie_word_embeddings\": false, "
                    "\"pad_token_id\": null, \"rope_parameters\": {\"full_attention\": "
                    "{\"rope_theta\": 77}, \"sliding_attention\": {\"rope_theta\": 5}}}");
    assert_int_equal(config_numbers(&c), 2628658432 + (size_t)262208 * 2304 +
                                             (size_t)26 * (8 * 256 + 2 * 4 * 256 + 2304));
    assert_int_equal(wane_config_pad(&c), -1);
    CHECK_NEAR(c.rope.theta, 77, 0, 0);
    CHECK_NEAR(c.local_rope.theta, 5, 0, 0);
    CHECK_NEAR(c.block.logit_cap, 20, 0, 0);
    CHECK_NEAR(c.block.attention_scale, 1 / sqrt(168), 0, 0);
    config_check_windows(&c, 4096, "110");
    config_check_round(&c);
}

#define GEMMA3 "{\"model_type\": \"gemma3_text\", "

static void what_gemma3_does_not_cover_is_refused(void **state)
{
    (void)state;
    config_refused(GEMMA3 "\"use_bidirectional_attention\": true}", "use_bidirectional_attention");
    config_refused(GEMMA3 "\"attn_logit_softcapping\": 50.0}", "attn_logit_softcapping");
    config_refused(GEMMA3 "\"query_pre_attn_scalar\": 1.5}", "query_pre_attn_scalar");
    config_refused(GEMMA3 "\"query_pre_attn_scalar\": null}", "query_pre_attn_scalar");
    config_refused(GEMMA3 "\"sliding_window\": null}", "sliding_window");
    config_refused(GEMMA3 "\"sliding_window_pattern\": 0}", "sliding_window_pattern");
    config_refused(GEMMA3 "\"layer_types\": [\"full_attention\"]}", "layer_types");
    config_refused(GEMMA3 "\"num_hidden_layers\": 600}", "layer_types: is absent");
    config_refused(GEMMA3 "\"attention_dropout\": 0.1}", "attention_dropout");
    config_refused(GEMMA3 "\"rope_local_base_freq\": 0}", "rope_local_base_freq");
    config_refused(GEMMA3 "\"rope_parameters\": {\"rope_theta\": 5.0}}", "rope_parameters");
    config_refused(GEMMA3 "\"rope_scaling\": {\"rope_type\": \"linear\", \"factor\": 8.0}, "
                          "\"rope_parameters\": {\"full_attention\": {\"rope_theta\": 5.0}}}",
                   "rope_scaling");
    config_refused(GEMMA3 "\"rope_parameters\": {\"sliding_attention\": {\"rope_type\": "
                          "\"linear\", \"factor\": 8.0}}}",
                   "sliding_attention");
    config_refused(GEMMA3 "\"architectures\": [\"Gemma3ForSequenceClassification\"]}",
                   "Gemma3ForSequenceClassification");
}

/* google/gemma-2-2b: hidden_act is not looked at, as transformers does not. */
#define GEMMA2_2B                                                                                  \
    "{\"architectures\": [\"Gemma2ForCausalLM\"], \"attention_bias\": false, "                     \
    "\"attention_dropout\": 0.0, \"attn_logit_softcapping\": 50.0, \"bos_token_id\": 2, "          \
    "\"cache_implementation\": \"hybrid\", \"eos_token_id\": 1, "                                  \
    "\"final_logit_softcapping\": 30.0, \"head_dim\": 256, \"hidden_act\": \"gelu\", "             \
    "\"hidden_activation\": \"gelu_pytorch_tanh\", \"hidden_size\": 2304, "                        \
    "\"initializer_range\": 0.02, \"intermediate_size\": 9216, "                                   \
    "\"max_position_embeddings\": 8192, \"model_type\": \"gemma2\", \"num_attention_heads\": 8, "  \
    "\"num_hidden_layers\": 26, \"num_key_value_heads\": 4, \"pad_token_id\": 0, "                 \
    "\"query_pre_attn_scalar\": 256, \"rms_norm_eps\": 1e-06, \"rope_theta\": 10000.0, "           \
    "\"sliding_window\": 4096, \"torch_dtype\": \"float32\", "                                     \
    "\"transformers_version\": \"4.42.4\", \"use_cache\": true, \"vocab_size\": 256000}"

static void gemma2_2b_is_read(void **state)
{
    (void)state;
    wane_config c = config_read(GEMMA2_2B), plain = config_read("{\"model_type\": \"gemma2\"}");
    assert_int_equal(config_numbers(&c), 2614341888);
    assert_memory_equal(&c, &plain, sizeof c);
    assert_int_equal(c.block.activation, WANE_ACTIVATION_GELU_TANH);
    assert_int_equal(c.context, 8192);
    CHECK_NEAR(c.block.attention_cap, 50, 0, 0);
    CHECK_NEAR(c.block.logit_cap, 30, 0, 0);
    CHECK_NEAR(c.block.embedding_scale, 48, 0, 0);
    CHECK_NEAR(c.rope.theta, 10000, 0, 0);
    config_check_windows(&c, 4096, "10");
    config_check_round(&c);
    c = config_read("{\"model_type\": \"gemma2\", \"attn_logit_softcapping\": null, "
                    "\"final_logit_softcapping\": null, \"layer_types\": null, "
                    "\"query_pre_attn_scalar\": 144}");
    CHECK_NEAR(c.block.attention_cap, 0, 0, 0);
    CHECK_NEAR(c.block.logit_cap, 0, 0, 0);
    config_check_windows(&c, 4096, "10");
    config_check_round(&c);
    config_refused("{\"model_type\": \"gemma2\", \"use_bidirectional_attention\": true}",
                   "use_bidirectional_attention");
    config_refused("{\"model_type\": \"gemma2\", \"tie_word_embeddings\": null}",
                   "tie_word_embeddings: is no true or false");
    config_refused("{\"model_type\": \"gemma2\", \"hidden_activation\": null}",
                   "hidden_activation: is no name of an activation");
    config_refused("{\"model_type\": \"gemma2\", \"attn_logit_softcapping\": 0}",
                   "attn_logit_softcapping");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gemma3_270m_is_read),
        cmocka_unit_test(gemma3_1b_is_read),
        cmocka_unit_test(gemma3_4b_is_read),
        cmocka_unit_test(gemma3_has_the_defaults_of_transformers),
        cmocka_unit_test(gemma2_2b_is_read),
        cmocka_unit_test(what_gemma3_does_not_cover_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
