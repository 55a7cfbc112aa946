/* SPDX-License-Identifier: Apache-2.0
 * A small model, random sequences for it, and what one pass makes of them.
 */
#ifndef TESTS_NUMERIC_MODEL_PASS_CASE_H
#define TESTS_NUMERIC_MODEL_PASS_CASE_H

#include "eval/model/pass.h"

extern const wane_config small; /* 3 layers, tied, with all biases */

enum { TOKENS = 1400, SEQUENCES = 40 };

typedef struct data {
    size_t starts[SEQUENCES + 1], position[TOKENS];
    int32_t ids[TOKENS], target[TOKENS];
    wane_batch batch;
} data;

/* Sequences of 1..60 tokens; every `every`-th token a target. */
void make_data(data *d, size_t sequences, size_t every);

/* Random, norms and biases too. */
wane_model *make_model(const wane_config *config);

/* An adapter on every weight whose module contains `word`, B not zero. */
wane_adapter *make_adapter(const wane_model *model, const char *word, size_t rank, double dropout);

bool *all_trained(const wane_model *model); /* free with wane_free */

/* What a training run is asked for. */
typedef struct plan {
    const wane_model *model;
    const wane_adapter *adapter;
    const wane_batch *batch;
    const bool *train; /* NULL: no weights */
    const wane_dropout *dropout;
    size_t frozen;
    int threads;
    const wane_backend *backend; /* NULL: the first */
} plan;

/* Gradients of a quarter of the loss, and the loss, a sum over targets; free with wane_free. */
float *gradients_of(const plan *p, double *loss);

/* The nll of every target; free with wane_free. */
float *nll_of(const wane_model *model, const wane_adapter *adapter, const wane_batch *batch,
              int threads);

/* Loss and gradients of an adapter with dropout are the same bits with one thread and three. */
void check_threads(const wane_model *model, const wane_adapter *adapter);

/* The gradient of an adapter against the loss itself along it. */
void check_slope(const plan *p, wane_adapter *adapter);

#endif
