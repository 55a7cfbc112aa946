/* SPDX-License-Identifier: Apache-2.0
 * Which matrices of a comparison are several in one, and a part of one as a matrix of its own.
 */
#ifndef EVAL_PAIR_PARTS_OF_PAIR_H
#define EVAL_PAIR_PARTS_OF_PAIR_H

#include "eval/pair/matrix_of_pair.h"
#include "eval/pair/spectra_of_pair.h"

/* Fills in all->part and which of them are whose, by the base's config.json, else the tuned
 * checkpoint's: parts have those weights that are of an architecture which is computed, by name and
 * by shape. None where neither says so. */
WANE_MUST_CHECK wane_status wane_pair_parts_list(wane_pair_spectra *all,
                                                 const wane_comparison *comparison,
                                                 wane_error *err);

/* A part under way. Start with {0}, free with wane_part_of_pair_free. */
typedef struct wane_part_of_pair {
    wane_compared one;         /* as the whole, with the part's name and rows, and of an adapter: */
    wane_update_tensor update; /* with the part's rows of B */
    float *base, *tuned;       /* its rows; tuned: NULL where the whole has none */
    float *b;
    bool changed, base_finite, finite; /* as wane_matrix_of_pair has them */
} wane_part_of_pair;

/* Gathers the part's rows of `whole`, which was read of `one`. */
WANE_MUST_CHECK wane_status wane_part_of_pair_take(wane_part_of_pair *out,
                                                   const wane_part_spectrum *part,
                                                   const wane_compared *one,
                                                   const wane_matrix_of_pair *whole,
                                                   wane_error *err);
void wane_part_of_pair_free(wane_part_of_pair *part);

#endif
