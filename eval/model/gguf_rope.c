/* SPDX-License-Identifier: Apache-2.0
 * Rotary positions of a GGUF file as config.json has them: keys rope.*, and what frequencies are
 * divided by, which some files have as tensors instead of the rule that gave them.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/model/gguf_model.h"
#include "eval/model/rope_kinds.h"

typedef wane_gguf_source source;

/* ----------------------------------------------------------------------------- a part of a head */

/* The shortest decimal of which transformers makes that part of a head. */
static void write_part(const source *s, const char *name, size_t turned, size_t width)
{
    char text[40];
    for (int digits = 1; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, (double)turned / (double)width);
        if ((size_t)((double)width * strtod(text, NULL)) == turned) break;
    }
    wane_gguf_member(s, name);
    wane_text_string(s->out, text);
}

static wane_status write_turned(const source *s)
{
    const wane_architecture *a = s->architecture;
    const wane_config_key *part = wane_config_key_of_type(a, &wane_config_rope_part);
    size_t turned = wane_gguf_size_of(s->gguf, "rope.dimension_count");
    size_t width = wane_gguf_head_width(s->gguf, a);
    if (turned && part && width) write_part(s, part->name, turned, width);
    if (part || !turned || turned == width || !wane_config_key_of_type(a, &wane_config_rope_theta))
        return WANE_OK;
    return wane_gguf_refuse(s, "rope.dimension_count", "is not the width of a head");
}

/* The width of a head that is only said by what is turned of it. */
static void write_width(const source *s)
{
    const wane_config_key *key = NULL;
    for (size_t i = 0; i < s->architecture->key_count; i++)
        if (s->architecture->keys[i].offset == offsetof(wane_config, head_width))
            key = &s->architecture->keys[i];
    if (!key || wane_gguf_of_model(s->gguf, "attention.key_length")) return;
    size_t width = wane_gguf_head_width(s->gguf, s->architecture);
    if (!width) return;
    wane_gguf_member(s, key->name);
    wane_text_printf(s->out, "%zu", width);
}

/* --------------------------------------------------------------------------------------- scaling
 */

/* What each pair's frequency is divided by. */
typedef struct divisors {
    size_t count;
    float value[WANE_ROPE_PAIRS];
} divisors;

/* count 0: there is no tensor of that name. */
static wane_status read_divisors(divisors *out, const source *s, const char *name)
{
    const wane_tensor *tensor = wane_tensors_find(s->tensors, name);
    out->count = 0;
    if (!tensor) return WANE_OK;
    if (tensor->elements == 0 || tensor->elements > WANE_ROPE_PAIRS)
        return wane_gguf_refuse(s, name, "has not 1 to 128 numbers");
    out->count = tensor->elements;
    return wane_tensors_read(s->tensors, tensor, out->value, s->err);
}

static void write_list(const source *s, const char *name, const divisors *list)
{
    wane_text_printf(s->out, ", \"%s\": [", name);
    for (size_t i = 0; i < list->count; i++) {
        if (i) wane_text_string(s->out, ", ");
        wane_gguf_write_number(s->out, (double)list->value[i]);
    }
    wane_text_string(s->out, "]");
}

static void begin_scaling(const source *s, const char *kind)
{
    wane_gguf_member(s, "rope_scaling");
    wane_text_printf(s->out, "{\"rope_type\": \"%s\"", kind);
}

/* Whether the rule gives these divisors. */
static bool gives(const wane_rope *rope, const divisors *list)
{
    for (size_t i = 0; i < list->count; i++) {
        double plain = (double)wane_rope_frequency(rope, 2 * list->count, i, 1);
        double scaled = (double)wane_rope_llama3.frequency(rope, 2 * list->count, i, 1);
        if (!(fabs(plain / scaled - (double)list->value[i]) <= 1e-5 * (double)list->value[i]))
            return false;
    }
    return true;
}

/* The rule of Llama 3 that gave the divisors: 1 for short wavelengths, `factor` for long ones, and
 * between them 1 / ((1 - s) / factor + s), s = frequency a + b. Of a and b follow the two other
 * numbers, where low_freq_factor is 1, as it always is. False: no such rule gave them. */
