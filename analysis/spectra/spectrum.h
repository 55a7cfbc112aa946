/* SPDX-License-Identifier: Apache-2.0
 * The spectrum of a tuned weight against its base: intruder dimensions and norms of the change.
 *
 * Source: "LoRA vs Full Fine-tuning: An Illusion of Equivalence" (arXiv 2410.21228), Definition 3.1
 * and Algorithm 1; the absolute cosine is meant, as in the authors' code.
 */
#ifndef ANALYSIS_SPECTRA_SPECTRUM_H
#define ANALYSIS_SPECTRA_SPECTRUM_H

#include <stdbool.h>
#include <stddef.h>

#include "store/base/matrix.h"
#include "store/base/status.h"
#include "store/base/threads.h"

/* The thin SVD of a base weight W_0 (rows x cols), computed once and kept: W_0 = U S V^T in double
 * with sigma_1 >= ... >= sigma_min(rows, cols). The base directions are the first `count` of them,
 * those with sigma_i > max(rows, cols) eps_fp32 sigma_1. Opaque; also holds W_0.
 *
 * It is whole, and cosines against it are exact; or only its leading triplets are known, and they
 * are bounded (moments.h). Everything that takes one takes either. */
typedef struct wane_base_svd wane_base_svd;

/* WANE_ENUMERIC when W_0 is not finite or the SVD does not converge. Owned by the caller, free with
 * wane_base_svd_free (NULL allowed). */
WANE_MUST_CHECK wane_status wane_base_svd_compute(wane_base_svd **out, wane_matrix base,
                                                  wane_error *err);
void wane_base_svd_free(wane_base_svd *svd);
/* Base directions; 0 of a leading one whose values are not known. */
size_t wane_base_svd_count(const wane_base_svd *svd);
const double *wane_base_svd_sigma(const wane_base_svd *svd); /* min(rows, cols) values, borrowed;
                                                                NULL where they are not known */

/* Which of the two a matrix gets. AUTO: leading triplets alone where both sides are wider than
 * WANE_EXACT_SIDE and few directions are asked for, of which a whole SVD has too many. */
typedef enum wane_spectrum_way {
    WANE_SPECTRUM_AUTO,
    WANE_SPECTRUM_EXACT,
    WANE_SPECTRUM_BOUNDED
} wane_spectrum_way;
enum { WANE_EXACT_SIDE = 1024 };
/* `top`: directions asked for, 0 = all, which are exact whatever the way. */
bool wane_spectrum_is_bounded(wane_spectrum_way way, size_t rows, size_t cols, size_t top);

/* The first max(10, top) triplets of W_0, whose data must outlive *out and have no gaps between
 * rows. Where Lanczos cannot vouch for them (equal singular values, a low rank), *out is whole.
 * Errors as wane_base_svd_compute. */
WANE_MUST_CHECK wane_status wane_base_svd_leading(wane_base_svd **out, wane_matrix base, size_t top,
                                                  wane_pool *pool, wane_error *err);
bool wane_base_svd_is_whole(const wane_base_svd *svd);

/* The one that such a matrix gets: leading triplets, as many as directions are asked for (most of
 * these lie near one of them and need no step), or the whole SVD, from the cache in `folder` where
 * that is not NULL. Of a leading one the data must outlive *out. */
WANE_MUST_CHECK wane_status wane_base_svd_take(wane_base_svd **out, wane_matrix base,
                                               wane_spectrum_way way, size_t top,
                                               const char *folder, wane_pool *pool,
                                               wane_error *err);
/* All singular values of a leading base, for who draws nulls (null.h): at 4,096 x 4,096 a tenth of
 * its whole SVD. Nothing is to do where they are known. */
WANE_MUST_CHECK wane_status wane_base_svd_find_values(wane_base_svd *svd, wane_pool *pool,
                                                      wane_error *err);

/* The cache: one file per matrix, written atomically; load checks size, shape and checksum and
 * gives WANE_EFORMAT for anything else than what save wrote. */
WANE_MUST_CHECK wane_status wane_base_svd_save(const wane_base_svd *svd, const char *path,
                                               wane_error *err);
WANE_MUST_CHECK wane_status wane_base_svd_load(wane_base_svd **out, const char *path,
                                               wane_error *err);
/* The spectrum of `base` from the cache in `folder` (which must be there), or computed and put
 * there. The file is named by the values; one that is damaged is written anew. */
WANE_MUST_CHECK wane_status wane_base_svd_cached(wane_base_svd **out, wane_matrix base,
                                                 const char *folder, wane_error *err);
