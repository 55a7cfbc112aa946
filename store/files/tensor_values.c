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

/* Elements [first, first + count) in the order of the file. */
static void widen(const entry *e, const unsigned char *bytes, size_t first, size_t count,
                  float *out)
{
    wane_dtype dtype = e->tensor.dtype;
    if (dtype == WANE_BLOCKS) wane_gguf_widen(e->blocks, bytes, first, count, out);
    else wane_dtype_widen(dtype, bytes + first * wane_dtype_width(dtype), count, out);
}

/* The file's row that is handed out as `row`. */
static size_t row_in_file(const wane_tensor_form *form, size_t row)
{
    size_t b = form->swap[0], c = form->swap[1], d = form->inner, cell = b * c * d;
    size_t in_cell = row % cell, at_b = in_cell / (c * d), at_c = in_cell / d % c;
    return row - in_cell + (at_c * b + at_b) * d + in_cell % d;
}

/* Of `count` elements as they are handed out from `first` on, how many lie one behind the other in
 * the file, and where the first of them does. */
static size_t run_in_file(const entry *e, size_t first, size_t count, size_t *place)
{
    const wane_tensor *t = &e->tensor;
    size_t width = t->dimensions && t->shape[0] ? t->elements / t->shape[0] : 1;
    *place = first;
    if (e->form.swap[0] == 0) return count;
    *place = row_in_file(&e->form, first / width) * width + first % width;
    return width - first % width < count ? width - first % width : count;
}

/* Elements [first, first + count) as they are handed out. */
static void read_range(const entry *e, const unsigned char *bytes, size_t first, size_t count,
                       float *out)
{
    for (size_t done = 0, run = 0, place = 0; done < count; done += run) {
        run = run_in_file(e, first + done, count - done, &place);
        widen(e, bytes, place, run, out + done);
    }
    for (size_t i = 0; e->form.add != 0 && i < count; i++) out[i] += e->form.add;
}

static wane_status check_type(const wane_tensors *tensors, const entry *e, wane_error *err)
{
    if (e->tensor.dtype != WANE_OTHER) return WANE_OK;
    bool gguf = e->blocks != NULL;
    char types[WANE_GGUF_TYPES];
    return wane_fail(
        err, WANE_EFORMAT, "read: %s: %s: %s %s; %s are read", tensors->shards[e->shard].path,
        e->tensor.name, gguf ? "type" : "dtype", e->type,
        gguf ? wane_gguf_say_types(types) : "F32, F16, BF16, F64, F8_E4M3 and F8_E5M2");
}

static void read_here(const wane_tensors *tensors, const entry *e, float *out)
{
    const unsigned char *bytes = tensors->shards[e->shard].data + e->offset;
    if (e->tensor.elements == 0) return;
    if (e->strided) read_strided(e, bytes, out);
    else read_range(e, bytes, 0, e->tensor.elements, out);
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
    read_range(e, bytes, first, count, out);
}

double wane_tensors_rounding(const wane_tensors *tensors, const wane_tensor *tensor,
                             const float *values, size_t first, size_t count)
{
    double sum = 0;
    if (tensor->dtype != WANE_BLOCKS) return wane_dtype_rounding(tensor->dtype, values, count);
    const entry *e = (const entry *)tensor;
    const unsigned char *bytes = tensors->shards[e->shard].data + e->offset;
    for (size_t done = 0, run = 0, place = 0; done < count; done += run) {
        run = run_in_file(e, first + done, count - done, &place);
        sum += wane_gguf_rounding(e->blocks, bytes, place, run);
    }
    return sum;
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
    bool formed = e->form.swap[0] || e->form.add != 0;
    bool usable = data && tensor->dtype == WANE_F32 && !e->strided && !formed &&
                  (uintptr_t)(data + e->offset) % _Alignof(float) == 0;
    return usable ? (const float *)(const void *)(data + e->offset) : NULL;
}