static bool find_llama3(wane_rope *out, const source *s, const divisors *list)
{
    const double two_pi = 6.283185307179586;
    double theta = 10000, factor = (double)list->value[list->count - 1];
    double x[2] = {0, 0}, y[2] = {0, 0}; /* the first and the last between */
    size_t between = 0;
    (void)wane_gguf_number(&theta, wane_gguf_of_model(s->gguf, "rope.freq_base"));
    *out = (wane_rope){.theta = theta, .kind = &wane_rope_llama3, .factor = factor};
    for (size_t i = 0; i < list->count && factor > 1; i++) {
        double value = (double)list->value[i];
        if (value <= 1 || value >= factor) continue;
        size_t to = between++ ? 1 : 0;
        x[to] = (double)wane_rope_frequency(out, 2 * list->count, i, 1);
        y[to] = (1 / value - 1 / factor) / (1 - 1 / factor);
    }
    if (between < 2) return false;
    double a = (y[1] - y[0]) / (x[1] - x[0]), b = y[0] - a * x[0];
    double high = round((1 - 1 / b) * 100) / 100, context = round(a * two_pi * (high - 1));
    if (!(high > 1 && high < 1e6 && context >= 1 && context < INT32_MAX)) return false;
    out->low_frequency_factor = 1;
    out->high_frequency_factor = high;
    out->original_context = (size_t)context;
    return gives(out, list);
}

static void write_llama3(const source *s, const wane_rope *rope)
{
    begin_scaling(s, "llama3");
    wane_text_string(s->out, ", \"factor\": ");
    wane_gguf_write_number(s->out, rope->factor);
    wane_text_string(s->out, ", \"low_freq_factor\": 1, \"high_freq_factor\": ");
    wane_gguf_write_number(s->out, rope->high_frequency_factor);
    wane_text_printf(s->out, ", \"original_max_position_embeddings\": %zu}",
                     rope->original_context);
}

/* Whether longrope multiplies cosines and sines by that number where nothing is said. */
static bool is_usual(const source *s, double attention, size_t context)
{
    double reach = (double)wane_gguf_size_of(s->gguf, "context_length"), old = (double)context;
    double usual = reach > old && old > 1 ? sqrt(1 + log(reach / old) / log(old)) : 1;
    return fabs(attention - usual) <= 1e-6 * usual;
}

/* One divisor for each pair that is turned, and no other scaling beside them, which llama.cpp would
 * apply too. */
static wane_status check_divisors(const source *s, const char *const names[3],
                                  const divisors list[3])
{
    const wane_gguf_value *type = wane_gguf_of_model(s->gguf, "rope.scaling.type");
    size_t turned = wane_gguf_size_of(s->gguf, "rope.dimension_count");
    double factor = 1;
    if (!turned) turned = wane_gguf_head_width(s->gguf, s->architecture);
    if (list->count && turned && list->count != (turned + 1) / 2)
        return wane_gguf_refuse(s, *names, "has not a number for each pair that is turned");
    if (type && !wane_gguf_is(type, "none") && !wane_gguf_is(type, "longrope"))
        return wane_gguf_refuse(s, "rope.scaling.type",
                                "is beside divisors as tensors, which is not supported");
    if (!type && wane_gguf_number(&factor, wane_gguf_of_model(s->gguf, "rope.scaling.factor")) &&
        factor != 0 && factor != 1)
        return wane_gguf_refuse(s, "rope.scaling.factor",
                                "is beside divisors as tensors, which is not supported");
    for (size_t n = 0; n < 3; n++)
        for (size_t i = 0; i < list[n].count; i++)
            if (!(list[n].value[i] > 0 && isfinite(list[n].value[i])))
                return wane_gguf_refuse(s, names[n], "holds what is no positive number");
    return WANE_OK;
}

/* Numbers of scaling that the file has are positive; a factor of 0 is none, as llama.cpp takes it.
 */
static wane_status check_numbers(const source *s)
{
    static const struct {
        const char *key;
        bool none;
    } keys[] = {
        {"rope.scaling.factor", true},          {"rope.scale_linear", true},
        {"rope.scaling.attn_factor", false},    {"rope.scaling.original_context_length", false},
        {"rope.scaling.yarn_beta_fast", false}, {"rope.scaling.yarn_beta_slow", false}};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const wane_gguf_value *value = wane_gguf_of_model(s->gguf, keys[i].key);
        double number = 0;
        if (!value) continue;
        if (!wane_gguf_number(&number, value) || !isfinite(number) || number < 0 ||
            (number == 0 && !keys[i].none))
            return wane_gguf_refuse(s, keys[i].key, "is no positive number");
    }
    return WANE_OK;
}

