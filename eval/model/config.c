/* SPDX-License-Identifier: Apache-2.0
 * config.json of the Llama family, read and written.
 */
#include <math.h>
#include <string.h>

#include "eval/model/model.h"
#include "eval/model/model_internal.h"
#include "store/base/memory.h"
#include "store/files/json.h"

/* The object being read and what messages call it. */
typedef struct reader {
    const wane_json *root;
    const char *name;
    wane_error *err;
} reader;

static bool given(const wane_json *value)
{
    return wane_json_kind_of(value) != WANE_JSON_NULL;
}

static wane_status refuse(const reader *r, const char *key, const char *cause)
{
    return wane_fail(r->err, WANE_EFORMAT, "model configuration: %s: %s: %s", r->name, key, cause);
}

/* A whole number >= 1. */
static wane_status take_size(const reader *r, const wane_json *value, const char *key, size_t *out)
{
    int64_t number = 0;
    if (!wane_json_integer(&number, value) || number < 1 || number > INT32_MAX)
        return refuse(r, key, "is no whole number in 1..2147483647");
    *out = (size_t)number;
    return WANE_OK;
}

/* A positive number. */
static wane_status take_positive(const reader *r, const wane_json *value, const char *key,
                                 double *out)
{
    double number = 0;
    if (!wane_json_number(&number, value) || !(number > 0) || !isfinite(number))
        return refuse(r, key, "is no positive number");
    *out = number;
    return WANE_OK;
}

/* Where the key is absent the value is the fallback, which is transformers' default. */
static wane_status read_size(const reader *r, const char *key, size_t fallback, size_t *out)
{
    const wane_json *value = wane_json_get(r->root, key);
    *out = fallback;
    return value ? take_size(r, value, key, out) : WANE_OK;
}

/* The same of a key that may be null, which says what absence says. */
static wane_status read_optional_size(const reader *r, const char *key, size_t fallback,
                                      size_t *out)
{
    *out = fallback;
    return given(wane_json_get(r->root, key)) ? read_size(r, key, fallback, out) : WANE_OK;
}

static wane_status read_positive(const reader *r, const char *key, double fallback, double *out)
{
    const wane_json *value = wane_json_get(r->root, key);
    *out = fallback;
    return value ? take_positive(r, value, key, out) : WANE_OK;
}

static wane_status read_bool(const reader *r, const char *key, bool *out)
{
    const wane_json *value = wane_json_get(r->root, key);
    *out = false;
    if (!given(value)) return WANE_OK;
    if (wane_json_kind_of(value) != WANE_JSON_BOOL) return refuse(r, key, "is no true or false");
    *out = wane_json_bool(value, false);
    return WANE_OK;
}

/* A token id, null (none), or a list of ids (its first). */
static wane_status read_token(const reader *r, const char *key, int32_t absent, int32_t *out)
{
    const wane_json *value = wane_json_get(r->root, key);
    int64_t id = 0;
    *out = value ? -1 : absent;
    if (wane_json_kind_of(value) == WANE_JSON_ARRAY) value = wane_json_at(value, 0);
    if (!given(value)) return WANE_OK;
    if (!wane_json_integer(&id, value) || id < -1 || id > INT32_MAX)
        return refuse(r, key, "is no token id");
    *out = (int32_t)id;
    return WANE_OK;
}

/* A member of the rotary parameters; it must be there. */
static wane_status read_rope_number(const reader *r, const wane_json *object, const char *key,
                                    double *out)
{
    const wane_json *value = wane_json_get(object, key);
    return value ? take_positive(r, value, key, out) : refuse(r, key, "is missing");
}

/* A key beside the rotary parameters, as Phi-3 writes it, counts before the one among them. */
static wane_status read_original_context(const reader *r, const wane_json *object, size_t context,
                                         size_t *out)
{
    static const char key[] = "original_max_position_embeddings";
    const wane_json *value = wane_json_get(r->root, key);
    if (!value) value = wane_json_get(object, key);
    *out = context;
    return value ? take_size(r, value, key, out) : WANE_OK;
}

