/* SPDX-License-Identifier: Apache-2.0
 * A pass from inside: its buffers and the steps its files share. For this room alone.
 *
 * Every layer but the last is computed for all tokens. The last one needs all tokens for keys and
 * values only: its queries, its MLP and the final norm are computed for the rows that are asked
 * for (the targets in training; on demand in evaluation), and so is the head.
 */
#ifndef EVAL_MODEL_STATE_H
#define EVAL_MODEL_STATE_H

#include "eval/compute/attention.h"
#include "eval/compute/backend.h"
#include "eval/compute/kernels.h"
#include "eval/model/layout.h"
#include "eval/model/pass.h"

/* Token rows of the batch, rising, grouped by sequence. */
typedef struct wane_rows {
    size_t count;
    const size_t *token;     /* row r is that token; NULL: token r */
    const int32_t *position; /* per row: its place in its sequence, prefix included */
    const size_t *first;     /* sequences + 1: rows of each sequence */
} wane_rows;

/* What one layer leaves for backward; in evaluation all layers share one. What an architecture does
 * not have is NULL. */
typedef struct wane_layer_store {
    float *input;     /* tokens x width: the residual stream */
    float *q;         /* rows x heads head_width, turned */
    float *kv;        /* tokens x 2 kv_heads head_width, keys turned */
    float *queries;   /* tokens x heads head_width: of one matrix of queries, keys and values,
                         where queries of rows are asked for later */
    float *attention; /* rows x heads head_width; evaluation: q itself */
    float *lse;       /* rows x heads; training only, as all below */
    float *middle;    /* rows x width: what the MLP's norm reads, the stream after attention (or,
                         of parallel branches, before it) */
    float *expanded;  /* rows x 2 hidden, gate and up; or x hidden, without a gate */
    float *rstd1, *rstd2;  /* tokens; rows */
    float *raw_q, *rstd_q; /* rows x heads head_width: before their norm; rows x parts */
    float *raw_k, *rstd_k; /* tokens x kv_heads head_width; tokens x parts */
    float *joined[2], *rstd_joined[2]; /* rows x width: what the norms of attention's and the MLP's
                                          outputs read; rows */
    float *low[WANE_SLOTS]; /* rows (k, v, qkv: tokens) x rank: drop(x) A^T; NULL without adapter */
} wane_layer_store;

/* What backward works with, once for all layers; only in training. */
typedef struct wane_backward_store {
    float *stream[3];         /* tokens x width: gradients of the residual stream, in turn */
    float *act;               /* tokens x hidden */
    float *normed1, *normed2; /* tokens x width */
    float *dattention, *dq;   /* tokens x heads head_width */
    float *dkv;               /* tokens x 2 kv_heads head_width */
    float *dqkv;              /* tokens x both, where they are one matrix */
    float *dqueries;          /* tokens x width: of the norm's output, through the queries */
    float *dbranch[2]; /* tokens x width: of what attention's and the MLP's last products give,
                          where that is not the stream's */
    float *dlow[WANE_SLOTS]; /* tokens x rank: of drop(x) A^T */
    float *gains;            /* tiles x strip: of norms' vectors, by row tile */
    float *chunk_dhidden, *chunk_rstd, *chunk_nll;
    float *chunk_kept; /* logits as the loss sees them, where they are capped */
} wane_backward_store;

/* Cosines and sines of one kind of rotary positions: rows x turned / 2. The first rows are those of
 * positions from 0, in a sequence that is not long. Where frequencies go by a sequence's length,
 * tokens of long ones have rows of their own behind them, made for each batch. */
typedef struct wane_angles {
    size_t width,
        turned; /* numbers of a head, as formulas of frequencies have it; in whole pairs */
    size_t positions;
    float *cosine, *sine;
    int32_t *row; /* per token: its row; NULL: its position */
} wane_angles;

/* Room for a packed weight. */
typedef struct wane_pack {
    const void *of; /* the weight whose pack is there; NULL: none that still holds */
    void *packed;
} wane_pack;

struct wane_pass {
    wane_config config;
    wane_pass_limits limits;
    wane_pool *pool;
    const wane_backend *backend;
    const wane_kernels *kernels; /* the backend's */
    wane_parameters parameters;
    void *block; /* all below points into it */

