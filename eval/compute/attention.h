/* SPDX-License-Identifier: Apache-2.0
 * Grouped-query attention, causal or full, of blocks of query rows over the keys of one sequence.
 */
#ifndef EVAL_COMPUTE_ATTENTION_H
#define EVAL_COMPUTE_ATTENTION_H

#include <stddef.h>
#include <stdint.h>

#include "eval/compute/kernels.h"

/* The rows of one item at most: what one tile of the pool works on. */
enum { WANE_ATTENTION_ITEM_ROWS = 64 };

/* Query head h of a row reads key and value head h / (heads / kv_heads). kv rows hold the keys of
 * all heads, then the values; keys and queries are rotated already.
 *
 * A row at position p sees the keys 0..p of its sequence when causal, else all; with a window, of
 * these the ones less than `window` places away: p - window + 1..p when causal, as transformers'
 * sliding_window has it, and 2 window - 1 keys when not (transformers' bidirectional sliding_window
 * is one less than this window). Its weights are softmax(scale q k), or with a cap
 * softmax(cap tanh(scale q k / cap)) over the keys it sees. */
typedef struct wane_attention {
    const wane_kernels *kernels;
    size_t heads, kv_heads, head_width;
    float scale;   /* > 0; commonly 1 / sqrt(head_width) */
    float cap;     /* 0: none */
    size_t window; /* 0: none */
    bool causal;
    const float *q;          /* query rows x heads * head_width */
    const float *kv;         /* tokens x 2 kv_heads * head_width */
    const int32_t *position; /* per query row: its place in its sequence, behind the prefix */
    float *out;              /* query rows x heads * head_width; may be q */
    float *lse;              /* query rows x heads: log of the softmax's denominator; or NULL */
} wane_attention;

/* Query rows of one sequence, positions rising. Key j < keys stands at token prefix + j for j <
 * prefix_keys, else at own + j - prefix_keys. */
typedef struct wane_attention_item {
    size_t row, rows, own, prefix, prefix_keys, keys;
} wane_attention_item;

/* Floats of scratch for sequences of up to `keys` keys. */
size_t wane_attention_scratch(size_t head_width, size_t keys, bool backward);

void wane_attention_forward(const wane_attention *attention, const wane_attention_item *item,
                            size_t kv_head, float *scratch);

/* Gradients of one whole sequence without prefix and one key head: dq as q, dkv as kv, both
 * overwritten; out, lse are those of the forward, dout the gradient of out. item holds all query
 * rows of the sequence (any number). */
typedef struct wane_attention_gradient {
    const float *dout;
    float *dq, *dkv;
} wane_attention_gradient;

void wane_attention_backward(const wane_attention *attention,
                             const wane_attention_gradient *gradient,
                             const wane_attention_item *item, size_t kv_head, float *scratch);

#endif
