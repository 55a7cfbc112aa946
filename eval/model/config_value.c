/* SPDX-License-Identifier: Apache-2.0
 * The kinds of values that keys of config.json have (sizes, numbers, flags, tokens), and what rows
 * of tensors ask of a configuration.
 */
#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/model/architecture.h"

bool wane_config_given(const wane_json *value)
{
    return wane_json_kind_of(value) != WANE_JSON_NULL;
}

wane_status wane_config_refuse(const wane_config_source *s, const char *key, const char *cause)
{
    return wane_fail(s->err, WANE_EFORMAT, "model configuration: %s: %s: %s", s->name, key, cause);
}

wane_status wane_config_take_size(const wane_config_source *s, const wane_json *value,
                                  const char *key, size_t *out)
{
    int64_t number = 0;
    if (!wane_json_integer(&number, value) || number < 1 || number > INT32_MAX)
        return wane_config_refuse(s, key, "is no whole number in 1..2147483647");
    *out = (size_t)number;
    return WANE_OK;
}

wane_status wane_config_take_positive(const wane_config_source *s, const wane_json *value,
                                      const char *key, double *out)
{
    double number = 0;
    if (!wane_json_number(&number, value) || !(number > 0) || !isfinite(number))
        return wane_config_refuse(s, key, "is no positive number");
    *out = number;
    return WANE_OK;
}

static void *member(wane_config *config, const wane_config_key *key)
{
    return (char *)config + key->offset;
}

static const void *value_of(const wane_config *config, const wane_config_key *key)
{
    return (const char *)config + key->offset;
}

/* The key's value in the file; NULL where the default holds. */
static const wane_json *find(const wane_config_source *s, const wane_config_key *key)
{
    const wane_json *value = wane_json_get(s->root, key->name);
    return key->optional && !wane_config_given(value) ? NULL : value;
}

const char *wane_config_say_list(char out[256], const char *const *names)
{
    size_t length = 0, count = 0;
    out[0] = '\0';
    while (names[count]) count++;
    for (size_t i = 0; i < count && length < 200; i++) {
        const char *between = i == 0 ? "" : i + 1 < count ? ", " : " and ";
        length += (size_t)snprintf(out + length, 256 - length, "%s%.40s", between, names[i]);
    }
    return out;
}

/* ----------------------------------------------------------------------------------------- size */

static wane_status read_size(wane_config *out, const wane_config_key *key,
                             const wane_config_source *s)
{
    const wane_json *value = find(s, key);
    size_t *to = member(out, key);
    *to = value && key->null_is_zero ? 0 : (size_t)key->absent;
    if (!value || (key->null_is_zero && !wane_config_given(value))) return WANE_OK;
    return wane_config_take_size(s, value, key->name, to);
}

static void print_size(wane_text *out, const wane_config *config, const wane_config_key *key,
                       wane_config_form form)
{
    size_t size = *(const size_t *)value_of(config, key);
    bool null = (key->optional || key->null_is_zero) && size == 0;
    if (null && form != WANE_FORM_HASHED) wane_text_string(out, "null");
    else wane_text_printf(out, "%zu", size);
}

static bool sizes_equal(const wane_config *a, const wane_config *b, const wane_config_key *key)
{
    return *(const size_t *)value_of(a, key) == *(const size_t *)value_of(b, key);
}

static bool size_at_default(const wane_config *config, const wane_config_key *key)
{
    return *(const size_t *)value_of(config, key) == (size_t)key->absent;
}

const wane_config_type wane_config_size = {read_size, print_size, sizes_equal, size_at_default};

/* --------------------------------------------------------------------------------------- number */

static wane_status read_number(wane_config *out, const wane_config_key *key,
                               const wane_config_source *s)
{
    const wane_json *value = find(s, key);
    double *to = member(out, key);
    bool none = value && key->null_is_zero && !wane_config_given(value);
    *to = none ? 0 : key->absent;
    return value && !none ? wane_config_take_positive(s, value, key->name, to) : WANE_OK;
}

void wane_config_print_number(wane_text *out, double number, wane_config_form form)
{
    if (form == WANE_FORM_FILE) wane_json_write_number(out, number);
    else if (form == WANE_FORM_HASHED) wane_text_printf(out, "%.17g", number);
    else if (number < 1e15 && number == floor(number)) wane_text_printf(out, "%.0f", number);
    else wane_json_write_number(out, number);
}

