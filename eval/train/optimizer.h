/* SPDX-License-Identifier: Apache-2.0
 * AdamW with decoupled weight decay over a list of trained, as torch.optim.AdamW computes it, and
 * the global norm of the gradients. Works on tiles that depend on their sizes alone: same bits for
 * any number of threads. For this room alone.
 */
#ifndef EVAL_TRAIN_OPTIMIZER_H
#define EVAL_TRAIN_OPTIMIZER_H

#include <stdbool.h>
#include <stddef.h>

#include "store/base/status.h"
#include "store/base/threads.h"

/* One trained tensor. All pointers are borrowed for the optimiser's life, the moments excepted,
 * which are its own. */
typedef struct wane_trained {
    const char *name;
    float *value, *gradient;
    size_t count;
    bool decays;
    float *first, *second; /* moments; set by wane_optimizer_new */
} wane_trained;

typedef struct wane_optimizer {
    size_t count;
    wane_trained *trained;
    /* private */
    struct wane_optimizer_tile *tiles;
    size_t tile_count;
    double *squares; /* per tile; what is summed */
    float *moments;
} wane_optimizer;

typedef struct wane_adamw {
    double learning_rate, weight_decay, beta1, beta2, epsilon;
    size_t step;           /* from 1, for the bias correction */
    double gradient_scale; /* each gradient is multiplied by it first: clipping */
} wane_adamw;

/* Copies the list; moments start at zero. Free with wane_optimizer_free (NULL allowed). */
WANE_MUST_CHECK wane_status wane_optimizer_new(wane_optimizer **out, const wane_trained *trained,
                                               size_t count, wane_error *err);
void wane_optimizer_free(wane_optimizer *optimizer);

/* Euclidean norm of all gradients, summed in double; NaN or infinite when a gradient is. */
double wane_optimizer_norm(wane_optimizer *optimizer, wane_pool *pool);

/* The sum of `part` over all pieces of all tensors (numbers first .. first + count - 1 of one), in
 * their order. The pieces depend on sizes alone: the same bits for any number of threads. */
typedef double wane_optimizer_part(void *context, size_t tensor, size_t first, size_t count);
double wane_optimizer_sum(wane_optimizer *optimizer, wane_optimizer_part *part, void *context,
                          wane_pool *pool);

/* Factor that brings gradients of that norm under `clip` (0 = no limit), as clip_grad_norm_. */
double wane_clip_scale(double norm, double clip);

/* One step on every tensor; gradients are zero afterwards. */
void wane_optimizer_step(wane_optimizer *optimizer, const wane_adamw *settings, wane_pool *pool);

void wane_optimizer_zero(wane_optimizer *optimizer, wane_pool *pool); /* gradients alone */

#endif
