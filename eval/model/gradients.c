/* SPDX-License-Identifier: Apache-2.0
 * A list of gradients cut into tiles (weights by height, the others by strips of columns), each
 * summed over all tokens by one product.
 */
#include "eval/model/gradients.h"

#include <string.h>

#include "eval/model/dropout.h"
#include "eval/model/linear.h"
#include "store/base/blas.h"

typedef enum kind { WEIGHT, BIAS, FACTOR_A, FACTOR_B } kind;

/* One gradient: `extent` rows (WEIGHT), or columns of what is summed (the others), in tiles. */
typedef struct job {
    kind kind;
    wane_slot slot;
    const wane_gradient_source *source;
    const wane_factor *factor;
    float *out;
    size_t cols, extent, tile, first_tile;
} job;

enum { MOST_JOBS = 4 * WANE_SLOTS };

typedef struct jobs {
    wane_pass *pass;
    size_t count, tiles;
    job job[MOST_JOBS];
} jobs;

static void push(jobs *list, job one)
{
    /* Weight tiles of near-equal height that OpenBLAS likes; strips of columns elsewhere. */
    enum { WEIGHT_ROWS = 256, STRIP = 128 };
    if (one.kind == WEIGHT) {
        size_t parts = (one.extent + WEIGHT_ROWS - 1) / WEIGHT_ROWS;
        one.tile = ((one.extent + parts - 1) / parts + WANE_LANES - 1) / WANE_LANES * WANE_LANES;
    } else {
        one.tile = STRIP;
    }
    one.first_tile = list->tiles;
    list->tiles += (one.extent + one.tile - 1) / one.tile;
    list->job[list->count++] = one;
}

/* B's gradient is dy^T low: made transposed, so that its strips are vectors, then added. */
static void factor_b_tile(const jobs *list, const job *j, size_t first, size_t count,
                          float *scratch)
{
    const wane_gradient_source *s = j->source;
    size_t rank = j->factor->rank;
    list->pass->kernels->product(rank, count, s->rows, s->low, 1, rank, s->dy + first, s->lddy,
                                 scratch, count, false);
    for (size_t i = 0; i < count; i++)
        for (size_t r = 0; r < rank; r++)
            j->out[(first + i) * rank + r] += j->factor->scale * scratch[r * count + i];
}

/* A's gradient is dlow^T drop(x). */
static void factor_a_tile(const jobs *list, const job *j, size_t first, size_t count,
                          float *scratch)
{
    enum { ROWS = 64 };
    const wane_pass *pass = list->pass;
    const wane_gradient_source *s = j->source;
    size_t rank = j->factor->rank, cols = j->cols;
    const float *dlow = pass->backward.dlow[j->slot];
    if (!pass->dropping) {
        pass->kernels->product(rank, count, s->rows, dlow, 1, rank, s->x + first, cols,
                               j->out + first, cols, true);
        return;
    }
    wane_mask mask = wane_mask_of(&pass->dropout, pass->adapter, j->factor);
    for (size_t row = 0; row < s->rows; row += ROWS) {
        size_t rows = s->rows - row < ROWS ? s->rows - row : ROWS;
        wane_mask_apply(&mask, s->token ? s->token + row : NULL, row, rows, first, count,
                        s->x + row * cols + first, cols, scratch, count, false);
        pass->kernels->product(rank, count, rows, dlow + row * rank, 1, rank, scratch, count,
                               j->out + first, cols, true);
    }
}

static void gradient_tile(void *context, size_t tile, int thread)
{
    const jobs *list = context;
    const wane_pass *pass = list->pass;
    const job *j = list->job;
    while (j + 1 < list->job + list->count && (j + 1)->first_tile <= tile) j++;
    const wane_gradient_source *s = j->source;
    size_t first = (tile - j->first_tile) * j->tile, count = j->extent - first;
    if (count > j->tile) count = j->tile;
    float *scratch = pass->scratch + (size_t)thread * pass->scratch_floats;
    switch (j->kind) {
    case WEIGHT:
        wane_sgemm_tile(true, false, count, j->cols, s->rows, 1.0f, s->dy + first, s->lddy, s->x,
                        j->cols, 1.0f, j->out + first * j->cols, j->cols);
        break;
    case BIAS:
        pass->kernels->add_columns(s->rows, count, s->dy + first, s->lddy, j->out + first);
        break;
    case FACTOR_A: factor_a_tile(list, j, first, count, scratch); break;
    case FACTOR_B: factor_b_tile(list, j, first, count, scratch); break;
    }
}

void wane_layer_gradients(wane_pass *pass, size_t layer, const wane_gradients *gradients,
                          const wane_gradient_source source[WANE_SLOTS])
{
    jobs list = {.pass = pass};
    wane_layer_index index = wane_layer_layout(&pass->config, layer);
    const wane_parameter *table = pass->parameters.parameter;
    for (int s = 0; s < WANE_SLOTS; s++) {
        if (!source[s].x || source[s].rows == 0) continue;
        wane_slot slot = (wane_slot)s;
        size_t weight = index.weight[s], bias = index.bias[s];
        job one = {.slot = slot, .source = &source[s], .cols = table[weight].cols};
        if (gradients->weights && gradients->train[weight]) {
            one.kind = WEIGHT;
            one.out = gradients->weights + table[weight].offset;
            one.extent = table[weight].rows;
            push(&list, one);
        }
        if (bias != WANE_ABSENT && gradients->weights && gradients->train[bias]) {
            one.kind = BIAS;
            one.out = gradients->weights + table[bias].offset;
            one.extent = table[bias].rows;
            push(&list, one);
        }
        one.factor = wane_linear_factor(pass, &index, slot);
        if (!one.factor || !gradients->adapter) continue;
        one.kind = FACTOR_A;
        one.out = gradients->adapter + one.factor->a_offset;
        one.extent = one.cols;
        push(&list, one);
        one.kind = FACTOR_B;
        one.out = gradients->adapter + one.factor->b_offset;
        one.extent = one.factor->rows;
        push(&list, one);
    }
    wane_pool_run(pass->pool, list.tiles, gradient_tile, &list);
}
