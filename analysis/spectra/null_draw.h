/* SPDX-License-Identifier: Apache-2.0
 * One random update, in parts: what is drawn, and what is counted of it. For this room alone.
 */
#ifndef ANALYSIS_SPECTRA_NULL_DRAW_H
#define ANALYSIS_SPECTRA_NULL_DRAW_H

#include "analysis/spectra/core.h"
#include "analysis/spectra/haar.h"
#include "analysis/spectra/null.h"

/* From here on Lanczos in core space is faster than the Gram matrix, where ranks are small. */
enum { WANE_NULL_LANCZOS = 400 };

/* Which draw. */
typedef struct wane_null_place {
    uint64_t seed;
    wane_null kind;
    size_t draw, matrix;
} wane_null_place;

/* A weight W_0 + P Q^T, in coordinates on the base's singular vectors completed to the whole space:
 * p is rows x k, q cols x k, column-major. q NULL: the change is P itself, rows x cols. p NULL too:
 * it is U S V^T, S the k values of the change, U and V frame[0] and frame[1]. */
typedef struct wane_null_update {
    size_t k;
    double *p, *q;
    wane_haar *frame;
    const double
        *squares; /* P^T P = Q^T Q = diag of these; the change's; NULL where they are not */
} wane_null_update;

/* What is drawn at `place` of a change with rank >= 1. Free with wane_null_update_free. */
WANE_MUST_CHECK wane_status wane_null_update_draw(wane_null_update *out,
                                                  const wane_null_change *change,
                                                  const wane_null_place *place, wane_error *err);
void wane_null_update_free(wane_null_update *update); /* {0} allowed */

/* The first `top` triplets, in coordinates, of an update of frames (null_frames.c), which are drawn
 * as far as it takes. */
WANE_MUST_CHECK wane_status wane_null_frames_triplets(wane_leading *out,
                                                      const wane_null_change *change,
                                                      const wane_null_update *update, size_t top,
                                                      wane_error *err);

/* What is counted of it, per side. */
WANE_MUST_CHECK wane_status wane_null_update_judge(wane_null_tally tally[2],
                                                   const wane_null_change *change,
                                                   const wane_null_update *update, wane_error *err);
/* Of a weight in core space, opened for wane_core_widest(change->top). */
WANE_MUST_CHECK wane_status wane_null_core_judge(wane_null_tally tally[2],
                                                 const wane_null_change *change,
                                                 const wane_core *core, wane_error *err);

#endif
