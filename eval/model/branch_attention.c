/* SPDX-License-Identifier: Apache-2.0
 * Attention as a branch of the residual stream: norm, projections, positions, the scores of a
 * sequence and the projection back; each forward, then its way back.
 *
 * Queries, keys and values are matrices of their own, or one matrix of all three. Of the last layer
 * keys and values are made for all tokens, queries for the rows that are asked for; of one matrix
 * all three for all tokens, and queries wait in store->queries.
 */
#include <math.h>
#include <string.h>

#include "eval/model/layer.h"
#include "eval/model/weight_parts.h"

static bool fused(const wane_layer_work *w)
{
    return w->index->weight[WANE_SLOT_QKV] != WANE_ABSENT;
}

/* The row of token t among the stretch's rows, or SIZE_MAX. */
static size_t row_of(const wane_layer_work *w, size_t t)
{
    return w->rows->token ? w->pass->final_row[t] - 1 : t;
}

/* -------------------------------------------------------------------------- one matrix of three */

/* Where head h of the queries (part 0), keys (1) or values (2) stands in a row of all three. */
static size_t head_at(const wane_config *c, int part, size_t h)
{
    wane_weight_part parts[WANE_WEIGHT_PARTS];
    (void)wane_weight_parts(parts, c, WANE_ROLE_QKV);
    return wane_weight_part_row(&parts[part], h * c->head_width);
}

/* One row of all three from or to its parts; kv: keys, then values. */
static void part_row(const wane_config *c, const float *qkv, float *q, float *kv)
{
    size_t bytes = c->head_width * sizeof(float);
    for (size_t h = 0; h < c->heads; h++)
        memcpy(q + h * c->head_width, qkv + head_at(c, 0, h), bytes);
    for (size_t h = 0; h < 2 * c->kv_heads; h++)
        memcpy(kv + h * c->head_width, qkv + head_at(c, h < c->kv_heads ? 1 : 2, h % c->kv_heads),
               bytes);
}

/* q NULL: zeros. */
static void unite_row(const wane_config *c, const float *q, const float *kv, float *qkv)
{
    size_t bytes = c->head_width * sizeof(float);
    for (size_t h = 0; h < c->heads; h++) {
        if (q) memcpy(qkv + head_at(c, 0, h), q + h * c->head_width, bytes);
        else memset(qkv + head_at(c, 0, h), 0, bytes);
    }
    for (size_t h = 0; h < 2 * c->kv_heads; h++)
        memcpy(qkv + head_at(c, h < c->kv_heads ? 1 : 2, h % c->kv_heads), kv + h * c->head_width,
               bytes);
}

/* -------------------------------------------------------------------- norms of queries and keys */

/* The norm at the first `width` numbers of each row, head by head or over all of them. */
typedef struct head_norm {
    wane_norm norm;
    size_t parts, width; /* of a row */
} head_norm;

static head_norm head_norm_at(const wane_layer_work *w, wane_place place)
{
    const wane_config *c = &w->pass->config;
    size_t width = (place == WANE_NORM_Q ? c->heads : c->kv_heads) * c->head_width;
    head_norm n = {.norm = wane_norm_at(w->pass, w->index, place), .width = width};
    n.parts = width / n.norm.width;
    return n;
}

/* In place; `raw` (rows x width) and `rstd` (rows x parts) are kept where they are not NULL. */
static void norm_heads(const wane_layer_work *w, wane_place place, size_t rows, float *x, size_t ld,
                       float *raw, float *rstd)
{
    head_norm n = head_norm_at(w, place);
    if (!n.norm.gain) return;
    for (size_t r = 0; r < rows; r++, x += ld) {
        if (raw) memcpy(raw + r * n.width, x, n.width * sizeof(float));
        wane_norm_forward(&n.norm, n.parts, x, x, rstd ? rstd + r * n.parts : NULL);
    }
}

/* dx: rows (stride ld) of the gradient of what norm_heads gave; becomes that of what it read. */
static void norm_heads_back(const wane_layer_work *w, const wane_layer_tile *t, wane_place place,
                            const float *raw, const float *rstd, float *dx, size_t ld)
{
    head_norm n = head_norm_at(w, place);
    if (!n.norm.gain) return;
    float *strip = w->pass->backward.gains + t->tile * w->sums;
    float *dgain = w->sum[place][0] == WANE_ABSENT ? NULL : strip + w->sum[place][0];
    float *dbias = w->sum[place][1] == WANE_ABSENT ? NULL : strip + w->sum[place][1];
    for (size_t r = 0; r < t->rows; r++, dx += ld)
        n.norm.kernels->backward(n.parts, n.norm.width, raw + r * n.width, n.norm.gain, n.norm.bias,
                                 rstd + r * n.parts, dx, dx, false, NULL, dgain, dbias);
}

