/* SPDX-License-Identifier: Apache-2.0
 * The residual stream before the first layer: rows of the embedding, scaled, and of learned
 * positions; forward, then its way back.
 */
#include <string.h>

#include "eval/model/layer.h"

/* Where positions are learned, the table's first row in use; else NULL. */
static const float *positions_of(const wane_pass *pass)
{
    size_t table = pass->parameters.places->outside.weight[WANE_POSITIONS];
    if (table == WANE_ABSENT) return NULL;
    return wane_pass_weight(pass, table) + pass->config.block.position_offset * pass->config.width;
}

static void embed_tile(void *work, size_t tile, int thread)
{
    const wane_layer_work *w = work;
    const wane_pass *pass = w->pass;
    wane_layer_tile t = wane_layer_tile_of(w, tile, thread);
    size_t width = pass->config.width;
    double scale = pass->config.block.embedding_scale;
    const float *table =
        wane_pass_weight(pass, pass->parameters.places->outside.weight[WANE_EMBEDDING]);
    const float *positions = positions_of(pass);
    for (size_t i = t.first; i < t.first + t.rows; i++) {
        float *x = w->store->input + i * width;
        memcpy(x, table + (size_t)pass->batch->ids[i] * width, width * sizeof(float));
        if (scale != 0) pass->kernels->scale(width, (float)scale, x);
        if (positions) pass->kernels->add(width, positions + (size_t)pass->position[i] * width, x);
    }
}

void wane_embed(wane_pass *pass)
{
    wane_layer_work w = wane_layer_begin(pass, 0, &pass->all);
    wane_layer_run(&w, pass->all.count, embed_tile);
}

typedef struct scatter {
    const wane_pass *pass;
    float *stream;
    float *embedding, *positions; /* gradients, or NULL */
    int32_t pad;                  /* wane_config_pad */
} scatter;

enum { EMBEDDING_STRIP = 64 };

/* A strip of columns of all tokens, in order. */
static void scatter_tile(void *context, size_t tile, int thread)
{
    (void)thread;
    const scatter *s = context;
    const wane_batch *batch = s->pass->batch;
    const wane_kernels *k = s->pass->kernels;
    size_t width = s->pass->config.width, first = tile * EMBEDDING_STRIP, count = width - first;
    double scale = s->pass->config.block.embedding_scale;
    if (count > EMBEDDING_STRIP) count = EMBEDDING_STRIP;
    for (size_t t = 0; t < batch->tokens; t++) {
        float *dx = s->stream + t * width + first;
        if (s->positions)
            k->add(count, dx, s->positions + (size_t)s->pass->position[t] * width + first);
        if (scale != 0) k->scale(count, (float)scale, dx);
        if (s->embedding && batch->ids[t] != s->pad)
            k->add(count, dx, s->embedding + (size_t)batch->ids[t] * width + first);
    }
}

/* Where the gradient of a table outside the layers goes, or NULL. */
static float *gradient_of(const wane_pass *pass, const wane_gradients *g, wane_place place)
{
    size_t table = pass->parameters.places->outside.weight[place];
    if (table == WANE_ABSENT || !g->weights || !g->train[table]) return NULL;
    return g->weights + pass->parameters.parameter[table].offset;
}

void wane_embed_back(wane_pass *pass, const wane_gradients *gradients, float *dstream)
{
    const wane_config *c = &pass->config;
    scatter s = {.pass = pass,
                 .stream = dstream,
                 .embedding = gradient_of(pass, gradients, WANE_EMBEDDING),
                 .positions = gradient_of(pass, gradients, WANE_POSITIONS),
                 .pad = wane_config_pad(c)};
    if (s.positions) s.positions += c->block.position_offset * c->width;
    if (!s.embedding && !s.positions) return;
    wane_pool_run(pass->pool, (c->width + EMBEDDING_STRIP - 1) / EMBEDDING_STRIP, scatter_tile, &s);
}
