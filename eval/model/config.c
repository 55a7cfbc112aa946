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

/* A whole number >= 1; `fallback` 0 = required. */
static wane_status read_size(const reader *r, const wane_json *object, const char *key,
                             size_t fallback, size_t *out)
{
    const wane_json *value = wane_json_get(object, key);
    int64_t number = 0;
    if (!given(value) && fallback > 0) {
        *out = fallback;
        return WANE_OK;
    }
    if (!given(value)) return refuse(r, key, "is missing");
    if (!wane_json_integer(&number, value) || number < 1 || number > INT32_MAX)
        return refuse(r, key, "is no whole number in 1..2147483647");
    *out = (size_t)number;
    return WANE_OK;
}

/* A positive number; `fallback` 0 = required. */
static wane_status read_positive(const reader *r, const wane_json *object, const char *key,
                                 double fallback, double *out)
{
    const wane_json *value = wane_json_get(object, key);
    double number = 0;
    if (!given(value) && fallback > 0) {
        *out = fallback;
        return WANE_OK;
    }
    if (!given(value)) return refuse(r, key, "is missing");
    if (!wane_json_number(&number, value) || !(number > 0) || !isfinite(number))
        return refuse(r, key, "is no positive number");
    *out = number;
    return WANE_OK;
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

/* rope_scaling and the older keys beside it, or rope_parameters that hold all. */
static wane_status read_rope(const reader *r, size_t context, wane_rope *out)
{
    wane_status st = WANE_OK;
    const wane_json *parameters = wane_json_get(r->root, "rope_parameters");
    bool nested = wane_json_kind_of(parameters) == WANE_JSON_OBJECT;
    const wane_json *scaling = nested ? parameters : wane_json_get(r->root, "rope_scaling");
    const char *key = nested ? "rope_parameters" : "rope_scaling";
    const wane_json *theta_at =
        nested && given(wane_json_get(parameters, "rope_theta")) ? parameters : r->root;
    WANE_TRY(read_positive(r, theta_at, "rope_theta", 10000, &out->theta));
    if (!given(scaling)) return WANE_OK;
    if (wane_json_kind_of(scaling) != WANE_JSON_OBJECT) return refuse(r, key, "is no object");
    const wane_json *type = wane_json_get(scaling, "rope_type");
    if (!given(type)) type = wane_json_get(scaling, "type");
    const char *name = wane_json_string(type, NULL);
    if (!given(type) || (name && strcmp(name, "default") == 0)) return WANE_OK;
    if (!name || strcmp(name, "llama3") != 0)
        return wane_fail(r->err, WANE_EFORMAT,
                         "model configuration: %s: %s: type \"%s\" is not supported (default and "
                         "llama3 are)",
                         r->name, key, name ? name : "?");
    out->llama3 = true;
    WANE_TRY(read_positive(r, scaling, "factor", 0, &out->factor));
    WANE_TRY(read_positive(r, scaling, "low_freq_factor", 0, &out->low_frequency_factor));
    WANE_TRY(read_positive(r, scaling, "high_freq_factor", 0, &out->high_frequency_factor));
    WANE_TRY(
        read_size(r, scaling, "original_max_position_embeddings", context, &out->original_context));
    if (out->high_frequency_factor <= out->low_frequency_factor)
        return refuse(r, "high_freq_factor", "is not above low_freq_factor");
done:
    return st;
}

/* What this engine does not compute is refused by name rather than computed as something else. */
static wane_status refuse_foreign(const reader *r)
{
    const wane_json *root = r->root;
    const char *type = wane_json_string(wane_json_get(root, "model_type"), NULL);
    if (!type) return refuse(r, "model_type", "is missing");
    if (strcmp(type, "llama") != 0)
        return wane_fail(r->err, WANE_EFORMAT,
                         "model configuration: %s: model_type: \"%s\" is not supported (llama is)",
                         r->name, type);
    const char *activation = wane_json_string(wane_json_get(root, "hidden_act"), NULL);
    if (activation && strcmp(activation, "silu") != 0 && strcmp(activation, "swish") != 0)
        return wane_fail(r->err, WANE_EFORMAT,
                         "model configuration: %s: hidden_act: \"%s\" is not supported (silu is)",
                         r->name, activation);
    const char *unsupported[] = {"quantization_config", "sliding_window", "layer_types"};
    for (size_t i = 0; i < sizeof unsupported / sizeof *unsupported; i++)
        if (given(wane_json_get(root, unsupported[i])))
            return refuse(r, unsupported[i], "is not supported");
    double number = 0;
    if (wane_json_number(&number, wane_json_get(root, "attention_dropout")) && number != 0)
        return refuse(r, "attention_dropout", "other than 0 is not supported");
    number = 1;
    if (wane_json_number(&number, wane_json_get(root, "partial_rotary_factor")) && number != 1)
        return refuse(r, "partial_rotary_factor", "other than 1 is not supported");
    const wane_json *classes = wane_json_get(root, "architectures");
    for (size_t i = 0; i < wane_json_size(classes); i++) {
        const char *name = wane_json_string(wane_json_at(classes, i), NULL);
        if (name && (strcmp(name, "LlamaForCausalLM") == 0 || strcmp(name, "LlamaModel") == 0))
            continue;
        return wane_fail(r->err, WANE_EFORMAT,
                         "model configuration: %s: architectures: \"%s\" is "
                         "not supported (LlamaForCausalLM is)",
                         r->name, name ? name : "?");
    }
    return WANE_OK;
}

static wane_status read_all(const reader *r, wane_config *c)
{
    wane_status st = WANE_OK;
    const wane_json *root = r->root;
    if (wane_json_kind_of(root) != WANE_JSON_OBJECT)
        return wane_fail(r->err, WANE_EFORMAT, "model configuration: %s: is no JSON object",
                         r->name);
    WANE_TRY(refuse_foreign(r));
    WANE_TRY(read_size(r, root, "vocab_size", 0, &c->vocabulary));
    WANE_TRY(read_size(r, root, "hidden_size", 0, &c->width));
    WANE_TRY(read_size(r, root, "num_hidden_layers", 0, &c->layers));
    WANE_TRY(read_size(r, root, "num_attention_heads", 0, &c->heads));
    WANE_TRY(read_size(r, root, "num_key_value_heads", c->heads, &c->kv_heads));
    WANE_TRY(read_size(r, root, "intermediate_size", 0, &c->hidden));
    WANE_TRY(read_size(r, root, "max_position_embeddings", 2048, &c->context));
    if (!given(wane_json_get(root, "head_dim")) && c->width % c->heads != 0)
        return refuse(r, "num_attention_heads", "does not divide hidden_size");
    WANE_TRY(read_size(r, root, "head_dim", c->width / c->heads ? c->width / c->heads : 1,
                       &c->head_width));
    WANE_TRY(read_positive(r, root, "rms_norm_eps", 1e-6, &c->norm_epsilon));
    WANE_TRY(read_positive(r, root, "initializer_range", 0.02, &c->initializer_range));
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