/* ------------------------------------------------------------------------------------ positions */

/* The tile's queries (or `keys`, of tokens), or back the gradients of what was turned. */
static void turn(const wane_layer_work *w, const wane_layer_tile *t, bool keys, float *x, bool back)
{
    const wane_pass *pass = w->pass;
    const wane_config *c = &pass->config;
    size_t heads = keys ? c->kv_heads : c->heads, ld = (keys ? 2 : 1) * heads * c->head_width;
    if (!w->shape.rope) return;
    const wane_angles *a = &pass->angles[w->shape.rope == &c->local_rope];
    const size_t *token = keys ? NULL : w->rows->token;
    const int32_t *row = keys ? pass->position : w->rows->position;
    if (a->row) row = a->row;
    if (a->row && token)
        for (size_t r = 0; r < t->rows; r++)
            pass->kernels->rope(1, heads, c->head_width, a->turned, x + r * ld, ld,
                                row + token[t->first + r], a->cosine, a->sine, back);
    else
        pass->kernels->rope(t->rows, heads, c->head_width, a->turned, x, ld, row + t->first,
                            a->cosine, a->sine, back);
}

/* ---------------------------------------------------------------------------------- projections */

/* Keys and values of the tile's tokens, and the queries that come with them. */
static void project_keys(const wane_layer_work *w, const wane_layer_tile *t, const float *normed,
                         float *scratch)
{
    const wane_config *c = &w->pass->config;
    wane_layer_store *store = w->store;
    size_t heads = c->heads * c->head_width, keys = c->kv_heads * c->head_width;
    float *kv = store->kv + t->first * 2 * keys;
    if (fused(w)) {
        size_t all = heads + 2 * keys;
        float *q = (w->queries ? store->q : store->queries) + t->first * heads;
        wane_linear linear = wane_layer_linear(w, t, NULL, scratch + t->rows * all);
        wane_linear_forward(&linear, WANE_SLOT_QKV, 1, normed, scratch, all, false);
        for (size_t r = 0; r < t->rows; r++)
            part_row(c, scratch + r * all, q + r * heads, kv + r * 2 * keys);
    } else {
        wane_linear linear = wane_layer_linear(w, t, w->rows->token, scratch);
        wane_linear_forward(&linear, WANE_SLOT_K, 2, normed, kv, 2 * keys, false);
    }
    size_t parts = store->rstd_k ? head_norm_at(w, WANE_NORM_K).parts : 0;
    norm_heads(w, WANE_NORM_K, t->rows, kv, 2 * keys,
               store->raw_k ? store->raw_k + t->first * keys : NULL,
               store->rstd_k ? store->rstd_k + t->first * parts : NULL);
    turn(w, t, true, kv, false);
}

static void project_queries(const wane_layer_work *w, const wane_layer_tile *t, const float *normed,
                            float *scratch)
{
    const wane_config *c = &w->pass->config;
    wane_layer_store *store = w->store;
    size_t heads = c->heads * c->head_width;
    float *q = store->q + t->first * heads;
    if (!fused(w)) {
        wane_linear linear = wane_layer_linear(w, t, w->rows->token, scratch);
        wane_linear_forward(&linear, WANE_SLOT_Q, 1, normed, q, heads, false);
    } else if (!w->keys)
        for (size_t r = 0; r < t->rows; r++)
            memcpy(q + r * heads, store->queries + w->rows->token[t->first + r] * heads,
                   heads * sizeof(float));
    size_t parts = store->rstd_q ? head_norm_at(w, WANE_NORM_Q).parts : 0;
    norm_heads(w, WANE_NORM_Q, t->rows, q, heads,
               store->raw_q ? store->raw_q + t->first * heads : NULL,
               store->rstd_q ? store->rstd_q + t->first * parts : NULL);
    turn(w, t, false, q, false);
}

/* Norm, then keys and values and/or queries, turned. With a row list (the last layer), the rows of
 * the residual stream are gathered into `out` first. */
void wane_attention_project(void *work, size_t tile, int thread)
{
    const wane_layer_work *w = work;
    const wane_pass *pass = w->pass;
    wane_layer_tile t = wane_layer_tile_of(w, tile, thread);
    size_t width = pass->config.width;
    float *normed = t.scratch, *scratch = normed + t.rows * width;
    const float *x = w->store->input + t.first * width;
    if (w->rows->token) {
        float *gathered = w->out + t.first * width;
        for (size_t r = 0; r < t.rows; r++)
            memcpy(gathered + r * width, w->store->input + w->rows->token[t.first + r] * width,
                   width * sizeof(float));
        x = gathered;
    }
    if (w->keys || !fused(w)) {
        wane_norm norm = wane_norm_at(pass, w->index, WANE_NORM_ATTENTION);
        wane_norm_forward(&norm, t.rows, x, normed,
                          w->keys && w->store->rstd1 ? w->store->rstd1 + t.first : NULL);
    }
    if (w->keys) project_keys(w, &t, normed, scratch);
    if (w->queries) project_queries(w, &t, normed, scratch);
}

