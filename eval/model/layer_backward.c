/* SPDX-License-Identifier: Apache-2.0
 * One layer, backward: row tiles between attentions, attention by sequence and key head, then the
 * gradients of the parameters.
 *
 * `lowest` is the step of the first that is trained (wane_pass_step): a step is done only if
 * something at or before it is trained.
 */
#include "eval/model/layer_backward.h"

#include <math.h>
#include <string.h>

#include "eval/model/gradients.h"
#include "eval/model/linear.h"

typedef struct step {
    wane_pass *pass;
    size_t layer, lowest, tile, tiles;
    const wane_layer_index *index;
    wane_layer_store *store;
    const wane_rows *rows;
    const float *dout;       /* rows x width: of the layer's output */
    float *dmiddle, *dinput; /* rows x width; tokens x width */
    float *dgain;            /* of the norm at work, or NULL */
} step;

/* When the place is used, as s->lowest counts. */
static size_t at(const step *s, wane_place place)
{
    return wane_pass_step(&s->pass->config, s->layer, place);
}

static float *scratch_of(const wane_pass *pass, int thread)
{
    return pass->scratch + (size_t)thread * pass->scratch_floats;
}

static wane_linear linear_of(const step *s, size_t row, size_t rows, float *scratch)
{
    return (wane_linear){.pass = s->pass,
                         .index = s->index,
                         .store = s->store,
                         .row = row,
                         .rows = rows,
                         .token = s->rows->token,
                         .scratch = scratch};
}

/* Through the MLP and its norm to the stream after attention, and through the output projection.
 * Leaves act, normed2 and, in place of gate_up, its gradient. */
static void mlp_tile(void *context, size_t tile, int thread)
{
    const step *s = context;
    const wane_pass *pass = s->pass;
    const wane_config *c = &pass->config;
    const wane_kernels *k = pass->kernels;
    const wane_backward_store *b = &pass->backward;
    size_t first = tile * s->tile, rows = s->rows->count - first, width = c->width;
    if (rows > s->tile) rows = s->tile;
    size_t heads = c->heads * c->head_width;
    float *dnormed = scratch_of(pass, thread), *act = b->act + first * c->hidden;
    float *gate_up = s->store->gate_up + first * 2 * c->hidden;
    const float *dout = s->dout + first * width;
    wane_linear linear = linear_of(s, first, rows, dnormed + rows * width);
    if (s->lowest >= at(s, WANE_SLOT_DOWN)) {
        wane_linear_backward(&linear, WANE_SLOT_DOWN, 1, dout, width, NULL, false);
        k->activation[WANE_ACTIVATION_SILU].gated(rows, c->hidden, gate_up, act);
        return;
    }
    wane_linear_backward(&linear, WANE_SLOT_DOWN, 1, dout, width, act, false);
    k->activation[WANE_ACTIVATION_SILU].gated_backward(rows, c->hidden, gate_up, act);
    bool onward = s->lowest <= at(s, WANE_NORM_MLP);
    wane_linear_backward(&linear, WANE_SLOT_GATE, 2, gate_up, 2 * c->hidden,
                         onward ? dnormed : NULL, false);
    const float *gain = wane_pass_weight(pass, s->index->weight[WANE_NORM_MLP]);
    const float *middle = s->store->middle + first * width;
    float *normed = b->normed2 + first * width;
    if (!onward) {
        k->norm[WANE_NORM_RMS].forward(rows, width, (float)c->norm_epsilon, middle, gain, NULL,
                                       normed, NULL);
        return;
    }
    float *dmiddle = s->dmiddle + first * width;
    memcpy(dmiddle, dout, rows * width * sizeof(float));
    k->norm[WANE_NORM_RMS].backward(rows, width, middle, gain, NULL, s->store->rstd2 + first,
                                    dnormed, dmiddle, true, normed,
                                    s->dgain ? b->gains + tile * width : NULL, NULL);
    wane_linear_backward(&linear, WANE_SLOT_O, 1, dmiddle, width,
                         s->lowest < at(s, WANE_SLOT_O) ? b->dattention + first * heads : NULL,
                         false);
}

