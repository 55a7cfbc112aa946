/* SPDX-License-Identifier: Apache-2.0
 * The layers, forward. Rows are cut into tiles; a tile runs everything between two attentions by
 * itself, so that its rows stay in cache.
 */
#include <math.h>
#include <string.h>

#include "eval/model/linear.h"
#include "eval/model/state.h"

/* One stretch of work over row tiles. */
typedef struct stage {
    wane_pass *pass;
    size_t layer, tile;
    const wane_layer_index *index;
    wane_layer_store *store;
    const wane_rows *rows;
    float *out; /* of the layer, one row per row of `rows` */
    bool queries, keys;
} stage;

static float *scratch_of(const wane_pass *pass, int thread)
{
    return pass->scratch + (size_t)thread * pass->scratch_floats;
}

static stage begin_stage(wane_pass *pass, size_t layer, const wane_rows *rows)
{
    return (stage){.pass = pass,
                   .layer = layer,
                   .tile = wane_tile_rows(rows->count),
                   .index = &pass->parameters.places->layer[layer],
                   .store = wane_layer_at(pass, layer),
                   .rows = rows};
}

static void run_stage(stage *s, void (*work)(void *, size_t, int))
{
    wane_pool_run(s->pass->pool, (s->rows->count + s->tile - 1) / s->tile, work, s);
}

static void embed_tile(void *context, size_t tile, int thread)
{
    (void)thread;
    stage *s = context;
    const wane_pass *pass = s->pass;
    size_t width = pass->config.width, first = tile * s->tile, last = first + s->tile;
    if (last > s->rows->count) last = s->rows->count;
    const float *table =
        wane_pass_weight(pass, pass->parameters.places->outside.weight[WANE_EMBEDDING]);
    for (size_t t = first; t < last; t++)
        memcpy(s->store->input + t * width, table + (size_t)pass->batch->ids[t] * width,
               width * sizeof(float));
}

/* Norm, then queries and/or keys and values, rotated. With a row list (the last layer), the rows
 * of the residual stream are gathered into `out` first. */
static void project_tile(void *context, size_t tile, int thread)
{
    stage *s = context;
    const wane_pass *pass = s->pass;
    const wane_config *c = &pass->config;
    const wane_kernels *k = pass->kernels;
    size_t first = tile * s->tile, rows = s->rows->count - first;
    if (rows > s->tile) rows = s->tile;
    size_t width = c->width, heads = c->heads * c->head_width;
    size_t keys = c->kv_heads * c->head_width;
    float *normed = scratch_of(pass, thread), *rest = normed + rows * width;
    const float *x = s->store->input + first * width;
    if (s->rows->token) {
        float *gathered = s->out + first * width;
        for (size_t r = 0; r < rows; r++)
            memcpy(gathered + r * width, s->store->input + s->rows->token[first + r] * width,
                   width * sizeof(float));
        x = gathered;
    }
    float *rstd = s->keys && s->store->rstd1 ? s->store->rstd1 + first : NULL;
    k->norm[WANE_NORM_RMS].forward(rows, width, (float)c->norm_epsilon, x,
                                   wane_pass_weight(pass, s->index->weight[WANE_NORM_ATTENTION]),
                                   NULL, normed, rstd);
    wane_linear linear = {.pass = pass,
                          .index = s->index,
                          .store = s->store,
                          .row = first,
                          .rows = rows,
                          .token = s->rows->token,
                          .scratch = rest};
    const int32_t *position = s->rows->position + first;
    if (s->queries) {
        float *q = s->store->q + first * heads;
        wane_linear_forward(&linear, WANE_SLOT_Q, 1, normed, q, heads, false);
        k->rope(rows, c->heads, c->head_width, c->head_width, q, heads, position, pass->cosine,
                pass->sine, false);
    }
    if (s->keys) {
        float *kv = s->store->kv + first * 2 * keys;
        wane_linear_forward(&linear, WANE_SLOT_K, 2, normed, kv, 2 * keys, false);
        k->rope(rows, c->kv_heads, c->head_width, c->head_width, kv, 2 * keys, position,
                pass->cosine, pass->sine, false);
    }
}