/* Queries back to the norm's output, by rows. With a row list the norm's output is made anew, in
 * place of what the MLP's norm read, which is done with. */
void wane_attention_queries_back(void *work, size_t tile, int thread)
{
    const wane_layer_work *w = work;
    const wane_pass *pass = w->pass;
    const wane_config *c = &pass->config;
    wane_layer_tile t = wane_layer_tile_of(w, tile, thread);
    size_t width = c->width, heads = c->heads * c->head_width;
    float *dq = pass->backward.dq + t.first * heads;
    turn(w, &t, false, dq, true);
    size_t parts = w->store->rstd_q ? head_norm_at(w, WANE_NORM_Q).parts : 0;
    norm_heads_back(w, &t, WANE_NORM_Q, w->store->raw_q ? w->store->raw_q + t.first * heads : NULL,
                    w->store->rstd_q ? w->store->rstd_q + t.first * parts : NULL, dq, heads);
    if (fused(w)) return;
    wane_linear linear = wane_layer_linear(w, &t, w->rows->token, t.scratch);
    wane_linear_backward(&linear, WANE_SLOT_Q, 1, dq, heads,
                         w->lowest < wane_layer_step(w, WANE_SLOT_Q)
                             ? pass->backward.dqueries + t.first * width
                             : NULL,
                         false);
    wane_norm norm = wane_norm_at(pass, w->index, WANE_NORM_ATTENTION);
    for (size_t r = t.first; w->rows->token && r < t.first + t.rows; r++)
        wane_norm_forward(&norm, 1, w->store->input + w->rows->token[r] * width,
                          w->store->middle + r * width, NULL);
}

/* Gradients of the projections to dnormed (NULL: nobody asks). */
static void project_back(const wane_layer_work *w, const wane_layer_tile *t, float *dnormed,
                         float *scratch)
{
    const wane_pass *pass = w->pass;
    const wane_config *c = &pass->config;
    const wane_backward_store *b = &pass->backward;
    size_t heads = c->heads * c->head_width, keys = c->kv_heads * c->head_width;
    float *dkv = b->dkv + t->first * 2 * keys;
    turn(w, t, true, dkv, true);
    size_t parts = w->store->rstd_k ? head_norm_at(w, WANE_NORM_K).parts : 0;
    norm_heads_back(w, t, WANE_NORM_K, w->store->raw_k ? w->store->raw_k + t->first * keys : NULL,
                    w->store->rstd_k ? w->store->rstd_k + t->first * parts : NULL, dkv, 2 * keys);
    wane_linear linear = wane_layer_linear(w, t, NULL, scratch);
    if (!fused(w)) {
        wane_linear_backward(&linear, WANE_SLOT_K, 2, dkv, 2 * keys, dnormed, false);
        return;
    }
    size_t all = heads + 2 * keys;
    float *dqkv = b->dqkv + t->first * all;
    for (size_t r = 0; r < t->rows; r++) {
        size_t row = row_of(w, t->first + r);
        unite_row(c, row == SIZE_MAX ? NULL : b->dq + row * heads, dkv + r * 2 * keys,
                  dqkv + r * all);
    }
    wane_linear_backward(&linear, WANE_SLOT_QKV, 1, dqkv, all, dnormed, false);
}

/* Keys and values, the norm and the residual, by tokens. */
void wane_attention_input_back(void *work, size_t tile, int thread)
{
    const wane_layer_work *w = work;
    const wane_pass *pass = w->pass;
    const wane_backward_store *b = &pass->backward;
    wane_layer_tile t = wane_layer_tile_of(w, tile, thread);
    size_t width = pass->config.width;
    float *dnormed = t.scratch, *normed = b->normed1 + t.first * width;
    const float *input = w->store->input + t.first * width;
    bool onward = w->lowest < wane_layer_step(w, WANE_SLOT_Q);
    project_back(w, &t, onward ? dnormed : NULL, dnormed + t.rows * width);
    if (!onward) {
        wane_norm norm = wane_norm_at(pass, w->index, WANE_NORM_ATTENTION);
        wane_norm_forward(&norm, t.rows, input, normed, NULL);
        return;
    }
    float *dinput = w->dinput + t.first * width;
    memset(dinput, 0, t.rows * width * sizeof(float));
    for (size_t r = 0; r < t.rows; r++) {
        size_t row = row_of(w, t.first + r);
        if (row == SIZE_MAX) continue;
        if (!fused(w)) pass->kernels->add(width, b->dqueries + row * width, dnormed + r * width);
        memcpy(dinput + r * width, w->dmiddle + row * width, width * sizeof(float));
    }
    wane_norm_backward(w, &t, WANE_NORM_ATTENTION, input, w->store->rstd1 + t.first, dnormed,
                       dinput, normed);
}

