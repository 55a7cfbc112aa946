/* SPDX-License-Identifier: Apache-2.0
 * Keys of config.json and rows of tensors that many families share, for their entries alone. A key
 * takes what the family adds or has otherwise: WANE_KEY_WIDTH(.absent = 2048).
 */
#ifndef EVAL_MODEL_ARCHITECTURE_FAMILY_H
#define EVAL_MODEL_ARCHITECTURE_FAMILY_H

#include <stdint.h>

#include "eval/model/architecture.h"

/* Sizes; `.absent` is the default of the family's configuration class. */
#define WANE_KEY_VOCABULARY(...)                                                                   \
    {                                                                                              \
        .name = "vocab_size", WANE_CONFIG_MEMBER(vocabulary, size), .most = INT32_MAX, __VA_ARGS__ \
    }
#define WANE_KEY_WIDTH(...)                                                                        \
    {                                                                                              \
        .name = "hidden_size", WANE_CONFIG_MEMBER(width, size), .most = 1 << 20, __VA_ARGS__       \
    }
#define WANE_KEY_LAYERS(...)                                                                       \
    {                                                                                              \
        .name = "num_hidden_layers", WANE_CONFIG_MEMBER(layers, size), .most = 1 << 16,            \
        __VA_ARGS__                                                                                \
    }
#define WANE_KEY_HEADS(...)                                                                        \
    {                                                                                              \
        .name = "num_attention_heads", WANE_CONFIG_MEMBER(heads, size), .most = 1 << 14,           \
        __VA_ARGS__                                                                                \
    }
/* Key heads: `.optional = true` where null or absence means as many as heads. */
#define WANE_KEY_KV_HEADS(...)                                                                     \
    {                                                                                              \
        .name = "num_key_value_heads", WANE_CONFIG_MEMBER(kv_heads, size), .most = 1 << 14,        \
        __VA_ARGS__                                                                                \
    }
/* A head's width: `.optional = true` where null or absence means width / heads. */
#define WANE_KEY_HEAD_WIDTH(...)                                                                   \
    {                                                                                              \
        .name = "head_dim", WANE_CONFIG_MEMBER(head_width, size), .most = 1 << 14, __VA_ARGS__     \
    }
#define WANE_KEY_HIDDEN(...)                                                                       \
    {                                                                                              \
        .name = "intermediate_size", WANE_CONFIG_MEMBER(hidden, size), .most = 1 << 22,            \
        __VA_ARGS__                                                                                \
    }
#define WANE_KEY_CONTEXT(...)                                                                      \
    {                                                                                              \
        .name = "max_position_embeddings", WANE_CONFIG_MEMBER(context, size),                      \
        .decides = WANE_DECIDES_USE, .most = INT32_MAX, __VA_ARGS__                                \
    }

/* Numbers and flags. */
#define WANE_KEY_RMS_EPSILON(...)                                                                  \
    {                                                                                              \
        .name = "rms_norm_eps", WANE_CONFIG_MEMBER(norm_epsilon, number),                          \
        .decides = WANE_DECIDES_NUMBERS, __VA_ARGS__                                               \
    }
#define WANE_KEY_TIED(...)                                                                         \
    {                                                                                              \
        .name = "tie_word_embeddings", WANE_CONFIG_MEMBER(tied, flag), __VA_ARGS__                 \
    }
#define WANE_KEY_ATTENTION_BIAS(...)                                                               \
    {                                                                                              \
        .name = "attention_bias", WANE_CONFIG_MEMBER(attention_bias, flag), __VA_ARGS__            \
    }
#define WANE_KEY_MLP_BIAS(...)                                                                     \
    {                                                                                              \
        .name = "mlp_bias", WANE_CONFIG_MEMBER(mlp_bias, flag), __VA_ARGS__                        \
    }
#define WANE_KEY_ACTIVATION(...)                                                                   \
    {                                                                                              \
        .name = "hidden_act", WANE_CONFIG_MEMBER(block.activation, activation),                    \
        .decides = WANE_DECIDES_NUMBERS, __VA_ARGS__                                               \
    }
#define WANE_KEY_INITIALIZER_RANGE(...)                                                            \
    {                                                                                              \
        .name = "initializer_range", WANE_CONFIG_MEMBER(initializer_range, number),                \
        .decides = WANE_DECIDES_NOTHING, .absent = 0.02, __VA_ARGS__                               \
    }