static wane_status read_llama3(const reader *r, const wane_json *object, size_t context,
                               wane_rope *out)
{
    wane_status st = WANE_OK;
    out->llama3 = true;
    WANE_TRY(read_rope_number(r, object, "factor", &out->factor));
    WANE_TRY(read_rope_number(r, object, "low_freq_factor", &out->low_frequency_factor));
    WANE_TRY(read_rope_number(r, object, "high_freq_factor", &out->high_frequency_factor));
    WANE_TRY(read_original_context(r, object, context, &out->original_context));
    if (out->high_frequency_factor <= out->low_frequency_factor)
        return refuse(r, "high_freq_factor", "is not above low_freq_factor");
done:
    return st;
}

/* Rotary parameters: `object` (NULL: none) is what config.json calls `key`. */
static wane_status read_rope_parameters(const reader *r, const wane_json *object, const char *key,
                                        size_t context, wane_rope *out)
{
    wane_status st = WANE_OK;
    const wane_json *theta = wane_json_get(object, "rope_theta");
    const wane_json *type = wane_json_get(object, "rope_type");
    const wane_json *part = wane_json_get(object, "partial_rotary_factor");
    double factor = 1;
    *out = (wane_rope){.theta = 10000};
    if (!theta) theta = wane_json_get(r->root, "rope_theta");
    if (theta) WANE_TRY(take_positive(r, theta, "rope_theta", &out->theta));
    if (given(part) && (!wane_json_number(&factor, part) || factor != 1))
        return refuse(r, "partial_rotary_factor", "other than 1 is not supported");
    if (!type) type = wane_json_get(object, "type");
    if (!type) return WANE_OK;
    const char *name = wane_json_string(type, NULL);
    if (!name) return refuse(r, key, "its type is no name");
    if (strcmp(name, "default") == 0) return WANE_OK;
    if (strcmp(name, "llama3") == 0) return read_llama3(r, object, context, out);
    if (strcmp(name, "linear") == 0) {
        WANE_TRY(read_rope_number(r, object, "factor", &factor));
        if (factor == 1) return WANE_OK;
        return refuse(r, key, "type \"linear\" with a factor other than 1 is not supported");
    }
    st = wane_fail(r->err, WANE_EFORMAT,
                   "model configuration: %s: %s: type \"%.64s\" is not supported (default, llama3 "
                   "and linear with factor 1 are)",
                   r->name, key, name);
done:
    return st;
}

/* rope_scaling counts before rope_parameters, unless Python takes it for false; either may hold
 * rope_theta, or leave it to the key beside. Parameters per layer type ({"full_attention": {...}})
 * are read by other families alone, so they must say what the rest says. */
static wane_status read_rope(const reader *r, size_t context, wane_rope *out)
{
    wane_status st = WANE_OK;
    const char *key = "rope_scaling";
    const wane_json *object = wane_json_get(r->root, key);
    if (!wane_json_truth(object)) object = wane_json_get(r->root, key = "rope_parameters");
    if (!wane_json_truth(object)) object = NULL;
    if (object && wane_json_kind_of(object) != WANE_JSON_OBJECT)
        return refuse(r, key, "is no object");
    WANE_TRY(read_rope_parameters(r, object, key, context, out));
    for (size_t i = 0; i < wane_json_size(object); i++) {
        const char *name = NULL;
        const wane_json *member = wane_json_member(object, i, &name);
        wane_rope nested;
        if (wane_json_kind_of(member) != WANE_JSON_OBJECT) continue;
        WANE_TRY(read_rope_parameters(r, member, key, context, &nested));
        if (!wane_rope_equal(out, &nested))
            return wane_fail(r->err, WANE_EFORMAT,
                             "model configuration: %s: %s: \"%.64s\" has parameters of its own, "
                             "which is not supported",
                             r->name, key, name);
    }
done:
    return st;
}

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

static wane_status refuse_foreign_keys(const reader *r)
{
    static const char *const causes[] = {
        "is not supported", "other than false is not supported", "other than true is not supported",
        "other than 0 is not supported", "other than 1 is not supported"};
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        const wane_json *value = wane_json_get(r->root, foreign[i].key);
        double number = 0;
        if (!given(value)) continue;
        bool is_bool = wane_json_kind_of(value) == WANE_JSON_BOOL;
        bool is_number = wane_json_number(&number, value);
        bool kept = (foreign[i].at == FALSE_ && is_bool && !wane_json_bool(value, true)) ||
                    (foreign[i].at == TRUE_ && is_bool && wane_json_bool(value, false)) ||
                    (foreign[i].at == ZERO && is_number && number == 0) ||
                    (foreign[i].at == ONE && is_number && number == 1);
        if (!kept) return refuse(r, foreign[i].key, causes[foreign[i].at]);
    }
    return WANE_OK;
}