static void attention_tile(void *context, size_t tile, int thread)
{
    const step *s = context;
    const wane_pass *pass = s->pass;
    const wane_config *c = &pass->config;
    const wane_batch *batch = pass->batch;
    size_t sequence = tile / c->kv_heads, first = s->rows->first[sequence];
    wane_attention attention = {.kernels = pass->kernels,
                                .heads = c->heads,
                                .kv_heads = c->kv_heads,
                                .head_width = c->head_width,
                                .scale = 1.0f / sqrtf((float)c->head_width),
                                .causal = true,
                                .q = s->store->q,
                                .kv = s->store->kv,
                                .position = s->rows->position,
                                .out = s->store->attention,
                                .lse = s->store->lse};
    wane_attention_gradient gradient = {
        .dout = pass->backward.dattention, .dq = pass->backward.dq, .dkv = pass->backward.dkv};
    wane_attention_item item = {.row = first,
                                .rows = s->rows->first[sequence + 1] - first,
                                .own = batch->starts[sequence],
                                .keys = batch->starts[sequence + 1] - batch->starts[sequence]};
    wane_attention_backward(&attention, &gradient, &item, tile % c->kv_heads,
                            scratch_of(pass, thread));
}

/* Queries back to the norm's output, by rows. With a row list the norm's output is made anew, in
 * place of the stream after attention, which is done with. */
static void query_tile(void *context, size_t tile, int thread)
{
    const step *s = context;
    const wane_pass *pass = s->pass;
    const wane_config *c = &pass->config;
    size_t first = tile * s->tile, rows = s->rows->count - first, width = c->width;
    if (rows > s->tile) rows = s->tile;
    size_t heads = c->heads * c->head_width;
    float *dq = pass->backward.dq + first * heads;
    pass->kernels->rope(rows, c->heads, c->head_width, c->head_width, dq, heads,
                        s->rows->position + first, pass->cosine, pass->sine, true);
    wane_linear linear = linear_of(s, first, rows, scratch_of(pass, thread));
    wane_linear_backward(
        &linear, WANE_SLOT_Q, 1, dq, heads,
        s->lowest < at(s, WANE_SLOT_Q) ? pass->backward.dqueries + first * width : NULL, false);
    for (size_t r = first; s->rows->token && r < first + rows; r++)
        pass->kernels->norm[WANE_NORM_RMS].forward(
            1, width, (float)c->norm_epsilon, s->store->input + s->rows->token[r] * width,
            wane_pass_weight(pass, s->index->weight[WANE_NORM_ATTENTION]), NULL,
            s->store->middle + r * width, NULL);
}

/* The row of token t in the step's rows, or SIZE_MAX. */
static size_t row_of(const step *s, size_t t)
{
    return s->rows->token ? s->pass->final_row[t] - 1 : t;
}

/* Keys and values, the norm and the residual, by tokens. */
static void input_tile(void *context, size_t tile, int thread)
{
    const step *s = context;
    const wane_pass *pass = s->pass;
    const wane_config *c = &pass->config;
    const wane_kernels *k = pass->kernels;
    const wane_backward_store *b = &pass->backward;
    size_t first = tile * s->tile, rows = pass->batch->tokens - first, width = c->width;
    if (rows > s->tile) rows = s->tile;
    size_t keys = c->kv_heads * c->head_width;
    float *dnormed = scratch_of(pass, thread), *dkv = b->dkv + first * 2 * keys;
    float *normed = b->normed1 + first * width;
    const float *gain = wane_pass_weight(pass, s->index->weight[WANE_NORM_ATTENTION]);
    const float *input = s->store->input + first * width;
    bool onward = s->lowest < at(s, WANE_SLOT_Q);
    k->rope(rows, c->kv_heads, c->head_width, c->head_width, dkv, 2 * keys, pass->position + first,
            pass->cosine, pass->sine, true);
    wane_linear linear = linear_of(s, first, rows, dnormed + rows * width);
    linear.token = NULL;
    wane_linear_backward(&linear, WANE_SLOT_K, 2, dkv, 2 * keys, onward ? dnormed : NULL, false);
    if (!onward) {
        k->norm[WANE_NORM_RMS].forward(rows, width, (float)c->norm_epsilon, input, gain, NULL,
                                       normed, NULL);
        return;
    }
    float *dinput = s->dinput + first * width;
    memset(dinput, 0, rows * width * sizeof(float));
    for (size_t t = 0; t < rows; t++) {
        size_t row = row_of(s, first + t);
        if (row == SIZE_MAX) continue;
        k->add(width, b->dqueries + row * width, dnormed + t * width);
        memcpy(dinput + t * width, s->dmiddle + row * width, width * sizeof(float));
    }
    k->norm[WANE_NORM_RMS].backward(rows, width, input, gain, NULL, s->store->rstd1 + first,
                                    dnormed, dinput, true, normed,
                                    s->dgain ? b->gains + tile * width : NULL, NULL);
}

