/* SPDX-License-Identifier: Apache-2.0
 * What a wane_base_svd holds. For this room alone.
 */
#ifndef ANALYSIS_SPECTRA_BASE_SVD_H
#define ANALYSIS_SPECTRA_BASE_SVD_H

#include "analysis/spectra/spectrum.h"
#include "store/files/file.h"

/* All rank = min(rows, cols) triplets are kept, so that U S V^T is W_0 to double precision; the
 * first `count` of them are the base directions that cosines are taken against. Column-major. Of a
 * leading one fewer triplets are kept, of which `count` stand above the floor. */
struct wane_base_svd {
    size_t rows, cols, rank, count;
    double *sigma;     /* rank, descending */
    double *u;         /* rows x rank */
    double *v;         /* cols x rank */
    const float *base; /* W_0, row-major rows x cols without gaps */
    float *owned;      /* what `base` points to; NULL of a leading one: the caller's */
    wane_map map;      /* of its file, which all of these lie in; {0}: in blocks of their own */
    double frobenius;
    double *values; /* of a leading one: all min(rows, cols) of them, of which `above` stand above
                       the floor; NULL as long as they are not known */
    size_t above;
};

/* WANE_EINVAL for a shape that no SVD is computed of. *out (zeroed) gets the shape. */
WANE_MUST_CHECK wane_status wane_base_svd_shape(wane_base_svd **out, size_t rows, size_t cols,
                                                wane_error *err);
/* An empty one with its memory, to be filled. */
WANE_MUST_CHECK wane_status wane_base_svd_room(wane_base_svd **out, size_t rows, size_t cols,
                                               wane_error *err);

/* Sets count and frobenius from sigma and base. */
void wane_base_svd_finish(wane_base_svd *svd);

#endif
