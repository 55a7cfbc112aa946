/* SPDX-License-Identifier: Apache-2.0
 * Low-rank adapters as the model computes with them: y = x W^T + scale (drop(x) A^T) B^T.
 */
#ifndef EVAL_MODEL_ADAPTER_H
#define EVAL_MODEL_ADAPTER_H

#include <stddef.h>
#include <stdint.h>

#include "eval/model/model.h"
#include "store/base/random.h"
#include "store/base/status.h"

/* The factors on one weight: B rows x rank, A rank x cols, row-major (PEFT's lora_B, lora_A). */
typedef struct wane_factor {
    size_t parameter; /* index in the table */
    size_t rows, cols, rank;
    float scale;
    float *a, *b;
    size_t a_offset,
        b_offset; /* of a and b in `block`, and of their gradients in a block like it */
} wane_factor;

typedef struct wane_adapter {
    size_t count;
    wane_factor *factor; /* in order of parameter */
    long *of_parameter;  /* per parameter of the table: index into factor, or -1 */
    double dropout;      /* share of inputs dropped before A, in training */
    float *block;        /* all factors, one block of `floats` (64-byte aligned parts) */
    size_t floats;
    size_t numbers;                    /* of trained values */
    const struct wane_adapter *frozen; /* borrowed, or NULL: factors that are added too, on the way
                                          forward and back, without dropout and without gradients
                                          of their own; frozen itself has none below it */
} wane_adapter;

/* Plans and allocates an adapter of `rank` on the parameters with target[i] true (all linear).
 * Initialised as PEFT does: A Kaiming-uniform with a = sqrt(5), that is uniform on
 * +-1/sqrt(cols), B zero; from the seed (ADAPTER, stage, tensor = parameter). Owned by the caller,
 * free with wane_adapter_free (NULL allowed). */
WANE_MUST_CHECK wane_status wane_adapter_new(wane_adapter **out, const wane_parameters *parameters,
                                             const bool *target, size_t rank, double scale,
                                             double dropout, uint64_t seed, uint64_t stage,
                                             wane_error *err);
void wane_adapter_free(wane_adapter *adapter);

#endif
