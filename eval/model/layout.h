/* SPDX-License-Identifier: Apache-2.0
 * Where the parameters of a model stand in its table, and when in a pass they are used. For this
 * room alone.
 */
#ifndef EVAL_MODEL_LAYOUT_H
#define EVAL_MODEL_LAYOUT_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "eval/model/architecture.h"
#include "eval/model/model.h"

enum { WANE_ALIGN_FLOATS = 16 };

/* No parameter of that kind in this configuration. */
#define WANE_ABSENT SIZE_MAX

/* Indices into the table: of a layer's places, or of those outside the layers; WANE_ABSENT where
 * there is none. */
typedef struct wane_layer_index {
    size_t weight[WANE_PLACES], bias[WANE_PLACES];
} wane_layer_index;

struct wane_places {
    const wane_architecture *architecture;
    wane_layer_index outside, *layer; /* layer: one of each */
    char embedding[96], head[96];     /* names; the head's of a tied model too */
};

/* Whether a layer has a tensor at that place. */
bool wane_has(const wane_parameters *parameters, wane_place place);
/* Numbers that the MLP's first product gives for a token: gate and up, or up alone. */
size_t wane_expanded(const wane_config *config, const wane_parameters *parameters);

/* The full name of a row's tensor in files, of one layer where it is one of layers. */
void wane_row_name(char out[96], const wane_tensor_row *row, size_t layer);

/* The head's weight: the embedding when tied. */
size_t wane_head(const wane_parameters *parameters);

/* Outputs and inputs of a weight at a place; a vector (norm) has one input. */
size_t wane_place_rows(const wane_config *config, wane_place place);
size_t wane_place_cols(const wane_config *config, wane_place place);

/* When a parameter is used, as a number that rises through a pass: first the embedding, then layer
 * by layer, at last the final norm and the head. On the way back a step is done only if something
 * at or before it is trained. wane_parameter has it as `step`. */
size_t wane_pass_step(const wane_config *config, size_t layer, wane_place place);

#endif
