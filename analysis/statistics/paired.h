/* SPDX-License-Identifier: Apache-2.0
 * Two classifiers on the same examples.
 */
#ifndef ANALYSIS_STATISTICS_PAIRED_H
#define ANALYSIS_STATISTICS_PAIRED_H

#include <stddef.h>

/* The exact McNemar test (two-sided, binomial with p = 1/2 over the discordant pairs): of the
 * examples that exactly one of two classifiers got right, `only_first` and `only_second` were won
 * by each. p = min(1, 2 P(X <= min)), X ~ Bin(only_first + only_second, 1/2); 1 without a
 * discordant pair. To about 1e-13 relative. */
double wane_mcnemar_exact(size_t only_first, size_t only_second);

#endif
