/* SPDX-License-Identifier: Apache-2.0
 * Granite (IBM 2024): Llama with four multipliers: of the embedding, of the scores in the place of
 * 1 / sqrt(head_dim), of each branch before it is added, and a divisor of the logits. Its files
 * have an attention_dropout, which is not applied in training.
 */
#include "eval/model/architecture_family.h"

static const char *const classes[] = {"GraniteForCausalLM", "GraniteModel", NULL};
static const char *const prefixes[] = {"model.", "", NULL};

#define MULTIPLIER(name_, member_)                                                                 \
    {                                                                                              \
        .name = name_, WANE_CONFIG_MEMBER(member_, number), .decides = WANE_DECIDES_NUMBERS,       \
        .absent = 1                                                                                \
    }

/* Defaults: transformers' GraniteConfig, which takes head_dim although it does not list it. */
static const wane_config_key keys[] = {
    WANE_KEY_VOCABULARY(.absent = 32000),
    WANE_KEY_WIDTH(.absent = 4096),
    WANE_KEY_LAYERS(.absent = 32),
    WANE_KEY_HEADS(.absent = 32),
    WANE_KEY_KV_HEADS(.optional = true),
    WANE_KEY_HEAD_WIDTH(.optional = true),
    WANE_KEY_HIDDEN(.absent = 11008),
    WANE_KEY_CONTEXT(.absent = 2048),
    WANE_KEY_RMS_EPSILON(.absent = 1e-6),
    WANE_KEY_ROPE_THETA(.absent = 10000),
    WANE_KEY_ROPE_SCALING(),
    MULTIPLIER("embedding_multiplier", block.embedding_scale),
    MULTIPLIER("attention_multiplier", block.attention_scale),
    MULTIPLIER("residual_multiplier", block.residual_scale),
    MULTIPLIER("logits_scaling", block.logit_divisor),
    WANE_KEY_TIED(),
    WANE_KEY_ATTENTION_BIAS(),
    WANE_KEY_MLP_BIAS(),
    WANE_KEY_ACTIVATION(.absent = WANE_ACTIVATION_SILU),
    {.name = "attention_dropout", .type = &wane_config_not_applied},
    WANE_KEY_INITIALIZER_RANGE(),
    WANE_KEY_BOS(.absent = 1),
    WANE_KEY_EOS(.absent = 2),
    WANE_KEY_PAD(.absent = -1),
};

static const wane_tensor_row rows[] = {WANE_ROWS_LLAMA};

const wane_architecture wane_architecture_granite = {
    .name = "granite",
    .gguf = {.name = "granite", .pairs = true},
    .classes = classes,
    .prefixes = prefixes,
    .keys = keys,
    .key_count = sizeof keys / sizeof *keys,
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
};