/* Every layer looks at all that is before: a window that is switched off is none. */
static wane_status refuse_windows(const reader *r)
{
    const wane_json *types = wane_json_get(r->root, "layer_types");
    const wane_json *use = wane_json_get(r->root, "use_sliding_window");
    bool off = wane_json_kind_of(use) == WANE_JSON_BOOL && !wane_json_bool(use, true);
    if (given(wane_json_get(r->root, "sliding_window")) && !off)
        return refuse(r, "sliding_window", "is not supported");
    if (given(types) && wane_json_kind_of(types) != WANE_JSON_ARRAY)
        return refuse(r, "layer_types", "is no array");
    for (size_t i = 0; i < wane_json_size(types); i++) {
        const char *name = wane_json_string(wane_json_at(types, i), NULL);
        if (!name || strcmp(name, "full_attention") != 0)
            return wane_fail(r->err, WANE_EFORMAT,
                             "model configuration: %s: layer_types: \"%.64s\" is not supported "
                             "(full_attention is)",
                             r->name, name ? name : "?");
    }
    return WANE_OK;
}

/* What this engine does not compute is refused by name rather than computed as something else. */
static wane_status refuse_foreign(const reader *r)
{
    wane_status st = WANE_OK;
    const wane_json *root = r->root;
    const char *type = wane_json_string(wane_json_get(root, "model_type"), NULL);
    if (!type) return refuse(r, "model_type", "is missing");
    if (strcmp(type, "llama") != 0)
        return wane_fail(r->err, WANE_EFORMAT,
                         "model configuration: %s: model_type: \"%.64s\" is not supported (llama "
                         "is)",
                         r->name, type);
    const wane_json *act = wane_json_get(root, "hidden_act");
    const char *activation = act ? wane_json_string(act, NULL) : "silu";
    if (!activation || (strcmp(activation, "silu") != 0 && strcmp(activation, "swish") != 0))
        return wane_fail(r->err, WANE_EFORMAT,
                         "model configuration: %s: hidden_act: \"%.64s\" is not supported (silu "
                         "is)",
                         r->name, activation ? activation : "?");
    WANE_TRY(refuse_foreign_keys(r));
    WANE_TRY(refuse_windows(r));
    const wane_json *classes = wane_json_get(root, "architectures");
    for (size_t i = 0; i < wane_json_size(classes); i++) {
        const char *name = wane_json_string(wane_json_at(classes, i), NULL);
        if (name && (strcmp(name, "LlamaForCausalLM") == 0 || strcmp(name, "LlamaModel") == 0))
            continue;
        return wane_fail(r->err, WANE_EFORMAT,
                         "model configuration: %s: architectures: \"%.64s\" is "
                         "not supported (LlamaForCausalLM is)",
                         r->name, name ? name : "?");
    }
done:
    return st;
}

static wane_status read_all(const reader *r, wane_config *c)
{
    wane_status st = WANE_OK;
    const wane_json *root = r->root;
    if (wane_json_kind_of(root) != WANE_JSON_OBJECT)
        return wane_fail(r->err, WANE_EFORMAT, "model configuration: %s: is no JSON object",
                         r->name);
    WANE_TRY(refuse_foreign(r));
    WANE_TRY(read_size(r, "vocab_size", 32000, &c->vocabulary));
    WANE_TRY(read_size(r, "hidden_size", 4096, &c->width));
    WANE_TRY(read_size(r, "num_hidden_layers", 32, &c->layers));
    WANE_TRY(read_size(r, "num_attention_heads", 32, &c->heads));
    WANE_TRY(read_optional_size(r, "num_key_value_heads", c->heads, &c->kv_heads));
    WANE_TRY(read_size(r, "intermediate_size", 11008, &c->hidden));
    WANE_TRY(read_size(r, "max_position_embeddings", 2048, &c->context));
    if (!given(wane_json_get(root, "head_dim")) && c->width % c->heads != 0)
        return refuse(r, "num_attention_heads", "does not divide hidden_size");
    WANE_TRY(read_optional_size(r, "head_dim", c->width / c->heads ? c->width / c->heads : 1,
                                &c->head_width));
    WANE_TRY(read_positive(r, "rms_norm_eps", 1e-6, &c->norm_epsilon));
    WANE_TRY(read_positive(r, "initializer_range", 0.02, &c->initializer_range));
    WANE_TRY(read_bool(r, "tie_word_embeddings", &c->tied));
    WANE_TRY(read_bool(r, "attention_bias", &c->attention_bias));
    WANE_TRY(read_bool(r, "mlp_bias", &c->mlp_bias));
    WANE_TRY(read_token(r, "bos_token_id", 1, &c->bos));
    WANE_TRY(read_token(r, "eos_token_id", 2, &c->eos));
    WANE_TRY(read_rope(r, c->context, &c->rope));
done:
    return st;
}