/* Gemma's name for it: hidden_act beside it is not read. */
#define WANE_KEY_HIDDEN_ACTIVATION(...)                                                            \
    {                                                                                              \
        .name = "hidden_activation", WANE_CONFIG_MEMBER(block.activation, activation),             \
        .decides = WANE_DECIDES_NUMBERS, __VA_ARGS__                                               \
    }
/* One over the root of a whole number: the scale of scores in Gemma's files. */
#define WANE_KEY_QUERY_SCALAR(...)                                                                 \
    {                                                                                              \
        .name = "query_pre_attn_scalar", WANE_CONFIG_MEMBER(block.attention_scale, inverse_root),  \
        .decides = WANE_DECIDES_NUMBERS, __VA_ARGS__                                               \
    }
/* null is none. */
#define WANE_KEY_LOGIT_CAP(...)                                                                    \
    {                                                                                              \
        .name = "final_logit_softcapping", WANE_CONFIG_MEMBER(block.logit_cap, number),            \
        .decides = WANE_DECIDES_NUMBERS, .null_is_zero = true, __VA_ARGS__                         \
    }

/* A token's id; `.absent = -1`: none. */
#define WANE_KEY_BOS(...)                                                                          \
    {                                                                                              \
        .name = "bos_token_id", WANE_CONFIG_MEMBER(bos, token), .decides = WANE_DECIDES_USE,       \
        __VA_ARGS__                                                                                \
    }
#define WANE_KEY_EOS(...)                                                                          \
    {                                                                                              \
        .name = "eos_token_id", WANE_CONFIG_MEMBER(eos, token), .decides = WANE_DECIDES_USE,       \
        __VA_ARGS__                                                                                \
    }
/* Of families whose embedding is made with a padding_idx. */
#define WANE_KEY_PAD(...)                                                                          \
    {                                                                                              \
        .name = "pad_token_id", WANE_CONFIG_MEMBER(pad, token), .decides = WANE_DECIDES_USE,       \
        __VA_ARGS__                                                                                \
    }

/* Windows: WANE_KEY_WINDOW is their size, with its default and what null is; layer_types the layers
 * that have one. */
#define WANE_KEY_WINDOW(...)                                                                       \
    {                                                                                              \
        .name = "sliding_window", WANE_CONFIG_MEMBER(block.window, size),                          \
        .decides = WANE_DECIDES_NUMBERS, .most = INT32_MAX, __VA_ARGS__                            \
    }
#define WANE_KEY_LAYER_TYPES                                                                       \
    {                                                                                              \
        .name = "layer_types", WANE_CONFIG_MEMBER(block.windowed, layer_types),                    \
        .decides = WANE_DECIDES_NUMBERS                                                            \
    }
/* A window (`absent_` where it is not given, 0: none) that is there where a flag says so. With
 * wane_config_settle_windows. */
#define WANE_KEYS_SWITCHED_WINDOW(absent_)                                                         \
    WANE_KEY_WINDOW(.absent = absent_, .null_is_zero = true, .hashed = "sliding_window"),          \
        {.name = "use_sliding_window", .type = &wane_config_use_window}, WANE_KEY_LAYER_TYPES
/* Qwen's: for the layers from max_window_layers on where layer_types does not say which. */
#define WANE_KEYS_QWEN_WINDOW                                                                      \
    WANE_KEYS_SWITCHED_WINDOW(4096),                                                               \
    {                                                                                              \
        .name = "max_window_layers", .type = &wane_config_window_from, .absent = 28                \
    }

/* Rotary positions: theta is read with all of wane_rope, the scaling is written by the second. */
#define WANE_KEY_ROPE_THETA(...)                                                                   \
    {                                                                                              \
        .name = "rope_theta", WANE_CONFIG_MEMBER(rope.theta, rope_theta),                          \
        .decides = WANE_DECIDES_NUMBERS, __VA_ARGS__                                               \
    }
#define WANE_KEY_ROPE_SCALING(...)                                                                 \
    {                                                                                              \
        .name = "rope_scaling", WANE_CONFIG_MEMBER(rope, rope_scaling),                            \
        .decides = WANE_DECIDES_NUMBERS, __VA_ARGS__                                               \
    }

