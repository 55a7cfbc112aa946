/* SPDX-License-Identifier: Apache-2.0
 * A matrix of Haar's law of which no more is drawn than is asked for. For this room alone.
 *
 * What an orthogonal Q does to the vectors asked about so far (Q from = to, both orthonormal) is
 * kept; given that, whichever way they were chosen, Q takes what is orthogonal to `from` to what is
 * orthogonal to `to` by Haar's law again (its invariance under rotations of either side). So a new
 * vector's image is a uniform unit vector orthogonal to `to`, a Gaussian one projected, and a new
 * vector of the other side comes from one orthogonal to `from`. Of n x n a product then costs O(n
 * known), where QR of a Gaussian matrix costs O(n^3) before the first.
 */
#ifndef ANALYSIS_SPECTRA_HAAR_H
#define ANALYSIS_SPECTRA_HAAR_H

#include <stdbool.h>
#include <stddef.h>

#include "store/base/random.h"

/* Begins with n and `where`, whose step is below WANE_HAAR_STEP; freed by wane_haar_free ({0}
 * allowed). Never more than n vectors are kept. */
typedef struct wane_haar {
    size_t n, known, room;
    double *from, *to; /* n x known */
    wane_random where;
    bool failed; /* there was no memory: products since are 0 */
} wane_haar;
enum { WANE_HAAR_STEP = 256 };
#define WANE_HAAR_NOTHING 1e-13

/* out = Q in, or Q^T in (n x count, column-major; not the same place). What is new of a column and
 * no longer than WANE_HAAR_NOTHING of it is left out. */
void wane_haar_multiply(wane_haar *haar, bool transpose, double *out, const double *in,
                        size_t count);
void wane_haar_free(wane_haar *haar);

#endif
