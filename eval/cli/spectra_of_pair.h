/* SPDX-License-Identifier: Apache-2.0
 * The spectra of every linear weight of a tuned model against its base, for intruders and diff.
 */
#ifndef EVAL_CLI_SPECTRA_OF_PAIR_H
#define EVAL_CLI_SPECTRA_OF_PAIR_H

#include "analysis/spectra/spectrum.h"
#include "eval/cli/models.h"

typedef struct wane_matrix_spectrum {
    size_t parameter;
    size_t base_count;      /* directions of the base */
    wane_spectrum spectrum; /* effective_rank is NaN when the change is within 10 rounding floors */
} wane_matrix_spectrum;

/* One entry per linear weight, in the table's order; *count of them. From factors where the tuned
 * model is an adapter, else from the whole weights. Free with wane_pair_spectra_free. */
WANE_MUST_CHECK wane_status wane_pair_spectra(wane_matrix_spectrum **out, size_t *count,
                                              const wane_pair *pair,
                                              const wane_spectrum_options *options,
                                              wane_error *err);
void wane_pair_spectra_free(wane_matrix_spectrum *spectra, size_t count);

#endif
