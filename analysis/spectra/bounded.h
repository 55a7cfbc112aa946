/* SPDX-License-Identifier: Apache-2.0
 * The spectrum of a tuned weight against its base without the SVD of either: the leading triplets
 * of both by Lanczos (leading.h), and bounds on the cosines of the tuned ones (moments.h).
 *
 * For weights whose dense SVD takes seconds and more. Everything else that spectrum.h gives of a
 * change comes as it does there, but what needs all singular values of a change given whole.
 */
#ifndef ANALYSIS_SPECTRA_BOUNDED_H
#define ANALYSIS_SPECTRA_BOUNDED_H

#include "analysis/spectra/moments.h"

/* What is asked. */
typedef struct wane_bounded_question {
    wane_matrix base;
    /* The change: `count` terms, or the tuned weight given whole (data not NULL, count 0). */
    const wane_lowrank_term *terms;
    size_t count;
    wane_matrix tuned;
    size_t top;                     /* directions per side, at least 1 */
    bool u, v;                      /* which sides */
    double epsilon;                 /* steps go on until it is decided; in (0, 1] */
    size_t steps;                   /* at most; 1..WANE_MOMENT_STEPS */
    double rounding, base_rounding; /* as of wane_spectrum_options */
} wane_bounded_question;

typedef struct wane_bounded_spectrum {
    size_t count;                /* directions per side: min(top, min(rows, cols)) */
    double *sigma;               /* count; those up to `floor` do not exist */
    wane_cosine_bounds *side[2]; /* count each; NULL where not asked for */
    bool exact; /* Lanczos could not vouch for its triplets (equal singular values, a low rank): the
                   dense SVD has answered, low = high, steps 0 */
    wane_spectrum norms; /* floor, changed, the norms and rho as spectrum.h defines them;
                            delta_spectral, effective_rank, stable_rank and top_share are NaN for a
                            tuned weight given whole; no directions */
    void *memory;
} wane_bounded_spectrum;

/* WANE_EINVAL for shapes that do not fit, WANE_ENUMERIC for values that are not finite. Needs two
 * copies of the weight in double (three, where it is wider than tall). The same bits for any number
 * of threads. Free with wane_bounded_spectrum_free ({0} allowed). */
WANE_MUST_CHECK wane_status wane_bounded_spectrum_find(wane_bounded_spectrum *out,
                                                       const wane_bounded_question *question,
                                                       wane_pool *pool, wane_error *err);
void wane_bounded_spectrum_free(wane_bounded_spectrum *spectrum);

#endif
