/* SPDX-License-Identifier: Apache-2.0
 * All singular values of a large matrix, without vectors. For this room alone.
 *
 * Roots of the eigenvalues of the smaller Gram matrix, in double. Of a matrix of fp32 numbers that
 * loses nothing that counts: a value is off by about 1e-14 sigma_1^2 / sigma, so that one at the
 * floor (spectrum.h) has ten digits, and below 1e-7 sigma_1 none is told from another. At 4,096 x
 * 4,096 a quarter of what dgesdd takes for values alone.
 */
#ifndef ANALYSIS_SPECTRA_SINGULAR_VALUES_H
#define ANALYSIS_SPECTRA_SINGULAR_VALUES_H

#include "store/base/matrix.h"
#include "store/base/status.h"
#include "store/base/threads.h"

/* The min(rows, cols) values of w, or of w - less where less.data is not NULL, of its shape;
 * descending. Same bits for any number of threads. WANE_ENUMERIC for numbers that are not finite.
 */
WANE_MUST_CHECK wane_status wane_singular_values(double *out, wane_matrix w, wane_matrix less,
                                                 wane_pool *pool, wane_error *err);

#endif
