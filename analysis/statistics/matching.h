/* SPDX-License-Identifier: Apache-2.0
 * One-to-one matching of two sets of numbers within a caliper.
 */
#ifndef ANALYSIS_STATISTICS_MATCHING_H
#define ANALYSIS_STATISTICS_MATCHING_H

#include <stddef.h>
#include <stdint.h>

#include "store/base/status.h"

#define WANE_UNMATCHED SIZE_MAX

/* partner[i] = the place in b of what a[i] is matched with, or WANE_UNMATCHED. Pairs are at most
 * `caliper` apart (a difference that reaches it counts as within, to 1e-12 of the numbers' size);
 * of all such matchings it is one with as many pairs as can be, and of these one with the smallest
 * sum of distances: optimal, not greedy (Rosenbaum 1989). On a line optimal pairs need not cross,
 * so it is found by dynamic programming over the sorted numbers, in O(n m). Among equals the same
 * one is always found: equal numbers are taken in the order of their places. NaN is never matched.
 * WANE_EINVAL for a caliper that is not positive and finite; WANE_ENOMEM. */
WANE_MUST_CHECK wane_status wane_match(size_t *partner, const double *a, size_t n, const double *b,
                                       size_t m, double caliper, wane_error *err);

#endif
