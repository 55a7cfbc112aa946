/* SPDX-License-Identifier: Apache-2.0
 * Ranks with ties. For this room alone.
 *
 * A value's code is its place among the distinct values, 0 the smallest. Codes are computed once;
 * the mid-ranks of any selection of the points then follow by counting, without sorting again.
 */
#ifndef ANALYSIS_STATISTICS_RANKS_H
#define ANALYSIS_STATISTICS_RANKS_H

#include <stddef.h>
#include <stdint.h>

#include "store/base/status.h"

/* codes[i] < *distinct for the n values, none of them NaN; equal values (0 and -0 too) have equal
 * codes. n < 2^32. */
WANE_MUST_CHECK wane_status wane_rank_codes(uint32_t *codes, size_t *distinct, const double *values,
                                            size_t n, wane_error *err);

/* ranks[i] = mid-rank (from 1; ties share the mean of their places) of codes[i] among the n.
 * `counts` is scratch of `distinct` elements. */
void wane_ranks_of_codes(double *ranks, const uint32_t *codes, size_t n, size_t *counts,
                         size_t distinct);

/* order = the indices 0..n-1 by rising code, equal codes in rising index; `counts` has
 * `distinct` + 1 elements of scratch. */
void wane_order_of_codes(uint32_t *order, const uint32_t *codes, size_t n, size_t *counts,
                         size_t distinct);

/* The mid-ranks of n values at once. */
WANE_MUST_CHECK wane_status wane_midranks(double *ranks, const double *values, size_t n,
                                          wane_error *err);

#endif
