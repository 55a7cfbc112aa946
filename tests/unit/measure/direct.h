/* SPDX-License-Identifier: Apache-2.0
 * The judge of eval/measure: a tiny random model and its log-probabilities one sequence at a time,
 * softmax in double over all logits.
 */
#ifndef TESTS_UNIT_MEASURE_DIRECT_H
#define TESTS_UNIT_MEASURE_DIRECT_H

#include "eval/model/model.h"
#include "eval/model/pass.h"

/* Weights large enough that predictions are far from uniform. */
wane_model *direct_model(size_t vocabulary, size_t context, uint64_t seed);

/* A rank-2 adapter on every linear weight, both factors random. */
wane_adapter *direct_adapter(const wane_model *model);

/* log p(v | ids[0..t]) at [t * vocabulary + v] for one sequence; free with wane_free. */
double *direct_log_p(const wane_model *model, const wane_adapter *adapter, const int32_t *ids,
                     size_t count);

/* KL(p || q) of two rows of log-probabilities. */
double direct_kl(const double *log_p, const double *log_q, size_t vocabulary);

/* Token ids from a seed. */
void direct_ids(int32_t *ids, size_t count, size_t vocabulary, uint64_t seed);

#endif