/* ------------------------------------------------------------------------------------ attention */

static wane_attention attention_of(const wane_layer_work *w)
{
    const wane_config *c = &w->pass->config;
    const wane_block *b = &c->block;
    return (wane_attention){.kernels = w->pass->kernels,
                            .heads = c->heads,
                            .kv_heads = c->kv_heads,
                            .head_width = c->head_width,
                            .scale = b->attention_scale != 0 ? (float)b->attention_scale
                                                             : 1.0f / sqrtf((float)c->head_width),
                            .cap = (float)b->attention_cap,
                            .window = w->shape.window,
                            .causal = !b->full,
                            .q = w->store->q,
                            .kv = w->store->kv,
                            .position = w->rows->position,
                            .out = w->store->attention,
                            .lse = w->store->lse};
}

static void attention_tile(void *context, size_t tile, int thread)
{
    const wane_layer_work *w = context;
    const wane_pass *pass = w->pass;
    size_t kv_heads = pass->config.kv_heads;
    wane_attention attention = attention_of(w);
    wane_attention_forward(&attention, &pass->item[tile / kv_heads], tile % kv_heads,
                           pass->scratch + (size_t)thread * pass->scratch_floats);
}

void wane_attention_run(wane_layer_work *w)
{
    wane_pool_run(w->pass->pool, w->pass->items * w->pass->config.kv_heads, attention_tile, w);
}

static void attention_back_tile(void *context, size_t tile, int thread)
{
    const wane_layer_work *w = context;
    const wane_pass *pass = w->pass;
    const wane_batch *batch = pass->batch;
    size_t kv_heads = pass->config.kv_heads, sequence = tile / kv_heads;
    size_t first = w->rows->first[sequence];
    wane_attention attention = attention_of(w);
    wane_attention_gradient gradient = {
        .dout = pass->backward.dattention, .dq = pass->backward.dq, .dkv = pass->backward.dkv};
    wane_attention_item item = {.row = first,
                                .rows = w->rows->first[sequence + 1] - first,
                                .own = batch->starts[sequence],
                                .keys = batch->starts[sequence + 1] - batch->starts[sequence]};
    wane_attention_backward(&attention, &gradient, &item, tile % kv_heads,
                            pass->scratch + (size_t)thread * pass->scratch_floats);
}

void wane_attention_run_back(wane_layer_work *w)
{
    wane_pool_run(w->pass->pool, w->pass->batch->sequences * w->pass->config.kv_heads,
                  attention_back_tile, w);
}

/* --------------------------------------------------------------------------- back to the stream */

void wane_attention_join(const wane_layer_work *w, const wane_layer_tile *t, float *stream,
                         float *scratch)
{
    const wane_config *c = &w->pass->config;
    const wane_layer_store *s = w->store;
    wane_branch_join(w, t, WANE_SLOT_O, WANE_NORM_ATTENTION_OUT,
                     s->attention + t->first * c->heads * c->head_width, stream,
                     s->joined[0] ? s->joined[0] + t->first * c->width : NULL,
                     s->rstd_joined[0] ? s->rstd_joined[0] + t->first : NULL, scratch);
}

void wane_attention_join_back(const wane_layer_work *w, const wane_layer_tile *t,
                              const float *dstream, float *scratch)
{
    const wane_pass *pass = w->pass;
    const wane_layer_store *s = w->store;
    const wane_backward_store *b = &pass->backward;
    size_t width = pass->config.width, at = t->first * width;
    const float *dy =
        wane_branch_part(w, t, WANE_NORM_ATTENTION_OUT, s->joined[0] ? s->joined[0] + at : NULL,
                         s->rstd_joined[0] ? s->rstd_joined[0] + t->first : NULL, dstream,
                         b->dbranch[0] ? b->dbranch[0] + at : NULL);
    wane_linear linear = wane_layer_linear(w, t, w->rows->token, scratch);
    wane_linear_backward(&linear, WANE_SLOT_O, 1, dy, width,
                         w->lowest < wane_layer_step(w, WANE_SLOT_O)
                             ? b->dattention +
                                   t->first * pass->config.heads * pass->config.head_width
                             : NULL,
                         false);
}
