/* SPDX-License-Identifier: Apache-2.0
 * What a loaded update owns, made and freed, and the values of its tensors, borrowed or widened.
 */
#include "store/files/update_memory.h"

#include <string.h>

wane_status wane_update_memory_new(wane_update_memory **out, wane_error *err)
{
    wane_update_memory *memory = wane_alloc(1, sizeof *memory);
    if (memory) memory->arena = wane_arena_new();
    if (!memory || !memory->arena) {
        wane_update_memory_free(memory);
        return wane_fail_memory(err, "read", "update");
    }
    *out = memory;
    return WANE_OK;
}

void wane_update_memory_free(wane_update_memory *memory)
{
    if (!memory) return;
    wane_tensors_close(memory->tensors);
    wane_peft_targets_free(memory->targets);
    wane_arena_free(memory->arena);
    wane_free(memory);
}

wane_status wane_update_memory_values(const float **out, wane_update_memory *memory,
                                      const wane_tensor *tensor, wane_error *err)
{
    const float *mapped = wane_tensors_floats(memory->tensors, tensor);
    if (mapped) {
        *out = mapped;
        return WANE_OK;
    }
    float *values = wane_arena_alloc(memory->arena, tensor->elements, sizeof *values);
    if (!values) return wane_fail_memory(err, "read", tensor->name);
    wane_status st = wane_tensors_read(memory->tensors, tensor, values, err);
    if (st == WANE_OK) *out = values;
    return st;
}

int wane_update_by_name(const void *left, const void *right)
{
    const wane_update_tensor *a = left, *b = right;
    return strcmp(a->name, b->name);
}
