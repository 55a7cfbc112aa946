/* SPDX-License-Identifier: Apache-2.0
 * GPT-NeoX (Black et al. 2022), Pythia's: LayerNorm, biases everywhere, rotary positions on a part
 * of each head, queries, keys and values of each head side by side in one matrix, a plain MLP with
 * GELU; attention and MLP both read the stream before either is added, unless use_parallel_residual
 * is false. Its hidden_dropout is not applied in training.
 */
#include "eval/model/architecture_family.h"

static const char *const classes[] = {"GPTNeoXForCausalLM", "GPTNeoXModel", NULL};
static const char *const prefixes[] = {"gpt_neox.", "", NULL};

/* Files that were written by transformers 5 before it had the old name again, and its adapters. */
static const char *const renamed[][2] = {{"embed_out.", "lm_head."}, {NULL, NULL}};

/* Defaults: transformers' GPTNeoXConfig. */
static const wane_config_key keys[] = {
    WANE_KEY_VOCABULARY(.absent = 50432),
    WANE_KEY_WIDTH(.absent = 6144),
    WANE_KEY_LAYERS(.absent = 44),
    WANE_KEY_HEADS(.absent = 64),
    WANE_KEY_HIDDEN(.absent = 24576),
    WANE_KEY_CONTEXT(.absent = 2048),
    {.name = "layer_norm_eps",
     WANE_CONFIG_MEMBER(norm_epsilon, number),
     .decides = WANE_DECIDES_NUMBERS,
     .absent = 1e-5},
    {.name = "rotary_emb_base",
     WANE_CONFIG_MEMBER(rope.theta, rope_theta),
     .decides = WANE_DECIDES_NUMBERS,
     .absent = 10000},
    {.name = "rotary_pct",
     WANE_CONFIG_MEMBER(rope.width, rope_part),
     .decides = WANE_DECIDES_NUMBERS,
     .absent = 0.25},
    WANE_KEY_ROPE_SCALING(),
    {.name = "use_parallel_residual",
     WANE_CONFIG_MEMBER(block.parallel, flag),
     .decides = WANE_DECIDES_NUMBERS,
     .absent = true},
    WANE_KEY_TIED(),
    WANE_KEY_ATTENTION_BIAS(.absent = true),
    WANE_KEY_ACTIVATION(.absent = WANE_ACTIVATION_GELU),
    WANE_KEY_INITIALIZER_RANGE(),
    WANE_KEY_BOS(.absent = 0),
    WANE_KEY_EOS(.absent = 2),
};

#define LAYER "gpt_neox.layers.%zu."
#define WITH_BIAS(module_, place_, present_)                                                       \
    {.module = module_, .place = place_}, WANE_ROW_BIAS(module_, place_, present_)

static const wane_tensor_row rows[] = {
    {.module = "gpt_neox.embed_in", .place = WANE_EMBEDDING},
    WITH_BIAS(LAYER "input_layernorm", WANE_NORM_ATTENTION, NULL),
    WITH_BIAS(LAYER "attention.query_key_value", WANE_SLOT_QKV, wane_config_attention_bias),
    WITH_BIAS(LAYER "attention.dense", WANE_SLOT_O, wane_config_attention_bias),
    WITH_BIAS(LAYER "post_attention_layernorm", WANE_NORM_MLP, NULL),
    WITH_BIAS(LAYER "mlp.dense_h_to_4h", WANE_SLOT_UP, NULL),
    WITH_BIAS(LAYER "mlp.dense_4h_to_h", WANE_SLOT_DOWN, NULL),
    WITH_BIAS("gpt_neox.final_layer_norm", WANE_NORM_FINAL, NULL),
    {.module = "embed_out", .place = WANE_HEAD, .present = wane_config_untied},
};

const wane_architecture wane_architecture_gpt_neox = {
    .name = "gpt_neox",
    .classes = classes,
    .prefixes = prefixes,
    .renamed = renamed,
    .keys = keys,
    .key_count = sizeof keys / sizeof *keys,
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
    .block = {.norm = WANE_NORM_LAYER, .activation = WANE_ACTIVATION_GELU, .qkv_by_head = true},
};
