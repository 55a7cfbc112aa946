/* SPDX-License-Identifier: Apache-2.0
 * Frequencies from theta, with Llama 3's scaling, and their cosines and sines for every position.
 */
#include "eval/model/rope.h"

#include <math.h>

/* Llama 3's scaling: long wavelengths are divided by `factor`, short ones kept, those between
 * blended. */
static double scaled(const wane_rope *rope, double frequency)
{
    const double two_pi = 6.283185307179586;
    double wavelength = two_pi / frequency, context = (double)rope->original_context;
    if (wavelength < context / rope->high_frequency_factor) return frequency;
    if (wavelength > context / rope->low_frequency_factor) return frequency / rope->factor;
    double smooth = (context / wavelength - rope->low_frequency_factor) /
                    (rope->high_frequency_factor - rope->low_frequency_factor);
    return (1 - smooth) * frequency / rope->factor + smooth * frequency;
}

void wane_rope_fill(const wane_rope *rope, size_t width, size_t positions, float *cosine,
                    float *sine)
{
    size_t half = width / 2;
    for (size_t i = 0; i < half; i++) {
        double exponent = (double)(2 * i) / (double)width;
        double frequency = (float)(1.0 / pow(rope->theta, exponent));
        if (rope->llama3) frequency = (float)scaled(rope, frequency);
        for (size_t p = 0; p < positions; p++) {
            float angle = (float)p * (float)frequency;
            cosine[p * half + i] = (float)cos((double)angle);
            sine[p * half + i] = (float)sin((double)angle);
        }
    }
}
