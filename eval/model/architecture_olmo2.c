/* SPDX-License-Identifier: Apache-2.0
 * OLMo 2 (OLMo Team 2025): Llama without norms of what branches read, with one on what each of them
 * gives, and norms of queries and keys that run over all heads at once.
 */
#include "eval/model/architecture_family.h"

static const char *const classes[] = {"Olmo2ForCausalLM", "Olmo2Model", NULL};
static const char *const prefixes[] = {"model.", "", NULL};

/* Defaults: transformers' Olmo2Config. */
static const wane_config_key keys[] = {
    WANE_KEY_VOCABULARY(.absent = 50304),
    WANE_KEY_WIDTH(.absent = 4096),
    WANE_KEY_LAYERS(.absent = 32),
    WANE_KEY_HEADS(.absent = 32),
    WANE_KEY_KV_HEADS(.optional = true),
    WANE_KEY_HEAD_WIDTH(.optional = true),
    WANE_KEY_HIDDEN(.absent = 11008),
    WANE_KEY_CONTEXT(.absent = 2048),
    WANE_KEY_RMS_EPSILON(.absent = 1e-5),
    WANE_KEY_ROPE_THETA(.absent = 10000),
    WANE_KEY_ROPE_SCALING(),
    WANE_KEY_TIED(),
    WANE_KEY_ATTENTION_BIAS(),
    WANE_KEY_ACTIVATION(.absent = WANE_ACTIVATION_SILU),
    WANE_KEY_INITIALIZER_RANGE(),
    WANE_KEY_BOS(.absent = -1),
    WANE_KEY_EOS(.absent = 50279),
    WANE_KEY_PAD(.absent = 1),
};

static const wane_tensor_row rows[] = {
    WANE_ROW_EMBEDDING,
    WANE_ROWS_QKV,
    WANE_ROWS_QKV_BIAS(wane_config_attention_bias),
    {.module = WANE_IN_ATTENTION "q_norm", .place = WANE_NORM_Q},
    {.module = WANE_IN_ATTENTION "k_norm", .place = WANE_NORM_K},
    WANE_ROW_O,
    WANE_ROW_BIAS(WANE_IN_ATTENTION "o_proj", WANE_SLOT_O, wane_config_attention_bias),
    {.module = WANE_IN_LAYER "post_attention_layernorm", .place = WANE_NORM_ATTENTION_OUT},
    WANE_ROWS_GATED_MLP,
    {.module = WANE_IN_LAYER "post_feedforward_layernorm", .place = WANE_NORM_MLP_OUT},
    WANE_ROW_FINAL_NORM,
    WANE_ROW_HEAD,
};

const wane_architecture wane_architecture_olmo2 = {
    .name = "olmo2",
    .gguf = {.name = "olmo2"},
    .classes = classes,
    .prefixes = prefixes,
    .keys = keys,
    .key_count = sizeof keys / sizeof *keys,
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
    .block = {.qk_norm_whole = true},
};