/* What names of tensors begin with in most decoders. */
#define WANE_IN_LAYER "model.layers.%zu."
#define WANE_IN_ATTENTION WANE_IN_LAYER "self_attn."
#define WANE_IN_MLP WANE_IN_LAYER "mlp."

/* A weight and its bias, where `present_` says so (NULL: always). */
#define WANE_ROW_BIAS(module_, place_, present_)                                                   \
    {                                                                                              \
        .module = module_, .place = place_, .bias = true, .present = present_                      \
    }
#define WANE_ROWS_QKV                                                                              \
    {.module = WANE_IN_ATTENTION "q_proj", .place = WANE_SLOT_Q},                                  \
        {.module = WANE_IN_ATTENTION "k_proj", .place = WANE_SLOT_K},                              \
    {                                                                                              \
        .module = WANE_IN_ATTENTION "v_proj", .place = WANE_SLOT_V                                 \
    }
#define WANE_ROWS_QKV_BIAS(present_)                                                               \
    WANE_ROW_BIAS(WANE_IN_ATTENTION "q_proj", WANE_SLOT_Q, present_),                              \
        WANE_ROW_BIAS(WANE_IN_ATTENTION "k_proj", WANE_SLOT_K, present_),                          \
        WANE_ROW_BIAS(WANE_IN_ATTENTION "v_proj", WANE_SLOT_V, present_)
#define WANE_ROW_O                                                                                 \
    {                                                                                              \
        .module = WANE_IN_ATTENTION "o_proj", .place = WANE_SLOT_O                                 \
    }
#define WANE_ROWS_GATED_MLP                                                                        \
    {.module = WANE_IN_MLP "gate_proj", .place = WANE_SLOT_GATE},                                  \
        {.module = WANE_IN_MLP "up_proj", .place = WANE_SLOT_UP},                                  \
    {                                                                                              \
        .module = WANE_IN_MLP "down_proj", .place = WANE_SLOT_DOWN                                 \
    }
#define WANE_ROW_EMBEDDING                                                                         \
    {                                                                                              \
        .module = "model.embed_tokens", .place = WANE_EMBEDDING                                    \
    }
#define WANE_ROW_FINAL_NORM                                                                        \
    {                                                                                              \
        .module = "model.norm", .place = WANE_NORM_FINAL                                           \
    }
/* The last of the table. */
#define WANE_ROW_HEAD                                                                              \
    {                                                                                              \
        .module = "lm_head", .place = WANE_HEAD, .present = wane_config_untied                     \
    }

/* Llama's table: a norm before attention and before a gated MLP, biases where attention_bias and
 * mlp_bias say so (a family without these keys has none). */
#define WANE_ROWS_LLAMA                                                                            \
    WANE_ROW_EMBEDDING, {.module = WANE_IN_LAYER "input_layernorm", .place = WANE_NORM_ATTENTION}, \
        WANE_ROWS_QKV, WANE_ROWS_QKV_BIAS(wane_config_attention_bias), WANE_ROW_O,                 \
        WANE_ROW_BIAS(WANE_IN_ATTENTION "o_proj", WANE_SLOT_O, wane_config_attention_bias),        \
        {.module = WANE_IN_LAYER "post_attention_layernorm", .place = WANE_NORM_MLP},              \
        {.module = WANE_IN_MLP "gate_proj", .place = WANE_SLOT_GATE},                              \
        {.module = WANE_IN_MLP "up_proj", .place = WANE_SLOT_UP},                                  \
        WANE_ROW_BIAS(WANE_IN_MLP "gate_proj", WANE_SLOT_GATE, wane_config_mlp_bias),              \
        WANE_ROW_BIAS(WANE_IN_MLP "up_proj", WANE_SLOT_UP, wane_config_mlp_bias),                  \
        {.module = WANE_IN_MLP "down_proj", .place = WANE_SLOT_DOWN},                              \
        WANE_ROW_BIAS(WANE_IN_MLP "down_proj", WANE_SLOT_DOWN, wane_config_mlp_bias),              \
        WANE_ROW_FINAL_NORM, WANE_ROW_HEAD

#endif
