/* SPDX-License-Identifier: Apache-2.0
 * config.json: what is read, what is refused by name; the table that follows from it.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/model/architecture.h"
#include "eval/model/model.h"
#include "eval/model/rope_kinds.h"
#include "tests/support/support.h"

#define SIZES                                                                                      \
    "\"model_type\": \"llama\", \"vocab_size\": 100, \"hidden_size\": 48, "                        \
    "\"intermediate_size\": 80, \"num_hidden_layers\": 3, \"num_attention_heads\": 6"

#define GPT2 "\"model_type\": \"gpt2\", \"vocab_size\": 100"

static wane_status parse(wane_config *config, const char *text, wane_error *err)
{
    return wane_config_parse(config, text, strlen(text), "config.json", err);
}

static void defaults_are_those_of_transformers(void **state)
{
    (void)state;
    wane_error err;
    wane_config c;
    CHECK_OK(parse(&c, "{" SIZES "}", &err));
    assert_int_equal(c.kv_heads, 6);
    assert_int_equal(c.head_width, 8);
    assert_int_equal(c.context, 2048);
    assert_int_equal(c.bos, 1);
    assert_int_equal(c.eos, 2);
    assert_false(c.tied);
    assert_false(c.attention_bias);
    assert_null(c.rope.kind);
    CHECK_NEAR(c.rope.theta, 10000, 0, 0);
    CHECK_NEAR(c.norm_epsilon, 1e-6, 0, 0);
}

static void all_keys_are_read(void **state)
{
    (void)state;
    wane_error err;
    wane_config c;
    CHECK_OK(parse(&c,
                   "{" SIZES
                   ", \"num_key_value_heads\": 2, \"head_dim\": 10, \"tie_word_embeddings\": true, "
                   "\"attention_bias\": true, \"mlp_bias\": true, \"rms_norm_eps\": 1e-05, "
                   "\"max_position_embeddings\": 77, \"bos_token_id\": null, "
                   "\"eos_token_id\": [9, 10], \"rope_theta\": 500000.0, \"initializer_range\": "
                   "0.1, \"rope_scaling\": {\"type\": \"llama3\", \"factor\": 8, "
                   "\"low_freq_factor\": 1, \"high_freq_factor\": 4, "
                   "\"original_max_position_embeddings\": 33}, \"unknown\": [1, 2]}",
                   &err));
    assert_int_equal(c.kv_heads, 2);
    assert_int_equal(c.head_width, 10);
    assert_int_equal(c.context, 77);
    assert_int_equal(c.bos, -1);
    assert_int_equal(c.eos, 9);
    assert_true(c.tied && c.attention_bias && c.mlp_bias && c.rope.kind == &wane_rope_llama3);
    assert_int_equal(c.rope.original_context, 33);
    CHECK_NEAR(c.rope.theta, 500000, 0, 0);
    CHECK_NEAR(c.rope.factor, 8, 0, 0);
}

/* The spelling of newer transformers. */
static void rope_parameters_are_read(void **state)
{
    (void)state;
    wane_error err;
    wane_config c;
    CHECK_OK(parse(&c,
                   "{" SIZES ", \"rope_parameters\": {\"rope_theta\": 777.0, \"rope_type\": "
                   "\"default\"}}",
                   &err));
    CHECK_NEAR(c.rope.theta, 777, 0, 0);
    assert_null(c.rope.kind);
    CHECK_FAILS(parse(&c, "{" SIZES ", \"rope_parameters\": {\"rope_type\": \"xpos\"}}", &err),
                WANE_EFORMAT,
                "\"xpos\" is not supported (default, linear, dynamic, llama3, yarn and "
                "longrope are)");
}

