/* SPDX-License-Identifier: Apache-2.0
 * The coefficients on ranks and codes that are there already: what permutations and resamples call
 * many times. For this room alone.
 */
#ifndef ANALYSIS_STATISTICS_COEFFICIENTS_H
#define ANALYSIS_STATISTICS_COEFFICIENTS_H

#include <stddef.h>
#include <stdint.h>

/* Sum over pairs i < j of sign(x_i - x_j) sign(y_i - y_j), in O(n log distinct_y): `order` lists
 * the points by rising x code; `tree` is scratch of distinct_y + 1 elements. */
int64_t wane_kendall_sum(const uint32_t *order, const uint32_t *x_codes, const uint32_t *y_codes,
                         size_t n, uint32_t *tree, size_t distinct_y);

/* How many pairs i < j have different codes; `counts` is scratch of `distinct` elements. */
int64_t wane_untied_pairs(const uint32_t *codes, size_t n, size_t *counts, size_t distinct);

/* tau-b from the three; NaN when a side is constant. */
double wane_tau_b(int64_t sum, int64_t untied_x, int64_t untied_y);

#endif
