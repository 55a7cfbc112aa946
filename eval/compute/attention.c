/* SPDX-License-Identifier: Apache-2.0
 * Transposes the keys of one head once, then goes over blocks of its query rows by the kernels:
 * scores, softmax, values, and the way back.
 */
#include "eval/compute/attention.h"

#include <assert.h>
#include <string.h>

static size_t padded(size_t count)
{
    return (count + WANE_LANES - 1) / WANE_LANES * WANE_LANES;
}

/* Forward: keys transposed, scores. Backward: keys and values transposed, their gradients, scores
 * and their gradients. */
size_t wane_attention_scratch(size_t head_width, size_t keys, bool backward)
{
    size_t once = (head_width + WANE_ATTENTION_ROWS) * padded(keys);
    return backward ? 2 * once + 2 * head_width * keys : once;
}

/* The first key that a row sees, and the one behind the last. */
static size_t first_seen(const wane_attention *a, size_t row)
{
    size_t position = (size_t)a->position[row];
    return a->window == 0 || position < a->window ? 0 : position + 1 - a->window;
}

static size_t end_seen(const wane_attention *a, const wane_attention_item *item, size_t row)
{
    size_t position = (size_t)a->position[row];
    if (a->causal) return position + 1;
    bool all = a->window == 0 || item->keys - position <= a->window;
    return all ? item->keys : position + a->window;
}

/* The keys first..end - 1 of a sequence. */
typedef struct span {
    size_t first, end;
} span;

/* What any of the rows sees. It begins at a whole vector, so that loads stay aligned. */
static span seen_by_rows(const wane_attention *a, const wane_attention_item *item, size_t row,
                         size_t rows)
{
    size_t first = first_seen(a, row) / WANE_LANES * WANE_LANES;
    return (span){first, end_seen(a, item, row + rows - 1)};
}

/* A span of keys in the two stretches of tokens it lies in. */
typedef struct stretch {
    size_t token, count;
} stretch;

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void stretches(const wane_attention_item *item, span s, stretch out[2])
{
    size_t first = least(s.first, item->prefix_keys), end = least(s.end, item->prefix_keys);
    out[0] = (stretch){item->prefix + first, end - first};
    out[1] = (stretch){item->own + s.first - first, s.end - s.first - out[0].count};
}

/* One block of rows of one query head; keys_t begins at key `base`. */
static void forward_block(const wane_attention *a, const wane_attention_item *item, size_t row,
                          size_t rows, size_t head, const float *keys_t, size_t ldk, size_t base,
                          float *scores)
{
    const wane_kernels *k = a->kernels;
    size_t width = a->head_width, ld = a->heads * width, ldv = 2 * a->kv_heads * width;
    span seen = seen_by_rows(a, item, row, rows);
    size_t group = a->heads / a->kv_heads, lds = padded(seen.end - seen.first);
    const float *values = a->kv + (a->kv_heads + head / group) * width;
    float *out = a->out + row * ld + head * width;
    float sum[WANE_ATTENTION_ROWS], lse = 0;
    k->product(rows, lds, width, a->q + row * ld + head * width, ld, 1,
               keys_t + (seen.first - base), ldk, scores, lds, false);
    wane_softmax softmax = {.padded = lds, .scale = a->scale, .cap = a->cap};
    for (size_t r = 0; r < rows; r++) {
        softmax.first = first_seen(a, row + r) - seen.first;
        softmax.end = end_seen(a, item, row + r) - seen.first;
        sum[r] = k->softmax_row(&softmax, scores + r * lds, &lse);
        if (a->lse) a->lse[(row + r) * a->heads + head] = lse;
    }
    stretch part[2];
    stretches(item, seen, part);
    k->product(rows, width, part[0].count, scores, lds, 1, values + part[0].token * ldv, ldv, out,
               ld, false);
    if (part[1].count)
        k->product(rows, width, part[1].count, scores + part[0].count, lds, 1,
                   values + part[1].token * ldv, ldv, out, ld, true);
    for (size_t r = 0; r < rows; r++) k->scale(width, 1.0f / sum[r], out + r * ld);
}

void wane_attention_forward(const wane_attention *a, const wane_attention_item *item,
                            size_t kv_head, float *scratch)
{
    assert(a->heads % a->kv_heads == 0 && kv_head < a->kv_heads);
    assert(item->rows > 0 && item->rows <= WANE_ATTENTION_ITEM_ROWS);
    assert(item->prefix_keys <= item->keys);
    assert((size_t)a->position[item->row + item->rows - 1] < item->keys);
    size_t width = a->head_width, ldk = 2 * a->kv_heads * width;
    span seen = seen_by_rows(a, item, item->row, item->rows);
    size_t group = a->heads / a->kv_heads, ld = padded(seen.end - seen.first);
    float *keys_t = scratch, *scores = scratch + width * ld;
    const float *heads_keys = a->kv + kv_head * width;
    stretch part[2];
    stretches(item, seen, part);
    a->kernels->transpose(part[0].count, width, heads_keys + part[0].token * ldk, ldk, keys_t, ld,
                          part[0].count);
    a->kernels->transpose(part[1].count, width, heads_keys + part[1].token * ldk, ldk,
                          keys_t + part[0].count, ld, ld - part[0].count);
    for (size_t done = 0; done < item->rows; done += WANE_ATTENTION_ROWS) {
        size_t rows = item->rows - done;
        if (rows > WANE_ATTENTION_ROWS) rows = WANE_ATTENTION_ROWS;
        for (size_t h = kv_head * group; h < (kv_head + 1) * group; h++)
            forward_block(a, item, item->row + done, rows, h, keys_t, ld, seen.first, scores);
    }
}

