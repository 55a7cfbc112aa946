/* SPDX-License-Identifier: Apache-2.0
 * The kinds of rotary scaling: linear (Chen et al. 2023), dynamic (NTK), Llama 3's, YaRN (Peng et
 * al. 2023) and LongRoPE (Ding et al. 2024), as transformers computes them: torch's numbers are
 * fp32, those of Python double.
 */
#include "eval/model/rope_kinds.h"

#include <math.h>
#include <stdio.h>

#define COUNT(list) (sizeof(list) / sizeof *(list))

/* Keys that several kinds have. */
#define FACTOR(...)                                                                                \
    {                                                                                              \
        .name = "factor", .hashed = "factor", .offset = offsetof(wane_rope, factor), __VA_ARGS__   \
    }
#define ORIGINAL_CONTEXT                                                                           \
    {                                                                                              \
        .name = "original_max_position_embeddings", .hashed = "context",                           \
        .value = WANE_ROPE_CONTEXT, .offset = offsetof(wane_rope, original_context)                \
    }
/* What it is where a file does not say is settled. */
#define ATTENTION_FACTOR                                                                           \
    {                                                                                              \
        .name = "attention_factor", .hashed = "attention",                                         \
        .offset = offsetof(wane_rope, attention_factor), .optional = true                          \
    }

/* theta ^ (2 pair / width); the exponent is torch's. */
static double period(double theta, size_t width, size_t pair)
{
    return pow(theta, (double)((float)(2 * pair) / (float)width));
}

float wane_rope_frequency(const wane_rope *rope, size_t width, size_t pair, size_t length)
{
    (void)length;
    return (float)(1.0 / period(rope->theta, width, pair));
}

/* --------------------------------------------------------------------------------------- linear */

static const wane_rope_key linear_keys[] = {FACTOR()};

/* A factor of 1 is no scaling. */
static wane_status settle_linear(wane_rope *rope, const wane_rope_source *source)
{
    (void)source;
    if (rope->factor == 1) *rope = (wane_rope){.theta = rope->theta};
    return WANE_OK;
}

static float linear_frequency(const wane_rope *rope, size_t width, size_t pair, size_t length)
{
    return wane_rope_frequency(rope, width, pair, length) / (float)rope->factor;
}

const wane_rope_kind wane_rope_linear = {.name = "linear",
                                         .keys = linear_keys,
                                         .key_count = COUNT(linear_keys),
                                         .settle = settle_linear,
                                         .frequency = linear_frequency};

/* -------------------------------------------------------------------------------------- dynamic */

/* The context before scaling is max_position_embeddings, whatever else a file says. */
static wane_status settle_dynamic(wane_rope *rope, const wane_rope_source *source)
{
    rope->original_context = source->context;
    return WANE_OK;
}

static const char *dynamic_unfit(const wane_rope *rope, size_t width)
{
    (void)rope;
    return width > 2 ? NULL : "is not defined for heads of one pair";
}

/* Longer than the context, theta grows with the length. */
static float dynamic_frequency(const wane_rope *rope, size_t width, size_t pair, size_t length)
{
    if (length <= rope->original_context) return wane_rope_frequency(rope, width, pair, length);
    float stretch = (float)rope->factor * (float)length / (float)rope->original_context -
                    (float)(rope->factor - 1);
    float grown = (float)pow((double)stretch, (double)width / (double)(width - 2));
    return 1 / (float)period((double)((float)rope->theta * grown), width, pair);
}

static size_t dynamic_decisive(const wane_rope *rope, size_t length)
{
    return length > rope->original_context ? length : rope->original_context;
}

/* What the factor is said for: that many contexts. */
static size_t dynamic_reach(const wane_rope *rope, size_t context)
{
    double reach = (double)context * rope->factor;
    return reach <= (double)context ? context : reach < 1e9 ? (size_t)reach : 1000000000;
}

const wane_rope_kind wane_rope_dynamic = {.name = "dynamic",
                                          .keys = linear_keys,
                                          .key_count = COUNT(linear_keys),
                                          .settle = settle_dynamic,
                                          .unfit = dynamic_unfit,
                                          .frequency = dynamic_frequency,
                                          .decisive = dynamic_decisive,
                                          .reach = dynamic_reach};

/* --------------------------------------------------------------------------------------- llama3 */

static const wane_rope_key llama3_keys[] = {FACTOR(),
                                            {.name = "low_freq_factor",
                                             .hashed = "low",
                                             .offset = offsetof(wane_rope, low_frequency_factor)},
                                            {.name = "high_freq_factor",
                                             .hashed = "high",
                                             .offset = offsetof(wane_rope, high_frequency_factor)},
                                            ORIGINAL_CONTEXT};

