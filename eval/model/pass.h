/* SPDX-License-Identifier: Apache-2.0
 * A pass of a packed batch through the model: forward, likelihoods, logits, backward.
 *
 * Sequences lie end to end without padding; attention stays inside each sequence. The head is
 * computed at asked positions only, in chunks. Nothing outside eval/model sees activations. Same
 * bits for any number of threads.
 */
#ifndef EVAL_MODEL_PASS_H
#define EVAL_MODEL_PASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "eval/compute/backend.h"
#include "eval/model/adapter.h"
#include "eval/model/model.h"
#include "store/base/threads.h"

/* A linear head over classes in place of the vocabulary's: no bias, on the final normalised hidden
 * state, as transformers' LlamaForSequenceClassification has it at the last token. Several tasks'
 * heads may lie in one: the softmax of a target runs over the classes of its own group. */
typedef struct wane_class_head {
    size_t outputs;       /* of all groups; at most the vocabulary's size */
    const float *weight;  /* outputs x width */
    size_t groups;        /* >= 1 */
    const size_t *starts; /* groups + 1: group g has the outputs starts[g] .. starts[g + 1] - 1 */
} wane_class_head;

/* Borrowed for the call. Token positions restart at 0 in each sequence (or continue the prefix). */
typedef struct wane_batch {
    size_t tokens, sequences;
    const int32_t *ids;   /* tokens */
    const size_t *starts; /* sequences + 1 offsets into ids */
    const long *prefix;   /* NULL, or per sequence: -1, or an earlier sequence, itself without
                             prefix, that this one continues (evaluation only) */
    size_t targets;
    const size_t *position;      /* per target: the token index whose output predicts it */
    const int32_t *target;       /* per target: the token that should come next, or the class */
    const wane_class_head *head; /* NULL: the vocabulary's. With it wane_pass_nll and backward are
                                    over classes. Targets of one position are of one group */
} wane_batch;

typedef struct wane_pass wane_pass;

typedef struct wane_pass_limits {
    size_t tokens, sequences, targets; /* of the largest batch */
    bool training;                     /* keep what backward needs */
    bool train_weights;                /* backward also to weights, not to adapters alone */
    size_t adapter_floats_rank;        /* largest rank of an adapter; 0 = none */
    const wane_term *term;             /* of that adapter; NULL: plain low-rank factors */
    size_t frozen_rank;                /* largest rank of what is frozen below it; 0 = none */
    size_t frozen_layers;              /* training: the lowest layers that never get gradients and
                                          keep no activations (0 = none; the embedding counts as
                                          below them, so it is frozen too when > 0) */
    const wane_backend *backend;       /* of its products; NULL: the first entry */
    int threads;                       /* scratch is per thread: for wane_pass_bytes, 0 = 1;
                                          wane_pass_new takes the pool's */
} wane_pass_limits;

/* The term and the two ranks an adapter (NULL: none) needs. */
void wane_pass_limits_adapter(wane_pass_limits *limits, const wane_adapter *adapter);

/* Bytes a pass will need; a pure, overflow-checked function. */
WANE_MUST_CHECK wane_status wane_pass_bytes(size_t *out, const wane_config *config,
                                            const wane_pass_limits *limits, wane_error *err);
/* Allocates once, packs included. `pool` is borrowed and may be NULL. Free with wane_pass_free
 * (NULL allowed). WANE_EINVAL when the machine lacks the backend. */
WANE_MUST_CHECK wane_status wane_pass_new(wane_pass **out, const wane_config *config,
                                          const wane_pass_limits *limits, wane_pool *pool,
                                          wane_error *err);
void wane_pass_free(wane_pass *pass);

/* Where dropout masks come from in a training forward; NULL = no dropout.
 *
 * Input c of token t (counted over the whole step) of an adapted weight with `cols` inputs takes
 * the 16-bit piece c % 8 (word c % 8 / 2, low half first) of wane_random_words at element
 * t * ceil(cols / 8) + c / 8 of (seed, DROPOUT, stage, step, tensor = parameter). It is dropped
 * when the piece is below round(65536 p); what stays is multiplied by 65536 / (65536 - that). */
typedef struct wane_dropout {
    uint64_t seed, stage, step;
    uint64_t first_token; /* tokens of this step already seen by earlier micro-batches */
} wane_dropout;

/* Runs the batch; afterwards the pass holds its final hidden states. `adapter` may be NULL.
 * WANE_EINVAL when the batch exceeds the limits or an id the vocabulary. Model, adapter and batch
 * are borrowed until the next forward or the end of the pass. */
WANE_MUST_CHECK wane_status wane_pass_forward(wane_pass *pass, const wane_model *model,
                                              const wane_adapter *adapter, const wane_batch *batch,
                                              const wane_dropout *dropout, wane_error *err);

/* Whoever changes weights of a model that the pass has run says so before the next forward:
 * which[i] = parameter i is another (NULL: any may be); what the backend has packed of it is packed
 * anew. A forward with another model sees that by itself (by its address: not when one is freed and
 * another takes its place). Adapters and class heads may change as they like. */
void wane_pass_weights_changed(wane_pass *pass, const bool *which);

/* These three need a forward that succeeded; the batch it was given must still be there. */

/* nll[t] = -log p(target t) in nats, for every target of the batch; best[t] (best may be NULL) =
 * the most probable token there (smallest id on ties). */
void wane_pass_nll(wane_pass *pass, float *nll, int32_t *best);

/* out (count x vocabulary, or x classes of the batch's head) = logits at the given positions.
 * Callers take them in chunks. The last layer is computed for the positions that are asked for,
 * once each, so asking for few is cheap; a training pass knows its targets' positions only and
 * gives NaN elsewhere. */
void wane_pass_logits(wane_pass *pass, const size_t *positions, size_t count, float *out);

/* out (count x width) = final normalised hidden states: features for probes. Positions as above. */
void wane_pass_features(wane_pass *pass, const size_t *positions, size_t count, float *out);

/* Of an evaluation pass: from now on every linear weight of a layer writes, for each token t whose
 * row it computes, image[parameter * limits.tokens + t] = |C x|^2 and input[...] = |x|^2, C the
 * same weight of `change` (another block of the model's layout), x the layer's input. Rows of the
 * last layer are computed for the positions that are asked for. NULL ends it. Borrowed. */
void wane_pass_observe(wane_pass *pass, const wane_model *change, double *image, double *input);

/* Where gradients are added. weights: a block of the table's layout, or NULL; train[i]: whether
 * parameter i gets its gradient (ignored when weights is NULL). adapter: a block like the
 * adapter's, or NULL. */
typedef struct wane_gradients {
    float *weights;
    const bool *train;
    float *adapter;
    float *head; /* of the batch's class head: outputs x width, or NULL */
} wane_gradients;

/* The batch's targets' loss and its gradients: *loss = sum over targets of nll (double), gradients
 * of `scale` times that sum are added into `gradients`. Needs a training pass after its forward,
 * whose activations it uses up: one backward per forward. Nothing is propagated below the lowest
 * trained tensor. */
WANE_MUST_CHECK wane_status wane_pass_backward(wane_pass *pass, double scale,
                                               const wane_gradients *gradients, double *loss,
                                               wane_error *err);

#endif