/* What was loaded or is cached lies in a map of its file: the memory that it has come to is given
 * back, and read again when somebody looks. Others, and NULL, are left as they are. */
void wane_base_svd_let_go(const wane_base_svd *svd);
/* Whether a file in such a folder has the form of these names. */
bool wane_base_svd_named(const char *name);

typedef enum wane_side { WANE_SIDE_U, WANE_SIDE_V } wane_side;

/* Which directions of W exist: those with sigma_j > floor (strict),
 *   floor = max( max(rows, cols) eps_fp32 sigma_1(W), (sqrt rows + sqrt cols) rounding ),
 * sigma_1 of the tuned weight itself and `rounding` the root mean square error that rounding to 16
 * bits has left in a number of its file (0 where it is exact). The first term is what fp32 leaves
 * of nothing, the second the expected spectral norm of that much noise (Vershynin, arXiv
 * 1011.3027). A direction at or below it is an accident of the arithmetic: all of its numbers but
 * sigma are NaN. The base's directions are those of wane_base_svd, by its own sigma_1.
 *
 * Clusters: runs of base directions whose first and last sigma differ by at most 1e-3 of the first
 * or by at most 2 floors (of the base: with sigma_1(W_0), and the rounding of both files); they may
 * overlap. Inside one any small change turns the vectors at will, so that no single cosine says
 * what became of them; the projection on the whole cluster does. A direction near no other is a
 * cluster of one. It is the width that is bounded and not the gap between neighbours: from some
 * hundred directions on gaps of 1e-3 are the rule, and a chain of them would be most of a weight.
 *
 * Singular direction `position` (from 1) of the tuned weight, on one side.
 *
 * Bounded (against the leading triplets of a base): max_cosine is `low` and cluster_overlap is the
 * bound from above of what the name says, so that judging by them is never wrong, but leaves more
 * unresolved; span and subspace_overlap are NaN, argmax 0. */
typedef struct wane_direction {
    double sigma;
    double max_cosine; /* max_i |<direction, base direction i>|; NaN where it does not exist */
    double low, high;  /* it lies between; both are max_cosine where that is exact */
    double span;       /* squared norm of its projection on the base directions, in [0, 1] */
    double subspace_overlap; /* max_i sqrt(sum over |l - i| <= 3 of <direction, x_l>^2) */
    double
        cluster_overlap; /* max over clusters of sqrt(sum of <direction, x_l>^2), >= max_cosine */
    size_t argmax;       /* i of max_cosine, from 1; 0 when there is no base direction, or it does
                            not exist */
    size_t steps; /* of the bidiagonalisation that bounded it; 0: the known triplets were enough,
                     or exact */
} wane_direction;

typedef struct wane_spectrum {
    size_t count;            /* directions per side: min(top, min(rows, cols)) */
    bool changed;            /* W != W_0; where not, its directions are the base's, max_cosine 1 */
    bool bounded;            /* max_cosine is: see wane_direction */
    double floor;            /* of W; NaN without directions */
    wane_direction *side[2]; /* [WANE_SIDE_U], [WANE_SIDE_V]; NULL when not asked for */
    double *u, *v;           /* under options.vectors: the singular vectors, rows x count and cols x
                                      count, column-major, paired (W v_j = sigma_j u_j); else NULL */
    double base_frobenius, base_spectral;
    double delta_frobenius, delta_spectral; /* of W - W_0 */
    double relative_update;                 /* delta_frobenius / base_frobenius; NaN when W_0 = 0 */
    double effective_rank; /* of W - W_0: exp(-sum p ln p), p = s / sum s (Roy & Vetterli 2007);
                              NaN when W = W_0 */
    double stable_rank;    /* delta_frobenius^2 / delta_spectral^2; NaN when W = W_0 */
    double top_share;      /* s_1^2 / sum s^2 of W - W_0; NaN when W = W_0 */
    double rho;            /* ||U_k^T dW V_k||_F^2 / ||dW||_F^2, k = min(10, count of base); NaN
                              when W = W_0 or k = 0 */
    void *memory;
} wane_spectrum;

enum { WANE_USUAL_EPSILONS = 11 }; /* .1, .2, ... .9 and .05 on both sides of .5 */
extern const double wane_usual_epsilons[WANE_USUAL_EPSILONS];

