/* SPDX-License-Identifier: Apache-2.0
 * The table of element types: their names, bits and rounding, and their values widened to fp32.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "store/files/tensors_internal.h"

/* Bits of an element; sub-byte types fill whole bytes. Those that are read in the order of
 * wane_dtype. */
static const struct {
    const char *name;
    unsigned bits;
    wane_dtype dtype;
} dtypes[] = {
    {"F32", 32, WANE_F32},      {"F16", 16, WANE_F16},          {"BF16", 16, WANE_BF16},
    {"F64", 64, WANE_F64},      {"F8_E4M3", 8, WANE_F8_E4M3},   {"F8_E5M2", 8, WANE_F8_E5M2},
    {"BOOL", 8, WANE_OTHER},    {"U8", 8, WANE_OTHER},          {"I8", 8, WANE_OTHER},
    {"U16", 16, WANE_OTHER},    {"I16", 16, WANE_OTHER},        {"U32", 32, WANE_OTHER},
    {"I32", 32, WANE_OTHER},    {"U64", 64, WANE_OTHER},        {"I64", 64, WANE_OTHER},
    {"F8_E8M0", 8, WANE_OTHER}, {"F8_E4M3FNUZ", 8, WANE_OTHER}, {"F8_E5M2FNUZ", 8, WANE_OTHER},
    {"F6_E2M3", 6, WANE_OTHER}, {"F6_E3M2", 6, WANE_OTHER},     {"F4", 4, WANE_OTHER},
    {"C64", 64, WANE_OTHER}};

const char *wane_dtype_name(wane_dtype dtype)
{
    return dtype == WANE_OTHER ? "other" : dtype == WANE_BLOCKS ? "blocks" : dtypes[dtype].name;
}

unsigned wane_dtype_bits(const char **type, wane_dtype *dtype, const char *name)
{
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if (strcmp(name, dtypes[i].name) == 0) {
            *type = dtypes[i].name;
            *dtype = dtypes[i].dtype;
            return dtypes[i].bits;
        }
    return 0;
}

double wane_dtype_rounding(wane_dtype dtype, const float *values, size_t count)
{
    /* Bits of the fraction, and the exponent of the least distance (of subnormal numbers). */
    static const struct {
        int bits, least;
    } of[] = {[WANE_F16] = {10, -24},
              [WANE_BF16] = {7, -133},
              [WANE_F8_E4M3] = {3, -9},
              [WANE_F8_E5M2] = {2, -16}};
    double sum = 0, square[256]; /* by the exponent's bits; 0: subnormal in fp32, and 0 itself */
    if ((size_t)dtype >= sizeof of / sizeof *of || of[dtype].bits == 0) return 0;
    for (int e = 0; e < 256; e++) {
        int place = e - 127 - of[dtype].bits, least = of[dtype].least;
        double unit = ldexp(1, e == 0 || place < least ? least : place);
        square[e] = unit * unit / 12;
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t value = 0;
        memcpy(&value, &values[i], sizeof value);
        sum += square[value >> 23 & 0xff];
    }
    return sum;
}

double wane_dtype_rounding_rms(wane_dtype dtype, const float *values, size_t count)
{
    return sqrt(wane_dtype_rounding(dtype, values, count) / (double)count);
}

static int significant_bits(wane_dtype dtype)
{
    static const int bits[] = {
        [WANE_F32] = 24,    [WANE_F16] = 11,    [WANE_BF16] = 8,   [WANE_F64] = 53,
        [WANE_F8_E4M3] = 4, [WANE_F8_E5M2] = 3, [WANE_BLOCKS] = 1, [WANE_OTHER] = 53};
    return bits[dtype];
}

bool wane_dtype_coarser(wane_dtype dtype, wane_dtype other)
{
    return significant_bits(dtype) < significant_bits(other);
}

/* Significant bits 8 (BF16) or 11 (F16, at most 65504, multiples of 2^-24). */
static bool fits(float value, wane_dtype dtype)
{
    uint32_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    if (dtype == WANE_BF16) return (bits & 0xffff) == 0;
    double scaled = ldexp((double)value, 24);
    return (bits & 0x1fff) == 0 && fabs((double)value) <= 65504 && rint(scaled) == scaled;
}

wane_dtype wane_dtype_of_values(const float *values, size_t count)
{
    static const wane_dtype types[] = {WANE_BF16, WANE_F16};
    for (size_t t = 0; t < 2; t++) {
        size_t i = 0;
        while (i < count && fits(values[i], types[t])) i++;
        if (i == count) return types[t];
    }
    return WANE_F32;
}

static float from_bits(uint32_t bits)
{
    float value = 0;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The exponent is rebased by one exact product, which also makes subnormal halves normal. */
static float widen_half(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, rest = (uint32_t)(half & 0x7fff) << 13;
    uint32_t bits = 0;
    float magnitude = from_bits(rest) * 0x1p112f;
    memcpy(&bits, &magnitude, sizeof bits);
    return from_bits(sign | ((half & 0x7c00) == 0x7c00 ? rest | 0x7f800000 : bits));
}

/* One byte: a sign, 4 or 5 bits of exponent, the rest of fraction. E4M3 has no infinity, and NaN
 * only where all other bits are set; E5M2 is the upper byte of a half. */
static float widen_byte(wane_dtype dtype, unsigned char byte)
{
    if (dtype == WANE_F8_E5M2) return widen_half((uint16_t)(byte << 8));
    uint32_t sign = (uint32_t)(byte & 0x80) << 24, rest = (uint32_t)(byte & 0x7f) << 20;
    uint32_t bits = 0;
    float magnitude = from_bits(rest) * 0x1p120f;
    memcpy(&bits, &magnitude, sizeof bits);
    return from_bits(sign | ((byte & 0x7f) == 0x7f ? 0x7fc00000 : bits));
}

/* Widened from the front: an element is read before the four bytes it becomes reach any other's. */
void wane_dtype_widen(wane_dtype dtype, const unsigned char *raw, size_t count, float *out)
{
    uint16_t half = 0;
    double wide = 0;
    switch (dtype) {
    case WANE_F32:
        if (count && raw != (const unsigned char *)out) memcpy(out, raw, count * sizeof *out);
        return;
    case WANE_F16:
        for (size_t i = 0; i < count; i++) {
            memcpy(&half, raw + 2 * i, sizeof half);
            out[i] = widen_half(half);
        }
        return;
    case WANE_BF16:
        for (size_t i = 0; i < count; i++) {
            memcpy(&half, raw + 2 * i, sizeof half);
            out[i] = from_bits((uint32_t)half << 16);
        }
        return;
    case WANE_F64:
        for (size_t i = 0; i < count; i++) {
            memcpy(&wide, raw + 8 * i, sizeof wide);
            out[i] = (float)wide;
        }
        return;
    case WANE_F8_E4M3:
    case WANE_F8_E5M2:
        for (size_t i = 0; i < count; i++) out[i] = widen_byte(dtype, raw[i]);
        return;
    case WANE_BLOCKS:
    case WANE_OTHER: return;
    }
}

size_t wane_dtype_width(wane_dtype dtype)
{
    return dtypes[dtype].bits / 8;
}
