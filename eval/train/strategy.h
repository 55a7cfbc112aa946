/* SPDX-License-Identifier: Apache-2.0
 * A continual strategy: what is done against forgetting while a stage trains, an entry of a table,
 * in a file of its own (strategy_*.c). Nothing outside an entry asks which strategy it is.
 *
 * It stands beside the method, which says what is trained: any strategy goes with any method. What
 * an entry leaves NULL it does not do. The training asks it, in this order: how many rows of
 * earlier tasks go into each epoch (mixed); once, with the values the stage starts from (begin); at
 * every step, after the gradient of the mean loss and before its norm is taken and clipped, for the
 * derivative of a penalty (penalty) and then for another gradient (project); once more, when the
 * steps are done (after).
 *
 * No state of a strategy is in a step checkpoint: what it holds during a stage is a function of
 * what begin is told, so that a resumed training goes on with the same bits.
 */
#ifndef EVAL_TRAIN_STRATEGY_H
#define EVAL_TRAIN_STRATEGY_H

#include <stdbool.h>
#include <stddef.h>

#include "eval/train/method.h"
#include "eval/train/optimizer.h"
#include "store/base/hash.h"
#include "store/base/status.h"
#include "store/files/safetensors.h"
#include "store/files/setting.h"
#include "store/files/tensors.h"

/* One stage's training as a strategy sees it; all borrowed until `end`. */
typedef struct wane_strategy_training {
    const void *settings;        /* the strategy's struct */
    size_t position;             /* of the stage on its path from the base, from 1 */
    size_t count;                /* of what is trained */
    const wane_trained *trained; /* values and gradients, as they are now */
    /* Per trained tensor, as many numbers: the base's; NULL where the base has none (an adapter's
     * factors, a head). */
    const float *const *base;
    /* Likewise: those the stage starts from; NULL unless the entry keeps_start. */
    const float *const *start;
    const wane_tensors *before; /* what `after` has left at the stage before; NULL: nothing */
    void *state;                /* the strategy's own, from `begin` to `end` */
} wane_strategy_training;

typedef struct wane_strategy {
    /* Its name (in the experiment file, the database and the keys of stages), a line of help, and
     * the settings that a method takes when it names the strategy: a table on a struct of the
     * strategy's own, of so many bytes. */
    const wane_settings *settings;
    size_t bytes;

    /* It works on what earlier stages were trained on, or have left: the first stage of a path is
     * the one that it would be without. */
    bool needs_past;
    bool keeps_start; /* training->start is wanted: takes as much memory as what is trained */

    /* Why it does not go with the method, as a message ends; NULL: it does, and so does an entry
     * that leaves this NULL with every method. Asked when an experiment is read. */
    const char *(*unfit)(const void *settings, const wane_method *method);

    /* How many rows of earlier tasks are mixed into each epoch of `rows` rows of the stage's own,
     * of the `past` > 0 that there are; it may be more than these. A row of an earlier task is
     * trained on as it was in its own stage: the label's words behind the prompt. */
    size_t (*mixed)(const void *settings, size_t rows, size_t past);

    /* Makes training->state; everything else of it is there. What fails leaves none. */
    wane_status (*begin)(wane_strategy_training *training, wane_error *err);

    /* Adds the penalty's derivative to the gradients of numbers first .. first + count - 1 of
     * training->trained[tensor], and returns their share of its value. The loss that it is added to
     * is the mean over the step's labelled tokens. Called once a step for every piece of every
     * tensor, from any thread; the pieces depend on sizes alone and the shares are summed in a
     * fixed order, so a penalty needs no more than a loop. */
    double (*penalty)(const wane_strategy_training *training, size_t tensor, size_t first,
                      size_t count);

    /* Changes all gradients; one thread, so that its sums have one order. */
    void (*project)(const wane_strategy_training *training);

    /* What is kept of the finished stage for the next one: an artifact under the stage's seal,
     * which any process reads back as `before` of the stage that follows. *out is borrowed until
     * `end`; its names are the strategy's own. */
    wane_status (*after)(const wane_tensor_source **out, size_t *count,
                         const wane_strategy_training *training, wane_error *err);

    void (*end)(void *state); /* NULL: no state, or free of it */
} wane_strategy;

extern const wane_strategy wane_strategy_none, wane_strategy_replay, wane_strategy_l2;

/* The table (strategies.c), by place from 0; NULL behind the last. */
const wane_strategy *wane_strategy_at(size_t place);

/* Adds name and settings to the key of a stage; of a strategy that does nothing, nothing. */
void wane_strategy_hash(wane_sha256 *hash, const wane_strategy *strategy, const void *settings);

/* Whether it does anything. */
bool wane_strategy_acts(const wane_strategy *strategy);

#endif
