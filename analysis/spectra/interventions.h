/* SPDX-License-Identifier: Apache-2.0
 * Interventions: a tuned weight changed along its intruder dimensions, and the arms that compare.
 *
 * W = W_0 + dW with triplets (u_j, sigma_j, v_j); I = the first intruder among the top k ("top",
 * the paper's) or all of them ("all", peft's), by wane_direction_judge: directions that do not
 * exist or are unresolved are neither intruders nor others; lambda >= 0 is what the intruders are
 * multiplied by.
 * Norms are Frobenius. W_a = W + (lambda - 1) sum_I u sigma v^T, D_a = W_a - W_0. The arms give
 *   intruders  W_a
 *   neighbour  W + (lambda - 1) sum_J u sigma v^T: for each intruder, in order of sigma, the
 *              non-intruder nearest in sigma among the stored directions that no other has taken
 *              (ties: the larger sigma); not norm-matched
 *   shrink     W_0 + dW ||D_a|| / ||dW||: the norm of W_a without its geometry
 *   rescale    W_0 + D_a ||dW|| / ||D_a||: its geometry without the smaller norm
 *   energy     W_0 + dW - c N, N = (I - U_I U_I^T) dW (I - V_I V_I^T), E = ||dW||^2 - ||D_a||^2,
 *              c = 1 - sqrt(1 - E / ||N||^2): as much energy taken from what is no intruder
 * Every arm is W + a dW + L R^T with few columns in L and R, so that a low-rank dW stays low-rank:
 * its terms times 1 + a, and one more term. At lambda = 1 every arm that exists is W itself.
 * Source: "Illusion of Equivalence" (arXiv 2410.21228), section 5; the controls are wane's.
 */
#ifndef ANALYSIS_SPECTRA_INTERVENTIONS_H
#define ANALYSIS_SPECTRA_INTERVENTIONS_H

#include "analysis/spectra/spectrum.h"

/* The names of arms stand here and nowhere else; the first, and those behind it. */
#define WANE_ARM_LIST(FIRST, NEXT)                                                                 \
    FIRST(INTRUDERS, "intruders")                                                                  \
    NEXT(NEIGHBOUR, "neighbour")                                                                   \
    NEXT(SHRINK, "shrink")                                                                         \
    NEXT(RESCALE, "rescale")                                                                       \
    NEXT(ENERGY, "energy")

#define WANE_ARM_NUMBER(id, name) WANE_ARM_##id,
typedef enum wane_arm { WANE_ARM_LIST(WANE_ARM_NUMBER, WANE_ARM_NUMBER) } wane_arm;
#define WANE_ARM_COUNT(id, name) +1
enum { WANE_ARMS = WANE_ARM_LIST(WANE_ARM_COUNT, WANE_ARM_COUNT) };

/* "intruders, neighbour, ...", a constant that text goes on from; and each as an item of a list. */
#define WANE_ARM_FIRST_WORD(id, name) name
#define WANE_ARM_NEXT_WORD(id, name) ", " name
#define WANE_ARM_NAMES WANE_ARM_LIST(WANE_ARM_FIRST_WORD, WANE_ARM_NEXT_WORD)
#define WANE_ARM_ITEM(id, name) name,
#define WANE_ARM_ITEMS WANE_ARM_LIST(WANE_ARM_ITEM, WANE_ARM_ITEM)

typedef enum wane_choice { WANE_CHOICE_TOP, WANE_CHOICE_ALL } wane_choice;
enum { WANE_CHOICES = 2 };

const char *wane_arm_name(wane_arm arm);          /* "intruders", ... */
const char *wane_choice_name(wane_choice choice); /* "top", "all" */

