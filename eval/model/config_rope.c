/* SPDX-License-Identifier: Apache-2.0
 * Rotary positions in config.json, wherever transformers 4 and 5 write them, read and written.
 */
#include <string.h>

#include "eval/model/architecture.h"

/* A member of the rotary parameters; it must be there. */
static wane_status read_rope_number(const wane_config_source *s, const wane_json *object,
                                    const char *key, double *out)
{
    const wane_json *value = wane_json_get(object, key);
    return value ? wane_config_take_positive(s, value, key, out)
                 : wane_config_refuse(s, key, "is missing");
}

/* A key beside the rotary parameters, as Phi-3 writes it, counts before the one among them. */
static wane_status read_original_context(const wane_config_source *s, const wane_json *object,
                                         size_t context, size_t *out)
{
    static const char key[] = "original_max_position_embeddings";
    const wane_json *value = wane_json_get(s->root, key);
    if (!value) value = wane_json_get(object, key);
    *out = context;
    return value ? wane_config_take_size(s, value, key, out) : WANE_OK;
}

static wane_status read_llama3(const wane_config_source *s, const wane_json *object, size_t context,
                               wane_rope *out)
{
    wane_status st = WANE_OK;
    out->llama3 = true;
    WANE_TRY(read_rope_number(s, object, "factor", &out->factor));
    WANE_TRY(read_rope_number(s, object, "low_freq_factor", &out->low_frequency_factor));
    WANE_TRY(read_rope_number(s, object, "high_freq_factor", &out->high_frequency_factor));
    WANE_TRY(read_original_context(s, object, context, &out->original_context));
    if (out->high_frequency_factor <= out->low_frequency_factor)
        return wane_config_refuse(s, "high_freq_factor", "is not above low_freq_factor");
done:
    return st;
}

/* Rotary parameters: `object` (NULL: none) is what config.json calls `key`. */
static wane_status read_rope_parameters(const wane_config_source *s, const wane_json *object,
                                        const char *key, const wane_config *c, double absent,
                                        wane_rope *out)
{
    wane_status st = WANE_OK;
    const wane_json *theta = wane_json_get(object, "rope_theta");
    const wane_json *type = wane_json_get(object, "rope_type");
    const wane_json *part = wane_json_get(object, "partial_rotary_factor");
    double factor = 1;
    *out = (wane_rope){.theta = absent};
    if (!theta) theta = wane_json_get(s->root, "rope_theta");
    if (theta) WANE_TRY(wane_config_take_positive(s, theta, "rope_theta", &out->theta));
    if (wane_config_given(part) && (!wane_json_number(&factor, part) || factor != 1))
        return wane_config_refuse(s, "partial_rotary_factor", "other than 1 is not supported");
    if (!type) type = wane_json_get(object, "type");
    if (!type) return WANE_OK;
    const char *name = wane_json_string(type, NULL);
    if (!name) return wane_config_refuse(s, key, "its type is no name");
    if (strcmp(name, "default") == 0) return WANE_OK;
    if (strcmp(name, "llama3") == 0) return read_llama3(s, object, c->context, out);
    if (strcmp(name, "linear") == 0) {
        WANE_TRY(read_rope_number(s, object, "factor", &factor));
        if (factor == 1) return WANE_OK;
        return wane_config_refuse(s, key,
                                  "type \"linear\" with a factor other than 1 is not supported");
    }
    st = wane_fail(s->err, WANE_EFORMAT,
                   "model configuration: %s: %s: type \"%.64s\" is not supported (default, llama3 "
                   "and linear with factor 1 are)",
                   s->name, key, name);
done:
    return st;
}

/* theta apart. */
static bool same_scaling(const wane_rope *a, const wane_rope *b)
{
    return a->llama3 == b->llama3 && a->factor == b->factor &&
           a->low_frequency_factor == b->low_frequency_factor &&
           a->high_frequency_factor == b->high_frequency_factor &&
           a->original_context == b->original_context;
}

/* rope_scaling counts before rope_parameters, unless Python takes it for false; either may hold
 * rope_theta, or leave it to the key beside. Parameters per layer type ({"full_attention": {...}})
 * are read by other families alone, so they must say what the rest says. */
static wane_status read_rope(wane_config *c, const wane_config_key *of, const wane_config_source *s)
{
    wane_status st = WANE_OK;
    wane_rope *out = &c->rope;
    const char *key = "rope_scaling";
    const wane_json *object = wane_json_get(s->root, key);
    if (!wane_json_truth(object)) object = wane_json_get(s->root, key = "rope_parameters");
    if (!wane_json_truth(object)) object = NULL;
    if (object && wane_json_kind_of(object) != WANE_JSON_OBJECT)
        return wane_config_refuse(s, key, "is no object");
    WANE_TRY(read_rope_parameters(s, object, key, c, of->absent, out));
    for (size_t i = 0; i < wane_json_size(object); i++) {
        const char *name = NULL;
        const wane_json *member = wane_json_member(object, i, &name);
        wane_rope nested;
        if (wane_json_kind_of(member) != WANE_JSON_OBJECT) continue;
        WANE_TRY(read_rope_parameters(s, member, key, c, of->absent, &nested));
        if (out->theta != nested.theta || !same_scaling(out, &nested))
            return wane_fail(s->err, WANE_EFORMAT,
                             "model configuration: %s: %s: \"%.64s\" has parameters of its own, "
                             "which is not supported",
                             s->name, key, name);
    }
done:
    return st;
}

static void print_theta(wane_text *out, const wane_config *config, const wane_config_key *key,
                        wane_config_form form)
{
    (void)key;
    wane_config_print_number(out, config->rope.theta, form);
}

static bool thetas_equal(const wane_config *a, const wane_config *b, const wane_config_key *key)
{
    (void)key;
    return a->rope.theta == b->rope.theta;
}

static bool theta_at_default(const wane_config *config, const wane_config_key *key)
{
    return config->rope.theta == key->absent;
}

const wane_config_type wane_config_rope_theta = {read_rope, print_theta, thetas_equal,
                                                 theta_at_default};

static void print_scaling(wane_text *out, const wane_config *config, const wane_config_key *key,
                          wane_config_form form)
{
    const wane_rope *rope = &config->rope;
    char factor[32], low[32], high[32];
    (void)key;
    if (!rope->llama3) {
        if (form != WANE_FORM_HASHED) wane_text_string(out, "null");
    } else if (form == WANE_FORM_HASHED)
        wane_text_printf(out, "llama3 factor=%.17g low=%.17g high=%.17g context=%zu", rope->factor,
                         rope->low_frequency_factor, rope->high_frequency_factor,
                         rope->original_context);
    else
        wane_text_printf(out,
                         "{\"rope_type\": \"llama3\", \"factor\": %s, \"low_freq_factor\": %s, "
                         "\"high_freq_factor\": %s, \"original_max_position_embeddings\": %zu}",
                         wane_format_double(factor, rope->factor),
                         wane_format_double(low, rope->low_frequency_factor),
                         wane_format_double(high, rope->high_frequency_factor),
                         rope->original_context);
}

static bool scalings_equal(const wane_config *a, const wane_config *b, const wane_config_key *key)
{
    (void)key;
    return same_scaling(&a->rope, &b->rope);
}

static bool scaling_at_default(const wane_config *config, const wane_config_key *key)
{
    (void)key;
    return !config->rope.llama3;
}

const wane_config_type wane_config_rope_scaling = {NULL, print_scaling, scalings_equal,
                                                   scaling_at_default};