wane_status wane_config_parse(wane_config *out, const char *bytes, size_t count, const char *name,
                              wane_error *err)
{
    wane_json *root = NULL;
    wane_config config = {0};
    wane_status st = wane_json_parse(&root, bytes, count, name, err);
    if (st != WANE_OK) return st;
    reader r = {root, name, err};
    wane_parameters checked = {0};
    WANE_TRY(read_all(&r, &config));
    /* Sizes that do not fit together show when the table is planned. */
    WANE_TRY(wane_parameters_plan(&checked, &config, err));
    *out = config;
done:
    wane_parameters_free(&checked);
    wane_json_free(root);
    return st;
}

static void put_size(wane_text *text, const char *key, size_t value)
{
    wane_text_printf(text, "  \"%s\": %zu,\n", key, value);
}

static void put_number(wane_text *text, const char *key, double value)
{
    wane_text_printf(text, "  \"%s\": ", key);
    wane_json_write_number(text, value);
    wane_text_string(text, ",\n");
}

static void put_bool(wane_text *text, const char *key, bool value)
{
    wane_text_printf(text, "  \"%s\": %s,\n", key, value ? "true" : "false");
}

static void put_token(wane_text *text, const char *key, int32_t id)
{
    if (id < 0) wane_text_printf(text, "  \"%s\": null,\n", key);
    else wane_text_printf(text, "  \"%s\": %d,\n", key, (int)id);
}

static void put_rope_scaling(wane_text *text, const wane_rope *rope)
{
    if (!rope->llama3) {
        wane_text_string(text, "  \"rope_scaling\": null,\n");
        return;
    }
    char factor[32], low[32], high[32];
    wane_text_printf(text,
                     "  \"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": %s, "
                     "\"low_freq_factor\": %s, \"high_freq_factor\": %s, "
                     "\"original_max_position_embeddings\": %zu},\n",
                     wane_format_double(factor, rope->factor),
                     wane_format_double(low, rope->low_frequency_factor),
                     wane_format_double(high, rope->high_frequency_factor), rope->original_context);
}

void wane_config_write(wane_text *text, const wane_config *c)
{
    wane_text_string(text, "{\n  \"architectures\": [\"LlamaForCausalLM\"],\n");
    put_bool(text, "attention_bias", c->attention_bias);
    put_token(text, "bos_token_id", c->bos);
    put_token(text, "eos_token_id", c->eos);
    put_size(text, "head_dim", c->head_width);
    wane_text_string(text, "  \"hidden_act\": \"silu\",\n");
    put_size(text, "hidden_size", c->width);
    put_number(text, "initializer_range", c->initializer_range);
    put_size(text, "intermediate_size", c->hidden);
    put_size(text, "max_position_embeddings", c->context);
    put_bool(text, "mlp_bias", c->mlp_bias);
    wane_text_string(text, "  \"model_type\": \"llama\",\n");
    put_size(text, "num_attention_heads", c->heads);
    put_size(text, "num_hidden_layers", c->layers);
    put_size(text, "num_key_value_heads", c->kv_heads);
    put_number(text, "rms_norm_eps", c->norm_epsilon);
    put_rope_scaling(text, &c->rope);
    put_number(text, "rope_theta", c->rope.theta);
    put_bool(text, "tie_word_embeddings", c->tied);
    wane_text_string(text, "  \"torch_dtype\": \"float32\",\n");
    wane_text_printf(text, "  \"vocab_size\": %zu\n}\n", c->vocabulary);
}
