/* SPDX-License-Identifier: Apache-2.0
 * Which tensors of two checkpoints are one another's: the names that are matched, without buffers,
 * and with the matrix that a model ties found under either of its names. For checkpoint.c and
 * checkpoint_claims.c alone.
 */
#ifndef EVAL_PAIR_CHECKPOINT_PLACES_H
#define EVAL_PAIR_CHECKPOINT_PLACES_H

#include "eval/pair/checkpoint.h"

/* A name, and the tensor it stands for by its number in the checkpoint. */
typedef struct wane_checkpoint_place {
    const char *name;
    size_t index;
} wane_checkpoint_place;

typedef struct wane_checkpoint_places {
    wane_checkpoint_place *list; /* in the order of names, with room for one more */
    size_t count;
} wane_checkpoint_places;

/* All of a checkpoint but what its modules keep beside their weights and compute anew: rotary
 * tables, masks, position ids and other tensors of whole numbers. Of an adapter its update's
 * tensors. */
WANE_MUST_CHECK wane_status wane_places_find(wane_checkpoint_places *out,
                                             const wane_checkpoint *checkpoint, wane_arena *arena,
                                             wane_error *err);

/* Where either config.json ties the head to the embedding, both sides name that matrix alike
 * afterwards: one that a side keeps once, or twice with equal values, is one tensor; where the
 * other side has two that differ, it stands for both. *note says so for a page, or is NULL. */
WANE_MUST_CHECK wane_status wane_places_tie(wane_checkpoint_places *base,
                                            wane_checkpoint_places *tuned, const char **note,
                                            const wane_comparison *comparison, wane_error *err);

/* The tensor under the other of the two names that a tied matrix goes by ("transformer.wte.weight"
 * for "lm_head.weight"); NULL where none or several end so. */
const wane_tensor *wane_places_other_end(const wane_tensors *tensors, const char *name);

#endif
