/* SPDX-License-Identifier: Apache-2.0
 * The learning rate of a step: warm-up from 0, then constant, linear or cosine, as transformers
 * computes them.
 */
#include <math.h>

#include "eval/train/train.h"

double wane_learning_rate(const wane_training *training, size_t step)
{
    const double pi = 3.141592653589793;
    double total = (double)training->total_steps, now = (double)step;
    double warmup = ceil(total * training->warmup_ratio), share = 1;
    if (now < warmup) share = now / fmax(1, warmup);
    else if (training->schedule == WANE_SCHEDULE_LINEAR)
        share = fmax(0, (total - now) / fmax(1, total - warmup));
    else if (training->schedule == WANE_SCHEDULE_COSINE)
        share = fmax(0, 0.5 * (1 + cos(pi * ((now - warmup) / fmax(1, total - warmup)))));
    return training->learning_rate * share;
}
