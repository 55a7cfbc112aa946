/* SPDX-License-Identifier: Apache-2.0
 * GPT-2 (Radford et al. 2019): LayerNorm before attention and MLP, learned positions, queries, keys
 * and values in one matrix, a plain MLP with GELU (tanh), biases everywhere, a head that is the
 * embedding. Files have matrices as inputs x outputs (Conv1D). Its dropouts (attn_pdrop,
 * embd_pdrop, resid_pdrop) are not applied in training.
 */
#include "eval/model/architecture_family.h"

static const char *const classes[] = {"GPT2LMHeadModel", "GPT2Model", NULL};
static const char *const prefixes[] = {"transformer.", "", NULL};

/* Defaults: transformers' GPT2Config. */
static const wane_config_key keys[] = {
    WANE_KEY_VOCABULARY(.absent = 50257),
    {.name = "n_embd", WANE_CONFIG_MEMBER(width, size), .absent = 768, .most = 1 << 20},
    {.name = "n_layer", WANE_CONFIG_MEMBER(layers, size), .absent = 12, .most = 1 << 16},
    {.name = "n_head", WANE_CONFIG_MEMBER(heads, size), .absent = 12, .most = 1 << 14},
    {.name = "n_inner", WANE_CONFIG_MEMBER(hidden, size), .optional = true, .most = 1 << 22},
    {.name = "n_positions", WANE_CONFIG_MEMBER(context, size), .absent = 1024, .most = INT32_MAX},
    {.name = "layer_norm_epsilon",
     WANE_CONFIG_MEMBER(norm_epsilon, number),
     .decides = WANE_DECIDES_NUMBERS,
     .absent = 1e-5},
    {.name = "activation_function",
     WANE_CONFIG_MEMBER(block.activation, activation),
     .decides = WANE_DECIDES_NUMBERS,
     .absent = WANE_ACTIVATION_GELU_TANH},
    WANE_KEY_TIED(.absent = true),
    {.name = "scale_attn_weights", .type = &wane_config_fixed, .absent = true},
    {.name = "scale_attn_by_inverse_layer_idx", .type = &wane_config_fixed},
    {.name = "reorder_and_upcast_attn", .type = &wane_config_fixed},
    WANE_KEY_INITIALIZER_RANGE(),
    WANE_KEY_BOS(.absent = 50256),
    WANE_KEY_EOS(.absent = 50256),
};

#define LAYER "transformer.h.%zu."
#define WITH_BIAS(module_, place_)                                                                 \
    {.module = module_, .place = place_},                                                          \
    {                                                                                              \
        .module = module_, .place = place_, .bias = true                                           \
    }
#define CONV1D(module_, place_)                                                                    \
    {.module = module_, .place = place_, .turned = true},                                          \
    {                                                                                              \
        .module = module_, .place = place_, .bias = true                                           \
    }

static const wane_tensor_row rows[] = {
    {.module = "transformer.wte", .place = WANE_EMBEDDING},
    {.module = "transformer.wpe", .place = WANE_POSITIONS},
    WITH_BIAS(LAYER "ln_1", WANE_NORM_ATTENTION),
    CONV1D(LAYER "attn.c_attn", WANE_SLOT_QKV),
    CONV1D(LAYER "attn.c_proj", WANE_SLOT_O),
    WITH_BIAS(LAYER "ln_2", WANE_NORM_MLP),
    CONV1D(LAYER "mlp.c_fc", WANE_SLOT_UP),
    CONV1D(LAYER "mlp.c_proj", WANE_SLOT_DOWN),
    WITH_BIAS("transformer.ln_f", WANE_NORM_FINAL),
    WANE_ROW_HEAD,
};

/* GPT2Config takes the names of other families for its own, and before them. */
static wane_status refuse_second_names(const wane_config *c, const wane_config_source *source)
{
    const struct {
        const char *name, *cause;
        size_t read;
    } second[] = {
        {"hidden_size", "differs from n_embd, which is read", c->width},
        {"num_hidden_layers", "differs from n_layer, which is read", c->layers},
        {"num_attention_heads", "differs from n_head, which is read", c->heads},
        {"max_position_embeddings", "differs from n_positions, which is read", c->context},
    };
    for (size_t i = 0; i < sizeof second / sizeof *second; i++) {
        const wane_json *value = wane_json_get(source->root, second[i].name);
        size_t size = 0;
        if (!wane_config_given(value)) continue;
        wane_status st = wane_config_take_size(source, value, second[i].name, &size);
        if (st != WANE_OK) return st;
        if (size != second[i].read)
            return wane_config_refuse(source, second[i].name, second[i].cause);
    }
    return WANE_OK;
}

static wane_status settle(wane_config *config, const wane_config_source *source)
{
    if (config->hidden == 0) config->hidden = 4 * config->width;
    return refuse_second_names(config, source);
}

const wane_architecture wane_architecture_gpt2 = {
    .name = "gpt2",
    .gguf = {.name = "gpt2"},
    .classes = classes,
    .prefixes = prefixes,
    .keys = keys,
    .key_count = sizeof keys / sizeof *keys,
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
    .block = {.norm = WANE_NORM_LAYER, .activation = WANE_ACTIVATION_GELU_TANH},
    .settle = settle,
};