/* One block of rows of one query head: dq, and what it adds to the gradients of keys and values. */
typedef struct backward_scratch {
    size_t ld; /* of the transposed keys and values */
    float *keys_t, *values_t, *scores, *gradients, *dkeys, *dvalues;
} backward_scratch;

static void backward_block(const wane_attention *a, const wane_attention_gradient *g,
                           const wane_attention_item *item, size_t row, size_t rows, size_t head,
                           const backward_scratch *s)
{
    const wane_kernels *k = a->kernels;
    size_t width = a->head_width, ld = a->heads * width, ldk = 2 * a->kv_heads * width;
    span seen = seen_by_rows(a, item, row, rows);
    size_t keys = seen.end - seen.first, lds = padded(keys);
    size_t at = row * ld + head * width, group = a->heads / a->kv_heads;
    const float *q = a->q + at, *dout = g->dout + at;
    k->product(rows, lds, width, q, ld, 1, s->keys_t + seen.first, s->ld, s->scores, lds, false);
    k->product(rows, lds, width, dout, ld, 1, s->values_t + seen.first, s->ld, s->gradients, lds,
               false);
    wane_softmax softmax = {.padded = lds, .scale = a->scale, .cap = a->cap};
    for (size_t r = 0; r < rows; r++) {
        float delta = k->dot(width, dout + r * ld, a->out + at + r * ld);
        softmax.first = first_seen(a, row + r) - seen.first;
        softmax.end = end_seen(a, item, row + r) - seen.first;
        k->softmax_row_backward(&softmax, a->lse[(row + r) * a->heads + head], delta,
                                s->scores + r * lds, s->gradients + r * lds);
    }
    k->product(keys, width, rows, s->scores, 1, lds, dout, ld, s->dvalues + seen.first * width,
               width, true);
    k->product(keys, width, rows, s->gradients, 1, lds, q, ld, s->dkeys + seen.first * width, width,
               true);
    k->product(rows, width, keys, s->gradients, lds, 1,
               a->kv + (item->own + seen.first) * ldk + head / group * width, ldk, g->dq + at, ld,
               false);
}

static void put_key_gradients(const wane_attention *a, const wane_attention_gradient *g,
                              const wane_attention_item *item, size_t kv_head,
                              const backward_scratch *s)
{
    size_t width = a->head_width, ldk = 2 * a->kv_heads * width;
    for (size_t j = 0; j < item->keys; j++) {
        float *key = g->dkv + (item->own + j) * ldk + kv_head * width;
        memcpy(key, s->dkeys + j * width, width * sizeof(float));
        memcpy(key + a->kv_heads * width, s->dvalues + j * width, width * sizeof(float));
    }
}

void wane_attention_backward(const wane_attention *a, const wane_attention_gradient *g,
                             const wane_attention_item *item, size_t kv_head, float *scratch)
{
    assert(a->heads % a->kv_heads == 0 && kv_head < a->kv_heads);
    assert(item->prefix_keys == 0 && (item->rows == 0 || a->lse));
    assert(item->rows == 0 || (size_t)a->position[item->row + item->rows - 1] < item->keys);
    size_t width = a->head_width, ldk = 2 * a->kv_heads * width, ld = padded(item->keys);
    size_t group = a->heads / a->kv_heads, keys = 0;
    if (item->rows) keys = end_seen(a, item, item->row + item->rows - 1);
    backward_scratch s = {.ld = ld, .keys_t = scratch};
    s.values_t = s.keys_t + width * ld;
    s.scores = s.values_t + width * ld;
    s.gradients = s.scores + WANE_ATTENTION_ROWS * ld;
    s.dkeys = s.gradients + WANE_ATTENTION_ROWS * ld;
    s.dvalues = s.dkeys + width * item->keys;
    memset(s.dkeys, 0, 2 * width * item->keys * sizeof(float));
    const float *first = a->kv + item->own * ldk + kv_head * width;
    a->kernels->transpose(keys, width, first, ldk, s.keys_t, ld, padded(keys));
    a->kernels->transpose(keys, width, first + a->kv_heads * width, ldk, s.values_t, ld,
                          padded(keys));
    for (size_t done = 0; done < item->rows; done += WANE_ATTENTION_ROWS) {
        size_t rows = item->rows - done;
        if (rows > WANE_ATTENTION_ROWS) rows = WANE_ATTENTION_ROWS;
        for (size_t h = kv_head * group; h < (kv_head + 1) * group; h++)
            backward_block(a, g, item, item->row + done, rows, h, &s);
    }
    put_key_gradients(a, g, item, kv_head, &s);
}