/* Why an arm does not exist for a matrix. */
typedef enum wane_arm_state {
    WANE_ARM_EXISTS,
    WANE_ARM_NO_INTRUDER,  /* I is empty: the matrix is left as it is by every arm */
    WANE_ARM_NO_NEIGHBOUR, /* fewer stored non-intruders than intruders */
    WANE_ARM_VANISHED,     /* rescale: ||D_a|| < 1e-3 ||dW|| */
    WANE_ARM_UNREACHABLE   /* energy: E < 0 or E > ||N||^2 */
} wane_arm_state;
const char *wane_arm_state_name(wane_arm_state state); /* "exists", "no_intruder", ... */

typedef struct wane_scaling_options {
    size_t k;       /* intruders are looked for among the first k directions */
    double epsilon; /* max_cosine below it (strict) */
    wane_side side;
    size_t stored; /* neighbours among the first max(k, stored) directions; 0 = all */
    double rounding, base_rounding; /* as in wane_spectrum_options */
} wane_scaling_options;

/* What the interventions on one weight need, without the weight: the triplets of its intruders and
 * their neighbours and what dW does to them. Opaque. */
typedef struct wane_scaling wane_scaling;

/* For W = W_0 + the terms, and for W given whole; errors as wane_spectrum_lowrank and
 * wane_spectrum_full. Free with wane_scaling_free (NULL allowed). */
WANE_MUST_CHECK wane_status wane_scaling_lowrank(wane_scaling **out, const wane_base_svd *base,
                                                 const wane_lowrank_term *terms, size_t count,
                                                 const wane_scaling_options *options,
                                                 wane_pool *pool, wane_error *err);
WANE_MUST_CHECK wane_status wane_scaling_full(wane_scaling **out, const wane_base_svd *base,
                                              wane_matrix tuned,
                                              const wane_scaling_options *options, wane_pool *pool,
                                              wane_error *err);
void wane_scaling_free(wane_scaling *scaling);

/* |I|; 0 where dW = 0. */
size_t wane_scaling_intruders(const wane_scaling *scaling, wane_choice choice);
/* Unresolved directions among the first k, which no arm takes; whether max_cosine was bounded,
 * which may leave more of them. */
size_t wane_scaling_unresolved(const wane_scaling *scaling);
bool wane_scaling_is_bounded(const wane_scaling *scaling);
double wane_scaling_delta(const wane_scaling *scaling); /* ||dW|| */

/* Position (from 1) and sigma of intruder `number` < |I| (those of the top choice come first), and
 * of its neighbour; 0 and NaN where there is none. */
typedef struct wane_scaled_direction {
    size_t position, neighbour;
    double sigma, neighbour_sigma;
} wane_scaled_direction;
wane_scaled_direction wane_scaling_direction(const wane_scaling *scaling, size_t number);

/* One arm at one lambda (finite, >= 0) as numbers, W_arm = W + a dW + L R^T. Where it does not
 * exist, all but `state` is NaN or 0. */
typedef struct wane_intervention {
    wane_arm_state state;
    wane_arm arm;
    wane_choice choice;
    double lambda;
    double delta_scale;     /* a */
    size_t rank;            /* columns of L and R; 0 where W_arm = W + a dW */
    double factor;          /* on the columns of L */
    double delta_frobenius; /* ||D|| of the arm, D = W_arm - W_0 */
    double moved_frobenius; /* ||W_arm - W|| */
} wane_intervention;
wane_intervention wane_intervene(const wane_scaling *scaling, wane_choice choice, wane_arm arm,
                                 double lambda);

/* L (rows x rank) and R (cols x rank) of an intervention that exists, column-major. */
void wane_intervention_factors(double *left, double *right, const wane_scaling *scaling,
                               const wane_intervention *what);

/* weight (rows x cols, row-major without gaps, holding W) becomes W_arm; `base` is W_0 alike.
 * Computed in double, rounded once. */
WANE_MUST_CHECK wane_status wane_intervention_apply(float *weight, const float *base,
                                                    const wane_scaling *scaling,
                                                    const wane_intervention *what, wane_pool *pool,
                                                    wane_error *err);

#endif
