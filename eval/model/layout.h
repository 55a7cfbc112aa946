/* SPDX-License-Identifier: Apache-2.0
 * Where the parameters of a layer stand in the table. For this room alone.
 */
#ifndef EVAL_MODEL_LAYOUT_H
#define EVAL_MODEL_LAYOUT_H

#include <limits.h>
#include <stddef.h>

#include "eval/model/model.h"

enum { WANE_ALIGN_FLOATS = 16 };

/* No parameter of that kind in this configuration. */
#define WANE_ABSENT SIZE_MAX

/* The seven linear weights of a layer, in the order of the table. */
typedef enum wane_slot {
    WANE_SLOT_Q,
    WANE_SLOT_K,
    WANE_SLOT_V,
    WANE_SLOT_O,
    WANE_SLOT_GATE,
    WANE_SLOT_UP,
    WANE_SLOT_DOWN,
    WANE_SLOTS
} wane_slot;

/* Indices into the table. */
typedef struct wane_layer_index {
    size_t norm1, norm2;
    size_t weight[WANE_SLOTS], bias[WANE_SLOTS]; /* bias: WANE_ABSENT without one */
} wane_layer_index;

wane_layer_index wane_layer_layout(const wane_config *config, size_t layer);
size_t wane_final_norm(const wane_config *config);
size_t wane_head(const wane_config *config); /* the embedding (0) when tied */

/* Outputs and inputs of a linear weight. */
size_t wane_slot_rows(const wane_config *config, wane_slot slot);
size_t wane_slot_cols(const wane_config *config, wane_slot slot);

#endif