static void print_number(wane_text *out, const wane_config *config, const wane_config_key *key,
                         wane_config_form form)
{
    double number = *(const double *)value_of(config, key);
    bool null = (key->optional || key->null_is_zero) && number == 0;
    if (null && form != WANE_FORM_HASHED) wane_text_string(out, "null");
    else wane_config_print_number(out, number, form);
}

static bool numbers_equal(const wane_config *a, const wane_config *b, const wane_config_key *key)
{
    return *(const double *)value_of(a, key) == *(const double *)value_of(b, key);
}

static bool number_at_default(const wane_config *config, const wane_config_key *key)
{
    return *(const double *)value_of(config, key) == key->absent;
}

const wane_config_type wane_config_number = {read_number, print_number, numbers_equal,
                                             number_at_default};

/* --------------------------------------------------------------------------------- inverse root */

static wane_status read_inverse_root(wane_config *out, const wane_config_key *key,
                                     const wane_config_source *s)
{
    const wane_json *value = wane_json_get(s->root, key->name);
    double *to = member(out, key);
    size_t number = (size_t)key->absent;
    if (value) {
        wane_status st = wane_config_take_size(s, value, key->name, &number);
        if (st != WANE_OK) return st;
    }
    *to = 1 / sqrt((double)number);
    return WANE_OK;
}

/* The whole number again. */
static double whole_of(const wane_config *config, const wane_config_key *key)
{
    double root = *(const double *)value_of(config, key);
    return round(1 / (root * root));
}

static void print_inverse_root(wane_text *out, const wane_config *config,
                               const wane_config_key *key, wane_config_form form)
{
    (void)form;
    wane_text_printf(out, "%.0f", whole_of(config, key));
}

static bool inverse_root_at_default(const wane_config *config, const wane_config_key *key)
{
    return whole_of(config, key) == key->absent;
}

const wane_config_type wane_config_inverse_root = {read_inverse_root, print_inverse_root,
                                                   numbers_equal, inverse_root_at_default};

/* ----------------------------------------------------------------------------------------- flag */

static wane_status read_flag(wane_config *out, const wane_config_key *key,
                             const wane_config_source *s)
{
    const wane_json *value = wane_json_get(s->root, key->name);
    bool *to = member(out, key);
    *to = !value && key->absent != 0;
    if (!wane_config_given(value) && (!value || key->absent == 0)) return WANE_OK;
    if (wane_json_kind_of(value) != WANE_JSON_BOOL)
        return wane_config_refuse(s, key->name, "is no true or false");
    *to = wane_json_bool(value, false);
    return WANE_OK;
}

static void print_flag(wane_text *out, const wane_config *config, const wane_config_key *key,
                       wane_config_form form)
{
    bool flag = *(const bool *)value_of(config, key);
    if (form == WANE_FORM_HASHED) wane_text_printf(out, "%d", flag);
    else wane_text_string(out, flag ? "true" : "false");
}

static bool flags_equal(const wane_config *a, const wane_config *b, const wane_config_key *key)
{
    return *(const bool *)value_of(a, key) == *(const bool *)value_of(b, key);
}

static bool flag_at_default(const wane_config *config, const wane_config_key *key)
{
    return *(const bool *)value_of(config, key) == (key->absent != 0);
}

const wane_config_type wane_config_flag = {read_flag, print_flag, flags_equal, flag_at_default};

/* ---------------------------------------------------------------------------------------- token */

static wane_status read_token(wane_config *out, const wane_config_key *key,
                              const wane_config_source *s)
{
    const wane_json *value = wane_json_get(s->root, key->name);
    int32_t *to = member(out, key);
    int64_t id = 0;
    *to = value ? -1 : (int32_t)key->absent;
    if (wane_json_kind_of(value) == WANE_JSON_ARRAY) value = wane_json_at(value, 0);
    if (!wane_config_given(value)) return WANE_OK;
    if (!wane_json_integer(&id, value) || id < -1 || id > INT32_MAX)
        return wane_config_refuse(s, key->name, "is no token id");
    *to = (int32_t)id;
    return WANE_OK;
}

static void print_token(wane_text *out, const wane_config *config, const wane_config_key *key,
                        wane_config_form form)
{
    int32_t id = *(const int32_t *)value_of(config, key);
    if (id < 0 && form != WANE_FORM_HASHED) wane_text_string(out, "null");
    else wane_text_printf(out, "%" PRId32, id);
}

static bool tokens_equal(const wane_config *a, const wane_config *b, const wane_config_key *key)
{
    return *(const int32_t *)value_of(a, key) == *(const int32_t *)value_of(b, key);
}

