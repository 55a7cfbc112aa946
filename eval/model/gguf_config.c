/* SPDX-License-Identifier: Apache-2.0
 * The metadata of a GGUF file as a config.json: one table of keys by the member of the
 * configuration that they are, written under the names that the architecture's table has for those.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "eval/model/gguf_model.h"
#include "store/files/json.h"

/* What a key may be where the architecture has none for its member: anything (it then follows from
 * others), or what changes nothing. */
typedef enum neutral { ANY, ZERO, ONE, TRUE_ } neutral;

/* Keys behind the name of the architecture, by the member of wane_config that they are. The first
 * of a member that the file has counts. */
static const struct {
    const char *key;
    size_t offset; /* 0: of no member */
    neutral at;
} known[] = {
    {"embedding_length", offsetof(wane_config, width), ANY},
    {"block_count", offsetof(wane_config, layers), ANY},
    {"feed_forward_length", offsetof(wane_config, hidden), ANY},
    {"context_length", offsetof(wane_config, context), ANY},
    {"attention.head_count", offsetof(wane_config, heads), ANY},
    {"attention.head_count_kv", offsetof(wane_config, kv_heads), ANY},
    {"attention.key_length", offsetof(wane_config, head_width), ANY},
    {"attention.layer_norm_rms_epsilon", offsetof(wane_config, norm_epsilon), ANY},
    {"attention.layer_norm_epsilon", offsetof(wane_config, norm_epsilon), ANY},
    {"attention.sliding_window", offsetof(wane_config, block.window), ZERO},
    {"attention.scale", offsetof(wane_config, block.attention_scale), ZERO},
    {"rope.freq_base", offsetof(wane_config, rope.theta), ANY},
    {"rope.freq_base_swa", offsetof(wane_config, local_rope.theta), ANY},
    {"rope.scaling.original_context_length", offsetof(wane_config, rope.original_context), ANY},
    {"attn_logit_softcapping", offsetof(wane_config, block.attention_cap), ZERO},
    {"final_logit_softcapping", offsetof(wane_config, block.logit_cap), ZERO},
    {"embedding_scale", offsetof(wane_config, block.embedding_scale), ONE},
    {"residual_scale", offsetof(wane_config, block.residual_scale), ONE},
    {"logit_scale", offsetof(wane_config, block.logit_divisor), ONE},
    {"use_parallel_residual", offsetof(wane_config, block.parallel), ZERO},
    {"attention.causal", 0, TRUE_},
    {"attention.temperature_scale", 0, ZERO},
    {"rope.scaling.alpha", 0, ZERO},
    {"rope.scaling.yarn_ext_factor", 0, ONE},
    {"rope.scaling.yarn_attn_factor", 0, ONE},
    {"rope.scaling.yarn_log_multiplier", 0, ZERO},
    {"attention.clamp_kqv", 0, ZERO},
    {"attention.max_alibi_bias", 0, ZERO},
    {"expert_count", 0, ZERO},
};

typedef wane_gguf_source source;

/* ----------------------------------------------------------------------------------- one member */

/* A number, or one for every layer, where all are alike. */
static wane_status one_number(const source *s, const char *key, const wane_gguf_value *value,
                              double *out, bool *whole)
{
    int64_t ignored = 0;
    size_t count = wane_gguf_size(value);
    *whole = wane_gguf_integer(&ignored, value) || wane_gguf_integer_at(&ignored, value, 0);
    for (size_t i = 0; i < count; i++) {
        double other = 0;
        if (!wane_gguf_number_at(i ? &other : out, value, i))
            return wane_gguf_refuse(s, key, "is no number");
        if (i && other != *out)
            return wane_gguf_refuse(s, key, "differs from layer to layer, which is not supported");
    }
    if (count == 0 && !wane_gguf_number(out, value))
        return wane_gguf_refuse(s, key, "is no number");
    return isfinite(*out) ? WANE_OK : wane_gguf_refuse(s, key, "is no finite number");
}

