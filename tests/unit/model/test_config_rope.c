/* SPDX-License-Identifier: Apache-2.0
 * Rotary positions in config.json: the frequencies of transformers, wherever and however they are
 * written (tests/reference/make_rope_fixtures.py), parameters for each kind of layer, and the files
 * of Phi-3.
 */
#include <math.h>
#include <string.h>

#include "eval/model/rope_kinds.h"
#include "store/base/memory.h"
#include "store/files/file.h"
#include "tests/support/support.h"
#include "tests/unit/model/config_case.h"

static double number(const wane_json *value)
{
    double out = NAN;
    (void)wane_json_number(&out, value);
    return out;
}

/* Within some bits of theirs, at every length of the case. Returns how far off, relative. */
static double check_frequencies(const wane_config *c, const wane_json *of)
{
    const wane_json *lengths = wane_json_get(of, "lengths");
    size_t width = wane_rope_width(c, &c->rope);
    double worst = 0;
    for (size_t l = 0; l < wane_json_size(lengths); l++) {
        const wane_json *row = wane_json_at(wane_json_get(of, "frequencies"), l);
        size_t length = (size_t)number(wane_json_at(lengths, l));
        assert_int_equal(wane_json_size(row), width / 2);
        for (size_t i = 0; i < width / 2; i++) {
            double wanted = number(wane_json_at(row, i));
            float made = c->rope.kind ? c->rope.kind->frequency(&c->rope, width, i, length)
                                      : wane_rope_frequency(&c->rope, width, i, length);
            double apart = fabs((double)made / wanted - 1);
            if (!(apart <= worst)) worst = apart;
        }
    }
    return worst;
}

static void frequencies_are_those_of_transformers(void **state)
{
    (void)state;
    wane_error err;
    wane_json *cases = NULL;
    char *bytes = NULL;
    size_t count = 0;
    double worst = 0;
    CHECK_OK(wane_file_read(&bytes, &count, "reference/rope.json", 0, &err));
    CHECK_OK(wane_json_parse(&cases, bytes, count, "rope.json", &err));
    assert_true(wane_json_size(cases) > 30);
    for (size_t i = 0; i < wane_json_size(cases); i++) {
        const wane_json *one = wane_json_at(cases, i);
        const char *text = wane_json_string(wane_json_get(one, "config"), NULL);
        wane_config c = config_read(text);
        double attention = c.rope.attention_factor != 0 ? c.rope.attention_factor : 1;
        double apart = check_frequencies(&c, one);
        if (!(apart <= 3e-7)) print_error("%s: %g\n", text, apart);
        assert_true(apart <= 3e-7);
        CHECK_NEAR(attention, number(wane_json_get(one, "attention")), 0, 1e-15);
        config_check_round(&c);
        worst = fmax(worst, apart);
    }
    print_message("frequencies within %.2g\n", worst);
    wane_json_free(cases);
    wane_free(bytes);
}

/* ------------------------------------------------------------------------------- kinds of layers
 */

#define GEMMA                                                                                      \
    "{\"model_type\": \"gemma3_text\", \"vocab_size\": 40, \"hidden_size\": 24, "                  \
    "\"num_hidden_layers\": 7, \"num_attention_heads\": 4, \"num_key_value_heads\": 2, "           \
    "\"head_dim\": 8, \"intermediate_size\": 20, \"max_position_embeddings\": 96, "                \
    "\"original_max_position_embeddings\": 48, \"rope_parameters\": {"
#define YARN "\"full_attention\": {\"rope_type\": \"yarn\", \"factor\": 4, \"truncate\": false"
#define SLIDING ", \"sliding_attention\": {\"rope_type\": \"default\", \"rope_theta\": 7.0}"

/* A key beside them is not asked then, and whether bounds are truncated stands outside. */
static void layers_have_parameters_of_their_own(void **state)
{
    (void)state;
    wane_config c = config_read(GEMMA YARN ", \"rope_theta\": 5.0}" SLIDING "}}");
    assert_ptr_equal(c.rope.kind, &wane_rope_yarn);
    assert_null(c.local_rope.kind);
    assert_true(c.rope.theta == 5 && c.local_rope.theta == 7 && c.rope.truncated);
    assert_int_equal(c.rope.original_context, 96);
    c = config_read(GEMMA YARN ", \"original_max_position_embeddings\": 24}" SLIDING
                               ", \"truncate\": false}}");
    assert_int_equal(c.rope.original_context, 24);
    assert_false(c.rope.truncated);
    config_refused(GEMMA "\"sliding_attention\": {\"type\": \"linear\", \"factor\": 2}}}",
                   "type \"linear\" is not supported for sliding_attention");
    /* One factor has no effect, so it is no other scaling. */
    c = config_read(GEMMA "\"sliding_attention\": {\"type\": \"linear\", \"factor\": 1}}}");
    assert_null(c.local_rope.kind);
}

