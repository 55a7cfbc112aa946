/* SPDX-License-Identifier: Apache-2.0
 * From coordinates of tuned directions on the base directions to what is recorded of them; which of
 * them exist, and which base directions are one cluster, as spectrum.h defines. For this room
 * alone.
 */
#ifndef ANALYSIS_SPECTRA_DIRECTIONS_H
#define ANALYSIS_SPECTRA_DIRECTIONS_H

#include "analysis/spectra/spectrum.h"

/* max( max(rows, cols) eps_fp32 largest, (sqrt rows + sqrt cols) rounding ) */
double wane_direction_floor(size_t rows, size_t cols, double largest, double rounding);

/* end[i] for i < count: the cluster that begins with the base direction i (sigma descending) ends
 * before end[i]. */
void wane_direction_clusters(size_t *end, const double *sigma, size_t count, double floor);

/* One that does not exist: all of its numbers but sigma are NaN. */
wane_direction wane_direction_absent(double sigma);

/* What the base is to the tuned directions. */
typedef struct wane_reference {
    size_t count;      /* base directions */
    const size_t *end; /* of the cluster that begins with each */
    double floor;      /* tuned directions with a sigma up to it do not exist */
} wane_reference;

/* out[j] for j < count from column j of `cosines` (its first reference->count entries, columns ld
 * apart) and sigma[j]. */
void wane_directions_fill(wane_direction *out, size_t count, const double *sigma,
                          const double *cosines, size_t ld, const wane_reference *reference);

#endif
