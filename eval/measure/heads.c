/* SPDX-License-Identifier: Apache-2.0
 * What heads on the last token of a prompt say: its features, a linear head on them.
 */

#include "eval/measure/judge.h"
#include "eval/measure/measure.h"
#include "store/base/memory.h"

/* The prompts that fit in one batch after row `first`; at least one. */
static size_t batch_end(const wane_prompts *p, size_t first)
{
    size_t last = first + 1;
    while (last < p->rows && p->starts[last + 1] - p->starts[first] <= WANE_MEASURE_TOKENS) last++;
    return last;
}

/* Features of rows first .. last - 1. */
static wane_status batch_features(double *out, wane_pass *pass, const wane_model *model,
                                  const wane_adapter *adapter, const wane_prompts *p, size_t first,
                                  size_t last, wane_error *err)
{
    size_t count = last - first, width = model->config.width;
    size_t *starts = wane_alloc(count + 1, sizeof *starts);
    size_t *position = wane_alloc(count, sizeof *position);
    float *features = wane_alloc(count, width * sizeof *features);
    wane_status st = WANE_OK;
    WANE_TRY(starts && position && features ? WANE_OK : wane_fail_memory(err, "measure", "head"));
    for (size_t r = 0; r < count; r++) {
        starts[r + 1] = p->starts[first + r + 1] - p->starts[first];
        position[r] = starts[r + 1] - 1;
    }
    wane_batch batch = {.tokens = starts[count],
                        .sequences = count,
                        .ids = p->ids + p->starts[first],
                        .starts = starts};
    WANE_TRY(wane_pass_forward(pass, model, adapter, &batch, NULL, err));
    wane_pass_features(pass, position, count, features);
    for (size_t i = 0; i < count * width; i++) out[i] = features[i];
done:
    wane_free(starts);
    wane_free(position);
    wane_free(features);
    return st;
}

wane_status wane_measure_features(double *out, const wane_model *model, const wane_adapter *adapter,
                                  const wane_prompts *prompts, wane_pool *pool, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_pass *pass = NULL;
    wane_pass_limits limits = {.tokens = 1, .sequences = 1, .targets = 1};
    wane_pass_limits_adapter(&limits, adapter);
    for (size_t first = 0, last = 0; first < prompts->rows; first = last) {
        last = batch_end(prompts, first);
        size_t tokens = prompts->starts[last] - prompts->starts[first];
        if (tokens > limits.tokens) limits.tokens = tokens;
        if (last - first > limits.sequences) limits.sequences = last - first;
    }
    WANE_TRY(wane_pass_new(&pass, &model->config, &limits, pool, err));
    for (size_t first = 0, last = 0; first < prompts->rows; first = last) {
        last = batch_end(prompts, first);
        WANE_TRY(batch_features(out + first * model->config.width, pass, model, adapter, prompts,
                                first, last, err));
    }
done:
    wane_pass_free(pass);
    return st;
}

wane_status wane_accuracy_of_scores(wane_accuracy *out, const double *scores, const wane_task *task,
                                    wane_split split, const wane_prompts *prompts, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_accuracy a = {.examples = prompts->rows};
    if (prompts->rows == 0)
        return wane_fail(err, WANE_EINVAL, "measure: %s: no row to measure", task->name);
    a.example = wane_alloc(prompts->rows, sizeof *a.example);
    WANE_TRY(a.example ? WANE_OK : wane_fail_memory(err, "measure", task->name));
    for (size_t r = 0; r < prompts->rows; r++) {
        wane_judge(scores + r * prompts->label_count, prompts->label_count, prompts->labels[r],
                   &a.example[r]);
        a.example[r].row = task->row[split][r].number;
    }
    WANE_TRY(wane_accuracy_sum_up(&a, prompts->label_count, task->name, err));
    *out = a;
    a.example = NULL;
done:
    wane_free(a.example);
    return st;
}

wane_status wane_measure_linear(wane_accuracy *out, const wane_model *model,
                                const wane_adapter *adapter, const float *weight,
                                const wane_task *task, wane_split split,
                                const wane_prompts *prompts, wane_pool *pool, wane_error *err)
{
    wane_status st = WANE_OK;
    size_t width = model->config.width, labels = prompts->label_count;
    double *features = wane_alloc(prompts->rows, width * sizeof *features);
    double *scores = wane_alloc(prompts->rows, labels * sizeof *scores);
    WANE_TRY(features && scores ? WANE_OK : wane_fail_memory(err, "measure", task->name));
    WANE_TRY(wane_measure_features(features, model, adapter, prompts, pool, err));
    for (size_t r = 0; r < prompts->rows; r++)
        for (size_t l = 0; l < labels; l++) {
            double sum = 0;
            for (size_t i = 0; i < width; i++)
                sum += features[r * width + i] * (double)weight[l * width + i];
            scores[r * labels + l] = sum;
        }
    st = wane_accuracy_of_scores(out, scores, task, split, prompts, err);
done:
    wane_free(features);
    wane_free(scores);
    return st;
}
