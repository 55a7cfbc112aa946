/* SPDX-License-Identifier: Apache-2.0
 * config.json of every architecture of the list, read and written by the table of its keys.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/model/architecture.h"
#include "eval/model/model_internal.h"
#include "eval/model/rope_kinds.h"
#include "store/base/memory.h"

/* Keys of other families and of variants that change what a model computes, and the value at which
 * they change nothing; null never does. */
typedef enum neutral { ONLY_NULL, FALSE_, TRUE_, ZERO, ONE } neutral;

static const struct {
    const char *key;
    neutral at;
} foreign[] = {
    {"quantization_config", ONLY_NULL},
    {"quantization", ONLY_NULL},
    {"compression_config", ONLY_NULL},
    {"per_layer_config", ONLY_NULL},
    {"attention_chunk_size", ONLY_NULL},
    {"attention_multiplier", ONLY_NULL},
    {"attn_logit_softcapping", ONLY_NULL},
    {"clip_qkv", ONLY_NULL},
    {"dim_model_base", ONLY_NULL},
    {"final_logit_softcapping", ONLY_NULL},
    {"no_rope_layer_interval", ONLY_NULL},
    {"no_rope_layers", ONLY_NULL},
    {"query_pre_attn_scalar", ONLY_NULL},
    {"scale_depth", ONLY_NULL},
    {"add_cross_attention", FALSE_},
    {"qk_layernorm", FALSE_},
    {"rope_interleaved", FALSE_},
    {"use_bidirectional_attention", FALSE_},
    {"use_parallel_residual", FALSE_},
    {"use_qk_norm", FALSE_},
    {"is_causal", TRUE_},
    {"attention_dropout", ZERO},
    {"embedding_multiplier", ONE},
    {"logit_scale", ONE},
    {"logits_scaling", ONE},
    {"partial_rotary_factor", ONE},
    {"residual_multiplier", ONE},
    {"rotary_pct", ONE},
    {"scale_emb", ONE},
};

/* Those that the architecture reads are its own. */
static wane_status refuse_foreign_keys(const wane_config_source *s, const wane_architecture *a)
{
    static const char *const causes[] = {
        "is not supported", "other than false is not supported", "other than true is not supported",
        "other than 0 is not supported", "other than 1 is not supported"};
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        const wane_json *value = wane_json_get(s->root, foreign[i].key);
        double number = 0;
        if (!wane_config_given(value) || wane_config_key_named(a, foreign[i].key)) continue;
        bool is_bool = wane_json_kind_of(value) == WANE_JSON_BOOL;
        bool is_number = wane_json_number(&number, value);
        bool kept = (foreign[i].at == FALSE_ && is_bool && !wane_json_bool(value, true)) ||
                    (foreign[i].at == TRUE_ && is_bool && wane_json_bool(value, false)) ||
                    (foreign[i].at == ZERO && is_number && number == 0) ||
                    (foreign[i].at == ONE && is_number && number == 1);
        if (!kept) return wane_config_refuse(s, foreign[i].key, causes[foreign[i].at]);
    }
    return WANE_OK;
}

/* Every layer looks at all that is before: a window that is switched off is none. */
static wane_status refuse_windows(const wane_config_source *s, const wane_architecture *a)
{
    if (wane_config_key_named(a, "sliding_window") || wane_config_key_named(a, "layer_types"))
        return WANE_OK;
    const wane_json *types = wane_json_get(s->root, "layer_types");
    const wane_json *use = wane_json_get(s->root, "use_sliding_window");
    bool off = wane_json_kind_of(use) == WANE_JSON_BOOL && !wane_json_bool(use, true);
    if (wane_config_given(wane_json_get(s->root, "sliding_window")) && !off)
        return wane_config_refuse(s, "sliding_window", "is not supported");
    if (wane_config_given(types) && wane_json_kind_of(types) != WANE_JSON_ARRAY)
        return wane_config_refuse(s, "layer_types", "is no array");
    for (size_t i = 0; i < wane_json_size(types); i++) {
        const char *name = wane_json_string(wane_json_at(types, i), NULL);
        if (!name || strcmp(name, "full_attention") != 0)
            return wane_fail(s->err, WANE_EFORMAT,
                             "model configuration: %s: layer_types: \"%.64s\" is not supported "
                             "(full_attention is)",
                             s->name, name ? name : "?");
    }
    return WANE_OK;
}

