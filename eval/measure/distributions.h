/* SPDX-License-Identifier: Apache-2.0
 * Distributions over the vocabulary at chosen positions of a batch, chunk by chunk: logits are
 * never kept whole. For this room alone.
 */
#ifndef EVAL_MEASURE_DISTRIBUTIONS_H
#define EVAL_MEASURE_DISTRIBUTIONS_H

#include "eval/model/pass.h"
#include "store/base/threads.h"

/* One or two models on the same batches. */
typedef struct wane_scored_rows wane_scored_rows;

/* Passes and scratch for batches within these limits; `base` may be NULL. Everything is borrowed.
 * Free with wane_rows_free (NULL allowed). */
WANE_MUST_CHECK wane_status wane_rows_new(wane_scored_rows **out, const wane_model *model,
                                          const wane_adapter *adapter, const wane_model *base,
                                          size_t tokens, size_t sequences, wane_pool *pool,
                                          wane_error *err);
void wane_rows_free(wane_scored_rows *rows);

/* Runs the batch through the model, and through the base when `with_base`. */
WANE_MUST_CHECK wane_status wane_rows_forward(wane_scored_rows *rows, const wane_batch *batch,
                                              bool with_base, wane_error *err);

/* What is known of the prediction at one position. All NaN where a logit is not finite. */
typedef struct wane_row_score {
    double nll;     /* -log p(target); 0 when there is no target */
    double kl;      /* KL(p_base || p); 0 without a base */
    double soft_ce; /* -sum_v p_base log p; 0 without a base */
} wane_row_score;

/* Scores `count` positions of the batch of the last forward; target (may be NULL) per position. */
void wane_rows_score(wane_scored_rows *rows, const size_t *position, const int32_t *target,
                     size_t count, bool with_base, wane_row_score *out);

/* out[i * choices + j] = log p(choice[j]) at position i; NaN where a logit is not finite. */
void wane_rows_choices(wane_scored_rows *rows, const size_t *position, size_t count,
                       const int32_t *choice, size_t choices, double *out);

#endif
