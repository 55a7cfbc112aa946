/* SPDX-License-Identifier: Apache-2.0
 * A layer at work cut into tiles: their rows and scratch, norms and the sums of their gradients,
 * and how a branch joins the residual stream.
 */
#include <assert.h>
#include <string.h>

#include "eval/model/layer.h"

/* Tiles are as large as OpenBLAS likes them, but a small batch is still cut into a few. */
size_t wane_tile_rows(size_t rows)
{
    enum { FEWEST = 64, MOST = 256 };
    size_t tile = (rows + WANE_TILE_PARTS - 1) / WANE_TILE_PARTS;
    if (tile < FEWEST) tile = FEWEST;
    if (tile > MOST) tile = MOST;
    return (tile + WANE_LANES - 1) / WANE_LANES * WANE_LANES;
}

size_t wane_stored_layers(const wane_config *config, const wane_pass_limits *limits)
{
    return limits->training ? config->layers - limits->frozen_layers : 0;
}

wane_layer_store *wane_layer_at(wane_pass *pass, size_t layer)
{
    size_t frozen = pass->config.layers - wane_stored_layers(&pass->config, &pass->limits);
    return layer < frozen ? &pass->layer[0] : &pass->layer[layer - frozen + 1];
}

wane_layer_work wane_layer_begin(wane_pass *pass, size_t layer, const wane_rows *rows)
{
    return (wane_layer_work){.pass = pass,
                             .layer = layer,
                             .index = &pass->parameters.places->layer[layer],
                             .store = wane_layer_at(pass, layer),
                             .shape = wane_config_layer(&pass->config, layer),
                             .rows = rows,
                             .count = rows->count};
}

wane_layer_tile wane_layer_tile_of(const wane_layer_work *w, size_t tile, int thread)
{
    assert(tile * w->tile < w->count);
    size_t first = tile * w->tile, rows = w->count - first;
    return (wane_layer_tile){.tile = tile,
                             .first = first,
                             .rows = rows < w->tile ? rows : w->tile,
                             .scratch =
                                 w->pass->scratch + (size_t)thread * w->pass->scratch_floats};
}

wane_linear wane_layer_linear(const wane_layer_work *w, const wane_layer_tile *t,
                              const size_t *token, float *scratch)
{
    return (wane_linear){.pass = w->pass,
                         .index = w->index,
                         .store = w->store,
                         .row = t->first,
                         .rows = t->rows,
                         .token = token,
                         .scratch = scratch};
}

size_t wane_layer_step(const wane_layer_work *w, wane_place place)
{
    return wane_pass_step(&w->pass->config, w->layer, place);
}

void wane_layer_run(wane_layer_work *w, size_t count, void (*work)(void *, size_t, int))
{
    w->count = count;
    w->tile = wane_tile_rows(count);
    wane_pool_run(w->pass->pool, (count + w->tile - 1) / w->tile, work, w);
}

/* ---------------------------------------------------------------------------------------- norms */

const wane_place wane_norms_of_mlp[] = {WANE_NORM_MLP_OUT, WANE_NORM_MLP, WANE_NORM_ATTENTION_OUT,
                                        WANE_PLACES};
const wane_place wane_norms_of_queries[] = {WANE_NORM_Q, WANE_PLACES};
const wane_place wane_norms_of_input[] = {WANE_NORM_K, WANE_NORM_ATTENTION, WANE_PLACES};

/* The parameter of a norm's weight (0) or bias (1). */
static size_t vector_of(const wane_layer_index *index, wane_place place, int which)
{
    return which ? index->bias[place] : index->weight[place];
}

size_t wane_layer_sums(const wane_parameters *parameters, const wane_place *norms)
{
    size_t sums = 0;
    for (; *norms != WANE_PLACES; norms++)
        for (int which = 0; which < 2; which++) {
            size_t vector = vector_of(&parameters->places->layer[0], *norms, which);
            if (vector != WANE_ABSENT) sums += parameters->parameter[vector].rows;
        }
    return sums;
}

/* Gives the trained vectors of the norms their places in a strip. */
static void place_sums(wane_layer_work *w, const wane_place *norms)
{
    for (size_t p = 0; p < WANE_PLACES; p++) w->sum[p][0] = w->sum[p][1] = WANE_ABSENT;
    w->sums = 0;
    for (; *norms != WANE_PLACES; norms++)
        for (int which = 0; which < 2; which++) {
            size_t vector = vector_of(w->index, *norms, which);
            if (vector == WANE_ABSENT || !w->gradients->weights || !w->gradients->train[vector])
                continue;
            w->sum[*norms][which] = w->sums;
            w->sums += w->pass->parameters.parameter[vector].rows;
        }
}

