/* SPDX-License-Identifier: Apache-2.0
 * Lays all A, then all B, then all vectors in one block, so that the A of weights that share an
 * input lie side by side, and draws A.
 */
#include "eval/model/adapter.h"

#include <math.h>

#include "eval/model/layout.h"
#include "eval/model/term.h"
#include "store/base/memory.h"

/* Places `rows` x `cols` floats at the end of the block; false when they do not fit. */
static bool place(wane_adapter *adapter, size_t *offset, size_t rows, size_t cols)
{
    size_t numbers = 0, padded = 0;
    if (!wane_size_mul(&numbers, rows, cols) ||
        !wane_size_add(&padded, numbers, WANE_ALIGN_FLOATS - 1))
        return false;
    *offset = adapter->floats;
    adapter->numbers += numbers;
    return wane_size_add(&adapter->floats, adapter->floats,
                         padded / WANE_ALIGN_FLOATS * WANE_ALIGN_FLOATS) &&
           adapter->floats <= SIZE_MAX / 2 / sizeof(float);
}

/* All A before all B before all vectors, each in order of parameter: the A of weights that read the
 * same input stand side by side, so that one product serves them. */
static wane_status plan(wane_adapter *adapter, const wane_parameters *parameters,
                        const size_t *rank, const float *scale, wane_error *err)
{
    for (size_t i = 0; i < parameters->count; i++) {
        const wane_parameter *p = &parameters->parameter[i];
        adapter->of_parameter[i] = -1;
        if (rank[i] == 0) continue;
        adapter->of_parameter[i] = (long)adapter->count;
        adapter->factor[adapter->count++] = (wane_factor){
            .parameter = i, .rows = p->rows, .cols = p->cols, .rank = rank[i], .scale = scale[i]};
    }
    bool good = true;
    for (size_t f = 0; f < adapter->count; f++) {
        wane_factor *factor = &adapter->factor[f];
        good = good && place(adapter, &factor->a_offset, factor->rank, factor->cols);
    }
    for (size_t f = 0; f < adapter->count; f++) {
        wane_factor *factor = &adapter->factor[f];
        good = good && place(adapter, &factor->b_offset, factor->rows, factor->rank);
    }
    for (size_t f = 0; f < adapter->count && adapter->term->gradient_vector; f++) {
        wane_factor *factor = &adapter->factor[f];
        good = good && place(adapter, &factor->vector_offset, factor->rows, 1);
    }
    if (!good) return wane_fail(err, WANE_EINVAL, "adapter: factors: too many to address");
    return WANE_OK;
}

/* Memory of what was planned. */
static wane_status take_memory(wane_adapter *adapter, wane_error *err)
{
    size_t derived = 0;
    for (size_t f = 0; f < adapter->count; f++)
        derived += adapter->factor[f].rows * adapter->term->derived;
    adapter->block = wane_alloc_aligned(adapter->floats, sizeof(float));
    if (derived) adapter->derived = wane_alloc_aligned(derived, sizeof(float));
    if (!adapter->block || (derived && !adapter->derived))
        return wane_fail_memory(err, "adapter", "factors");
    derived = 0;
    for (size_t f = 0; f < adapter->count; f++) {
        wane_factor *factor = &adapter->factor[f];
        factor->a = adapter->block + factor->a_offset;
        factor->b = adapter->block + factor->b_offset;
        if (adapter->term->gradient_vector) factor->vector = adapter->block + factor->vector_offset;
        if (adapter->derived) factor->derived = adapter->derived + derived;
        derived += factor->rows * adapter->term->derived;
    }
    return WANE_OK;
}

wane_status wane_adapter_zero(wane_adapter **out, const wane_term *term,
                              const wane_parameters *parameters, const size_t *rank,
                              const float *scale, double dropout, wane_error *err)
{
    wane_status st = WANE_OK;
    size_t count = 0;
    for (size_t i = 0; i < parameters->count; i++) {
        const wane_parameter *p = &parameters->parameter[i];
        count += rank[i] > 0;
        if (rank[i] > 0 && !p->linear)
            return wane_fail(err, WANE_EINVAL,
                             "adapter: %s: is no linear weight of a layer: cannot be a target",
                             p->name);
    }
    if (count == 0) return wane_fail(err, WANE_EINVAL, "adapter: targets: none is named");
    wane_adapter *adapter = wane_alloc(1, sizeof *adapter);
    if (!adapter) return wane_fail_memory(err, "adapter", "table");
    adapter->term = term;
    adapter->dropout = dropout;
    adapter->factor = wane_alloc(count, sizeof *adapter->factor);
    adapter->of_parameter = wane_alloc(parameters->count, sizeof *adapter->of_parameter);
    if (!adapter->factor || !adapter->of_parameter)
        WANE_TRY(wane_fail_memory(err, "adapter", "table"));
    WANE_TRY(plan(adapter, parameters, rank, scale, err));
    WANE_TRY(take_memory(adapter, err));
    *out = adapter;
    adapter = NULL;
done:
    wane_adapter_free(adapter);
    return st;
}

static void initialise(wane_adapter *adapter, uint64_t seed, uint64_t stage)
{
    for (size_t f = 0; f < adapter->count; f++) {
        wane_factor *factor = &adapter->factor[f];
        wane_random where = {.seed = seed,
                             .purpose = WANE_RANDOM_ADAPTER,
                             .stage = stage,
                             .tensor = factor->parameter};
        double bound = 1.0 / sqrt((double)factor->cols);
        wane_random_uniform_fill(factor->a, factor->rank * factor->cols, -bound, bound, &where);
    }
}

wane_status wane_adapter_new(wane_adapter **out, const wane_term *term,
                             const wane_parameters *parameters, const bool *target, size_t rank,
                             double scale, double dropout, uint64_t seed, uint64_t stage,
                             wane_error *err)
{
    wane_status st = WANE_OK;
    wane_adapter *adapter = NULL;
    if (rank < 1) return wane_fail(err, WANE_EINVAL, "adapter: rank: 0 is not positive");
    if (!isfinite(scale)) return wane_fail(err, WANE_EINVAL, "adapter: scale: is not finite");
    if (!(dropout >= 0) || !(dropout < 1))
        return wane_fail(err, WANE_EINVAL, "adapter: dropout: %g is not in [0, 1)", dropout);
    size_t *ranks = wane_alloc(parameters->count, sizeof *ranks);
    float *scales = wane_alloc(parameters->count, sizeof *scales);
    if (!ranks || !scales) WANE_TRY(wane_fail_memory(err, "adapter", "table"));
    for (size_t i = 0; i < parameters->count; i++) {
        const wane_parameter *p = &parameters->parameter[i];
        if (!target[i]) continue;
        if (p->linear && (rank > p->rows || rank > p->cols))
            WANE_TRY(wane_fail(err, WANE_EINVAL, "adapter: %s: rank %zu is more than its %zu x %zu",
                               p->name, rank, p->rows, p->cols));
        ranks[i] = rank;
        scales[i] = (float)scale;
    }
    WANE_TRY(wane_adapter_zero(&adapter, term, parameters, ranks, scales, dropout, err));
    initialise(adapter, seed, stage);
    *out = adapter;
done:
    wane_free(ranks);
    wane_free(scales);
    return st;
}

void wane_adapter_free(wane_adapter *adapter)
{
    if (!adapter) return;
    wane_free(adapter->factor);
    wane_free(adapter->of_parameter);
    wane_free(adapter->block);
    wane_free(adapter->derived);
    wane_free(adapter);
}
