/* SPDX-License-Identifier: Apache-2.0
 * Which settings of two configurations differ, under the names config.json has for them.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/model/model.h"
#include "store/base/text.h"

typedef enum setting_type {
    SETTING_SIZE,
    SETTING_NUMBER,
    SETTING_FLAG,
    SETTING_TOKEN
} setting_type;

static const struct {
    const char *name;
    setting_type type;
    size_t offset;
} settings[] = {
    {"vocab_size", SETTING_SIZE, offsetof(wane_config, vocabulary)},
    {"hidden_size", SETTING_SIZE, offsetof(wane_config, width)},
    {"num_hidden_layers", SETTING_SIZE, offsetof(wane_config, layers)},
    {"num_attention_heads", SETTING_SIZE, offsetof(wane_config, heads)},
    {"num_key_value_heads", SETTING_SIZE, offsetof(wane_config, kv_heads)},
    {"head_dim", SETTING_SIZE, offsetof(wane_config, head_width)},
    {"intermediate_size", SETTING_SIZE, offsetof(wane_config, hidden)},
    {"max_position_embeddings", SETTING_SIZE, offsetof(wane_config, context)},
    {"rms_norm_eps", SETTING_NUMBER, offsetof(wane_config, norm_epsilon)},
    {"rope_theta", SETTING_NUMBER, offsetof(wane_config, rope.theta)},
    {"tie_word_embeddings", SETTING_FLAG, offsetof(wane_config, tied)},
    {"attention_bias", SETTING_FLAG, offsetof(wane_config, attention_bias)},
    {"mlp_bias", SETTING_FLAG, offsetof(wane_config, mlp_bias)},
    {"initializer_range", SETTING_NUMBER, offsetof(wane_config, initializer_range)},
    {"bos_token_id", SETTING_TOKEN, offsetof(wane_config, bos)},
    {"eos_token_id", SETTING_TOKEN, offsetof(wane_config, eos)},
};
enum { SETTINGS = sizeof settings / sizeof *settings };
_Static_assert((int)SETTINGS + 1 == (int)WANE_CONFIG_SETTINGS, "rope_scaling comes to these");

static void write_setting(char out[WANE_SETTING_BYTES], const wane_config *config, size_t setting)
{
    const char *at = (const char *)config + settings[setting].offset;
    size_t size = 0;
    double number = 0;
    bool flag = false;
    int32_t token = 0;
    char text[32];
    switch (settings[setting].type) {
    case SETTING_SIZE:
        memcpy(&size, at, sizeof size);
        (void)snprintf(out, WANE_SETTING_BYTES, "%zu", size);
        return;
    case SETTING_NUMBER:
        memcpy(&number, at, sizeof number);
        if (number < 1e15 && number == floor(number))
            (void)snprintf(out, WANE_SETTING_BYTES, "%.0f", number);
        else (void)snprintf(out, WANE_SETTING_BYTES, "%s", wane_format_double(text, number));
        return;
    case SETTING_FLAG:
        memcpy(&flag, at, sizeof flag);
        (void)snprintf(out, WANE_SETTING_BYTES, "%s", flag ? "true" : "false");
        return;
    case SETTING_TOKEN: break;
    }
    memcpy(&token, at, sizeof token);
    if (token < 0) (void)snprintf(out, WANE_SETTING_BYTES, "null");
    else (void)snprintf(out, WANE_SETTING_BYTES, "%d", (int)token);
}

static void write_scaling(char out[WANE_SETTING_BYTES], const wane_rope *rope)
{
    char factor[32], low[32], high[32];
    if (!rope->llama3) (void)snprintf(out, WANE_SETTING_BYTES, "null");
    else
        (void)snprintf(out, WANE_SETTING_BYTES,
                       "{\"rope_type\": \"llama3\", \"factor\": %s, \"low_freq_factor\": %s, "
                       "\"high_freq_factor\": %s, \"original_max_position_embeddings\": %zu}",
                       wane_format_double(factor, rope->factor),
                       wane_format_double(low, rope->low_frequency_factor),
                       wane_format_double(high, rope->high_frequency_factor),
                       rope->original_context);
}

static size_t add(wane_config_difference *out, size_t count, const wane_config_difference *one)
{
    if (strcmp(one->base, one->value) == 0) return count;
    out[count] = *one;
    return count + 1;
}

size_t wane_config_differences(wane_config_difference out[WANE_CONFIG_SETTINGS],
                               const wane_config *base, const wane_config *other)
{
    size_t count = 0;
    for (size_t i = 0; i < SETTINGS; i++) {
        wane_config_difference one = {.setting = settings[i].name};
        write_setting(one.base, base, i);
        write_setting(one.value, other, i);
        count = add(out, count, &one);
    }
    wane_config_difference scaling = {.setting = "rope_scaling"};
    write_scaling(scaling.base, &base->rope);
    write_scaling(scaling.value, &other->rope);
    return add(out, count, &scaling);
}

bool wane_rope_equal(const wane_rope *a, const wane_rope *b)
{
    return a->theta == b->theta && a->llama3 == b->llama3 && a->factor == b->factor &&
           a->low_frequency_factor == b->low_frequency_factor &&
           a->high_frequency_factor == b->high_frequency_factor &&
           a->original_context == b->original_context;
}

bool wane_config_computes_alike(const wane_config *a, const wane_config *b)
{
    return a->norm_epsilon == b->norm_epsilon && wane_rope_equal(&a->rope, &b->rope);
}
