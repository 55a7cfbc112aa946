/* SPDX-License-Identifier: Apache-2.0
 * How far two changes of one weight point apart: principal angles between their leading singular
 * subspaces (Björck and Golub 1973).
 */
#ifndef ANALYSIS_SPECTRA_ANGLES_H
#define ANALYSIS_SPECTRA_ANGLES_H

#include "analysis/spectra/spectrum.h"

enum { WANE_ANGLE_DIRECTIONS = 8 };

/* The first min(rank, 8) singular directions of a change, u rows x count and v cols x count,
 * column-major. Free with wane_change_free ({0} allowed). */
typedef struct wane_change {
    size_t rows, cols, count;
    double *u, *v;
} wane_change;

/* Of a chain of low-rank terms; count 0 when they change nothing. */
WANE_MUST_CHECK wane_status wane_change_of_terms(wane_change *out, size_t rows, size_t cols,
                                                 const wane_lowrank_term *terms, size_t count,
                                                 wane_pool *pool, wane_error *err);
/* Of after - before, whole weights of one shape, finite; those whose singular value is rounding of
 * fp32 weights (below max(rows, cols) eps_fp32 sigma_1 of the change) do not count. */
WANE_MUST_CHECK wane_status wane_change_of_weights(wane_change *out, wane_matrix after,
                                                   wane_matrix before, wane_pool *pool,
                                                   wane_error *err);
void wane_change_free(wane_change *change);

/* *u, *v = the largest principal angle, in radians, between the first min(a->count, b->count) left
 * and right directions: acos of the smallest singular value of U_a^T U_b. NaN when that is 0. */
WANE_MUST_CHECK wane_status wane_change_angles(double *u, double *v, const wane_change *a,
                                               const wane_change *b, wane_error *err);

#endif
