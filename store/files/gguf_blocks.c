/* SPDX-License-Identifier: Apache-2.0
 * The types of GGUF files, and their blocks widened to fp32 as gguf-py does, to the last bit
 * (layouts: ggml's ggml-common.h; the order of operations: gguf-py's quants.py).
 */
#include <stdio.h>
#include <string.h>

#include "store/files/gguf_internal.h"
#include "store/files/tensors_internal.h"

/* Numbers of a superblock (QK_K), and of a group that has one scale at the most. */
enum { SUPER = 256, GROUP = WANE_GGUF_GROUP };

static float half_at(const unsigned char *bytes)
{
    float value = 0;
    wane_dtype_widen(WANE_F16, bytes, 1, &value);
    return value;
}

/* The step of numbers [first, first + count) of a block, where it is asked for. */
static void note_step(float *step, size_t first, size_t count, float size)
{
    for (size_t i = 0; step && i < count / GROUP; i++) step[first / GROUP + i] = size;
}

/* Low halves of 16 bytes, then high ones. */
static unsigned nibble(const unsigned char *q, size_t j)
{
    return j < 16 ? q[j] & 15u : q[j - 16] >> 4;
}

/* ----------------------------------------------------------------------------- blocks of 32 -- */

static void widen_q4_0(const unsigned char *b, float *out, float *step)
{
    float d = half_at(b);
    for (size_t j = 0; j < 32; j++) out[j] = d * (float)((int)nibble(b + 2, j) - 8);
    note_step(step, 0, 32, d);
}

static void widen_q4_1(const unsigned char *b, float *out, float *step)
{
    float d = half_at(b), m = half_at(b + 2);
    for (size_t j = 0; j < 32; j++) out[j] = d * (float)nibble(b + 4, j) + m;
    note_step(step, 0, 32, d);
}

/* Four bits of q and the fifth of qh. */
static unsigned five_bits(const unsigned char *qh, const unsigned char *q, size_t j)
{
    return nibble(q, j) | (qh[j / 8] >> j % 8 & 1u) << 4;
}

static void widen_q5_0(const unsigned char *b, float *out, float *step)
{
    float d = half_at(b);
    for (size_t j = 0; j < 32; j++) out[j] = d * (float)((int)five_bits(b + 2, b + 6, j) - 16);
    note_step(step, 0, 32, d);
}

static void widen_q5_1(const unsigned char *b, float *out, float *step)
{
    float d = half_at(b), m = half_at(b + 2);
    for (size_t j = 0; j < 32; j++) out[j] = d * (float)five_bits(b + 4, b + 8, j) + m;
    note_step(step, 0, 32, d);
}

static void widen_q8_0(const unsigned char *b, float *out, float *step)
{
    float d = half_at(b);
    for (size_t j = 0; j < 32; j++) out[j] = (float)(signed char)b[2 + j] * d;
    note_step(step, 0, 32, d);
}

static const signed char nonlinear[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                          1,    13,   25,  38,  53,  69,  89,  113};
/* What its neighbours are apart, on average. */
static const float nonlinear_step = 16;

static void widen_iq4_nl(const unsigned char *b, float *out, float *step)
{
    float d = half_at(b);
    for (size_t j = 0; j < 32; j++) out[j] = d * (float)nonlinear[nibble(b + 2, j)];
    note_step(step, 0, 32, d * nonlinear_step);
}

/* ------------------------------------------------------------------------------ superblocks -- */

/* Two bits a number: of each 32 bytes four times 32 numbers. */
static unsigned two_bits(const unsigned char *q, size_t i)
{
    return q[i / 128 * 32 + i % 32] >> i % 128 / 32 * 2 & 3u;
}

static void widen_q2_k(const unsigned char *b, float *out, float *step)
{
    const unsigned char *q = b + 16;
    float d = half_at(b + 80), least = half_at(b + 82);
    for (size_t g = 0; g < SUPER / GROUP; g++) {
        float scale = d * (float)(b[g] & 15), minimum = least * (float)(b[g] >> 4);
        for (size_t i = g * GROUP; i < (g + 1) * GROUP; i++)
            out[i] = scale * (float)two_bits(q, i) - minimum;
        note_step(step, g * GROUP, GROUP, scale);
    }
}

