/* SPDX-License-Identifier: Apache-2.0
 * Makes the parameter table of a configuration, layer by layer, in the order that wane_layer_layout
 * counts in.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "eval/model/layout.h"
#include "eval/model/model.h"
#include "store/base/memory.h"

typedef struct slot_name {
    const char *module, *parent;
    wane_role role;
} slot_name;

static const slot_name slot_names[WANE_SLOTS] = {
    {"q_proj", "self_attn", WANE_ROLE_Q}, {"k_proj", "self_attn", WANE_ROLE_K},
    {"v_proj", "self_attn", WANE_ROLE_V}, {"o_proj", "self_attn", WANE_ROLE_O},
    {"gate_proj", "mlp", WANE_ROLE_GATE}, {"up_proj", "mlp", WANE_ROLE_UP},
    {"down_proj", "mlp", WANE_ROLE_DOWN},
};

static size_t per_layer(const wane_config *config)
{
    return 2 + WANE_SLOTS + (config->attention_bias ? 4 : 0) + (config->mlp_bias ? 3 : 0);
}

wane_layer_index wane_layer_layout(const wane_config *config, size_t layer)
{
    wane_layer_index index;
    size_t next = 1 + layer * per_layer(config);
    bool attention = config->attention_bias, mlp = config->mlp_bias;
    for (int s = 0; s < WANE_SLOTS; s++) index.bias[s] = WANE_ABSENT;
    index.norm1 = next++;
    /* Weights that read the same input stand side by side, so that one product serves them. */
    for (int s = WANE_SLOT_Q; s <= WANE_SLOT_V; s++) index.weight[s] = next++;
    for (int s = WANE_SLOT_Q; s <= WANE_SLOT_V && attention; s++) index.bias[s] = next++;
    index.weight[WANE_SLOT_O] = next++;
    if (attention) index.bias[WANE_SLOT_O] = next++;
    index.norm2 = next++;
    for (int s = WANE_SLOT_GATE; s <= WANE_SLOT_UP; s++) index.weight[s] = next++;
    for (int s = WANE_SLOT_GATE; s <= WANE_SLOT_UP && mlp; s++) index.bias[s] = next++;
    index.weight[WANE_SLOT_DOWN] = next++;
    if (mlp) index.bias[WANE_SLOT_DOWN] = next++;
    return index;
}

size_t wane_final_norm(const wane_config *config)
{
    return 1 + config->layers * per_layer(config);
}

size_t wane_head(const wane_config *config)
{
    return config->tied ? 0 : wane_final_norm(config) + 1;
}

size_t wane_slot_rows(const wane_config *config, wane_slot slot)
{
    switch (slot) {
    case WANE_SLOT_Q: return config->heads * config->head_width;
    case WANE_SLOT_K:
    case WANE_SLOT_V: return config->kv_heads * config->head_width;
    case WANE_SLOT_GATE:
    case WANE_SLOT_UP: return config->hidden;
    default: return config->width;
    }
}

size_t wane_slot_cols(const wane_config *config, wane_slot slot)
{
    if (slot == WANE_SLOT_O) return config->heads * config->head_width;
    return slot == WANE_SLOT_DOWN ? config->hidden : config->width;
}