static wane_status unknown_architecture(const wane_config_source *s, const char *type)
{
    enum { MOST = 64 };
    const char *names[MOST] = {NULL};
    char list[256];
    size_t count = 0;
    const wane_architecture *a = NULL;
    for (size_t i = 0; count + 2 < MOST && (a = wane_architecture_at(i)) != NULL; i++) {
        names[count++] = a->name;
        if (a->within) names[count++] = a->within->name;
    }
    return wane_fail(s->err, WANE_EFORMAT,
                     "model configuration: %s: model_type: \"%.64s\" is not supported (%s %s)",
                     s->name, type, wane_config_say_list(list, names), count == 1 ? "is" : "are");
}

static wane_status refuse_other_classes(const wane_config_source *s, const char *const *known)
{
    const wane_json *classes = wane_json_get(s->root, "architectures");
    for (size_t i = 0; i < wane_json_size(classes); i++) {
        const char *name = wane_json_string(wane_json_at(classes, i), NULL);
        bool found = false;
        for (size_t k = 0; name && known[k]; k++) found = found || strcmp(name, known[k]) == 0;
        if (!found)
            return wane_fail(s->err, WANE_EFORMAT,
                             "model configuration: %s: architectures: \"%.64s\" is "
                             "not supported (%s is)",
                             s->name, name ? name : "?", known[0]);
    }
    return WANE_OK;
}

/* What this engine does not compute is refused by name rather than computed as something else. */
static wane_status refuse_foreign(const wane_config_source *s, const wane_architecture *a)
{
    wane_status st = WANE_OK;
    WANE_TRY(refuse_foreign_keys(s, a));
    WANE_TRY(refuse_windows(s, a));
    WANE_TRY(refuse_other_classes(s, a->classes));
done:
    return st;
}

/* Sizes that follow from others where they are not given. */
static wane_status complete(wane_config *c, const wane_config_source *s)
{
    if (c->kv_heads == 0) c->kv_heads = c->heads;
    if (c->head_width > 0) return WANE_OK;
    if (c->width % c->heads != 0) {
        char cause[96];
        (void)snprintf(cause, sizeof cause, "does not divide %s",
                       wane_config_key_of(c, offsetof(wane_config, width), "width"));
        return wane_config_refuse(s, wane_config_key_of(c, offsetof(wane_config, heads), "heads"),
                                  cause);
    }
    c->head_width = c->width / c->heads;
    return WANE_OK;
}

static wane_status read_family(wane_config *c, const wane_architecture *a,
                               const wane_config_source *s)
{
    wane_status st = WANE_OK;
    c->architecture = a;
    c->block = a->block;
    WANE_TRY(refuse_foreign(s, a));
    for (size_t i = 0; i < a->key_count; i++)
        if (a->keys[i].type->read) WANE_TRY(a->keys[i].type->read(c, &a->keys[i], s));
    WANE_TRY(complete(c, s));
    if (a->settle) WANE_TRY(a->settle(c, s));
    WANE_TRY(wane_rope_check(c, s));
done:
    return st;
}

/* The text model of one of more than text. Whether its head is its embedding is said outside. */
static wane_status read_within(wane_config *c, const wane_architecture *a,
                               const wane_config_source *s)
{
    wane_status st = WANE_OK;
    const wane_json *text = wane_json_get(s->root, "text_config");
    const wane_json *tied = wane_json_get(s->root, "tie_word_embeddings");
    const wane_config_source within = {text, s->name, s->err};
    if (wane_json_kind_of(text) != WANE_JSON_OBJECT)
        return wane_config_refuse(s, "text_config", "is no object");
    const char *type = wane_json_string(wane_json_get(text, "model_type"), NULL);
    if (type && strcmp(type, a->name) != 0)
        return wane_config_refuse(s, "text_config", "has another model_type than its family");
    WANE_TRY(refuse_foreign_keys(s, a));
    WANE_TRY(refuse_other_classes(s, a->within->classes));
    WANE_TRY(read_family(c, a, &within));
    if (wane_json_bool(tied, true) != c->tied)
        return wane_config_refuse(s, "tie_word_embeddings", "differs from that of text_config");
done:
    return st;
}

