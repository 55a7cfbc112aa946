/* SPDX-License-Identifier: Apache-2.0
 * A growing pair of orthonormal bases (U, V) with A V = U T: the projection from which both methods
 * for a few leading singular triplets read them off (Rayleigh-Ritz). Column-major, double. For this
 * room alone.
 */
#ifndef ANALYSIS_SPECTRA_SUBSPACE_H
#define ANALYSIS_SPECTRA_SUBSPACE_H

#include <stdbool.h>
#include <stddef.h>

#include "store/base/status.h"
#include "store/base/threads.h"

/* A matrix known by its products: y (rows x count) = A x, x (cols x count) = A^T y. */
typedef struct wane_operator {
    size_t rows, cols;
    void (*apply)(const void *context, double *y, const double *x, size_t count);
    void (*apply_transpose)(const void *context, double *x, const double *y, size_t count);
    /* y = A x and z = A^T y in one reading of A; NULL where that is no gain. */
    void (*apply_both)(const void *context, double *y, double *z, const double *x, size_t count);
    const void *context;
    wane_pool *pool;
} wane_operator;

typedef struct wane_subspace {
    const wane_operator *a;
    size_t capacity, right, left; /* right columns in v, left <= right columns in u */
    double *v, *u;                /* cols x capacity, rows x capacity */
    double *t;                    /* left x right, leading dimension capacity */
    double scale;                 /* the largest |A v| of a unit vector met so far */
    /* Ritz triplets of the last wane_subspace_ritz: u = U x, v = V y. */
    size_t triplets;
    double *theta;
    double *x, *yt; /* left x triplets; triplets x right, both without gaps */
    double *image;  /* rows x widest */
    double *small, *spare;
    size_t widest;
} wane_subspace;

/* Makes the `count` columns of n numbers in `block` orthonormal, and orthogonal to the `have`
 * orthonormal columns of `basis`; returns how many are left: those of which at most `absolute`, or
 * `relative` of their length, would be left over go. What a column had of the basis and of the kept
 * ones before it goes into its column of `coefficients` (may be NULL), ld apart. `room` holds
 * (max(have, 1) + 1) x count. */
size_t wane_columns_orthonormalise(wane_pool *pool, double *block, size_t n, size_t count,
                                   const double *basis, size_t have, double absolute,
                                   double relative, double *coefficients, size_t ld, double *room);

/* Room for `capacity` directions, taken in blocks of at most `widest`. Freed by
 * wane_subspace_free ({0} allowed). */
WANE_MUST_CHECK wane_status wane_subspace_open(wane_subspace *out, const wane_operator *a,
                                               size_t capacity, size_t widest, wane_error *err);
void wane_subspace_free(wane_subspace *space);

/* The same against V, for directions to be added next. */
size_t wane_subspace_prepare(wane_subspace *space, double *block, size_t count,
                             double *coefficients, size_t ld);

/* Adds `count` prepared directions (cols x count) to V and what A makes of them, put into
 * space->image before and consumed, to U; returns how many columns U grew by. */
size_t wane_subspace_add(wane_subspace *space, const double *block, size_t count);

/* The singular triplets of T, all of them. */
WANE_MUST_CHECK wane_status wane_subspace_ritz(wane_subspace *space, wane_error *err);

/* v = the `count` leading right Ritz vectors (cols x count), u = the left ones; either NULL. */
void wane_subspace_vectors(const wane_subspace *space, size_t count, double *u, double *v);

/* Keeps the first `count` Ritz triplets as the whole subspace. */
void wane_subspace_restart(wane_subspace *space, size_t count);

/* norms[i] = |A^T u_i - theta_i v_i| of given Ritz vectors; `room` holds cols x count. */
void wane_subspace_residuals(const wane_subspace *space, size_t count, const double *u,
                             const double *v, double *room, double *norms);

#endif