static void widen_q3_k(const unsigned char *b, float *out, float *step)
{
    const unsigned char *mask = b, *q = b + 32, *scales = b + 96;
    float d = half_at(b + 108);
    for (size_t g = 0; g < SUPER / GROUP; g++) {
        unsigned low = g < 8 ? scales[g] & 15u : scales[g - 8] >> 4;
        unsigned high = scales[8 + g % 4] >> g / 4 * 2 & 3u;
        float scale = d * (float)((int)(low | high << 4) - 32);
        for (size_t i = g * GROUP; i < (g + 1) * GROUP; i++) {
            bool set = mask[i % 32] >> i / 32 & 1;
            out[i] = scale * (float)((int)two_bits(q, i) - (set ? 0 : 4));
        }
        note_step(step, g * GROUP, GROUP, scale);
    }
}

/* Scale and minimum of group j of 8: six bits each, in 12 bytes. */
static void scale_and_minimum(const unsigned char *b, size_t j, unsigned *scale, unsigned *minimum)
{
    if (j < 4) {
        *scale = b[j] & 63u;
        *minimum = b[j + 4] & 63u;
    } else {
        *scale = (b[j + 4] & 15u) | (unsigned)(b[j - 4] >> 6) << 4;
        *minimum = (unsigned)(b[j + 4] >> 4) | (unsigned)(b[j] >> 6) << 4;
    }
}

/* Four bits a number, and a fifth where there is `fifth`. */
static void widen_4_or_5(const unsigned char *b, const unsigned char *fifth, const unsigned char *q,
                         float *out, float *step)
{
    float d = half_at(b), least = half_at(b + 2);
    for (size_t g = 0; g < SUPER / 32; g++) {
        unsigned s = 0, m = 0;
        scale_and_minimum(b + 4, g, &s, &m);
        float scale = d * (float)s, minimum = least * (float)m;
        for (size_t l = 0; l < 32; l++) {
            unsigned v = q[g / 2 * 32 + l] >> g % 2 * 4 & 15u;
            if (fifth) v |= (fifth[l] >> g & 1u) << 4;
            out[g * 32 + l] = scale * (float)v - minimum;
        }
        note_step(step, g * 32, 32, scale);
    }
}

static void widen_q4_k(const unsigned char *b, float *out, float *step)
{
    widen_4_or_5(b, NULL, b + 16, out, step);
}

static void widen_q5_k(const unsigned char *b, float *out, float *step)
{
    widen_4_or_5(b, b + 16, b + 48, out, step);
}

static void widen_q6_k(const unsigned char *b, float *out, float *step)
{
    const unsigned char *low = b, *high = b + 128, *scales = b + 192;
    float d = half_at(b + 208);
    for (size_t g = 0; g < SUPER / GROUP; g++) {
        float scale = d * (float)(signed char)scales[g];
        for (size_t i = g * GROUP; i < (g + 1) * GROUP; i++) {
            size_t half = i / 128, quarter = i % 128 / 32, l = i % 32;
            unsigned v = low[64 * half + quarter % 2 * 32 + l] >> quarter / 2 * 4 & 15u;
            v |= (high[32 * half + l] >> quarter * 2 & 3u) << 4;
            out[i] = scale * (float)((int)v - 32);
        }
        note_step(step, g * GROUP, GROUP, scale);
    }
}

static void widen_iq4_xs(const unsigned char *b, float *out, float *step)
{
    const unsigned char *low = b + 4, *q = b + 8;
    float d = half_at(b);
    unsigned high = b[2] | (unsigned)b[3] << 8;
    for (size_t g = 0; g < SUPER / 32; g++) {
        unsigned s = (low[g / 2] >> g % 2 * 4 & 15u) | (high >> 2 * g & 3u) << 4;
        float scale = d * (float)((int)s - 32);
        for (size_t j = 0; j < 32; j++)
            out[g * 32 + j] = scale * (float)nonlinear[nibble(q + 16 * g, j)];
        note_step(step, g * 32, 32, scale * nonlinear_step);
    }
}

/* ----------------------------------------------------------------------------------- the types */

#define PLAIN(name_, number_, bytes_, dtype_)                                                      \
    {                                                                                              \
        .name = name_, .number = number_, .values = 1, .bytes = bytes_, .dtype = dtype_            \
    }
#define BLOCKS(name_, number_, values_, bytes_, widen_)                                            \
    {                                                                                              \
        .name = name_, .number = number_, .values = values_, .bytes = bytes_,                      \
        .dtype = WANE_BLOCKS, .widen = widen_                                                      \
    }
