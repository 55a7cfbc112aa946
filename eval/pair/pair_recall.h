/* SPDX-License-Identifier: Apache-2.0
 * Spectra of a pair read back from the cell they are kept in. For this room alone.
 */
#ifndef EVAL_PAIR_PAIR_RECALL_H
#define EVAL_PAIR_PAIR_RECALL_H

#include "eval/pair/spectra_of_pair.h"
#include "store/results/results.h"

/* One matrix in the cell. */
typedef struct wane_kept_matrix {
    int64_t id;
    char *name; /* owned */
    bool bounded, not_finite;
    size_t directions; /* of each side, the fewer */
} wane_kept_matrix;

/* The spectra of a sealed stage against the base. Free with wane_kept_free ({0} allowed). */
typedef struct wane_kept {
    size_t count;
    wane_kept_matrix *list; /* in the comparison's order; owned */
    char settings[WANE_SHA256_HEX];
    bool whole; /* its rows are those that were sealed */
} wane_kept;

/* None where there is no such cell. */
WANE_MUST_CHECK wane_status wane_kept_read(wane_kept *out, wane_results *db, int64_t stage,
                                           wane_error *err);
void wane_kept_free(wane_kept *kept);

/* The spectrum of one of them, `top` directions per side of it at most; what belongs to the
 * question (counts, nulls, energy) is left alone. WANE_EFORMAT for a row that is not there. */
WANE_MUST_CHECK wane_status wane_kept_recall(wane_matrix_spectrum *out, wane_results *db,
                                             int64_t stage, int64_t matrix, size_t top,
                                             wane_error *err);

#endif
