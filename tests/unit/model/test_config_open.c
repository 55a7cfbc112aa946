/* SPDX-License-Identifier: Apache-2.0
 * config.json of OLMo 2 and Pythia as it stands on the hub, or with nothing in it but its
 * model_type: what is read, how many numbers the model has, and what is refused.
 */
#include "tests/support/support.h"
#include "tests/unit/model/config_case.h"

/* allenai/OLMo-2-0425-1B. */
static void olmo2_1b_is_read(void **state)
{
    (void)state;
    wane_config c = config_read(
        "{\"architectures\": [\"Olmo2ForCausalLM\"], \"attention_bias\": false, "
        "\"attention_dropout\": 0.0, \"eos_token_id\": 100257, \"hidden_act\": \"silu\", "
        "\"hidden_size\": 2048, \"initializer_range\": 0.02, \"intermediate_size\": 8192, "
        "\"max_position_embeddings\": 4096, \"model_type\": \"olmo2\", "
        "\"num_attention_heads\": 16, \"num_hidden_layers\": 16, \"num_key_value_heads\": 16, "
        "\"pad_token_id\": 100277, \"rms_norm_eps\": 1e-06, \"rope_scaling\": null, "
        "\"rope_theta\": 500000, \"tie_word_embeddings\": false, \"torch_dtype\": \"float32\", "
        "\"transformers_version\": \"4.47.0\", \"use_cache\": true, \"vocab_size\": 100352}");
    assert_int_equal(config_numbers(&c), 1484916736);
    assert_int_equal(c.context, 4096);
    assert_int_equal(c.bos, -1);
    assert_int_equal(c.eos, 100257);
    assert_int_equal(wane_config_pad(&c), 100277);
    assert_true(c.block.qk_norm_whole);
    CHECK_NEAR(c.rope.theta, 500000, 0, 0);
    CHECK_NEAR(c.norm_epsilon, 1e-6, 0, 0);
    config_check_round(&c);
}

static void olmo2_has_the_defaults_of_transformers(void **state)
{
    (void)state;
    wane_config c = config_read("{\"model_type\": \"olmo2\"}");
    assert_int_equal(config_numbers(&c), 6888624128);
    assert_int_equal(c.context, 2048);
    assert_int_equal(c.bos, -1);
    assert_int_equal(c.eos, 50279);
    assert_int_equal(wane_config_pad(&c), 1);
    CHECK_NEAR(c.rope.theta, 10000, 0, 0);
    CHECK_NEAR(c.norm_epsilon, 1e-5, 0, 0);
    config_check_round(&c);
    config_refused("{\"model_type\": \"olmo2\", \"clip_qkv\": 8}", "clip_qkv");
    config_refused("{\"model_type\": \"olmo2\", \"sliding_window\": 8}", "sliding_window");
}

/* EleutherAI/pythia-160m. */
static void pythia_160m_is_read(void **state)
{
    (void)state;
    wane_config c = config_read(
        "{\"architectures\": [\"GPTNeoXForCausalLM\"], \"bos_token_id\": 0, \"eos_token_id\": 0, "
        "\"hidden_act\": \"gelu\", \"hidden_size\": 768, \"initializer_range\": 0.02, "
        "\"intermediate_size\": 3072, \"layer_norm_eps\": 1e-05, "
        "\"max_position_embeddings\": 2048, \"model_type\": \"gpt_neox\", "
        "\"num_attention_heads\": 12, \"num_hidden_layers\": 12, \"rotary_emb_base\": 10000, "
        "\"rotary_pct\": 0.25, \"tie_word_embeddings\": false, \"torch_dtype\": \"float16\", "
        "\"transformers_version\": \"4.24.0\", \"use_cache\": true, "
        "\"use_parallel_residual\": true, \"vocab_size\": 50304}");
    assert_int_equal(config_numbers(&c), 162322944);
    assert_int_equal(c.rope.width, 16);
    assert_int_equal(c.kv_heads, 12);
    assert_int_equal(c.block.activation, WANE_ACTIVATION_GELU);
    assert_true(c.block.parallel);
    assert_true(c.attention_bias);
    assert_int_equal(wane_config_pad(&c), -1);
    config_check_round(&c);
}

static void gpt_neox_has_the_defaults_of_transformers(void **state)
{
    (void)state;
    wane_config c = config_read("{\"model_type\": \"gpt_neox\"}");
    assert_int_equal(config_numbers(&c), 20554567680);
    assert_int_equal(c.context, 2048);
    assert_int_equal(c.bos, 0);
    assert_int_equal(c.eos, 2);
    assert_int_equal(c.rope.width, 24);
    CHECK_NEAR(c.rope.theta, 10000, 0, 0);
    CHECK_NEAR(c.norm_epsilon, 1e-5, 0, 0);
    assert_true(c.block.parallel);
    config_check_round(&c);
    /* As transformers 5 writes it; what stands in rope_parameters counts first. */
    c = config_read("{\"model_type\": \"gpt_neox\", \"use_parallel_residual\": false, "
                    "\"attention_bias\": false, \"tie_word_embeddings\": true, \"rotary_pct\": 1, "
                    "\"rope_parameters\": {\"partial_rotary_factor\": 0.5, \"rope_theta\": 77, "
                    "\"rope_type\": \"default\"}}");
    assert_int_equal(config_numbers(&c),
                     20554567680 - (size_t)50432 * 6144 - (size_t)44 * 4 * 6144);
    assert_int_equal(c.rope.width, 48);
    CHECK_NEAR(c.rope.theta, 77, 0, 0);
    assert_false(c.block.parallel);
    config_check_round(&c);
    /* 15 of 22 numbers, and 15 / 22 of 22 are less in floating point. */
    c = config_read("{\"model_type\": \"gpt_neox\", \"hidden_size\": 44, "
                    "\"num_attention_heads\": 2, \"rotary_pct\": 0.7}");
    assert_int_equal(c.rope.width, 15);
    config_check_round(&c);
    config_refused("{\"model_type\": \"gpt_neox\", \"rotary_pct\": 1.5}", "rotary_pct");
    config_refused("{\"model_type\": \"gpt_neox\", \"hidden_size\": 6145}", "num_attention_heads");
    config_refused("{\"model_type\": \"gpt_neox\", \"attention_dropout\": 0.1}",
                   "attention_dropout");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(olmo2_1b_is_read),
        cmocka_unit_test(olmo2_has_the_defaults_of_transformers),
        cmocka_unit_test(pythia_160m_is_read),
        cmocka_unit_test(gpt_neox_has_the_defaults_of_transformers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
