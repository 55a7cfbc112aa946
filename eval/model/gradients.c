/* SPDX-License-Identifier: Apache-2.0
 * A list of gradients cut into tiles (weights by height, the others by strips of columns), each
 * summed over all tokens by one product.
 */
#include "eval/model/gradients.h"

#include "eval/model/linear.h"
#include "eval/model/term.h"

/* What sums a part of an adapter's factor (term.h). */
typedef void part_gradient(const wane_term_rows *rows, const float *x, const float *dy, size_t lddy,
                           size_t first, size_t count, float *out);

typedef enum kind { WEIGHT, BIAS, PART } kind;

/* One gradient: `extent` rows (WEIGHT), or columns of what is summed (the others), in tiles. */
typedef struct job {
    kind kind;
    wane_slot slot;
    const wane_gradient_source *source;
    const wane_factor *factor;
    part_gradient *gradient; /* of a PART */
    float *out;
    size_t cols, extent, tile, first_tile;
} job;

enum { MOST_JOBS = 5 * WANE_SLOTS };

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

static void part_tile(const jobs *list, const job *j, size_t first, size_t count, float *scratch)
{
    const wane_pass *pass = list->pass;
    const wane_gradient_source *s = j->source;
    wane_mask mask;
    wane_term_rows rows = {.kernels = pass->kernels,
                           .factor = j->factor,
                           .backend = pass->backend,
                           .by = wane_pass_alone(pass, scratch),
                           .weight = wane_pass_packed(pass, j->factor->parameter),
                           .token = s->token,
                           .rows = s->rows,
                           .low = s->low,
                           .dlow = pass->backward.dlow[j->slot],
                           .scratch = scratch};
    if (pass->dropping) {
        mask = wane_mask_of(&pass->dropout, pass->adapter, j->factor);
        rows.mask = &mask;
    }
    j->gradient(&rows, s->x, s->dy, s->lddy, first, count, j->out);
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
    wane_workers by = wane_pass_alone(pass, scratch);
    switch (j->kind) {
    case WEIGHT:
        pass->backend->weight_gradient(&by, count, j->cols, s->rows, s->dy + first, s->lddy, s->x,
                                       j->out + first * j->cols);
        break;
    case BIAS:
        pass->kernels->add_columns(s->rows, count, s->dy + first, s->lddy, j->out + first);
        break;
    case PART: part_tile(list, j, first, count, scratch); break;
    }
}

/* The trained parts of a factor; `block`: like the adapter's. */
static void push_parts(jobs *list, job one, float *block)
{
    const wane_term *term = list->pass->adapter->term;
    const wane_factor *f = one.factor;
    one.kind = PART;
    one.gradient = term->gradient_a;
    one.out = block + f->a_offset;
    one.extent = f->cols;
    push(list, one);
    one.gradient = term->gradient_b;
    one.out = block + f->b_offset;
    one.extent = f->rows;
    push(list, one);
    if (!term->gradient_vector) return;
    one.gradient = term->gradient_vector;
    one.out = block + f->vector_offset;
    push(list, one);
}

void wane_layer_gradients(wane_pass *pass, size_t layer, const wane_gradients *gradients,
                          const wane_gradient_source source[WANE_SLOTS])
{
    jobs list = {.pass = pass};
    const wane_layer_index *index = &pass->parameters.places->layer[layer];
    const wane_parameter *table = pass->parameters.parameter;
    for (int s = 0; s < WANE_SLOTS; s++) {
        if (!source[s].x || source[s].rows == 0) continue;
        wane_slot slot = (wane_slot)s;
        size_t weight = index->weight[s], bias = index->bias[s];
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
        one.factor = wane_linear_factor(pass, index, slot);
        if (!one.factor || !gradients->adapter) continue;
        push_parts(&list, one, gradients->adapter);
    }
    wane_pool_run(pass->pool, list.tiles, gradient_tile, &list);
}
