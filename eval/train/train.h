/* SPDX-License-Identifier: Apache-2.0
 * Fine-tuning, one optimiser step at a time. The loop over steps lives in eval/run.
 */
#ifndef EVAL_TRAIN_TRAIN_H
#define EVAL_TRAIN_TRAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "eval/model/adapter.h"
#include "eval/model/model.h"
#include "eval/model/pass.h"
#include "eval/train/method.h"
#include "eval/train/strategy.h"
#include "store/files/setting.h"
#include "store/files/update.h"

typedef enum wane_schedule {
    WANE_SCHEDULE_CONSTANT,
    WANE_SCHEDULE_LINEAR,
    WANE_SCHEDULE_COSINE
} wane_schedule;

typedef struct wane_training {
    double epochs;                            /* passes over a stage's rows */
    size_t batch_size;                        /* rows of a step */
    size_t max_seq_length;                    /* tokens of a row, its label included, at most */
    double learning_rate, weight_decay, clip; /* clip 0 = none: global norm of all gradients */
    double beta1, beta2, epsilon;             /* AdamW: .9, .999, 1e-8 */
    wane_schedule schedule;
    double warmup_ratio; /* of total_steps, rounded up, as transformers */
    size_t total_steps;
    size_t micro_tokens; /* a step's rows are cut into micro-batches of at most this many tokens
                            (at least one row each), >= 1, fewer for a large model
                            (wane_micro_tokens); decides memory, and the last bits */
    const wane_backend *backend; /* of the products of its passes; NULL: the first entry */
} wane_training;

/* The settings of a wane_training in an experiment file: `training` and, with the learning rate,
 * each method has them. */
extern const wane_settings wane_training_settings, wane_rate_settings;

/* Tokens that a micro-batch of a model may have at most: micro_tokens, halved as long as what the
 * layers keep of them for the way back, layers (4 width + 2 hidden) floats each, is more than 1 GiB
 * and than the weights themselves, but not below 256. By shapes alone, and in the key of a stage
 * where it is not micro_tokens. */
size_t wane_micro_tokens(const wane_training *training, const wane_parameters *table,
                         const wane_config *config);

/* learning rate of step s (from 0) as transformers' get_scheduler gives it. */
double wane_learning_rate(const wane_training *training, size_t step);

/* A trainer over `model` (wane_trainer: the trained values, their moments, and what a step needs).
 * A method changes model->weights in place or trains an adapter, which is made here when
 * `continued` is NULL, else taken over on success (it must be what the method would make: on its
 * targets, with its rank and scale). `stage` numbers the stage in its run and separates its random
 * streams. The model and pool are borrowed until free. */
WANE_MUST_CHECK wane_status wane_trainer_new(wane_trainer **out, wane_model *model,
                                             const wane_method_settings *settings,
                                             const wane_training *training, wane_adapter *continued,
                                             uint64_t seed, uint64_t stage, wane_pool *pool,
                                             wane_error *err);
void wane_trainer_free(wane_trainer *trainer);

/* Multiplies every initial number that is trained (weights, factors, a head) by 1 + `relative`
 * times a standard normal, rounded to fp32; drawn from the trainer's seed and stage (PERTURB, step
 * = which, tensor = place in the list of what is trained). Before the first step. */
WANE_MUST_CHECK wane_status wane_trainer_perturb(wane_trainer *trainer, double relative,
                                                 uint64_t which, wane_error *err);

typedef struct wane_step {
    double loss;    /* mean nll over the labelled tokens of the step, before the update */
    double penalty; /* what a strategy adds to it; not in `loss`, which is that of the rows */
    double learning_rate;
    double grad_norm; /* before clipping */
    size_t tokens, targets;
    bool finite; /* false: loss or gradient is not finite; nothing was updated, the step number
                    stays */
} wane_step;

/* Adds an adapter that is computed with and never changes (`adapter: stack`). Where an adapter is
 * trained, before the first step; taken over on success. */
WANE_MUST_CHECK wane_status wane_trainer_freeze(wane_trainer *trainer, wane_adapter *frozen,
                                                wane_error *err);

/* Trains under a strategy, whose `begin` is told the values as they are now: before the first step,
 * and before a state is loaded. settings: of the strategy's struct; base: the model that the run
 * starts from; before: what the strategy left at the stage before, or NULL. All are borrowed until
 * the trainer is freed. */
WANE_MUST_CHECK wane_status wane_trainer_use(wane_trainer *trainer, const wane_strategy *strategy,
                                             const void *settings, const wane_model *base,
                                             const wane_tensors *before, wane_error *err);
/* What it keeps of the finished stage; *count 0: nothing. Borrowed until the trainer is freed. */
WANE_MUST_CHECK wane_status wane_trainer_after(const wane_tensor_source **out, size_t *count,
                                               const wane_trainer *trainer, wane_error *err);

/* One optimiser step on `batch` (any number of tokens; cut into micro-batches here; prefix must be
 * NULL; every row holds a token; at least one target). Loss = mean over all its targets. Step
 * numbers go up by one from 0. A failure leaves the trainer as it was. With a linear head the
 * targets are classes, counted over its groups; the batch's own head is ignored. */
WANE_MUST_CHECK wane_status wane_trainer_step(wane_trainer *trainer, const wane_batch *batch,
                                              wane_step *out, wane_error *err);

size_t wane_trainer_done(const wane_trainer *trainer);           /* steps done */
size_t wane_trainer_trained(const wane_trainer *trainer);        /* numbers trained */
wane_adapter *wane_trainer_adapter(const wane_trainer *trainer); /* borrowed; NULL: in place */
const wane_class_head *wane_trainer_head(const wane_trainer *trainer); /* borrowed; NULL without */

/* The whole state (trained values, moments, step number) as one atomic file; load checks that it
 * belongs to an equal trainer (`key` is any UTF-8 text, compared) and is undamaged, and continues
 * bit for bit; on failure the trainer is as it was. */
WANE_MUST_CHECK wane_status wane_trainer_save(const wane_trainer *trainer, const char *path,
                                              const char *key, wane_error *err);
WANE_MUST_CHECK wane_status wane_trainer_load(wane_trainer *trainer, const char *path,
                                              const char *key, wane_error *err);

/* A copy of the trainer's model with what was learned so far: of a method in place an equal one, of
 * an adapter the merged one. Owned by the caller, free with wane_model_free. */
WANE_MUST_CHECK wane_status wane_trainer_merged(wane_model **out, const wane_trainer *trainer,
                                                wane_error *err);

/* What was learned, as an update with names from the table (an adapter's factors, or the trained
 * tensors). Points into trainer and model: borrowed until they change. Free with
 * wane_update_free. */
WANE_MUST_CHECK wane_status wane_trainer_update(wane_update *out, const wane_trainer *trainer,
                                                const wane_model *model, wane_error *err);

/* Applies an update to a model's weights, tuned values with wane_update_apply and what an adapter
 * has with its method's merge, after checking every name, shape and claim. An adapter on the
 * embedding or the head of a tied model unties it (wane_model_untie): each keeps the base's weight
 * where the adapter is on the other alone, as peft computes it before it merges. */
WANE_MUST_CHECK wane_status wane_model_apply(wane_model *model, const wane_update *update,
                                             wane_pool *pool, wane_error *err);
/* The adapter that an update's low-rank terms describe (ranks and scales may differ). Owned by the
 * caller, free with wane_adapter_free. */
WANE_MUST_CHECK wane_status wane_adapter_from_update(wane_adapter **out,
                                                     const wane_parameters *parameters,
                                                     const wane_update *update, wane_error *err);

#endif
