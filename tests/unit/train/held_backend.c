/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/train/held_backend.h"

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "store/base/memory.h"

static _Atomic size_t stale, packed_rows, forward_adds, input_adds, weight_adds, blocks;
static _Atomic bool missing, starved;

held_count held_counted(void)
{
    return (held_count){.stale = atomic_exchange(&stale, 0),
                        .packed = atomic_exchange(&packed_rows, 0),
                        .forward = atomic_exchange(&forward_adds, 0),
                        .input = atomic_exchange(&input_adds, 0),
                        .weight = atomic_exchange(&weight_adds, 0),
                        .blocks = blocks};
}

void held_missing(bool is)
{
    missing = is;
}

void held_starved(bool is)
{
    starved = is;
}

static bool there(void)
{
    return !missing;
}

static void *allocate(size_t bytes)
{
    if (starved) return NULL;
    blocks++;
    return wane_alloc_aligned(bytes, 1);
}

static void release(void *block)
{
    blocks--;
    wane_free(block);
}

static uint16_t narrow(float x)
{
    uint32_t bits = 0;
    memcpy(&bits, &x, sizeof bits);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static float widen(uint16_t x)
{
    uint32_t bits = (uint32_t)x << 16;
    float value = 0;
    memcpy(&value, &bits, sizeof value);
    return value;
}

float held_rounded(float x)
{
    return widen(narrow(x));
}

/* ------------------------------------------------------------------------------------- packs */

/* A pack: for each row the weight it was made of, then the matrix, then its transpose. */
typedef struct origin {
    const float *row;
    bool gradient;
} origin;

typedef struct view {
    origin *of;
    uint16_t *forward, *turned;
} view;

static view view_of(const void *packed, size_t rows, size_t cols)
{
    view v = {.of = (origin *)packed};
    v.forward = (uint16_t *)(v.of + rows);
    v.turned = v.forward + rows * cols;
    return v;
}

static size_t packed_bytes(size_t rows, size_t cols, bool gradient)
{
    return rows * sizeof(origin) + (gradient ? 2 : 1) * rows * cols * sizeof(uint16_t);
}

static void pack(const float *weight, size_t rows, size_t cols, bool gradient, size_t first,
                 size_t count, void *packed)
{
    view v = view_of(packed, rows, cols);
    if (first % WANE_PACK_ROWS || (count % WANE_PACK_ROWS && first + count < rows)) stale++;
    for (size_t r = first; r < first + count; r++) {
        v.of[r] = (origin){weight + r * cols, gradient};
        for (size_t c = 0; c < cols; c++) {
            v.forward[r * cols + c] = narrow(weight[r * cols + c]);
            if (gradient) v.turned[c * rows + r] = v.forward[r * cols + c];
        }
    }
    packed_rows += count;
}

/* Holds the packs against the weights as they are. */
static void compare(const wane_packed *w, bool gradient)
{
    view v = view_of(w->packed, w->whole, w->cols);
    if (w->first % WANE_PACK_ROWS || w->first + w->rows > w->whole) stale++;
    for (size_t r = 0; r < w->rows; r++) {
        const float *row = w->weight + r * w->cols;
        const origin *of = &v.of[w->first + r];
        bool holds = of->row == row && (of->gradient || !gradient);
        for (size_t c = 0; c < w->cols && holds; c++)
            holds = v.forward[(w->first + r) * w->cols + c] == narrow(row[c]);
        stale += !holds;
    }
}

/* ---------------------------------------------------------------------------------- products */

static size_t scratch_bytes(size_t rows, size_t widest)
{
    return rows * widest * sizeof(uint16_t);
}

/* y[i] += the product of `count` inputs with row i of a matrix of that stride, inputs rounded in
 * scratch, as many at once as it holds. */
static void row_product(const wane_workers *by, const float *x, size_t count,
                        const uint16_t *matrix, size_t stride, float *y, size_t outputs)
{
    uint16_t *room = (uint16_t *)(void *)by->scratch;
    size_t most = by->bytes / sizeof *room;
    for (size_t first = 0; first < count; first += most) {
        size_t some = count - first < most ? count - first : most;
        for (size_t i = 0; i < some; i++) room[i] = narrow(x[first + i]);
        for (size_t o = 0; o < outputs; o++)
            for (size_t i = 0; i < some; i++)
                y[o] += widen(room[i]) * widen(matrix[o * stride + first + i]);
    }
    memset(by->scratch, 0xff, by->bytes); /* nobody else's, and of no use afterwards */
}

static void check_workers(const wane_workers *by)
{
    if ((uintptr_t)by->scratch % 64 || by->stride % 64 || by->bytes < sizeof(uint16_t)) stale++;
    if (by->tile && by->pool) stale++;
}

static void forward(const wane_workers *by, const wane_packed *w, size_t count, size_t rows,
                    const float *x, float *y, size_t ldy, bool accumulate)
{
    check_workers(by);
    for (size_t i = 0; i < count; y += w[i++].rows) {
        compare(&w[i], false);
        view v = view_of(w[i].packed, w[i].whole, w[i].cols);
        forward_adds += rows * w[i].rows * w[i].cols;
        for (size_t t = 0; t < rows; t++) {
            if (!accumulate) memset(y + t * ldy, 0, w[i].rows * sizeof *y);
            row_product(by, x + t * w[i].cols, w[i].cols, v.forward + w[i].first * w[i].cols,
                        w[i].cols, y + t * ldy, w[i].rows);
        }
    }
}

static void input_gradient(const wane_workers *by, const wane_packed *w, size_t count, size_t rows,
                           const float *dy, size_t lddy, float *dx, bool accumulate)
{
    check_workers(by);
    for (size_t t = 0; t < rows && !accumulate; t++)
        memset(dx + t * w->cols, 0, w->cols * sizeof *dx);
    for (size_t i = 0; i < count; dy += w[i++].rows) {
        compare(&w[i], true);
        view v = view_of(w[i].packed, w[i].whole, w[i].cols);
        input_adds += rows * w[i].rows * w[i].cols;
        for (size_t t = 0; t < rows; t++)
            row_product(by, dy + t * lddy, w[i].rows, v.turned + w[i].first, w[i].whole,
                        dx + t * w[i].cols, w[i].cols);
    }
}

static void weight_gradient(const wane_workers *by, size_t outputs, size_t inputs, size_t rows,
                            const float *dy, size_t lddy, const float *x, float *dw)
{
    check_workers(by);
    weight_adds += rows * outputs * inputs;
    for (size_t t = 0; t < rows; t++)
        for (size_t o = 0; o < outputs; o++) {
            float twice = 2 * held_rounded(dy[t * lddy + o]);
            for (size_t i = 0; i < inputs; i++)
                dw[o * inputs + i] += twice * held_rounded(x[t * inputs + i]);
        }
}

const wane_backend held = {
    .name = "held",
    .precision = "bf16",
    .in_key = true,
    .there = there,
    .kernels = wane_kernels_best,
    .allocate = allocate,
    .release = release,
    .packed_bytes = packed_bytes,
    .pack = pack,
    .scratch_bytes = scratch_bytes,
    .forward = forward,
    .input_gradient = input_gradient,
    .weight_gradient = weight_gradient,
};
