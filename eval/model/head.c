/* SPDX-License-Identifier: Apache-2.0
 * The final norm, the head and the likelihoods, in chunks of positions.
 */
#include <string.h>

#include "eval/model/state.h"
#include "store/base/blas.h"

static void normalise(wane_pass *pass, const size_t *rows, size_t count, float *out)
{
    size_t width = pass->config.width;
    const float *gain = wane_pass_weight(pass, wane_final_norm(&pass->config));
    for (size_t r = 0; r < count; r++)
        pass->kernels->rmsnorm(1, width, (float)pass->config.norm_epsilon,
                               pass->final + rows[r] * width, gain, out + r * width, NULL);
}

static void head(wane_pass *pass, size_t rows, const float *hidden, float *logits)
{
    const wane_config *c = &pass->config;
    wane_sgemm(pass->pool, false, true, rows, c->vocabulary, c->width, 1.0f, hidden, c->width,
               wane_pass_weight(pass, wane_head(c)), c->width, 0.0f, logits, c->vocabulary);
}

void wane_pass_features(wane_pass *pass, const size_t *positions, size_t count, float *out)
{
    wane_pass_complete(pass, positions, count);
    for (size_t i = 0; i < count; i++) {
        size_t row = pass->final_row[positions[i]] - 1;
        normalise(pass, &row, 1, out + i * pass->config.width);
    }
}

void wane_pass_logits(wane_pass *pass, const size_t *positions, size_t count, float *out)
{
    wane_pass_complete(pass, positions, count);
    while (count > 0) {
        size_t rows = count < pass->chunk ? count : pass->chunk;
        for (size_t r = 0; r < rows; r++) pass->chunk_row[r] = pass->final_row[positions[r]] - 1;
        normalise(pass, pass->chunk_row, rows, pass->chunk_hidden);
        head(pass, rows, pass->chunk_hidden, out);
        positions += rows;
        out += rows * pass->config.vocabulary;
        count -= rows;
    }
}

size_t wane_head_rows(wane_pass *pass, size_t first, size_t *rows)
{
    const wane_batch *batch = pass->batch;
    size_t target = first, count = 0;
    for (; target < batch->targets; target++) {
        if (target > first && batch->position[target] == batch->position[target - 1]) continue;
        if (count == pass->chunk) break;
        pass->chunk_row[count] = pass->final_row[batch->position[target]] - 1;
        pass->chunk_first[count++] = target;
    }
    pass->chunk_first[count] = target;
    *rows = count;
    return target;
}

typedef struct likelihoods {
    wane_pass *pass;
    size_t rows;
    float *nll;
    int32_t *best;
} likelihoods;

enum { HEAD_TILE = 16 };

static void likelihood_tile(void *context, size_t tile, int thread)
{
    (void)thread;
    const likelihoods *l = context;
    wane_pass *pass = l->pass;
    size_t first = tile * HEAD_TILE, last = first + HEAD_TILE;
    if (last > l->rows) last = l->rows;
    for (size_t r = first; r < last; r++) {
        const float *logits = pass->chunk_logits + r * pass->config.vocabulary;
        float lse = 0;
        int32_t best = 0;
        pass->kernels->logsumexp(pass->config.vocabulary, logits, &lse, l->best ? &best : NULL);
        for (size_t t = pass->chunk_first[r]; t < pass->chunk_first[r + 1]; t++) {
            l->nll[t] = lse - logits[pass->batch->target[t]];
            if (l->best) l->best[t] = best;
        }
    }
}

void wane_pass_nll(wane_pass *pass, float *nll, int32_t *best)
{
    const wane_batch *batch = pass->batch;
    wane_pass_complete(pass, batch->position, batch->targets);
    for (size_t target = 0; target < batch->targets;) {
        likelihoods l = {.pass = pass, .nll = nll, .best = best};
        target = wane_head_rows(pass, target, &l.rows);
        normalise(pass, pass->chunk_row, l.rows, pass->chunk_hidden);
        head(pass, l.rows, pass->chunk_hidden, pass->chunk_logits);
        wane_pool_run(pass->pool, (l.rows + HEAD_TILE - 1) / HEAD_TILE, likelihood_tile, &l);
    }
}
