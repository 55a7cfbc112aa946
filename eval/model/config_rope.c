/* SPDX-License-Identifier: Apache-2.0
 * Rotary positions in config.json, wherever transformers 4 and 5 write them, read and written.
 */
#include <math.h>
#include <string.h>

#include "eval/model/architecture.h"
#include "eval/model/rope_kinds.h"

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

/* -------------------------------------------------------------------- the keys of a kind of
 * scaling */

static wane_status read_number(wane_rope *rope, const wane_rope_key *key, const wane_rope_source *s)
{
    const wane_json *value = wane_json_get(s->object, key->name);
    double *out = (double *)((char *)rope + key->offset);
    *out = key->absent;
    if (key->optional && !wane_config_given(value)) return WANE_OK;
    if (key->optional && key->absent != 0 && !wane_json_truth(value)) return WANE_OK;
    return value ? wane_config_take_positive(s->file, value, key->name, out)
                 : wane_config_refuse(s->file, key->name, "is missing");
}

/* A key beside the rotary parameters counts before the one among them, where these are not told
 * apart by kinds of layers; in families that have such a key, so does its default. */
static wane_status read_context(wane_rope *rope, const wane_rope_key *key,
                                const wane_rope_source *s, const wane_architecture *a)
{
    const wane_config_key *own = wane_config_key_named(a, key->name);
    const wane_json *value = wane_json_get(s->object, key->name);
    const wane_json *beside = wane_json_get(s->file->root, key->name);
    rope->original_context = s->context;
    if (s->object == s->around && beside) value = beside;
    else if (own) {
        rope->original_context = (size_t)own->absent;
        return WANE_OK;
    }
    return value ? wane_config_take_size(s->file, value, key->name, &rope->original_context)
                 : WANE_OK;
}

static wane_status read_factors(wane_rope *rope, const wane_rope_key *key,
                                const wane_rope_source *s)
{
    wane_status st = WANE_OK;
    const wane_json *list = wane_json_get(s->object, key->name);
    wane_rope_factors *out = (wane_rope_factors *)((char *)rope + key->offset);
    if (!list) return wane_config_refuse(s->file, key->name, "is missing");
    if (wane_json_kind_of(list) != WANE_JSON_ARRAY)
        return wane_config_refuse(s->file, key->name, "is no list of numbers");
    if (wane_json_size(list) > WANE_ROPE_PAIRS)
        return wane_config_refuse(s->file, key->name, "has more than 128 numbers");
    out->count = wane_json_size(list);
    for (size_t i = 0; i < out->count; i++)
        WANE_TRY(
            wane_config_take_positive(s->file, wane_json_at(list, i), key->name, &out->value[i]));
done:
    return st;
}

/* transformers looks for a flag in config.json's value, also where that holds parameters for each
 * kind of layer. */
static wane_status read_kind(wane_rope *rope, const wane_rope_source *s, const wane_architecture *a)
{
    wane_status st = WANE_OK;
    const wane_rope_kind *kind = rope->kind;
    for (size_t i = 0; i < kind->key_count; i++) {
        const wane_rope_key *key = &kind->keys[i];
        const wane_json *flag = wane_json_get(s->around, key->name);
        switch (key->value) {
        case WANE_ROPE_NUMBER: WANE_TRY(read_number(rope, key, s)); break;
        case WANE_ROPE_CONTEXT: WANE_TRY(read_context(rope, key, s, a)); break;
        case WANE_ROPE_FACTORS: WANE_TRY(read_factors(rope, key, s)); break;
        case WANE_ROPE_FLAG:
            *(bool *)((char *)rope + key->offset) = !flag || wane_json_truth(flag);
            break;
        }
    }
    if (kind->settle) WANE_TRY(kind->settle(rope, s));
done:
    return st;
}

static bool values_equal(const wane_rope_key *key, const wane_rope *a, const wane_rope *b)
{
    const char *one = (const char *)a + key->offset, *other = (const char *)b + key->offset;
    if (key->value == WANE_ROPE_NUMBER) return *(const double *)one == *(const double *)other;
    if (key->value == WANE_ROPE_CONTEXT) return *(const size_t *)one == *(const size_t *)other;
    if (key->value == WANE_ROPE_FLAG) return *(const bool *)one == *(const bool *)other;
    const wane_rope_factors *list = (const void *)one, *with = (const void *)other;
    bool equal = list->count == with->count;
    for (size_t i = 0; equal && i < list->count; i++) equal = list->value[i] == with->value[i];
    return equal;
}