/* Expected values: LlamaConfig and LlamaRotaryEmbedding of transformers 5.24 on the same keys. */
static void rope_theta_is_read_wherever_it_stands(void **state)
{
    (void)state;
    wane_error err;
    wane_config c;
    const struct {
        const char *keys;
        double theta;
    } cases[] = {
        {"\"rope_scaling\": {\"rope_type\": \"default\", \"rope_theta\": 500000.0}", 500000},
        {"\"rope_scaling\": {\"rope_theta\": 5e5, \"type\": \"default\"}, \"rope_theta\": 7",
         500000},
        {"\"rope_scaling\": {\"rope_type\": \"default\"}, \"rope_theta\": 7", 7},
        {"\"rope_scaling\": {\"rope_type\": \"default\"}, \"rope_parameters\": {\"rope_theta\": 5}",
         10000},
        {"\"rope_scaling\": {\"rope_theta\": 9}, \"rope_parameters\": {\"rope_theta\": 5}", 9},
        {"\"rope_scaling\": {}, \"rope_parameters\": {\"rope_theta\": 5}", 5},
        {"\"rope_scaling\": null, \"rope_parameters\": {\"rope_theta\": 5}, \"rope_theta\": 7", 5},
        {"\"rope_scaling\": false, \"rope_theta\": 7", 7},
        {"\"rope_scaling\": {\"type\": \"linear\", \"factor\": 1}, \"rope_theta\": 7", 7},
        {"\"rope_scaling\": {\"rope_type\": \"default\", \"type\": \"linear\", \"factor\": 2}",
         10000},
        {"\"rope_parameters\": {\"full_attention\": {\"rope_theta\": 7}, \"rope_theta\": 7}", 7},
        {"\"rope_parameters\": null, \"rope_theta\": 7", 7},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512];
        (void)snprintf(text, sizeof text, "{" SIZES ", %s}", cases[i].keys);
        CHECK_OK(parse(&c, text, &err));
        assert_null(c.rope.kind);
        if (c.rope.theta != cases[i].theta) print_error("%s: %g\n", cases[i].keys, c.rope.theta);
        CHECK_NEAR(c.rope.theta, cases[i].theta, 0, 0);
    }
}

#define LLAMA3                                                                                     \
    "\"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 1, "        \
    "\"high_freq_factor\": 4"

static void the_context_before_scaling_is_read_wherever_it_stands(void **state)
{
    (void)state;
    wane_error err;
    wane_config c;
    CHECK_OK(parse(&c, "{" SIZES ", \"max_position_embeddings\": 77, " LLAMA3 "}}", &err));
    assert_int_equal(c.rope.original_context, 77);
    CHECK_OK(parse(&c,
                   "{" SIZES ", \"original_max_position_embeddings\": 512, " LLAMA3
                   ", \"original_max_position_embeddings\": 64}}",
                   &err));
    assert_int_equal(c.rope.original_context, 512);
    CHECK_FAILS(
        parse(&c, "{" SIZES ", " LLAMA3 ", \"original_max_position_embeddings\": null}}", &err),
        WANE_EFORMAT, "original_max_position_embeddings");
}