/* Divisors as tensors: of all lengths, or of short and of long texts. */
static wane_status write_divisors(const source *s, bool *done)
{
    wane_status st = WANE_OK;
    static const char *const names[3] = {"rope_freqs.weight", "rope_factors_short.weight",
                                         "rope_factors_long.weight"};
    divisors list[3];
    const divisors *all = &list[0], *of_short = &list[1], *of_long = &list[2];
    wane_rope rope;
    double attention = 0;
    size_t context = wane_gguf_size_of(s->gguf, "rope.scaling.original_context_length");
    for (size_t n = 0; n < 3; n++) WANE_TRY(read_divisors(&list[n], s, names[n]));
    *done = all->count || of_short->count || of_long->count;
    if (!*done) return WANE_OK;
    WANE_TRY(check_divisors(s, names, list));
    if (all->count && find_llama3(&rope, s, all)) {
        write_llama3(s, &rope);
        return WANE_OK;
    }
    begin_scaling(s, "longrope");
    write_list(s, "short_factor", all->count ? all : of_short);
    write_list(s, "long_factor", all->count ? all : of_long);
    if (!context) context = wane_gguf_size_of(s->gguf, "context_length");
    if (all->count) attention = 1;
    else
        (void)wane_gguf_number(&attention, wane_gguf_of_model(s->gguf, "rope.scaling.attn_factor"));
    if (attention > 0 && !is_usual(s, attention, context)) {
        wane_text_string(s->out, ", \"attention_factor\": ");
        wane_gguf_write_number(s->out, attention);
    }
    if (context) wane_text_printf(s->out, ", \"original_max_position_embeddings\": %zu", context);
    wane_text_string(s->out, "}");
done:
    return st;
}

static const struct {
    const char *key, *name;
} yarn_keys[] = {{"rope.scaling.yarn_beta_fast", "beta_fast"},
                 {"rope.scaling.yarn_beta_slow", "beta_slow"}};

static void write_yarn(const source *s, double factor)
{
    double number = 0;
    size_t context = wane_gguf_size_of(s->gguf, "rope.scaling.original_context_length");
    for (size_t i = 0; i < sizeof yarn_keys / sizeof *yarn_keys; i++) {
        if (!wane_gguf_number(&number, wane_gguf_of_model(s->gguf, yarn_keys[i].key))) continue;
        wane_text_printf(s->out, ", \"%s\": ", yarn_keys[i].name);
        wane_gguf_write_number(s->out, number);
    }
    if (context) wane_text_printf(s->out, ", \"original_max_position_embeddings\": %zu", context);
    /* llama.cpp multiplies it by what transformers takes where nothing is said. */
    if (!wane_gguf_number(&number, wane_gguf_of_model(s->gguf, "rope.scaling.attn_factor")) ||
        number == 1)
        return;
    wane_text_string(s->out, ", \"attention_factor\": ");
    wane_gguf_write_number(s->out, number * (factor > 1 ? 0.1 * log(factor) + 1 : 1));
}

wane_status wane_gguf_write_rope(const source *s)
{
    const wane_gguf_value *type = wane_gguf_of_model(s->gguf, "rope.scaling.type");
    double factor = 1;
    bool done = false, yarn = wane_gguf_is(type, "yarn");
    if (!wane_config_key_of_type(s->architecture, &wane_config_rope_theta)) return WANE_OK;
    wane_status st = write_turned(s);
    if (st != WANE_OK) return st;
    write_width(s);
    st = check_numbers(s);
    if (st == WANE_OK) st = write_divisors(s, &done);
    if (st != WANE_OK || done) return st;
    if (!wane_gguf_number(&factor, wane_gguf_of_model(s->gguf, "rope.scaling.factor")))
        (void)wane_gguf_number(&factor, wane_gguf_of_model(s->gguf, "rope.scale_linear"));
    if (factor == 0) factor = 1;
    if (type && !yarn && !wane_gguf_is(type, "none") && !wane_gguf_is(type, "linear"))
        return wane_gguf_refuse(
            s, "rope.scaling.type",
            "is not supported (none, linear, yarn and divisors as tensors are)");
    if (wane_gguf_is(type, "none") || (!yarn && factor == 1)) return WANE_OK;
    begin_scaling(s, yarn ? "yarn" : "linear");
    wane_text_string(s->out, ", \"factor\": ");
    wane_gguf_write_number(s->out, factor);
    if (yarn) write_yarn(s, factor);
    wane_text_string(s->out, "}");
    return WANE_OK;
}
