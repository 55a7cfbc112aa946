/* SPDX-License-Identifier: Apache-2.0
 * Forward and backward of slots that lie side by side as one product, then the low-rank terms in
 * training and the frozen ones on top.
 */
#include "eval/model/linear.h"

#include "eval/model/dropout.h"
#include "eval/model/observe.h"
#include "store/base/blas.h"

const wane_factor *wane_linear_factor(const wane_pass *pass, const wane_layer_index *index,
                                      wane_slot slot)
{
    const wane_adapter *adapter = pass->adapter;
    long at = adapter ? adapter->of_parameter[index->weight[slot]] : -1;
    return at < 0 ? NULL : &adapter->factor[at];
}

const float *wane_pass_weight(const wane_pass *pass, size_t parameter)
{
    return pass->model->weights + pass->parameters.parameter[parameter].offset;
}

static const wane_factor *frozen_factor(const wane_pass *pass, const wane_layer_index *index,
                                        wane_slot slot)
{
    const wane_adapter *frozen = pass->adapter ? pass->adapter->frozen : NULL;
    long at = frozen ? frozen->of_parameter[index->weight[slot]] : -1;
    return at < 0 ? NULL : &frozen->factor[at];
}

static float *aligned(float *base, size_t used)
{
    return base + (used + WANE_LANES - 1) / WANE_LANES * WANE_LANES;
}

/* scale B^T (rank x outputs). */
static void scaled_transpose(const wane_kernels *k, const wane_factor *f, float *out)
{
    k->transpose(f->rows, f->rank, f->b, f->rank, out, f->rows, f->rows);
    k->scale(f->rows * f->rank, f->scale, out);
}

static const size_t *tokens_of(const wane_linear *l)
{
    return l->token ? l->token + l->row : NULL;
}

/* y += scale (drop(x) A^T) B^T. */
static void add_low_rank(const wane_linear *l, wane_slot slot, const wane_factor *f, const float *x,
                         float *y, size_t ldy)
{
    const wane_pass *pass = l->pass;
    const wane_kernels *k = pass->kernels;
    float *low = l->scratch, *b_t = aligned(low, l->rows * f->rank);
    float *dropped = aligned(b_t, f->rank * f->rows);
    if (l->store->low[slot]) low = l->store->low[slot] + l->row * f->rank;
    if (pass->dropping) {
        wane_mask mask = wane_mask_of(&pass->dropout, pass->adapter, f);
        wane_mask_apply(&mask, tokens_of(l), l->row, l->rows, 0, f->cols, x, f->cols, dropped,
                        f->cols, false);
        x = dropped;
    }
    k->dots(l->rows, f->rank, f->cols, x, f->cols, f->a, f->cols, low, f->rank);
    scaled_transpose(k, f, b_t);
    k->product(l->rows, f->rows, f->rank, low, f->rank, 1, b_t, f->rows, y, ldy, true);
}

/* y += scale (x A^T) B^T. */
static void add_frozen(const wane_linear *l, const wane_factor *f, const float *x, float *y,
                       size_t ldy)
{
    const wane_kernels *k = l->pass->kernels;
    float *low = l->scratch, *b_t = aligned(low, l->rows * f->rank);
    k->dots(l->rows, f->rank, f->cols, x, f->cols, f->a, f->cols, low, f->rank);
    scaled_transpose(k, f, b_t);
    k->product(l->rows, f->rows, f->rank, low, f->rank, 1, b_t, f->rows, y, ldy, true);
}

/* dx += scale dy B A. */
static void frozen_backward(const wane_linear *l, const wane_factor *f, const float *dy,
                            size_t lddy, float *dx)
{
    const wane_kernels *k = l->pass->kernels;
    float *b_t = l->scratch, *dlow = aligned(b_t, f->rank * f->rows);
    scaled_transpose(k, f, b_t);
    k->dots(l->rows, f->rank, f->rows, dy, lddy, b_t, f->rows, dlow, f->rank);
    k->product(l->rows, f->cols, f->rank, dlow, f->rank, 1, f->a, f->cols, dx, f->cols, true);
}

