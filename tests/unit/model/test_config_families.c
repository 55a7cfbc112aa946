/* SPDX-License-Identifier: Apache-2.0
 * config.json of each family as it stands on the hub, or with nothing in it but its model_type:
 * what is read, how many numbers the model has, and what is refused.
 */
#include <stdio.h>
#include <string.h>

#include "eval/model/architecture.h"
#include "eval/model/model_internal.h"
#include "tests/support/support.h"

static wane_status parse(wane_config *config, const char *text, wane_error *err)
{
    return wane_config_parse(config, text, strlen(text), "config.json", err);
}

static size_t numbers_of(const wane_config *config)
{
    wane_error err;
    wane_parameters p;
    CHECK_OK(wane_parameters_plan(&p, config, &err));
    size_t numbers = p.numbers;
    wane_parameters_free(&p);
    return numbers;
}

/* As it is written and read again. */
static void check_round(const wane_config *config)
{
    wane_error err;
    wane_text text = {0};
    wane_config again;
    CHECK_OK(wane_config_write(&text, config, &err));
    CHECK_OK(parse(&again, text.data, &err));
    assert_memory_equal(config, &again, sizeof again);
    wane_text_free(&text);
}

/* Layers with a window, as text of 0 and 1. */
static void check_windows(const wane_config *c, size_t window, const char *layers)
{
    for (size_t l = 0; l < c->layers; l++) {
        size_t wanted = l < strlen(layers) && layers[l] == '1' ? window : 0;
        assert_int_equal(wane_config_layer(c, l).window, wanted);
    }
}

/* Qwen/Qwen2.5-0.5B. */
#define QWEN2                                                                                      \
    "\"architectures\": [\"Qwen2ForCausalLM\"], \"attention_dropout\": 0.0, "                      \
    "\"bos_token_id\": 151643, \"eos_token_id\": 151643, \"hidden_act\": \"silu\", "               \
    "\"hidden_size\": 896, \"initializer_range\": 0.02, \"intermediate_size\": 4864, "             \
    "\"max_position_embeddings\": 32768, \"max_window_layers\": 24, \"model_type\": \"qwen2\", "   \
    "\"num_attention_heads\": 14, \"num_hidden_layers\": 24, \"num_key_value_heads\": 2, "         \
    "\"rms_norm_eps\": 1e-06, \"rope_theta\": 1000000.0, \"sliding_window\": 32768, "              \
    "\"tie_word_embeddings\": true, \"torch_dtype\": \"bfloat16\", \"use_cache\": true, "          \
    "\"use_mrope\": false, \"vocab_size\": 151936"

static void qwen2_is_read(void **state)
{
    (void)state;
    wane_error err;
    wane_config c;
    CHECK_OK(parse(&c, "{" QWEN2 ", \"use_sliding_window\": false}", &err));
    assert_int_equal(numbers_of(&c), 494032768); /* as transformers counts them, here and below */
    assert_int_equal(c.head_width, 64);
    assert_true(c.tied && c.bos == 151643);
    CHECK_NEAR(c.rope.theta, 1e6, 0, 0);
    check_windows(&c, 0, "");
    check_round(&c);
    /* Beyond its layers: none of them. */
    CHECK_OK(parse(&c, "{" QWEN2 ", \"use_sliding_window\": true}", &err));
    check_windows(&c, 0, "");
    check_round(&c);
    CHECK_OK(parse(&c, "{\"model_type\": \"qwen2\"}", &err));
    assert_int_equal(c.kv_heads, 32);
    assert_int_equal(c.context, 32768);
    assert_true(c.bos == -1 && c.eos == -1 && !c.tied);
    CHECK_NEAR(c.rope.theta, 1e4, 0, 0);
    CHECK_NEAR(c.norm_epsilon, 1e-6, 0, 0);
    assert_int_equal(numbers_of(&c), 12049846272);
    check_round(&c);
    CHECK_OK(parse(&c, "{\"model_type\": \"qwen2\", \"num_key_value_heads\": null}", &err));
    assert_int_equal(c.kv_heads, 32);
}

