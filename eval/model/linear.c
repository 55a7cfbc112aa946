/* SPDX-License-Identifier: Apache-2.0
 * Forward and backward of slots that read the same input as one call of the backend, then biases
 * and the terms of adapters on top.
 */
#include "eval/model/linear.h"

#include <assert.h>

#include "eval/model/observe.h"
#include "eval/model/term.h"

const wane_factor *wane_linear_factor(const wane_pass *pass, const wane_layer_index *index,
                                      wane_slot slot)
{
    const wane_adapter *adapter = pass->adapter;
    long at = adapter ? adapter->of_parameter[index->weight[slot]] : -1;
    return at < 0 ? NULL : &adapter->factor[at];
}

static const wane_factor *frozen_factor(const wane_pass *pass, const wane_layer_index *index,
                                        wane_slot slot)
{
    const wane_adapter *frozen = pass->adapter ? pass->adapter->frozen : NULL;
    long at = frozen ? frozen->of_parameter[index->weight[slot]] : -1;
    return at < 0 ? NULL : &frozen->factor[at];
}

/* What a term sees of the tile at a slot's weight: of a frozen factor, which drops nothing and
 * leaves nothing. */
static wane_term_rows rows_of(const wane_linear *l, wane_slot slot, const wane_factor *factor)
{
    size_t bias = l->index->bias[slot];
    return (wane_term_rows){.kernels = l->pass->kernels,
                            .factor = factor,
                            .backend = l->pass->backend,
                            .by = wane_pass_alone(l->pass, l->scratch),
                            .weight = wane_pass_packed(l->pass, l->index->weight[slot]),
                            .bias = bias == WANE_ABSENT ? NULL : wane_pass_weight(l->pass, bias),
                            .token = l->token ? l->token + l->row : NULL,
                            .first = l->row,
                            .rows = l->rows,
                            .scratch = l->scratch};
}

/* The terms of a slot on y. */
static void terms_forward(const wane_linear *l, wane_slot slot, const float *x, float *y,
                          size_t ldy)
{
    const wane_pass *pass = l->pass;
    const wane_factor *f = frozen_factor(pass, l->index, slot);
    if (f) {
        wane_term_rows rows = rows_of(l, slot, f);
        pass->adapter->frozen->term->forward(&rows, x, y, ldy);
    }
    f = wane_linear_factor(pass, l->index, slot);
    if (!f) return;
    wane_term_rows rows = rows_of(l, slot, f);
    wane_mask mask;
    if (pass->dropping) {
        mask = wane_mask_of(&pass->dropout, pass->adapter, f);
        rows.mask = &mask;
    }
    if (l->store->low[slot]) rows.low = l->store->low[slot] + l->row * f->rank;
    pass->adapter->term->forward(&rows, x, y, ldy);
}

static void terms_backward(const wane_linear *l, wane_slot slot, const float *dy, size_t lddy,
                           float *dx)
{
    const wane_pass *pass = l->pass;
    const wane_factor *f = frozen_factor(pass, l->index, slot);
    if (f && dx) {
        wane_term_rows rows = rows_of(l, slot, f);
        pass->adapter->frozen->term->backward(&rows, dy, lddy, dx);
    }
    f = wane_linear_factor(pass, l->index, slot);
    if (!f) return;
    wane_term_rows rows = rows_of(l, slot, f);
    wane_mask mask;
    if (pass->dropping) {
        mask = wane_mask_of(&pass->dropout, pass->adapter, f);
        rows.mask = &mask;
    }
    rows.low = l->store->low[slot] + l->row * f->rank;
    rows.dlow = pass->backward.dlow[slot] + l->row * f->rank;
    pass->adapter->term->backward(&rows, dy, lddy, dx);
}

/* The weights of `count` slots from `slot`, as the backend takes them. */
static void weights_of(const wane_linear *l, wane_slot slot, size_t count,
                       wane_packed out[WANE_SLOTS])
{
    for (size_t i = 0; i < count; i++)
        out[i] = wane_pass_packed(l->pass, l->index->weight[slot + i]);
}

static void forward_into(const wane_linear *l, wane_slot slot, size_t count, const float *x,
                         float *y, size_t ldy, bool accumulate)
{
    const wane_pass *pass = l->pass;
    wane_workers by = wane_pass_alone(pass, l->scratch);
    wane_packed weights[WANE_SLOTS];
    weights_of(l, slot, count, weights);
    pass->backend->forward(&by, weights, count, l->rows, x, y, ldy, accumulate);
    for (size_t i = 0; i < count; y += weights[i++].rows) {
        wane_slot s = (wane_slot)(slot + i);
        size_t bias = l->index->bias[s];
        if (bias != WANE_ABSENT)
            pass->kernels->add_bias(l->rows, weights[i].rows, wane_pass_weight(pass, bias), y, ldy);
        if (pass->observed) wane_observe_linear(l, s, x);
        if (pass->adapter) terms_forward(l, s, x, y, ldy);
    }
}

void wane_linear_forward(const wane_linear *l, wane_slot slot, size_t count, const float *x,
                         float *y, size_t ldy, bool accumulate)
{
    assert(count >= 1 && slot + count <= WANE_SLOTS);
    const wane_pass *pass = l->pass;
    if (!accumulate || !pass->adapter || !pass->adapter->term->whole) {
        forward_into(l, slot, count, x, y, ldy, accumulate);
        return;
    }
    size_t outputs = 0;
    for (size_t i = 0; i < count; i++)
        outputs += wane_place_rows(&pass->config, (wane_slot)(slot + i));
    wane_linear apart = *l;
    float *made = l->scratch;
    apart.scratch = wane_term_behind(made, l->rows * outputs);
    forward_into(&apart, slot, count, x, made, outputs, false);
    for (size_t r = 0; r < l->rows; r++)
        pass->kernels->add(outputs, made + r * outputs, y + r * ldy);
}

void wane_linear_backward(const wane_linear *l, wane_slot slot, size_t count, const float *dy,
                          size_t lddy, float *dx, bool accumulate)
{
    assert(count >= 1 && slot + count <= WANE_SLOTS);
    const wane_pass *pass = l->pass;
    wane_workers by = wane_pass_alone(pass, l->scratch);
    wane_packed weights[WANE_SLOTS];
    weights_of(l, slot, count, weights);
    if (dx) pass->backend->input_gradient(&by, weights, count, l->rows, dy, lddy, dx, accumulate);
    for (size_t i = 0; i < count && pass->adapter; dy += weights[i++].rows)
        terms_backward(l, (wane_slot)(slot + i), dy, lddy, dx);
}
