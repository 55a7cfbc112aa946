/* SPDX-License-Identifier: Apache-2.0
 * How far each tensor of a comparison has moved, and which hold values that are not finite.
 */
#ifndef EVAL_PAIR_TENSOR_CHANGES_H
#define EVAL_PAIR_TENSOR_CHANGES_H

#include "eval/pair/checkpoint.h"
#include "store/base/threads.h"

/* One tensor of both sides. */
typedef struct wane_tensor_change {
    bool changed;
    size_t not_finite[2]; /* values of base and tuned (of an adapter: of its factors) that are NaN
                             or infinite; where there are any, the sums below are NaN */
    double base_square, delta_square; /* sums of squares of W_0 and of W - W_0 */
    double tuned_square; /* of W; NaN where the change is a low-rank term, W being nowhere whole */
    double floor;        /* wane_comparison_floor */
} wane_tensor_change;

/* Of a comparison, in its order. {0} allowed to free. */
typedef struct wane_tensor_changes {
    wane_tensor_change *list; /* one for each of comparison->list; owned */
    size_t not_finite;        /* tensors that hold such values */
} wane_tensor_changes;

WANE_MUST_CHECK wane_status wane_tensor_changes_find(wane_tensor_changes *out,
                                                     const wane_comparison *comparison,
                                                     wane_pool *pool, wane_error *err);
void wane_tensor_changes_free(wane_tensor_changes *changes);

/* WANE_ENUMERIC, "COMMAND: path: tensor NAME: ...", naming the first that is not finite; else OK.
 */
WANE_MUST_CHECK wane_status wane_tensor_changes_finite(const wane_tensor_changes *changes,
                                                       const wane_comparison *comparison,
                                                       const char *command, wane_error *err);
/* Lines that name them, at most `most` tensors and how many more; nothing where all are finite. */
void wane_tensor_changes_write_not_finite(wane_text *out, const wane_tensor_changes *changes,
                                          const wane_comparison *comparison, size_t most);
/* "not_finite": [{"name": ..., "base": 1, "tuned": 0}, ...] */
void wane_tensor_changes_write_not_finite_json(wane_text *out, const wane_tensor_changes *changes,
                                               const wane_comparison *comparison);

#endif
