/* SPDX-License-Identifier: Apache-2.0
 * The angles of rotary positions. For this room alone.
 */
#ifndef EVAL_MODEL_ROPE_H
#define EVAL_MODEL_ROPE_H

#include <stddef.h>

#include "eval/model/model.h"
#include "eval/model/state.h"

/* cosine, sine (count x half of `width`, rounded up): of position * frequency times the attention
 * factor, for `count` positions from `first` of a sequence of `length` tokens, computed as
 * transformers does: frequencies and angles rounded to fp32. `width` numbers of a head are turned,
 * one more if they are odd. */
void wane_rope_fill(const wane_rope *rope, size_t width, size_t length, size_t first, size_t count,
                    float *cosine, float *sine);

/* The rows of the angles (those of `rope`) for the tokens of a batch whose positions are known:
 * each sequence, the one that it continues included, as its own length wants it. */
void wane_rope_set(wane_angles *angles, const wane_rope *rope, const wane_batch *batch,
                   const int32_t *position);

#endif