void wane_layer_run_back(wane_layer_work *w, size_t count, const wane_place *norms,
                         void (*work)(void *, size_t, int))
{
    wane_pass *pass = w->pass;
    size_t tile = wane_tile_rows(count), tiles = (count + tile - 1) / tile;
    place_sums(w, norms);
    memset(pass->backward.gains, 0, tiles * w->sums * sizeof(float));
    wane_layer_run(w, count, work);
    for (; *norms != WANE_PLACES; norms++)
        for (int which = 0; which < 2; which++) {
            size_t sum = w->sum[*norms][which];
            if (sum == WANE_ABSENT) continue;
            const wane_parameter *p =
                &pass->parameters.parameter[vector_of(w->index, *norms, which)];
            for (size_t t = 0; t < tiles; t++)
                pass->kernels->add(p->rows, pass->backward.gains + t * w->sums + sum,
                                   w->gradients->weights + p->offset);
        }
}

wane_norm wane_norm_at(const wane_pass *pass, const wane_layer_index *index, wane_place place)
{
    size_t gain = index->weight[place], bias = index->bias[place];
    return (wane_norm){.kernels = &pass->kernels->norm[pass->config.block.norm],
                       .width = wane_place_rows(&pass->config, place),
                       .epsilon = (float)pass->config.norm_epsilon,
                       .gain = gain == WANE_ABSENT ? NULL : wane_pass_weight(pass, gain),
                       .bias = bias == WANE_ABSENT ? NULL : wane_pass_weight(pass, bias)};
}

void wane_norm_forward(const wane_norm *n, size_t rows, const float *x, float *y, float *rstd)
{
    if (n->gain) n->kernels->forward(rows, n->width, n->epsilon, x, n->gain, n->bias, y, rstd);
    else if (x != y) memcpy(y, x, rows * n->width * sizeof(float));
}

/* The tile's sum of the gradient of a norm's weight (0) or bias (1), or NULL. */
static float *sum_of(const wane_layer_work *w, const wane_layer_tile *t, wane_place place,
                     int which)
{
    size_t sum = w->sum[place][which];
    return sum == WANE_ABSENT ? NULL : w->pass->backward.gains + t->tile * w->sums + sum;
}

void wane_norm_backward(const wane_layer_work *w, const wane_layer_tile *t, wane_place place,
                        const float *x, const float *rstd, const float *dy, float *dx,
                        float *normed)
{
    wane_norm n = wane_norm_at(w->pass, w->index, place);
    if (n.gain) {
        n.kernels->backward(t->rows, n.width, x, n.gain, n.bias, rstd, dy, dx, true, normed,
                            sum_of(w, t, place, 0), sum_of(w, t, place, 1));
        return;
    }
    memcpy(normed, x, t->rows * n.width * sizeof(float));
    w->pass->kernels->add(t->rows * n.width, dy, dx);
}

/* ------------------------------------------------------------------------------------- branches */

bool wane_branch_apart(const wane_pass *pass, const wane_layer_index *index, wane_place norm)
{
    return index->weight[norm] != WANE_ABSENT || pass->config.block.residual_scale != 0;
}

void wane_branch_join(const wane_layer_work *w, const wane_layer_tile *t, wane_slot slot,
                      wane_place norm, const float *x, float *stream, float *kept, float *rstd,
                      float *scratch)
{
    const wane_kernels *k = w->pass->kernels;
    size_t width = w->pass->config.width;
    double scale = w->pass->config.block.residual_scale;
    if (!wane_branch_apart(w->pass, w->index, norm)) {
        wane_linear linear = wane_layer_linear(w, t, w->rows->token, scratch);
        wane_linear_forward(&linear, slot, 1, x, stream, width, true);
        return;
    }
    float *made = kept ? kept : scratch, *normed = scratch + t->rows * width;
    wane_linear linear = wane_layer_linear(w, t, w->rows->token, normed + t->rows * width);
    wane_linear_forward(&linear, slot, 1, x, made, width, false);
    wane_norm n = wane_norm_at(w->pass, w->index, norm);
    wane_norm_forward(&n, t->rows, made, normed, rstd);
    if (scale != 0) k->scale(t->rows * width, (float)scale, normed);
    k->add(t->rows * width, normed, stream);
}

const float *wane_branch_part(const wane_layer_work *w, const wane_layer_tile *t, wane_place norm,
                              const float *kept, const float *rstd, const float *dstream,
                              float *room)
{
    size_t width = w->pass->config.width;
    double scale = w->pass->config.block.residual_scale;
    if (!wane_branch_apart(w->pass, w->index, norm)) return dstream;
    memcpy(room, dstream, t->rows * width * sizeof(float));
    if (scale != 0) w->pass->kernels->scale(t->rows * width, (float)scale, room);
    wane_norm n = wane_norm_at(w->pass, w->index, norm);
    if (n.gain)
        n.kernels->backward(t->rows, width, kept, n.gain, n.bias, rstd, room, room, false, NULL,
                            sum_of(w, t, norm, 0), sum_of(w, t, norm, 1));
    return room;
}
