/* SPDX-License-Identifier: Apache-2.0
 * Qwen3, dense (Yang et al. 2025): Llama with a norm of each head's queries and keys before they
 * are turned, and heads whose width config.json says; where use_sliding_window is true, later
 * layers have a window.
 */
#include "eval/model/architecture_family.h"

static const char *const classes[] = {"Qwen3ForCausalLM", "Qwen3Model", NULL};
static const char *const prefixes[] = {"model.", "", NULL};

/* Defaults: transformers' Qwen3Config. */
static const wane_config_key keys[] = {
    WANE_KEY_VOCABULARY(.absent = 151936),
    WANE_KEY_WIDTH(.absent = 4096),
    WANE_KEY_LAYERS(.absent = 32),
    WANE_KEY_HEADS(.absent = 32),
    WANE_KEY_KV_HEADS(.absent = 32, .null_is_zero = true),
    WANE_KEY_HEAD_WIDTH(.absent = 128),
    WANE_KEY_HIDDEN(.absent = 22016),
    WANE_KEY_CONTEXT(.absent = 32768),
    WANE_KEY_RMS_EPSILON(.absent = 1e-6),
    WANE_KEY_ROPE_THETA(.absent = 10000),
    WANE_KEY_ROPE_SCALING(),
    WANE_KEY_TIED(),
    WANE_KEY_ATTENTION_BIAS(),
    WANE_KEY_ACTIVATION(.absent = WANE_ACTIVATION_SILU),
    WANE_KEYS_QWEN_WINDOW,
    WANE_KEY_INITIALIZER_RANGE(),
    WANE_KEY_BOS(.absent = -1),
    WANE_KEY_EOS(.absent = -1),
    WANE_KEY_PAD(.absent = -1),
};

static const wane_tensor_row rows[] = {
    WANE_ROW_EMBEDDING,
    {.module = WANE_IN_LAYER "input_layernorm", .place = WANE_NORM_ATTENTION},
    WANE_ROWS_QKV,
    WANE_ROWS_QKV_BIAS(wane_config_attention_bias),
    {.module = WANE_IN_ATTENTION "q_norm", .place = WANE_NORM_Q},
    {.module = WANE_IN_ATTENTION "k_norm", .place = WANE_NORM_K},
    WANE_ROW_O,
    WANE_ROW_BIAS(WANE_IN_ATTENTION "o_proj", WANE_SLOT_O, wane_config_attention_bias),
    {.module = WANE_IN_LAYER "post_attention_layernorm", .place = WANE_NORM_MLP},
    WANE_ROWS_GATED_MLP,
    WANE_ROW_FINAL_NORM,
    WANE_ROW_HEAD,
};

const wane_architecture wane_architecture_qwen3 = {
    .name = "qwen3",
    .gguf = {.name = "qwen3"},
    .classes = classes,
    .prefixes = prefixes,
    .keys = keys,
    .key_count = sizeof keys / sizeof *keys,
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
    .settle = wane_config_settle_windows,
};
