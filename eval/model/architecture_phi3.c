/* SPDX-License-Identifier: Apache-2.0
 * Phi-3, Phi-3.5 and Phi-4-mini (Abdin et al. 2024): Llama with queries, keys and values in one
 * matrix and gate and up in another, a window in every layer unless sliding_window is null, and
 * LongRoPE, in some of a part of each head. Dropouts of the pretraining (resid_pdrop, embd_pdrop)
 * have no key: none is applied.
 */
#include "eval/model/architecture_family.h"
#include "eval/model/rope_kinds.h"

static const char *const classes[] = {"Phi3ForCausalLM", "Phi3Model", NULL};
static const char *const prefixes[] = {"model.", "", NULL};

/* Older files call longrope "su" or "yarn"; transformers takes no other kind. */
static const wane_rope_type rope_types[] = {{"default", NULL},
                                            {"longrope", &wane_rope_longrope},
                                            {"su", &wane_rope_longrope},
                                            {"yarn", &wane_rope_longrope},
                                            {NULL, NULL}};

/* Defaults: transformers' Phi3Config. */
static const wane_config_key keys[] = {
    WANE_KEY_VOCABULARY(.absent = 32064),
    WANE_KEY_WIDTH(.absent = 3072),
    WANE_KEY_LAYERS(.absent = 32),
    WANE_KEY_HEADS(.absent = 32),
    WANE_KEY_KV_HEADS(.optional = true),
    WANE_KEY_HEAD_WIDTH(.optional = true),
    WANE_KEY_HIDDEN(.absent = 8192),
    WANE_KEY_CONTEXT(.absent = 4096),
    WANE_KEY_RMS_EPSILON(.absent = 1e-5),
    WANE_KEY_ROPE_THETA(.absent = 10000),
    WANE_KEY_ROPE_SCALING(),
    {.name = "original_max_position_embeddings",
     WANE_CONFIG_MEMBER(rope.original_context, original_context),
     .decides = WANE_DECIDES_NUMBERS,
     .absent = 4096},
    {.name = "partial_rotary_factor",
     WANE_CONFIG_MEMBER(rope.width, rope_part),
     .decides = WANE_DECIDES_NUMBERS,
     .absent = 1},
    WANE_KEY_WINDOW(.null_is_zero = true),
    WANE_KEY_TIED(),
    WANE_KEY_ACTIVATION(.absent = WANE_ACTIVATION_SILU),
    WANE_KEY_INITIALIZER_RANGE(),
    WANE_KEY_BOS(.absent = 1),
    WANE_KEY_EOS(.absent = 32000),
    WANE_KEY_PAD(.absent = 32000),
};

static const wane_tensor_row rows[] = {
    WANE_ROW_EMBEDDING,
    {.module = WANE_IN_LAYER "input_layernorm", .place = WANE_NORM_ATTENTION},
    {.module = WANE_IN_ATTENTION "qkv_proj", .place = WANE_SLOT_QKV},
    WANE_ROW_O,
    {.module = WANE_IN_LAYER "post_attention_layernorm", .place = WANE_NORM_MLP},
    {.module = WANE_IN_MLP "gate_up_proj", .place = WANE_SLOT_GATE_UP},
    {.module = WANE_IN_MLP "down_proj", .place = WANE_SLOT_DOWN},
    WANE_ROW_FINAL_NORM,
    WANE_ROW_HEAD,
};

/* transformers looks at no layer_types. */
static wane_status settle(wane_config *config, const wane_config_source *source)
{
    if (config->block.window && config->layers > WANE_LAYER_SET)
        return wane_config_refuse(source, "num_hidden_layers", "is more than are told apart");
    for (size_t l = 0; l < config->layers && config->block.window; l++)
        wane_layer_add(&config->block.windowed, l);
    return WANE_OK;
}

const wane_architecture wane_architecture_phi3 = {
    .name = "phi3",
    .gguf = {.name = "phi3"},
    .classes = classes,
    .prefixes = prefixes,
    .keys = keys,
    .key_count = sizeof keys / sizeof *keys,
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
    .rope_types = rope_types,
    .settle = settle,
};
