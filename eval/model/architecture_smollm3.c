/* SPDX-License-Identifier: Apache-2.0
 * SmolLM3 (Bakouch et al. 2025): Llama in which every fourth layer has no rotary positions
 * (no_rope_layers, a list with 1 where a layer has them, or no_rope_layer_interval); where
 * use_sliding_window is true, layers without them have a window.
 */
#include <stdio.h>
#include <string.h>

#include "eval/model/architecture_family.h"

static const char *const classes[] = {"SmolLM3ForCausalLM", "SmolLM3Model", NULL};
static const char *const prefixes[] = {"model.", "", NULL};

/* ---------------------------------------------------------------- layers without rotary positions
 */

static wane_status add_unturned(wane_config *out, size_t layer, const wane_config_key *key,
                                const wane_config_source *s)
{
    if (layer >= WANE_LAYER_SET)
        return wane_config_refuse(s, key->name, "means more layers than are told apart");
    wane_layer_add(&out->block.unturned, layer);
    return WANE_OK;
}

static wane_status read_interval(wane_config *out, const wane_config_key *key,
                                 const wane_config_source *s)
{
    wane_status st = WANE_OK;
    const wane_json *value = wane_json_get(s->root, key->name);
    size_t every = (size_t)key->absent;
    if (value) WANE_TRY(wane_config_take_size(s, value, key->name, &every));
    if (wane_config_given(wane_json_get(s->root, "no_rope_layers"))) return WANE_OK;
    for (size_t l = every - 1; l < out->layers; l += every) WANE_TRY(add_unturned(out, l, key, s));
done:
    return st;
}

static wane_status read_layers(wane_config *out, const wane_config_key *key,
                               const wane_config_source *s)
{
    wane_status st = WANE_OK;
    const wane_json *list = wane_json_get(s->root, key->name);
    if (!wane_config_given(list)) return WANE_OK;
    if (wane_json_kind_of(list) != WANE_JSON_ARRAY || wane_json_size(list) < out->layers)
        return wane_config_refuse(s, key->name, "is no list of a number for each layer");
    for (size_t l = 0; l < out->layers; l++) {
        int64_t turned = 0;
        if (!wane_json_integer(&turned, wane_json_at(list, l)))
            return wane_config_refuse(s, key->name, "is no list of whole numbers");
        if (turned == 0) WANE_TRY(add_unturned(out, l, key, s));
    }
done:
    return st;
}

static void print_layers(wane_text *out, const wane_config *config, const wane_config_key *key,
                         wane_config_form form)
{
    (void)key;
    (void)form;
    for (size_t l = 0; l < config->layers; l++)
        wane_text_printf(out, "%s%d", l ? ", " : "[", !wane_layer_in(&config->block.unturned, l));
    wane_text_string(out, "]");
}

static bool layers_equal(const wane_config *a, const wane_config *b, const wane_config_key *key)
{
    (void)key;
    return memcmp(&a->block.unturned, &b->block.unturned, sizeof a->block.unturned) == 0;
}

/* Always hashed. */
static bool never_at_default(const wane_config *config, const wane_config_key *key)
{
    (void)config;
    (void)key;
    return false;
}

static const wane_config_type no_rope_layers = {read_layers, print_layers, layers_equal,
                                                never_at_default};

/* The list is written. */
static const wane_config_type interval = {read_interval, wane_config_print_nothing, layers_equal,
                                          wane_config_always_at_default};

/* ------------------------------------------------------------------------------------- the entry
 */

/* Defaults: transformers' SmolLM3Config, which takes head_dim although it does not list it. */
static const wane_config_key keys[] = {
    WANE_KEY_VOCABULARY(.absent = 128256),
    WANE_KEY_WIDTH(.absent = 2048),
    WANE_KEY_LAYERS(.absent = 36),
    WANE_KEY_HEADS(.absent = 16),
    WANE_KEY_KV_HEADS(.absent = 4, .null_is_zero = true),
    WANE_KEY_HEAD_WIDTH(.optional = true),
    WANE_KEY_HIDDEN(.absent = 11008),
    WANE_KEY_CONTEXT(.absent = 32768),
    WANE_KEY_RMS_EPSILON(.absent = 1e-6),
    WANE_KEY_ROPE_THETA(.absent = 2e6),
    WANE_KEY_ROPE_SCALING(),
    {.name = "no_rope_layer_interval", .type = &interval, .absent = 4},
    {.name = "no_rope_layers", .type = &no_rope_layers, .decides = WANE_DECIDES_NUMBERS},
    WANE_KEY_TIED(.absent = true),
    WANE_KEY_ATTENTION_BIAS(),
    WANE_KEY_MLP_BIAS(),
    WANE_KEY_ACTIVATION(.absent = WANE_ACTIVATION_SILU),
    WANE_KEYS_SWITCHED_WINDOW(0),
    WANE_KEY_INITIALIZER_RANGE(),
    WANE_KEY_BOS(.absent = 128000),
    WANE_KEY_EOS(.absent = 128001),
    WANE_KEY_PAD(.absent = 128004),
};

static const wane_tensor_row rows[] = {WANE_ROWS_LLAMA};

static wane_status settle(wane_config *config, const wane_config_source *source)
{
    wane_block *b = &config->block;
    if (b->window && !wane_config_given(wane_json_get(source->root, "layer_types")))
        b->windowed = b->unturned;
    return wane_config_settle_windows(config, source);
}

const wane_architecture wane_architecture_smollm3 = {
    .name = "smollm3",
    .gguf = {.name = "smollm3", .pairs = true},
    .classes = classes,
    .prefixes = prefixes,
    .keys = keys,
    .key_count = sizeof keys / sizeof *keys,
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
    .settle = settle,
};