    wane_angles angles[2];  /* of config.rope, of config.local_rope */
    int32_t *position;      /* per token */
    size_t *sequence_first; /* sequences + 1: the batch's starts */
    wane_attention_item *item;
    size_t items;
    /* The rows of the last layer: lists for the set at work, and which row of `final` a token has
     * (row + 1; 0 = not computed yet). */
    size_t *row_token, *row_first, *final_row;
    int32_t *row_position;
    size_t finals;           /* rows of `final` in use */
    float *final;            /* residual stream after the last layer, before the norm */
    wane_layer_store *layer; /* per stored layer; evaluation: one */
    float *scratch;          /* per thread */
    size_t scratch_floats;
    size_t product_floats; /* of those the last: the backend's */
    wane_pack *pack;       /* per parameter; NULL: the backend packs nothing */

    /* The head's chunk. */
    size_t chunk;
    size_t *chunk_row, *chunk_first; /* rows of `final`; targets of each row */
    float *chunk_hidden, *chunk_logits;

    wane_backward_store backward;

    /* The batch at work. */
    const wane_model *model;
    const wane_adapter *adapter;
    const wane_batch *batch;
    wane_dropout dropout;
    const float *observed; /* a block of weights: the change that is observed; or NULL */
    double *image, *input; /* parameters x limits.tokens */
    bool dropping, ready;
    bool sealed; /* training: `final` holds the targets' rows and takes no more */
    wane_rows all;
};

/* Rows of one tile of a pass over `rows` rows: a function of the shape alone. */
enum { WANE_TILE_PARTS = 4 };
size_t wane_tile_rows(size_t rows);

/* Largest number of positions the head works on at once. */
size_t wane_head_chunk(const wane_config *config);

/* Layers that keep a store of their own. */
size_t wane_stored_layers(const wane_config *config, const wane_pass_limits *limits);
/* The store of layer l. */
wane_layer_store *wane_layer_at(wane_pass *pass, size_t layer);

/* Runs the layers: all rows below the last layer, and its keys and values. */
void wane_layers_forward(wane_pass *pass);
/* The rest of the last layer for `rows`; appends to final. */
void wane_last_layer_forward(wane_pass *pass, const wane_rows *rows);
/* Makes sure that `final` holds the given tokens. */
void wane_pass_complete(wane_pass *pass, const size_t *token, size_t count);

/* The head of the batch at work: the vocabulary's, or its class head. */
typedef struct wane_head_view {
    const float *weight;
    size_t outputs;
} wane_head_view;
wane_head_view wane_head_of(const wane_pass *pass);
/* The outputs that the softmax of a target runs over: first, count. */
void wane_head_range(const wane_pass *pass, int32_t target, size_t *first, size_t *count);

/* Rows of the chunk that begins with target `first`, into chunk_row and chunk_first (the targets of
 * a row are chunk_first[r] .. chunk_first[r + 1] - 1); neighbouring targets of one position share a
 * row. Returns the target after the chunk's last. */
size_t wane_head_rows(wane_pass *pass, size_t first, size_t *rows);

/* hidden (rows x width) = normalised rows chunk_row of `final`, logits (rows x outputs of the head)
 * = hidden head^T, scaled and capped as the block says; rstd (rows, may be NULL): the norm's
 * factors. */
void wane_head_logits(wane_pass *pass, size_t rows, float *hidden, float *logits, float *rstd);
/* dlogits (rows x vocabulary): from the gradient of `logits` (needed where they are capped) to that
 * of the product. Nothing with a head of classes. */
void wane_head_logits_back(wane_pass *pass, size_t rows, const float *logits, float *dlogits);

/* The head as its products take it; packs it where its pack does not hold. Outside of tiles. */
wane_packed wane_head_packed(wane_pass *pass);

/* Pointers into the model. */
const float *wane_pass_weight(const wane_pass *pass, size_t parameter);

/* packs.c: products are pass->backend's, with the weights as it takes them. */

/* Whether a parameter is packed; whether for input_gradient too. */
bool wane_pass_packs(const wane_pass *pass, size_t parameter);
bool wane_pass_packs_gradient(const wane_pass *pass, size_t parameter);
/* At the begin of a forward: packs the weights of the layers whose packs do not hold. */
void wane_pass_pack_layers(wane_pass *pass);
/* A weight of a layer, packed by then. */
wane_packed wane_pass_packed(const wane_pass *pass, size_t parameter);
/* Packs `weight` into the room of a parameter, which has as many rows or more, unless it is what
 * was packed there last and has not changed. Outside of tiles. */
void wane_pass_pack(wane_pass *pass, size_t parameter, const float *weight, size_t rows);
/* The thread inside a tile whose scratch (any part of it) is given; all threads of the pool. */
wane_workers wane_pass_alone(const wane_pass *pass, const float *scratch);
wane_workers wane_pass_together(const wane_pass *pass);

#endif
