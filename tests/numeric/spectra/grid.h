/* SPDX-License-Identifier: Apache-2.0
 * Weights on a grid, on which W_0 + B A is exact in fp32: the same matrix for every method. The
 * hash is that of tests/reference/make_spectra_fixtures.py.
 */
#ifndef TESTS_NUMERIC_SPECTRA_GRID_H
#define TESTS_NUMERIC_SPECTRA_GRID_H

#include <stddef.h>
#include <stdint.h>

#include "analysis/spectra/spectrum.h"

/* Integers in [-levels, levels), times scale. */
void grid_fill(float *out, size_t rows, size_t cols, uint64_t seed, unsigned levels, double scale);

typedef struct grid_case {
    size_t rows, cols, base_rank, rank, top, seed;
    float *base, *b, *a, *tuned;
    wane_base_svd *svd;
} grid_case;

/* Fills in W_0 (of base_rank, 0 = full), B, A and W = W_0 + B A. */
void grid_weights(grid_case *c);
/* W = W_0 + B A for what the fields hold now, and the SVD of W_0. */
void grid_finish(grid_case *c);
void grid_free(grid_case *c);

wane_lowrank_term grid_term(const grid_case *c);
wane_matrix grid_tuned(const grid_case *c);

#endif
