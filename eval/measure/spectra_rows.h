/* SPDX-License-Identifier: Apache-2.0
 * Spectra of matrices as rows of the database.
 */
#ifndef EVAL_MEASURE_SPECTRA_ROWS_H
#define EVAL_MEASURE_SPECTRA_ROWS_H

#include "analysis/spectra/spectrum.h"
#include "eval/model/model.h"
#include "store/results/results.h"

/* What a spectrum cell holds, in its settings' hash: 3 knows which directions exist and clusters
 * (analysis/spectra/spectrum.h); cells of the one before are measured again where the weights are
 * kept. */
#define WANE_SPECTRUM_DEFINITION "spectrum 3"
#define WANE_SPECTRUM_EARLIER "spectrum 2"

/* Why numbers of a spectrum are NULL that need the whole SVD of the reference. */
#define WANE_BOUNDED "bounded"

/* The rows of one cell: a spectrum per linear matrix and its directions. Free with
 * wane_spectra_rows_free ({0} allowed). */
typedef struct wane_spectra_rows {
    wane_spectrum_row *spectrum;
    wane_direction_row *direction;
    size_t spectra, directions;
} wane_spectra_rows;

/* Room for all linear matrices with `top` directions per side (0 = all). */
WANE_MUST_CHECK wane_status wane_spectra_rows_new(wane_spectra_rows *out,
                                                  const wane_parameters *table, size_t top,
                                                  wane_error *err);
/* The same for `matrices` matrices and `directions` directions in all. */
WANE_MUST_CHECK wane_status wane_spectra_rows_room(wane_spectra_rows *out, size_t matrices,
                                                   size_t directions, wane_error *err);
void wane_spectra_rows_free(wane_spectra_rows *rows);
/* Appends one matrix against its reference. */
void wane_spectra_rows_add(wane_spectra_rows *rows, const wane_spectrum *spectrum,
                           const wane_base_svd *svd, int64_t matrix);
/* Appends a matrix that has no spectrum because a number of it, or of its reference, is not finite;
 * returns its row. */
wane_spectrum_row *wane_spectra_rows_put_missing(wane_spectra_rows *rows, int64_t matrix);
/* The same of a weight with `base_count` reference directions, which a bounded spectrum leaves
 * uncounted; returns its row. */
wane_spectrum_row *wane_spectra_rows_put(wane_spectra_rows *rows, const wane_spectrum *spectrum,
                                         size_t base_count, int64_t matrix);

#endif
