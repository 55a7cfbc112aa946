/* SPDX-License-Identifier: Apache-2.0
 * The angles of rotary positions. For this room alone.
 */
#ifndef EVAL_MODEL_ROPE_H
#define EVAL_MODEL_ROPE_H

#include <stddef.h>

#include "eval/model/model.h"

/* cosine, sine (positions x width / 2): of position * frequency, computed as transformers does:
 * frequencies and angles rounded to fp32. `width` numbers of a head are turned. */
void wane_rope_fill(const wane_rope *rope, size_t width, size_t positions, float *cosine,
                    float *sine);

#endif
