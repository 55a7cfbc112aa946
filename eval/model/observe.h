/* SPDX-License-Identifier: Apache-2.0
 * What a change of the weights does to the inputs that the weights see. For this room alone. The
 * public part is wane_pass_observe.
 */
#ifndef EVAL_MODEL_OBSERVE_H
#define EVAL_MODEL_OBSERVE_H

#include "eval/model/linear.h"

/* Called with every input of a linear layer while a pass is observed. */
void wane_observe_linear(const wane_linear *linear, wane_slot slot, const float *x);

#endif