typedef struct wane_spectrum_options {
    size_t top;   /* directions per side; 0 = all */
    bool u, v;    /* which sides */
    bool vectors; /* also the vectors themselves */
    bool dense;   /* force the dense method (LAPACK SVD of the tuned weight), the judge */
    bool scan;    /* full only: leave out what needs all singular values of W - W_0, that is
                     delta_spectral, effective_rank, stable_rank and top_share (NaN then) */
    /* Root mean square error of a number of the tuned and of the base's file by rounding to 16
     * bits; 0 where it is exact, or was not rounded between W_0 and W. */
    double rounding, base_rounding;
    /* Bounded: steps go on until all is decided at each of these; none: at the usual ones. */
    const double *epsilon;
    size_t epsilons;
} wane_spectrum_options;

/* Which method runs depends on the base's kind, the shape, the rank and `top` alone; where a fast
 * method cannot prove its answer complete (repeated singular values, a weight of low rank) the
 * dense one takes over, and the answer is exact. Directions whose sigma is equal to another are not
 * unique, by any method. Of a weight given whole, where the base is not: effective_rank is NaN, and
 * delta_spectral comes from the first triplet of W - W_0 alone, never too great, and too small by
 * 1e-6 of it where the gap below it is 5e-5 of it, by less where that is more (the error goes with
 * the square of the residual), by 2e-5 at most; NaN, with stable_rank and top_share, where that
 * triplet is not found.
 */

/* W = W_0 + sum of the terms, exactly (in core space, products cost O((rows + cols) R), R the
 * summed rank). Equal to the dense method within rounding where relative gaps of sigma allow.
 * `count` may be 0: then W = W_0. A model that merged the terms stored their sum rounded to fp32,
 * so its weight differs from this W by about 1e-7 of each element. WANE_ENUMERIC for factors that
 * are not finite; WANE_EINVAL for no factors or ranks beyond 20,000 in all. */
WANE_MUST_CHECK wane_status wane_spectrum_lowrank(wane_spectrum *out, const wane_base_svd *base,
                                                  const wane_lowrank_term *terms, size_t count,
                                                  const wane_spectrum_options *options,
                                                  wane_pool *pool, wane_error *err);

/* W given whole, of the base's shape (else WANE_EINVAL), finite (else WANE_ENUMERIC). */
WANE_MUST_CHECK wane_status wane_spectrum_full(wane_spectrum *out, const wane_base_svd *base,
                                               wane_matrix tuned,
                                               const wane_spectrum_options *options,
                                               wane_pool *pool, wane_error *err);
void wane_spectrum_free(wane_spectrum *spectrum); /* {0} allowed */

/* Many weights at once, one a thread; each answer has the bits that the calls above give it. */
typedef struct wane_spectrum_case {
    const wane_base_svd *base;
    const wane_lowrank_term *terms; /* count of them; NULL: `tuned` is given whole */
    size_t count;
    wane_matrix tuned;
    wane_spectrum spectrum; /* the answer; free with wane_spectrum_free */
} wane_spectrum_case;
/* On failure, of the first case that fails, no answer is left. */
WANE_MUST_CHECK wane_status wane_spectrum_many(wane_spectrum_case *cases, size_t count,
                                               const wane_spectrum_options *options,
                                               wane_pool *pool, wane_error *err);

/* out (size x size, row-major): |<base direction i, direction j>| of one side of a spectrum with
 * vectors. WANE_EINVAL when base or spectrum has fewer than `size` directions. */
WANE_MUST_CHECK wane_status wane_spectrum_overlap(double *out, size_t size,
                                                  const wane_base_svd *base,
                                                  const wane_spectrum *spectrum, wane_side side,
                                                  wane_error *err);

/* What a direction is at an epsilon in (0, 1]. */
typedef enum wane_direction_kind {
    WANE_DIRECTION_ABSENT,     /* does not exist */
    WANE_DIRECTION_OF_BASE,    /* max_cosine >= epsilon */
    WANE_DIRECTION_UNRESOLVED, /* max_cosine < epsilon <= cluster_overlap: in neither side */
    WANE_DIRECTION_INTRUDER    /* max_cosine <= cluster_overlap < epsilon */
} wane_direction_kind;
wane_direction_kind wane_direction_judge(const wane_direction *direction, double epsilon);

/* Of the first k directions; sums of sigma^2 over the intruders and over all that exist. */
typedef struct wane_intruder_tally {
    size_t existing, unresolved, intruders;
    double intruder_energy, energy;
} wane_intruder_tally;
wane_intruder_tally wane_intruder_tally_up(const wane_direction *directions, size_t count, size_t k,
                                           double epsilon);
/* Its intruders. */
size_t wane_intruder_count(const wane_direction *directions, size_t count, size_t k,
                           double epsilon);

#endif
