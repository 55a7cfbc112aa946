/* SPDX-License-Identifier: Apache-2.0
 * Names of tensors: what is left out of them, their order, and what they say of a weight; and the
 * rounding floor against rounding itself.
 */
#include <math.h>
#include <string.h>

#include "eval/pair/checkpoint.h"
#include "eval/pair/checkpoint_names.h"
#include "store/base/random.h"
#include "tests/support/support.h"

enum { MOST = 8 };

typedef struct sides {
    const char *left[MOST], *right[MOST]; /* ended by NULL */
    const char *left_prefix, *right_prefix;
    const char *first; /* what left[0] becomes */
    bool left_unwrapped, right_unwrapped;
} sides;

static size_t length_of(const char *const *list)
{
    size_t count = 0;
    while (count < MOST && list[count]) count++;
    return count;
}

static void prefixes_are_found(void **state)
{
    (void)state;
    static const sides cases[] = {
        /* as they are */
        {{"model.a.weight", "model.b.weight"}, {"model.a.weight"}, "", "", "model.a.weight", 0, 0},
        {{"a.weight", "b.weight"}, {"c.weight"}, "", "", "a.weight", 0, 0},
        /* one side */
        {{"model.a.weight", "lm_head.weight"},
         {"module.model.a.weight", "module.lm_head.weight"},
         "",
         "module.",
         "model.a.weight",
         0,
         0},
        {{"transformer.h.0.w"}, {"h.0.w"}, "transformer.", "", "h.0.w", 0, 0},
        {{"h.0.w"},
         {"base_model.model.transformer.h.0.w"},
         "",
         "base_model.model.transformer.",
         "h.0.w",
         0,
         0},
        /* both sides, each its own */
        {{"bert.x.w", "cls.y"}, {"module.roberta.x.w"}, "bert.", "module.roberta.", "x.w", 0, 0},
        /* wrappers anywhere */
        {{"model.a.w"}, {"module._orig_mod.model.a.w"}, "", "module.", "model.a.w", 0, 1},
        {{"model.a.w"}, {"model._fsdp_wrapped_module.a.w"}, "", "", "model.a.w", 0, 1},
        {{"_orig_mod.a._checkpoint_wrapped_module._orig_mod.w"}, {"a.w"}, "", "", "a.w", 1, 0},
        /* a prefix that would make two names alike is not taken */
        {{"model.a.w", "a.w"},
         {"module.model.a.w", "module.a.w"},
         "",
         "module.",
         "model.a.w",
         0,
         0},
        {{"a.w", "b.w"}, {"model.a.w", "a.w"}, "", "", "a.w", 0, 0},
    };
    wane_error err;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const sides *c = &cases[i];
        wane_arena *arena = wane_arena_new();
        wane_names left, right;
        CHECK_OK(wane_names_agree(&left, &right, c->left, length_of(c->left), c->right,
                                  length_of(c->right), arena, &err));
        assert_string_equal(left.stripped, c->left_prefix);
        assert_string_equal(right.stripped, c->right_prefix);
        assert_string_equal(left.name[0], c->first);
        assert_true(left.unwrapped == c->left_unwrapped && right.unwrapped == c->right_unwrapped);
        wane_arena_free(arena);
    }
}

static void prefixes_by_the_user(void **state)
{
    (void)state;
    static const char *const names[] = {"a.b.w", "b.v", "a.u"};
    static const char *const prefixes[] = {"a.", "b."};
    wane_error err;
    wane_names out;
    wane_arena *arena = wane_arena_new();
    CHECK_OK(wane_names_strip(&out, names, 3, prefixes, 2, "file", arena, &err));
    assert_string_equal(out.name[0], "w");
    assert_string_equal(out.name[1], "v");
    assert_string_equal(out.name[2], "u");
    static const char *const alike[] = {"a.w", "w"};
    CHECK_FAILS(wane_names_strip(&out, alike, 2, prefixes, 1, "file", arena, &err), WANE_EINVAL,
                "file: --strip makes two tensors of the name w");
    wane_arena_free(arena);
}