/* theta apart. */
static bool same_scaling(const wane_rope *a, const wane_rope *b)
{
    bool same = a->kind == b->kind && a->original_context == b->original_context;
    for (size_t i = 0; same && a->kind && i < a->kind->key_count; i++)
        same = values_equal(&a->kind->keys[i], a, b);
    return same;
}

static void print_factors(wane_text *out, const wane_rope_factors *list, wane_config_form form)
{
    double sum = 0;
    for (size_t i = 0; i < list->count; i++) sum += list->value[i];
    if (form == WANE_FORM_SAID) {
        wane_text_printf(out, "\"%zu factors, sum %.17g\"", list->count, sum);
        return;
    }
    wane_text_string(out, "[");
    for (size_t i = 0; i < list->count; i++) {
        if (i) wane_text_string(out, ", ");
        wane_config_print_number(out, list->value[i], form);
    }
    wane_text_string(out, "]");
}

static void print_value(wane_text *out, const wane_rope *rope, const wane_rope_key *key,
                        wane_config_form form)
{
    const char *value = (const char *)rope + key->offset;
    switch (key->value) {
    case WANE_ROPE_NUMBER: wane_config_print_number(out, *(const double *)value, form); break;
    case WANE_ROPE_CONTEXT: wane_text_printf(out, "%zu", *(const size_t *)value); break;
    case WANE_ROPE_FLAG: wane_text_string(out, *(const bool *)value ? "true" : "false"); break;
    case WANE_ROPE_FACTORS: print_factors(out, (const wane_rope_factors *)value, form); break;
    }
}

/* --------------------------------------------------------------------------- theta and all the
 * rest */

static wane_status unknown_kind(const wane_config_source *s, const wane_architecture *a,
                                const char *key, const char *name)
{
    enum { MOST = 16 };
    const char *names[MOST] = {"default"};
    char list[256];
    size_t count = 1;
    if (a->rope_types)
        for (count = 0; count + 1 < MOST && a->rope_types[count].name; count++)
            names[count] = a->rope_types[count].name;
    else
        for (; count + 1 < MOST && wane_rope_kind_at(count - 1); count++)
            names[count] = wane_rope_kind_at(count - 1)->name;
    return wane_fail(s->err, WANE_EFORMAT,
                     "model configuration: %s: %s: type \"%.64s\" is not supported (%s are)",
                     s->name, key, name, wane_config_say_list(list, names));
}

/* The kind that a file's rope_type is in that family; false: none. */
static bool kind_of(const wane_rope_kind **out, const wane_architecture *a, const char *name)
{
    *out = NULL;
    for (size_t i = 0; a->rope_types && a->rope_types[i].name; i++)
        if (strcmp(a->rope_types[i].name, name) == 0) {
            *out = a->rope_types[i].kind;
            return true;
        }
    if (a->rope_types) return false;
    if (strcmp(name, "default") == 0) return true;
    for (size_t i = 0; wane_rope_kind_at(i); i++)
        if (strcmp(wane_rope_kind_at(i)->name, name) == 0) *out = wane_rope_kind_at(i);
    return *out != NULL;
}

/* Rotary parameters: s->object (NULL: none) stands in what config.json calls `key`; theta may stand
 * beside it under the name of the entry `of`. */
