/* SPDX-License-Identifier: Apache-2.0
 * Random updates beside a real one: how many intruders a change of the same size has that knows
 * nothing of the task. A count says something only where it lies outside what these give.
 *
 * rotated (the primary null): W_0 + U S V^T, S the singular values of the change W - W_0 that stand
 * above the floor of W (spectrum.h), U and V independent and Haar distributed (as the QR of a
 * Gaussian matrix with the signs of R's diagonal made positive; Mezzadri 2007, math-ph/0609050).
 * gaussian: W_0 + c G H^T, G rows x rank and H cols x rank standard normal, c such that its
 * Frobenius norm is that of the change; a change of full rank: c G, G rows x cols. Its spectrum is
 * not that of the change.
 *
 * Both laws are invariant under rotations on either side, so a draw is made in the singular basis
 * of W_0 and needs its singular values alone: of a base that is not whole,
 * wane_base_svd_find_values finds them first, and the draws are those against its whole SVD, exact
 * where the count beside them is bounded and may leave more unresolved. A rotated update of a rank
 * beyond an eighth of the smaller side is then known by its products alone (haar.h): other draws of
 * the same law. Counted as wane_direction_judge does (k = 10, epsilon = .5), against the same
 * clusters, with the floor of the drawn weight. max_cosine of a draw is within 1e-9 of that by the
 * SVD of the whole drawn weight.
 */
#ifndef ANALYSIS_SPECTRA_NULL_H
#define ANALYSIS_SPECTRA_NULL_H

#include <stdint.h>

#include "analysis/spectra/spectrum.h"

typedef enum wane_null { WANE_NULL_ROTATED, WANE_NULL_GAUSSIAN, WANE_NULLS } wane_null;
extern const char *const wane_null_names[WANE_NULLS]; /* "rotated", "gaussian" */

enum {
    WANE_NULL_DRAWS = 99, /* p is a multiple of .01, 2.5 and 97.5% lie between two draws */
    WANE_NULL_BINS = 20,  /* epsilon = .05, .1, ... 1 */
    WANE_NULL_TOP = 10    /* directions per side that are judged, if nothing else is asked */
};
#define WANE_NULL_EPSILON 0.5

/* What a null knows of the change of one matrix. */
typedef struct wane_null_change {
    const wane_base_svd *base; /* borrowed */
    size_t rank;               /* of the change: how many sigma; 0: nothing is drawn or counted */
    double *sigma;             /* descending; owned, wane_null_change_free */
    double frobenius;          /* root of the sum of their squares */
    double rounding, base_rounding; /* as wane_spectrum_options has them */
    size_t *clusters; /* of the base: where the one that begins with each direction ends; owned */
    size_t top;       /* directions judged, and at which epsilon: 10 and .5; others may be set */
    double epsilon;
} wane_null_change;

/* Of a chain of low-rank terms, or of a weight given whole: the singular values of the change that
 * stand above the floor of W. Of `options` the two roundings count. Errors as
 * wane_spectrum_lowrank and wane_spectrum_full; WANE_EINVAL for a base whose singular values are
 * not known. */
WANE_MUST_CHECK wane_status wane_null_change_lowrank(wane_null_change *out,
                                                     const wane_base_svd *base,
                                                     const wane_lowrank_term *terms, size_t count,
                                                     const wane_spectrum_options *options,
                                                     wane_pool *pool, wane_error *err);
WANE_MUST_CHECK wane_status wane_null_change_full(wane_null_change *out, const wane_base_svd *base,
                                                  wane_matrix tuned,
                                                  const wane_spectrum_options *options,
                                                  wane_pool *pool, wane_error *err);
void wane_null_change_free(wane_null_change *change); /* {0} allowed */

/* Of one draw, one side, over the matrices asked for. */
typedef struct wane_null_tally {
    size_t intruders, unresolved, existing; /* among the first `top` directions, at `epsilon` */
    size_t below[WANE_NULL_BINS];           /* intruders at epsilon = (i + 1) / 20 */
} wane_null_tally;

/* tally[side][draw]: sums over the `count` matrices. Draw d of matrix i is a function of its change
 * and (seed, kind, d, i) alone: the same counts for any number of threads. */
WANE_MUST_CHECK wane_status wane_null_draw(wane_null_tally tally[2][WANE_NULL_DRAWS],
                                           wane_null kind, const wane_null_change *changes,
                                           size_t count, uint64_t seed, wane_pool *pool,
                                           wane_error *err);
/* Of matrix i alone, for who cannot hold all changes at once or shows each. */
WANE_MUST_CHECK wane_status wane_null_draw_matrix(wane_null_tally tally[2][WANE_NULL_DRAWS],
                                                  wane_null kind, const wane_null_change *change,
                                                  size_t i, uint64_t seed, wane_pool *pool,
                                                  wane_error *err);
void wane_null_add(wane_null_tally sum[2][WANE_NULL_DRAWS],
                   const wane_null_tally more[2][WANE_NULL_DRAWS]);

/* What 99 counts say of an observed one. Quantiles at (n + 1) p of the sorted counts (Hyndman and
 * Fan 1996, type 6): the 2.5% lies midway between the second and third. p_low = (1 + #{draw <=
 * observed}) / 100, p_high = (1 + #{draw >= observed}) / 100, each one-sided. */
typedef struct wane_null_summary {
    double mean, low, high;
    double p_low, p_high;
    bool uninformative; /* high is 0: nothing random shows at this norm either */
} wane_null_summary;
wane_null_summary wane_null_summarise(const wane_null_tally tally[WANE_NULL_DRAWS],
                                      size_t observed);

/* The smallest t in (0, 1.25] at which W_0 + t (W - W_0), side u, k = 10, has an intruder at
 * epsilon = .5: of t = .05, .1, ... the first that has one, halved back to 1/1280 of its place. One
 * that comes and goes between two of these, where two singular values pass each other, is not met.
 * NaN where none has. Only for low-rank changes. Against a base that is not whole, what is certain
 * to be one: at that place or later. */
WANE_MUST_CHECK wane_status wane_null_onset(double *out, const wane_base_svd *base,
                                            const wane_lowrank_term *terms, size_t count,
                                            const wane_spectrum_options *options, wane_pool *pool,
                                            wane_error *err);

#endif
