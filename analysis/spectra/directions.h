/* SPDX-License-Identifier: Apache-2.0
 * From coordinates of tuned directions on the base directions to what is recorded of them.
 */
#ifndef ANALYSIS_SPECTRA_DIRECTIONS_H
#define ANALYSIS_SPECTRA_DIRECTIONS_H

#include "analysis/spectra/spectrum.h"

/* out[j] for j < count from column j of `cosines` (its first base_count entries, columns ld apart)
 * and sigma[j]. */
void wane_directions_fill(wane_direction *out, size_t count, const double *sigma,
                          const double *cosines, size_t base_count, size_t ld);

#endif
