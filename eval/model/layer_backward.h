/* SPDX-License-Identifier: Apache-2.0
 * The way back through one layer. For this room alone.
 */
#ifndef EVAL_MODEL_LAYER_BACKWARD_H
#define EVAL_MODEL_LAYER_BACKWARD_H

#include "eval/model/state.h"

/* stream[0] holds the gradient of the layer's output, one row per row of `rows`; afterwards that of
 * its input, one row per token (the three buffers trade places). Gradients of parameters are added
 * into `gradients`. `lowest` is the step of what is first trained. False when nothing below the
 * layer is trained: stream[0] is then of no use. */
bool wane_layer_backward(wane_pass *pass, size_t layer, const wane_rows *rows, size_t lowest,
                         const wane_gradients *gradients, float **stream);

#endif
