/* SPDX-License-Identifier: Apache-2.0
 * Largest score, margin and softmax loss of one example, and their sums with standard error and
 * majority.
 */
#include "eval/measure/judge.h"

#include <math.h>

#include "store/base/memory.h"

void wane_judge(const double *score, size_t labels, int32_t label, wane_example_score *out)
{
    size_t best = 0;
    double other = -INFINITY, sum = 0;
    out->label = label;
    out->predicted = -1;
    out->margin = out->loss = NAN;
    for (size_t l = 0; l < labels; l++)
        if (!isfinite(score[l])) return;
    for (size_t l = 1; l < labels; l++)
        if (score[l] > score[best]) best = l;
    for (size_t l = 0; l < labels; l++) {
        sum += exp(score[l] - score[best]);
        if ((int32_t)l != label && score[l] > other) other = score[l];
    }
    out->predicted = (int32_t)best;
    out->margin = score[label] - other;
    out->loss = score[best] + log(sum) - score[label];
}

wane_status wane_accuracy_sum_up(wane_accuracy *a, size_t labels, const char *task, wane_error *err)
{
    size_t *counts = wane_alloc(labels, sizeof *counts), most = 0;
    if (!counts) return wane_fail_memory(err, "measure", task);
    double n = (double)a->examples, right = 0;
    for (size_t i = 0; i < a->examples; i++) {
        if (a->example[i].predicted < 0 && !a->reason) {
            a->reason = WANE_NOT_FINITE;
            a->row = a->example[i].row;
        }
        right += a->example[i].label == a->example[i].predicted;
        a->loss += a->example[i].loss;
        counts[a->example[i].label]++;
    }
    for (size_t l = 0; l < labels; l++)
        if (counts[l] > most) most = counts[l];
    wane_free(counts);
    a->accuracy = right / n;
    a->stderr_ = sqrt(a->accuracy * (1 - a->accuracy) / n);
    a->loss /= n;
    if (a->reason) a->accuracy = a->stderr_ = a->loss = NAN;
    a->majority = (double)most / n;
    a->kl_on_task_prompt = a->kl_on_task_answer = NAN;
    return WANE_OK;
}

void wane_accuracy_free(wane_accuracy *accuracy)
{
    wane_free(accuracy->example);
    *accuracy = (wane_accuracy){0};
}