static void numbers_count_as_numbers(void **state)
{
    (void)state;
    static const char *const sorted[] = {"a",           "a.1.x",  "a.2.x", "a.2.y", "a.10.x",
                                         "a.10.x.bias", "b.02.x", "b.2.x", "b2",    "b10"};
    size_t count = sizeof sorted / sizeof *sorted;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++) {
            int order = wane_names_order(sorted[i], sorted[j]);
            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
        }
}

static void kinds_and_places(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        wane_tensor_kind kind;
        long layer;
        const char *module;
        bool conv1d;
    } cases[] = {
        {"model.layers.3.self_attn.q_proj.weight", WANE_TENSOR_KIND_ATTENTION, 3, "q_proj", 0},
        {"model.layers.11.mlp.down_proj.weight", WANE_TENSOR_KIND_MLP, 11, "down_proj", 0},
        {"model.layers.0.post_attention_layernorm.weight", WANE_TENSOR_KIND_NORM, 0,
         "post_attention_layernorm", 0},
        {"model.embed_tokens.weight", WANE_TENSOR_KIND_EMBEDDING, -1, "embed_tokens", 0},
        {"lm_head.weight", WANE_TENSOR_KIND_HEAD, -1, "lm_head", 0},
        {"model.norm.weight", WANE_TENSOR_KIND_NORM, -1, "norm", 0},
        {"transformer.h.2.attn.c_attn.weight", WANE_TENSOR_KIND_ATTENTION, 2, "c_attn", 1},
        {"h.2.mlp.c_fc.weight", WANE_TENSOR_KIND_MLP, 2, "c_fc", 1},
        {"transformer.h.2.attn.c_proj.weight", WANE_TENSOR_KIND_ATTENTION, 2, "attn.c_proj", 1},
        {"h.2.mlp.c_proj.weight", WANE_TENSOR_KIND_MLP, 2, "mlp.c_proj", 1},
        {"2.c_proj.weight", WANE_TENSOR_KIND_OTHER, 2, "c_proj", 1},
        {"h.2.mlp.c_fc.bias", WANE_TENSOR_KIND_BIAS, 2, "bias", 0},
        {"h.2.ln_1.weight", WANE_TENSOR_KIND_NORM, 2, "ln_1", 0},
        {"wpe.weight", WANE_TENSOR_KIND_EMBEDDING, -1, "wpe", 0},
        {"bert.encoder.layer.5.attention.self.query.weight", WANE_TENSOR_KIND_ATTENTION, 5, "query",
         0},
        {"bert.encoder.layer.5.attention.output.dense.weight", WANE_TENSOR_KIND_ATTENTION, 5,
         "attention.output.dense", 0},
        {"bert.encoder.layer.5.intermediate.dense.weight", WANE_TENSOR_KIND_MLP, 5,
         "intermediate.dense", 0},
        {"bert.encoder.layer.5.output.dense.weight", WANE_TENSOR_KIND_MLP, 5, "output.dense", 0},
        {"bert.encoder.layer.5.output.LayerNorm.bias", WANE_TENSOR_KIND_NORM, 5, "bias", 0},
        {"bert.embeddings.word_embeddings.weight", WANE_TENSOR_KIND_EMBEDDING, -1,
         "word_embeddings", 0},
        {"classifier.weight", WANE_TENSOR_KIND_HEAD, -1, "classifier", 0},
        {"score.weight", WANE_TENSOR_KIND_HEAD, -1, "score", 0},
        {"cls.predictions.transform.dense.weight", WANE_TENSOR_KIND_HEAD, -1,
         "predictions.transform.dense", 0},
        {"encoder.block.1.layer.0.SelfAttention.q.weight", WANE_TENSOR_KIND_ATTENTION, 1, "q", 0},
        {"encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
         WANE_TENSOR_KIND_EMBEDDING, 0, "relative_attention_bias", 0},
        {"decoder.block.1.layer.2.DenseReluDense.wi.weight", WANE_TENSOR_KIND_MLP, 1, "wi", 0},
        {"output.weight", WANE_TENSOR_KIND_HEAD, -1, "output", 0},
        {"projection.weight", WANE_TENSOR_KIND_OTHER, -1, "projection", 0},
        {"x", WANE_TENSOR_KIND_OTHER, -1, "x", 0},
        {"", WANE_TENSOR_KIND_OTHER, -1, "", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char module[64];
        long layer = 0;
        wane_name_place(&layer, module, cases[i].name);
        if (wane_tensor_kind_of(cases[i].name) != cases[i].kind)
            print_error("%s: %s\n", cases[i].name,
                        wane_tensor_kind_name(wane_tensor_kind_of(cases[i].name)));
        assert_int_equal(wane_tensor_kind_of(cases[i].name), cases[i].kind);
        assert_int_equal(layer, cases[i].layer);
        assert_string_equal(module, cases[i].module);
        assert_int_equal(wane_name_is_conv1d(cases[i].name), cases[i].conv1d);
    }
}

