/* SPDX-License-Identifier: Apache-2.0
 * The weights of a pass as its products take them: where they are, which of them are packed, when.
 */
#include <assert.h>

#include "eval/model/state.h"

const float *wane_pass_weight(const wane_pass *pass, size_t parameter)
{
    return pass->model->weights + pass->parameters.parameter[parameter].offset;
}

/* Rows packed by one thread at once. */
enum { PACKED_ROWS = 256 };
_Static_assert(PACKED_ROWS % WANE_PACK_ROWS == 0, "parts begin where stretches may");

bool wane_pass_packs(const wane_pass *pass, size_t parameter)
{
    return pass->backend->packed_bytes && (pass->parameters.parameter[parameter].linear ||
                                           parameter == wane_head(&pass->parameters));
}

bool wane_pass_packs_gradient(const wane_pass *pass, size_t parameter)
{
    const wane_parameter *p = &pass->parameters.parameter[parameter];
    return pass->limits.training && (!p->linear || (size_t)p->layer >= pass->limits.frozen_layers);
}

typedef struct packing {
    const wane_backend *backend;
    const float *weight;
    size_t rows, cols;
    bool gradient;
    void *packed;
} packing;

static void pack_tile(void *context, size_t tile, int thread)
{
    (void)thread;
    const packing *p = context;
    size_t first = tile * PACKED_ROWS, count = p->rows - first;
    if (count > PACKED_ROWS) count = PACKED_ROWS;
    p->backend->pack(p->weight, p->rows, p->cols, p->gradient, first, count, p->packed);
}

void wane_pass_pack(wane_pass *pass, size_t parameter, const float *weight, size_t rows)
{
    assert(rows <= pass->parameters.parameter[parameter].rows);
    wane_pack *room = pass->pack ? &pass->pack[parameter] : NULL;
    if (!room || room->of == weight) return;
    packing p = {.backend = pass->backend,
                 .weight = weight,
                 .rows = rows,
                 .cols = pass->parameters.parameter[parameter].cols,
                 .gradient = wane_pass_packs_gradient(pass, parameter),
                 .packed = room->packed};
    wane_pool_run(pass->pool, (rows + PACKED_ROWS - 1) / PACKED_ROWS, pack_tile, &p);
    room->of = weight;
}

void wane_pass_pack_layers(wane_pass *pass)
{
    if (!pass->pack) return;
    if (pass->batch->head) pass->pack[wane_head(&pass->parameters)].of = NULL;
    for (size_t i = 0; i < pass->parameters.count; i++)
        if (pass->parameters.parameter[i].linear)
            wane_pass_pack(pass, i, wane_pass_weight(pass, i), pass->parameters.parameter[i].rows);
}

void wane_pass_weights_changed(wane_pass *pass, const bool *which)
{
    for (size_t i = 0; pass->pack && i < pass->parameters.count; i++)
        if (!which || which[i]) pass->pack[i].of = NULL;
}

wane_packed wane_pass_packed(const wane_pass *pass, size_t parameter)
{
    const wane_parameter *p = &pass->parameters.parameter[parameter];
    return (wane_packed){.weight = wane_pass_weight(pass, parameter),
                         .rows = p->rows,
                         .cols = p->cols,
                         .packed = pass->pack ? pass->pack[parameter].packed : NULL,
                         .whole = p->rows};
}

wane_workers wane_pass_alone(const wane_pass *pass, const float *scratch)
{
    size_t thread = (size_t)(scratch - pass->scratch) / pass->scratch_floats;
    assert(scratch >= pass->scratch && thread < (size_t)wane_pool_threads(pass->pool));
    wane_workers by = wane_pass_together(pass);
    by.tile = true;
    by.pool = NULL;
    by.scratch += thread * by.stride;
    return by;
}

wane_workers wane_pass_together(const wane_pass *pass)
{
    float *first = pass->scratch + pass->scratch_floats - pass->product_floats;
    return (wane_workers){.pool = pass->pool,
                          .scratch = (unsigned char *)first,
                          .bytes = pass->product_floats * sizeof(float),
                          .stride = pass->scratch_floats * sizeof(float)};
}