/* Known by size, so that files with them can be looked at; their values are not read. */
#define UNREAD(name_, number_, values_, bytes_)                                                    \
    {                                                                                              \
        .name = name_, .number = number_, .values = values_, .bytes = bytes_, .dtype = WANE_OTHER  \
    }

static const wane_gguf_type types[] = {
    PLAIN("F32", 0, 4, WANE_F32),
    PLAIN("F16", 1, 2, WANE_F16),
    BLOCKS("Q4_0", 2, 32, 18, widen_q4_0),
    BLOCKS("Q4_1", 3, 32, 20, widen_q4_1),
    BLOCKS("Q5_0", 6, 32, 22, widen_q5_0),
    BLOCKS("Q5_1", 7, 32, 24, widen_q5_1),
    BLOCKS("Q8_0", 8, 32, 34, widen_q8_0),
    UNREAD("Q8_1", 9, 32, 40),
    BLOCKS("Q2_K", 10, SUPER, 84, widen_q2_k),
    BLOCKS("Q3_K", 11, SUPER, 110, widen_q3_k),
    BLOCKS("Q4_K", 12, SUPER, 144, widen_q4_k),
    BLOCKS("Q5_K", 13, SUPER, 176, widen_q5_k),
    BLOCKS("Q6_K", 14, SUPER, 210, widen_q6_k),
    UNREAD("Q8_K", 15, SUPER, 292),
    UNREAD("IQ2_XXS", 16, SUPER, 66),
    UNREAD("IQ2_XS", 17, SUPER, 74),
    UNREAD("IQ3_XXS", 18, SUPER, 98),
    UNREAD("IQ1_S", 19, SUPER, 50),
    BLOCKS("IQ4_NL", 20, 32, 18, widen_iq4_nl),
    UNREAD("IQ3_S", 21, SUPER, 110),
    UNREAD("IQ2_S", 22, SUPER, 82),
    BLOCKS("IQ4_XS", 23, SUPER, 136, widen_iq4_xs),
    PLAIN("I8", 24, 1, WANE_OTHER),
    PLAIN("I16", 25, 2, WANE_OTHER),
    PLAIN("I32", 26, 4, WANE_OTHER),
    PLAIN("I64", 27, 8, WANE_OTHER),
    PLAIN("F64", 28, 8, WANE_F64),
    UNREAD("IQ1_M", 29, SUPER, 56),
    PLAIN("BF16", 30, 2, WANE_BF16),
    UNREAD("TQ1_0", 34, SUPER, 54),
    UNREAD("TQ2_0", 35, SUPER, 66),
    UNREAD("MXFP4", 39, 32, 17),
    UNREAD("NVFP4", 40, 64, 36),
    UNREAD("Q1_0", 41, 128, 18),
};

const char *wane_gguf_say_types(char out[WANE_GGUF_TYPES])
{
    size_t used = 0;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].dtype != WANE_OTHER)
            used += (size_t)snprintf(out + used, WANE_GGUF_TYPES - used, "%s%s", used ? ", " : "",
                                     types[i].name);
    return out;
}

const wane_gguf_type *wane_gguf_type_of(unsigned number)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].number == number) return &types[i];
    return NULL;
}

void wane_gguf_widen(const wane_gguf_type *type, const unsigned char *raw, size_t first,
                     size_t count, float *out)
{
    float whole[SUPER];
    raw += first / type->values * type->bytes;
    for (size_t skip = first % type->values; count; skip = 0, raw += type->bytes) {
        size_t part = type->values - skip < count ? type->values - skip : count;
        if (part == type->values) {
            type->widen(raw, out, NULL);
        } else {
            type->widen(raw, whole, NULL);
            memcpy(out, whole + skip, part * sizeof *out);
        }
        out += part;
        count -= part;
    }
}

double wane_gguf_rounding(const wane_gguf_type *type, const unsigned char *raw, size_t first,
                          size_t count)
{
    float values[SUPER], step[SUPER / GROUP];
    double sum = 0;
    raw += first / type->values * type->bytes;
    for (size_t skip = first % type->values; count; skip = 0, raw += type->bytes) {
        size_t part = type->values - skip < count ? type->values - skip : count;
        type->widen(raw, values, step);
        for (size_t i = skip; i < skip + part; i++)
            sum += (double)step[i / GROUP] * (double)step[i / GROUP] / 12;
        count -= part;
    }
    return sum;
}