static wane_status settle_llama3(wane_rope *rope, const wane_rope_source *source)
{
    return rope->high_frequency_factor > rope->low_frequency_factor
               ? WANE_OK
               : wane_config_refuse(source->file, "high_freq_factor",
                                    "is not above low_freq_factor");
}

/* Long wavelengths are divided by `factor`, short ones kept, those between blended. */
static float llama3_frequency(const wane_rope *rope, size_t width, size_t pair, size_t length)
{
    const double two_pi = 6.283185307179586;
    double frequency = (double)wane_rope_frequency(rope, width, pair, length);
    double wavelength = two_pi / frequency, context = (double)rope->original_context;
    if (wavelength < context / rope->high_frequency_factor) return (float)frequency;
    if (wavelength > context / rope->low_frequency_factor) return (float)(frequency / rope->factor);
    double smooth = (context / wavelength - rope->low_frequency_factor) /
                    (rope->high_frequency_factor - rope->low_frequency_factor);
    return (float)((1 - smooth) * frequency / rope->factor + smooth * frequency);
}

const wane_rope_kind wane_rope_llama3 = {.name = "llama3",
                                         .keys = llama3_keys,
                                         .key_count = COUNT(llama3_keys),
                                         .settle = settle_llama3,
                                         .frequency = llama3_frequency};

/* ----------------------------------------------------------------------------------------- yarn */

static const wane_rope_key yarn_keys[] = {FACTOR(.optional = true),
                                          ORIGINAL_CONTEXT,
                                          ATTENTION_FACTOR,
                                          {.name = "beta_fast",
                                           .hashed = "fast",
                                           .offset = offsetof(wane_rope, beta_fast),
                                           .optional = true,
                                           .absent = 32},
                                          {.name = "beta_slow",
                                           .hashed = "slow",
                                           .offset = offsetof(wane_rope, beta_slow),
                                           .optional = true,
                                           .absent = 1},
                                          {.name = "truncate",
                                           .hashed = "truncate",
                                           .value = WANE_ROPE_FLAG,
                                           .offset = offsetof(wane_rope, truncated)}};

static double yarn_scale(double factor, double weight)
{
    return factor <= 1 ? 1 : 0.1 * weight * log(factor) + 1;
}

/* mscale and mscale_all_dim count together or not at all; what they say is the attention factor. */
static wane_status settle_yarn(wane_rope *rope, const wane_rope_source *source)
{
    wane_status st = WANE_OK;
    const wane_json *one = wane_json_get(source->object, "mscale");
    const wane_json *all = wane_json_get(source->object, "mscale_all_dim");
    double over = 1, under = 0;
    if (!wane_json_get(source->object, "factor"))
        return wane_config_refuse(source->file, "factor", "is missing");
    if (rope->theta <= 1)
        return wane_config_refuse(source->file, "rope_theta", "is not above 1, as yarn needs it");
    if (rope->factor == 0) rope->factor = (double)source->context / (double)rope->original_context;
    if (rope->attention_factor != 0) return WANE_OK;
    if (wane_json_truth(one) && wane_json_truth(all)) {
        WANE_TRY(wane_config_take_positive(source->file, one, "mscale", &over));
        WANE_TRY(wane_config_take_positive(source->file, all, "mscale_all_dim", &under));
    }
    rope->attention_factor = yarn_scale(rope->factor, over) / yarn_scale(rope->factor, under);
done:
    return st;
}

/* The pair that turns `rotations` times within the context before scaling. */
static double yarn_pair(const wane_rope *rope, size_t width, double rotations)
{
    const double two_pi = 6.283185307179586;
    return (double)width * log((double)rope->original_context / (rotations * two_pi)) /
           (2 * log(rope->theta));
}

/* Pairs that turn fast are kept, slow ones divided by the factor, those between blended. */
static float yarn_frequency(const wane_rope *rope, size_t width, size_t pair, size_t length)
{
    double low = yarn_pair(rope, width, rope->beta_fast);
    double high = yarn_pair(rope, width, rope->beta_slow);
    (void)length;
    if (rope->truncated) {
        low = floor(low);
        high = ceil(high);
    }
    low = fmax(low, 0);
    high = fmin(high, (double)(width - 1));
    if (low == high) high += 0.001;
    float ramp = ((float)pair - (float)low) / (float)(high - low);
    float kept = 1 - (ramp < 0 ? 0 : ramp > 1 ? 1 : ramp);
    float turns = (float)period(rope->theta, width, pair);
    return 1 / ((float)rope->factor * turns) * (1 - kept) + 1 / turns * kept;
}

