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

/* The architecture's key of that kind at that member, or NULL. */
static const wane_config_key *key_at(const wane_architecture *a, const wane_config_type *type,
                                     size_t offset)
{
    for (size_t i = 0; i < a->key_count; i++)
        if (a->keys[i].type == type && a->keys[i].offset == offset) return &a->keys[i];
    return NULL;
}

static bool has_parts(const wane_config *c)
{
    return key_at(c->architecture, &wane_config_rope_part, offsetof(wane_config, rope.width));
}

/* Rotary parameters: `object` (NULL: none) is what config.json calls `key`; theta may stand beside
 * it under the name of the entry `of`. */
static wane_status read_rope_parameters(const wane_config_source *s, const wane_json *object,
                                        const char *key, const wane_config *c,
                                        const wane_config_key *of, wane_rope *out)
{
    wane_status st = WANE_OK;
    const wane_json *theta = wane_json_get(object, "rope_theta");
    const wane_json *type = wane_json_get(object, "rope_type");
    const wane_json *part = wane_json_get(object, "partial_rotary_factor");
    double factor = 1;
    *out = (wane_rope){.theta = of->absent};
    if (!theta) theta = wane_json_get(s->root, of->name);
    if (theta) WANE_TRY(wane_config_take_positive(s, theta, of->name, &out->theta));
    if (wane_config_given(part) && !has_parts(c) &&
        (!wane_json_number(&factor, part) || factor != 1))
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
 * rope_theta, or leave it to the key beside. NULL: neither is there. */
static wane_status find_object(const wane_json **out, const char **key, const wane_config_source *s)
{
    *key = "rope_scaling";
    *out = wane_json_get(s->root, *key);
    if (!wane_json_truth(*out)) *out = wane_json_get(s->root, *key = "rope_parameters");
    if (!wane_json_truth(*out)) *out = NULL;
    if (*out && wane_json_kind_of(*out) != WANE_JSON_OBJECT)
        return wane_config_refuse(s, *key, "is no object");
    return WANE_OK;
}

/* Parameters per kind of layer ({"full_attention": {...}}) are those of architectures that have
 * local_rope too; of others they must say what the rest says. Scaling that is not told apart is the
 * other layers'. */
static wane_status read_rope(wane_config *c, const wane_config_key *of, const wane_config_source *s)
{
    wane_status st = WANE_OK;
    const size_t local = offsetof(wane_config, local_rope.theta);
    wane_rope *out = of->offset == local ? &c->local_rope : &c->rope, nested;
    const char *key = NULL, *name = NULL;
    const wane_json *object = NULL;
    WANE_TRY(find_object(&object, &key, s));
    bool apart = key_at(c->architecture, &wane_config_rope_theta, local);
    if (apart) {
        const wane_json *own =
            wane_json_get(object, of->offset == local ? "sliding_attention" : "full_attention");
        if (wane_json_kind_of(own) == WANE_JSON_OBJECT) object = own;
        else if (of->offset == local) object = NULL;
    }
    WANE_TRY(read_rope_parameters(s, object, key, c, of, out));
    for (size_t i = 0; i < wane_json_size(object) && !apart; i++) {
        const wane_json *member = wane_json_member(object, i, &name);
        if (wane_json_kind_of(member) != WANE_JSON_OBJECT) continue;
        WANE_TRY(read_rope_parameters(s, member, key, c, of, &nested));
        if (out->theta != nested.theta || !same_scaling(out, &nested))
            return wane_fail(s->err, WANE_EFORMAT,
                             "model configuration: %s: %s: \"%.64s\" has parameters of its own, "
                             "which is not supported",
                             s->name, key, name);
    }
done:
    return st;
}

/* The theta at the entry's member. */
static double theta_of(const wane_config *config, const wane_config_key *key)
{
    return key->offset == offsetof(wane_config, local_rope.theta) ? config->local_rope.theta
                                                                  : config->rope.theta;
}

static void print_theta(wane_text *out, const wane_config *config, const wane_config_key *key,
                        wane_config_form form)
{
    wane_config_print_number(out, theta_of(config, key), form);
}

static bool thetas_equal(const wane_config *a, const wane_config *b, const wane_config_key *key)
{
    return theta_of(a, key) == theta_of(b, key);
}

static bool theta_at_default(const wane_config *config, const wane_config_key *key)
{
    return theta_of(config, key) == key->absent;
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

/* -------------------------------------------------------------------------- a part of each head */

/* The share of a head that is turned, of a whole number of pairs as transformers rounds it. */
static wane_status read_part(wane_config *c, const wane_config_key *of, const wane_config_source *s)
{
    wane_status st = WANE_OK;
    const char *key = NULL;
    const wane_json *object = NULL;
    double part = of->absent;
    size_t head = c->head_width;
    WANE_TRY(find_object(&object, &key, s));
    const wane_json *value = wane_json_get(object, "partial_rotary_factor");
    if (!wane_config_given(value)) value = wane_json_get(s->root, of->name);
    if (wane_config_given(value)) WANE_TRY(wane_config_take_positive(s, value, of->name, &part));
    if (part > 1) return wane_config_refuse(s, of->name, "is more than 1");
    if (head == 0 && c->heads > 0) head = c->width / c->heads;
    c->rope.width = part == 1 ? 0 : (size_t)((double)head * part);
    if (part < 1 && c->rope.width == 0)
        return wane_config_refuse(s, of->name, "leaves nothing to turn");
done:
    return st;
}

static double part_of(const wane_config *config)
{
    return config->rope.width ? (double)config->rope.width / (double)config->head_width : 1;
}

static void print_part(wane_text *out, const wane_config *config, const wane_config_key *key,
                       wane_config_form form)
{
    (void)key;
    wane_config_print_number(out, part_of(config), form);
}

static bool parts_equal(const wane_config *a, const wane_config *b, const wane_config_key *key)
{
    (void)key;
    return part_of(a) == part_of(b);
}

static bool part_at_default(const wane_config *config, const wane_config_key *key)
{
    return part_of(config) == key->absent;
}

const wane_config_type wane_config_rope_part = {read_part, print_part, parts_equal,
                                                part_at_default};
