/* SPDX-License-Identifier: Apache-2.0
 * Reads the values of tensors as fp32: borrowed where they lie so in a map, else widened, whole or
 * in parts, row by row where they have gaps, and those in an archive by one pass over it.
 */
#include <stdint.h>

#include "store/files/tensors_internal.h"

typedef wane_tensor_entry entry;

/* Row by row: the last dimension in one go where it has no gaps. */
static void read_strided(const entry *e, const unsigned char *bytes, float *out)
{
    const wane_tensor *t = &e->tensor;
    size_t at[WANE_TENSOR_DIMENSIONS] = {0}, width = wane_dtype_width(t->dtype),
           last = t->dimensions - 1;
    size_t run = t->shape[last];
    for (size_t done = 0; done < t->elements; done += run) {
        size_t start = 0;
        for (size_t d = 0; d < last; d++) start += at[d] * e->strides[d];
        if (e->strides[last] == 1)
            wane_dtype_widen(t->dtype, bytes + start * width, run, out + done);
        else
            for (size_t i = 0; i < run; i++)
                wane_dtype_widen(t->dtype, bytes + (start + i * e->strides[last]) * width, 1,
                                 out + done + i);
        for (size_t d = last; d > 0; d--) {
            if (++at[d - 1] < t->shape[d - 1]) break;
            at[d - 1] = 0;
        }
    }
}

static wane_status check_type(const wane_tensors *tensors, const entry *e, wane_error *err)
{
    if (e->tensor.dtype != WANE_OTHER) return WANE_OK;
    return wane_fail(err, WANE_EFORMAT, "read: %s: %s: dtype %s; F32, F16, BF16 and F64 are read",
                     tensors->shards[e->shard].path, e->tensor.name, e->type);
}

static void read_here(const wane_tensors *tensors, const entry *e, float *out)
{
    const unsigned char *bytes = tensors->shards[e->shard].data + e->offset;
    if (e->tensor.elements == 0) return;
    if (e->strided) read_strided(e, bytes, out);
    else wane_dtype_widen(e->tensor.dtype, bytes, e->tensor.elements, out);
}

wane_status wane_tensors_read_many(const wane_tensors *tensors, const wane_tensor_target *targets,
                                   size_t count, wane_error *err)
{
    size_t away = 0;
    for (size_t i = 0; i < count; i++) {
        const entry *e = (const entry *)targets[i].tensor;
        wane_status st = check_type(tensors, e, err);
        if (st != WANE_OK) return st;
        if (tensors->shards[e->shard].data) read_here(tensors, e, targets[i].out);
        else away++;
    }
    return away ? wane_tensors_stream(tensors, targets, count, err) : WANE_OK;
}

wane_status wane_tensors_read(const wane_tensors *tensors, const wane_tensor *tensor, float *out,
                              wane_error *err)
{
    const wane_tensor_target target = {tensor, out};
    return wane_tensors_read_many(tensors, &target, 1, err);
}

bool wane_tensors_in_parts(const wane_tensors *tensors, const wane_tensor *tensor)
{
    const entry *e = (const entry *)tensor;
    return tensors->shards[e->shard].data && !e->strided && tensor->dtype != WANE_OTHER;
}

void wane_tensors_read_part(const wane_tensors *tensors, const wane_tensor *tensor, size_t first,
                            size_t count, float *out)
{
    const entry *e = (const entry *)tensor;
    const unsigned char *bytes = tensors->shards[e->shard].data + e->offset;
    wane_dtype_widen(tensor->dtype, bytes + first * wane_dtype_width(tensor->dtype), count, out);
}

void wane_tensors_let_go(const wane_tensors *tensors, const wane_tensor *tensor)
{
    const entry *e = (const entry *)tensor;
    const wane_map *map = &tensors->shards[e->shard].map;
    if (map->bytes && !e->strided) wane_map_let_go(map, e->offset, e->bytes);
}

const float *wane_tensors_floats(const wane_tensors *tensors, const wane_tensor *tensor)
{
    const entry *e = (const entry *)tensor;
    const unsigned char *data = tensors->shards[e->shard].data;
    bool usable = data && tensor->dtype == WANE_F32 && !e->strided &&
                  (uintptr_t)(data + e->offset) % _Alignof(float) == 0;
    return usable ? (const float *)(const void *)(data + e->offset) : NULL;
}