/* What is hashed of a scaling stays as it is, for ever. */
static void scalings_have_their_place_in_the_hash(void **state)
{
    (void)state;
    static const struct {
        const char *scaling, *hashed;
    } cases[] = {
        {"{\"rope_type\": \"default\"}", NULL},
        {"{\"type\": \"linear\", \"factor\": 1.0}", NULL},
        {"{\"type\": \"linear\", \"factor\": 2.5}", "linear factor=2.5"},
        {"{\"type\": \"dynamic\", \"factor\": 2}", "dynamic factor=2"},
        {"{\"rope_type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 1, "
         "\"high_freq_factor\": 4}",
         "llama3 factor=8 low=1 high=4 context=2048"},
        {"{\"rope_type\": \"yarn\", \"factor\": 1}",
         "yarn factor=1 context=2048 attention=1 fast=32 slow=1 truncate=true"},
        {"{\"rope_type\": \"longrope\", \"short_factor\": [1, 1, 1, 1], \"long_factor\": "
         "[1, 2, 3, 4.5]}",
         "longrope context=2048 attention=1 short=[1, 1, 1, 1] long=[1, 2, 3, 4.5]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wane_error err;
        wane_config c, plain;
        char text[512], wanted[256];
        wane_text first = {0}, later = {0};
        (void)snprintf(text, sizeof text, "{" SIZES ", \"rope_scaling\": %s}", cases[i].scaling);
        CHECK_OK(parse(&c, text, &err));
        CHECK_OK(parse(&plain, "{" SIZES "}", &err));
        assert_int_equal(wane_config_computes_alike(&c, &plain), !cases[i].hashed);
        wane_config_hashed(&first, &later, &c);
        (void)snprintf(wanted, sizeof wanted, "%s", cases[i].hashed ? cases[i].hashed : "");
        assert_string_equal(later.data ? later.data : "", wanted);
        wane_text_free(&first);
        wane_text_free(&later);
    }
}

/* Keys of other families at the value at which they change nothing. */
static void keys_that_change_nothing_are_accepted(void **state)
{
    (void)state;
    wane_error err;
    wane_config c, plain;
    CHECK_OK(parse(&plain, "{" SIZES "}", &err));
    CHECK_OK(
        parse(&c,
              "{" SIZES ", \"layer_types\": [\"full_attention\", \"full_attention\", "
              "\"full_attention\"], \"sliding_window\": null, \"use_sliding_window\": false, "
              "\"partial_rotary_factor\": 1.0, \"attention_dropout\": 0.0, \"logit_scale\": 1, "
              "\"attn_logit_softcapping\": null, \"use_qk_norm\": false, \"is_causal\": true, "
              "\"pretraining_tp\": 4, \"hidden_act\": \"swish\", \"num_key_value_heads\": null, "
              "\"head_dim\": null, \"rope_interleaved\": false, \"max_window_layers\": 3}",
              &err));
    assert_memory_equal(&c, &plain, sizeof c);
    CHECK_OK(
        parse(&c, "{" SIZES ", \"sliding_window\": 128, \"use_sliding_window\": false}", &err));
}

/* Sizes that are not given: LlamaConfig() of transformers 5.24. */
static void sizes_have_the_defaults_of_transformers(void **state)
{
    (void)state;
    wane_error err;
    wane_config c;
    CHECK_OK(parse(&c, "{\"model_type\": \"llama\"}", &err));
    assert_int_equal(c.vocabulary, 32000);
    assert_int_equal(c.width, 4096);
    assert_int_equal(c.hidden, 11008);
    assert_int_equal(c.layers, 32);
    assert_int_equal(c.heads, 32);
    assert_int_equal(c.kv_heads, 32);
    assert_int_equal(c.head_width, 128);
    assert_int_equal(c.context, 2048);
}

/* GPT2Config() of transformers 5.24, and what follows from it. */
static void gpt2_has_the_defaults_of_transformers(void **state)
{
    (void)state;
    wane_error err;
    wane_config c, said;
    wane_parameters p;
    CHECK_OK(parse(&c, "{\"model_type\": \"gpt2\"}", &err));
    assert_int_equal(c.vocabulary, 50257);
    assert_int_equal(c.width, 768);
    assert_int_equal(c.hidden, 3072);
    assert_int_equal(c.layers, 12);
    assert_int_equal(c.heads, 12);
    assert_int_equal(c.kv_heads, 12);
    assert_int_equal(c.head_width, 64);
    assert_int_equal(c.context, 1024);
    assert_int_equal(c.bos, 50256);
    assert_int_equal(c.eos, 50256);
    assert_int_equal(c.block.activation, WANE_ACTIVATION_GELU_TANH);
    assert_true(c.tied);
    CHECK_NEAR(c.norm_epsilon, 1e-5, 0, 0);
    CHECK_OK(wane_parameters_plan(&p, &c, &err));
    assert_int_equal(p.numbers, 124439808); /* GPT2LMHeadModel's */
    long proj = wane_parameters_find(&p, "transformer.h.11.attn.c_proj.weight");
    assert_string_equal(p.parameter[proj].module, "attn.c_proj");
    long qkv = wane_parameters_find(&p, "transformer.h.11.attn.c_attn.weight");
    assert_string_equal(p.parameter[qkv].module, "c_attn");
    wane_parameters_free(&p);
    /* Of training alone, of other heads than the vocabulary's, or said twice. */
    CHECK_OK(
        parse(&said,
              "{\"model_type\": \"gpt2\", \"architectures\": [\"GPT2LMHeadModel\"], "
              "\"activation_function\": \"gelu_new\", \"attn_pdrop\": 0.1, \"embd_pdrop\": 0.1, "
              "\"resid_pdrop\": 0.1, \"n_ctx\": 1024, \"n_inner\": null, \"n_positions\": 1024, "
              "\"summary_type\": \"cls_index\", \"scale_attn_weights\": true, "
              "\"scale_attn_by_inverse_layer_idx\": false, \"reorder_and_upcast_attn\": false, "
              "\"add_cross_attention\": false, \"hidden_size\": 768, \"num_attention_heads\": 12, "
              "\"num_hidden_layers\": 12, \"max_position_embeddings\": 1024}",
              &err));
    assert_memory_equal(&c, &said, sizeof c);
    CHECK_OK(parse(&c, "{\"model_type\": \"gpt2\", \"n_inner\": 5, \"n_embd\": 36}", &err));
    assert_int_equal(c.hidden, 5);
    CHECK_OK(parse(&c, "{\"model_type\": \"gpt2\", \"tie_word_embeddings\": false}", &err));
    CHECK_OK(wane_parameters_plan(&p, &c, &err));
    assert_int_equal(p.numbers, 124439808 + 50257 * 768);
    assert_string_equal(p.parameter[p.count - 1].name, "lm_head.weight");
    wane_parameters_free(&p);
}

/* What is no llama, or one that is computed otherwise, and what a refusal names. */
static const struct {
    const char *text, *named;
} uncovered[] = {
    {"[]", "no JSON object"},
    {"{\"model_type\": \"mamba\"}", "mamba"},
    {"{\"vocab_size\": 3}", "model_type"},
    {"{" GPT2 ", \"scale_attn_weights\": false}", "scale_attn_weights"},
    {"{" GPT2 ", \"scale_attn_by_inverse_layer_idx\": true}", "scale_attn_by_inverse_layer_idx"},
    {"{" GPT2 ", \"reorder_and_upcast_attn\": true}", "reorder_and_upcast_attn"},
    {"{" GPT2 ", \"add_cross_attention\": true}", "add_cross_attention"},
    {"{" GPT2 ", \"activation_function\": \"quick_gelu\"}", "quick_gelu"},
    {"{" GPT2 ", \"n_head\": 7}", "n_head: does not divide n_embd"},
    {"{" GPT2 ", \"hidden_size\": 960}", "hidden_size: differs from n_embd"},
    {"{" GPT2 ", \"num_hidden_layers\": 2}", "num_hidden_layers"},
    {"{" GPT2 ", \"num_attention_heads\": 4}", "num_attention_heads"},
    {"{" GPT2 ", \"num_attention_heads\": \"12\"}", "num_attention_heads"},
    {"{" GPT2 ", \"n_positions\": 64, \"max_position_embeddings\": 32}", "max_position_embeddings"},
    {"{" GPT2 ", \"architectures\": [\"GPT2DoubleHeadsModel\"]}", "GPT2DoubleHeadsModel"},
    {"{\"model_type\": \"llama\", \"vocab_size\": null}", "vocab_size"},
    {"{" SIZES ", \"sliding_window\": 128}", "sliding_window"},
    {"{" SIZES ", \"quantization_config\": {}}", "quantization_config"},
    {"{" SIZES ", \"hidden_act\": \"quick_gelu\"}", "quick_gelu"},
    {"{" SIZES ", \"attention_dropout\": 0.1}", "attention_dropout"},
    {"{" SIZES ", \"partial_rotary_factor\": 0.5}", "partial_rotary_factor"},
    {"{" SIZES ", \"rope_scaling\": {\"type\": \"su\", \"factor\": 2}}", "su"},
    {"{" SIZES ", \"rope_scaling\": {\"type\": \"linear\", \"factor\": 0}}", "factor"},
    {"{" SIZES ", \"rope_scaling\": {\"type\": \"linear\", \"factor\": null}}", "factor"},
    {"{" SIZES ", \"rope_scaling\": {\"type\": \"yarn\"}}", "factor: is missing"},
    {"{" SIZES ", \"rope_theta\": 1, \"rope_scaling\": {\"type\": \"yarn\", \"factor\": 2}}",
     "rope_theta: is not above 1"},
    {"{" SIZES ", \"rope_scaling\": {\"type\": \"yarn\", \"factor\": 2, \"attention_factor\": 0}}",
     "attention_factor"},
    {"{" SIZES ", \"rope_scaling\": {\"type\": \"longrope\", \"short_factor\": [1]}}",
     "long_factor: is missing"},
    {"{" SIZES ", \"rope_scaling\": {\"type\": \"longrope\", \"short_factor\": [1, 1, 1], "
     "\"long_factor\": [1, 1, 1, 1]}}",
     "longrope: has short_factor"},
    {"{" SIZES
     ", \"rope_scaling\": {\"type\": \"longrope\", \"short_factor\": 1, \"long_factor\": 2}}",
     "short_factor: is no list"},
    {"{" SIZES ", \"rope_scaling\": {\"type\": \"longrope\", \"short_factor\": [1, -1, 1, 1], "
     "\"long_factor\": [1, 1, 1, 1]}}",
     "short_factor"},
    {"{" SIZES ", \"rope_scaling\": {\"type\": \"longrope\", \"short_factor\": [1, 1e-300, 1, 1], "
     "\"long_factor\": [1, 1, 1, 1]}}",
     "longrope: gives a frequency that is not finite"},
    {"{" SIZES ", \"head_dim\": 2, \"rope_scaling\": {\"type\": \"dynamic\", \"factor\": 2}}",
     "dynamic: is not defined for heads of one pair"},
    {"{" SIZES ", \"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 2}}",
     "low_freq_factor"},
    {"{" SIZES ", \"rope_scaling\": 3}", "rope_scaling"},
    {"{" SIZES ", \"rope_scaling\": {\"type\": null, \"factor\": 2.0}}", "rope_scaling"},
    {"{" SIZES ", \"rope_scaling\": {\"rope_type\": null}}", "rope_scaling"},
    {"{" SIZES ", \"rope_scaling\": {\"type\": \"linear\"}}", "factor"},
    {"{" SIZES ", \"rope_scaling\": {\"type\": \"dynamic\"}}", "factor"},
    {"{" SIZES ", \"rope_scaling\": {\"type\": \"default\", \"rope_theta\": null}}", "rope_theta"},
    {"{" SIZES ", \"rope_theta\": null}", "rope_theta"},
    {"{" SIZES ", \"rope_scaling\": {\"type\": \"default\", \"partial_rotary_factor\": 0.5}}",
     "partial_rotary_factor"},
    {"{" SIZES ", \"rope_parameters\": {\"full_attention\": {\"rope_theta\": 5.0}}}",
     "full_attention"},
    {"{" SIZES ", \"layer_types\": [\"full_attention\", \"sliding_attention\"]}",
     "sliding_attention"},
    {"{" SIZES ", \"layer_types\": \"full_attention\"}", "layer_types"},
    {"{" SIZES ", \"sliding_window\": 128, \"use_sliding_window\": true}", "sliding_window"},
    {"{" SIZES ", \"hidden_act\": null}", "hidden_act"},
    {"{" SIZES ", \"is_causal\": false}", "is_causal"},
    {"{" SIZES ", \"logits_scaling\": 8.0}", "logits_scaling"},
    {"{" SIZES ", \"final_logit_softcapping\": 30.0}", "final_logit_softcapping"},
    {"{" SIZES ", \"use_qk_norm\": true}", "use_qk_norm"},
    {"{" SIZES ", \"architectures\": [\"LlamaForSequenceClassification\"]}",
     "LlamaForSequenceClassification"},
    {"{" SIZES ", \"num_key_value_heads\": 4}", "num_key_value_heads"},
    {"{" SIZES ", \"num_key_value_heads\": 0}", "num_key_value_heads"},
    {"{" SIZES ", \"head_dim\": 7}", "head_dim"},
    {"{" SIZES ", \"rms_norm_eps\": -1}", "rms_norm_eps"},
    {"{" SIZES ", \"rope_theta\": \"x\"}", "rope_theta"},
    {"{" SIZES ", \"tie_word_embeddings\": 1}", "tie_word_embeddings"},
    {"{" SIZES ", \"bos_token_id\": \"a\"}", "bos_token_id"},
    {"{" SIZES ", \"max_position_embeddings\": 1.5}", "max_position_embeddings"},
    {"{" SIZES, "config.json"},
    {"{\"model_type\": \"llama\", \"vocab_size\": 10, \"hidden_size\": 50, "
     "\"intermediate_size\": 80, \"num_hidden_layers\": 3, \"num_attention_heads\": 6}",
     "num_attention_heads"},
};

static void what_is_not_covered_is_refused_by_name(void **state)
{
    (void)state;
    wane_error err;
    wane_config c;
    for (size_t i = 0; i < sizeof uncovered / sizeof *uncovered; i++) {
        wane_status st = parse(&c, uncovered[i].text, &err);
        if (st == WANE_OK || !strstr(err.message, uncovered[i].named))
            print_error("%s: %s\n", uncovered[i].text, st == WANE_OK ? "accepted" : err.message);
        assert_int_not_equal(st, WANE_OK);
        assert_non_null(strstr(err.message, uncovered[i].named));
    }
}

static void sizes_that_overflow_are_refused(void **state)
{
    (void)state;
    wane_error err;
    wane_parameters p;
    wane_config c = {.architecture = &wane_architecture_llama,
                     .vocabulary = INT32_MAX,
                     .width = 1 << 20,
                     .layers = 1 << 16,
                     .heads = 1 << 14,
                     .kv_heads = 1 << 14,
                     .head_width = 1 << 14,
                     .hidden = 1 << 22,
                     .context = 10,
                     .norm_epsilon = 1e-6,
                     .rope = {.theta = 1e4}};
    CHECK_FAILS(wane_parameters_plan(&p, &c, &err), WANE_EINVAL, "too many");
    c.width = (1 << 20) + 1;
    CHECK_FAILS(wane_parameters_plan(&p, &c, &err), WANE_EINVAL, "hidden_size");
}

static void the_table_lists_every_tensor_once(void **state)
{
    (void)state;
    wane_error err;
    wane_config c;
    wane_parameters p;
    CHECK_OK(parse(&c, "{" SIZES ", \"num_key_value_heads\": 2, \"attention_bias\": true}", &err));
    CHECK_OK(wane_parameters_plan(&p, &c, &err));
    assert_int_equal(p.count, 1 + 3 * (2 + 7 + 4) + 2);
    size_t numbers = 0, linear = 0, end = 0;
    for (size_t i = 0; i < p.count; i++) {
        const wane_parameter *one = &p.parameter[i];
        assert_int_equal(one->offset % 16, 0);
        assert_true(one->offset >= end);
        end = one->offset + one->rows * one->cols;
        numbers += one->rows * one->cols;
        linear += one->linear;
        assert_int_equal(wane_parameters_find(&p, one->name), (long)i);
        if (one->linear) assert_true(one->layer >= 0 && one->decays);
        if (one->role == WANE_ROLE_NORM || one->role == WANE_ROLE_BIAS) assert_false(one->decays);
    }
    assert_true(end <= p.floats);
    assert_int_equal(linear, 3 * 7);
    assert_int_equal(numbers, p.numbers);
    assert_int_equal(wane_parameters_find(&p, "model.layers.3.mlp.up_proj.weight"), -1);
    const wane_parameter *k =
        &p.parameter[wane_parameters_find(&p, "model.layers.2.self_attn.k_proj.weight")];
    assert_string_equal(k->module, "k_proj");
    assert_int_equal(k->layer, 2);
    assert_int_equal(k->rows, 16);
    assert_int_equal(k->cols, 48);
    assert_int_equal(k->role, WANE_ROLE_K);
    assert_true(wane_parameters_find(&p, "model.layers.0.self_attn.o_proj.bias") > 0);
    assert_true(wane_parameters_find(&p, "lm_head.weight") > 0);
    wane_parameters_free(&p);
    c.tied = true;
    CHECK_OK(wane_parameters_plan(&p, &c, &err));
    assert_int_equal(wane_parameters_find(&p, "lm_head.weight"), -1);
    assert_int_equal(p.numbers, numbers - 100 * 48);
    wane_parameters_free(&p);
}

/* What every entry of the list must have: whoever adds one is told here. */
static void entries_are_whole(void **state)
{
    (void)state;
    wane_error err;
    assert_null(wane_architecture_named("llam"));
    for (size_t i = 0; wane_architecture_at(i); i++) {
        const wane_architecture *a = wane_architecture_at(i);
        char text[128];
        wane_config c;
        wane_parameters p;
        assert_ptr_equal(wane_architecture_named(a->name), a);
        assert_true(a->classes && a->classes[0] && a->prefixes && a->prefixes[0]);
        assert_true(a->key_count < WANE_CONFIG_SETTINGS);
        for (size_t k = 0; k < a->key_count; k++) {
            assert_ptr_equal(wane_config_key_named(a, a->keys[k].name), &a->keys[k]);
            if (a->keys[k].type == &wane_config_size) assert_true(a->keys[k].most > 0);
        }
        /* Layers' rows together; the head, that a tie takes off, is the last. */
        size_t changes = 0;
        for (size_t r = 1; r < a->row_count; r++)
            changes += !strchr(a->rows[r].module, '%') != !strchr(a->rows[r - 1].module, '%');
        assert_int_equal(changes, 2);
        assert_int_equal(a->rows[a->row_count - 1].place, WANE_HEAD);
        /* Of a config.json that says nothing, transformers' defaults. */
        (void)snprintf(text, sizeof text, "{\"model_type\": \"%s\"}", a->name);
        CHECK_OK(parse(&c, text, &err));
        CHECK_OK(wane_parameters_plan(&p, &c, &err));
        assert_true(wane_parameters_find(&p, wane_parameters_embedding_name(&p)) >= 0);
        for (size_t k = 1; k < p.count; k++)
            assert_true(p.parameter[k].step >= p.parameter[k - 1].step);
        /* Tables and charts tell the matrices of a layer by it. */
        for (size_t k = 0; k < p.count; k++)
            for (size_t j = 0; j < k; j++)
                if (p.parameter[j].linear && p.parameter[k].linear &&
                    p.parameter[k].layer == p.parameter[j].layer)
                    assert_string_not_equal(p.parameter[k].module, p.parameter[j].module);
        wane_parameters_free(&p);
    }
}

static void random_models_depend_on_the_seed_alone(void **state)
{
    (void)state;
    wane_error err;
    wane_config c;
    wane_model *a = NULL, *b = NULL;
    char first[WANE_SHA256_HEX], second[WANE_SHA256_HEX];
    CHECK_OK(parse(&c, "{" SIZES ", \"mlp_bias\": true}", &err));
    CHECK_OK(wane_model_random(&a, &c, 7, &err));
    CHECK_OK(wane_model_random(&b, &c, 7, &err));
    CHECK_OK(wane_model_sha256(first, a, &err));
    CHECK_OK(wane_model_sha256(second, b, &err));
    assert_string_equal(first, second);
    double squares = 0;
    size_t up = (size_t)wane_parameters_find(&a->parameters, "model.layers.1.mlp.up_proj.weight");
    size_t norm = (size_t)wane_parameters_find(&a->parameters, "model.norm.weight");
    wane_matrix view = wane_model_matrix(a, up);
    assert_int_equal(view.rows, 80);
    assert_int_equal(view.stride, 48);
    for (size_t i = 0; i < 80 * 48; i++) squares += (double)view.data[i] * view.data[i];
    CHECK_NEAR(sqrt(squares / (80 * 48)), 0.02, 0, 0.05);
    CHECK_NEAR(wane_model_weight(a, norm)[3], 1, 0, 0);
    wane_model_free(b);
    CHECK_OK(wane_model_copy(&b, a, &err));
    CHECK_OK(wane_model_sha256(second, b, &err));
    assert_string_equal(first, second);
    wane_model_weight(b, up)[5] += 1e-6f;
    CHECK_OK(wane_model_sha256(second, b, &err));
    assert_string_not_equal(first, second);
    wane_model_free(b);
    CHECK_OK(wane_model_copy(&b, a, &err));
    b->config.rope.theta = 5;
    CHECK_OK(wane_model_sha256(second, b, &err));
    assert_string_not_equal(first, second);
    wane_model_free(b);
    wane_model_free(a);
    wane_model_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_transformers),
        cmocka_unit_test(all_keys_are_read),
        cmocka_unit_test(rope_parameters_are_read),
        cmocka_unit_test(rope_theta_is_read_wherever_it_stands),
        cmocka_unit_test(the_context_before_scaling_is_read_wherever_it_stands),
        cmocka_unit_test(scalings_have_their_place_in_the_hash),
        cmocka_unit_test(keys_that_change_nothing_are_accepted),
        cmocka_unit_test(sizes_have_the_defaults_of_transformers),
        cmocka_unit_test(gpt2_has_the_defaults_of_transformers),
        cmocka_unit_test(what_is_not_covered_is_refused_by_name),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(the_table_lists_every_tensor_once),
        cmocka_unit_test(entries_are_whole),
        cmocka_unit_test(random_models_depend_on_the_seed_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