/* ------------------------------------------------------------------------------ rounding floors */

/* Significant bits, and the exponent of the least distance of two numbers. */
static const struct {
    int bits, least;
} of[] = {[WANE_BF16] = {8, -133},
          [WANE_F16] = {11, -24},
          [WANE_F8_E4M3] = {4, -9},
          [WANE_F8_E5M2] = {3, -16}};

static float round_to(float value, wane_dtype dtype)
{
    int bits = of[dtype].bits, least = of[dtype].least, exponent = 0;
    (void)frexp((double)value, &exponent);
    int place = exponent - bits < least ? least : exponent - bits;
    return (float)ldexp(nearbyint(ldexp((double)value, -place)), place);
}

/* The sum that the header states, a number at a time. */
static double rounding_by_definition(wane_dtype type, const float *values, size_t count)
{
    int bits = of[type].bits - 1, least = of[type].least;
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        int place = values[i] == 0 ? least : ilogb((double)values[i]) - bits;
        double unit = ldexp(1, place < least ? least : place);
        sum += unit * unit / 12;
    }
    return sum;
}

/* Against rounding itself: of weights of several sizes, and of such so small that half precision
 * has no more normal numbers for them. */
static void floors_are_what_rounding_does(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    static const double sigmas[] = {1, 0.02, 3e-5};
    static const wane_dtype types[] = {WANE_BF16, WANE_F16, WANE_F8_E4M3, WANE_F8_E5M2};
    float *values = wane_alloc(COUNT, sizeof *values);
    for (size_t s = 0; s < 3; s++)
        for (size_t t = 0; t < 4; t++) {
            wane_random where = {.seed = 9, .purpose = WANE_RANDOM_TEST, .tensor = s};
            wane_random_normal_fill(values, COUNT, sigmas[s], &where);
            assert_int_equal(wane_dtype_of_values(values, COUNT), WANE_F32);
            double square = 0;
            for (size_t i = 0; i < COUNT; i++) {
                float rounded = round_to(values[i], types[t]);
                square += pow((double)rounded - (double)values[i], 2);
                values[i] = rounded;
            }
            if (t < 2) assert_int_equal(wane_dtype_of_values(values, COUNT), types[t]);
            /* With so few bits many are rounded up to a coarser grid; the least of them are less
             * than a step of it. */
            if (t < 2 || s < 2)
                CHECK_NEAR(sqrt(wane_dtype_rounding(types[t], values, COUNT)), sqrt(square), 0,
                           t < 2 ? 0.01 : 0.1);
            static const float odd[] = {0,         -0.0F,          1,          -65504,
                                        0x1p-14F,  0x1p-24F,       -0x1p-126F, 0x1p-127F,
                                        0x1p-149F, 0x1.fffffep127F};
            memcpy(values, odd, sizeof odd);
            assert_true(wane_dtype_rounding(types[t], values, COUNT) ==
                        rounding_by_definition(types[t], values, COUNT));
        }
    assert_true(wane_dtype_rounding(WANE_F32, values, COUNT) == 0);
    assert_true(wane_dtype_rounding(WANE_OTHER, values, COUNT) == 0);

    const wane_comparison none = {.arena = NULL};
    /* the base's rounding counts where it keeps less than the tuned file */
    wane_tensor bf16 = {.dtype = WANE_BF16}, f16 = {.dtype = WANE_F16}, f32 = {.dtype = WANE_F32};
    wane_compared one = {.rows = COUNT, .cols = 1, .base = &bf16, .tuned = &f32};
    double b = sqrt(wane_dtype_rounding(WANE_BF16, values, COUNT));
    double h = sqrt(wane_dtype_rounding(WANE_F16, values, COUNT));
    CHECK_NEAR(wane_comparison_floor(&none, &one, values, values), b, 0, 1e-14);
    one.tuned = &bf16;
    CHECK_NEAR(wane_comparison_floor(&none, &one, values, values), b, 0, 1e-14);
    one.tuned = &f16;
    CHECK_NEAR(wane_comparison_floor(&none, &one, values, values), hypot(b, h), 0, 1e-14);
    one.base = &f32;
    CHECK_NEAR(wane_comparison_floor(&none, &one, values, values), h, 0, 1e-14);
    one.tuned = NULL;
    assert_true(wane_comparison_floor(&none, &one, values, values) == 0);
    wane_free(values);
}

