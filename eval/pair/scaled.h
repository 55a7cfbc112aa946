/* SPDX-License-Identifier: Apache-2.0
 * A tuned model or adapter changed along its intruder dimensions, for `wane scale`.
 */
#ifndef EVAL_PAIR_SCALED_H
#define EVAL_PAIR_SCALED_H

#include "analysis/spectra/interventions.h"
#include "eval/pair/models.h"

typedef struct wane_scaled_question {
    wane_scaling_options options;
    wane_arm arm;
    wane_choice choice;
    double lambda;
    const char *cache; /* folder of exact base spectra (made if missing), or NULL */
    bool exact;        /* also of wide matrices, which else are bounded */
} wane_scaled_question;

typedef struct wane_scaled_matrix {
    size_t parameter;
    wane_scaling *scaling; /* owned */
    wane_intervention what;
} wane_scaled_matrix;

/* The linear weights that the tuning changed, in the table's order. Free with wane_scaled_free
 * ({0} allowed). */
typedef struct wane_scaled {
    size_t count, with, changed; /* of the weights; with intruders; changed by the arm */
    size_t bounded, unresolved;  /* weights whose cosines are; directions of all, left alone */
    wane_scaled_matrix *matrix;
    double before, after; /* ||dW|| over them */
} wane_scaled;

/* The low-rank term of an adapter on a parameter, or NULL. Borrowed. */
const wane_lowrank_term *wane_scaled_term(const wane_pair *pair, size_t parameter);

WANE_MUST_CHECK wane_status wane_scaled_find(wane_scaled *out, const wane_pair *pair,
                                             const wane_scaled_question *question, wane_error *err);
void wane_scaled_free(wane_scaled *scaled);

/* Writes the changed model into the folder `path`. An adapter stays one: the factors of a weight
 * are scaled and get the columns of the arm beside them, rank_pattern says the new ranks. Anything
 * else becomes a model folder in fp32, with the tokenizer's files of the tuned model or the base.
 * A whole model is changed in place (pair->tuned). */
WANE_MUST_CHECK wane_status wane_scaled_write(const wane_scaled *scaled, wane_pair *pair,
                                              const char *path, wane_error *err);

#endif
