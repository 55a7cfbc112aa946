/* SPDX-License-Identifier: Apache-2.0
 * Mistral (Jiang et al. 2023): Llama without biases, with a window in every layer unless
 * sliding_window is null. A file with layer_types is Ministral's, whose layers have the window that
 * they name, as transformers takes it.
 */
#include "eval/model/architecture_family.h"

static const char *const classes[] = {"MistralForCausalLM", "MistralModel", "MinistralForCausalLM",
                                      "MinistralModel", NULL};
static const char *const prefixes[] = {"model.", "", NULL};

static size_t windowed_layers(const wane_config *config)
{
    size_t count = 0;
    for (size_t l = 0; l < config->layers; l++) count += wane_layer_in(&config->block.windowed, l);
    return count;
}

static wane_status read_layers(wane_config *out, const wane_config_key *key,
                               const wane_config_source *s)
{
    if (wane_config_given(wane_json_get(s->root, key->name)))
        return wane_config_layer_types.read(out, key, s);
    for (size_t l = 0; l < out->layers && out->block.window; l++) {
        if (l >= WANE_LAYER_SET)
            return wane_config_refuse(s, "num_hidden_layers", "is more than are told apart");
        wane_layer_add(&out->block.windowed, l);
    }
    return WANE_OK;
}

/* No file has the key where all layers are alike. */
static void print_layers(wane_text *out, const wane_config *config, const wane_config_key *key,
                         wane_config_form form)
{
    size_t count = windowed_layers(config);
    if (form == WANE_FORM_FILE && (count == 0 || count == config->layers)) return;
    wane_config_layer_types.print(out, config, key, form);
}

static bool layers_equal(const wane_config *a, const wane_config *b, const wane_config_key *key)
{
    return wane_config_layer_types.equal(a, b, key);
}

/* The window alone says it. */
static bool layers_alike(const wane_config *config, const wane_config_key *key)
{
    (void)key;
    return windowed_layers(config) == (config->block.window ? config->layers : 0);
}

static const wane_config_type layer_types = {read_layers, print_layers, layers_equal, layers_alike};

/* Defaults: transformers' MistralConfig. */
static const wane_config_key keys[] = {
    WANE_KEY_VOCABULARY(.absent = 32000),
    WANE_KEY_WIDTH(.absent = 4096),
    WANE_KEY_LAYERS(.absent = 32),
    WANE_KEY_HEADS(.absent = 32),
    WANE_KEY_KV_HEADS(.absent = 8, .null_is_zero = true),
    WANE_KEY_HEAD_WIDTH(.optional = true),
    WANE_KEY_HIDDEN(.absent = 14336),
    WANE_KEY_CONTEXT(.absent = 131072),
    WANE_KEY_RMS_EPSILON(.absent = 1e-6),
    WANE_KEY_ROPE_THETA(.absent = 10000),
    WANE_KEY_ROPE_SCALING(),
    WANE_KEY_TIED(),
    WANE_KEY_ACTIVATION(.absent = WANE_ACTIVATION_SILU),
    WANE_KEY_WINDOW(.absent = 4096, .null_is_zero = true),
    {.name = "layer_types",
     .type = &layer_types,
     .offset = offsetof(wane_config, block.windowed),
     .decides = WANE_DECIDES_NUMBERS},
    WANE_KEY_INITIALIZER_RANGE(),
    WANE_KEY_BOS(.absent = 1),
    WANE_KEY_EOS(.absent = 2),
    WANE_KEY_PAD(.absent = -1),
};

static const wane_tensor_row rows[] = {WANE_ROWS_LLAMA};

const wane_architecture wane_architecture_mistral = {
    .name = "mistral",
    .gguf = {.name = "llama", .pairs = true},
    .classes = classes,
    .prefixes = prefixes,
    .keys = keys,
    .key_count = sizeof keys / sizeof *keys,
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
    .settle = wane_config_settle_windows,
};
