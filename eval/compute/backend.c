/* SPDX-License-Identifier: Apache-2.0
 * The backends as a table (backend.h lists them), and what is the same for all of them.
 */
#include "eval/compute/backend.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "store/base/clock.h"
#include "store/base/memory.h"

#define PLACE(name) &wane_backend_##name,
static const wane_backend *const backends[] = {WANE_BACKENDS(PLACE)};
#undef PLACE

const wane_backend *wane_backend_at(size_t place)
{
    return place < sizeof backends / sizeof *backends ? backends[place] : NULL;
}

const wane_backend *wane_backend_named(const char *name)
{
    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++)
        if (strcmp(backends[i]->name, name) == 0) return backends[i];
    return NULL;
}

const wane_backend *wane_backend_or_first(const wane_backend *asked)
{
    return asked ? asked : backends[0];
}

char *wane_backends_there(char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++) {
        const wane_backend *b = backends[i];
        if (!b->there() || used >= size) continue;
        int more =
            snprintf(out + used, size - used, "%s%s (%s)", used ? ", " : "", b->name, b->precision);
        used += more > 0 ? (size_t)more : 0;
    }
    return out;
}

wane_packed wane_packed_rows(const wane_packed *of, size_t first, size_t rows)
{
    assert(first % WANE_PACK_ROWS == 0 && first <= of->rows && rows <= of->rows - first);
    wane_packed part = *of;
    part.weight += first * of->cols;
    part.first += first;
    part.rows = rows;
    return part;
}

void *wane_backend_allocate(const wane_backend *backend, size_t bytes)
{
    return backend->allocate ? backend->allocate(bytes) : wane_alloc_aligned(bytes, 1);
}

void wane_backend_release(const wane_backend *backend, void *block)
{
    if (!backend->release) wane_free(block);
    else if (block) backend->release(block);
}

enum { SIDE = 512 };

static double measure(const wane_backend *backend, wane_pool *pool, unsigned char *block,
                      size_t packed_bytes, size_t stride)
{
    const double enough = 0.25;
    float *x = (float *)(void *)block, *y = x + SIDE * SIDE, *weight = y + SIDE * SIDE;
    unsigned char *packed = (unsigned char *)(weight + SIDE * SIDE);
    wane_packed w = {.weight = weight, .rows = SIDE, .cols = SIDE, .whole = SIDE};
    wane_workers by = {
        .pool = pool, .scratch = packed + packed_bytes, .bytes = stride, .stride = stride};
    if (backend->packed_bytes) {
        backend->pack(weight, SIDE, SIDE, false, 0, SIDE, packed);
        w.packed = packed;
    }
    backend->forward(&by, &w, 1, SIDE, x, y, SIDE, false);
    double start = wane_clock_wall(), took = 0, count = 0;
    do {
        backend->forward(&by, &w, 1, SIDE, x, y, SIDE, false);
        count += 2.0 * SIDE * SIDE * SIDE;
        took = wane_clock_wall() - start;
    } while (took < enough);
    return count / took;
}

static size_t lines(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

wane_status wane_backend_rate(double *out, const wane_backend *backend, wane_pool *pool,
                              wane_error *err)
{
    size_t packed = backend->packed_bytes ? lines(backend->packed_bytes(SIDE, SIDE, false)) : 0;
    size_t stride = backend->scratch_bytes ? lines(backend->scratch_bytes(SIDE, SIDE)) : 0;
    size_t bytes =
        3 * SIDE * SIDE * sizeof(float) + packed + stride * (size_t)wane_pool_threads(pool);
    unsigned char *block = wane_backend_allocate(backend, bytes);
    if (!block) return wane_fail_memory(err, "rate", backend->name);
    *out = measure(backend, pool, block, packed, stride);
    wane_backend_release(backend, block);
    return WANE_OK;
}