/* ---------------------------------------------------------------------------------------- Phi-3 */

#define PHI3                                                                                       \
    "{\"architectures\": [\"Phi3ForCausalLM\"], \"attention_bias\": false, "                       \
    "\"attention_dropout\": 0.0, \"embd_pdrop\": 0.0, \"hidden_act\": \"silu\", "                  \
    "\"hidden_size\": 3072, \"initializer_range\": 0.02, \"intermediate_size\": 8192, "            \
    "\"model_type\": \"phi3\", \"num_hidden_layers\": 32, "                                        \
    "\"original_max_position_embeddings\": 4096, \"resid_pdrop\": 0.0, \"rms_norm_eps\": 1e-05, "  \
    "\"rope_theta\": 10000.0, \"torch_dtype\": \"bfloat16\", \"use_cache\": true, "
#define MINI                                                                                       \
    PHI3 "\"bos_token_id\": 1, \"eos_token_id\": 32000, \"num_attention_heads\": 32, "             \
         "\"num_key_value_heads\": 32, \"pad_token_id\": 32000, \"tie_word_embeddings\": false, "  \
         "\"vocab_size\": 32064, "
#define EIGHT(x) x ", " x ", " x ", " x ", " x ", " x ", " x ", " x
/* 48 pairs of a head of 96. */
#define SHORT                                                                                      \
    EIGHT("1.0")                                                                                   \
    ", " EIGHT("1.1") ", " EIGHT("1.25") ", " EIGHT("1.5") ", " EIGHT("2.0") ", " EIGHT("2.8")
#define LONG                                                                                       \
    EIGHT("1.07")                                                                                  \
    ", " EIGHT("1.2") ", " EIGHT("2.9") ", " EIGHT("17.5") ", " EIGHT("43.0") ", " EIGHT("64.5")
#define LONGROPE(kind)                                                                             \
    "\"max_position_embeddings\": 131072, \"rope_scaling\": {\"long_factor\": [" LONG              \
    "], \"short_factor\": [" SHORT "], \"type\": \"" kind "\"}, \"sliding_window\": 262144}"

static void check_longrope(const wane_config *c, size_t width)
{
    assert_ptr_equal(c->rope.kind, &wane_rope_longrope);
    assert_int_equal(c->rope.original_context, 4096);
    assert_int_equal(c->rope.short_factor.count, 48);
    assert_int_equal(wane_rope_width(c, &c->rope), width);
    CHECK_NEAR(c->rope.attention_factor, 1.1902380714238083, 0, 1e-15); /* sqrt(1 + 5 / 12) */
    CHECK_NEAR(c->rope.short_factor.value[47], 2.8, 0, 0);
    CHECK_NEAR(c->rope.long_factor.value[24], 17.5, 0, 0);
    assert_int_equal(wane_config_reach(c), 131072);
    assert_false(wane_config_prefix_shared(c, 4096, 4097));
    config_check_windows(c, 262144, "1");
    config_check_round(c);
}

/* microsoft/Phi-3-mini-4k-instruct, Phi-3-mini-128k-instruct (once with "su"), Phi-4-mini-instruct;
 * the factors are others. Phi-3.5-mini-instruct has the keys of the second. */