/* Runs a stage over `count` rows; `norm` is the norm it passes: its gain's gradient is summed tile
 * by tile, in order. */
static void run(step *s, size_t count, size_t norm, const wane_gradients *g,
                void (*work)(void *, size_t, int))
{
    wane_pass *pass = s->pass;
    size_t width = pass->config.width, tile = wane_tile_rows(count);
    size_t tiles = (count + tile - 1) / tile;
    s->tile = tile;
    s->dgain = NULL;
    if (norm != WANE_ABSENT && g->weights && g->train[norm]) {
        s->dgain = g->weights + pass->parameters.parameter[norm].offset;
        memset(pass->backward.gains, 0, tiles * width * sizeof(float));
    }
    wane_pool_run(pass->pool, tiles, work, s);
    for (size_t t = 0; t < tiles && s->dgain; t++)
        pass->kernels->add(width, pass->backward.gains + t * width, s->dgain);
}

/* What the gradients of each slot are made of, for the slots that were reached. */
static void parameter_gradients(const step *s, const wane_gradients *g)
{
    wane_pass *pass = s->pass;
    const wane_config *c = &pass->config;
    const wane_backward_store *b = &pass->backward;
    wane_gradient_source source[WANE_SLOTS] = {{0}};
    size_t keys = c->kv_heads * c->head_width, width = c->width, rows = s->rows->count;
    const float *normed_q = s->rows->token ? s->store->middle : b->normed1;
    const wane_gradient_source all[WANE_SLOTS] = {
        {normed_q, b->dq, c->heads * c->head_width, rows, s->rows->token, NULL},
        {b->normed1, b->dkv, 2 * keys, pass->batch->tokens, NULL, NULL},
        {b->normed1, b->dkv + keys, 2 * keys, pass->batch->tokens, NULL, NULL},
        {s->store->attention, s->dmiddle, width, rows, s->rows->token, NULL},
        {b->normed2, s->store->gate_up, 2 * c->hidden, rows, s->rows->token, NULL},
        {b->normed2, s->store->gate_up + c->hidden, 2 * c->hidden, rows, s->rows->token, NULL},
        {b->act, s->dout, width, rows, s->rows->token, NULL},
    };
    /* A slot was reached when something before the next step of the computation is trained. */
    const size_t end[WANE_SLOTS] = {at(s, WANE_SLOT_O),
                                    at(s, WANE_SLOT_O),
                                    at(s, WANE_SLOT_O),
                                    at(s, WANE_NORM_MLP),
                                    at(s, WANE_SLOT_DOWN),
                                    at(s, WANE_SLOT_DOWN),
                                    SIZE_MAX};
    for (int slot = 0; slot < WANE_SLOTS; slot++) {
        if (s->lowest >= end[slot]) continue;
        source[slot] = all[slot];
        source[slot].low = s->store->low[slot];
    }
    wane_layer_gradients(pass, s->layer, g, source);
}

bool wane_layer_backward(wane_pass *pass, size_t layer, const wane_rows *rows, size_t lowest,
                         const wane_gradients *gradients, float **stream)
{
    step s = {.pass = pass,
              .layer = layer,
              .lowest = lowest,
              .index = &pass->parameters.places->layer[layer],
              .store = wane_layer_at(pass, layer),
              .rows = rows,
              .dout = stream[0],
              .dmiddle = stream[1],
              .dinput = stream[2]};
    run(&s, rows->count, s.index->weight[WANE_NORM_MLP], gradients, mlp_tile);
    if (lowest < at(&s, WANE_SLOT_O)) {
        wane_pool_run(pass->pool, pass->batch->sequences * pass->config.kv_heads, attention_tile,
                      &s);
        run(&s, rows->count, WANE_ABSENT, gradients, query_tile);
        run(&s, pass->batch->tokens, s.index->weight[WANE_NORM_ATTENTION], gradients, input_tile);
    }
    parameter_gradients(&s, gradients);
    stream[2] = stream[0];
    stream[0] = s.dinput;
    return lowest < at(&s, WANE_NORM_ATTENTION);
}