const wane_rope_kind wane_rope_yarn = {.name = "yarn",
                                       .keys = yarn_keys,
                                       .key_count = COUNT(yarn_keys),
                                       .settle = settle_yarn,
                                       .frequency = yarn_frequency};

/* ------------------------------------------------------------------------------------- longrope */

static const wane_rope_key longrope_keys[] = {ORIGINAL_CONTEXT,
                                              ATTENTION_FACTOR,
                                              {.name = "short_factor",
                                               .hashed = "short",
                                               .value = WANE_ROPE_FACTORS,
                                               .offset = offsetof(wane_rope, short_factor)},
                                              {.name = "long_factor",
                                               .hashed = "long",
                                               .value = WANE_ROPE_FACTORS,
                                               .offset = offsetof(wane_rope, long_factor)}};

/* `factor` says nothing but the attention factor, and counts before the ratio of the contexts. */
static wane_status settle_longrope(wane_rope *rope, const wane_rope_source *source)
{
    wane_status st = WANE_OK;
    const wane_json *given = wane_json_get(source->object, "factor");
    double context = (double)rope->original_context, factor = (double)source->context / context;
    if (wane_config_given(given))
        WANE_TRY(wane_config_take_positive(source->file, given, "factor", &factor));
    if (rope->attention_factor != 0) return WANE_OK;
    if (factor > 1 && context < 2)
        return wane_config_refuse(source->file, "original_max_position_embeddings", "is below 2");
    rope->attention_factor = factor > 1 ? sqrt(1 + log(factor) / log(context)) : 1;
done:
    return st;
}

static const char *longrope_unfit(const wane_rope *rope, size_t width)
{
    size_t pairs = (width + 1) / 2; /* of an odd number one more is turned */
    return rope->short_factor.count == pairs && rope->long_factor.count == pairs
               ? NULL
               : "has short_factor or long_factor of another length than half of what is turned";
}

static size_t longrope_decisive(const wane_rope *rope, size_t length)
{
    return length > rope->original_context;
}

static float longrope_frequency(const wane_rope *rope, size_t width, size_t pair, size_t length)
{
    bool extended = longrope_decisive(rope, length);
    double factor = (extended ? &rope->long_factor : &rope->short_factor)->value[pair];
    return 1 / ((float)factor * (float)period(rope->theta, width, pair));
}

const wane_rope_kind wane_rope_longrope = {.name = "longrope",
                                           .keys = longrope_keys,
                                           .key_count = COUNT(longrope_keys),
                                           .settle = settle_longrope,
                                           .unfit = longrope_unfit,
                                           .frequency = longrope_frequency,
                                           .decisive = longrope_decisive};

/* -------------------------------------------------------------------------------------- the list
 */

const wane_rope_kind *wane_rope_kind_at(size_t place)
{
#define WANE_ENTRY(name) &wane_rope_##name,
    static const wane_rope_kind *const kinds[] = {WANE_ROPE_KINDS(WANE_ENTRY)};
#undef WANE_ENTRY
    return place < COUNT(kinds) ? kinds[place] : NULL;
}

size_t wane_rope_decisive(const wane_rope *rope, size_t length)
{
    return rope->kind && rope->kind->decisive ? rope->kind->decisive(rope, length) : 0;
}

size_t wane_rope_width(const wane_config *config, const wane_rope *rope)
{
    return rope->width ? rope->width : config->head_width;
}

size_t wane_config_reach(const wane_config *config)
{
    const wane_rope *rope = &config->rope;
    return rope->kind && rope->kind->reach ? rope->kind->reach(rope, config->context)
                                           : config->context;
}

bool wane_config_prefix_shared(const wane_config *config, size_t prefix, size_t whole)
{
    return wane_rope_decisive(&config->rope, prefix) == wane_rope_decisive(&config->rope, whole);
}

wane_status wane_rope_check(const wane_config *config, const wane_config_source *source)
{
    const wane_rope *rope = &config->rope;
    const wane_rope_kind *kind = rope->kind;
    size_t width = wane_rope_width(config, rope), lengths[2] = {1, wane_config_reach(config)};
    if (!kind) return WANE_OK;
    const char *cause = kind->unfit ? kind->unfit(rope, width) : NULL;
    for (size_t i = 0; !cause && i < width; i++)
        if (!isfinite(kind->frequency(rope, width, i / 2, lengths[i % 2])))
            cause = "gives a frequency that is not finite";
    return cause ? wane_config_refuse(source, kind->name, cause) : WANE_OK;
}