/* Output projection, residual, norm, MLP, residual. */
static void mlp_tile(void *context, size_t tile, int thread)
{
    stage *s = context;
    const wane_pass *pass = s->pass;
    const wane_config *c = &pass->config;
    const wane_kernels *k = pass->kernels;
    const wane_layer_store *store = s->store;
    size_t first = tile * s->tile, rows = s->rows->count - first;
    if (rows > s->tile) rows = s->tile;
    size_t width = c->width, heads = c->heads * c->head_width, bytes = rows * width * sizeof(float);
    float *normed = scratch_of(pass, thread), *act = normed + rows * width;
    float *rest = act + rows * c->hidden;
    float *gate_up = rest;
    if (store->gate_up) gate_up = store->gate_up + first * 2 * c->hidden;
    else rest += rows * 2 * c->hidden;
    float *out = s->out + first * width;
    float *middle = store->middle ? store->middle + first * width : out;
    wane_linear linear = {.pass = pass,
                          .index = s->index,
                          .store = s->store,
                          .row = first,
                          .rows = rows,
                          .token = s->rows->token,
                          .scratch = rest};
    /* With a row list, project_tile has put the residual stream into out. */
    const float *input = s->rows->token ? out : store->input + first * width;
    if (middle != input) memcpy(middle, input, bytes);
    wane_linear_forward(&linear, WANE_SLOT_O, 1, store->attention + first * heads, middle, width,
                        true);
    k->norm[WANE_NORM_RMS].forward(rows, width, (float)c->norm_epsilon, middle,
                                   wane_pass_weight(pass, s->index->weight[WANE_NORM_MLP]), NULL,
                                   normed, store->rstd2 ? store->rstd2 + first : NULL);
    wane_linear_forward(&linear, WANE_SLOT_GATE, 2, normed, gate_up, 2 * c->hidden, false);
    k->activation[WANE_ACTIVATION_SILU].gated(rows, c->hidden, gate_up, act);
    if (out != middle) memcpy(out, middle, bytes);
    wane_linear_forward(&linear, WANE_SLOT_DOWN, 1, act, out, width, true);
}

static void attention_tile(void *context, size_t tile, int thread)
{
    stage *s = context;
    const wane_pass *pass = s->pass;
    const wane_config *c = &pass->config;
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
    wane_attention_forward(&attention, &pass->item[tile / c->kv_heads], tile % c->kv_heads,
                           scratch_of(pass, thread));
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

static void attend(stage *s)
{
    wane_pool_run(s->pass->pool, s->pass->items * s->pass->config.kv_heads, attention_tile, s);
}

void wane_layers_forward(wane_pass *pass)
{
    size_t last = pass->config.layers - 1;
    stage embed = begin_stage(pass, 0, &pass->all);
    run_stage(&embed, embed_tile);
    cut_items(pass, &pass->all);
    for (size_t l = 0; l < last; l++) {
        stage s = begin_stage(pass, l, &pass->all);
        s.queries = s.keys = true;
        run_stage(&s, project_tile);
        attend(&s);
        s.out = wane_layer_at(pass, l + 1)->input;
        run_stage(&s, mlp_tile);
    }
    stage s = begin_stage(pass, last, &pass->all);
    s.keys = true;
    run_stage(&s, project_tile);
}

void wane_last_layer_forward(wane_pass *pass, const wane_rows *rows)
{
    stage s = begin_stage(pass, pass->config.layers - 1, rows);
    s.queries = true;
    s.out = pass->final + pass->finals * pass->config.width;
    run_stage(&s, project_tile);
    cut_items(pass, rows);
    attend(&s);
    run_stage(&s, mlp_tile);
}