#define TINY                                                                                       \
    "\"vocab_size\": 40, \"hidden_size\": 24, \"num_hidden_layers\": 4, "                          \
    "\"num_attention_heads\": 6, \"num_key_value_heads\": null, \"intermediate_size\": 20"
#define TINY_QWEN2 "\"model_type\": \"qwen2\", " TINY
#define WINDOW ", \"use_sliding_window\": true"
#define NAMES                                                                                      \
    ", \"layer_types\": [\"sliding_attention\", \"full_attention\", \"full_attention\", "          \
    "\"sliding_attention\"]"

static void qwen2_has_the_windows_of_transformers(void **state)
{
    (void)state;
    wane_error err;
    const struct {
        const char *text;
        size_t window;
        const char *layers;
    } cases[] = {
        {"{" TINY_QWEN2 "}", 0, ""},
        {"{" TINY_QWEN2 ", \"sliding_window\": 7, \"max_window_layers\": 2}", 0, ""},
        {"{" TINY_QWEN2 ", \"use_sliding_window\": null, \"max_window_layers\": 2}", 0, ""},
        {"{" TINY_QWEN2 WINDOW ", \"sliding_window\": null, \"max_window_layers\": 0}", 0, ""},
        {"{" TINY_QWEN2 WINDOW "}", 0, ""}, /* the first with one would be layer 28 */
        {"{" TINY_QWEN2 WINDOW ", \"max_window_layers\": 1}", 4096, "0111"},
        {"{" TINY_QWEN2 WINDOW ", \"max_window_layers\": 0, \"sliding_window\": 7}", 7, "1111"},
        {"{" TINY_QWEN2 WINDOW NAMES ", \"max_window_layers\": 0}", 4096, "1001"},
        {"{" TINY_QWEN2 WINDOW ", \"layer_types\": null, \"max_window_layers\": 3}", 4096, "0001"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wane_config c;
        CHECK_OK(parse(&c, cases[i].text, &err));
        assert_int_equal(c.kv_heads, 6);
        check_windows(&c, cases[i].window, cases[i].layers);
        check_round(&c);
    }
}

static void what_is_not_covered_is_refused_by_name(void **state)
{
    (void)state;
    wane_error err;
    const struct {
        const char *text, *named;
    } cases[] = {
        {"{\"model_type\": \"nobodys\"}", "\"nobodys\" is not supported (llama, gpt2"},
        {"{" TINY_QWEN2 NAMES "}", "layer_types: names layers with a window"},
        {"{" TINY_QWEN2 WINDOW NAMES ", \"sliding_window\": null}", "layer_types"},
        {"{" TINY_QWEN2 WINDOW ", \"layer_types\": [\"full_attention\"]}", "layer_types"},
        {"{" TINY_QWEN2 ", \"use_sliding_window\": 1}", "use_sliding_window"},
        {"{" TINY_QWEN2 WINDOW ", \"max_window_layers\": null}", "max_window_layers"},
        {"{" TINY_QWEN2 ", \"sliding_window\": 0}", "sliding_window"},
        {"{" TINY_QWEN2 ", \"is_causal\": false}", "is_causal"},
        {"{" TINY_QWEN2 ", \"architectures\": [\"Qwen2ForSequenceClassification\"]}",
         "Qwen2ForSequenceClassification"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wane_config c;
        wane_status st = parse(&c, cases[i].text, &err);
        if (st == WANE_OK || !strstr(err.message, cases[i].named))
            print_error("%s: %s\n", cases[i].text, st == WANE_OK ? "accepted" : err.message);
        assert_int_equal(st, WANE_EFORMAT);
        assert_non_null(strstr(err.message, cases[i].named));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(qwen2_is_read),
        cmocka_unit_test(qwen2_has_the_windows_of_transformers),
        cmocka_unit_test(what_is_not_covered_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
