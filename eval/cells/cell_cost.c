/* SPDX-License-Identifier: Apache-2.0
 * Operations of forward passes, for what a plan's training and cells will cost.
 */
#include "eval/cells/cell.h"

double wane_flops_of_token(const wane_inputs *inputs)
{
    const wane_parameters *table = &inputs->base->parameters;
    double sum = 0;
    for (size_t i = 0; i < table->count; i++)
        if (table->parameter[i].linear)
            sum += (double)table->parameter[i].rows * (double)table->parameter[i].cols;
    return 2 * sum;
}

double wane_flops_of_score(const wane_inputs *inputs)
{
    const wane_config *m = &inputs->base->config;
    return 2 * (double)m->vocabulary * (double)m->width;
}

double wane_flops_of_corpus(const wane_inputs *inputs, size_t corpus)
{
    double tokens = (double)inputs->corpora[corpus].windows.tokens;
    return tokens * (wane_flops_of_token(inputs) + wane_flops_of_score(inputs));
}

double wane_flops_of_task(const wane_inputs *inputs, size_t task)
{
    const wane_prompts *p = &inputs->tasks[task].test;
    return (double)p->starts[p->rows] * wane_flops_of_token(inputs) +
           (double)p->rows * wane_flops_of_score(inputs);
}
