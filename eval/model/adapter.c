/* SPDX-License-Identifier: Apache-2.0
 * Lays all A, then all B, in one block, so that the A of weights that share an input lie side by
 * side, and draws A.
 */
#include "eval/model/adapter.h"

#include <math.h>

#include "eval/model/layout.h"
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

/* All A before all B, each in order of parameter: the A of weights that read the same input stand
 * side by side, so that one product serves them. */
static wane_status plan(wane_adapter *adapter, const wane_parameters *parameters,
                        const bool *target, size_t rank, double scale, wane_error *err)
{
    for (size_t i = 0; i < parameters->count; i++) {
        const wane_parameter *p = &parameters->parameter[i];
        adapter->of_parameter[i] = -1;
        if (!target[i]) continue;
        if (!p->linear)
            return wane_fail(err, WANE_EINVAL,
                             "adapter: %s: is no linear weight of a layer: cannot be a target",
                             p->name);
        if (rank > p->rows || rank > p->cols)
            return wane_fail(err, WANE_EINVAL, "adapter: %s: rank %zu is more than its %zu x %zu",
                             p->name, rank, p->rows, p->cols);
        adapter->of_parameter[i] = (long)adapter->count;
        adapter->factor[adapter->count++] = (wane_factor){
            .parameter = i, .rows = p->rows, .cols = p->cols, .rank = rank, .scale = (float)scale};
    }
    bool good = true;
    for (size_t f = 0; f < adapter->count; f++)
        good = good && place(adapter, &adapter->factor[f].a_offset, rank, adapter->factor[f].cols);
    for (size_t f = 0; f < adapter->count; f++)
        good = good && place(adapter, &adapter->factor[f].b_offset, adapter->factor[f].rows, rank);
    if (!good) return wane_fail(err, WANE_EINVAL, "adapter: factors: too many to address");
    return WANE_OK;
}

static void initialise(wane_adapter *adapter, uint64_t seed, uint64_t stage)
{
    for (size_t f = 0; f < adapter->count; f++) {
        wane_factor *factor = &adapter->factor[f];
        factor->a = adapter->block + factor->a_offset;
        factor->b = adapter->block + factor->b_offset;
        wane_random where = {.seed = seed,
                             .purpose = WANE_RANDOM_ADAPTER,
                             .stage = stage,
                             .tensor = factor->parameter};
        double bound = 1.0 / sqrt((double)factor->cols);
        wane_random_uniform_fill(factor->a, factor->rank * factor->cols, -bound, bound, &where);
    }
}

wane_status wane_adapter_new(wane_adapter **out, const wane_parameters *parameters,
                             const bool *target, size_t rank, double scale, double dropout,
                             uint64_t seed, uint64_t stage, wane_error *err)
{
    wane_status st = WANE_OK;
    if (rank < 1) return wane_fail(err, WANE_EINVAL, "adapter: rank: 0 is not positive");
    if (!isfinite(scale)) return wane_fail(err, WANE_EINVAL, "adapter: scale: is not finite");
    if (!(dropout >= 0) || !(dropout < 1))
        return wane_fail(err, WANE_EINVAL, "adapter: dropout: %g is not in [0, 1)", dropout);
    size_t count = 0;
    for (size_t i = 0; i < parameters->count; i++) count += target[i];
    if (count == 0) return wane_fail(err, WANE_EINVAL, "adapter: targets: none is named");
    wane_adapter *adapter = wane_alloc(1, sizeof *adapter);
    if (!adapter) return wane_fail_memory(err, "adapter", "table");
    adapter->dropout = dropout;
    adapter->factor = wane_alloc(count, sizeof *adapter->factor);
    adapter->of_parameter = wane_alloc(parameters->count, sizeof *adapter->of_parameter);
    if (!adapter->factor || !adapter->of_parameter) {
        st = wane_fail_memory(err, "adapter", "table");
        goto done;
    }
    WANE_TRY(plan(adapter, parameters, target, rank, scale, err));
    adapter->block = wane_alloc_aligned(adapter->floats, sizeof(float));
    if (!adapter->block) {
        st = wane_fail_memory(err, "adapter", "factors");
        goto done;
    }
    initialise(adapter, seed, stage);
done:
    if (st == WANE_OK) *out = adapter;
    else wane_adapter_free(adapter);
    return st;
}

void wane_adapter_free(wane_adapter *adapter)
{
    if (!adapter) return;
    wane_free(adapter->factor);
    wane_free(adapter->of_parameter);
    wane_free(adapter->block);
    wane_free(adapter);
}