/* dlow = scale dy B; dx += undrop(dlow A). */
static void low_rank_backward(const wane_linear *l, wane_slot slot, const wane_factor *f,
                              const float *dy, size_t lddy, float *dx)
{
    const wane_pass *pass = l->pass;
    const wane_kernels *k = pass->kernels;
    float *dlow = pass->backward.dlow[slot] + l->row * f->rank, *b_t = l->scratch;
    float *dropped = aligned(b_t, f->rank * f->rows);
    scaled_transpose(k, f, b_t);
    k->dots(l->rows, f->rank, f->rows, dy, lddy, b_t, f->rows, dlow, f->rank);
    if (!dx) return;
    if (!pass->dropping) {
        k->product(l->rows, f->cols, f->rank, dlow, f->rank, 1, f->a, f->cols, dx, f->cols, true);
        return;
    }
    k->product(l->rows, f->cols, f->rank, dlow, f->rank, 1, f->a, f->cols, dropped, f->cols, false);
    wane_mask mask = wane_mask_of(&pass->dropout, pass->adapter, f);
    wane_mask_apply(&mask, tokens_of(l), l->row, l->rows, 0, f->cols, dropped, f->cols, dx, f->cols,
                    true);
}

/* Weights that touch in memory are one matrix: the number of slots from slot + i on that do, and
 * the sum of their outputs. */
static size_t touching(const wane_linear *l, wane_slot slot, size_t i, size_t count,
                       size_t *outputs)
{
    const wane_parameter *table = l->pass->parameters.parameter;
    const wane_parameter *p = &table[l->index->weight[slot + i]];
    size_t end = p->offset + p->rows * p->cols, j = i + 1;
    *outputs = p->rows;
    for (; j < count; j++) {
        const wane_parameter *next = &table[l->index->weight[slot + j]];
        if (next->offset != end) break;
        *outputs += next->rows;
        end += next->rows * next->cols;
    }
    return j - i;
}

void wane_linear_forward(const wane_linear *l, wane_slot slot, size_t count, const float *x,
                         float *y, size_t ldy, bool accumulate)
{
    const wane_pass *pass = l->pass;
    size_t inputs = wane_slot_cols(&pass->config, slot), outputs = 0;
    float beta = accumulate ? 1.0f : 0.0f;
    for (size_t i = 0, column = 0; i < count; column += outputs) {
        const float *weight = wane_pass_weight(pass, l->index->weight[slot + i]);
        i += touching(l, slot, i, count, &outputs);
        wane_sgemm_tile(false, true, l->rows, outputs, inputs, 1.0f, x, inputs, weight, inputs,
                        beta, y + column, ldy);
    }
    for (size_t i = 0; i < count; i++, y += outputs) {
        wane_slot s = (wane_slot)(slot + i);
        size_t bias = l->index->bias[s];
        outputs = wane_slot_rows(&pass->config, s);
        if (bias != WANE_ABSENT)
            pass->kernels->add_bias(l->rows, outputs, wane_pass_weight(pass, bias), y, ldy);
        if (pass->observed) wane_observe_linear(l, s, x);
        const wane_factor *f = frozen_factor(pass, l->index, s);
        if (f) add_frozen(l, f, x, y, ldy);
        f = wane_linear_factor(pass, l->index, s);
        if (f) add_low_rank(l, s, f, x, y, ldy);
    }
}

void wane_linear_backward(const wane_linear *l, wane_slot slot, size_t count, const float *dy,
                          size_t lddy, float *dx, bool accumulate)
{
    const wane_pass *pass = l->pass;
    size_t inputs = wane_slot_cols(&pass->config, slot), outputs = 0;
    for (size_t i = 0, column = 0; i < count && dx; column += outputs) {
        const float *weight = wane_pass_weight(pass, l->index->weight[slot + i]);
        float beta = accumulate || i > 0 ? 1.0f : 0.0f;
        i += touching(l, slot, i, count, &outputs);
        wane_sgemm_tile(false, false, l->rows, inputs, outputs, 1.0f, dy + column, lddy, weight,
                        inputs, beta, dx, inputs);
    }
    for (size_t i = 0; i < count; i++, dy += outputs) {
        wane_slot s = (wane_slot)(slot + i);
        outputs = wane_slot_rows(&pass->config, s);
        const wane_factor *f = frozen_factor(pass, l->index, s);
        if (f && dx) frozen_backward(l, f, dy, lddy, dx);
        f = wane_linear_factor(pass, l->index, s);
        if (f) low_rank_backward(l, s, f, dy, lddy, dx);
    }
}
