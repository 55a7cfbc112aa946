/* SPDX-License-Identifier: Apache-2.0
 * The regression on covariates that a partial correlation takes out: an orthonormal basis of what
 * they span beside the intercept. For this room alone.
 */
#ifndef ANALYSIS_STATISTICS_DESIGN_H
#define ANALYSIS_STATISTICS_DESIGN_H

#include <stddef.h>
#include <stdint.h>

#include "analysis/statistics/correlation.h"
#include "store/base/status.h"

/* One covariate: the codes (ranks.h) of its values at the points. */
typedef struct wane_design_factor {
    wane_covariate_kind kind;
    uint32_t *codes;
    size_t distinct;
} wane_design_factor;

/* The category with the most levels is taken out by the means of its groups; the other columns,
 * each less those means, by a basis that Gram and Schmidt's method makes, twice over. A column that
 * the ones before it determine (to 1e-13 of its square) adds nothing and is left out. */
typedef struct wane_design {
    size_t n, room;        /* points now and at most */
    size_t columns;        /* of the basis */
    size_t groups;         /* levels of the category taken out by means; 1 without one */
    size_t degrees;        /* independent columns of the covariates beside the intercept */
    const uint32_t *group; /* per point, or NULL */
    double *size, *sum;    /* groups */
    double *basis, *ranks; /* columns x room; room */
    size_t *counts;
} wane_design;

enum { WANE_MOST_COLUMNS = 256 };

/* Room for `room` points with these covariates (each code below its `distinct`). WANE_EINVAL beyond
 * WANE_MOST_COLUMNS columns of the basis. Freed with wane_design_free. */
WANE_MUST_CHECK wane_status wane_design_make(wane_design *out, const wane_design_factor *factors,
                                             size_t count, size_t room, wane_error *err);
void wane_design_free(wane_design *design);

/* Takes up n points, with codes as they are now in `factors` (borrowed until the next call);
 * quantities are ranked anew. NULL, "constant_z" when no covariate varies, or "too_few_points" when
 * fewer than two degrees of freedom would be left (n - 1 - degrees < 2). */
const char *wane_design_set(wane_design *design, const wane_design_factor *factors, size_t count,
                            size_t n);

/* residuals = v less what intercept and covariates explain of it. NULL, or "collinear_z" when that
 * is all of it. */
const char *wane_design_residuals(double *residuals, const wane_design *design, const double *v);

/* The squared length of the part of v (of mean 0) that the covariates explain. */
double wane_design_explained(const wane_design *design, const double *v);

#endif
