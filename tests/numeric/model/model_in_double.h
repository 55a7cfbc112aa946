/* SPDX-License-Identifier: Apache-2.0
 * A model computed in double, token by token from the formulas, for small ones: what a pass is held
 * against. Nothing is shared with eval/model but the table and the block's description.
 */
#ifndef TESTS_NUMERIC_MODEL_MODEL_IN_DOUBLE_H
#define TESTS_NUMERIC_MODEL_MODEL_IN_DOUBLE_H

#include "eval/model/pass.h"

/* The weights as doubles, W + scale B A where the adapter (NULL: none) has factors; laid out as the
 * model's block. Free with wane_free. */
double *doubled_weights(const wane_model *model, const wane_adapter *adapter);

/* The sum over the batch's targets of their nll, which are also written to `nll` (may be NULL). No
 * prefixes, no head of classes. */
double loss_in_double(const wane_model *model, const double *weights, const wane_batch *batch,
                      double *nll);

#endif
