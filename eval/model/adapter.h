/* SPDX-License-Identifier: Apache-2.0
 * Adapters as the model computes with them: factors beside linear weights, and the term (term.h)
 * that says what they do to a layer's output; of plain LoRA y = x W^T + scale (drop(x) A^T) B^T.
 */
#ifndef EVAL_MODEL_ADAPTER_H
#define EVAL_MODEL_ADAPTER_H

#include <stddef.h>
#include <stdint.h>

#include "eval/model/model.h"
#include "store/base/random.h"
#include "store/base/status.h"

typedef struct wane_term wane_term;

/* The factors on one weight: B rows x rank, A rank x cols, row-major (PEFT's lora_B, lora_A); of
 * some terms a trained vector with a number for each output, and what is derived from them. */
typedef struct wane_factor {
    size_t parameter; /* index in the table */
    size_t rows, cols, rank;
    float scale;
    float *a, *b, *vector;                    /* vector NULL: the term has none */
    size_t a_offset, b_offset, vector_offset; /* in `block`, and of gradients in a block like it */
    float *derived;                           /* rows x term->derived; never trained */
} wane_factor;

typedef struct wane_adapter {
    const wane_term *term; /* borrowed */
    size_t count;
    wane_factor *factor; /* in order of parameter */
    long *of_parameter;  /* per parameter of the table: index into factor, or -1 */
    double dropout;      /* share of inputs dropped before A, in training */
    float *block;        /* all that is trained, one block of `floats` (64-byte aligned parts) */
    float *derived;      /* all that is derived */
    size_t floats;
    size_t numbers;                    /* of trained values */
    const struct wane_adapter *frozen; /* borrowed, or NULL: factors that are added too, on the way
                                          forward and back, without dropout and without gradients
                                          of their own; frozen itself has none below it */
} wane_adapter;

/* Plans and allocates an adapter of `rank` on the parameters with target[i] true (all linear).
 * Initialised as PEFT does: A Kaiming-uniform with a = sqrt(5), that is uniform on
 * +-1/sqrt(cols), B zero; from the seed (ADAPTER, stage, tensor = parameter); vectors are zero.
 * Owned by the caller, free with wane_adapter_free (NULL allowed). */
WANE_MUST_CHECK wane_status wane_adapter_new(wane_adapter **out, const wane_term *term,
                                             const wane_parameters *parameters, const bool *target,
                                             size_t rank, double scale, double dropout,
                                             uint64_t seed, uint64_t stage, wane_error *err);
/* The same of rank rank[i] and scale scale[i] on parameter i, where rank[i] > 0; every number 0. */
WANE_MUST_CHECK wane_status wane_adapter_zero(wane_adapter **out, const wane_term *term,
                                              const wane_parameters *parameters, const size_t *rank,
                                              const float *scale, double dropout, wane_error *err);
void wane_adapter_free(wane_adapter *adapter);

#endif