/* The value of `key` as the member `name`. */
static wane_status write_value(const source *s, const char *name, const char *key,
                               const wane_gguf_value *value)
{
    bool flag = false, whole = false;
    double number = 0;
    if (wane_gguf_bool(&flag, value)) {
        wane_gguf_member(s, name);
        wane_text_string(s->out, flag ? "true" : "false");
        return WANE_OK;
    }
    wane_status st = one_number(s, key, value, &number, &whole);
    if (st != WANE_OK) return st;
    if (whole && number < 0) return wane_gguf_refuse(s, key, "is less than 0");
    wane_gguf_member(s, name);
    if (number == 0) wane_text_string(s->out, "null"); /* of a window or cap: none */
    else if (whole) wane_text_printf(s->out, "%zu", (size_t)number);
    else wane_gguf_write_number(s->out, number);
    return WANE_OK;
}

/* The architecture's key of that member; scaling is a key of the same that theta is in. */
static const wane_config_key *key_at(const wane_architecture *a, size_t offset)
{
    for (size_t i = 0; i < a->key_count; i++)
        if (a->keys[i].offset == offset && offset && a->keys[i].type != &wane_config_rope_scaling)
            return &a->keys[i];
    return NULL;
}

/* A value that has no place in config.json. */
static wane_status check_neutral(const source *s, const char *key, neutral at,
                                 const wane_gguf_value *value)
{
    bool flag = false, whole = false;
    double number = 0;
    if (at == ANY) return WANE_OK;
    if (!wane_gguf_bool(&flag, value)) {
        wane_status st = one_number(s, key, value, &number, &whole);
        if (st != WANE_OK) return st;
    } else number = flag;
    return number == (at == ZERO ? 0 : 1) ? WANE_OK
                                          : wane_gguf_refuse(s, key, "its value is not supported");
}

static wane_status write_known(const source *s)
{
    const wane_config_key *last = NULL;
    wane_status st = WANE_OK;
    for (size_t i = 0; i < sizeof known / sizeof *known && st == WANE_OK; i++) {
        const wane_config_key *key = key_at(s->architecture, known[i].offset);
        const wane_gguf_value *value = wane_gguf_of_model(s->gguf, known[i].key);
        if (!value) continue;
        if (!key) st = check_neutral(s, known[i].key, known[i].at, value);
        /* The other number that scores are scaled by has no key. */
        else if (key != last && key->type != &wane_config_inverse_root)
            st = write_value(s, key->name, known[i].key, value);
        last = key ? key : last;
    }
    return st;
}

/* Sizes of values, and of heads in layers with a window, are those of the other heads. */
static wane_status check_heads(const source *s)
{
    static const char *const keys[] = {"attention.value_length", "attention.key_length_swa",
                                       "attention.value_length_swa", "rope.dimension_count_swa"};
    size_t width = wane_gguf_head_width(s->gguf, s->architecture);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (wane_gguf_of_model(s->gguf, keys[i]) && wane_gguf_size_of(s->gguf, keys[i]) != width)
            return wane_gguf_refuse(s, keys[i], "is not the width of a head");
    return WANE_OK;
}

/* Which layers have a window: a flag for each, or every how many one has none. */
static wane_status write_windows(const source *s)
{
    static const char pattern[] = "attention.sliding_window_pattern";
    const wane_gguf_value *value = wane_gguf_of_model(s->gguf, pattern);
    const wane_config_key *key = wane_config_key_of_type(s->architecture, &wane_config_layer_types);
    size_t layers = wane_gguf_size_of(s->gguf, "block_count");
    bool windowed = false;
    int64_t period = 0;
    if (!value) return WANE_OK;
    bool every = wane_gguf_integer(&period, value) && period > 0;
    if (!key || layers > WANE_LAYER_SET || (!every && wane_gguf_size(value) != layers))
        return wane_gguf_refuse(s, pattern, "its value is not supported");
    wane_gguf_member(s, key->name);
    for (size_t i = 0; i < layers; i++) {
        if (every) windowed = ((int64_t)i + 1) % period != 0;
        else if (!wane_gguf_bool_at(&windowed, value, i))
            return wane_gguf_refuse(s, pattern, "is no list of flags");
        wane_text_printf(s->out, "%s\"%s\"", i ? ", " : "[",
                         windowed ? "sliding_attention" : "full_attention");
    }
    wane_text_string(s->out, layers ? "]" : "[]");
    return WANE_OK;
}

