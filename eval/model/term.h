/* SPDX-License-Identifier: Apache-2.0
 * The term of an adapter: what a method computes on the output of a linear layer, and its
 * gradients.
 *
 * A layer gives y = x W^T + b; the term then changes y, tile of rows by tile of rows. It is called
 * once for a tile and a weight, never in an inner loop. Whoever writes another begins with the one
 * of low_rank.c, whose functions it may call for its own factors.
 */
#ifndef EVAL_MODEL_TERM_H
#define EVAL_MODEL_TERM_H

#include "eval/compute/backend.h"
#include "eval/model/adapter.h"
#include "eval/model/dropout.h"

/* Rows of a batch at one adapted weight. Everything is borrowed for the call. */
typedef struct wane_term_rows {
    const wane_kernels *kernels;
    const wane_factor *factor;   /* factor->rows outputs, factor->cols inputs */
    const wane_backend *backend; /* of products with the weight, by `by` */
    wane_workers by;
    wane_packed weight;    /* outputs x inputs, as the layer multiplies with it */
    const float *bias;     /* outputs, already in y; NULL: none */
    const wane_mask *mask; /* what is dropped of the inputs, in training; NULL: nothing */
    const size_t *token;   /* of the rows (for the mask); NULL: row r is token first + r */
    size_t first, rows;
    float *low;     /* rows x rank. Forward: where it is kept for backward, NULL: nowhere; backward
                       and gradients: what forward has left */
    float *dlow;    /* rows x rank. Backward: where it is kept for the gradients, NULL: nowhere */
    float *scratch; /* of the thread: see wane_term */
} wane_term_rows;

struct wane_term {
    /* Floats of scratch that forward and backward need for `tile` rows (>= 64) of a weight with at
     * most `widest` outputs or inputs. A gradient has as many, and never less than
     * 128 * max(rank, 64). */
    size_t (*scratch)(size_t tile, size_t rank, size_t widest);
    /* At the begin of each forward: fills factor->derived from the factors and the model's weights.
     * Each thread of the pool has `floats` floats of scratch, thread t at scratch + t floats: what
     * scratch() said, or more. NULL: nothing is derived. */
    void (*prepare)(const wane_adapter *adapter, const wane_model *model, wane_pool *pool,
                    float *scratch, size_t floats);
    size_t derived; /* numbers of factor->derived per output */
    /* Whether forward needs y to be the layer's output alone; else it only adds to y, and y may
     * hold the residual stream too. Where it does, every projection into the residual stream is
     * made apart and added, with or without a factor on it: last bits are others. */
    bool whole;
    /* y (stride ldy) becomes the output with the term; x rows x inputs, not dropped yet. */
    void (*forward)(const wane_term_rows *rows, const float *x, float *y, size_t ldy);
    /* Given dy (stride lddy), the gradient of what forward has left in y: dx += what x's gradient
     * has beside dy W, which is in it already (dx NULL: nobody asks for it). */
    void (*backward)(const wane_term_rows *rows, const float *dy, size_t lddy, float *dx);
    /* Add the gradients of the trained parts over all rows into `out`, a block like the part:
     * columns first .. first + count - 1 of A (count <= 128), outputs first .. of B and of the
     * vector. After backward; x as in forward. vector NULL: the term has none, and factor->vector
     * is NULL. */
    void (*gradient_a)(const wane_term_rows *rows, const float *x, const float *dy, size_t lddy,
                       size_t first, size_t count, float *out);
    void (*gradient_b)(const wane_term_rows *rows, const float *x, const float *dy, size_t lddy,
                       size_t first, size_t count, float *out);
    void (*gradient_vector)(const wane_term_rows *rows, const float *x, const float *dy,
                            size_t lddy, size_t first, size_t count, float *out);
};

/* y += scale (drop(x) A^T) B^T. `low` is drop(x) A^T, `dlow` its gradient. */
extern const wane_term wane_low_rank;

/* y (stride ldy) = or += the masked and rescaled x (stride ldx), with rows->mask there: columns
 * first
 * .. first + count - 1 of `count_rows` rows from `row` on (first a multiple of 8). */
void wane_term_drop(const wane_term_rows *rows, size_t row, size_t count_rows, size_t first,
                    size_t count, const float *x, size_t ldx, float *y, size_t ldy, bool add);
/* The first aligned place in scratch behind `used` floats. */
float *wane_term_behind(float *scratch, size_t used);

#endif
