/* SPDX-License-Identifier: Apache-2.0
 * The types that the tensors of a checkpoint have in its files. For checkpoint.c alone.
 */
#ifndef EVAL_PAIR_CHECKPOINT_TYPES_H
#define EVAL_PAIR_CHECKPOINT_TYPES_H

#include "eval/pair/checkpoint.h"

/* Sets `type`, `rounded` and `quantized` of a checkpoint whose tensors are open. */
WANE_MUST_CHECK wane_status wane_checkpoint_find_types(wane_checkpoint *checkpoint,
                                                       wane_arena *arena, wane_error *err);

#endif
