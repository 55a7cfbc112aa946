/* SPDX-License-Identifier: Apache-2.0
 * Cosines and sines of rotary positions.
 */
#include "eval/model/rope.h"

#include <math.h>

#include "eval/model/rope_kinds.h"

void wane_rope_fill(const wane_rope *rope, size_t width, size_t length, size_t first, size_t count,
                    float *cosine, float *sine)
{
    size_t half = (width + 1) / 2;
    float factor = rope->attention_factor != 0 ? (float)rope->attention_factor : 1;
    for (size_t i = 0; i < half; i++) {
        float frequency = rope->kind ? rope->kind->frequency(rope, width, i, length)
                                     : wane_rope_frequency(rope, width, i, length);
        for (size_t p = 0; p < count; p++) {
            float angle = (float)(first + p) * frequency;
            cosine[p * half + i] = (float)cos((double)angle) * factor;
            sine[p * half + i] = (float)sin((double)angle) * factor;
        }
    }
}

void wane_rope_set(wane_angles *angles, const wane_rope *rope, const wane_batch *batch,
                   const int32_t *position)
{
    size_t half = angles->turned / 2;
    if (!angles->row) return;
    for (size_t s = 0; s < batch->sequences; s++) {
        size_t from = batch->starts[s], end = batch->starts[s + 1], row = angles->positions + from;
        size_t first = (size_t)position[from], length = first + end - from;
        bool own = wane_rope_decisive(rope, length) != wane_rope_decisive(rope, 1);
        for (size_t t = from; t < end; t++)
            angles->row[t] = own ? (int32_t)(angles->positions + t) : position[t];
        if (own)
            wane_rope_fill(rope, angles->width, length, first, end - from,
                           angles->cosine + row * half, angles->sine + row * half);
    }
}
