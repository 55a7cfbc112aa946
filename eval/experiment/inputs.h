/* SPDX-License-Identifier: Apache-2.0
 * Everything an experiment reads, opened, checked and encoded once: base model, tokenizer, tasks,
 * corpora; with the hashes that keys are made of.
 */
#ifndef EVAL_EXPERIMENT_INPUTS_H
#define EVAL_EXPERIMENT_INPUTS_H

#include "eval/experiment/experiment.h"
#include "eval/model/model.h"
#include "store/base/log.h"
#include "store/base/threads.h"

/* Training rows that a seed has drawn. */
typedef struct wane_input_sample {
    wane_task task;
    wane_overlap overlap;
} wane_input_sample;

typedef struct wane_input_task {
    wane_task task;             /* its training rows: those of all seeds, and of every probe */
    wane_input_sample *samples; /* under sample_seed: what each seed of the experiment trains on;
                                   NULL where that is `task` */
    wane_prompts test;          /* encoded for measuring */
    wane_overlap overlap;
    char key[128];                  /* name@hash: changes with anything that changes its scores */
    char settings[WANE_SHA256_HEX]; /* of how it is scored */
} wane_input_task;

typedef struct wane_input_corpus {
    wane_corpus corpus;
    wane_windows windows;
    wane_window_rule rule;
    double floor;           /* entropy of a built-in corpus, nats per token; NaN otherwise */
    double unigram_entropy; /* of its scored tokens, nats per token */
    char key[128];
    char settings[WANE_SHA256_HEX];
} wane_input_corpus;

typedef struct wane_inputs {
    const wane_experiment *experiment;
    wane_model *base;
    wane_tokenizer *tokenizer;
    char model_key[WANE_SHA256_HEX]; /* of weights and configuration */
    const char *model_path;          /* the folder it came from; owned */
    size_t max_length;               /* of measured prompts, label included */
    wane_input_task *tasks;          /* experiment->task_count */
    wane_input_corpus *corpora;      /* experiment->corpus_count */
} wane_inputs;

/* Opens all of `experiment` (borrowed until free). A built-in model is made from its seed, once,
 * under `builtin_folder` (made if missing). Free with wane_inputs_free (NULL allowed). */
WANE_MUST_CHECK wane_status wane_inputs_open(wane_inputs **out, const wane_experiment *experiment,
                                             const char *builtin_folder, wane_pool *pool,
                                             const wane_log *log, wane_error *err);
void wane_inputs_free(wane_inputs *inputs);

/* Whether each seed trains on rows of its own: sample_seed, and train_rows leave rows to choose. */
bool wane_inputs_sampled(const wane_inputs *inputs, size_t task);
/* The task with the training rows of a run of that seed. Probes and test rows are the same for
 * all. */
const wane_task *wane_inputs_rows(const wane_inputs *inputs, size_t task, uint64_t seed);
/* Test rows among what is fitted to in runs of that seed; and the seed that has the most. */
const wane_overlap *wane_inputs_overlap(const wane_inputs *inputs, size_t task, uint64_t seed);
uint64_t wane_inputs_most_overlap(const wane_inputs *inputs, size_t task);

/* The training prompts of a task (wane_inputs_rows), cut to max_length tokens. */
WANE_MUST_CHECK wane_status wane_inputs_train(wane_prompts *out, const wane_inputs *inputs,
                                              const wane_task *rows, size_t max_length,
                                              wane_error *err);

/* Whether a given checkpoint can be measured beside the base: a model must have its parameters, and
 * its tokenizer, if it has one, must read every task and corpus of the experiment as the base's
 * does. WANE_EINVAL otherwise. eval/experiment/inputs_given.c */
WANE_MUST_CHECK wane_status wane_inputs_check_given(const wane_inputs *inputs, const char *path,
                                                    wane_error *err);

#endif