/* ------------------------------------------------------------------ what tensors and tokens say */

static void write_flag(const source *s, size_t offset, bool flag)
{
    const wane_config_key *key = key_at(s->architecture, offset);
    if (!key) return;
    wane_gguf_member(s, key->name);
    wane_text_string(s->out, flag ? "true" : "false");
}

static bool has(const source *s, wane_place place, bool bias)
{
    return wane_gguf_tensor_at(s->tensors, place, bias) != NULL;
}

static wane_status write_shapes(const source *s)
{
    const wane_tensor *embedding = wane_gguf_tensor_at(s->tensors, WANE_EMBEDDING, false);
    const wane_config_key *vocabulary = key_at(s->architecture, offsetof(wane_config, vocabulary));
    if (!embedding || embedding->dimensions != 2)
        return wane_gguf_refuse(s, "token_embd.weight", "is not there, or no matrix");
    if (vocabulary) {
        wane_gguf_member(s, vocabulary->name);
        wane_text_printf(s->out, "%zu", embedding->shape[0]);
    }
    write_flag(s, offsetof(wane_config, tied), !has(s, WANE_HEAD, false));
    write_flag(s, offsetof(wane_config, attention_bias),
               has(s, WANE_SLOT_Q, true) || has(s, WANE_SLOT_O, true));
    write_flag(s, offsetof(wane_config, mlp_bias),
               has(s, WANE_SLOT_UP, true) || has(s, WANE_SLOT_DOWN, true));
    return WANE_OK;
}

/* What scores are scaled by: config.json's number has no key in GGUF. */
static void write_scale(const source *s)
{
    const wane_config_key *key =
        key_at(s->architecture, offsetof(wane_config, block.attention_scale));
    if (!key || key->type != &wane_config_inverse_root) return;
    size_t layers = wane_gguf_size_of(s->gguf, "block_count");
    size_t heads = wane_gguf_size_of(s->gguf, "attention.head_count");
    size_t scale = wane_gguf_head_width(s->gguf, s->architecture);
    if (heads && layers && layers == s->architecture->gguf.wide_layers)
        scale = wane_gguf_size_of(s->gguf, "embedding_length") / heads;
    if (!scale) return;
    wane_gguf_member(s, key->name);
    wane_text_printf(s->out, "%zu", scale);
}

/* A file without one has none. */
static wane_status write_token(const source *s, size_t offset, const char *key)
{
    const wane_config_key *to = key_at(s->architecture, offset);
    const wane_gguf_value *value = wane_gguf_find(s->gguf, key);
    int64_t id = 0;
    if (!to) return WANE_OK;
    if (value && (!wane_gguf_integer(&id, value) || id < 0 || id > INT32_MAX))
        return wane_gguf_refuse(s, key, "is no token");
    wane_gguf_member(s, to->name);
    if (value) wane_text_printf(s->out, "%" PRId64, id);
    else wane_text_string(s->out, "null");
    return WANE_OK;
}

wane_status wane_gguf_config(wane_text *out, const wane_architecture *a,
                             const wane_tensors *tensors, wane_error *err)
{
    const source s = {a, tensors, wane_tensors_gguf(tensors), out, err};
    wane_status st = WANE_OK;
    wane_gguf_member(&s, "model_type");
    wane_text_printf(out, "\"%s\"", a->name);
    WANE_TRY(write_known(&s));
    WANE_TRY(check_heads(&s));
    WANE_TRY(write_windows(&s));
    WANE_TRY(wane_gguf_write_rope(&s));
    WANE_TRY(write_shapes(&s));
    write_scale(&s);
    WANE_TRY(write_token(&s, offsetof(wane_config, bos), "tokenizer.ggml.bos_token_id"));
    WANE_TRY(write_token(&s, offsetof(wane_config, eos), "tokenizer.ggml.eos_token_id"));
    WANE_TRY(write_token(&s, offsetof(wane_config, pad), "tokenizer.ggml.padding_token_id"));
    wane_text_string(out, "\n}\n");
    st = wane_text_check(out, "model configuration", wane_gguf_path(s.gguf), err);
done:
    return st;
}
