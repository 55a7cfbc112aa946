/* SPDX-License-Identifier: Apache-2.0
 * From scores of labels to outcomes. For this room alone.
 */
#ifndef EVAL_MEASURE_JUDGE_H
#define EVAL_MEASURE_JUDGE_H

#include "eval/measure/measure.h"

/* The best label (the smaller one on ties); margin = score of the label minus the best other; loss
 * = -log softmax over the labels' scores. A score that is not finite: predicted -1, the rest NaN.
 */
void wane_judge(const double *score, size_t labels, int32_t label, wane_example_score *out);

/* Accuracy, its error, loss, majority and reason from the examples; the divergences become NaN. */
WANE_MUST_CHECK wane_status wane_accuracy_sum_up(wane_accuracy *accuracy, size_t labels,
                                                 const char *task, wane_error *err);

#endif