static wane_status read_all(wane_config *c, const wane_architecture *a, const wane_config_source *s)
{
    if (wane_json_kind_of(s->root) != WANE_JSON_OBJECT)
        return wane_fail(s->err, WANE_EFORMAT, "model configuration: %s: is no JSON object",
                         s->name);
    const char *type = wane_json_string(wane_json_get(s->root, "model_type"), NULL);
    if (!type) return wane_config_refuse(s, "model_type", "is missing");
    if (!a) a = wane_architecture_named(type);
    if (a) return read_family(c, a, s);
    a = wane_architecture_within(type);
    return a ? read_within(c, a, s) : unknown_architecture(s, type);
}

wane_status wane_config_parse_as(wane_config *out, const wane_architecture *architecture,
                                 const char *bytes, size_t count, const char *name, wane_error *err)
{
    wane_json *root = NULL;
    wane_config config = {0};
    wane_status st = wane_json_parse(&root, bytes, count, name, err);
    if (st != WANE_OK) return st;
    const wane_config_source source = {root, name, err};
    wane_parameters checked = {0};
    WANE_TRY(read_all(&config, architecture, &source));
    /* Sizes that do not fit together show when the table is planned. */
    WANE_TRY(wane_parameters_plan(&checked, &config, err));
    *out = config;
done:
    wane_parameters_free(&checked);
    wane_json_free(root);
    return st;
}

wane_status wane_config_parse(wane_config *out, const char *bytes, size_t count, const char *name,
                              wane_error *err)
{
    return wane_config_parse_as(out, NULL, bytes, count, name, err);
}

/* -------------------------------------------------------------------------------------- writing */

static int by_name(const void *left, const void *right)
{
    return strcmp(((const wane_config_key *)left)->name, ((const wane_config_key *)right)->name);
}

/* What every file has beside the architecture's keys. */
static void print_constant(wane_text *out, const wane_config *config, const wane_config_key *key,
                           wane_config_form form)
{
    (void)form;
    bool classes = strcmp(key->name, "architectures") == 0;
    const char *value = classes                                ? config->architecture->classes[0]
                        : strcmp(key->name, "model_type") == 0 ? config->architecture->name
                                                               : "float32";
    wane_text_printf(out, classes ? "[\"%s\"]" : "\"%s\"", value);
}

/* Keys in the order of their names. */
wane_status wane_config_write(wane_text *text, const wane_config *c, wane_error *err)
{
    static const wane_config_type constant = {.print = print_constant};
    static const wane_config_key always[] = {{.name = "architectures", .type = &constant},
                                             {.name = "model_type", .type = &constant},
                                             {.name = "torch_dtype", .type = &constant}};
    const wane_architecture *a = c->architecture;
    size_t extra = sizeof always / sizeof *always, count = a->key_count + extra;
    wane_config_key *keys = wane_alloc(count, sizeof *keys);
    if (!keys) return wane_fail_memory(err, "save model", "config.json");
    memcpy(keys, always, sizeof always);
    memcpy(keys + extra, a->keys, a->key_count * sizeof *keys);
    qsort(keys, count, sizeof *keys, by_name);
    wane_text value = {0};
    for (size_t i = 0; i < count; i++) {
        wane_text_clear(&value);
        keys[i].type->print(&value, c, &keys[i], WANE_FORM_FILE);
        if (value.failed) text->failed = true;
        if (value.length)
            wane_text_printf(text, "%s  \"%s\": %s", text->length ? ",\n" : "{\n", keys[i].name,
                             value.data);
    }
    wane_text_string(text, "\n}\n");
    wane_text_free(&value);
    wane_free(keys);
    return WANE_OK;
}
