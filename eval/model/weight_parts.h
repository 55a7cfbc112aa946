/* SPDX-License-Identifier: Apache-2.0
 * The parts of a weight that is several in one: queries, keys and values, gate and up. The one
 * place that says which rows are whose.
 */
#ifndef EVAL_MODEL_WEIGHT_PARTS_H
#define EVAL_MODEL_WEIGHT_PARTS_H

#include "eval/model/model.h"
#include "store/base/matrix.h"

/* Rows of the whole weight (outputs x inputs): `run` of them from first, from first + stride, and
 * so on, `rows` in all, in the order that a model which keeps them apart has them in. */
typedef struct wane_weight_part {
    const char *name; /* "q", "k", "v"; "gate", "up": a constant */
    size_t rows, first, run, stride;
} wane_weight_part;

/* Fills in the parts of a weight of that role and returns how many; 0: it is one. */
enum { WANE_WEIGHT_PARTS = 3 };
size_t wane_weight_parts(wane_weight_part out[WANE_WEIGHT_PARTS], const wane_config *config,
                         wane_role role);

/* Where row `row` of the part stands in the whole. */
size_t wane_weight_part_row(const wane_weight_part *part, size_t row);

/* The part's rows of a matrix with as many rows as the whole and `cols` columns: of a weight, or of
 * the factor B of a change B A, whose part is (rows of B) A. `out` has room for part->rows x cols.
 */
void wane_weight_part_gather(float *out, const wane_weight_part *part, const float *whole,
                             size_t cols);

/* "transformer.h.0.attn.c_attn.weight[q]": no module's or tensor's own name has a bracket. */
enum { WANE_WEIGHT_PART_NAME = WANE_TENSOR_NAME + 8 };
void wane_weight_part_name(char out[WANE_WEIGHT_PART_NAME], const char *whole,
                           const wane_weight_part *part);

#endif
