/* SPDX-License-Identifier: Apache-2.0
 * Bounds on the atoms and windows of a spectral measure from its bidiagonal numbers. The theorems
 * are in moments.h. For this room alone.
 */
#ifndef ANALYSIS_SPECTRA_MOMENT_BOUND_H
#define ANALYSIS_SPECTRA_MOMENT_BOUND_H

#include "analysis/spectra/moments.h"

/* A measure of squares of singular values: `atoms` that are known, and what the bidiagonalisation
 * has found of the rest. */
typedef struct wane_bidiagonal {
    size_t steps; /* alpha[0 .. steps - 1], beta[0 .. steps - 1]; 0: nothing is known of the rest */
    bool closed;  /* the last beta or alpha is nothing: the nodes are the atoms, low is high */
    const double *alpha, *beta;
    double rest; /* mass of what alpha and beta are of; they are of the unit vector */
    size_t atoms;
    const double *sigma, *mass; /* of the atoms */
} wane_bidiagonal;

/* Windows in sigma: what counts as one direction, and a cluster. */
typedef enum wane_window { WANE_WINDOW_SINGLE, WANE_WINDOW_CLUSTER, WANE_WINDOWS } wane_window;

/* A Jacobi matrix: its diagonal, and off[k] between k and k + 1. */
typedef struct wane_jacobi {
    size_t size;
    double diagonal[WANE_MOMENT_STEPS], off[WANE_MOMENT_STEPS],
        per[WANE_MOMENT_STEPS]; /* 1 / off */
} wane_jacobi;

/* The Gauss rule of a measure, with all that bounds need. */
typedef struct wane_moment_rule {
    wane_bidiagonal b;
    wane_jacobi mu, nu;
    double ratio; /* c of nu */
    double floor, blur, largest;
    /* Nodes in sigma, falling; square roots of their weights in the unit measure, residuals. */
    double node[WANE_MOMENT_STEPS], root[WANE_MOMENT_STEPS], residual[WANE_MOMENT_STEPS];
} wane_moment_rule;

/* WANE_ENUMERIC where the numbers are not finite. `b` is borrowed by the rule. */
WANE_MUST_CHECK wane_status wane_moment_rule_make(wane_moment_rule *out, const wane_bidiagonal *b,
                                                  const wane_moment_options *options,
                                                  wane_error *err);

/* At most what every window of a kind holds the most of: the square root of that mass. */
double wane_moment_below(const wane_moment_rule *rule, wane_window window);

/* At least the square root of the mass of any window, and at most 1 + WANE_MOMENT_EXCESS times the
 * greatest of the bounds of single windows (or of `below`, what wane_moment_below says). 1 as soon
 * as it cannot come to be less than `limit` (2: it is worked out whatever it is). */
#define WANE_MOMENT_EXCESS 5e-5
double wane_moment_above(const wane_moment_rule *rule, wane_window window, double below,
                         double limit);

/* All four. */
WANE_MUST_CHECK wane_status wane_moment_bound(wane_cosine_bounds *out, const wane_bidiagonal *b,
                                              const wane_moment_options *options, wane_error *err);

/* A vector at work. */
typedef struct wane_moment_state {
    double slack;              /* wane_moment_side */
    wane_cosine_bounds proved; /* of the direction given */
    wane_cosine_bounds *out;   /* of the one that is meant */
} wane_moment_state;

/* Takes what a rule proves. Bounds from below are cheap; those from above are sought where they can
 * end it, and without a limit where it is the `last`. What was proved after fewer steps stays. */
void wane_moment_take(wane_moment_state *state, const wane_moment_rule *rule,
                      const wane_moment_options *options, bool last);
/* Whether everything that was asked for is decided. */
bool wane_moment_enough(const wane_moment_state *state, const wane_moment_options *options);

#endif