/* A model against itself quantized: the floor of each matrix is what quantizing it made of it. */
static void floors_of_quantized_files(void **state)
{
    (void)state;
    wane_error err;
    wane_comparison c = {0};
    wane_text said = {0};
    size_t changed = 0;
    CHECK_OK(wane_comparison_open(&c, "reference/architectures/gpt_neox",
                                  "reference/gguf/quantized.gguf", &(wane_comparison_options){0},
                                  NULL, &err));
    for (size_t i = 0; i < c.count; i++) {
        size_t count = c.list[i].rows * c.list[i].cols;
        float *base = wane_alloc(count, sizeof *base), *tuned = wane_alloc(count, sizeof *tuned);
        double square = 0;
        CHECK_OK(wane_comparison_read(base, &c, i, false, &err));
        CHECK_OK(wane_comparison_read(tuned, &c, i, true, &err));
        for (size_t k = 0; k < count; k++) square += pow((double)tuned[k] - (double)base[k], 2);
        CHECK_NEAR(wane_comparison_floor(&c, &c.list[i], base, tuned), sqrt(square), 0, 0.1);
        changed += square > 0;
        wane_free(base);
        wane_free(tuned);
    }
    assert_int_equal(changed, 8);
    wane_checkpoint_describe(&said, &c.tuned);
    assert_string_equal(said.data, "model gpt_neox, 20 F32, 8 Q4_1: compared dequantized");
    wane_text_free(&said);
    wane_comparison_close(&c);
}

static void types_that_are_not_read_are_named(void **state)
{
    (void)state;
    wane_error err;
    wane_comparison c = {0};
    static const char path[] = "reference/gguf/unread_weight.gguf";
    CHECK_FAILS(wane_comparison_open(&c, path, path, &(wane_comparison_options){0}, NULL, &err),
                WANE_EINVAL,
                "1 tensors of both are of types that are not read (a.weight is IQ2_XXS)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prefixes_are_found),
        cmocka_unit_test(prefixes_by_the_user),
        cmocka_unit_test(numbers_count_as_numbers),
        cmocka_unit_test(kinds_and_places),
        cmocka_unit_test(floors_are_what_rounding_does),
        cmocka_unit_test(floors_of_quantized_files),
        cmocka_unit_test(types_that_are_not_read_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
