/* SPDX-License-Identifier: Apache-2.0
 * Gemma 2 (Gemma Team 2024): RMSNorm by 1 + w before each branch and on its output, a window in
 * every other layer, caps on the scores of attention and on the logits, an embedding scaled by the
 * root of its width and tied to the head, an MLP with a gate and GELU (tanh).
 */
#include <math.h>

#include "eval/model/architecture_family.h"

static const char *const classes[] = {"Gemma2ForCausalLM", "Gemma2Model", NULL};
static const char *const prefixes[] = {"model.", "", NULL};

/* Defaults: transformers' Gemma2Config. */
static const wane_config_key keys[] = {
    WANE_KEY_VOCABULARY(.absent = 256000),
    WANE_KEY_WIDTH(.absent = 2304),
    WANE_KEY_LAYERS(.absent = 26),
    WANE_KEY_HEADS(.absent = 8),
    WANE_KEY_KV_HEADS(.absent = 4),
    WANE_KEY_HEAD_WIDTH(.absent = 256),
    WANE_KEY_HIDDEN(.absent = 9216),
    WANE_KEY_CONTEXT(.absent = 8192),
    WANE_KEY_RMS_EPSILON(.absent = 1e-6),
    WANE_KEY_ROPE_THETA(.absent = 10000),
    WANE_KEY_ROPE_SCALING(),
    WANE_KEY_WINDOW(.absent = 4096),
    WANE_KEY_LAYER_TYPES,
    WANE_KEY_QUERY_SCALAR(.absent = 256),
    {.name = "attn_logit_softcapping",
     WANE_CONFIG_MEMBER(block.attention_cap, number),
     .decides = WANE_DECIDES_NUMBERS,
     .null_is_zero = true,
     .absent = 50},
    WANE_KEY_LOGIT_CAP(.absent = 30),
    WANE_KEY_TIED(.absent = true),
    WANE_KEY_ATTENTION_BIAS(),
    WANE_KEY_HIDDEN_ACTIVATION(.absent = WANE_ACTIVATION_GELU_TANH),
    WANE_KEY_INITIALIZER_RANGE(),
    WANE_KEY_BOS(.absent = 2),
    WANE_KEY_EOS(.absent = 1),
    WANE_KEY_PAD(.absent = 0),
};

static const wane_tensor_row rows[] = {
    WANE_ROW_EMBEDDING,
    {.module = WANE_IN_LAYER "input_layernorm", .place = WANE_NORM_ATTENTION},
    WANE_ROWS_QKV,
    WANE_ROWS_QKV_BIAS(wane_config_attention_bias),
    WANE_ROW_O,
    WANE_ROW_BIAS(WANE_IN_ATTENTION "o_proj", WANE_SLOT_O, wane_config_attention_bias),
    {.module = WANE_IN_LAYER "post_attention_layernorm", .place = WANE_NORM_ATTENTION_OUT},
    {.module = WANE_IN_LAYER "pre_feedforward_layernorm", .place = WANE_NORM_MLP},
    WANE_ROWS_GATED_MLP,
    {.module = WANE_IN_LAYER "post_feedforward_layernorm", .place = WANE_NORM_MLP_OUT},
    WANE_ROW_FINAL_NORM,
    WANE_ROW_HEAD,
};

static wane_status settle(wane_config *config, const wane_config_source *source)
{
    config->block.embedding_scale = sqrt((double)config->width);
    return wane_config_window_layers(config, source, 2);
}

const wane_architecture wane_architecture_gemma2 = {
    .name = "gemma2",
    .gguf = {.name = "gemma2", .wide_layers = 46},
    .classes = classes,
    .prefixes = prefixes,
    .keys = keys,
    .key_count = sizeof keys / sizeof *keys,
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
    .block = {.norm = WANE_NORM_RMS_PLUS_ONE, .activation = WANE_ACTIVATION_GELU_TANH},
    .settle = settle,
};
