/* SPDX-License-Identifier: Apache-2.0
 * The MLP as a branch of the residual stream, with a gate (act(gate) up) or without (act(up)):
 * forward, then its way back.
 */
#include "eval/model/layer.h"

/* Gate and up lie side by side, whether they are two matrices or one. */
typedef struct expansion {
    wane_slot slot; /* the first of `count` */
    size_t count, width;
    bool gated;
} expansion;

static expansion expansion_of(const wane_layer_work *w)
{
    size_t hidden = w->pass->config.hidden;
    if (w->index->weight[WANE_SLOT_GATE_UP] != WANE_ABSENT)
        return (expansion){WANE_SLOT_GATE_UP, 1, 2 * hidden, true};
    if (w->index->weight[WANE_SLOT_GATE] != WANE_ABSENT)
        return (expansion){WANE_SLOT_GATE, 2, 2 * hidden, true};
    return (expansion){WANE_SLOT_UP, 1, hidden, false};
}

static const wane_activation_kernels *activation_of(const wane_layer_work *w)
{
    return &w->pass->kernels->activation[w->pass->config.block.activation];
}

/* y (rows x hidden) of what the expansion gave. */
static void activate(const wane_layer_work *w, const expansion *e, size_t rows, const float *x,
                     float *y)
{
    const wane_activation_kernels *a = activation_of(w);
    (e->gated ? a->gated : a->plain)(rows, w->pass->config.hidden, x, y);
}

void wane_mlp(const wane_layer_work *w, const wane_layer_tile *t, const float *normed,
              float *stream, float *scratch)
{
    const wane_config *c = &w->pass->config;
    const wane_layer_store *s = w->store;
    expansion e = expansion_of(w);
    float *act = scratch, *rest = act + t->rows * c->hidden, *expanded = rest;
    if (s->expanded) expanded = s->expanded + t->first * e.width;
    else rest += t->rows * e.width;
    wane_linear linear = wane_layer_linear(w, t, w->rows->token, rest);
    wane_linear_forward(&linear, e.slot, e.count, normed, expanded, e.width, false);
    activate(w, &e, t->rows, expanded, act);
    wane_branch_join(w, t, WANE_SLOT_DOWN, WANE_NORM_MLP_OUT, act, stream,
                     s->joined[1] ? s->joined[1] + t->first * c->width : NULL,
                     s->rstd_joined[1] ? s->rstd_joined[1] + t->first : NULL, rest);
}

/* Leaves act and, in place of what the expansion gave, its gradient. */
void wane_mlp_back(const wane_layer_work *w, const wane_layer_tile *t, float *dnormed,
                   float *scratch)
{
    const wane_pass *pass = w->pass;
    const wane_config *c = &pass->config;
    const wane_layer_store *s = w->store;
    const wane_backward_store *b = &pass->backward;
    expansion e = expansion_of(w);
    size_t width = c->width, at = t->first * width;
    float *act = b->act + t->first * c->hidden, *expanded = s->expanded + t->first * e.width;
    const float *dy =
        wane_branch_part(w, t, WANE_NORM_MLP_OUT, s->joined[1] ? s->joined[1] + at : NULL,
                         s->rstd_joined[1] ? s->rstd_joined[1] + t->first : NULL, w->dout + at,
                         b->dbranch[1] ? b->dbranch[1] + at : NULL);
    wane_linear linear = wane_layer_linear(w, t, w->rows->token, scratch);
    if (w->lowest >= wane_layer_step(w, WANE_SLOT_DOWN)) {
        wane_linear_backward(&linear, WANE_SLOT_DOWN, 1, dy, width, NULL, false);
        activate(w, &e, t->rows, expanded, act);
        return;
    }
    wane_linear_backward(&linear, WANE_SLOT_DOWN, 1, dy, width, act, false);
    const wane_activation_kernels *a = activation_of(w);
    (e.gated ? a->gated_backward : a->plain_backward)(t->rows, c->hidden, expanded, act);
    wane_linear_backward(&linear, e.slot, e.count, expanded, e.width, dnormed, false);
}
