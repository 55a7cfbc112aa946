/* SPDX-License-Identifier: Apache-2.0
 * Weights and changes of weights of many kinds, made from a seed, for judging spectra.
 */
#ifndef TESTS_NUMERIC_SPECTRA_WEIGHTS_H
#define TESTS_NUMERIC_SPECTRA_WEIGHTS_H

#include <stdint.h>

#include "analysis/spectra/spectrum.h"

/* What the singular values of a made-up base are like. */
typedef struct weight_family {
    const char *name;
    double (*sigma)(size_t i, size_t count); /* NULL: independent normal numbers */
    bool scaled; /* rows and columns by factors between a third and three */
} weight_family;
extern const weight_family weight_families[];
enum { WEIGHT_FAMILIES = 11 };

/* rows x cols, row-major; free with wane_free. */
float *weight_make(const weight_family *family, size_t rows, size_t cols, uint64_t seed);

/* A change: a term, or the tuned weight whole (term.rank 0); `rounding` as of
 * wane_spectrum_options. */
typedef struct weight_change {
    wane_lowrank_term term;
    float *b, *a, *tuned;
    double rounding;
} weight_change;

/* A base, and its SVD, whole. */
typedef struct weight_base {
    wane_matrix weight;
    const wane_base_svd *svd;
} weight_base;

/* `make` leaves *out as it is where the weight is too small for the kind. */
typedef struct weight_change_kind {
    const char *name;
    void (*make)(weight_change *out, const weight_base *base, size_t rank, uint64_t seed);
    size_t rank;
} weight_change_kind;
extern const weight_change_kind weight_changes[];
enum { WEIGHT_CHANGES = 11 };
void weight_change_free(weight_change *change); /* {0} allowed */

#endif
