/* SPDX-License-Identifier: Apache-2.0
 * What a wane_scaling holds. For this room alone.
 */
#ifndef ANALYSIS_SPECTRA_SCALING_H
#define ANALYSIS_SPECTRA_SCALING_H

#include "analysis/spectra/interventions.h"

/* The intruders in order of sigma, so that those of the top choice are the first of all; the
 * neighbour of each; column-major. */
struct wane_scaling {
    size_t rows, cols, count;
    size_t unresolved;            /* of the first k */
    bool bounded;                 /* the cosines were */
    double delta;                 /* ||dW|| */
    size_t *position, *neighbour; /* from 1; no neighbour: 0 */
    double *sigma, *neighbour_sigma;
    double *u, *v;  /* rows x count, cols x count */
    double *given;  /* dW V, rows x count */
    double *taken;  /* dW^T U, cols x count */
    double *inside; /* U^T dW V, count x count */
    double *neighbour_u, *neighbour_v;
    double *neighbour_inside; /* u^T dW v of each */
};

#endif
