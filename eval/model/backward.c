/* SPDX-License-Identifier: Apache-2.0
 * Loss and gradients: the head in chunks, then the layers from the last down to the lowest trained
 * one, then the embedding.
 */
#include <math.h>
#include <string.h>

#include "eval/model/layer.h"

/* The parameter that a pass uses first of those that are trained, or their number when there is
 * none. */
static size_t lowest_trained(const wane_pass *pass, const wane_gradients *g)
{
    const wane_parameter *table = pass->parameters.parameter;
    size_t count = pass->parameters.count, lowest = count;
    for (size_t i = 0; i < count; i++) {
        bool trained =
            (g->weights && g->train[i]) || (g->adapter && pass->adapter->of_parameter[i] >= 0);
        if (trained && (lowest == count || table[i].step < table[lowest].step)) lowest = i;
    }
    return lowest;
}

static size_t lowest_step(const wane_pass *pass, const wane_gradients *g)
{
    size_t lowest = lowest_trained(pass, g);
    return lowest < pass->parameters.count ? pass->parameters.parameter[lowest].step : SIZE_MAX;
}

static wane_status check(const wane_pass *pass, const wane_gradients *g, wane_error *err)
{
    if (!pass->limits.training || !pass->ready)
        return wane_fail(err, WANE_EINVAL, "backward: pass: no training forward went before");
    if (g->weights && (!pass->limits.train_weights || !g->train))
        return wane_fail(err, WANE_EINVAL, "backward: gradients: weights were not planned for");
    if (g->adapter && !pass->adapter)
        return wane_fail(err, WANE_EINVAL, "backward: gradients: the forward had no adapter");
    size_t frozen = pass->limits.frozen_layers;
    if (frozen > 0 &&
        lowest_step(pass, g) < wane_pass_step(&pass->config, frozen, WANE_NORM_ATTENTION))
        return wane_fail(err, WANE_EINVAL, "backward: gradients: %s is in a frozen layer",
                         pass->parameters.parameter[lowest_trained(pass, g)].name);
    return WANE_OK;
}

/* One chunk of the head. */
typedef struct chunk {
    wane_pass *pass;
    size_t rows;
    float scale;
} chunk;

enum { HEAD_TILE = 16 };

/* Likelihoods of a row's targets, and its logits become their gradient. */
static void loss_tile(void *context, size_t tile, int thread)
{
    (void)thread;
    const chunk *c = context;
    wane_pass *pass = c->pass;
    size_t first = tile * HEAD_TILE, last = first + HEAD_TILE, outputs = wane_head_of(pass).outputs;
    if (last > c->rows) last = c->rows;
    for (size_t r = first; r < last; r++) {
        float *logits = pass->chunk_logits + r * outputs, lse = 0;
        const size_t *targets = pass->chunk_first + r;
        size_t begin = 0, count = 0;
        wane_head_range(pass, pass->batch->target[targets[0]], &begin, &count);
        pass->kernels->logsumexp(count, logits + begin, &lse, NULL);
        for (size_t t = targets[0]; t < targets[1]; t++)
            pass->backward.chunk_nll[t] = lse - logits[pass->batch->target[t]];
        pass->kernels->softmax_gradient(count, logits + begin, lse,
                                        c->scale * (float)(targets[1] - targets[0]));
        for (size_t i = 0; i < outputs; i++)
            if (i < begin || i >= begin + count) logits[i] = 0;
        for (size_t t = targets[0]; t < targets[1]; t++) logits[pass->batch->target[t]] -= c->scale;
    }
}

static float *trained(const wane_pass *pass, const wane_gradients *g, size_t parameter)
{
    if (parameter == WANE_ABSENT || !g->weights || !g->train[parameter]) return NULL;
    return g->weights + pass->parameters.parameter[parameter].offset;
}

/* The chunk's gradients: of the head, of the final norm, of the last layer's output. Rows may
 * repeat, so that they are added one after the other. */