static wane_status read_rope_parameters(const wane_rope_source *from, const char *key,
                                        const wane_config *c, const wane_config_key *of,
                                        wane_rope *out)
{
    wane_status st = WANE_OK;
    const wane_config_source *s = from->file;
    const wane_json *theta = wane_json_get(from->object, "rope_theta");
    const wane_json *type = wane_json_get(from->object, "rope_type");
    const wane_json *part = wane_json_get(from->object, "partial_rotary_factor");
    double factor = 1;
    *out = (wane_rope){.theta = of->absent};
    if (!theta) theta = wane_json_get(s->root, of->name);
    if (theta) WANE_TRY(wane_config_take_positive(s, theta, of->name, &out->theta));
    if (wane_config_given(part) && !has_parts(c) &&
        (!wane_json_number(&factor, part) || factor != 1))
        return wane_config_refuse(s, "partial_rotary_factor", "other than 1 is not supported");
    if (!type) type = wane_json_get(from->object, "type");
    if (!type) return WANE_OK;
    const char *name = wane_json_string(type, NULL);
    if (!name) return wane_config_refuse(s, key, "its type is no name");
    if (!kind_of(&out->kind, c->architecture, name))
        return unknown_kind(s, c->architecture, key, name);
    if (out->kind) WANE_TRY(read_kind(out, from, c->architecture));
done:
    return st;
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

/* Of an architecture with local_rope: the object of the kind of layer in place of the one that was
 * found. Transformers leaves what is not told apart in rope_parameters aside, and mixes the two
 * keys. */
static wane_status find_apart(const wane_json **object, bool local, const wane_config_source *s)
{
    const wane_json *given = wane_json_get(s->root, "rope_parameters");
    const wane_json *full = wane_json_get(*object, "full_attention");
    const wane_json *sliding = wane_json_get(*object, "sliding_attention");
    const wane_json *own = local ? sliding : full;
    if (*object && *object != given && wane_json_truth(given))
        return wane_config_refuse(s, "rope_scaling", "stands beside rope_parameters");
    if (*object && *object == given && !full && !sliding)
        return wane_config_refuse(s, "rope_parameters",
                                  "has neither full_attention nor sliding_attention");
    if (wane_json_kind_of(own) == WANE_JSON_OBJECT) *object = own;
    else if (local) *object = NULL;
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
    const wane_json *around = object;
    bool apart = key_at(c->architecture, &wane_config_rope_theta, local);
    if (apart) WANE_TRY(find_apart(&object, of->offset == local, s));
    wane_rope_source from = {s, object, around, c->context};
    WANE_TRY(read_rope_parameters(&from, key, c, of, out));
    if (of->offset == local && out->kind)
        return wane_fail(s->err, WANE_EFORMAT,
                         "model configuration: %s: %s: type \"%s\" is not supported for "
                         "sliding_attention",
                         s->name, key, out->kind->name);
    for (size_t i = 0; i < wane_json_size(object) && !apart; i++) {
        const wane_json *member = wane_json_member(object, i, &name);
        if (wane_json_kind_of(member) != WANE_JSON_OBJECT) continue;
        from.object = from.around = member;
        WANE_TRY(read_rope_parameters(&from, key, c, of, &nested));
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
    const wane_rope_kind *kind = config->rope.kind;
    bool hashed = form == WANE_FORM_HASHED;
    (void)key;
    if (!kind) {
        if (!hashed) wane_text_string(out, "null");
        return;
    }
    wane_text_printf(out, hashed ? "%s" : "{\"rope_type\": \"%s\"", kind->name);
    for (size_t i = 0; i < kind->key_count; i++) {
        const wane_rope_key *one = &kind->keys[i];
        wane_text_printf(out, hashed ? " %s=" : ", \"%s\": ", hashed ? one->hashed : one->name);
        print_value(out, &config->rope, one, form);
    }
    if (!hashed) wane_text_string(out, "}");
}

static bool scalings_equal(const wane_config *a, const wane_config *b, const wane_config_key *key)
{
    (void)key;
    return same_scaling(&a->rope, &b->rope);
}

static bool scaling_at_default(const wane_config *config, const wane_config_key *key)
{
    (void)key;
    return !config->rope.kind;
}

const wane_config_type wane_config_rope_scaling = {NULL, print_scaling, scalings_equal,
                                                   scaling_at_default};

/* Some families have the context before scaling beside the rotary parameters too. All but writing
 * it there is done with these. */
static void print_original_context(wane_text *out, const wane_config *config,
                                   const wane_config_key *key, wane_config_form form)
{
    (void)key;
    if (form == WANE_FORM_FILE && config->rope.kind)
        wane_text_printf(out, "%zu", config->rope.original_context);
}

const wane_config_type wane_config_original_context = {
    NULL, print_original_context, wane_config_always_equal, wane_config_always_at_default};

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

/* The least that gives the same number again. */
static double part_of(const wane_config *config)
{
    double head = (double)config->head_width, part = (double)config->rope.width / head;
    if (config->rope.width == 0) return 1;
    while ((size_t)(head * part) < config->rope.width) part = nextafter(part, 2);
    return part;
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
