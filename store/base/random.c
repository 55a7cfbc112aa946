/* SPDX-License-Identifier: Apache-2.0
 * Packs the place of a draw into Philox's counter of 128 bits and turns the words it gives into
 * uniform and normal numbers (Box and Muller 1958) and permutations (Fisher and Yates).
 */
#include "store/base/random.h"

#include <Random123/philox.h>
#include <assert.h>
#include <math.h>

__extension__ typedef unsigned __int128 wide;

void wane_random_counter(uint64_t *high, uint64_t *low, const wane_random *where, uint64_t element)
{
    /* purpose 8 | stage 16 | step 40 | tensor 24 | element 40, most significant first. */
    *high = (uint64_t)where->purpose << 56 | (where->stage & 0xffff) << 40 |
            (where->step & 0xffffffffff);
    *low = (where->tensor & 0xffffff) << 40 | (element & 0xffffffffff);
}

void wane_random_words(uint32_t out[4], const wane_random *where, uint64_t element)
{
    uint64_t high, low;
    wane_random_counter(&high, &low, where, element);
    philox4x32_ctr_t counter = {
        {(uint32_t)low, (uint32_t)(low >> 32), (uint32_t)high, (uint32_t)(high >> 32)}};
    philox4x32_key_t key = {{(uint32_t)where->seed, (uint32_t)(where->seed >> 32)}};
    philox4x32_ctr_t words = philox4x32(counter, key);
    for (int i = 0; i < 4; i++) out[i] = words.v[i];
}

static double unit(uint32_t high, uint32_t low)
{
    uint64_t bits = ((uint64_t)high << 32 | low) >> 11;
    return (double)bits * 0x1p-53;
}

double wane_random_uniform(const wane_random *where, uint64_t element)
{
    uint32_t words[4];
    wane_random_words(words, where, element);
    return unit(words[0], words[1]);
}

uint64_t wane_random_below(const wane_random *where, uint64_t element, uint64_t bound)
{
    uint32_t words[4];
    assert(bound >= 1);
    wane_random_words(words, where, element);
    uint64_t value = (uint64_t)words[0] << 32 | words[1];
    return (uint64_t)(((wide)value * bound) >> 64);
}

/* Two independent standard normal numbers are radius times cosine and sine (Box and Muller 1958).
 */
static double polar(double *angle, const wane_random *where, uint64_t element)
{
    const double two_pi = 6.283185307179586;
    uint32_t words[4];
    wane_random_words(words, where, element);
    *angle = two_pi * unit(words[2], words[3]);
    return sqrt(-2.0 * log(1.0 - unit(words[0], words[1])));
}

void wane_random_normal_fill(float *out, size_t count, double sigma, const wane_random *where)
{
    for (size_t i = 0; i < count; i += 2) {
        double angle, radius = polar(&angle, where, i / 2);
        out[i] = (float)(sigma * radius * cos(angle));
        if (i + 1 < count) out[i + 1] = (float)(sigma * radius * sin(angle));
    }
}

void wane_random_normals(double *out, size_t count, const wane_random *where)
{
    for (size_t i = 0; i < count; i += 2) {
        double angle, radius = polar(&angle, where, i / 2);
        out[i] = radius * cos(angle);
        if (i + 1 < count) out[i + 1] = radius * sin(angle);
    }
}

void wane_random_uniform_fill(float *out, size_t count, double low, double high,
                              const wane_random *where)
{
    for (size_t i = 0; i < count; i += 2) {
        uint32_t words[4];
        wane_random_words(words, where, i / 2);
        out[i] = (float)(low + (high - low) * unit(words[0], words[1]));
        if (i + 1 < count) out[i + 1] = (float)(low + (high - low) * unit(words[2], words[3]));
    }
}

void wane_random_permutation(size_t *order, size_t count, const wane_random *where)
{
    for (size_t i = 0; i < count; i++) order[i] = i;
    for (size_t i = count; i > 1; i--) {
        size_t j = (size_t)wane_random_below(where, count - i, i);
        size_t kept = order[i - 1];
        order[i - 1] = order[j];
        order[j] = kept;
    }
}
