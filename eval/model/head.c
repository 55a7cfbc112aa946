/* SPDX-License-Identifier: Apache-2.0
 * The final norm, the head and the likelihoods, in chunks of positions.
 */
#include <assert.h>
#include <math.h>

#include "eval/model/layer.h"

static void normalise(wane_pass *pass, const size_t *rows, size_t count, float *out, float *rstd)
{
    size_t width = pass->config.width;
    wane_norm norm = wane_norm_at(pass, &pass->parameters.places->outside, WANE_NORM_FINAL);
    for (size_t r = 0; r < count; r++)
        wane_norm_forward(&norm, 1, pass->final + rows[r] * width, out + r * width,
                          rstd ? rstd + r : NULL);
}

wane_head_view wane_head_of(const wane_pass *pass)
{
    const wane_class_head *classes = pass->batch->head;
    if (classes) return (wane_head_view){classes->weight, classes->outputs};
    return (wane_head_view){wane_pass_weight(pass, wane_head(&pass->parameters)),
                            pass->config.vocabulary};
}

void wane_head_range(const wane_pass *pass, int32_t target, size_t *first, size_t *count)
{
    const wane_class_head *classes = pass->batch->head;
    *first = 0;
    *count = wane_head_of(pass).outputs;
    for (size_t g = 0; classes && g < classes->groups; g++)
        if ((size_t)target >= classes->starts[g] && (size_t)target < classes->starts[g + 1]) {
            *first = classes->starts[g];
            *count = classes->starts[g + 1] - *first;
        }
}

wane_packed wane_head_packed(wane_pass *pass)
{
    size_t parameter = wane_head(&pass->parameters);
    wane_head_view head = wane_head_of(pass);
    wane_packed packed = wane_pass_packed(pass, parameter);
    packed.weight = head.weight;
    packed.rows = packed.whole = head.outputs;
    wane_pass_pack(pass, parameter, head.weight, head.outputs);
    return packed;
}

void wane_head_logits(wane_pass *pass, size_t rows, float *hidden, float *logits, float *rstd)
{
    wane_packed head = wane_head_packed(pass);
    wane_workers by = wane_pass_together(pass);
    normalise(pass, pass->chunk_row, rows, hidden, rstd);
    pass->backend->forward(&by, &head, 1, rows, hidden, logits, head.rows, false);
    if (pass->batch->head) return; /* scale and cap are the vocabulary's */
    const wane_block *b = &pass->config.block;
    if (b->logit_divisor != 0)
        pass->kernels->scale(rows * head.rows, (float)(1 / b->logit_divisor), logits);
    if (b->logit_cap != 0) pass->kernels->cap(rows * head.rows, (float)b->logit_cap, logits);
}

void wane_head_logits_back(wane_pass *pass, size_t rows, const float *logits, float *dlogits)
{
    const wane_block *b = &pass->config.block;
    size_t count = rows * pass->config.vocabulary;
    if (pass->batch->head) return;
    if (b->logit_cap != 0) pass->kernels->cap_backward(count, (float)b->logit_cap, logits, dlogits);
    if (b->logit_divisor != 0) pass->kernels->scale(count, (float)(1 / b->logit_divisor), dlogits);
}

/* Whether the position has its row; if not (a training pass asked for more than its targets), out
 * becomes NaN. */
static bool has_row(const wane_pass *pass, size_t position, float *out, size_t count)
{
    if (pass->final_row[position] != 0) return true;
    for (size_t i = 0; i < count; i++) out[i] = NAN;
    return false;
}

void wane_pass_features(wane_pass *pass, const size_t *positions, size_t count, float *out)
{
    assert(pass->ready);
    size_t width = pass->config.width;
    wane_pass_complete(pass, positions, count);
    for (size_t i = 0; i < count; i++, out += width) {
        if (!has_row(pass, positions[i], out, width)) continue;
        size_t row = pass->final_row[positions[i]] - 1;
        normalise(pass, &row, 1, out, NULL);
    }
}

void wane_pass_logits(wane_pass *pass, const size_t *positions, size_t count, float *out)
{
    assert(pass->ready);
    size_t outputs = wane_head_of(pass).outputs;
    wane_pass_complete(pass, positions, count);
    while (count > 0) {
        size_t rows = 0;
        while (rows < count && rows < pass->chunk &&
               has_row(pass, positions[rows], out + rows * outputs, outputs)) {
            pass->chunk_row[rows] = pass->final_row[positions[rows]] - 1;
            rows++;
        }
        wane_head_logits(pass, rows, pass->chunk_hidden, out, NULL);
        if (rows == 0) rows = 1; /* a position without a row is done */
        positions += rows;
        out += rows * outputs;
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
        const float *logits = pass->chunk_logits + r * wane_head_of(pass).outputs;
        float lse = 0;
        int32_t best = 0;
        size_t begin = 0, count = 0;
        wane_head_range(pass, pass->batch->target[pass->chunk_first[r]], &begin, &count);
        pass->kernels->logsumexp(count, logits + begin, &lse, l->best ? &best : NULL);
        for (size_t t = pass->chunk_first[r]; t < pass->chunk_first[r + 1]; t++) {
            l->nll[t] = lse - logits[pass->batch->target[t]];
            if (l->best) l->best[t] = best;
        }
    }
}

void wane_pass_nll(wane_pass *pass, float *nll, int32_t *best)
{
    assert(pass->ready);
    const wane_batch *batch = pass->batch;
    wane_pass_complete(pass, batch->position, batch->targets);
    for (size_t target = 0; target < batch->targets;) {
        likelihoods l = {.pass = pass, .nll = nll, .best = best};
        target = wane_head_rows(pass, target, &l.rows);
        wane_head_logits(pass, l.rows, pass->chunk_hidden, pass->chunk_logits, NULL);
        wane_pool_run(pass->pool, (l.rows + HEAD_TILE - 1) / HEAD_TILE, likelihood_tile, &l);
    }
}
