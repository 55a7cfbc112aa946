/* SPDX-License-Identifier: Apache-2.0
 * A heap of merges that may be done: rank << 32 | position, the lowest rank first, of equal ones
 * the leftmost. For this room alone.
 */
#ifndef TASKS_TEXT_MERGE_HEAP_H
#define TASKS_TEXT_MERGE_HEAP_H

#include <stddef.h>
#include <stdint.h>

/* Puts the key at `at` where it belongs below. */
static inline void wane_heap_sink(uint64_t *heap, size_t count, size_t at)
{
    uint64_t key = heap[at];
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && heap[child + 1] < heap[child]) child++;
        if (heap[child] >= key) break;
        heap[at] = heap[child];
    }
    heap[at] = key;
}

/* Adds a key to a heap of `count`. */
static inline void wane_heap_push(uint64_t *heap, size_t count, uint64_t key)
{
    size_t at = count;
    for (; at && heap[(at - 1) / 2] > key; at = (at - 1) / 2) heap[at] = heap[(at - 1) / 2];
    heap[at] = key;
}

#endif
