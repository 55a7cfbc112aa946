/* SPDX-License-Identifier: Apache-2.0
 * A method of fine-tuning: an entry of a table, in a file of its own (method_*.c), and the values
 * of its settings. Nothing outside an entry asks which method it is.
 */
#ifndef EVAL_TRAIN_METHOD_H
#define EVAL_TRAIN_METHOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "eval/model/adapter.h"
#include "eval/model/model.h"
#include "eval/train/optimizer.h"
#include "store/files/setting.h"
#include "store/files/update.h"

typedef struct wane_method wane_method;
typedef struct wane_trainer wane_trainer;

/* A method with the values of its settings; what it does not take stays 0. */
typedef struct wane_method_settings {
    const wane_method *method;
    size_t rank;
    double alpha, dropout;
    bool rslora;                /* scale alpha / sqrt(rank) instead of alpha / rank */
    const char *const *modules; /* target modules by last part ("q_proj") or full module name;
                                   module_count 0 = all-linear */
    size_t module_count;
    /* A linear head over classes is trained along and the vocabulary's is not (an untied one is no
     * target): head_groups tasks, task g with head_classes[g] classes (both borrowed). The head
     * starts normal(0, initializer_range) from the seed, as transformers' `score` does. */
    bool linear_head;
    size_t head_groups;
    const size_t *head_classes;
} wane_method_settings;

struct wane_method {
    /* Its name (in the experiment file and the database), a line of help, and what it takes beside
     * the settings of every method: a table on a wane_method_settings. What it says of keys is in
     * that of a stage. */
    const wane_settings *settings;
    int number;           /* in the key of a stage: its own for ever */
    double learning_rate; /* where none is given */
    /* Whether it trains an adapter beside the weights, which protocol.adapter says the fate of and
     * which a stage leaves as "adapter"; else the weights themselves in place: a stage leaves
     * "tensors", all that its run has changed since the base. */
    bool adapter;
    double passes; /* what a step costs, in forwards through the layers */
    /* Of an adapter. */
    const wane_term *term; /* what is computed with it; NULL: no adapter */
    bool lowrank;          /* the change it makes is the product of its factors, no more */
    bool stacks;           /* several of them add up to one: protocol.adapter may be stack */
    double start;          /* how far a fresh one may move a likelihood, relative; 0: not a bit */

    /* The first setting that is out of its range, or NULL. */
    const char *(*bad)(const wane_method_settings *settings);
    /* train[i] becomes true where it trains, or adapts, parameter i (all false before). */
    wane_status (*targets)(bool *train, const wane_method_settings *settings,
                           const wane_parameters *parameters, wane_error *err);
    /* How many numbers it trains for a target. */
    size_t (*numbers)(const wane_method_settings *settings, const wane_parameter *parameter);
    /* Makes what is trained, and room for its gradients; trainer->train is there. `continued`: an
     * adapter to go on with, taken over on success; or NULL. */
    wane_status (*begin)(wane_trainer *trainer, const wane_method_settings *settings,
                         wane_adapter *continued, wane_error *err);
    /* Appends to `list` what the optimiser steps; room for three entries per parameter. */
    wane_status (*list)(wane_trainer *trainer, wane_trained *list, size_t *count, wane_error *err);
    /* Fills in what target `parameter` has learned; name and shape are there. What it points to is
     * borrowed from trainer and model. */
    void (*learned)(wane_update_tensor *tensor, const wane_trainer *trainer,
                    const wane_model *model, size_t parameter);
    /* Of an adapter: weight becomes what the layer multiplies with when the adapter is merged,
     * given what was learned of it. Same bits for any number of threads. */
    wane_status (*merge)(wane_pool *pool, const wane_update_tensor *tensor, float *weight,
                         wane_error *err);
};

/* The table of entries, by place from 0; NULL behind the last. */
const wane_method *wane_method_at(size_t place);
/* NULL when there is none of that name. */
const wane_method *wane_method_named(const char *name);
/* The method that an adapter is of (update->lowrank). WANE_EINVAL when the table has none that
 * trains its form. */
WANE_MUST_CHECK wane_status wane_method_of_update(const wane_method **out,
                                                  const wane_update *update, wane_error *err);
/* "adapter" or "tensors": the kind of what a stage leaves. */
const char *wane_method_artifact(const wane_method *method);

/* targets.c: train[i] = whether the method trains, or adapts, parameter i. Owned by the caller,
 * free with wane_free. */
WANE_MUST_CHECK wane_status wane_method_targets(bool **train, const wane_method_settings *settings,
                                                const wane_parameters *parameters, wane_error *err);
/* How many numbers the method trains: entries of its weights, or of its adapter. */
WANE_MUST_CHECK wane_status wane_method_numbers(int64_t *out, const wane_method_settings *settings,
                                                const wane_parameters *parameters, wane_error *err);

/* The entries, a line each, in the order in which they are offered: ENTRY(x) is wane_method_x. */
#define WANE_METHODS(ENTRY)                                                                        \
    ENTRY(full)                                                                                    \
    ENTRY(full_matrices)                                                                           \
    ENTRY(lora)                                                                                    \
    ENTRY(dora)
#define WANE_DECLARE(name) extern const wane_method wane_method_##name;
WANE_METHODS(WANE_DECLARE)
#undef WANE_DECLARE

#endif
