/* SPDX-License-Identifier: Apache-2.0
 * Gemma 3's text models (Gemma Team 2025): RMSNorm by 1 + w before each branch and on its output,
 * norms of queries and keys, rotary positions of a theta of their own in layers with a window, five
 * of which come before each layer without; an embedding scaled by the root of its width and tied to
 * the head, an MLP with a gate and GELU (tanh). Of the models that see (gemma3) the text model is
 * read, without what makes tokens of images.
 */
#include <math.h>

#include "eval/model/architecture_family.h"

static const char *const classes[] = {"Gemma3ForCausalLM", "Gemma3TextModel", NULL};
static const char *const prefixes[] = {"model.", "", NULL};

/* As files have them on the hub, and as transformers 5 has them in memory. */
static const char *const renamed[][2] = {{"model.", "language_model.model."},
                                         {"model.", "model.language_model."},
                                         {"lm_head.", "language_model.lm_head."},
                                         {NULL, NULL}};
static const char *const seeing_classes[] = {"Gemma3ForConditionalGeneration", "Gemma3Model", NULL};
static const char *const seeing[] = {"vision_tower.", "model.vision_tower.",
                                     "multi_modal_projector.", "model.multi_modal_projector.",
                                     NULL};
static const wane_composite within = {
    .name = "gemma3", .classes = seeing_classes, .others = seeing};

/* Defaults: transformers' Gemma3TextConfig. */
static const wane_config_key keys[] = {
    WANE_KEY_VOCABULARY(.absent = 262208),
    WANE_KEY_WIDTH(.absent = 2304),
    WANE_KEY_LAYERS(.absent = 26),
    WANE_KEY_HEADS(.absent = 8),
    WANE_KEY_KV_HEADS(.absent = 4),
    WANE_KEY_HEAD_WIDTH(.absent = 256),
    WANE_KEY_HIDDEN(.absent = 9216),
    WANE_KEY_CONTEXT(.absent = 131072),
    WANE_KEY_RMS_EPSILON(.absent = 1e-6),
    WANE_KEY_ROPE_THETA(.absent = 1000000),
    WANE_KEY_ROPE_SCALING(),
    {.name = "rope_local_base_freq",
     WANE_CONFIG_MEMBER(local_rope.theta, rope_theta),
     .decides = WANE_DECIDES_NUMBERS,
     .absent = 10000},
    WANE_KEY_WINDOW(.absent = 4096),
    WANE_KEY_LAYER_TYPES,
    WANE_KEY_QUERY_SCALAR(.absent = 256),
    WANE_KEY_LOGIT_CAP(),
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
    {.module = WANE_IN_ATTENTION "q_norm", .place = WANE_NORM_Q},
    {.module = WANE_IN_ATTENTION "k_norm", .place = WANE_NORM_K},
    WANE_ROW_O,
    WANE_ROW_BIAS(WANE_IN_ATTENTION "o_proj", WANE_SLOT_O, wane_config_attention_bias),
    {.module = WANE_IN_LAYER "post_attention_layernorm", .place = WANE_NORM_ATTENTION_OUT},
    {.module = WANE_IN_LAYER "pre_feedforward_layernorm", .place = WANE_NORM_MLP},
    WANE_ROWS_GATED_MLP,
    {.module = WANE_IN_LAYER "post_feedforward_layernorm", .place = WANE_NORM_MLP_OUT},
    WANE_ROW_FINAL_NORM,
    WANE_ROW_HEAD,
};

/* Files without layer_types have the number of layers up to and with each that has no window. */
static wane_status settle(wane_config *config, const wane_config_source *source)
{
    wane_status st = WANE_OK;
    size_t period = 6;
    const wane_json *pattern = wane_json_get(source->root, "sliding_window_pattern");
    if (pattern)
        WANE_TRY(wane_config_take_size(source, pattern, "sliding_window_pattern", &period));
    WANE_TRY(wane_config_window_layers(config, source, period));
    config->block.embedding_scale = sqrt((double)config->width);
done:
    return st;
}

const wane_architecture wane_architecture_gemma3_text = {
    .name = "gemma3_text",
    .gguf = {.name = "gemma3", .wide_layers = 62},
    .classes = classes,
    .prefixes = prefixes,
    .renamed = renamed,
    .within = &within,
    .keys = keys,
    .key_count = sizeof keys / sizeof *keys,
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
    .block = {.norm = WANE_NORM_RMS_PLUS_ONE, .activation = WANE_ACTIVATION_GELU_TANH},
    .settle = settle,
};
