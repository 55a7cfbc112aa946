/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/numeric/spectra/grid.h"

#include <stdlib.h>

#include "tests/support/support.h"

void grid_fill(float *out, size_t rows, size_t cols, uint64_t seed, unsigned levels, double scale)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < cols; j++) {
            uint32_t h = (uint32_t)((uint64_t)i * 2654435761u ^ (uint64_t)j * 2246822519u ^
                                    seed * 3266489917u);
            h = (h ^ (h >> 15)) * 2246822519u;
            h = (h ^ (h >> 13)) * 3266489917u;
            h ^= h >> 16;
            out[i * cols + j] =
                (float)(scale * ((double)((h >> 8) % (2 * levels)) - (double)levels));
        }
}

static float *floats(size_t count)
{
    float *out = calloc(count, sizeof *out);
    assert_non_null(out);
    return out;
}

/* out += B A, exact on the grid in whatever order. */
static void add_product(float *out, const float *b, const float *a, size_t rows, size_t cols,
                        size_t rank)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t k = 0; k < rank; k++)
            for (size_t j = 0; j < cols; j++)
                out[i * cols + j] += b[i * rank + k] * a[k * cols + j];
}

void grid_weights(grid_case *c)
{
    size_t m = c->rows, n = c->cols, r = c->base_rank;
    c->base = floats(m * n);
    c->tuned = floats(m * n);
    c->b = floats(m * c->rank);
    c->a = floats(c->rank * n);
    if (r > 0) {
        float *left = floats(m * r), *right = floats(r * n);
        grid_fill(left, m, r, 100 * c->seed + 1, 16, 1.0 / 16);
        grid_fill(right, r, n, 100 * c->seed + 2, 16, 1.0 / 16);
        add_product(c->base, left, right, m, n, r);
        free(left);
        free(right);
    } else {
        grid_fill(c->base, m, n, 100 * c->seed, 512, 1.0 / 256);
    }
    grid_fill(c->b, m, c->rank, 100 * c->seed + 3, 16, 1.0 / 16);
    grid_fill(c->a, c->rank, n, 100 * c->seed + 4, 16, 1.0 / 16);
}

void grid_finish(grid_case *c)
{
    wane_error err;
    for (size_t i = 0; i < c->rows * c->cols; i++) c->tuned[i] = c->base[i];
    add_product(c->tuned, c->b, c->a, c->rows, c->cols, c->rank);
    CHECK_OK(
        wane_base_svd_compute(&c->svd, (wane_matrix){c->base, c->rows, c->cols, c->cols}, &err));
}

void grid_free(grid_case *c)
{
    free(c->base);
    free(c->tuned);
    free(c->b);
    free(c->a);
    wane_base_svd_free(c->svd);
    *c = (grid_case){0};
}

wane_lowrank_term grid_term(const grid_case *c)
{
    return (wane_lowrank_term){c->b, c->a, c->rank, 1};
}

wane_matrix grid_tuned(const grid_case *c)
{
    return (wane_matrix){c->tuned, c->rows, c->cols, c->cols};
}
