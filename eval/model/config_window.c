/* SPDX-License-Identifier: Apache-2.0
 * Windows of families that switch them on by a flag, use_sliding_window: the flag, the layers that
 * follow from a number instead of names, and what must hold of them together. And those of families
 * in which one layer of every few has none.
 */
#include "eval/model/architecture.h"

static wane_status read_use(wane_config *out, const wane_config_key *key,
                            const wane_config_source *s)
{
    const wane_json *value = wane_json_get(s->root, key->name);
    if (wane_config_given(value) && wane_json_kind_of(value) != WANE_JSON_BOOL)
        return wane_config_refuse(s, key->name, "is no true or false");
    if (!wane_json_bool(value, false)) out->block.window = 0;
    return WANE_OK;
}

static void print_use(wane_text *out, const wane_config *config, const wane_config_key *key,
                      wane_config_form form)
{
    (void)key;
    if (form != WANE_FORM_HASHED) wane_text_string(out, config->block.window ? "true" : "false");
}

/* The window and its layers are compared and hashed. */
const wane_config_type wane_config_use_window = {read_use, print_use, wane_config_always_equal,
                                                 wane_config_always_at_default};

static wane_status read_from(wane_config *out, const wane_config_key *key,
                             const wane_config_source *s)
{
    const wane_json *value = wane_json_get(s->root, key->name);
    int64_t first = (int64_t)key->absent;
    if (value && !wane_json_integer(&first, value))
        return wane_config_refuse(s, key->name, "is no whole number");
    if (!out->block.window || wane_config_given(wane_json_get(s->root, "layer_types")))
        return WANE_OK;
    for (size_t l = first < 0 ? 0 : (size_t)first; l < out->layers; l++) {
        if (l >= WANE_LAYER_SET)
            return wane_config_refuse(s, key->name, "means more layers than are told apart");
        wane_layer_add(&out->block.windowed, l);
    }
    return WANE_OK;
}

/* Names of the layers are written. */
const wane_config_type wane_config_window_from = {
    read_from, wane_config_print_nothing, wane_config_always_equal, wane_config_always_at_default};

wane_status wane_config_settle_windows(wane_config *c, const wane_config_source *s)
{
    bool any = false;
    for (size_t l = 0; l < c->layers; l++) any = any || wane_layer_in(&c->block.windowed, l);
    if (any && c->block.window == 0)
        return wane_config_refuse(
            s, wane_config_key_of(c, offsetof(wane_config, block.windowed), "layer_types"),
            "names layers with a window, which is switched off or null");
    if (!any) c->block.window = 0;
    return WANE_OK;
}

wane_status wane_config_window_layers(wane_config *config, const wane_config_source *s,
                                      size_t period)
{
    static const char key[] = "layer_types";
    if (wane_config_given(wane_json_get(s->root, key))) return WANE_OK;
    if (config->layers > WANE_LAYER_SET)
        return wane_config_refuse(s, key, "is absent, with more layers than are told apart");
    for (size_t i = 0; i < config->layers; i++)
        if ((i + 1) % period != 0) wane_layer_add(&config->block.windowed, i);
    return WANE_OK;
}
