/* SPDX-License-Identifier: Apache-2.0
 * The term of plain LoRA: y += scale (drop(x) A^T) B^T.
 */
#include <assert.h>

#include "eval/model/term.h"

float *wane_term_behind(float *scratch, size_t used)
{
    return scratch + (used + WANE_LANES - 1) / WANE_LANES * WANE_LANES;
}

void wane_term_drop(const wane_term_rows *rows, size_t row, size_t count_rows, size_t first,
                    size_t count, const float *x, size_t ldx, float *y, size_t ldy, bool add)
{
    assert(rows->mask);
    wane_mask_apply(rows->mask, rows->token ? rows->token + row : NULL, rows->first + row,
                    count_rows, first, count, x, ldx, y, ldy, add);
}

static size_t scratch_floats(size_t tile, size_t rank, size_t widest)
{
    return tile * (widest + rank) + rank * widest + 2 * WANE_LANES;
}

/* scale B^T (rank x outputs). */
static void scaled_transpose(const wane_kernels *k, const wane_factor *f, float *out)
{
    k->transpose(f->rows, f->rank, f->b, f->rank, out, f->rows, f->rows);
    k->scale(f->rows * f->rank, f->scale, out);
}

static void forward(const wane_term_rows *r, const float *x, float *y, size_t ldy)
{
    const wane_kernels *k = r->kernels;
    const wane_factor *f = r->factor;
    float *low = r->scratch, *b_t = wane_term_behind(low, r->rows * f->rank);
    float *dropped = wane_term_behind(b_t, f->rank * f->rows);
    if (r->low) low = r->low;
    if (r->mask) {
        wane_term_drop(r, 0, r->rows, 0, f->cols, x, f->cols, dropped, f->cols, false);
        x = dropped;
    }
    k->dots(r->rows, f->rank, f->cols, x, f->cols, f->a, f->cols, low, f->rank);
    scaled_transpose(k, f, b_t);
    k->product(r->rows, f->rows, f->rank, low, f->rank, 1, b_t, f->rows, y, ldy, true);
}

/* dlow = scale dy B; dx += undrop(dlow A). */
static void backward(const wane_term_rows *r, const float *dy, size_t lddy, float *dx)
{
    const wane_kernels *k = r->kernels;
    const wane_factor *f = r->factor;
    float *b_t = r->scratch, *dlow = wane_term_behind(b_t, f->rank * f->rows);
    float *dropped = wane_term_behind(dlow, r->rows * f->rank);
    if (r->dlow) dlow = r->dlow;
    scaled_transpose(k, f, b_t);
    k->dots(r->rows, f->rank, f->rows, dy, lddy, b_t, f->rows, dlow, f->rank);
    if (!dx) return;
    if (!r->mask) {
        k->product(r->rows, f->cols, f->rank, dlow, f->rank, 1, f->a, f->cols, dx, f->cols, true);
        return;
    }
    k->product(r->rows, f->cols, f->rank, dlow, f->rank, 1, f->a, f->cols, dropped, f->cols, false);
    wane_term_drop(r, 0, r->rows, 0, f->cols, dropped, f->cols, dx, f->cols, true);
}

/* dlow^T drop(x). */
static void gradient_a(const wane_term_rows *r, const float *x, const float *dy, size_t lddy,
                       size_t first, size_t count, float *out)
{
    enum { ROWS = 64 };
    const wane_kernels *k = r->kernels;
    size_t rank = r->factor->rank, cols = r->factor->cols;
    assert(count <= 128);
    (void)dy;
    (void)lddy;
    if (!r->mask) {
        k->product(rank, count, r->rows, r->dlow, 1, rank, x + first, cols, out + first, cols,
                   true);
        return;
    }
    for (size_t row = 0; row < r->rows; row += ROWS) {
        size_t rows = r->rows - row < ROWS ? r->rows - row : ROWS;
        wane_term_drop(r, row, rows, first, count, x + row * cols + first, cols, r->scratch, count,
                       false);
        k->product(rank, count, rows, r->dlow + row * rank, 1, rank, r->scratch, count, out + first,
                   cols, true);
    }
}

/* scale dy^T low: made transposed, so that its strips are vectors, then added. */
static void gradient_b(const wane_term_rows *r, const float *x, const float *dy, size_t lddy,
                       size_t first, size_t count, float *out)
{
    size_t rank = r->factor->rank;
    assert(count <= 128);
    const float *scratch = r->scratch;
    (void)x;
    r->kernels->product(rank, count, r->rows, r->low, 1, rank, dy + first, lddy, r->scratch, count,
                        false);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < rank; j++)
            out[(first + i) * rank + j] += r->factor->scale * scratch[j * count + i];
}

const wane_term wane_low_rank = {
    .scratch = scratch_floats,
    .forward = forward,
    .backward = backward,
    .gradient_a = gradient_a,
    .gradient_b = gradient_b,
};