static void phi3_is_read(void **state)
{
    (void)state;
    wane_config c = config_read(MINI "\"max_position_embeddings\": 4096, \"rope_scaling\": null, "
                                     "\"sliding_window\": 2047}");
    assert_int_equal(config_numbers(&c),
                     3821079552); /* as transformers counts them, here and below */
    assert_null(c.rope.kind);
    assert_int_equal(c.head_width, 96);
    assert_true(!c.tied && c.bos == 1 && c.eos == 32000 && c.pad == 32000);
    config_check_windows(&c, 2047, "1");
    config_check_round(&c);
    c = config_read(MINI LONGROPE("longrope"));
    assert_int_equal(config_numbers(&c), 3821079552);
    check_longrope(&c, 96);
    c = config_read(MINI LONGROPE("su"));
    check_longrope(&c, 96);
    c = config_read(PHI3
                    "\"bos_token_id\": 199999, \"eos_token_id\": 199999, \"full_attn_mod\": 1, "
                    "\"interpolate_factor\": 1, \"lm_head_bias\": false, \"mlp_bias\": false, "
                    "\"num_attention_heads\": 24, \"num_key_value_heads\": 8, "
                    "\"pad_token_id\": 199999, \"partial_rotary_factor\": 0.75, "
                    "\"tie_word_embeddings\": true, \"vocab_size\": 200064, " LONGROPE("longrope"));
    assert_int_equal(config_numbers(&c), 3836021760);
    assert_true(c.tied && c.head_width == 128 && c.kv_heads == 8);
    check_longrope(&c, 96);
    /* Five numbers of a head are three pairs. */
    c = config_read("{\"model_type\": \"phi3\", \"hidden_size\": 40, \"num_attention_heads\": 4, "
                    "\"num_key_value_heads\": 2, \"partial_rotary_factor\": 0.5, "
                    "\"max_position_embeddings\": 64, \"original_max_position_embeddings\": 16, "
                    "\"rope_scaling\": {\"long_factor\": [1.0, 2.0, 3.0], "
                    "\"short_factor\": [1.0, 1.0, 1.0], \"type\": \"longrope\"}}");
    assert_int_equal(wane_rope_width(&c, &c.rope), 5);
    assert_int_equal(c.rope.long_factor.count, 3);
    config_check_round(&c);
}

static void phi3_has_the_defaults_of_transformers(void **state)
{
    (void)state;
    wane_config c = config_read("{\"model_type\": \"phi3\"}");
    assert_int_equal(config_numbers(&c), 3821079552);
    assert_int_equal(c.kv_heads, 32);
    assert_int_equal(c.context, 4096);
    assert_true(c.bos == 1 && c.eos == 32000 && c.pad == 32000 && !c.tied);
    CHECK_NEAR(c.norm_epsilon, 1e-5, 0, 0);
    config_check_windows(&c, 0, "0");
    config_check_round(&c);
    /* The context before scaling among the parameters does not count. */
    c = config_read("{\"model_type\": \"phi3\", \"rope_scaling\": {\"type\": \"longrope\", "
                    "\"original_max_position_embeddings\": 77, \"short_factor\": [" SHORT
                    "], \"long_factor\": [" LONG "]}}");
    assert_int_equal(c.rope.original_context, 4096);
    config_check_round(&c);
}

/* A factor in a list is another model, and is told. */
static void factors_are_told_apart(void **state)
{
    (void)state;
    wane_config_difference list[WANE_CONFIG_SETTINGS];
    wane_config a = config_read(MINI LONGROPE("longrope")), b = a;
    wane_text first[2] = {{0}}, later[2] = {{0}};
    assert_true(wane_config_computes_alike(&a, &b));
    b.rope.long_factor.value[47] = 64.75;
    assert_false(wane_config_computes_alike(&a, &b));
    assert_int_equal(wane_config_differences(list, &a, &b), 1);
    assert_string_equal(list[0].setting, "rope_scaling");
    assert_non_null(strstr(list[0].base, "\"long_factor\": \"48 factors, sum 1041.3"));
    assert_string_not_equal(list[0].base, list[0].value);
    wane_config_hashed(&first[0], &later[0], &a);
    wane_config_hashed(&first[1], &later[1], &b);
    assert_string_not_equal(later[0].data, later[1].data);
    for (int i = 0; i < 2; i++) {
        wane_text_free(&first[i]);
        wane_text_free(&later[i]);
    }
}

static void what_phi3_is_not_is_refused_by_name(void **state)
{
    (void)state;
    config_refused("{\"model_type\": \"phi3\", \"rope_scaling\": {\"type\": \"linear\", "
                   "\"factor\": 2}}",
                   "type \"linear\" is not supported (default, longrope, su and yarn are)");
    config_refused("{\"model_type\": \"phi3\", \"rope_scaling\": {\"type\": \"longrope\", "
                   "\"short_factor\": [1.0], \"long_factor\": [1.0]}}",
                   "longrope: has short_factor or long_factor of another length");
    config_refused("{\"model_type\": \"phi3\", \"partial_rotary_factor\": 1.5}",
                   "partial_rotary_factor");
    config_refused("{\"model_type\": \"phi3\", \"architectures\": "
                   "[\"Phi3ForSequenceClassification\"]}",
                   "Phi3ForSequenceClassification");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frequencies_are_those_of_transformers),
        cmocka_unit_test(layers_have_parameters_of_their_own),
        cmocka_unit_test(phi3_is_read),
        cmocka_unit_test(phi3_has_the_defaults_of_transformers),
        cmocka_unit_test(factors_are_told_apart),
        cmocka_unit_test(what_phi3_is_not_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