static bool token_at_default(const wane_config *config, const wane_config_key *key)
{
    return *(const int32_t *)value_of(config, key) == (int32_t)key->absent;
}

const wane_config_type wane_config_token = {read_token, print_token, tokens_equal,
                                            token_at_default};

/* ----------------------------------------------------------------------------------- activation */

/* transformers' names; the first of a kind is the one that is written. */
static const struct {
    const char *name;
    wane_activation_kind kind;
} activations[] = {
    {"silu", WANE_ACTIVATION_SILU},          {"swish", WANE_ACTIVATION_SILU},
    {"gelu", WANE_ACTIVATION_GELU},          {"gelu_pytorch_tanh", WANE_ACTIVATION_GELU_TANH},
    {"gelu_new", WANE_ACTIVATION_GELU_TANH}, {"gelu_fast", WANE_ACTIVATION_GELU_TANH},
    {"relu", WANE_ACTIVATION_RELU},
};
enum { ACTIVATIONS = sizeof activations / sizeof *activations };

static wane_status read_activation(wane_config *out, const wane_config_key *key,
                                   const wane_config_source *s)
{
    const wane_json *value = wane_json_get(s->root, key->name);
    const char *name = wane_json_string(value, NULL);
    wane_activation_kind *to = member(out, key);
    *to = (wane_activation_kind)key->absent;
    for (size_t i = 0; i < ACTIVATIONS && name; i++)
        if (strcmp(activations[i].name, name) == 0) {
            *to = activations[i].kind;
            return WANE_OK;
        }
    if (!value) return WANE_OK;
    if (!name) return wane_config_refuse(s, key->name, "is no name of an activation");
    return wane_fail(s->err, WANE_EFORMAT,
                     "model configuration: %s: %s: \"%.64s\" is not supported (silu, gelu, "
                     "gelu_pytorch_tanh and relu are)",
                     s->name, key->name, name);
}

static void print_activation(wane_text *out, const wane_config *config, const wane_config_key *key,
                             wane_config_form form)
{
    wane_activation_kind kind = *(const wane_activation_kind *)value_of(config, key);
    size_t i = 0;
    while (activations[i].kind != kind) i++;
    wane_text_printf(out, form == WANE_FORM_HASHED ? "%s" : "\"%s\"", activations[i].name);
}

static bool activations_equal(const wane_config *a, const wane_config *b,
                              const wane_config_key *key)
{
    return *(const wane_activation_kind *)value_of(a, key) ==
           *(const wane_activation_kind *)value_of(b, key);
}

static bool activation_at_default(const wane_config *config, const wane_config_key *key)
{
    return *(const wane_activation_kind *)value_of(config, key) ==
           (wane_activation_kind)key->absent;
}

const wane_config_type wane_config_activation = {read_activation, print_activation,
                                                 activations_equal, activation_at_default};

/* ---------------------------------------------------------------------------------- layer types */

static wane_status read_layer_types(wane_config *out, const wane_config_key *key,
                                    const wane_config_source *s)
{
    static const char *const names[] = {"full_attention", "sliding_attention"};
    const wane_json *list = wane_json_get(s->root, key->name);
    wane_layer_set *to = member(out, key);
    *to = (wane_layer_set){{0}};
    if (!wane_config_given(list)) return WANE_OK;
    if (wane_json_kind_of(list) != WANE_JSON_ARRAY || wane_json_size(list) != out->layers)
        return wane_config_refuse(s, key->name, "is no list of a name for each layer");
    for (size_t i = 0; i < out->layers; i++) {
        const char *name = wane_json_string(wane_json_at(list, i), NULL);
        bool window = name && strcmp(name, names[1]) == 0;
        if (!window && !(name && strcmp(name, names[0]) == 0))
            return wane_fail(s->err, WANE_EFORMAT,
                             "model configuration: %s: %s: \"%.64s\" is not supported (%s and %s "
                             "are)",
                             s->name, key->name, name ? name : "?", names[0], names[1]);
        if (window && i >= WANE_LAYER_SET)
            return wane_config_refuse(s, key->name, "names more layers than are told apart");
        if (window) wane_layer_add(to, i);
    }
    return WANE_OK;
}

static void print_layer_types(wane_text *out, const wane_config *config, const wane_config_key *key,
                              wane_config_form form)
{
    const wane_layer_set *set = value_of(config, key);
    (void)form;
    for (size_t i = 0; i < config->layers; i++)
        wane_text_printf(out, "%s\"%s_attention\"", i ? ", " : "[",
                         wane_layer_in(set, i) ? "sliding" : "full");
    wane_text_string(out, "]");
}

