/* SPDX-License-Identifier: Apache-2.0
 * The layers: the order of the computation forward, and one layer's way back.
 *
 *   middle = x + attention(norm(x))       a branch's own norm and scale apply before it is added;
 *   out = middle + MLP(norm(middle))      norms that the architecture has no row for are passed by;
 *                                         of parallel branches both read x
 */
#include <string.h>

#include "eval/model/gradients.h"
#include "eval/model/layer.h"

/* -------------------------------------------------------------------------------------- forward */

/* From what attention gave to the layer's output. */
static void output_tile(void *context, size_t tile, int thread)
{
    const wane_layer_work *w = context;
    const wane_pass *pass = w->pass;
    const wane_layer_store *store = w->store;
    wane_layer_tile t = wane_layer_tile_of(w, tile, thread);
    size_t width = pass->config.width, bytes = t.rows * width * sizeof(float);
    float *normed = t.scratch, *scratch = normed + t.rows * width;
    float *out = w->out + t.first * width;
    float *middle = store->middle ? store->middle + t.first * width : out;
    bool parallel = pass->config.block.parallel;
    wane_norm norm = wane_norm_at(pass, w->index, WANE_NORM_MLP);
    /* With a row list, the projections have put the residual stream into out. */
    const float *input = w->rows->token ? out : store->input + t.first * width;
    if (middle != input) memcpy(middle, input, bytes);
    if (!parallel) wane_attention_join(w, &t, middle, scratch);
    wane_norm_forward(&norm, t.rows, middle, normed, store->rstd2 ? store->rstd2 + t.first : NULL);
    if (out != middle) memcpy(out, middle, bytes);
    if (parallel) wane_attention_join(w, &t, out, scratch);
    wane_mlp(w, &t, normed, out, scratch);
}

/* Cuts the rows of every sequence into items. */
static void cut_items(wane_pass *pass, const wane_rows *rows)
{
    const wane_batch *batch = pass->batch;
    pass->items = 0;
    for (size_t s = 0; s < batch->sequences; s++) {
        long p = batch->prefix ? batch->prefix[s] : -1;
        size_t prefix = p < 0 ? 0 : batch->starts[p];
        size_t prefix_keys = p < 0 ? 0 : batch->starts[p + 1] - prefix;
        for (size_t r = rows->first[s]; r < rows->first[s + 1]; r += WANE_ATTENTION_ITEM_ROWS) {
            size_t count = rows->first[s + 1] - r;
            if (count > WANE_ATTENTION_ITEM_ROWS) count = WANE_ATTENTION_ITEM_ROWS;
            pass->item[pass->items++] = (wane_attention_item){
                r,      count,       batch->starts[s],
                prefix, prefix_keys, prefix_keys + batch->starts[s + 1] - batch->starts[s]};
        }
    }
}

void wane_layers_forward(wane_pass *pass)
{
    size_t last = pass->config.layers - 1, tokens = pass->all.count;
    wane_embed(pass);
    cut_items(pass, &pass->all);
    for (size_t l = 0; l < last; l++) {
        wane_layer_work w = wane_layer_begin(pass, l, &pass->all);
        w.queries = w.keys = true;
        wane_layer_run(&w, tokens, wane_attention_project);
        wane_attention_run(&w);
        w.out = wane_layer_at(pass, l + 1)->input;
        wane_layer_run(&w, tokens, output_tile);
    }
    wane_layer_work w = wane_layer_begin(pass, last, &pass->all);
    w.keys = true;
    wane_layer_run(&w, tokens, wane_attention_project);
}

void wane_last_layer_forward(wane_pass *pass, const wane_rows *rows)
{
    wane_layer_work w = wane_layer_begin(pass, pass->config.layers - 1, rows);
    w.queries = true;
    w.out = pass->final + pass->finals * pass->config.width;
    wane_layer_run(&w, rows->count, wane_attention_project);
    cut_items(pass, rows);
    wane_attention_run(&w);
    wane_layer_run(&w, rows->count, output_tile);
}

/* ------------------------------------------------------------------------------------- backward */

/* From the layer's output to what attention gave, the other way through output_tile. Leaves what
 * the MLP read in normed2. */
static void output_back_tile(void *context, size_t tile, int thread)
{
    const wane_layer_work *w = context;
    const wane_pass *pass = w->pass;
    wane_layer_tile t = wane_layer_tile_of(w, tile, thread);
    size_t width = pass->config.width, at = t.first * width;
    float *dnormed = t.scratch, *scratch = dnormed + t.rows * width;
    const float *middle = w->store->middle + at, *dout = w->dout + at;
    float *normed = pass->backward.normed2 + at, *dmiddle = w->dmiddle + at;
    bool onward = w->lowest < wane_layer_step(w, WANE_SLOT_UP);
    wane_mlp_back(w, &t, onward ? dnormed : NULL, scratch);
    if (!onward) {
        wane_norm norm = wane_norm_at(pass, w->index, WANE_NORM_MLP);
        wane_norm_forward(&norm, t.rows, middle, normed, NULL);
        return;
    }
    memcpy(dmiddle, dout, t.rows * width * sizeof(float));
    wane_norm_backward(w, &t, WANE_NORM_MLP, middle, w->store->rstd2 + t.first, dnormed, dmiddle,
                       normed);
    wane_attention_join_back(w, &t, pass->config.block.parallel ? dout : dmiddle, scratch);
}

