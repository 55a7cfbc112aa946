/* SPDX-License-Identifier: Apache-2.0
 * Strips over the threads of a pool, and the widest instruction set that the processor has.
 */
#include "analysis/spectra/strips.h"

#include <string.h>

#include "analysis/spectra/strips_tables.h"
#include "store/base/processor.h"

static wane_strip_kernel *kernel(void)
{
    static wane_strip_kernel *const kernels[WANE_SETS] = {
        [WANE_SET_BASELINE] = wane_strip_baseline,
#if defined(__x86_64__)
        [WANE_SET_AVX2] = wane_strip_avx2,
        [WANE_SET_AVX512] = wane_strip_avx512,
#endif
    };
    return kernels[wane_processor_best()];
}

/* Strips are cut by the shape alone: few, since each has its own sums over rows. */
enum { MOST_STRIPS = 16, LEAST_ROWS = 256 };

static size_t rows_of_strip(size_t rows)
{
    size_t each = (rows + MOST_STRIPS - 1) / MOST_STRIPS;
    if (each < LEAST_ROWS) each = LEAST_ROWS;
    return (each + 31) / 32 * 32;
}

static size_t strips_of(size_t rows)
{
    size_t each = rows_of_strip(rows);
    return (rows + each - 1) / each;
}

/* From the sums of one vector to those of the next: rows a power of 2 apart would meet in the same
 * few places of a cache. */
static size_t sums_stride(size_t cols)
{
    return cols + 32;
}

size_t wane_strip_room(wane_matrix w, size_t left)
{
    return strips_of(w.rows) * left * sums_stride(w.cols);
}

typedef struct work {
    wane_matrix w;
    const wane_strip_vectors *left, *right;
    wane_strip_kernel *kernel;
    float *room;
    size_t each, strips;
    bool chained;
} work;

static void run_strip(void *context, size_t strip, int thread)
{
    (void)thread;
    const work *at = context;
    size_t m = at->w.rows, n = at->w.cols, first = strip * at->each;
    size_t rows = m - first < at->each ? m - first : at->each;
    size_t own = at->left->count * sums_stride(n);
    wane_strip_side left = {at->left->count, m, sums_stride(n), at->left->in + first,
                            at->room + strip * own};
    wane_strip_side right = {at->right->count, n, m, at->right->in, at->right->out + first};
    memset(left.out, 0, own * sizeof *left.out);
    for (size_t k = 0; k < right.count && !at->chained; k++)
        memset(right.out + k * m, 0, rows * sizeof *right.out);
    at->kernel(at->w.data + first * at->w.stride, at->w.stride, rows, n, &left, &right,
               at->chained);
}

static void add_strips(void *context, size_t k, int thread)
{
    (void)thread;
    const work *at = context;
    size_t n = at->w.cols, each = sums_stride(n), own = at->left->count * each;
    float *out = at->left->out + k * n;
    memcpy(out, at->room + k * each, n * sizeof *out);
    for (size_t s = 1; s < at->strips; s++) {
        const float *part = at->room + s * own + k * each;
        for (size_t i = 0; i < n; i++) out[i] += part[i];
    }
}

static void run(wane_matrix w, const wane_strip_vectors *left, const wane_strip_vectors *right,
                bool chained, float *room, wane_pool *pool)
{
    work at = {w, left, right, kernel(), room, rows_of_strip(w.rows), strips_of(w.rows), chained};
    wane_pool_run(pool, at.strips, run_strip, &at);
    wane_pool_run(pool, left->count, add_strips, &at);
}

void wane_strip_products(wane_matrix w, const wane_strip_vectors *left,
                         const wane_strip_vectors *right, float *room, wane_pool *pool)
{
    run(w, left, right, false, room, pool);
}

void wane_strip_gram(wane_matrix w, size_t count, const float *x, float *y, float *z, float *room,
                     wane_pool *pool)
{
    const wane_strip_vectors left = {count, y, z}, right = {count, x, y};
    run(w, &left, &right, true, room, pool);
}

void wane_strip_add(wane_matrix w, const float *x, float *sums)
{
    const wane_strip_side left = {1, w.rows, w.cols, x, sums}, none = {0};
    kernel()(w.data, w.stride, w.rows, w.cols, &left, &none, false);
}

void wane_strip_dots(wane_matrix w, const float *y, float *dots)
{
    const wane_strip_side right = {1, w.cols, w.rows, y, dots}, none = {0};
    memset(dots, 0, w.rows * sizeof *dots);
    kernel()(w.data, w.stride, w.rows, w.cols, &none, &right, false);
}
