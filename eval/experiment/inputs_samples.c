/* SPDX-License-Identifier: Apache-2.0
 * Training rows drawn by a run's seed (sample_seed).
 */
#include "eval/experiment/inputs.h"
#include "eval/experiment/inputs_parts.h"
#include "store/base/memory.h"

bool wane_inputs_sampled(const wane_inputs *in, size_t task)
{
    const wane_experiment *x = in->experiment;
    const wane_experiment_task *wanted = &x->tasks[task];
    return x->sample_seed && !wanted->watched && !wanted->builtin && wanted->spec.train_rows &&
           wanted->spec.train_rows < in->tasks[task].task.train_available;
}

wane_status wane_inputs_train(wane_prompts *out, const wane_inputs *inputs, const wane_task *rows,
                              size_t max_length, wane_error *err)
{
    size_t context = wane_config_reach(&inputs->base->config);
    return wane_task_encode(out, rows, WANE_SPLIT_TRAIN, inputs->tokenizer,
                            max_length < context ? max_length : context, err);
}

wane_status wane_inputs_check_rows(const wane_inputs *in, const wane_task *rows, wane_error *err)
{
    wane_prompts prompts = {0};
    if (wane_tokenizer_size(in->tokenizer) <= in->base->config.vocabulary) return WANE_OK;
    wane_status st = wane_inputs_train(&prompts, in, rows, in->max_length, err);
    wane_prompts_free(&prompts);
    return st;
}

wane_status wane_inputs_read_samples(wane_inputs *in, size_t task, wane_error *err)
{
    const wane_experiment *x = in->experiment;
    wane_task_spec spec = x->tasks[task].spec;
    wane_status st = WANE_OK;
    if (!wane_inputs_sampled(in, task)) return WANE_OK;
    wane_input_sample *samples = wane_alloc(x->seed_count, sizeof *samples);
    if (!samples) return wane_fail_memory(err, "read", spec.name);
    in->tasks[task].samples = samples;
    for (size_t s = 0; s < x->seed_count && st == WANE_OK; s++) {
        spec.sample = x->seeds[s] + 1;
        st = wane_task_open(&samples[s].task, &spec, err);
        if (st == WANE_OK)
            st = wane_task_overlap(&samples[s].overlap, &samples[s].task, x->limit, err);
        if (st == WANE_OK) st = wane_inputs_check_rows(in, &samples[s].task, err);
    }
    return st;
}

void wane_inputs_free_samples(wane_inputs *in, size_t task)
{
    wane_input_sample *samples = in->tasks[task].samples;
    for (size_t s = 0; samples && s < in->experiment->seed_count; s++)
        wane_task_free(&samples[s].task);
    wane_free(samples);
}

/* NULL: all seeds train on the same rows. */
static const wane_input_sample *sample_of(const wane_inputs *in, size_t task, uint64_t seed)
{
    const wane_input_sample *samples = in->tasks[task].samples;
    if (!samples) return NULL;
    for (size_t s = 0; s < in->experiment->seed_count; s++)
        if (in->experiment->seeds[s] == seed) return &samples[s];
    return NULL;
}

const wane_task *wane_inputs_rows(const wane_inputs *in, size_t task, uint64_t seed)
{
    const wane_input_sample *sample = sample_of(in, task, seed);
    return sample ? &sample->task : &in->tasks[task].task;
}

const wane_overlap *wane_inputs_overlap(const wane_inputs *in, size_t task, uint64_t seed)
{
    const wane_input_sample *sample = sample_of(in, task, seed);
    const wane_overlap *fixed = &in->tasks[task].overlap;
    /* A probe is fitted to the rows that no seed has drawn. */
    bool probed = in->experiment->head == WANE_HEAD_REPROBE;
    if (!sample || (probed && fixed->normalised > sample->overlap.normalised)) return fixed;
    return &sample->overlap;
}

uint64_t wane_inputs_most_overlap(const wane_inputs *in, size_t task)
{
    const wane_experiment *x = in->experiment;
    uint64_t most = x->seeds[0];
    for (size_t s = 1; s < x->seed_count; s++)
        if (wane_inputs_overlap(in, task, x->seeds[s])->normalised >
            wane_inputs_overlap(in, task, most)->normalised)
            most = x->seeds[s];
    return most;
}
