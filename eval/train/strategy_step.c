/* SPDX-License-Identifier: Apache-2.0
 * What a strategy is told, and what it does at a step.
 */
#include <string.h>

#include "eval/train/trainer.h"

static wane_status copy_start(wane_trainer *trainer, wane_error *err)
{
    const wane_optimizer *o = trainer->optimizer;
    const float **start = wane_arena_alloc(trainer->names, o->count, sizeof *start);
    trainer->start = wane_alloc(trainer->numbers, sizeof *trainer->start);
    if (!start || !trainer->start) return wane_fail_memory(err, "train", "strategy");
    float *next = trainer->start;
    for (size_t i = 0; i < o->count; i++) {
        memcpy(next, o->trained[i].value, o->trained[i].count * sizeof *next);
        start[i] = next;
        next += o->trained[i].count;
    }
    trainer->told.start = start;
    return WANE_OK;
}

wane_status wane_trainer_use(wane_trainer *trainer, const wane_strategy *strategy,
                             const void *settings, const wane_model *base,
                             const wane_tensors *before, wane_error *err)
{
    const wane_optimizer *o = trainer->optimizer;
    const float **values = wane_arena_alloc(trainer->names, o->count, sizeof *values);
    if (!values) return wane_fail_memory(err, "train", "strategy");
    for (size_t i = 0; i < o->count; i++) {
        long at = wane_parameters_find(&base->parameters, o->trained[i].name);
        values[i] = at < 0 ? NULL : base->weights + base->parameters.parameter[at].offset;
    }
    trainer->told = (wane_strategy_training){.settings = settings,
                                             .position = trainer->stage,
                                             .count = o->count,
                                             .trained = o->trained,
                                             .base = values,
                                             .before = before};
    wane_status st = strategy->keeps_start ? copy_start(trainer, err) : WANE_OK;
    if (st == WANE_OK && strategy->begin) st = strategy->begin(&trainer->told, err);
    if (st == WANE_OK) trainer->strategy = strategy;
    return st;
}

static double penalty_part(void *context, size_t tensor, size_t first, size_t count)
{
    const wane_trainer *trainer = context;
    return trainer->strategy->penalty(&trainer->told, tensor, first, count);
}

double wane_trainer_penalise(wane_trainer *trainer)
{
    const wane_strategy *strategy = trainer->strategy;
    double value = 0;
    if (strategy && strategy->penalty)
        value = wane_optimizer_sum(trainer->optimizer, penalty_part, trainer, trainer->pool);
    if (strategy && strategy->project) strategy->project(&trainer->told);
    return value;
}

wane_status wane_trainer_after(const wane_tensor_source **out, size_t *count,
                               const wane_trainer *trainer, wane_error *err)
{
    *out = NULL;
    *count = 0;
    if (!trainer->strategy || !trainer->strategy->after) return WANE_OK;
    return trainer->strategy->after(out, count, &trainer->told, err);
}

void wane_trainer_end_strategy(wane_trainer *trainer)
{
    if (trainer->strategy && trainer->strategy->end) trainer->strategy->end(trainer->told.state);
    wane_free(trainer->start);
}