static bool layer_types_equal(const wane_config *a, const wane_config *b,
                              const wane_config_key *key)
{
    return memcmp(value_of(a, key), value_of(b, key), sizeof(wane_layer_set)) == 0;
}

static bool layer_types_at_default(const wane_config *config, const wane_config_key *key)
{
    static const wane_layer_set none;
    return memcmp(value_of(config, key), &none, sizeof none) == 0;
}

const wane_config_type wane_config_layer_types = {read_layer_types, print_layer_types,
                                                  layer_types_equal, layer_types_at_default};

/* ---------------------------------------------------------------------------------------- fixed */

static wane_status read_fixed(wane_config *out, const wane_config_key *key,
                              const wane_config_source *s)
{
    const wane_json *value = wane_json_get(s->root, key->name);
    bool is_bool = wane_json_kind_of(value) == WANE_JSON_BOOL;
    double number = is_bool && wane_json_bool(value, false) ? 1 : 0;
    char cause[64];
    (void)out;
    if (!wane_config_given(value)) return WANE_OK;
    if ((is_bool || wane_json_number(&number, value)) && number == key->absent) return WANE_OK;
    if (is_bool)
        return wane_config_refuse(s, key->name,
                                  number == 1 ? "other than false is not supported"
                                              : "other than true is not supported");
    (void)snprintf(cause, sizeof cause, "other than %g is not supported", key->absent);
    return wane_config_refuse(s, key->name, cause);
}

void wane_config_print_nothing(wane_text *out, const wane_config *config,
                               const wane_config_key *key, wane_config_form form)
{
    (void)out;
    (void)config;
    (void)key;
    (void)form;
}

bool wane_config_always_equal(const wane_config *a, const wane_config *b,
                              const wane_config_key *key)
{
    (void)a;
    (void)b;
    (void)key;
    return true;
}

bool wane_config_always_at_default(const wane_config *config, const wane_config_key *key)
{
    (void)config;
    (void)key;
    return true;
}

const wane_config_type wane_config_fixed = {
    read_fixed, wane_config_print_nothing, wane_config_always_equal, wane_config_always_at_default};

const wane_config_type wane_config_not_applied = {
    NULL, wane_config_print_nothing, wane_config_always_equal, wane_config_always_at_default};

/* ------------------------------------------------------------------------------------ the table */

const wane_config_key *wane_config_key_named(const wane_architecture *a, const char *name)
{
    for (size_t i = 0; i < a->key_count; i++)
        if (strcmp(a->keys[i].name, name) == 0) return &a->keys[i];
    return NULL;
}

const char *wane_config_key_of(const wane_config *config, size_t offset, const char *fallback)
{
    const wane_architecture *a = config->architecture;
    for (size_t i = 0; i < a->key_count; i++)
        if (a->keys[i].offset == offset) return a->keys[i].name;
    return fallback;
}

size_t wane_config_key_size(const wane_config *config, const wane_config_key *key)
{
    if (key->type == &wane_config_flag) return *(const bool *)value_of(config, key);
    return *(const size_t *)value_of(config, key);
}

/* ------------------------------------------------------------- what is asked of a configuration */

bool wane_layer_in(const wane_layer_set *set, size_t layer)
{
    return layer < WANE_LAYER_SET && (set->bits[layer / 64] >> layer % 64 & 1);
}

void wane_layer_add(wane_layer_set *set, size_t layer)
{
    assert(layer < WANE_LAYER_SET);
    set->bits[layer / 64] |= (uint64_t)1 << layer % 64;
}

wane_layer_shape wane_config_layer(const wane_config *config, size_t layer)
{
    const wane_block *b = &config->block;
    bool windowed = b->window && wane_layer_in(&b->windowed, layer);
    const wane_rope *rope =
        windowed && config->local_rope.theta > 0 ? &config->local_rope : &config->rope;
    return (wane_layer_shape){
        .window = windowed ? b->window : 0,
        .rope = rope->theta > 0 && !wane_layer_in(&b->unturned, layer) ? rope : NULL};
}

int32_t wane_config_pad(const wane_config *config)
{
    const char *key = wane_config_key_of(config, offsetof(wane_config, pad), NULL);
    return key ? config->pad : -1;
}

bool wane_config_untied(const wane_config *config)
{
    return !config->tied;
}

bool wane_config_attention_bias(const wane_config *config)
{
    return config->attention_bias;
}

bool wane_config_mlp_bias(const wane_config *config)
{
    return config->mlp_bias;
}