static wane_status check_sizes(const wane_config *c, wane_error *err)
{
    const struct {
        const char *name;
        size_t value, most;
    } sizes[] = {
        {"vocab_size", c->vocabulary, INT_MAX},
        {"hidden_size", c->width, 1 << 20},
        {"num_hidden_layers", c->layers, 1 << 16},
        {"num_attention_heads", c->heads, 1 << 14},
        {"num_key_value_heads", c->kv_heads, 1 << 14},
        {"head_dim", c->head_width, 1 << 14},
        {"intermediate_size", c->hidden, 1 << 22},
        {"max_position_embeddings", c->context, INT_MAX},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (sizes[i].value < 1 || sizes[i].value > sizes[i].most)
            return wane_fail(err, WANE_EINVAL, "model: %s: %zu is not in 1..%zu", sizes[i].name,
                             sizes[i].value, sizes[i].most);
    if (c->heads % c->kv_heads != 0)
        return wane_fail(err, WANE_EINVAL,
                         "model: num_key_value_heads: %zu does not divide num_attention_heads %zu",
                         c->kv_heads, c->heads);
    if (c->head_width % 2 != 0)
        return wane_fail(err, WANE_EINVAL, "model: head_dim: %zu is odd: no rotary pairs",
                         c->head_width);
    if (c->heads * c->head_width > INT_MAX / 4)
        return wane_fail(err, WANE_EINVAL, "model: head_dim: %zu heads of %zu are too wide",
                         c->heads, c->head_width);
    if (!(c->norm_epsilon > 0) || !(c->norm_epsilon < 1))
        return wane_fail(err, WANE_EINVAL, "model: rms_norm_eps: %g is not in (0, 1)",
                         c->norm_epsilon);
    if (!(c->rope.theta > 0))
        return wane_fail(err, WANE_EINVAL, "model: rope_theta: %g is not positive", c->rope.theta);
    return WANE_OK;
}

/* Appends one parameter; false when the block no longer fits in size_t bytes. */
static bool add(wane_parameters *p, wane_role role, int layer, const char *module, size_t rows,
                size_t cols)
{
    wane_parameter *one = &p->parameter[p->count++];
    one->role = role;
    one->layer = layer;
    one->module = module;
    one->rows = rows;
    one->cols = cols;
    one->offset = p->floats;
    one->decays = role != WANE_ROLE_NORM && role != WANE_ROLE_BIAS;
    one->linear = one->decays && layer >= 0;
    size_t numbers = 0, padded = 0, bytes = 0;
    if (!wane_size_mul(&numbers, rows, cols) ||
        !wane_size_add(&padded, numbers, WANE_ALIGN_FLOATS - 1) ||
        !wane_size_add(&p->floats, p->floats, padded / WANE_ALIGN_FLOATS * WANE_ALIGN_FLOATS) ||
        !wane_size_mul(&bytes, p->floats, sizeof(float)))
        return false;
    p->numbers += numbers;
    return bytes <= SIZE_MAX / 2;
}

static bool add_slot(wane_parameters *p, const wane_config *config, size_t layer, wane_slot slot,
                     bool bias)
{
    const slot_name *name = &slot_names[slot];
    char *text = p->parameter[p->count].name;
    (void)snprintf(text, sizeof p->parameter->name, "model.layers.%zu.%s.%s.%s", layer,
                   name->parent, name->module, bias ? "bias" : "weight");
    return add(p, bias ? WANE_ROLE_BIAS : name->role, (int)layer, name->module,
               wane_slot_rows(config, slot), bias ? 1 : wane_slot_cols(config, slot));
}

static bool add_norm(wane_parameters *p, const wane_config *config, size_t layer,
                     const char *module)
{
    (void)snprintf(p->parameter[p->count].name, sizeof p->parameter->name,
                   "model.layers.%zu.%s.weight", layer, module);
    return add(p, WANE_ROLE_NORM, (int)layer, module, config->width, 1);
}

/* In the order of wane_layer_layout. */
static bool add_layer(wane_parameters *p, const wane_config *config, size_t layer)
{
    bool good = add_norm(p, config, layer, "input_layernorm");
    for (wane_slot s = WANE_SLOT_Q; s <= WANE_SLOT_V; s++)
        good = good && add_slot(p, config, layer, s, false);
    for (wane_slot s = WANE_SLOT_Q; s <= WANE_SLOT_V && config->attention_bias; s++)
        good = good && add_slot(p, config, layer, s, true);
    good = good && add_slot(p, config, layer, WANE_SLOT_O, false);
    if (config->attention_bias) good = good && add_slot(p, config, layer, WANE_SLOT_O, true);
    good = good && add_norm(p, config, layer, "post_attention_layernorm");
    for (wane_slot s = WANE_SLOT_GATE; s <= WANE_SLOT_UP; s++)
        good = good && add_slot(p, config, layer, s, false);
    for (wane_slot s = WANE_SLOT_GATE; s <= WANE_SLOT_UP && config->mlp_bias; s++)
        good = good && add_slot(p, config, layer, s, true);
    good = good && add_slot(p, config, layer, WANE_SLOT_DOWN, false);
    if (config->mlp_bias) good = good && add_slot(p, config, layer, WANE_SLOT_DOWN, true);
    return good;
}

wane_status wane_parameters_plan(wane_parameters *out, const wane_config *config, wane_error *err)
{
    wane_parameters p = {0};
    wane_status st = check_sizes(config, err);
    if (st != WANE_OK) return st;
    size_t count = 2 + config->layers * per_layer(config) + (config->tied ? 0 : 1);
    p.parameter = wane_alloc(count, sizeof *p.parameter);
    if (!p.parameter) return wane_fail_memory(err, "model", "parameter table");
    (void)strcpy(p.parameter[0].name, "model.embed_tokens.weight");
    bool good = add(&p, WANE_ROLE_EMBEDDING, -1, "embed_tokens", config->vocabulary, config->width);
    for (size_t l = 0; l < config->layers; l++) good = good && add_layer(&p, config, l);
    if (good) (void)strcpy(p.parameter[p.count].name, "model.norm.weight");
    good = good && add(&p, WANE_ROLE_NORM, -1, "norm", config->width, 1);
    if (!config->tied) {
        if (good) (void)strcpy(p.parameter[p.count].name, "lm_head.weight");
        good = good && add(&p, WANE_ROLE_HEAD, -1, "lm_head", config->vocabulary, config->width);
    }
    if (!good) {
        wane_parameters_free(&p);
        return wane_fail(err, WANE_EINVAL, "model: parameters: too many to address");
    }
    *out = p;
    return WANE_OK;
}

void wane_parameters_free(wane_parameters *parameters)
{
    if (!parameters) return;
    wane_free(parameters->parameter);
    *parameters = (wane_parameters){0};
}

long wane_parameters_find(const wane_parameters *parameters, const char *name)
{
    for (size_t i = 0; i < parameters->count; i++)
        if (strcmp(parameters->parameter[i].name, name) == 0) return (long)i;
    return -1;
}
