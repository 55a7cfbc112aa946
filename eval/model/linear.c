/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/model/linear.h"

#include "store/base/blas.h"

static const wane_factor *factor_of(const wane_pass *pass, size_t parameter)
{
    const wane_adapter *adapter = pass->adapter;
    if (!adapter || adapter->of_parameter[parameter] < 0) return NULL;
    return &adapter->factor[adapter->of_parameter[parameter]];
}

/* y += scale (x A^T) B^T. */
static void add_low_rank(const wane_linear *l, wane_slot slot, const wane_factor *f, const float *x,
                         float *y, size_t ldy)
{
    const wane_kernels *k = l->pass->kernels;
    float *low = l->store->low[slot] ? l->store->low[slot] + l->row * f->rank : l->scratch;
    float *b_t = l->scratch + (l->rows * f->rank + WANE_LANES - 1) / WANE_LANES * WANE_LANES;
    k->dots(l->rows, f->rank, f->cols, x, f->cols, f->a, f->cols, low, f->rank);
    k->transpose(f->rows, f->rank, f->b, f->rank, b_t, f->rows, f->rows);
    k->scale(f->rows * f->rank, f->scale, b_t);
    k->product(l->rows, f->rows, f->rank, low, f->rank, 1, b_t, f->rows, y, ldy, true);
}

void wane_linear_forward(const wane_linear *l, wane_slot slot, size_t count, const float *x,
                         float *y, size_t ldy, bool accumulate)
{
    const wane_pass *pass = l->pass;
    const wane_parameter *table = pass->parameters.parameter;
    size_t inputs = wane_slot_cols(&pass->config, slot);
    float beta = accumulate ? 1.0f : 0.0f;
    for (size_t i = 0, column = 0; i < count;) {
        const wane_parameter *p = &table[l->index->weight[slot + i]];
        size_t outputs = p->rows, end = p->offset + p->rows * p->cols, j = i + 1;
        /* Weights that touch in memory are one matrix. */
        for (; j < count; j++) {
            const wane_parameter *next = &table[l->index->weight[slot + j]];
            if (next->offset != end) break;
            outputs += next->rows;
            end += next->rows * next->cols;
        }
        wane_sgemm_tile(false, true, l->rows, outputs, inputs, 1.0f, x, inputs,
                        pass->model->weights + p->offset, inputs, beta, y + column, ldy);
        column += outputs;
        i = j;
    }
    for (size_t i = 0, column = 0; i < count; i++) {
        wane_slot s = (wane_slot)(slot + i);
        size_t outputs = wane_slot_rows(&pass->config, s), bias = l->index->bias[s];
        if (bias != WANE_ABSENT)
            pass->kernels->add_bias(l->rows, outputs, wane_pass_weight(pass, bias), y + column,
                                    ldy);
        const wane_factor *f = factor_of(pass, l->index->weight[s]);
        if (f) add_low_rank(l, s, f, x, y + column, ldy);
        column += outputs;
    }
}
