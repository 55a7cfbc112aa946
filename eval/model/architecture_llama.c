/* SPDX-License-Identifier: Apache-2.0
 * Llama (Touvron et al. 2023; Llama 3's rope scaling): RMSNorm before attention and MLP, rotary
 * positions, grouped-query attention, a gated MLP with SiLU; biases and ties as config.json says.
 */
#include "eval/model/architecture_family.h"

static const char *const classes[] = {"LlamaForCausalLM", "LlamaModel", NULL};
static const char *const prefixes[] = {"model.", "", NULL};

/* Defaults: transformers' LlamaConfig. */
static const wane_config_key keys[] = {
    WANE_KEY_VOCABULARY(.absent = 32000, .hashed = "vocabulary"),
    WANE_KEY_WIDTH(.absent = 4096, .hashed = "width"),
    WANE_KEY_LAYERS(.absent = 32, .hashed = "layers"),
    WANE_KEY_HEADS(.absent = 32, .hashed = "heads"),
    WANE_KEY_KV_HEADS(.optional = true, .hashed = "kv_heads"),
    WANE_KEY_HEAD_WIDTH(.optional = true, .hashed = "head_width"),
    WANE_KEY_HIDDEN(.absent = 11008, .hashed = "hidden"),
    WANE_KEY_CONTEXT(.absent = 2048, .hashed = "context"),
    WANE_KEY_RMS_EPSILON(.absent = 1e-6, .hashed = "norm_epsilon"),
    WANE_KEY_ROPE_THETA(.absent = 10000, .hashed = "theta"),
    WANE_KEY_TIED(.hashed = "tied"),
    WANE_KEY_ATTENTION_BIAS(.hashed = "attention_bias"),
    WANE_KEY_MLP_BIAS(.hashed = "mlp_bias"),
    WANE_KEY_ACTIVATION(.absent = WANE_ACTIVATION_SILU),
    WANE_KEY_INITIALIZER_RANGE(),
    WANE_KEY_BOS(.absent = 1, .hashed = "bos"),
    WANE_KEY_EOS(.absent = 2, .hashed = "eos"),
    WANE_KEY_ROPE_SCALING(.hashed = ""),
};

static const wane_tensor_row rows[] = {WANE_ROWS_LLAMA};

const wane_architecture wane_architecture_llama = {
    .name = "llama",
    .gguf = {.name = "llama", .pairs = true},
    .classes = classes,
    .prefixes = prefixes,
    .keys = keys,
    .key_count = sizeof keys / sizeof *keys,
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
};
