/* SPDX-License-Identifier: Apache-2.0
 * The points of a correlation, sorted into blocks that change places as a whole. For this room
 * alone.
 */
#ifndef ANALYSIS_STATISTICS_SAMPLE_H
#define ANALYSIS_STATISTICS_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/statistics/correlation.h"
#include "analysis/statistics/design.h"
#include "store/base/status.h"

enum { WANE_COEFFICIENTS = 4 }; /* in the order of wane_coefficient's names */

typedef struct wane_axis {
    double *values;
    uint32_t *codes; /* of the values, as in ranks.h */
    size_t distinct;
} wane_axis;

/* n points. Block b holds points start[b] .. start[b + 1] - 1, in the order of their cells; blocks
 * first[g] .. first[g + 1] - 1 form group g, have the same cells and may change places. */
typedef struct wane_sample {
    size_t n, blocks, groups;
    wane_axis x, y;
    wane_design_factor *z; /* the covariates */
    size_t z_count;
    bool z_missing; /* some value is, and codes are not there */
    size_t *start, *first;
    uint32_t *run; /* per point, rising: the run it belongs to */
    size_t dropped_blocks, dropped_points;
} wane_sample;

/* Owned by the caller, freed with wane_sample_free. */
WANE_MUST_CHECK wane_status wane_sample_make(wane_sample *out, const wane_point *points,
                                             size_t count, const wane_correlation_options *options,
                                             wane_error *err);
void wane_sample_free(wane_sample *sample);

/* Scratch for the coefficients of up to `capacity` points. */
typedef struct wane_workspace {
    double *x, *y, *rank_x, *rank_y;
    uint32_t *code_x, *code_y, *order, *tree;
    size_t *counts;
    void *block;
    wane_design_factor
        *z; /* with codes of their own; NULL when there are none or some value is missing */
    size_t z_count;
    wane_design design;
} wane_workspace;

/* Enough for any `blocks` blocks of the sample. Freed with wane_workspace_free. */
WANE_MUST_CHECK wane_status wane_workspace_make(wane_workspace *out, const wane_sample *sample,
                                                wane_error *err);
void wane_workspace_free(wane_workspace *workspace);

/* The coefficients of the points of `count` blocks (one may come several times), ranks taken anew;
 * NaN where undefined. reasons (may be NULL) are set as in wane_coefficient. */
void wane_sample_coefficients(double values[WANE_COEFFICIENTS],
                              const char *reasons[WANE_COEFFICIENTS], const wane_sample *sample,
                              const size_t *blocks, size_t count, wane_workspace *workspace);

/* permutation.c: fills p, p_method, p_reason of the coefficients that have a value, and
 * permutations, p_min, null_mean of *out. */
WANE_MUST_CHECK wane_status wane_permute(wane_correlation *out, const wane_sample *sample,
                                         const wane_correlation_options *options, wane_error *err);

/* bootstrap.c: fills low, high, interval_reason of the coefficients that have a value. */
WANE_MUST_CHECK wane_status wane_bootstrap(wane_correlation *out, const wane_sample *sample,
                                           const wane_correlation_options *options,
                                           wane_error *err);

/* The 95% BCa interval of `value` from `count` resampled values (sorted in place; NaN among them
 * are left out, at most a tenth) and `blocks` leave-one-out values. Returns NULL or
 * "degenerate_resamples", with NaN ends. */
const char *wane_bca(double *low, double *high, double value, double *resampled, size_t count,
                     const double *left_out, size_t blocks);

#endif
