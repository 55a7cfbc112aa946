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
 *   (Stieltjes, Markov). With several, q = sum w_p K(p, .), w_p >= 0, divided by the least it falls
 *   to on J, its square integral sum w_p w_r K(p, r). What nu says of J is multiplied by c / min J.
 *   The smallest over all degrees, both measures and all q holds. K(x, .) has real zeros alone,
 *   between any two of which, and x, lies a node of its degree: with at most one node in J, and
 *   positive at its ends, it is positive and log-concave on J, so that it is least at an end and a
 *   sum of several lies above sums of exponentials. Degrees with more nodes in J are left out.
 *   Below. A node theta of L L^T with weight w and residual r = |beta_n alpha_n times the last
 *   number of its eigenvector|: the part of the Ritz vector outside [theta - d, theta + d] is at
 *   most r / d (Parlett, "The Symmetric Eigenvalue Problem", ch. 11), so that mu of that interval
 *   is at least (sqrt w - r / d)^2, by Cauchy and Schwarz, whatever else lies there.
 *
 * Both are of windows in sigma: of the width of a cluster (spectrum.h: 1e-3 of sigma or 2 floors,
 * those of options.blur), and of 1e-6 of sigma, within which fp32 does not tell two directions
 * apart. The greatest bound of all windows is had by branch and bound: a bound of J holds for every
 * window in J, and J is halved until its bound is within 1e-4 (of a cosine) of that of one window;
 * nothing rests on where it is looked. Only sigma > floor counts.
 *
 * Triplets of W that are known split the measure: their atoms are seen, and the bidiagonalisation
 * is of the rest of the direction in W less these triplets.
 */
#ifndef ANALYSIS_SPECTRA_MOMENTS_H
#define ANALYSIS_SPECTRA_MOMENTS_H

#include "analysis/spectra/spectrum.h"

enum { WANE_MOMENT_STEPS = 128 };

/* Of max_cosine (one direction) and of cluster_overlap, square roots of masses of windows. */
typedef struct wane_cosine_bounds {
    double low, high;
    double cluster_low, cluster_high; /* low <= cluster_low, high <= cluster_high */
    size_t steps;                     /* of the bidiagonalisation */
} wane_cosine_bounds;

/* Triplets of W that are known, borrowed: orthonormal u (rows x count) and v (cols x count),
 * column-major. Their cosines are looked at themselves, and steps are made of what of a direction
 * and of W is outside them: far fewer where they are the leading ones. Those from the first on
 * whose residual (fp32) is more than WANE_MOMENT_KNOWN times `largest` are left alone. */
#define WANE_MOMENT_KNOWN 3e-6
typedef struct wane_moment_known {
    size_t count; /* 0: none */
    const double *sigma, *u, *v;
} wane_moment_known;

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
    wane_moment_known known;
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

/* Bounds of the vectors of both sides, sides[WANE_SIDE_U] and sides[WANE_SIDE_V]. W is read twice a
 * step for all vectors still undecided. Products and bases are fp32, sums over them double, with
 * full reorthogonalisation: the bounds are those of a matrix within some 1e-6 of W (of falling
 * spectra at 512 and 1,024, with and without known triplets, 8 to 64 steps, bounds move by at most
 * 4e-7 against bases and products in double where a Ritz pair has converged and by 2e-5 before;
 * high besides within the 1e-4 of its search). Bits depend on the arguments and the instruction set
 * (strips.h), not on threads. Memory: rows + cols floats a vector and step. WANE_ENUMERIC where W
 * is not finite, WANE_ENOMEM. */
WANE_MUST_CHECK wane_status wane_moment_bounds(const wane_moment_side sides[2], wane_matrix w,
                                               const wane_moment_options *options, wane_pool *pool,
                                               wane_error *err);

/* What the bounds say at an epsilon: true, and which kind; false: not decided. */
bool wane_moment_judge(wane_direction_kind *out, const wane_cosine_bounds *bounds, double epsilon);

#endif