/* What the gradients of each slot are made of, for the slots that were reached: those with
 * something trained at them or before. */
static void parameter_gradients(const wane_layer_work *w)
{
    wane_pass *pass = w->pass;
    const wane_config *c = &pass->config;
    const wane_backward_store *b = &pass->backward;
    const wane_layer_store *s = w->store;
    const size_t *token = w->rows->token;
    wane_gradient_source source[WANE_SLOTS] = {{0}};
    size_t keys = c->kv_heads * c->head_width, heads = c->heads * c->head_width, width = c->width;
    size_t rows = w->rows->count, tokens = pass->batch->tokens;
    size_t expanded = wane_expanded(c, &pass->parameters);
    const float *normed_q = token ? s->middle : b->normed1;
    const float *dstream = c->block.parallel ? w->dout : w->dmiddle;
    const float *djoin =
        wane_branch_apart(pass, w->index, WANE_NORM_ATTENTION_OUT) ? b->dbranch[0] : dstream;
    const float *dmlp =
        wane_branch_apart(pass, w->index, WANE_NORM_MLP_OUT) ? b->dbranch[1] : w->dout;
    const wane_gradient_source all[WANE_SLOTS] = {
        [WANE_SLOT_Q] = {normed_q, b->dq, heads, rows, token, NULL},
        [WANE_SLOT_K] = {b->normed1, b->dkv, 2 * keys, tokens, NULL, NULL},
        [WANE_SLOT_V] = {b->normed1, b->dkv + keys, 2 * keys, tokens, NULL, NULL},
        [WANE_SLOT_QKV] = {b->normed1, b->dqkv, heads + 2 * keys, tokens, NULL, NULL},
        [WANE_SLOT_O] = {s->attention, djoin, width, rows, token, NULL},
        [WANE_SLOT_GATE] = {b->normed2, s->expanded, expanded, rows, token, NULL},
        [WANE_SLOT_UP] = {b->normed2, s->expanded + (expanded - c->hidden), expanded, rows, token,
                          NULL},
        [WANE_SLOT_GATE_UP] = {b->normed2, s->expanded, expanded, rows, token, NULL},
        [WANE_SLOT_DOWN] = {b->act, dmlp, width, rows, token, NULL},
    };
    /* The first step behind a slot's. */
    const wane_place behind[WANE_SLOTS] = {
        [WANE_SLOT_Q] = WANE_SLOT_O,        [WANE_SLOT_K] = WANE_SLOT_O,
        [WANE_SLOT_V] = WANE_SLOT_O,        [WANE_SLOT_QKV] = WANE_SLOT_O,
        [WANE_SLOT_O] = WANE_NORM_MLP,      [WANE_SLOT_GATE] = WANE_SLOT_DOWN,
        [WANE_SLOT_UP] = WANE_SLOT_DOWN,    [WANE_SLOT_GATE_UP] = WANE_SLOT_DOWN,
        [WANE_SLOT_DOWN] = WANE_NORM_FINAL,
    };
    for (int slot = 0; slot < WANE_SLOTS; slot++) {
        if (w->index->weight[slot] == WANE_ABSENT || w->lowest >= wane_layer_step(w, behind[slot]))
            continue;
        source[slot] = all[slot];
        source[slot].low = s->low[slot];
    }
    wane_layer_gradients(pass, w->layer, w->gradients, source);
}

bool wane_layer_backward(wane_pass *pass, size_t layer, const wane_rows *rows, size_t lowest,
                         const wane_gradients *gradients, float **stream)
{
    wane_layer_work w = wane_layer_begin(pass, layer, rows);
    w.lowest = lowest;
    w.gradients = gradients;
    w.dout = stream[0];
    w.dmiddle = stream[1];
    w.dinput = stream[2];
    wane_layer_run_back(&w, rows->count, wane_norms_of_mlp, output_back_tile);
    if (lowest < wane_layer_step(&w, WANE_SLOT_O)) {
        wane_attention_run_back(&w);
        wane_layer_run_back(&w, rows->count, wane_norms_of_queries, wane_attention_queries_back);
        wane_layer_run_back(&w, pass->batch->tokens, wane_norms_of_input,
                            wane_attention_input_back);
    }
    parameter_gradients(&w);
    stream[2] = stream[0];
    stream[0] = w.dinput;
    return lowest < wane_layer_step(&w, WANE_NORM_ATTENTION);
}
