/* SPDX-License-Identifier: Apache-2.0
 * Two configurations setting by setting, and one as what is hashed of it: loops over the table of
 * the architecture's keys.
 */
#include <stdio.h>
#include <string.h>

#include "eval/model/architecture.h"

/* One value as text in `out`, cut where it is longer. */
static void print(char out[WANE_SETTING_BYTES], const wane_config *config,
                  const wane_config_key *key)
{
    wane_text text = {0};
    key->type->print(&text, config, key, WANE_FORM_SAID);
    (void)snprintf(out, WANE_SETTING_BYTES, "%s", text.data ? text.data : "");
    wane_text_free(&text);
}

static void say(wane_config_difference *out, const wane_config *base, const wane_config *other,
                const wane_config_key *key)
{
    out->setting = key->name;
    print(out->base, base, key);
    print(out->value, other, key);
}

static void say_architectures(wane_config_difference *out, const wane_config *base,
                              const wane_config *other)
{
    out->setting = "model_type";
    (void)snprintf(out->base, WANE_SETTING_BYTES, "\"%s\"", base->architecture->name);
    (void)snprintf(out->value, WANE_SETTING_BYTES, "\"%s\"", other->architecture->name);
}

size_t wane_config_differences(wane_config_difference out[WANE_CONFIG_SETTINGS],
                               const wane_config *base, const wane_config *other)
{
    const wane_architecture *a = base->architecture;
    size_t count = 0;
    if (a != other->architecture) {
        say_architectures(&out[0], base, other);
        return 1;
    }
    for (size_t i = 0; i < a->key_count && count < WANE_CONFIG_SETTINGS; i++)
        if (!a->keys[i].type->equal(base, other, &a->keys[i]))
            say(&out[count++], base, other, &a->keys[i]);
    return count;
}

/* The first key of those that decide it in which they differ; NULL when there is none. */
static const wane_config_key *decided(const wane_config *a, const wane_config *b,
                                      wane_config_decides what)
{
    const wane_config_key *keys = a->architecture->keys;
    for (size_t i = 0; i < a->architecture->key_count; i++)
        if (keys[i].decides == what && !keys[i].type->equal(a, b, &keys[i])) return &keys[i];
    return NULL;
}

bool wane_config_shape_differs(wane_config_difference *out, const wane_config *base,
                               const wane_config *other)
{
    if (base->architecture != other->architecture) {
        if (out) say_architectures(out, base, other);
        return true;
    }
    const wane_config_key *key = decided(base, other, WANE_DECIDES_SHAPE);
    if (key && out) say(out, base, other, key);
    return key != NULL;
}

bool wane_config_computes_alike(const wane_config *a, const wane_config *b)
{
    return a->architecture == b->architecture && !decided(a, b, WANE_DECIDES_NUMBERS);
}

void wane_config_hashed(wane_text *first, wane_text *later, const wane_config *config)
{
    const wane_architecture *a = config->architecture;
    wane_text_string(first, a->name);
    for (size_t i = 0; i < a->key_count; i++) {
        const wane_config_key *key = &a->keys[i];
        wane_text *out = key->hashed && key->hashed[0] ? first : later;
        if (key->decides == WANE_DECIDES_NOTHING) continue;
        if (out == later && key->type->at_default(config, key)) continue;
        if (!key->hashed || key->hashed[0])
            wane_text_printf(out, " %s=", key->hashed ? key->hashed : key->name);
        key->type->print(out, config, key, WANE_FORM_HASHED);
    }
}