static void chunk_backward(const chunk *c, const wane_gradients *g, bool onward, float *dfinal)
{
    wane_pass *pass = c->pass;
    const wane_config *config = &pass->config;
    const wane_backward_store *b = &pass->backward;
    size_t width = config->width;
    const wane_layer_index *outside = &pass->parameters.places->outside;
    wane_norm norm = wane_norm_at(pass, outside, WANE_NORM_FINAL);
    wane_packed head = wane_head_packed(pass);
    wane_workers by = wane_pass_together(pass);
    float *dhead = pass->batch->head ? g->head : trained(pass, g, wane_head(&pass->parameters));
    float *dgain = trained(pass, g, outside->weight[WANE_NORM_FINAL]);
    float *dbias = trained(pass, g, outside->bias[WANE_NORM_FINAL]);
    wane_head_logits_back(pass, c->rows, b->chunk_kept, pass->chunk_logits);
    if (dhead)
        pass->backend->weight_gradient(&by, head.rows, width, c->rows, pass->chunk_logits,
                                       head.rows, pass->chunk_hidden, dhead);
    if (!onward && !dgain && !dbias) return;
    pass->backend->input_gradient(&by, &head, 1, c->rows, pass->chunk_logits, head.rows,
                                  b->chunk_dhidden, false);
    for (size_t r = 0; r < c->rows; r++) {
        size_t row = pass->chunk_row[r];
        norm.kernels->backward(1, width, pass->final + row * width, norm.gain, norm.bias,
                               b->chunk_rstd + r, b->chunk_dhidden + r * width,
                               dfinal + row * width, true, NULL, dgain, dbias);
    }
}

static double head_backward(wane_pass *pass, double scale, const wane_gradients *g, bool onward,
                            float *dfinal)
{
    const wane_batch *batch = pass->batch;
    memset(dfinal, 0, pass->finals * pass->config.width * sizeof(float));
    for (size_t target = 0; target < batch->targets;) {
        chunk c = {.pass = pass, .scale = (float)scale};
        target = wane_head_rows(pass, target, &c.rows);
        wane_head_logits(pass, c.rows, pass->chunk_hidden, pass->chunk_logits,
                         pass->backward.chunk_rstd);
        if (pass->backward.chunk_kept && !batch->head)
            memcpy(pass->backward.chunk_kept, pass->chunk_logits,
                   c.rows * pass->config.vocabulary * sizeof(float));
        wane_pool_run(pass->pool, (c.rows + HEAD_TILE - 1) / HEAD_TILE, loss_tile, &c);
        chunk_backward(&c, g, onward, dfinal);
    }
    double sum = 0;
    for (size_t t = 0; t < batch->targets; t++) sum += pass->backward.chunk_nll[t];
    return sum;
}

wane_status wane_pass_backward(wane_pass *pass, double scale, const wane_gradients *gradients,
                               double *loss, wane_error *err)
{
    wane_status st = check(pass, gradients, err);
    if (st != WANE_OK) return st;
    const wane_config *c = &pass->config;
    size_t lowest = lowest_step(pass, gradients), last = c->layers - 1;
    float *stream[3];
    memcpy(stream, pass->backward.stream, sizeof stream);
    bool onward = lowest < wane_pass_step(c, 0, WANE_NORM_FINAL);
    double sum = head_backward(pass, scale, gradients, onward, stream[0]);
    wane_rows rows = {pass->finals, pass->row_token, pass->row_position, pass->row_first};
    for (size_t l = c->layers; l-- > 0 && onward && pass->finals > 0;)
        onward =
            wane_layer_backward(pass, l, l == last ? &rows : &pass->all, lowest, gradients, stream);
    if (pass->finals > 0) wane_embed_back(pass, gradients, stream[0]);
    /* The layers' activations have become gradients. */
    pass->ready = false;
    *loss = sum;
    return WANE_OK;
}
