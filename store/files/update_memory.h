/* SPDX-License-Identifier: Apache-2.0
 * What a loaded update owns. For this room alone.
 */
#ifndef STORE_FILES_UPDATE_MEMORY_H
#define STORE_FILES_UPDATE_MEMORY_H

#include "store/base/memory.h"
#include "store/base/status.h"
#include "store/files/peft.h"
#include "store/files/safetensors.h"

typedef struct wane_update_memory {
    wane_arena *arena;          /* names, lists, widened values */
    wane_tensors *tensors;      /* what fp32 values are borrowed from */
    wane_peft_targets *targets; /* of an adapter */
} wane_update_memory;

WANE_MUST_CHECK wane_status wane_update_memory_new(wane_update_memory **out, wane_error *err);
void wane_update_memory_free(wane_update_memory *memory); /* NULL allowed */

/* The values of a tensor as fp32: borrowed from the map when they lie there so, else widened. */
WANE_MUST_CHECK wane_status wane_update_memory_values(const float **out, wane_update_memory *memory,
                                                      const wane_tensor *tensor, wane_error *err);

/* Order of two wane_update_tensor by name, for qsort. */
int wane_update_by_name(const void *left, const void *right);

#endif
