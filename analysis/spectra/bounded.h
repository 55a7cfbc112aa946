/* SPDX-License-Identifier: Apache-2.0
 * The spectrum of a tuned weight against the leading triplets of its base alone (spectrum.h): the
 * leading triplets of the tuned weight by Lanczos (leading.h), and bounds on their cosines by
 * moments of the base (moments.h). For this room alone.
 *
 * For weights whose dense SVD takes seconds and more. Where Lanczos cannot vouch for the triplets
 * of the tuned weight, *found = false and out is untouched.
 */
#ifndef ANALYSIS_SPECTRA_BOUNDED_H
#define ANALYSIS_SPECTRA_BOUNDED_H

#include "analysis/spectra/spectrum.h"

/* As wane_spectrum_lowrank and wane_spectrum_full, of a base that is not whole. */
WANE_MUST_CHECK wane_status wane_bounded_lowrank(wane_spectrum *out, bool *found,
                                                 const wane_base_svd *base,
                                                 const wane_lowrank_term *terms, size_t count,
                                                 const wane_spectrum_options *options,
                                                 wane_pool *pool, wane_error *err);
WANE_MUST_CHECK wane_status wane_bounded_full(wane_spectrum *out, bool *found,
                                              const wane_base_svd *base, wane_matrix tuned,
                                              const wane_spectrum_options *options, wane_pool *pool,
                                              wane_error *err);

#endif
