/* SPDX-License-Identifier: Apache-2.0
 * How near a unit vector comes to any singular direction of a matrix, between two bounds, without
 * one of those directions: by the moments of its spectral measure.
 *
 * Let x_i, sigma_i be the left singular vectors and values of W (rows x cols) and u a unit vector
 * of `rows` numbers. Its measure mu has an atom <u, x_i>^2 at each t_i = sigma_i^2 (and what is
 * outside the span at 0). Golub-Kahan bidiagonalisation from u (Golub & Kahan 1965) gives, by one
 * product with W^T and one with W a step, lower bidiagonal numbers alpha, beta whose L L^T is the
 * Jacobi matrix of mu, and whose L^T L (of one row more) is that of nu, the measure of v = W^T u,
 * with atoms t_i <u, x_i>^2 / c, c = |v|^2, and none at 0 (Golub & Meurant, "Matrices, Moments and
 * Quadrature", ch. 3, 4). The bounds:
 *
 *   Above. p_k the orthonormal polynomials of a measure, K(s, t) = sum_{k<n} p_k(s) p_k(t). Every
 *   polynomial q of degree < n with q >= 1 on a window J has mu(J) <= integral of q^2 dmu. With one
 *   point, q = K(x, .) / K(x, x): the Christoffel function 1 / K(x, x) bounds the atom at x
 *   (Stieltjes, Markov). With several, the least such integral with q = 1 at given points of J,
 *   divided by the square of the least q on J. What nu says of J is multiplied by c / min J. The
 *   smallest over all degrees, both measures and both kinds holds. K(x, .) has real zeros alone, so
 *   that with at most one node of its degree in J it falls to its least at an end; the q of several
 *   points is looked at in five, and degrees with more nodes in J are left out.
 *   Below. A node theta of L L^T with weight w and residual r = |beta_n alpha_n times the last
 *   number of its eigenvector|: the part of the Ritz vector outside [theta - d, theta + d] is at
 *   most r / d (Parlett, "The Symmetric Eigenvalue Problem", ch. 11), so that mu of that interval
 *   is at least (sqrt w - r / d)^2, by Cauchy and Schwarz, whatever else lies there.
 *
 * Both are of windows in sigma: of the width of a cluster (spectrum.h: 1e-3 of sigma or 2 floors,
 * those of options.blur), and of 1e-6 of sigma, within which fp32 does not tell two directions
 * apart. Windows are looked at about every node and a grid between them, refined where the bound
 * from above is greatest. Only sigma > floor counts.
 */
#ifndef ANALYSIS_SPECTRA_MOMENTS_H
#define ANALYSIS_SPECTRA_MOMENTS_H

#include "analysis/spectra/spectrum.h"

enum { WANE_MOMENT_STEPS = 128 };
/* Added to cluster_high. Of 960 bounds of measures of 200 atoms, against ceilings at 1,500 points
 * between any two nodes, the search missed the greatest by more than 1e-6 in 16, at most 2.2e-5,
 * for clusters; never by more than 2e-7 for one direction. */
#define WANE_MOMENT_MISSED 5e-5

/* Of max_cosine (one direction) and of cluster_overlap, square roots of masses of windows. */
typedef struct wane_cosine_bounds {
    double low, high;
    double cluster_low, cluster_high; /* low <= cluster_low, high <= cluster_high */
    size_t steps;                     /* of the bidiagonalisation */
} wane_cosine_bounds;

/* Steps go on until every epsilon is decided, or until high - low and cluster_high - cluster_low
 * are at most `width`; with neither, for all of them. */
typedef struct wane_moment_options {
    double floor;          /* sigma of W up to it are no directions */
    double blur;           /* a cluster's window is at least 2 of it wide; 0, or less than floor:
                              floor */
    double largest;        /* at least sigma_1(W) */
    const double *epsilon; /* `epsilons` of them, in (0, 1], borrowed */
    size_t epsilons;
    double width; /* 0: never */
    size_t steps; /* at most; 1..WANE_MOMENT_STEPS */
} wane_moment_options;

/* Unit vectors of one side of W: of rows (u) or cols (v) numbers each, one behind the other. */
typedef struct wane_moment_side {
    size_t count; /* 0: none of this side */
    const double *directions;
    /* For each of them the sine of its angle to the vector that is meant, or a bound of it: the
     * bounds then are those of that vector, by the triangle inequality of angles, and steps end
     * where the angle is what keeps them apart. 1 and more: nothing is known of it, no steps.
     * NULL: the directions themselves are meant. */
    const double *slack;
    wane_cosine_bounds *out; /* count */
} wane_moment_side;

/* Bounds of the vectors of both sides, sides[WANE_SIDE_U] and sides[WANE_SIDE_V]. Products are fp32
 * and serve all vectors still undecided at once; the recurrences are double, with full
 * reorthogonalisation: the bounds are those of a matrix within some 1e-6 of W (of falling spectra
 * at 512 and 1,024, 16 and 64 steps, high moves by at most 1e-7 against products in double, low by
 * 1e-8 where its Ritz pair has converged and by 4e-6 before). Bits depend on the arguments alone,
 * not on threads. WANE_ENUMERIC where W is not finite, WANE_ENOMEM. */
WANE_MUST_CHECK wane_status wane_moment_bounds(const wane_moment_side sides[2], wane_matrix w,
                                               const wane_moment_options *options, wane_pool *pool,
                                               wane_error *err);

/* What the bounds say at an epsilon: true, and which kind; false: not decided. */
bool wane_moment_judge(wane_direction_kind *out, const wane_cosine_bounds *bounds, double epsilon);

/* The bounds after `steps` >= 1 steps: alpha[0 .. steps - 1], beta[0 .. steps - 1]; `closed`: the
 * last beta or alpha is nothing, and the measure is known whole: its nodes are its atoms, and low
 * is high. */
typedef struct wane_bidiagonal {
    size_t steps;
    bool closed;
    const double *alpha, *beta;
} wane_bidiagonal;
WANE_MUST_CHECK wane_status wane_moment_bound(wane_cosine_bounds *out, const wane_bidiagonal *b,
                                              const wane_moment_options *options, wane_error *err);

#endif
