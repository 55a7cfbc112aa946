/* SPDX-License-Identifier: Apache-2.0
 * One layer at work, on the way forward or back: what its files share. For this room alone.
 *
 * Read layer.c first: the order of the computation. Attention (branch_attention.c) and the MLP
 * (branch_mlp.c) are branches of the residual stream, each with its forward and its backward side
 * by side. Rows are cut into tiles; a tile runs everything between two attentions by itself, so
 * that its rows stay in cache.
 */
#ifndef EVAL_MODEL_LAYER_H
#define EVAL_MODEL_LAYER_H

#include "eval/model/linear.h"
#include "eval/model/state.h"

/* One stretch of work over tiles of rows. */
typedef struct wane_layer_work {
    wane_pass *pass;
    size_t layer;
    const wane_layer_index *index;
    wane_layer_store *store;
    wane_layer_shape shape;
    const wane_rows *rows;
    size_t count, tile; /* rows of the stretch; of a tile */
    /* Forward. */
    float *out; /* of the layer, one row per row of `rows` */
    bool queries, keys;
    /* Backward. */
    size_t lowest; /* the step of the first that is trained (wane_pass_step): a step is done only
                      if something at or before it is trained */
    const float *dout; /* rows x width: gradient of the layer's output */
    float *dmiddle,
        *dinput; /* rows x width, of the stream after attention (or, of parallel branches,
                    before it, attention's own part left out); tokens x width */
    const wane_gradients *gradients;
    /* Where in a tile's strip of pass->backward.gains the gradient of a norm's weight and bias is
     * summed; WANE_ABSENT: it is not trained, or not of this stretch. */
    size_t sum[WANE_PLACES][2], sums;
} wane_layer_work;

/* The work on a layer, over all of `rows`. */
wane_layer_work wane_layer_begin(wane_pass *pass, size_t layer, const wane_rows *rows);

/* A tile: its rows of the stretch, and the thread's scratch. */
typedef struct wane_layer_tile {
    size_t tile, first, rows;
    float *scratch;
} wane_layer_tile;
wane_layer_tile wane_layer_tile_of(const wane_layer_work *w, size_t tile, int thread);
/* Linear layers on the tile's rows; `token`: of the stretch's rows, NULL: rows are tokens. */
wane_linear wane_layer_linear(const wane_layer_work *w, const wane_layer_tile *t,
                              const size_t *token, float *scratch);
/* When the place is used, as w->lowest counts. */
size_t wane_layer_step(const wane_layer_work *w, wane_place place);

/* Runs `work` over the tiles of `count` rows. */
void wane_layer_run(wane_layer_work *w, size_t count, void (*work)(void *, size_t, int));
/* The same on the way back: the gradients of the norms at `places` (`norms` of them, ended by
 * WANE_PLACES) are summed by tile, then added in order. */
void wane_layer_run_back(wane_layer_work *w, size_t count, const wane_place *norms,
                         void (*work)(void *, size_t, int));
/* Floats of a tile's strip that the norms at `norms` need at most. */
size_t wane_layer_sums(const wane_parameters *parameters, const wane_place *norms);
/* The norms of each stretch of the way back. */
extern const wane_place wane_norms_of_mlp[], wane_norms_of_queries[], wane_norms_of_input[];

/* ---------------------------------------------------------------------------------------- norms */

/* A norm of the model, or none (gain NULL). */
typedef struct wane_norm {
    const wane_norm_kernels *kernels;
    size_t width;
    float epsilon;
    const float *gain, *bias;
} wane_norm;

wane_norm wane_norm_at(const wane_pass *pass, const wane_layer_index *index, wane_place place);
/* y = the normed rows of x (rows x width), or x itself where there is no norm; rstd may be NULL. */
void wane_norm_forward(const wane_norm *norm, size_t rows, const float *x, float *y, float *rstd);
/* dx += the gradient given dy; normed = y again. */
void wane_norm_backward(const wane_layer_work *w, const wane_layer_tile *t, wane_place place,
                        const float *x, const float *rstd, const float *dy, float *dx,
                        float *normed);

/* ------------------------------------------------------------------------------------- branches */

/* stream (rows x width) += what a branch gives: x W^T + b of the slot, normed and scaled as the
 * block says. `kept` (may be NULL): where what the norm reads stays for the way back, `rstd` too.
 */
void wane_branch_join(const wane_layer_work *w, const wane_layer_tile *t, wane_slot slot,
                      wane_place norm, const float *x, float *stream, float *kept, float *rstd,
                      float *scratch);
/* The gradient of x W^T + b given that of the stream: dstream itself, or made in `room`. */
const float *wane_branch_part(const wane_layer_work *w, const wane_layer_tile *t, wane_place norm,
                              const float *kept, const float *rstd, const float *dstream,
                              float *room);
/* Whether wane_branch_part makes it in `room`. */
bool wane_branch_apart(const wane_pass *pass, const wane_layer_index *index, wane_place norm);

/* branch_attention.c: the projections of a tile; what attention gives joins the stream; the way
 * back by queries' rows, and by tokens. Attention itself runs over sequences and key heads. */
void wane_attention_project(void *work, size_t tile, int thread);
void wane_attention_run(wane_layer_work *w);
void wane_attention_join(const wane_layer_work *w, const wane_layer_tile *t, float *stream,
                         float *scratch);
void wane_attention_join_back(const wane_layer_work *w, const wane_layer_tile *t,
                              const float *dstream, float *scratch);
void wane_attention_run_back(wane_layer_work *w);
void wane_attention_queries_back(void *work, size_t tile, int thread);
void wane_attention_input_back(void *work, size_t tile, int thread);

/* branch_mlp.c. stream += MLP(normed); forward, `normed` rows x width is what it reads. Back: from
 * w->dout to dnormed (NULL: nobody asks), leaving what its gradients are made of. */
void wane_mlp(const wane_layer_work *w, const wane_layer_tile *t, const float *normed,
              float *stream, float *scratch);
void wane_mlp_back(const wane_layer_work *w, const wane_layer_tile *t, float *dnormed,
                   float *scratch);

/* ------------------------------------------------------------------------------------- backward */

/* layer.c: stream[0] holds the gradient of the layer's output, one row per row of `rows`;
 * afterwards that of its input, one row per token (the three buffers trade places). Gradients of
 * parameters are added into `gradients`. False when nothing below the layer is trained: stream[0]
 * is then of no use. */
bool wane_layer_backward(wane_pass *pass, size_t layer, const wane_rows *rows, size_t lowest,
                         const wane_gradients *gradients, float **stream);

/* embedding.c: the stream before the first layer, and the gradients of what it is made of. */
void wane_embed(wane_pass *pass);
void wane_embed_back(wane_pass *pass, const wane_gradients *gradients, float *dstream);

#endif
