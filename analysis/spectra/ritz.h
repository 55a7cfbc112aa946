/* SPDX-License-Identifier: Apache-2.0
 * A growing orthonormal basis V with C V known, C = A^T A of a large weight: leading eigenvalues
 * and vectors of C by Rayleigh-Ritz. Column-major, double. For this room alone.
 */
#ifndef ANALYSIS_SPECTRA_RITZ_H
#define ANALYSIS_SPECTRA_RITZ_H

#include "analysis/spectra/gram.h"

typedef struct wane_ritz {
    const wane_gram *gram;
    size_t capacity, have; /* columns of v */
    double *v, *image;     /* inner x capacity: V and C V */
    double *t;             /* V^T C V, capacity apart */
    size_t pairs;          /* of the last wane_ritz_solve */
    double *lambda, *q;    /* Ritz values, descending; have x pairs: Ritz vectors are V q */
    double *rest;          /* inner x pairs: C v - lambda v of each, until columns are added */
    double *residual;      /* their lengths */
    double *y;             /* outer x widest: A times the last added columns, if in double */
    double *block;         /* inner x widest: columns to be added */
    double *small;
} wane_ritz;

WANE_MUST_CHECK wane_status wane_ritz_open(wane_ritz *out, const wane_gram *gram, size_t capacity,
                                           wane_error *err);
void wane_ritz_free(wane_ritz *ritz); /* {0} allowed */

/* Makes the first `count` columns of ritz->block orthonormal and orthogonal to V, and adds those
 * that are left; returns how many. Products in fp32, or in double. */
size_t wane_ritz_add(wane_ritz *ritz, size_t count, bool in_double);

/* The leading `pairs` <= have Ritz pairs, and their residuals. */
WANE_MUST_CHECK wane_status wane_ritz_solve(wane_ritz *ritz, size_t pairs, wane_error *err);

/* V = the Ritz vectors last solved for. */
void wane_ritz_compress(wane_ritz *ritz);

#endif
